"""How fast contracts are: their use, a billing run, what is owed by age, and payments where there are many bills."""

from __future__ import annotations

import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

from ledger.application.ledger import CLOCK_TOLERANCE, Ledger
from ledger.domain.bounds import MOST_PAYMENTS
from ledger.domain.calendar import DAY, MINUTE, parse_instant
from ledger.domain.commands import Command
from ledger.domain.ids import log_of
from ledger.domain.line.commands import AdvanceTime
from ledger.domain.partition.commands import AdvanceDue
from ledger.domain.postpaid.commands import OpenContract, ReceivePayment
from ledger.domain.postpaid.events_of_bills import BillIssued
from ledger.domain.postpaid.events_of_payments import PaymentSettled
from ledger.domain.subject import CLOCK
from ledger.entrypoints import clock
from ledger.entrypoints.collecting import collect_rarely
from ledger.store.partitioning import partition_of
from ledger.store.reading import SqliteReader
from ledger.wiring import composition
from ledger.wiring.settings import Settings
from projections.asking.questions import Questions
from projections.engine.changes import Changes
from projections.engine.database import Database
from projections.engine.kept_up import KeptByRunners
from projections.engine.runner import Runner
from projections.postpaid.bills import Bills
from projections.registry import PROJECTIONS
from tests.bench import kafka_log as k
from tests.bench import population as p
from tests.bench.kafka import rate_of
from tests.bench.report import Figure, of_pairs, paired, set_aside
from tests.bench.writing import ledger_usage

TERMS = "smartfren-elite-2023"
BOUNDARY = parse_instant("2023-08-01T00:00:00+07:00")
UNIT = "events/s of processor"
_FEW = 800
"""Payments of one account that are well within what it keeps."""
USES = 20
"""Uses of each contract before the boundary."""


def opening(subscribers: Iterable[int], at: int = p.BEGIN) -> list[Command]:
    """Contracts of a plan with a minimum commitment, whose cycles begin with the month."""
    return [
        OpenContract(
            at=at,
            command_id="open",
            msisdn=p.number(index),
            customer=f"customer-{index}",
            plan="elite-100",
            terms=TERMS,
            billing_day=1,
            registration="verified",
        )
        for index in subscribers
    ]


def _in_batches(ledger: Ledger, commands: Iterable[Command]) -> None:
    """Executes commands that need not all be in memory."""
    reading = iter(commands)
    while batch := list(islice(reading, p.BATCH)):
        p.execute(ledger, batch)


def _pay(at: int, index: int, reference: str, amount: int) -> ReceivePayment:
    return ReceivePayment(
        at=at,
        command_id=reference,
        msisdn=p.number(index),
        reference=reference,
        amount=amount,
        method="cash",
        payer="somebody",
    )


# --- use ------------------------------------------------------------------------------------------------------------


def usage(folder: Path, runs: int, count: int) -> list[Figure]:
    """Use that is charged to contracts, against use that is debited from credit."""

    def ours() -> float:
        with p.new_ledger(folder, f"charged-{time.monotonic_ns()}") as ledger:
            _in_batches(ledger, opening(range(p.SUBSCRIBERS)))
            commands = [p.usage(index, p.SUBSCRIBERS, quantity=1) for index in range(count)]
            begin = time.perf_counter()
            p.execute(ledger, commands)
            return count / (time.perf_counter() - begin)

    what, baseline = "RecordUsage charged to contracts, batches of 1,000", "the same debited from credit"
    return [
        paired(
            what,
            "commands/s",
            ours,
            baseline,
            lambda: ledger_usage(folder, count, quantity=1),
            runs=runs,
            at_least="0.9",
            is_ours_too=True,
        )
    ]


# --- a billing run --------------------------------------------------------------------------------------------------


def billing(folder: Path, runs: int, contracts: int) -> list[Figure]:
    """All contracts billed at one boundary, by the writer that took in their use and by one that starts then.

    By seconds of the processor, so that what else the machine does counts less.
    """
    warm, cold = [], []
    for _ in range(runs):
        log = folder / f"billed-{time.monotonic_ns()}.db"
        with composition.opened(Settings(log=log, clock="played")) as opened:
            ledger = opened.writer()
            _use(ledger, contracts)
            first = ledger.recorder.max_notification_id() or 0
            copy = folder / "before.db"
            _copy(log, copy)
            with set_aside():
                seconds = _tick(ledger)
            events = (ledger.recorder.max_notification_id() or 0) - first
            appended = _append(ledger, first, folder / f"appended-{time.monotonic_ns()}.db")
        warm.append((events / seconds, events / appended))
        cold.append((float(_alone(copy)[0]), events / appended))
        for path in (log, copy):
            path.unlink()
    what = f"billing run, {contracts:,} contracts of {USES} uses"
    baseline = "appending as many events of the same size, the log alone"
    return [
        of_pairs(what, UNIT, baseline, warm, at_least="0.5"),
        of_pairs(f"{what}, by a writer that has just started", UNIT, baseline, cold, at_least="report"),
    ]


