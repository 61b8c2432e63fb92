"""A bank's transactions that nobody here made up come out to the balances that they state themselves, but for 28."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path

import pytest

from ledger.audit.verification import verify
from ledger.domain.money import format_amount
from ledger.domain.refusals import Invalid
from ledger.entrypoints.forms import CommandReader
from ledger.entrypoints.ingest import Fault, Ingest
from ledger.wiring.composition import opened
from ledger.wiring.settings import Settings
from tests.real import berka
from tests.real.replay import TERMS, Played, replay, write_lines
from tests.shared import shared_file

pytestmark = pytest.mark.xdist_group("berka")

ROWS = 49_102
OVERDRAWN = 26
"""Accounts that stand below zero, which are contracts with a limit."""
APART = 28
LAST_DAY = "940331"


@pytest.fixture(scope="module")
def path() -> Path:
    return shared_file("data/berka/trans.asc.gz")


@pytest.fixture(scope="module")
def rows(path: Path) -> list[berka.Row]:
    return list(berka.rows(path))


@pytest.fixture(scope="module")
def played(rows: list[berka.Row], tmp_path_factory: pytest.TempPathFactory) -> Played:
    return replay(
        berka.steps(rows), terms=(berka.TERMS, berka.OVERDRAFT), folder=tmp_path_factory.mktemp("berka")
    )


def test_the_line_that_is_cut_off_is_invalid(path: Path) -> None:
    with pytest.raises(Invalid, match="no command is named so"):
        CommandReader(played=True, now=None).from_json(json.dumps(berka.cut_off(path)).encode())


def test_all_rows_but_28_agree_with_their_recorded_balances(played: Played, rows: list[berka.Row]) -> None:
    assert (len(rows), len(berka.overdrawn(rows))) == (ROWS, OVERDRAWN)
    assert played.commands["OpenContract"] == OVERDRAWN
    assert played.compared == 2 * ROWS  # before each row, and after it

    by_line = {row.line: row for row in rows}
    print(f"\n{len(played.differences)} rows do not follow from those before:")  # noqa: T201 - seen with -s
    for line, _, recorded, found in sorted(played.differences):
        row = by_line[line]
        print(f"  line {line}: {format_amount(recorded - found)} is not accounted for: {row}")  # noqa: T201
    assert len(played.differences) == APART


def test_what_does_not_agree_lacks_a_credit_that_was_cut_off(played: Played, rows: list[berka.Row]) -> None:
    """All 28 are of the last day, of which the file has not all rows; what came first of that day is missing."""
    by_line = {row.line: row for row in rows}
    assert {by_line[different.line].day for different in played.differences} == {LAST_DAY}
    assert all(different.recorded > different.found for different in played.differences)


def test_nothing_is_refused(played: Played) -> None:
    assert played.refused == {}
    assert played.commands["AdjustCredit"] == 2_179  # 2,178 for rounding, one for a row that is missing


def test_the_log_is_clean(played: Played) -> None:
    assert verify(played.log).findings == []


def test_the_same_records_are_taken_in_from_a_file(path: Path, rows: list[berka.Row], tmp_path: Path) -> None:
    first = [command for step in islice(berka.steps(rows), 2_000) for command in step.commands]
    file = write_lines(tmp_path / "berka.jsonl.gz", [*first, berka.cut_off(path)])
    faults: list[Fault] = []
    settings = Settings(log=tmp_path / "log.db", clock="played", terms=TERMS)
    with opened(settings) as log:
        ledger = log.writer()
        tally = Ingest(ledger, CommandReader(played=True, now=None), faulty=faults.append).run([str(file)])
    assert (tally.accepted, tally.invalid, tally.total) == (len(first), 1, len(first) + 1)
    assert [(fault.line, "PRIJE" in "; ".join(fault.faults)) for fault in faults] == [(len(first) + 1, True)]
