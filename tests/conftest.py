"""What every test may ask for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Protocol

import pytest
import structlog

from ledger.domain.terms import Terms
from tests.given import Story

_TESTS = Path(__file__).parent


class Tell(Protocol):
    """Begins a story on a log of its own, with terms of its own beside those that come with the ledger."""

    def __call__(self, *terms: Terms, clock: str = "played") -> Story: ...


@pytest.fixture
def tell(tmp_path: Path) -> Iterator[Tell]:
    """As many stories as a test needs."""
    with ExitStack() as open_stories:
        count = 0

        def begin(*terms: Terms, clock: str = "played") -> Story:
            nonlocal count
            count += 1
            folder = tmp_path / str(count)
            folder.mkdir()
            return open_stories.enter_context(closing(Story(folder, *terms, clock=clock)))

        yield begin


@pytest.fixture
def story(tell: Tell) -> Story:
    """A story with the terms that come with the ledger."""
    return tell()


@pytest.fixture(autouse=True)
def log_of_its_own() -> Iterator[None]:
    """What a test makes of the log's lines ends with it: a verb that ran in it has written them to its own output."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what needs a broker, so that it can be left out: `-m "not kafka"`."""
    for item in items:
        needs_broker = "kafka_servers" in getattr(item, "fixturenames", ())
        if needs_broker or {"kafka", "local", "docker"} & set(item.path.relative_to(_TESTS).parts):
            item.add_marker("kafka")
