"""A log of several partitions, read and asked as one.

A question about one number reads the number's partition only; one about all of them rests on every partition, and
says how far it read each: `0:120,1:98`.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any, Protocol, TypeVar, cast

from ledger.domain.kinds import subject_of
from ledger.domain.partition.events import LogCreated
from ledger.domain.terms_book import TermsBook
from projections.asking.answers import (
    Balance,
    Enquiry,
    Head,
    HistoryLine,
    InTransit,
    LogLine,
    OutcomeAnswer,
    States,
    TrialBalance,
)
from projections.asking.direct import DirectQueries
from projections.asking.queries import BeforeTheLog, Queries
from projections.engine.reader import Decided, LogReader, LogSnapshot, Recorded

PartitionOf = Callable[[str], int]
"""Tells the partition of a subject."""


class _Placed(Protocol):
    @property
    def known_at(self) -> int: ...
    @property
    def position(self) -> str: ...


_A = TypeVar("_A", bound=_Placed)


class Partitions:
    """Readers of every partition, as one `LogReader`. What is read is each partition at about the same moment."""

    def __init__(self, readers: Sequence[LogReader], partition_of: PartitionOf) -> None:
        self.readers = list(readers)
        self.partition_of = partition_of

    @contextmanager
    def snapshot(self) -> Iterator[PartitionsSnapshot]:
        """The log as it stands now. Raises what the readers raise."""
        with ExitStack() as stack:
            logs = [stack.enter_context(reader.snapshot()) for reader in self.readers]
            yield PartitionsSnapshot(logs, self.partition_of)


class PartitionsSnapshot:
    """All partitions as they stood. Ordinals are those of each event's own partition."""

    partition = 0

    def __init__(self, logs: Sequence[LogSnapshot], partition_of: PartitionOf) -> None:
        self.logs = list(logs)
        self._partition_of = partition_of
        self._book: TermsBook | None = None

    def _of(self, subject: str) -> LogSnapshot:
        return self.logs[self._partition_of(subject)]

    @property
    def head(self) -> int:
        """How many events there are in all."""
        return sum(log.head for log in self.logs)

    @property
    def closed_through(self) -> int | None:
        """The instant through which every partition is closed."""
        closed = [log.closed_through for log in self.logs if log.head]
        return None if None in closed or not closed else min(cast("list[int]", closed))

    @property
    def created(self) -> LogCreated | None:
        """The earliest of the partitions' first events."""
        created = [found for log in self.logs if (found := log.created) is not None]
        return min(created, key=lambda event: event.recorded_at, default=None)

    @property
    def book(self) -> TermsBook:
        """The terms that any partition has published."""
        if self._book is None:
            self._book = TermsBook()
            for log in self.logs:
                for document in log.book.documents():
                    self._book.publish(document)
        return self._book

    def events(self, start: int = 1, *, types: Collection[str] | None = None) -> Iterator[Recorded]:
        """The events from each partition's ordinal on, each in its order, merged by when they were recorded."""
        streams = [log.events(start, types=types) for log in self.logs]
        return heapq.merge(*streams, key=lambda found: found.event.recorded_at)

    def events_of(self, msisdn: str) -> Iterator[Recorded]:
        """The events of a number and of all its accounts, in order."""
        return self._of(msisdn).events_of(msisdn)

    def numbers(self) -> Iterator[str]:
        """Every number that has events, ascending."""
        return heapq.merge(*(log.numbers() for log in self.logs))

    def decided(self, subject: str) -> Iterator[Decided]:
        """What the journal has of a number, in order."""
        return self._of(subject).decided(subject)

    def decision(self, subject: str, command_id: str) -> Decided | None:
        """What the journal has of one command."""
        return self._of(subject).decision(subject, command_id)

    def recorded_by(self, known_at: int) -> int:
        """How many events were recorded at or before an instant, partition by partition."""
        return sum(log.recorded_by(known_at) for log in self.logs)

    def position(self, known_at: int | None = None) -> str:
        """How far each partition goes, or went at an instant."""
        ordinals = [log.head if known_at is None else log.recorded_by(known_at) for log in self.logs]
        return ",".join(
            f"{log.partition}:{ordinal}" for log, ordinal in zip(self.logs, ordinals, strict=True)
        )


