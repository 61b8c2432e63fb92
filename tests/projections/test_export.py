"""Exports hold every movement that is wanted once, by its local day, and a control sheet says what is in the file."""

from __future__ import annotations

import csv
import hashlib
import io
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.calendar import zone
from ledger.domain.events import Event
from ledger.domain.line.commands import AdvanceTime
from ledger.domain.money import format_amount, parse_amount
from ledger.errors import QueryRefused
from ledger.store.reading import SqliteReader
from projections.asking.log_answers import HistoryEvent
from projections.asking.questions import Questions
from projections.engine.reader import LogSnapshot
from projections.engine.unanswered import KnownBeyondNow, SeveralZones, UnknownThen
from projections.money import export
from projections.money.control_sheet import ControlSheet
from projections.money.selecting import Sample, WantedMovements, selection
from projections.prepaid.enquiry import Enquiry
from tests.given import NUMBER, OTHER
from tests.often import often
from tests.projections.histories import NUMBERS, Step, a_log, commands, play, recorded, steps
from tests.projections.projected import NOW, asked, folded
from tests.projections.test_local_days import EAST, WEST, two_zones

__all__ = ["two_zones"]

FORMATS = ["hledger", "csv", "parquet"]
EVERYTHING = WantedMovements()


@contextmanager
def reading(log: Path) -> Iterator[list[LogSnapshot]]:
    with SqliteReader(log).snapshot() as snapshot:
        yield [snapshot]


def exported(
    log: Path, format_: str, wanted: WantedMovements = EVERYTHING, sample: Sample | None = None
) -> tuple[bytes, ControlSheet]:
    out = io.BytesIO()
    with reading(log) as logs:
        sheet = export.export(format_, logs, selection(logs, wanted, NOW), out, sample=sample)
    return out.getvalue(), sheet


def rows_of(text: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text.decode())))


def balances(log: Path) -> dict[tuple[str, str], int]:
    """What the log's postings sum to, by hledger's account name and unit."""
    sums: Counter[tuple[str, str]] = Counter()
    for _, event in recorded(log):
        for posting in event.postings:
            sums[export.tree_name(posting["account"]), posting["unit"]] += posting["amount"]
    return {key: amount for key, amount in sums.items() if amount}


def summed(rows: Any) -> dict[tuple[str, str], int]:
    sums: Counter[tuple[str, str]] = Counter()
    for account, unit, amount in rows:
        sums[export.tree_name(account), unit] += amount
    return {key: amount for key, amount in sums.items() if amount}


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log with every event there is, of two zones."""
    return a_log(tmp_path_factory.mktemp("export") / "log.db")


def test_csv_and_parquet_add_up_to_the_balances(log: Path) -> None:
    text, of_csv = exported(log, "csv")
    rows, of_parquet = exported(log, "parquet")
    assert of_csv.postings == of_parquet.postings == sum(len(event.postings) for _, event in recorded(log))
    read = rows_of(text)
    assert summed((r["account"], r["unit"], parse_amount(r["amount"])) for r in read) == balances(log)
    table = pq.read_table(io.BytesIO(rows)).to_pylist()
    assert summed((r["account"], r["unit"], r["amount"]) for r in table) == balances(log)
    assert [r["day"] for r in read] == [r["day"] for r in table]


def test_every_transaction_of_the_hledger_journal_balances(log: Path) -> None:
    text, _ = exported(log, "hledger")
    for transaction in text.decode().split("\n\n")[1:]:
        sums: Counter[str] = Counter()
        for amount, unit in re.findall(r"^    \S+  (\S+) (\S+)$", transaction, re.MULTILINE):
            sums[unit] += parse_amount(amount)
        assert not any(sums.values()), transaction


@often(1)
@given(st.lists(steps(), min_size=4, max_size=4))
def test_hledger_adds_up_what_every_question_tells(histories: list[list[Step]]) -> None:
    """Of a log with everything in it, and of random ones: hledger is asked once, each log below a name of its own."""
    if shutil.which("hledger") is None:
        pytest.skip("hledger is not installed (Debian package hledger)")
    with TemporaryDirectory() as folder:
        logs = [a_log(Path(folder) / "log.db")]
        for count, history in enumerate(histories):
            logs.append(Path(folder) / f"log{count}.db")
            play(logs[-1], commands(history))
        ends, journal = {}, Path(folder) / "all.journal"
        with journal.open("wb") as out:
            for log in logs:
                ends[log] = max(event.recorded_at for _, event in recorded(log))
                play(log, [AdvanceTime(at=ends[log], command_id="tick", msisdn=number) for number in NUMBERS])
                text, _ = exported(log, "hledger")
                out.write(
                    re.sub(rb"^(account |    )", rb"\g<1>%s:" % log.stem.encode(), text, flags=re.MULTILINE)
                )
        found = hledger_balances(journal)
        for log in logs:
            own = {
                (account.removeprefix(f"{log.stem}:"), unit): amount
                for (account, unit), amount in found.items()
                if account.startswith(f"{log.stem}:")
            }
            then: Any = {"as_of": ends[log], "known_at": ends[log]}
            assert own == summed(folded(log).trial_balance(each=True, **then).rows) == balances(log)
            text, _ = exported(log, "csv")
            assert own == summed(
                (row["account"], row["unit"], parse_amount(row["amount"])) for row in rows_of(text)
            )
            if log == logs[0]:
                assert own["operator:breakage", "PULSA"]
            with asked(log) as ask:
                for number in NUMBERS:
                    _tells_as_hledger(ask, number, then, own)


def _tells_as_hledger(ask: Questions, number: str, then: Any, own: dict[tuple[str, str], int]) -> None:
    """Balance, why and history tell the credit of a number's current account as hledger does."""
    try:
        found = ask.enquiry(number, **then)
    except UnknownThen:
        return
    assert isinstance(found, Enquiry)
    credit = own.get((export.tree_name(f"{found.account}/credit"), "PULSA"), 0)
    (balance,) = ask.balance(f"{found.account}/credit", **then)
    last = [line for line in ask.history(found.account, **then) if isinstance(line, HistoryEvent)][-1]
    assert credit == balance.amount == found.available == ask.why(found.account, **then).amount
    assert credit == last.credit - last.reserved


