"""What only the log has: its events one by one, what became of each command, and how far it goes.

A question about one number reads the number's partition; one about all of them goes through every partition.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

from ledger.domain.calendar import Zone
from ledger.domain.customer.as_of import customer_as_of
from ledger.domain.customer.person import Person
from ledger.domain.ids import PartitionOf, is_own, number_in, subject_of
from ledger.domain.kinds import is_keyed
from ledger.domain.line.line import Line
from ledger.domain.terms_book import TermsBook
from projections.asking.bill_items import BillItem, bill_items
from projections.asking.holding import HeldByAccount, held_after
from projections.asking.log_answers import (
    Head,
    HistoryLine,
    HistoryRefusal,
    JournalLine,
    LogLine,
    OutcomeAnswer,
)
from projections.asking.wanted_decisions import WantedDecisions, chosen
from projections.asking.why import WantedChanges, Why, why
from projections.engine.answers import Listed, Moment, position
from projections.engine.event_types import event_topic
from projections.engine.instants import Asked, own_zone
from projections.engine.local_days import zone_of
from projections.engine.reader import BulkReader, BulkSnapshot, Decided, LogSnapshot
from projections.engine.unanswered import (
    BeforeTheLog,
    ProjectionBehind,
    UnknownCommand,
    UnknownThen,
    unknown,
)
from projections.line.asked_number import AskedNumber, asked_number
from projections.line.lines_as_of import LineAsOf, accounts_in, advanced, line_in
from projections.money.ledger_accounts import MAIN_PARTS, LedgerAccount, ledger_account

if TYPE_CHECKING:
    from projections.engine.snapshot import Snapshot  # slow to import


class LogItself:
    """A log, by readers of all its partitions; `now` tells the present instant."""

    def __init__(
        self, readers: Sequence[BulkReader], partition_of: PartitionOf, now: Callable[[], int]
    ) -> None:
        self.readers = readers
        self._partition_of = partition_of
        self._now = now

    def _of(self, msisdn: str) -> AbstractContextManager[BulkSnapshot]:
        return self.readers[self._partition_of(msisdn)].snapshot()

    def _moment(self, log: LogSnapshot, asked: Asked, msisdn: str) -> Moment:
        own = partial(own_zone, log.book, partial(_terms_of, log, msisdn))
        as_of, known_at = asked.instants(self._now(), own)
        closed = log.closed_through
        return Moment(as_of, known_at, closed is not None and known_at <= closed)

    def own_zone(self, msisdn: str | None) -> Zone:
        """The zone of the terms: of all in the log, or of a number's. Raises SeveralZones."""
        if msisdn is not None:
            with self._of(msisdn) as log:
                return own_zone(log.book, partial(_terms_of, log, msisdn))
        book = TermsBook()
        for reader in self.readers:
            with reader.snapshot() as log:
                for terms in log.book.published:
                    book.publish(log.book.document(terms))
        return own_zone(book, lambda: None)

    def zone_under(self, terms: str) -> Zone:
        """The zone of terms by id. Raises LogDamaged where the log lacks them, TermsInvalid, TermsChanged."""
        for reader in self.readers[1:]:
            with reader.snapshot() as log:
                if terms in log.book:
                    return zone_of(terms, log.book)
        with self.readers[0].snapshot() as log:
            return zone_of(terms, log.book)

    def line(self, msisdn: str, asked: Asked) -> LineAsOf:
        """A number as its own events make it. Raises KnownBeyondNow, SeveralZones."""
        with self._of(msisdn) as log:
            return line_in(log, msisdn, self._moment(log, asked, msisdn))

    def history(self, about: AskedNumber, asked: Asked, *, refused: bool) -> Iterator[HistoryLine]:
        """The events of a number, or of one account, in the order of recording, each with the balance after it."""
        with self._of(about.msisdn) as log:
            moment = self._moment(log, asked, about.msisdn)
            events = _history(log, about, moment)
            first = next(events, None)
            if first is None:
                raise unknown(about.named, moment)
            refusals = _refusals(log, about.msisdn, moment) if refused else iter(())
            for _, line in heapq.merge(chain([first], events), refusals, key=lambda line: line[0]):
                yield line

    def why(self, about: str, asked: Asked, wanted: WantedChanges, words: Callable[[str], str | None]) -> Why:
        """Why a ledger account holds what it holds, or the credit of a number's current account."""
        msisdn = number_in(about)
        named = None if msisdn is not None else ledger_account(about)
        with self._of(msisdn or subject_of(about)) as log:
            moment = self._moment(log, asked, msisdn or subject_of(about))
            if named is None:
                named = _main_account(log, asked_number(about), moment)
            return why(log, moment, named, wanted, asked.zone, words)

    def bill_items(self, number: str, asked: Asked) -> Listed[BillItem]:
        """The use that a bill carries. Raises UnknownThen."""
        msisdn = number_in(number.partition("-")[0])
        if msisdn is None:
            raise UnknownThen(f"{number}: no number of a bill")
        with self._of(msisdn) as log:
            return bill_items(log, self._moment(log, asked, msisdn), msisdn, number)

    def person(self, customer: str) -> Person | None:
        """What a customer's events add up to of the person by now; None where nobody is registered."""
        with self._of(customer) as log:
            events = (found.event for found in log.events_of(customer))
            return customer_as_of(customer, events, log.book, self._now()).state.person

    def outcome(self, msisdn: str, command_id: str) -> OutcomeAnswer:
        """What became of a command. Raises UnknownCommand."""
        with self._of(msisdn) as log:
            decided = log.decision(msisdn, command_id)
            if decided is None:
                raise UnknownCommand(f"{msisdn} has no decided command {command_id}")
            return _outcome(log, msisdn, decided)

    def journal(self, wanted: WantedDecisions, zone: Zone | None) -> Iterator[JournalLine]:
        """The decided commands that are wanted, in the order of each partition, merged by when they were taken."""
        since, until = wanted.bounds(lambda: zone or self.own_zone(None))
        with ExitStack() as stack:
            logs = [stack.enter_context(reader.snapshot()) for reader in self.readers]
            if wanted.subject is not None:
                logs = [
                    log for log in logs if log.partition == self._partition_of(subject_of(wanted.subject))
                ]
            each = [chosen(log, wanted, since, until) for log in logs]
            for log, decided in wanted.drawn(heapq.merge(*each, key=lambda one: one[1].at)):
                closed = log.closed_through
                final = closed is not None and decided.at <= closed
                yield JournalLine(
                    f"{log.partition}:{decided.entry}", _outcome(log, decided.subject, decided), final
                )

    def events(self, start: int, *, subject: str | None, types: Collection[str] | None) -> Iterator[LogLine]:
        """The events from an ordinal on, in the order of each partition, merged by when they were recorded."""
        topics = None if types is None else {event_topic(name) for name in types}
        each = [_events(reader, start, subject, topics) for reader in self.readers]
        yield from heapq.merge(*each, key=lambda line: line.event.recorded_at)

    def head(self) -> Head:
        """How far the log goes. Raises BeforeTheLog."""
        with ExitStack() as stack:
            logs = [stack.enter_context(reader.snapshot()) for reader in self.readers]
            created = [found for log in logs if (found := log.created) is not None]
            if not created:
                raise BeforeTheLog("nothing has been recorded yet")
            first = min(created, key=lambda event: event.recorded_at)
            closed = [log.closed_through for log in logs if log.head]
            through = [instant for instant in closed if instant is not None]
            return Head(
                position({log.partition: log.head for log in logs}),
                sum(log.head for log in logs),
                first.clock,
                first.recorded_at,
                min(through) if len(through) == len(closed) else None,
            )

    def must_have_reached(self, at_least: Mapping[int, int]) -> None:
        """Raises ProjectionBehind where a partition has not gone as far as that, BeforeTheLog where none has begun."""
        if not at_least:
            return
        self.head()
        reached = {}
        for reader in self.readers:
            with reader.snapshot() as log:
                reached[log.partition] = log.head
        for partition, ordinal in at_least.items():
            found = reached.get(partition, 0)
            if found < ordinal:
                raise ProjectionBehind(f"the log is at {partition}:{found}, not yet at {partition}:{ordinal}")


