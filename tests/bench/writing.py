"""How fast the ledger writes: batches, one command at a time, whole files, long histories, memory."""

from __future__ import annotations

import os
import sqlite3
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event

from tests.bench import population as p
from tests.bench.report import Figure, of_pairs, paired


class PlainAccount(Aggregate):
    """The bare debit, as the library's own documentation would have it."""

    @event("Opened")
    def __init__(self, msisdn: str, credit: int) -> None:
        self.msisdn = msisdn
        self.credit = credit

    @event("Debited")
    def debit(self, amount: int, command_id: str, used_at: int) -> None:
        """Takes an amount, and checks nothing."""
        self.credit -= amount


def plain_usage(folder: Path, count: int, *, tuned: bool) -> float:
    """Bare debits a second through a plain application of the library, saved 1,000 at a time."""
    file = folder / f"plain-{time.monotonic_ns()}.db"
    env = {
        "PERSISTENCE_MODULE": "eventsourcing.sqlite",
        "SQLITE_DBNAME": str(file),
        "AGGREGATE_CACHE_MAXSIZE": str(p.SUBSCRIBERS * 2),
    }
    if tuned:
        env |= {"AGGREGATE_CACHE_FASTFORWARD": "n", "DEEPCOPY_FROM_AGGREGATE_CACHE": "n"}
    app: Any = Application(env)
    accounts = [PlainAccount(p.number(i), 10**13) for i in range(p.SUBSCRIBERS)]
    app.save(*accounts)
    ids = [account.id for account in accounts]
    begin = time.perf_counter()
    for first in range(0, count, p.BATCH):
        touched: dict[Any, Any] = {}
        for index in range(first, first + p.BATCH):
            id_ = ids[index * 7919 % p.SUBSCRIBERS]
            account = touched.get(id_) or app.repository.get(id_)
            account.debit(909, f"use-{index}", index)
            touched[id_] = account
        app.save(*touched.values())
    seconds = time.perf_counter() - begin
    app.close()
    return count / seconds


def ledger_usage(folder: Path, count: int, quantity: int | None = None) -> float:
    """`RecordUsage` a second through `Ledger.execute` in batches of 1,000: rated, journaled, chained, durable."""
    with p.new_ledger(folder, f"usage-{time.monotonic_ns()}") as ledger:
        p.open_accounts(ledger, p.SUBSCRIBERS)
        commands = [p.usage(index, p.SUBSCRIBERS, quantity) for index in range(count)]
        begin = time.perf_counter()
        p.execute(ledger, commands)
        return count / (time.perf_counter() - begin)


def batches(folder: Path, runs: int, count: int) -> list[Figure]:
    """Batches of 1,000 against the library as it comes, and against it at its fastest settings."""
    return [
        paired(
            "RecordUsage, batches of 1,000, rated, durable",
            "commands/s",
            lambda: ledger_usage(folder, count),
            "plain eventsourcing on SQLite, JSON, aggregate cache on, bare debit",
            lambda: plain_usage(folder, count, tuned=False),
            runs=runs,
            at_least="1.0",
        ),
        paired(
            "the same",
            "commands/s",
            lambda: ledger_usage(folder, count),
            "the same with cache fast-forward and deep copies off",
            lambda: plain_usage(folder, count, tuned=True),
            runs=runs,
        ),
    ]


def _latencies(folder: Path, count: int) -> tuple[list[float], list[float]]:
    """Seconds of each durable command, and of each plain commit of a row of the same size, in turn."""
    plain = sqlite3.connect(folder / f"row-{time.monotonic_ns()}.db", isolation_level=None)
    plain.execute("PRAGMA journal_mode=WAL")
    plain.execute("PRAGMA synchronous=FULL")
    plain.execute("CREATE TABLE rows (ordinal INTEGER PRIMARY KEY, content BLOB)")
    row = os.urandom(700)
    ours, theirs = [], []
    with p.new_ledger(folder, f"single-{time.monotonic_ns()}") as ledger:
        p.open_accounts(ledger, 100)
        for index in range(count):
            command = p.usage(index, 100)
            begin = time.perf_counter()
            ledger.execute([command])
            middle = time.perf_counter()
            plain.execute("INSERT INTO rows(content) VALUES (?)", (row,))
            theirs.append(time.perf_counter() - middle)
            ours.append(middle - begin)
    plain.close()
    return ours, theirs