def hledger_balances(journal: Path) -> dict[tuple[str, str], int]:
    """What hledger adds up, by its account and unit; the journal is held against its strictest rules."""
    command = ["hledger", "-f", str(journal), "balance", "--strict", "--flat", "--no-total"]
    shown = subprocess.run(
        [*command, "-O", "csv", "--layout=bare"], check=True, capture_output=True, text=True
    ).stdout
    rows = csv.DictReader(io.StringIO(shown))
    found = {(row["account"], row["commodity"]): parse_amount(row["balance"]) for row in rows}
    return {key: amount for key, amount in found.items() if amount}


# --- the control sheet ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format_", FORMATS)
def test_the_control_sheet_says_what_is_in_the_file(log: Path, format_: str) -> None:
    text, sheet = exported(log, format_)
    moved = [(ordinal, event) for ordinal, event in recorded(log) if event.postings]
    assert sheet.digest == hashlib.sha256(text).hexdigest()
    assert (sheet.transactions, sheet.postings) == (len(moved), sum(len(e.postings) for _, e in moved))
    assert (sheet.first, sheet.last) == (f"0:{moved[0][0]}", f"0:{moved[-1][0]}")
    ours = {(row.account, row.unit): row.amount for row in sheet.rows}
    known = max(event.recorded_at for _, event in moved)
    with asked(log) as ask:
        trial = {(a, u): amount for a, u, amount in ask.trial_balance(as_of=known, known_at=known).rows}
    unrecorded = {key for key in trial if trial[key] != ours.get(key, 0)}
    assert unrecorded <= {("operator/breakage", "PULSA"), ("accounts/credit", "PULSA")}
    assert sheet.totals == {"IDR": 0, "PULSA": 0}
    assert sheet.to_json()["zones"] == ["Asia/Jakarta", "Asia/Jayapura"]


def test_an_export_of_nothing_says_so(log: Path) -> None:
    text, sheet = exported(log, "csv", WantedMovements(types=["TopUpReversed"], accounts=["6288100000004"]))
    assert rows_of(text) == []
    assert (sheet.transactions, sheet.first, sheet.last, sheet.totals) == (0, None, None, {})


# --- what is wanted -------------------------------------------------------------------------------------------------


