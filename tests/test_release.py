from __future__ import annotations

from importlib.metadata import version

from ledger.release import RELEASE


def test_the_package_and_the_code_say_the_same() -> None:
    """The image holds the code without the package: what a log's first event says must not depend on it."""
    assert version("pulsa-ledger") == RELEASE
