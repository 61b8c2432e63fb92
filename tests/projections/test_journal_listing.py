"""The journal of all numbers: every decision once, in order, held against its digest; bounded, or a sample."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest

from ledger.errors import LogDamaged
from ledger.store.reading import SqliteReader
from projections.asking.log_answers import JournalLine
from projections.asking.wanted_decisions import EVERY_DECISION, WantedDecisions
from projections.engine.unanswered import SeveralZones
from tests.projections.histories import NUMBERS, a_log
from tests.projections.projected import NOW, asked, log_itself


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return a_log(tmp_path_factory.mktemp("journal") / "log.db")


def listed(log: Path, wanted: WantedDecisions = EVERY_DECISION) -> list[JournalLine]:
    with asked(log) as ask:
        return list(ask.journal(wanted))


def test_it_has_what_every_number_has_in_the_order_of_deciding(log: Path) -> None:
    found = listed(log)
    assert [line.entry for line in found] == [f"0:{entry}" for entry in range(1, len(found) + 1)]
    with SqliteReader(log).snapshot() as snapshot:
        for number in NUMBERS:
            own = [line.outcome.command_id for line in found if line.outcome.msisdn == number]
            assert own == [decided.command_id for decided in snapshot.decided(number)]
    one = next(line for line in found if line.outcome.code is not None)
    with asked(log) as ask:
        assert ask.outcome(one.outcome.msisdn, one.outcome.command_id) == one.outcome


def test_it_is_bounded_by_number_command_code_and_time(log: Path) -> None:
    every = listed(log)
    refused = [line for line in every if line.outcome.code is not None]
    assert listed(log, WantedDecisions(refused=True)) == refused
    code = str(refused[0].outcome.code)
    assert listed(log, WantedDecisions(codes=[code])) == [x for x in refused if x.outcome.code == code]
    assert listed(log, WantedDecisions(subject=f"{NUMBERS[1]}#1")) == [
        line for line in every if line.outcome.msisdn == NUMBERS[1]
    ]
    assert listed(log, WantedDecisions(commands=["TopUp"])) == [
        line for line in every if line.outcome.command == "TopUp"
    ]
    middle = every[len(every) // 2].outcome.at
    before, after = (
        listed(log, WantedDecisions(until=middle - 1)),
        listed(log, WantedDecisions(since=middle)),
    )
    assert before + after == every
    assert before
    with asked(log) as ask, pytest.raises(SeveralZones):
        next(ask.journal(WantedDecisions(since=date(2024, 1, 1))))


def test_a_sample_is_drawn_again_by_whoever_knows_its_seed(log: Path) -> None:
    every = {line.entry: line for line in listed(log)}
    chosen = sorted(every, key=lambda entry: hashlib.sha256(f"7:{entry}".encode()).digest())[:20]
    found = listed(log, WantedDecisions(size=20, seed=7))
    assert found == [line for entry, line in every.items() if entry in chosen]
    assert listed(log, WantedDecisions(size=20, seed=8)) != found
    assert listed(log, WantedDecisions(size=10**9)) == list(every.values())


def test_the_last_are_those_that_a_whole_listing_ends_in(log: Path) -> None:
    code = next(line.outcome.code for line in listed(log) if line.outcome.code is not None)
    for some in (
        EVERY_DECISION,
        WantedDecisions(refused=True),
        WantedDecisions(codes=[code]),
        WantedDecisions(subject=NUMBERS[1]),
        WantedDecisions(size=20, seed=7),
    ):
        every = listed(log, some)
        for last in (0, 1, 7, len(every), len(every) + 1):
            assert listed(log, some._replace(last=last)) == every[len(every) - min(last, len(every)) :]


def test_for_the_last_nothing_else_is_read(log: Path, tmp_path: Path) -> None:
    every = listed(log)
    damaged = damaged_by("DELETE FROM journal WHERE entry<=5", log, tmp_path)
    assert listed(damaged, WantedDecisions(last=3)) == every[-3:]
    with pytest.raises(LogDamaged):
        listed(damaged, WantedDecisions(last=len(every)))


def damaged_by(damage: str, log: Path, folder: Path) -> Path:
    """A copy of a log that a statement was carried out on."""
    copy = folder / "log.db"
    copy.write_bytes(log.read_bytes())
    with closing(sqlite3.connect(copy)) as connection, connection:
        connection.execute(damage)
    return copy


@pytest.mark.parametrize("wanted", [EVERY_DECISION, WantedDecisions(last=10**6)])
@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM journal WHERE entry=5",
        "DELETE FROM journal WHERE entry=(SELECT max(entry) FROM journal)",
        "UPDATE journal SET code=NULL WHERE entry=(SELECT min(entry) FROM journal WHERE code IS NOT NULL)",
    ],
)
def test_what_is_missing_or_another_is_not_listed_as_if_it_were_whole(
    log: Path, tmp_path: Path, damage: str, wanted: WantedDecisions
) -> None:
    copy = damaged_by(damage, log, tmp_path)
    with pytest.raises(LogDamaged):
        list(log_itself([copy], lambda: NOW).journal(wanted, None))