def billing_memory(folder: Path, counts: tuple[int, int]) -> list[Figure]:
    """The largest size of a process that does nothing but a billing run."""
    sizes = []
    for contracts in counts:
        log = folder / f"memory-{contracts}.db"
        with composition.opened(Settings(log=log, clock="played")) as opened:
            _use(opened.writer(), contracts, uses=2)
        sizes.append(int(_alone(log)[1]) / 1024)
    what, of = f"memory of a billing run of {counts[1]:,} contracts", f"of {counts[0]:,}"
    return [Figure(what, "MiB", sizes[1], of, sizes[0], sizes[1] / sizes[0], "flat")]


def _use(ledger: Ledger, contracts: int, uses: int = USES) -> None:
    _in_batches(ledger, opening(range(contracts)))
    _in_batches(ledger, (p.usage(index, contracts) for index in range(contracts * uses)))


def _tick(ledger: Ledger) -> float:
    """Seconds of the processor that a tick right after the boundary takes."""
    begin = time.process_time()
    clock.tick([ledger], BOUNDARY + CLOCK_TOLERANCE, asked=True)
    return time.process_time() - begin


def _copy(log: Path, copy: Path) -> None:
    with closing(sqlite3.connect(log)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)


def _append(ledger: Ledger, first: int, log: Path) -> float:
    """Seconds of the processor that the same events take where nothing is decided, in batches as large."""
    recorder: Any = ledger.recorder
    stored: list[Any] = []
    while found := recorder.select_notifications(start=first + len(stored) + 1, limit=p.BATCH):
        stored += found
    with composition.opened(Settings(log=log, clock="played")) as opened:
        target: Any = opened.writer().recorder
        begin = time.process_time()
        for at in range(0, len(stored), p.BATCH):
            target.insert_events(stored[at : at + p.BATCH])
        seconds = time.process_time() - begin
    log.unlink()
    return seconds


