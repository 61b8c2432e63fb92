"""What every test may ask for."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Protocol

import pytest
import structlog
from hypothesis import is_hypothesis_test

from ledger.domain.terms import Terms
from ledger.entrypoints.collecting import collect_rarely
from tests.client_sockets import tell_apart
from tests.given import Story
from tests.often import SEED, repeated_by
from tests.order import place

_TESTS = Path(__file__).parent


class Tell(Protocol):
    """Begins a story on a log of its own, with terms of its own beside those that come with the ledger."""

    def __call__(self, *terms: Terms, clock: str = "played") -> Story: ...


@pytest.fixture
def tell(tell_on_log: Tell) -> Tell:
    """As many stories as a test needs."""
    return tell_on_log


@pytest.fixture
def tell_on_log(tmp_path: Path) -> Iterator[Tell]:
    """Stories on real logs, each in a folder of its own."""
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


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> random.Random:
    """Chance for one test: from the run's seed, and unlike that of the tests beside it."""
    return random.Random(f"{SEED} {request.node.nodeid}")


def pytest_collection_finish() -> None:
    """Tells sockets of Kafka's client apart, where a test has imported it."""
    if "kafka" in sys.modules:
        tell_apart()


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Hands the run's seed to hypothesis, unless it was given one; looks for cycles as rarely as `pulsa` does."""
    collect_rarely()
    if config.option.hypothesis_seed is None:
        config.option.hypothesis_seed = str(SEED)


def pytest_xdist_auto_num_workers() -> int:
    """How many test with `-n auto`: three a core, for whoever tests with a broker mostly waits."""
    return 3 * len(os.sched_getaffinity(0))


def pytest_report_header() -> str:
    return f"left to chance: {repeated_by()}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says again, beneath what failed, how the run is repeated."""
    if terminalreporter.stats.keys() & {"failed", "error"}:
        terminalreporter.write_line(f"what is left to chance, once more: {repeated_by()} make test")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the longest files first; marks what needs a broker (`-m "not kafka"`), and what takes from chance."""
    items.sort(key=lambda item: place(item.path))
    for item in items:
        needs = set(getattr(item, "fixturenames", ()))
        if "kafka_servers" in needs or {"kafka", "local", "docker"} & set(
            item.path.relative_to(_TESTS).parts
        ):
            item.add_marker("kafka")
        if "chance" in needs or is_hypothesis_test(getattr(item, "obj", None)):
            item.add_marker("chance")
