"""Exports hold every posting once, and add up to the ledger's own balances."""

from __future__ import annotations

import csv
import io
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from ledger.domain.line.commands import AdvanceTime
from ledger.domain.money import parse_amount
from ledger.store.reading import SqliteReader
from projections.engine.reader import LogSnapshot
from projections.money import export
from tests.projections.histories import NUMBERS, a_log, play, recorded
from tests.projections.projected import folded


@contextmanager
def reading(log: Path) -> Iterator[list[LogSnapshot]]:
    with SqliteReader(log).snapshot() as snapshot:
        yield [snapshot]


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


def test_csv_and_parquet_add_up_to_the_balances(tmp_path: Path) -> None:
    log = a_log(tmp_path / "log.db")
    text = io.StringIO()
    with reading(log) as logs:
        lines = export.as_csv(logs, text)
        rows = export.as_parquet(logs, tmp_path / "postings.parquet")
    assert lines == rows == sum(len(event.postings) for _, event in recorded(log))
    read = list(csv.DictReader(io.StringIO(text.getvalue())))
    assert summed((r["account"], r["unit"], parse_amount(r["amount"])) for r in read) == balances(log)
    table = pq.read_table(tmp_path / "postings.parquet").to_pylist()
    assert summed((r["account"], r["unit"], r["amount"]) for r in table) == balances(log)


def test_every_transaction_of_the_hledger_journal_balances(tmp_path: Path) -> None:
    log = a_log(tmp_path / "log.db")
    text = io.StringIO()
    with reading(log) as logs:
        export.hledger(logs, text)
    for transaction in text.getvalue().split("\n\n")[1:]:
        sums: Counter[str] = Counter()
        for amount, unit in re.findall(r"^    \S+  (\S+) (\S+)$", transaction, re.MULTILINE):
            sums[unit] += parse_amount(amount)
        assert not any(sums.values()), transaction


def test_hledger_accepts_the_journal_and_its_balances_are_ours(tmp_path: Path) -> None:
    if shutil.which("hledger") is None:
        pytest.skip("hledger is not installed (Debian package hledger)")
    log = a_log(tmp_path / "log.db")
    now = max(event.recorded_at for _, event in recorded(log))
    play(log, [AdvanceTime(at=now, command_id="tick", msisdn=number) for number in NUMBERS])
    journal = tmp_path / "ledger.journal"
    with reading(log) as logs, journal.open("w") as out:
        export.hledger(logs, out)
    subprocess.run(["hledger", "-f", str(journal), "check", "--strict"], check=True)
    shown = subprocess.run(
        ["hledger", "-f", str(journal), "balance", "--flat", "--no-total", "-O", "csv", "--layout=bare"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    rows = csv.DictReader(io.StringIO(shown))
    found = {(row["account"], row["commodity"]): parse_amount(row["balance"]) for row in rows}
    ours = summed(folded(log).trial_balance(each=True, as_of=now, known_at=now).rows)
    assert {key: amount for key, amount in found.items() if amount} == ours == balances(log)
    assert ours["operator:breakage", "PULSA"]
