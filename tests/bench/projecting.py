"""How fast the read side is: rebuilding, projecting live, asking, replaying."""

from __future__ import annotations

import random
import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
from eventsourcing.application import Application

from ledger.audit.replaying import replay
from ledger.domain.calendar import DAY
from ledger.domain.commands import Command
from ledger.store.archive import archives
from ledger.store.columns import COMMON
from ledger.store.copying import Extent, Source
from ledger.store.copying_files import FolderTarget, Parquet
from ledger.store.reading import SqliteReader
from ledger.terms import bundled
from projections.asking.questions import Questions
from projections.engine.changes import Changes
from projections.engine.database import Database
from projections.engine.kept_up import KeptByRunners
from projections.engine.rebuild import Rebuild
from projections.engine.runner import Runner
from projections.money.balances import Balances
from projections.registry import PROJECTIONS
from tests.bench import population as p
from tests.bench.report import Figure, paired
from tests.bench.writing import PlainAccount

_QUESTIONS = 400


def _log(folder: Path, count: int) -> Path:
    """A log of so many uses."""
    path = folder / f"read-{count}.db"
    if not path.exists():
        with p.new_ledger(folder, path.stem) as ledger:
            p.open_accounts(ledger, p.SUBSCRIBERS)
            for first in range(0, count, p.BATCH):
                uses = range(first, min(first + p.BATCH, count))
                p.execute(ledger, [p.usage(index, p.SUBSCRIBERS) for index in uses])
    return path


def _plain_log(folder: Path, count: int) -> Any:
    """A log of as many events, written by a plain application of the library."""
    env = {
        "PERSISTENCE_MODULE": "eventsourcing.sqlite",
        "SQLITE_DBNAME": str(folder / f"plain-{count}.db"),
    }
    app: Any = Application(env)
    if (app.recorder.max_notification_id() or 0) >= count:
        return app
    accounts = [PlainAccount(p.number(i), 10**13) for i in range(p.SUBSCRIBERS)]
    for first in range(0, count, p.BATCH):
        for index in range(first, first + p.BATCH):
            accounts[index * 7919 % p.SUBSCRIBERS].debit(909, f"use-{index}", index)
        app.save(*accounts)
    return app


def rebuild(folder: Path, runs: int, count: int) -> list[Figure]:
    """Balances and lifecycles from the log, against decoding as many events of the library's own, one by one."""
    log, app = _log(folder, count), _plain_log(folder, count)

    def ours() -> float:
        database = Database(f"sqlite:///{folder}/rebuilt-{time.monotonic_ns()}.db")
        begin = time.perf_counter()
        events = Rebuild(database, [SqliteReader(log)], PROJECTIONS, ["balances", "lifecycles"]).swap()
        seconds = time.perf_counter() - begin
        database.close()
        return events / seconds

    def theirs() -> float:
        begin = time.perf_counter()
        start = events = 0
        while found := app.recorder.select_notifications(start=start + 1, limit=1000):
            for notification in found:
                app.mapper.to_domain_event(notification)
            start, events = found[-1].id, events + len(found)
        return events / (time.perf_counter() - begin)

    what = "rebuild of balances and lifecycles from the embedded log"
    baseline = "a plain eventsourcing application's log of as many events, decoded one by one"
    return [paired(what, "events/s", ours, baseline, theirs, runs=runs, at_least="2")]


def archive(folder: Path, runs: int, count: int) -> list[Figure]:
    """Balances and lifecycles from the archive in Parquet, against DuckDB reading the columns they are made of."""
    log, kept = _log(folder, count), folder / f"archive-{count}"
    if not kept.exists():
        with closing(Source(log)) as source:
            target = FolderTarget(kept, source, Parquet)
            for chunk in source.chunks(Extent()):
                target.write(chunk)

    def ours() -> float:
        database = Database(f"sqlite:///{folder}/rebuilt-{time.monotonic_ns()}.db")
        begin = time.perf_counter()
        events = Rebuild(
            database, [SqliteReader(log)], PROJECTIONS, ["balances", "lifecycles"], archives=archives(kept)
        ).swap()
        seconds = time.perf_counter() - begin
        database.close()
        return events / seconds

    def theirs() -> float:
        columns = ",".join(COMMON.names)
        begin = time.perf_counter()
        with duckdb.connect() as connection:
            read = connection.sql(f"SELECT {columns} FROM read_parquet('{kept}/events/*.parquet')")
            events = len(read.to_arrow_table())
        return events / (time.perf_counter() - begin)

    what = "rebuild of balances and lifecycles from the archive in Parquet"
    return [
        paired(what, "events/s", ours, "DuckDB reading the same columns", theirs, runs=runs, at_least="0.3")
    ]