def single(folder: Path, runs: int, count: int) -> list[Figure]:
    """One durable command at a time, p50 and p99; less is better, the ratio is baseline over ours."""
    taken = [_latencies(folder, count) for _ in range(runs)]
    figures = []
    for name, rank in (("p50", 0.50), ("p99", 0.99)):
        pairs = [(_rank(ours, rank) * 1e6, _rank(theirs, rank) * 1e6) for ours, theirs in taken]
        what = f"one durable command at a time, {name}"
        baseline = f"sqlite3 committing one row of the same size, {name}"
        figures.append(of_pairs(what, "µs", baseline, pairs, at_least="0.3", inverse=True))
    return figures


def _rank(values: list[float], rank: float) -> float:
    return sorted(values)[int(len(values) * rank)]


def _file_of(folder: Path, commands: list[Any]) -> Path:
    path = folder / f"commands-{time.monotonic_ns()}.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for command in commands:
            file.write(p.json_line(command) + "\n")
    return path


def ingest(folder: Path, runs: int, count: int) -> list[Figure]:
    """`pulsa ingest` as a whole process, its start included, against `Ledger.execute` alone."""
    opening = _file_of(folder, p.opening(range(p.SUBSCRIBERS)))
    uses = _file_of(folder, [p.usage(index, p.SUBSCRIBERS) for index in range(count)])

    def whole() -> float:
        log = folder / f"ingest-{time.monotonic_ns()}.db"
        _pulsa(log, "ingest", str(opening))
        begin = time.perf_counter()
        _pulsa(log, "ingest", str(uses))
        return count / (time.perf_counter() - begin)

    return [
        paired(
            f"pulsa ingest of {count:,} records, whole process",
            "records/s",
            whole,
            "Ledger.execute alone",
            lambda: ledger_usage(folder, count),
            runs=runs,
            at_least="0.7",
            is_ours_too=True,
        )
    ]


def _pulsa(log: Path, *arguments: str) -> int:
    """Runs `pulsa` on a played log; returns its peak memory in KiB."""
    environment = os.environ | {"PULSA_LOG": str(log), "PULSA_CLOCK": "played"}
    script = (
        "import resource, sys\nfrom ledger.entrypoints.cli import main\n"
        "try:\n    main()\nfinally:\n"
        "    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stderr.split()[-1])


def memory(folder: Path, records: int, accounts: int) -> list[Figure]:
    """Peak memory of `pulsa ingest`, at a quarter of the records and at all of them."""
    opening = _file_of(folder, p.opening(range(accounts)))
    figures = []
    for count in (records // 4, records):
        log = folder / f"memory-{time.monotonic_ns()}.db"
        uses = _file_of(folder, [p.usage(index, accounts) for index in range(count)])
        _pulsa(log, "ingest", str(opening))
        peak = _pulsa(log, "ingest", str(uses)) / 1024
        what = f"memory ingesting {count:,} records for {accounts:,} accounts"
        figures.append(Figure(what, "MiB", peak, at_least="< 600"))
        uses.unlink()
        log.unlink()
    return figures


def histories(folder: Path, runs: int, most: int) -> list[Figure]:
    """Microseconds a record on one account that has so many events already, in memory and freshly loaded."""
    sizes = [size for size in (10, 1_000, 100_000) if size <= most]
    warm: dict[int, list[float]] = {size: [] for size in sizes}
    cold: dict[int, list[float]] = {size: [] for size in sizes}
    for _ in range(runs):
        with p.new_ledger(folder, f"history-{time.monotonic_ns()}") as ledger:
            p.open_accounts(ledger, 1)
            done = 3
            for size in sizes:
                p.execute(ledger, [p.usage(index, 1) for index in range(done, size)])
                first = max(done, size)
                done = first + p.BATCH
                commands = [p.usage(index, 1) for index in range(first, done)]
                ledger._recall()
                begin = time.perf_counter()
                p.execute(ledger, commands[:1])
                cold[size].append((time.perf_counter() - begin) * 1e3)
                begin = time.perf_counter()
                p.execute(ledger, commands[1:])
                warm[size].append((time.perf_counter() - begin) / (p.BATCH - 1) * 1e6)
    least = statistics.median(warm[sizes[0]])
    return [
        Figure(
            f"a record on an account with {size:,} events",
            "µs",
            statistics.median(warm[size]),
            "on one with 10",
            least,
            least / statistics.median(warm[size]),
        )
        for size in sizes
    ] + [
        Figure(f"loading an account with {size:,} events, one command", "ms", statistics.median(cold[size]))
        for size in sizes
    ]
