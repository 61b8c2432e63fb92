"""The rules are told in memory, but for the modules that say `stored`: those tell their stories on a real log."""

from __future__ import annotations

import pytest

from ledger.domain.terms import Terms
from tests.conftest import Tell
from tests.given import Story


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Tell:
    """As many stories as a test needs."""
    if request.node.get_closest_marker("stored"):
        on_log: Tell = request.getfixturevalue("tell_on_log")
        return on_log

    def begin(*terms: Terms, clock: str = "played") -> Story:
        return Story(None, *terms, clock=clock)

    return begin