def questions(folder: Path, movements: int, of_one: int) -> list[Figure]:
    """`balance(as_of, known_at)` of an account with a long history, against a plain sum over an index."""
    log = folder / "asked.db"
    with p.new_ledger(folder, "asked") as ledger:
        p.open_accounts(ledger, 1)
    file = folder / "asked.views.db"
    database = Database(f"sqlite:///{file}")
    Runner(database, [SqliteReader(log)], PROJECTIONS).catch_up()
    name = f"{p.number(0)}#1/credit"
    plain = sqlite3.connect(folder / "asked.plain.db", isolation_level=None)
    plain.execute("CREATE TABLE movements (account TEXT, effective_at INT, recorded_at INT, amount INT)")
    _fill(database, plain, name, movements, of_one)
    plain.execute("CREATE INDEX by_account ON movements (account, effective_at)")
    chance = random.Random(20230703)
    span = 500 * DAY
    ask = Questions(lambda: KeptByRunners(database), lambda: p.BEGIN + 10 * span)
    statement = "SELECT sum(amount) FROM movements WHERE account=? AND effective_at<=? AND recorded_at<=?"
    asked = []
    for _ in range(_QUESTIONS):
        known_at = p.BEGIN + DAY + chance.randrange(span)
        asked.append((min(p.BEGIN + DAY + chance.randrange(span), known_at + DAY), known_at))

    def of_ours(as_of: int, known_at: int) -> int:
        (answer,) = ask.balance(name, as_of=as_of, known_at=known_at)
        return int(answer.amount)

    def of_theirs(as_of: int, known_at: int) -> int:
        (summed,) = plain.execute(statement, (name, as_of, known_at)).fetchone()
        return 10**13 + (summed or 0)

    # One after the other, as each is used: in turn, the baseline's scans would empty the processor's caches for ours.
    (ours, answers), (theirs, sums) = _each_timed(of_ours, asked), _each_timed(of_theirs, asked)
    if answers != sums:
        raise AssertionError(name)
    plain.close()
    database.close()
    what = f"balance(as_of, known_at), {of_one:,} movements of {movements:,}"
    baseline = "a plain sum over an index"
    middle_ours, middle_theirs = statistics.median(ours), statistics.median(theirs)
    ratio = statistics.median(b / a for a, b in zip(ours, theirs, strict=True))
    p99 = [statistics.quantiles(times, n=100)[98] * 1000 for times in (ours, theirs)]
    return [
        Figure(what, "ms", middle_ours * 1000, baseline, middle_theirs * 1000, ratio, "20"),
        Figure("the same, p99", "ms", p99[0], baseline, p99[1], p99[1] / p99[0], "under 5 ms"),
    ]


def _each_timed(
    ask: Callable[[int, int], int], asked: Sequence[tuple[int, int]]
) -> tuple[list[float], list[int]]:
    """The seconds that each question took, and the answers."""
    seconds, answers = [], []
    for question in asked:
        begin = time.perf_counter()
        answers.append(ask(*question))
        seconds.append(time.perf_counter() - begin)
    return seconds, answers


def _fill(database: Database, plain: sqlite3.Connection, name: str, movements: int, of_one: int) -> None:
    """Movements over 500 days, each up to two days late: some of one account, the rest of many others."""
    chance = random.Random(1)
    sums = Balances(1).sums
    every = movements // of_one
    changes, rows = Changes(), []
    for index in range(movements):
        account = name if index % every == 0 else f"62882{chance.randrange(movements // 100):08d}#1/credit"
        recorded = p.BEGIN + DAY + index * 500 * DAY // movements
        effective = recorded - chance.choice((0, 0, 0, 1000, DAY // 3, 2 * DAY))
        sums.add(changes, (account, "PULSA"), 0, 1000 + index, effective, recorded, -1, effective // DAY)
        rows.append((account, effective, recorded, -1))
        if len(rows) == 100_000 or index == movements - 1:
            with database.writing() as connection:
                changes.write(connection)
            plain.execute("BEGIN")
            plain.executemany("INSERT INTO movements VALUES (?,?,?,?)", rows)
            plain.execute("COMMIT")
            changes, rows = Changes(), []


def replaying(folder: Path, runs: int, count: int) -> list[Figure]:
    """The audit replay of journaled commands, against executing them."""
    log = _log(folder, count)
    terms = bundled()

    def ours() -> float:
        begin = time.perf_counter()
        found = replay([SqliteReader(log)], terms)
        if not found.empty:
            raise AssertionError(found)
        return found.commands / (time.perf_counter() - begin)

    def theirs() -> float:
        with p.new_ledger(folder, f"executed-{time.monotonic_ns()}") as ledger:
            commands: list[Command] = p.opening(range(p.SUBSCRIBERS))
            commands += [p.usage(index, p.SUBSCRIBERS) for index in range(count)]
            begin = time.perf_counter()
            p.execute(ledger, commands)
            return len(commands) / (time.perf_counter() - begin)

    what = "audit replay, compared with the log"
    baseline = "Ledger.execute of the same"
    return [paired(what, "commands/s", ours, baseline, theirs, runs=runs, at_least="0.8", is_ours_too=True)]


def memory(folder: Path, counts: tuple[int, int]) -> list[Figure]:
    """The largest size of a process that rebuilds everything, from a log and from one twice as long or longer.

    The shorter one, too, fills what SQLite may keep of a database in memory (128 MiB).
    """
    sizes = []
    for count in counts:
        arguments = [
            sys.executable,
            "-m",
            __name__,
            str(_log(folder, count)),
            str(folder / f"size-{count}.db"),
        ]
        done = subprocess.run(arguments, check=True, capture_output=True, text=True)
        sizes.append(int(done.stdout) / 1024)
    what = f"memory of a rebuild of {counts[1]:,} events"
    return [Figure(what, "MiB", sizes[1], f"of {counts[0]:,} events", sizes[0], sizes[1] / sizes[0], "flat")]


def _largest_size() -> int:
    """The largest size of this process in KiB. What `getrusage` tells begins with that of the parent."""
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


if __name__ == "__main__":
    Rebuild(Database(f"sqlite:///{sys.argv[2]}"), [SqliteReader(sys.argv[1])], PROJECTIONS).swap()
    print(_largest_size())