def head_of(then: Snapshot) -> Head:
    """How far the projections go, which may be less than the log. Raises BeforeTheLog."""
    if not then.partitions:
        raise BeforeTheLog("nothing has been recorded yet")
    facts = list(then.partitions.values())
    closed = [fact.closed_through for fact in facts]
    through = [instant for instant in closed if instant is not None]
    return Head(
        position(then.positions),
        sum(then.positions[fact.partition] for fact in facts),
        facts[0].clock,
        min(fact.created_at for fact in facts),
        min(through) if len(through) == len(closed) else None,
    )


def _terms_of(log: LogSnapshot, msisdn: str) -> str | None:
    """The terms that a number's account is under, whenever."""
    line = Line(msisdn, log.book)
    for found in log.events_of(msisdn):
        line.take(found.event)
    return None if line.account is None else line.account.terms


def _main_account(log: LogSnapshot, about: AskedNumber, moment: Moment) -> LedgerAccount:
    """The ledger account that people mean by a number, or an account of one. Raises UnknownThen."""
    line = line_in(log, about.msisdn, moment)
    account = line.current if about.account is None else line.accounts.get(about.account)
    if account is None:
        raise unknown(about.named, moment)
    return ledger_account(f"{account.id}/{MAIN_PARTS[account.PRODUCT]}")


