"""A dry run tells what the real run then does: the same outcomes, refusals and events; and it writes nothing."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.application.outcomes import Outcome
from ledger.domain.commands import Command
from ledger.domain.events import Event
from ledger.errors import SettingsInvalid
from ledger.store.reading import SqliteReader
from ledger.wiring.composition import opened
from ledger.wiring.rehearsal import rehearsed
from ledger.wiring.settings import Settings
from tests.given import TELKOMSEL
from tests.often import often
from tests.projections.histories import Step, commands, steps


def settings_of(folder: str | Path) -> Settings:
    return Settings(log=Path(folder) / "log.db", clock="played")


def executed(log: Any, some: list[Command]) -> tuple[list[Outcome], list[Event]]:
    """What becomes of commands one by one, and every event of the log then."""
    ledger = log.writer()
    outcomes = [outcome for command in some for outcome in ledger.execute([command])]
    with SqliteReader(log.settings.log).snapshot() as snapshot:
        return outcomes, [(found.ordinal, found.digest) for found in snapshot.events()]  # type: ignore[misc]


def own_terms(history: list[Step]) -> list[Command]:
    """The commands of a history under terms that come with the ledger."""
    return [
        c if getattr(c, "terms", "") != "quick" else c.__class__(**{**fields(c), "terms": TELKOMSEL})
        for c in commands(history)
    ]


def fields(command: Any) -> dict[str, Any]:
    return {name: getattr(command, name) for name in command.__struct_fields__}


@often(15)
@given(steps(), st.integers(0, 30))
def test_a_dry_run_brings_about_what_the_run_does(history: list[Step], done: int) -> None:
    played = own_terms(history)
    with TemporaryDirectory() as folder:
        settings = settings_of(folder)
        with opened(settings) as log:
            executed(log, played[:done])
        before = settings.log.read_bytes()
        with rehearsed(settings) as log:
            tried = executed(log, played[done:])
        assert settings.log.read_bytes() == before
        with opened(settings) as log:
            assert executed(log, played[done:]) == tried


def test_a_dry_run_where_there_is_no_log_makes_none(tmp_path: Path) -> None:
    with rehearsed(settings_of(tmp_path)) as log:
        outcomes, _ = executed(log, own_terms([(0, 0, "issue", 0, 2), (0, 0, "activate", 0, 0)]))
        copy = log.settings.log
        assert copy.exists()
    assert [outcome.status for outcome in outcomes] == ["accepted", "accepted"]
    assert list(tmp_path.iterdir()) == []
    assert not copy.parent.exists()


def test_a_dry_run_goes_on_while_a_writer_writes(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    played = own_terms([(0, 0, "issue", 0, 2), (0, 0, "activate", 0, 0)])
    with opened(settings) as log:
        executed(log, played[:1])
        with rehearsed(settings) as dry:
            assert executed(dry, played[1:])[0] == executed(log, played[1:])[0]


def test_on_kafka_it_is_refused() -> None:
    with pytest.raises(SettingsInvalid, match="dry run"), rehearsed(Settings(kafka="127.0.0.1:1")):
        pass
