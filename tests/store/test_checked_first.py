"""What a writer holds against the digests that name it, before it goes on with a log that it finds."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ledger.audit.verification import verify
from ledger.domain.partition.commands import CloseThrough
from ledger.domain.prepaid.commands import AdjustCredit, ChargeCredit
from ledger.errors import LogDamaged
from ledger.store.checked import ENTRY_COLUMNS, head_of, must_follow
from tests.given import NUMBER, THIRD, Story, ledger_on, rupiah
from tests.store.damaged import BEGIN, DAY, EVERYTHING, LOG, QUESTIONS, change, written


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE numbers SET due_at=due_at+1 WHERE msisdn=?",
        "UPDATE numbers SET due_at=NULL WHERE msisdn=?",
        "UPDATE numbers SET chain=zeroblob(32) WHERE msisdn=?",
        "UPDATE numbers SET events=events-1 WHERE msisdn=?",
        "DELETE FROM numbers WHERE msisdn=?",
    ],
)
def test_where_a_number_stands_is_held_against_its_events_before_it_is_written_to(
    statement: str, log: Path
) -> None:
    change(log, statement, NUMBER)
    with pytest.raises(LogDamaged, match=NUMBER):
        written(log)
    assert not verify(log).clean


def test_nothing_is_written_behind_an_event_that_no_transaction_has_sealed(log: Path) -> None:
    command = ChargeCredit(
        at=BEGIN + 7 * DAY, command_id="behind", msisdn=NUMBER, amount=rupiah(100), item="package"
    )
    with ledger_on(log) as ledger:
        last = int(ledger.position.partition(":")[2])
        change(
            log, "INSERT INTO stored_events VALUES (?, 'nobody', 1, 'nothing', x'00', zeroblob(32))", last + 1
        )
        with pytest.raises(LogDamaged, match="not the one that was sealed"):
            ledger.execute([command])
    with closing(sqlite3.connect(log)) as connection:
        assert connection.execute("SELECT max(ordinal) FROM stored_events").fetchone() == (last + 1,)


def test_a_repeat_is_not_answered_from_a_damaged_entry(log: Path) -> None:
    with closing(sqlite3.connect(log)) as connection:
        ((command_id,),) = connection.execute(
            "SELECT command_id FROM journal WHERE subject=? AND name='ChargeCredit'", (THIRD,)
        )
    repeat = ChargeCredit(
        at=BEGIN + 4 * DAY, command_id=command_id, msisdn=THIRD, amount=rupiah(900_000), item="package"
    )
    with ledger_on(log) as ledger:
        assert [x.code for x in ledger.execute([repeat])] == ["insufficient-credit"]
    change(log, "UPDATE journal SET code='blocked' WHERE subject=? AND command_id=?", THIRD, command_id)
    with ledger_on(log) as ledger, pytest.raises(LogDamaged, match="entry"):
        ledger.execute([repeat])


@pytest.mark.parametrize(
    ("was", "is_now"),
    [
        ("timestamp-micros", "timestamp-millis"),
        ('"doc":"', '"doc":"Not '),
        ('"type":"string"', '"type": "string"'),
    ],
)
def test_the_text_of_a_schema_is_what_was_put_into_the_log(was: str, is_now: str, log: Path) -> None:
    topic = "ledger.prepaid.CreditToppedUp"
    change(log, "UPDATE schemas SET schema=replace(schema, ?, ?) WHERE name=?", was, is_now, topic)
    assert {finding.table for finding in verify(log).findings} == {"schemas"}
    with pytest.raises(LogDamaged, match="CreditToppedUp"):
        written(log)


def test_a_log_of_a_release_that_counted_nothing_is_written_on_and_checked_from_then_on(log: Path) -> None:
    with closing(sqlite3.connect(log)) as connection, connection:
        connection.execute("ALTER TABLE numbers DROP COLUMN events")
        connection.execute("DELETE FROM meta WHERE name LIKE 'schema/%'")
    assert verify(log).clean
    before = [EVERYTHING[name](log) for name in QUESTIONS]
    assert before == [EVERYTHING[name](log) for name in QUESTIONS]
    with ledger_on(log):
        pass
    assert verify(log).clean
    assert before == [EVERYTHING[name](log) for name in QUESTIONS]
    change(log, "UPDATE numbers SET events=events+1 WHERE msisdn=?", NUMBER)
    with pytest.raises(LogDamaged, match=NUMBER):
        EVERYTHING["enquiry of " + NUMBER](log)


def test_what_a_writer_checks_first_costs_the_same_however_much_was_recorded(tmp_path: Path) -> None:
    steps = [0]

    def step() -> None:
        steps[0] += 1

    def cost(entries: int) -> list[int]:
        (tmp_path / f"{entries}").mkdir()
        with closing(Story(tmp_path / f"{entries}")) as story:
            story.given_active(credit=rupiah(50_000))
            adjust, close = (
                [story.command(of, BEGIN + i, command_id=f"{i}", **fields(BEGIN + i)) for i in range(entries)]
                for of, fields in (
                    (AdjustCredit, lambda _: {"amount": 1}),
                    (CloseThrough, lambda at: {"msisdn": LOG, "through": at, "actor": "clock"}),
                )
            )
            for one in (adjust, close, [adjust[-1]]):
                story.ledger.execute(one)
        asked: list[Callable[[Any], Any]] = [
            lambda cursor: head_of(cursor, "", NUMBER),
            lambda cursor: head_of(cursor, "", LOG),
            lambda cursor: must_follow(cursor, "", row[-1], row[:-1]),
        ]
        with closing(sqlite3.connect(story.path)) as connection:
            (row,) = connection.execute(
                f"SELECT {ENTRY_COLUMNS}, entry FROM journal WHERE subject=? AND command_id=?",
                (NUMBER, f"{entries - 1}"),
            )
            connection.set_progress_handler(step, 1)
            found = []
            for ask in asked:
                before = steps[0]
                ask(connection.cursor())
                found.append(steps[0] - before)
            return found

    assert cost(300) == cost(30)


def test_a_trigger_that_keeps_out_what_is_written_is_found_before_anything_is_answered(log: Path) -> None:
    with closing(sqlite3.connect(log)) as connection, connection:
        connection.execute(
            "CREATE TRIGGER away BEFORE INSERT ON stored_events BEGIN SELECT RAISE(IGNORE); END"
        )
    assert [finding.what for finding in verify(log).findings] == [
        "it holds a trigger that is not the ledger's: away"
    ]
    with pytest.raises(LogDamaged, match="trigger"), ledger_on(log):
        pass


def test_a_log_without_the_index_of_its_subjects_is_given_it(log: Path) -> None:
    with closing(sqlite3.connect(log)) as connection, connection:
        connection.execute("DROP INDEX journal_subject")
    with ledger_on(log):
        pass
    with closing(sqlite3.connect(log)) as connection:
        assert connection.execute(
            "SELECT tbl_name FROM sqlite_master WHERE name='journal_subject'"
        ).fetchall()
