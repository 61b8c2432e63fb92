"""A kind of one's own: its package, its schemas and a projection module are all that there is of it.

What is here stands in for `ledger/domain/<kind>/`, `schemas/` and `projections/<kind>/`; nothing else knows it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import ledger.application.ledger
from ledger.application.ledger import Ledger
from ledger.application.library import factory_of
from ledger.audit.verification import verify
from ledger.domain import ids, kinds
from ledger.domain.bounds import LONGEST_ID
from ledger.domain.calendar import SECOND
from ledger.domain.line.commands import AdvanceTime
from ledger.domain.refusals import Invalid
from ledger.domain.terms_book import TermsBook
from ledger.entrypoints.clock import tick
from ledger.entrypoints.kafka import avro_forms
from ledger.store.backup import backup
from ledger.store.reading import SqliteReader
from projections.engine.database import GENERATIONS
from projections.engine.rebuild import Rebuild
from projections.engine.runner import Runner
from projections.engine.sql import select
from projections.registry import PROJECTIONS
from tests.given import NUMBER, create_log
from tests.projections.projected import database
from tests.toy.commands import HearOf, KeepPromise, MakePromise
from tests.toy.kind import PROMISE, promises
from tests.toy.projection import BrokenPromises

ROOT = Path(__file__).resolve().parents[2]
T = 1_700_000_000 * SECOND
ONE, OTHER = "promise/one", "promise/other"
MADE = [
    MakePromise(at=T, command_id="m", promise=ONE, until=T + 10 * SECOND, tells=OTHER),
    MakePromise(at=T, command_id="m", promise=OTHER, until=T + 99 * SECOND),
]


@pytest.fixture(autouse=True)
def _promises() -> Iterator[None]:
    with promises():
        yield


def opened(path: Path) -> Ledger:
    if not path.exists():
        create_log(path)
    return Ledger(TermsBook(), factory_of({"SQLITE_DBNAME": str(path)}))


def test_it_is_decided_kept_read_and_proved(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    with closing(opened(path)) as writer:
        made = writer.execute(MADE, principal="somebody")
        assert [outcome.code for outcome in made] == [None, None]
        assert writer.execute(MADE[:1])[0].status == "repeated"
        tick([writer], T + 20 * SECOND, asked=True)
        late = KeepPromise(at=T + 21 * SECOND, command_id="k", promise=ONE)
        unknown = KeepPromise(at=T + 21 * SECOND, command_id="k", promise="promise/none")
        assert [x.code for x in writer.execute([late, unknown])] == ["not-eligible", "unknown-account"]
    with closing(opened(path)) as writer:  # from what was recorded
        heard: Any = writer._subjects.get(OTHER).subject
        assert heard.heard == [ONE]
        assert writer.execute([late])[0].status == "repeated"
    report = verify(path)
    assert report.clean, report.findings
    assert verify(backup(path, tmp_path / "copy.db").path).clean
    with SqliteReader(path).snapshot() as log:
        names = [found.event.name for found in log.events_of(OTHER)]
        assert names == ["PromiseMade", "BrokenHeardOf"]


def test_its_snapshots_are_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger.application.ledger, "SNAPSHOT_EVERY", 2)
    path = tmp_path / "log.db"
    with closing(opened(path)) as writer:
        writer.execute(MADE)
        tick([writer], T + 20 * SECOND, asked=True)
    with closing(opened(path)) as writer:
        heard: Any = writer._subjects.get(OTHER).subject
        assert (heard.heard, heard.due_at) == ([ONE], T + 99 * SECOND)
    assert verify(path).clean


def test_its_projection_is_folded_and_rebuilt_with_the_others(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    with closing(opened(path)) as writer:
        writer.execute(MADE)
        tick([writer], T + 20 * SECOND, asked=True)
    registry = {**PROJECTIONS, BrokenPromises.name: BrokenPromises}
    with database(tmp_path / "projections.db") as kept:
        Runner(kept, [SqliteReader(path)], registry, size=100).catch_up()
        with kept.reading() as connection:
            live = {row[0]: row[1] for row in connection.execute(select(*GENERATIONS.c))}
            asked = BrokenPromises(live["promises"])
            assert asked.by_whom(connection, ONE, T + 99 * SECOND) == [ONE, OTHER]
            assert asked.by_whom(connection, ONE, T) == []
        checked = Rebuild(kept, [SqliteReader(path)], registry).check()
        assert all(one.equal for one in checked)


def test_kafka_takes_it_in() -> None:
    heard = HearOf(at=T, command_id="policy/x", actor="policy", promise=OTHER, of=ONE, broken_at=T)
    avro_forms.check(heard)
    avro_forms.check_subject(heard)
    assert ids.partition_named(OTHER) is None
    assert ids.subject_of(OTHER) == OTHER
    assert kinds.is_subject(OTHER)
    assert not kinds.is_subject(f"{OTHER}/x")


def test_the_form_of_a_field_is_its_schemas_unless_its_kind_says_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    actor = "x" * (LONGEST_ID + 1)
    told = HearOf(at=T, command_id="policy/x", actor=actor, promise=OTHER, of=ONE, broken_at=T)
    avro_forms._checks.cache_clear()
    with pytest.raises(Invalid, match="actor: "):
        avro_forms.check(told)
    forms: Any = PROMISE.forms
    monkeypatch.setitem(forms, HearOf, {"actor": "own-id"})
    avro_forms._checks.cache_clear()
    avro_forms.check(told)
    avro_forms._checks.cache_clear()


def test_a_command_for_another_kind_of_subject_finds_nothing_there(tmp_path: Path) -> None:
    with closing(opened(tmp_path / "log.db")) as writer:
        asked = [
            KeepPromise(at=T, command_id="1", promise=NUMBER),
            AdvanceTime(at=T, command_id="1", msisdn=ONE),
            MakePromise(at=T, command_id="2", promise="log@0", until=T),
            MakePromise(at=T, command_id="3", promise="promise/a/b", until=T),
            MakePromise(at=T, command_id="3", promise="nobody's", until=T),
        ]
        assert [outcome.code for outcome in writer.execute(asked)] == ["unknown-account"] * 3 + [
            "invalid"
        ] * 2
        assert writer.execute(MADE)[0].code is None
    assert verify(tmp_path / "log.db").clean


def test_no_name_is_taken_twice() -> None:
    with pytest.raises(ValueError, match="promise: there are two of"):
        kinds.register(PROMISE)
    assert kinds.KINDS["promise"] is PROMISE


def test_nobody_else_knows_it() -> None:
    for folder in ("ledger", "projections", "schemas"):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in {".py", ".avsc"}:
                assert "promise/" not in path.read_text("utf-8"), path
