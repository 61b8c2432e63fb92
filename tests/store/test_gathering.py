"""Subjects that are read at once: they are what each is when it is read alone, and what is unsound is left out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from ledger.application.ledger import Ledger
from ledger.audit.verification import verify
from ledger.domain.kinds import is_keyed
from ledger.domain.line.commands import AdvanceTime
from ledger.domain.partition.commands import AdvanceDue
from ledger.domain.prepaid.commands import Activate, IssueStarterPack
from ledger.errors import LogDamaged
from ledger.store import last_digests, reading_recorder
from ledger.store.checked import head_of
from ledger.store.last_digests import LastDigests
from tests.given import NUMBER, OTHER, SP23, THIRD, day, ledger_on
from tests.projections.histories import a_log, opened
from tests.store.damaged import LOG, NOW, change, written


def loaded(ledger: Ledger, id_: str) -> dict[str, Any]:
    subject = ledger._subjects.fresh(id_)
    named = [id_, *(f"{id_}#{generation}" for generation in range(1, 5))]
    states = {name: msgspec.to_builtins(state) for name in named if (state := subject.state_of(name))}
    return {"states": states, "due": subject.due_at, "recorded": subject.recorded_at}


def test_they_are_what_each_is_alone(tmp_path: Path) -> None:
    ledger = opened(a_log(tmp_path / "log.db"))
    try:
        with ledger.recorder.datastore.transaction(commit=False) as cursor:  # type: ignore[attr-defined]
            cursor.execute("SELECT msisdn, events FROM numbers")
            events = {row[0]: row[1] for row in cursor.fetchall() if is_keyed(row[0])}
        alone = {id_: loaded(ledger, id_) for id_ in events}
        at_once = {one.subject for one in ledger.recorder.histories(list(events))}
        assert {id_ for id_, count in events.items() if count < 250} <= at_once
        assert {id_ for id_, count in events.items() if count > 500} & at_once == set()
        assert max(len(one["states"]) for id_, one in alone.items() if id_ in at_once) > 1
        ledger._subjects.forget()
        ledger._subjects.gather([*events, "6288100000099"])
        assert {id_: loaded(ledger, id_) for id_ in events} == alone
    finally:
        ledger.close()


@pytest.mark.parametrize(
    ("statement", "of"),
    [
        (
            "UPDATE stored_events SET digest=zeroblob(32) WHERE originator_id=? AND originator_version=3",
            "account",
        ),
        (
            "UPDATE stored_events SET state=zeroblob(9) WHERE originator_id=? AND originator_version=1",
            "account",
        ),
        (
            "UPDATE stored_events SET originator_version=99 WHERE originator_id=? AND originator_version=2",
            "account",
        ),
        ("UPDATE numbers SET chain=zeroblob(32) WHERE msisdn=?", "number"),
        ("UPDATE numbers SET events=events-1 WHERE msisdn=?", "number"),
        ("DELETE FROM numbers WHERE msisdn=?", "number"),
    ],
)
def test_who_is_not_what_the_digests_name_is_left_out(log: Path, statement: str, of: str) -> None:
    change(log, statement, NUMBER if of == "number" else f"{NUMBER}#1")
    with ledger_on(log) as ledger:
        found = {one.subject for one in ledger.recorder.histories([NUMBER, OTHER, THIRD])}
        assert found == {OTHER, THIRD}
    with pytest.raises(LogDamaged):
        written(log)


def test_that_nothing_is_recorded_is_read_at_once_too(log: Path) -> None:
    unseen = ["6288100000098", f"customer/C{'A' * 20}"]
    with ledger_on(log) as ledger:
        found = ledger.recorder.histories([NUMBER, *unseen])
        assert {one.subject for one in found if one.head is None} == set(unseen)
        assert {one.subject for one in found if one.head is not None} == {NUMBER}


def test_who_has_a_journal_and_no_head_is_left_out(log: Path) -> None:
    with ledger_on(log) as ledger:
        [outcome] = ledger.execute([AdvanceTime(at=NOW, command_id="a", msisdn="6288100000098")])
        assert (outcome.code, outcome.events) == (None, ())
    change(log, "DELETE FROM numbers WHERE msisdn=?", "6288100000098")
    with ledger_on(log) as ledger:
        assert ledger.recorder.histories(["6288100000098"]) == []
        with pytest.raises(LogDamaged):
            ledger._subjects.get("6288100000098")


def test_nobody_whom_a_batch_addresses_or_tells_is_read_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone: list[str] = []

    def reading(*of: Any) -> Any:
        alone.append(of[-1])
        return head_of(*of)

    numbers = [f"62881000001{n:02}" for n in range(30)]
    pack: dict[str, Any] = {"terms": SP23, "printed_credit": 0, "valid_until": day("2030-12-31")}
    own: dict[str, Any] = {"at": NOW, "channel": "sms-4444", "registration": "verified"}
    with ledger_on(tmp_path / "log.db") as ledger:
        ledger.execute([IssueStarterPack(at=NOW, command_id="i", msisdn=numbers[0], **pack)])
        monkeypatch.setattr(reading_recorder, "head_of", reading)
        ledger.execute([IssueStarterPack(at=NOW, command_id="i", msisdn=one, **pack) for one in numbers])
        told = [
            Activate(command_id="a", msisdn=one, customer=f"C{n:020}", **own) for n, one in enumerate(numbers)
        ]
        assert [one.code for one in ledger.execute(told)] == [None] * len(told)
        assert alone == []
        ledger.execute([Activate(command_id="b", msisdn=NUMBER, customer="C", **own)])
        assert alone == [NUMBER]
    assert verify(tmp_path / "log.db").clean


def test_a_text_that_is_none_spoils_it_all_and_nobody_alone(log: Path) -> None:
    change(
        log,
        f"UPDATE stored_events SET topic=CAST(x'ff' AS TEXT) WHERE originator_id='{NUMBER}#1'"
        " AND originator_version=?",
        2,
    )
    with ledger_on(log) as ledger:
        assert ledger.recorder.histories([NUMBER, OTHER]) == []
        ledger._subjects.gather([NUMBER, OTHER])
        assert ledger._subjects.get(OTHER).subject.recorded_at > 0
        with pytest.raises(LogDamaged):
            ledger._subjects.get(NUMBER)


def test_who_is_passed_by_leaves_no_digest_behind(log: Path) -> None:
    due: dict[str, Any] = {"msisdn": LOG, "through": NOW, "at": NOW, "actor": "clock"}
    with ledger_on(log) as ledger:
        held = ledger.recorder._digests  # type: ignore[attr-defined]
        ledger._subjects.get(NUMBER)
        (outcome,) = ledger.execute([AdvanceDue(command_id="due", subjects=[NUMBER, OTHER, THIRD], **due)])
        assert outcome.code is None
        assert held.get(f"{NUMBER}#1") is not None
        assert (held.get(f"{OTHER}#1"), held.get(f"{THIRD}#1")) == (None, None)
        assert OTHER not in ledger._subjects
        ledger.execute(
            [AdvanceTime(at=NOW, command_id=f"again-{n}", msisdn=n, actor="clock") for n in (OTHER, THIRD)]
        )
    assert verify(log).clean


def test_of_no_more_than_so_many_streams_the_last_digest_is_remembered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(last_digests, "REMEMBERED", 3)
    known = LastDigests()
    known.take({name: (1, name.encode()) for name in "abc"})
    known.take({"a": (2, b"a2")})
    known.take({"d": (1, b"d")})
    assert len(known) == 3
    assert known.get("b") is None
    assert known.get("a") == (2, b"a2")
    known.clear()
    assert known.get("a") is None