def test_both_axes_days_accounts_and_types_bound_an_export(log: Path) -> None:
    moved = [event for _, event in recorded(log) if event.postings]
    middle = sorted(event.recorded_at for event in moved)[len(moved) // 2]
    early = sorted(event.effective_at for event in moved)[len(moved) // 3]

    def found(wanted: WantedMovements) -> tuple[int, int]:
        _, sheet = exported(log, "csv", wanted)
        return sheet.transactions, sheet.postings

    def expected(events: list[Event], account: str = "") -> tuple[int, int]:
        own = [[p for p in event.postings if p["account"].startswith(account)] for event in events]
        return len([some for some in own if some]), sum(map(len, own))

    known = [event for event in moved if event.recorded_at <= middle]
    assert found(WantedMovements(known_at=middle)) == expected(known)
    then = [event for event in moved if event.effective_at <= early]
    assert found(WantedMovements(as_of=early)) == found(WantedMovements(until=early)) == expected(then)
    assert found(WantedMovements(since=early + 1)) == expected([e for e in moved if e.effective_at > early])
    assert found(WantedMovements(accounts=["operator/breakage"])) == expected(moved, "operator/breakage")
    assert found(WantedMovements(accounts=[f"{NUMBERS[0]}#1"])) == expected(moved, f"{NUMBERS[0]}#1/")
    assert found(WantedMovements(accounts=[NUMBERS[0]])) == expected(moved, f"{NUMBERS[0]}#")
    for named in ("CreditForfeited", "ledger.prepaid.CreditForfeited"):
        assert found(WantedMovements(types=[named])) == expected(
            [e for e in moved if e.name == "CreditForfeited"]
        )
    with pytest.raises(QueryRefused, match="no such ledger account"):
        found(WantedMovements(accounts=["operator/breakfast"]))
    with pytest.raises(QueryRefused, match="no events are of the type"):
        found(WantedMovements(types=["Forfeited"]))
    with pytest.raises(KnownBeyondNow):
        found(WantedMovements(known_at=NOW + 1))


def test_days_of_exports_are_local_and_bounds_of_days_are_whole(two_zones: Path) -> None:
    for format_ in ("csv", "hledger"):
        text, _ = exported(two_zones, format_, WantedMovements(types=["CreditToppedUp"]))
        if format_ == "csv":
            days = [(r["account"], r["day"]) for r in rows_of(text) if r["account"].endswith("/credit")]
        else:
            found = re.findall(r"^(\S+) \(0:\d+\) CreditToppedUp (\d+):1 ", text.decode(), re.MULTILINE)
            days = [(f"{number}#1/credit", day) for day, number in found]
            assert text.startswith(b"; days: Asia/Jakarta, Asia/Jayapura\n")
        west = [day for account, day in days if account.startswith(NUMBER)]
        east = [day for account, day in days if account.startswith(OTHER)]
        assert west == ["2024-10-09"] * 4 + ["2024-10-10"] * 2
        assert east == ["2024-10-09"] + ["2024-10-10"] * 5
    day = date(2024, 10, 10)
    with pytest.raises(SeveralZones):
        exported(two_zones, "csv", WantedMovements(since=day))
    for name, midnight in (("Asia/Jakarta", WEST), ("Asia/Jayapura", EAST)):
        wanted = WantedMovements(zone=zone(name), types=["CreditToppedUp"])
        _, since = exported(two_zones, "csv", wanted._replace(since=day))
        _, until = exported(two_zones, "csv", wanted._replace(until=date(2024, 10, 9)))
        assert since.selected.since == midnight
        assert until.selected.until == midnight - 1
        assert since.transactions + until.transactions == 12
        assert since.to_json()["zones"] == [name]


# --- samples --------------------------------------------------------------------------------------------------------


def test_a_seeded_sample_can_be_drawn_again_by_anybody(log: Path) -> None:
    text, sheet = exported(log, "csv", sample=Sample(60, 7))
    moved = [ordinal for ordinal, event in recorded(log) if event.postings]
    chosen = sorted(moved, key=lambda at: hashlib.sha256(f"7:0:{at}".encode()).digest())[:60]
    assert sorted({int(row["ordinal"]) for row in rows_of(text)}) == sorted(chosen)
    assert sheet.transactions == 60
    assert sheet.to_json()["sample"] == {"size": 60, "seed": 7, "population": len(moved)}
    assert exported(log, "csv", sample=Sample(60, 7)) == (text, sheet)
    assert exported(log, "csv", sample=Sample(60, 8))[0] != text


def test_a_sample_larger_than_all_is_all(log: Path) -> None:
    assert exported(log, "csv", sample=Sample(10**9, 1))[0] == exported(log, "csv")[0]


def test_sums_of_named_accounts_are_told_one_by_one(log: Path) -> None:
    name = f"{NUMBERS[0]}#1/credit"
    _, sheet = exported(log, "csv", WantedMovements(accounts=[name]))
    assert [row.account for row in sheet.rows] == [name]
    assert sheet.to_json()["sums"][0]["amount"] == format_amount(
        balances(log).get((export.tree_name(name), "PULSA"), 0)
    )