def _alone(log: Path) -> list[str]:
    """Events a second of processor, and the largest size in KiB, of a process that opens a log for a run alone."""
    command = [sys.executable, "-m", __name__, str(log)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()


def two_writers(folder: Path, runs: int, contracts: int) -> list[Figure]:
    """A billing run on two partitions by two writers, against one on both."""

    def rate(writers: int) -> float:
        log = k.servers().log(folder, 2)
        k.open_accounts(log, opening(range(contracts)))
        rate_of(log, [p.usage(index, contracts, quantity=1) for index in range(contracts * 2)], 2)
        due: list[Command] = []
        for partition in range(2):
            numbers = map(p.number, range(contracts))
            here = [number for number in numbers if partition_of(number, 2) == partition]
            due += [
                AdvanceDue(
                    at=BOUNDARY,
                    command_id=f"run/{begin}",
                    actor=CLOCK,
                    msisdn=log_of(partition),
                    through=BOUNDARY,
                    subjects=here[begin : begin + clock.BATCH],
                )
                for begin in range(0, len(here), clock.BATCH)
            ]
        return contracts * rate_of(log, due, writers, log.policies) / len(due)

    what = f"billing run on Kafka, {contracts:,} contracts, two writers, two partitions"
    return [
        paired(
            what,
            "contracts/s",
            lambda: rate(2),
            "one writer, two partitions",
            lambda: rate(1),
            runs=runs,
            at_least="1.3",
            is_ours_too=True,
        )
    ]


# --- what is owed ---------------------------------------------------------------------------------------------------


def receivables(folder: Path, runs: int, contracts: int) -> list[Figure]:
    """What all accounts owed by age on a day that is past, against one plain sum over the same facts.

    The facts are made up, and written to the tables as a fold would: three bills a contract, most of them paid.
    """
    log, file = folder / "owed.db", folder / "owed.views.db"
    then, now = BOUNDARY + 70 * DAY, BOUNDARY + 80 * DAY
    with composition.opened(Settings(log=log, clock="played")) as opened:
        _in_batches(opened.writer(), [*opening([0]), _pay(p.BEGIN, 0, "all", 10**11)])
        clock.tick([opened.writer()], now, asked=True)
    database = Database(f"sqlite:///{file}")
    Runner(database, [SqliteReader(log)], PROJECTIONS).catch_up()
    tables = Bills(1)
    facts, reading = tables.facts, _facts(contracts)
    while rows := list(islice(reading, 50_000)):
        changes = Changes()
        changes.rows(facts).extend(rows)
        for row in rows:
            month = int(row[1][-1])
            due = (BOUNDARY + ((0, 31, 61)[month - 1] + 21) * DAY) // MINUTE
            tables.open.add(changes, (TERMS,), 0, row[3], row[5], row[6], row[9], due)
        with database.writing() as connection:
            changes.write(connection)
    ask = Questions(lambda: KeptByRunners(database), lambda: now)
    with closing(sqlite3.connect(file)) as plain:
        plain.execute("PRAGMA cache_size=-131072")
        statement = f"SELECT sum(amount) FROM {facts.name} WHERE effective_at<=? AND recorded_at<=?"
        count = plain.execute(f"SELECT count(*) FROM {facts.name}").fetchone()[0]
        pairs = []
        for run in range(runs + 1):
            ours, (answer,) = _timed(lambda: ask.receivables(as_of=then).rows)
            theirs, summed = _timed(lambda: plain.execute(statement, (then, now)).fetchone()[0])
            if answer.billed != summed:
                raise AssertionError((answer, summed))
            if run:  # the first reads the terms, and both files
                pairs.append((ours * 1000, theirs * 1000))
    database.close()
    what = f"receivables by age of {contracts:,} accounts as of a past day"
    baseline = f"one plain sum over the same {count:,} facts of bills"
    return [of_pairs(what, "ms", baseline, pairs, at_least="0.5", inverse=True)]


def _facts(contracts: int) -> Iterator[tuple[Any, ...]]:
    """Three bills of each contract, of which some are paid in part or not at all."""
    for index in range(contracts):
        account = f"{p.number(index)}#1"
        for month, day in enumerate((0, 31, 61)):
            at, bill = BOUNDARY + day * DAY, f"{p.number(index)}-1-B{month + 1:04}"
            place = (account, bill, 0, 1_000 + index * 8 + month * 2)
            issued = (BillIssued.TOPIC, "total", 11_100_000, at + 21 * DAY, None, TERMS)
            yield (*place, 0, at, at, *issued)
            if index % 10 > month:
                paid = 11_100_000 if index % 7 else 5_000_000
                settled = (PaymentSettled.TOPIC, "allocated", -paid, None, f"payment/p{month}", None)
                yield (*place[:-1], place[-1] + 1, 0, at + DAY, at + DAY, *settled)


def _timed(ask: Callable[[], Any]) -> tuple[float, Any]:
    begin = time.perf_counter()
    found = ask()
    return time.perf_counter() - begin, found


def payments(folder: Path, runs: int, bills: int) -> list[Figure]:
    """A payment on an account that has had many bills, against one on an account that has had one."""
    count = _FEW // (runs + 1)
    with p.new_ledger(folder, f"paid-{time.monotonic_ns()}") as ledger:
        last = BOUNDARY + (bills - 1) * 31 * DAY
        fresh = last - 20 * DAY
        _in_batches(ledger, [*opening([0]), _pay(p.BEGIN, 0, "all", 10**11)])
        _in_batches(ledger, [AdvanceTime(at=last, command_id="old", msisdn=p.number(0), actor=CLOCK)])
        _in_batches(ledger, [*opening([1], fresh), _pay(fresh, 1, "all", 10**11)])
        at = last + DAY
        taken = [
            (_paying(ledger, at, 0, f"{run}", count), _paying(ledger, at, 1, f"{run}", count))
            for run in range(runs)
        ]
    what = f"a payment on an account that has had {bills} bills"
    return [_against(what, "on one that has had one or two", taken, "at most 1.1")]


def many_payments(folder: Path, runs: int, most: int = MOST_PAYMENTS) -> list[Figure]:
    """A payment on an account that has nearly as many in advance as it may; and, of so many, those beyond."""
    few = most * 4 // 5
    count = (most - few) // (runs + 1)
    with p.new_ledger(folder, f"crowded-{time.monotonic_ns()}") as ledger:
        _in_batches(ledger, opening(range(1 + runs)))
        at = p.BEGIN + DAY
        _paying(ledger, at, 0, "before", few)
        taken = [
            (_paying(ledger, at, 0, f"{run}", count), _paying(ledger, at, 1 + run, "few", count))
            for run in range(runs)
        ]
        _paying(ledger, at, 0, "full", most - few - count * runs)
        beyond = [
            (_paying(ledger, at, 0, f"beyond-{run}", count), other) for run, (_, other) in enumerate(taken)
        ]
    what, baseline = f"a payment on an account that has {few} others, all in advance", "on one that has few"
    return [
        _against(what, baseline, taken, "report"),
        _against(f"one more than {most:,}, which lies in suspense", baseline, beyond, "report"),
    ]


def _paying(ledger: Ledger, at: int, index: int, names: str, count: int) -> float:
    """Microseconds of the processor that a payment takes, of so many."""
    some = [_pay(at, index, f"{names}-{n}", 100) for n in range(count)]
    begin = time.process_time()
    p.execute(ledger, some)
    return (time.process_time() - begin) / count * 1e6


def _against(what: str, baseline: str, taken: list[tuple[float, float]], at_least: str) -> Figure:
    ours = statistics.median(one for one, _ in taken)
    theirs = statistics.median(other for _, other in taken)
    ratio = statistics.median(one / other for one, other in taken)
    return Figure(what, "µs of processor", ours, baseline, theirs, ratio, at_least)


def _run(log: Path) -> None:
    collect_rarely()  # as `pulsa` does
    with composition.opened(Settings(log=log, clock="played")) as opened:
        ledger = opened.writer()
        first = ledger.recorder.max_notification_id() or 0
        seconds = _tick(ledger)
        events = (ledger.recorder.max_notification_id() or 0) - first
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    size = next(line.split()[1] for line in lines if line.startswith("VmHWM"))
    print(events / seconds, size)


if __name__ == "__main__":
    _run(Path(sys.argv[1]))