class PartitionedQueries:
    """The questions of `Queries`, answered from all partitions of a log."""

    def __init__(self, log: Partitions, now: Callable[[], int]) -> None:
        self._log = log
        self._each: list[Queries] = [DirectQueries(reader, now) for reader in log.readers]
        self._now = now

    def _of(self, subject: str) -> Queries:
        return self._each[self._log.partition_of(subject_of(subject))]

    @contextmanager
    def _whole(self) -> Iterator[tuple[DirectQueries, PartitionsSnapshot]]:
        """Questions about all partitions at one moment."""
        with self._log.snapshot() as snapshot:
            yield DirectQueries(_Held(snapshot), self._now), snapshot

    def enquiry(self, subject: str, *, as_of: int | None = None, known_at: int | None = None) -> Enquiry:
        """A number's current account then, or the account named."""
        return self._of(subject).enquiry(subject, as_of=as_of, known_at=known_at)

    def enquiries(self, *, as_of: int | None = None, known_at: int | None = None) -> Iterator[Enquiry]:
        """The current account of every number that had one then, in the numbers' order."""
        later: list[BeforeTheLog] = []

        def of(queries: Queries) -> Iterator[Enquiry]:
            try:
                yield from queries.enquiries(as_of=as_of, known_at=known_at)
            except BeforeTheLog as error:  # others may have begun by then
                later.append(error)

        yield from heapq.merge(*map(of, self._each), key=lambda found: found.msisdn)
        if len(later) == len(self._each):
            raise later[0]

    def balance(
        self, ledger_account: str, *, as_of: int | None = None, known_at: int | None = None
    ) -> list[Balance]:
        """The balance of a ledger account, one for each unit that it holds."""
        account, _, part = ledger_account.rpartition("/")
        if part in ("credit", "reserved"):
            return self._of(account).balance(ledger_account, as_of=as_of, known_at=known_at)
        with self._whole() as (queries, log):
            found = queries.balance(ledger_account, as_of=as_of, known_at=known_at)
            return [_placed(balance, log) for balance in found]

    def history(self, subject: str, **asked: Any) -> Iterator[HistoryLine]:  # noqa: ANN401 - as `Queries` has it
        """The events of a number and its accounts, or of the account named, with the balance after each."""
        return self._of(subject).history(subject, **asked)

    def log(
        self, start: int = 1, *, subject: str | None = None, types: Collection[str] | None = None
    ) -> Iterator[LogLine]:
        """The events from an ordinal on, in the order of each partition, merged by when they were recorded."""
        each = [queries.log(start, subject=subject, types=types) for queries in self._each]
        return heapq.merge(*each, key=lambda line: line.event.recorded_at)

    def outcome(self, msisdn: str, command_id: str) -> OutcomeAnswer:
        """What became of a command."""
        return self._of(msisdn).outcome(msisdn, command_id)

    def transit(self, *, as_of: int | None = None, known_at: int | None = None) -> list[InTransit]:
        """Credit on its way, longest first."""
        with self._whole() as (queries, log):
            found = queries.transit(as_of=as_of, known_at=known_at)
            return [_placed(one, log) for one in found]

    def states(self, *, as_of: int | None = None, known_at: int | None = None) -> States:
        """How many accounts and numbers are in each state."""
        with self._whole() as (queries, log):
            return _placed(queries.states(as_of=as_of, known_at=known_at), log)

    def trial_balance(
        self, *, each: bool = False, as_of: int | None = None, known_at: int | None = None
    ) -> TrialBalance:
        """Every ledger account's balance; each customer's, or all of them summed."""
        with self._whole() as (queries, log):
            return _placed(queries.trial_balance(each=each, as_of=as_of, known_at=known_at), log)

    def head(self) -> Head:
        """How far the log goes: every partition's position, and the number of events in all."""
        with self._log.snapshot() as log:
            created = log.created
            if created is None:
                raise BeforeTheLog("nothing has been recorded yet")
            return Head(log.position(), log.head, created.clock, created.recorded_at, log.closed_through)


class _Held:
    """A reader that gives the one snapshot that is open already."""

    def __init__(self, log: PartitionsSnapshot) -> None:
        self._log = log

    @contextmanager
    def snapshot(self) -> Iterator[LogSnapshot]:
        yield self._log


def _placed(answer: _A, log: PartitionsSnapshot) -> _A:
    """The answer with every partition's position."""
    return replace(cast("Any", answer), position=log.position(answer.known_at))  # type: ignore[no-any-return]
