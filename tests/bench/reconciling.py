"""A statement of 100,000 lines against 1,000,000 records, beside a plain hash join of the same tables in DuckDB."""

from __future__ import annotations

import random
import time
import tracemalloc

import duckdb
import pyarrow as pa

from ledger.reconciliation.matchables import Rules, Stated, StatedDays, SystemRecord, near
from ledger.reconciliation.matching import ToMatch, matched
from tests.bench.report import Figure, paired

_DAYS = 100
_STATED = range(40, 50)
"""A tenth of the days that there are records of."""
_PERIOD = StatedDays(_STATED[0], _STATED[-1])
_JOIN = """SELECT l.line, r.id FROM lines l
    JOIN records r ON l.reference = r.reference AND l.number = r.number AND l.amount = r.amount"""


def tables(records: int) -> tuple[list[Stated], list[SystemRecord]]:
    """Top-ups over the days, and the statement that lists those of its own days."""
    chance = random.Random(1)
    known: list[SystemRecord] = []
    lines: list[Stated] = []
    for count in range(records):
        number = f"62881{count % 50_000:08}"
        amount = 100 * chance.randrange(1_000, 9_000)
        day = count * _DAYS // records
        own = (f"{number}#1", number, count, f"t-{count}", "CreditToppedUp", amount, "IDR", day)
        known.append(SystemRecord(f"E{number}#1/{count}", *own))
        if day in _STATED:
            lines.append(Stated(len(lines) + 1, number, number, f"t-{count}", None, amount, "IDR", day))
    return lines, known


def reconciling(runs: int, records: int) -> list[Figure]:
    """Lines a second, and what it takes in memory beside what there is."""
    lines, known = tables(records)

    def ours() -> float:
        began = time.perf_counter()
        items = matched(ToMatch(lines, near(known, _PERIOD, Rules()), Rules(), _PERIOD))
        taken = time.perf_counter() - began
        assert len(items) == len(lines)
        return len(lines) / taken

    with duckdb.connect() as database:
        for name, rows in (("lines", lines), ("records", known)):
            columns = ("line" if name == "lines" else "id", "reference", "number", "amount")
            table = pa.table({column: [getattr(row, column) for row in rows] for column in columns})
            database.register("stated", table)
            database.execute(f"CREATE TABLE {name} AS SELECT * FROM stated")
            database.unregister("stated")

        def theirs() -> float:
            began = time.perf_counter()
            found = database.execute(_JOIN).fetchall()
            taken = time.perf_counter() - began
            assert len(found) == len(lines)
            return len(lines) / taken

        what = f"reconciling {len(lines):,} lines against {len(known):,} records"
        speed = paired(what, "lines/s", ours, "DuckDB hash join", theirs, runs=runs, at_least="0.3")
    return [speed, _memory(lines, known)]


def _memory(lines: list[Stated], known: list[SystemRecord]) -> Figure:
    """What is taken for each line, against records that are ten times as many as those near its days."""
    peaks = []
    for some in (near(known, _PERIOD, Rules()), known):
        tracemalloc.start()
        matched(ToMatch(lines, near(some, _PERIOD, Rules()), Rules(), _PERIOD))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    few, all_ = peaks
    what = "memory of reconciling, against all records"
    return Figure(what, "MB", all_ / 1e6, "against those near its days", few / 1e6, few / all_)