# --- one number's events --------------------------------------------------------------------------------------------

_Ordered = tuple[tuple[float, int], HistoryLine]
"""A line of a history, and where it comes among the others."""


def _history(log: LogSnapshot, asked: AskedNumber, moment: Moment) -> Iterator[_Ordered]:
    line = Line(asked.msisdn, log.book)
    for found in log.events_of(asked.msisdn):
        event = found.event
        if event.effective_at > moment.as_of or event.recorded_at > moment.known_at:
            continue
        line.take(event)
        if asked.account in (None, event.account):
            written = LogLine(f"{log.partition}:{found.ordinal}", found.digest, event)
            yield (found.ordinal, 0), held_after(line, event).after(written, moment)
    if line.account is None:
        return
    holdings = {id_: HeldByAccount(account) for id_, account in accounts_in(line).items()}
    for event in advanced(line, moment.as_of):
        holding = holdings.get(event.account) or holdings[line.current.id]
        holding.take(event)
        if asked.account in (None, event.account):
            yield (float("inf"), 0), holding.after(LogLine(None, None, event), moment)


def _refusals(log: LogSnapshot, msisdn: str, moment: Moment) -> Iterator[_Ordered]:
    for decided in log.decided(msisdn):
        seen = decided.at <= moment.as_of and decided.at <= moment.known_at
        if seen and decided.code is not None and not decided.events:
            yield (decided.ordinal, 1), HistoryRefusal(_outcome(log, msisdn, decided), moment.final)


def _outcome(log: LogSnapshot, msisdn: str, decided: Decided) -> OutcomeAnswer:
    return OutcomeAnswer(
        msisdn=msisdn,
        command_id=decided.command_id,
        command=decided.name,
        at=decided.at,
        code=decided.code,
        message=decided.message,
        events=decided.events,
        position=f"{log.partition}:{decided.ordinal}",
        principal=decided.principal,
    )


# --- all of them ----------------------------------------------------------------------------------------------------


def _events(
    reader: BulkReader, start: int, subject: str | None, topics: Collection[str] | None
) -> Iterator[LogLine]:
    with reader.snapshot() as log:
        if subject is not None and is_keyed(subject):
            events = log.events_of(subject_of(subject))
        elif subject is not None and not is_own(subject):
            return  # nothing is called so
        else:
            events = log.events(start, types=topics)
        for ordinal, digest, event in ((r.ordinal, r.digest, r.event) for r in events):
            if ordinal < start or (topics is not None and event.TOPIC not in topics):
                continue
            if subject is None or subject in (event.account, subject_of(event.account)):
                yield LogLine(f"{log.partition}:{ordinal}", digest, event)
