"""The oracle: every question answered by folding all events from the first one on, filtered anew for each moment.

It shares neither tables nor sums with the projections, whose answers are held against it. What it has folded for a
moment it keeps until the log goes on.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ledger.domain.calendar import format_instant
from ledger.domain.events import Event
from ledger.domain.ids import is_of_line, subject_of
from ledger.domain.line.line import Line
from ledger.domain.partition.events import ClosedThrough, LogCreated
from ledger.domain.prepaid.events import CreditTransferReceived, CreditTransferReturned, CreditTransferSent
from ledger.domain.terms_book import TermsBook
from ledger.store.reading import SqliteReader
from projections.asking.enquiring import AnyEnquiry, enquiry_of
from projections.engine.answers import Moment
from projections.engine.unanswered import BeforeTheLog, KnownBeyondNow, unknown
from projections.line.asked_number import asked_number
from projections.line.lines_as_of import LineAsOf, advanced, states_of
from projections.line.states import StateCounts
from projections.money.ledger_accounts import ALWAYS_TOLD, Balance, class_of, ledger_account
from projections.money.transfers import InTransit
from projections.money.trial_balance import TrialBalance

Sums = Counter[tuple[str, str]]
"""What postings add up to, by ledger account and unit; sen."""


class Placed(NamedTuple):
    """An event, and where it lies."""

    partition: int
    ordinal: int
    event: Event


class Oracle:
    """The questions to a log in files, one for each partition; `partition_of` tells that of a number."""

    def __init__(
        self, files: Sequence[Path], now: Callable[[], int], partition_of: Callable[[str], int] = lambda _: 0
    ) -> None:
        self._readers = [SqliteReader(file, partition) for partition, file in enumerate(files)]
        self._now = now
        self._partition_of = partition_of
        self._stood: list[Any] = []

    # --- one number ---------------------------------------------------------------------------------------------------

    def enquiry(self, about: str, *, as_of: int | None = None, known_at: int | None = None) -> AnyEnquiry:
        asked = asked_number(about)
        line, _ = self._line(asked.msisdn, self._moment(as_of, known_at, self._partition_of(asked.msisdn)))
        return enquiry_of(line, asked)

    def enquiries(self, *, as_of: int | None = None, known_at: int | None = None) -> Iterator[AnyEnquiry]:
        self._rests_on(self._moment(as_of, known_at))
        for msisdn in self._numbers:
            line, _ = self._line(msisdn, self._moment(as_of, known_at, self._partition_of(msisdn)))
            if line.line.account is not None:
                yield enquiry_of(line, asked_number(msisdn))

    # --- ledger accounts ----------------------------------------------------------------------------------------------

    def balance(self, name: str, *, as_of: int | None = None, known_at: int | None = None) -> list[Balance]:
        asked = ledger_account(name)
        moment = self._moment(as_of, known_at)
        customer = asked.customer
        if customer is None:
            position = self._rests_on(moment)
            sums, last = self._sums(moment)
        else:
            own = self._moment(as_of, known_at, self._partition_of(customer.msisdn))
            line, seen = self._line(customer.msisdn, own)
            if customer.account not in line.accounts:
                raise unknown(customer.account, moment)
            sums, position = _summed(seen), line.position
            if customer.part == "in-transit":
                sums, last = self._sums(moment)
                position = self._rests_on(moment)
                if len(self._readers) == 1:
                    partition, _, ordinal = line.position.partition(":")
                    position = f"{partition}:{max(int(ordinal), last[name])}"
            else:
                moment = own
        units = sorted({unit for account, unit in sums if account == name}) or [asked.unit]
        return [Balance(name, unit, sums[name, unit], *moment, position) for unit in units]

    def trial_balance(
        self, *, each: bool = False, as_of: int | None = None, known_at: int | None = None
    ) -> TrialBalance:
        moment = self._moment(as_of, known_at)
        position = self._rests_on(moment)
        total = Counter(dict.fromkeys(ALWAYS_TOLD.items(), 0))
        for (name, unit), amount in self._sums(moment)[0].items():
            total[name if each or name.startswith("operator/") else class_of(name), unit] += amount
        rows = tuple((name, unit, total[name, unit]) for name, unit in sorted(total))
        return TrialBalance(rows, *moment, position)

    # --- all of them --------------------------------------------------------------------------------------------------

    def states(self, *, as_of: int | None = None, known_at: int | None = None) -> StateCounts:
        moment = self._moment(as_of, known_at)
        position = self._rests_on(moment)
        accounts: Counter[str] = Counter()
        numbers: Counter[str] = Counter()
        for msisdn in self._numbers:
            states = self._line(msisdn, moment)[0].states
            accounts.update(states.accounts)
            if states.accounts:
                numbers[states.number] += 1
        return StateCounts(dict(accounts), dict(numbers), *moment, position)

    def transit(self, *, as_of: int | None = None, known_at: int | None = None) -> list[InTransit]:
        moment = self._moment(as_of, known_at)
        position = self._rests_on(moment)
        seen = [found.event for found in self._events if _sees(moment, found.event)]
        ended = {e.transfer for e in seen if isinstance(e, CreditTransferReceived | CreditTransferReturned)}
        sent = [e for e in seen if isinstance(e, CreditTransferSent) and e.transfer not in ended]
        return [
            InTransit(e.transfer, e.account, e.to_msisdn, e.amount, e.fee, e.effective_at, *moment, position)
            for e in sorted(sent, key=lambda event: event.effective_at)
        ]

    def events_then(self, as_of: int, known_at: int) -> list[Event]:
        """Every event of every number then, those that fell due included."""
        moment = self._moment(as_of, known_at)
        return [event for msisdn in self._numbers for event in self._line(msisdn, moment)[1]]

    def line(self, msisdn: str, as_of: int, known_at: int) -> LineAsOf:
        """A number then, with what fell due."""
        return self._line(msisdn, self._moment(as_of, known_at, self._partition_of(msisdn)))[0]

    # --- folding ------------------------------------------------------------------------------------------------------

    def _read(self) -> None:
        """Reads all events, where there are other ones than before."""
        found: list[list[Placed]] = []
        self._book = TermsBook()
        for reader in self._readers:
            with reader.snapshot() as log:
                found.append([Placed(log.partition, one.ordinal, one.event) for one in log.events()])
                for document in log.book.documents():
                    self._book.publish(document)
        self._partitions = found
        self._events = sorted(
            (one for some in found for one in some), key=lambda one: (one.event.recorded_at, one.partition)
        )
        self._of_number: dict[str, list[Placed]] = defaultdict(list)
        for partition, some in enumerate(found):
            for one in some:
                msisdn = subject_of(one.event.account)
                if is_of_line(one.event.account) and self._partition_of(msisdn) == partition:
                    self._of_number[msisdn].append(one)
        self._numbers = sorted(self._of_number)
        self._lines: dict[tuple[str, Moment], tuple[LineAsOf, list[Event]]] = {}
        self._sums_then: dict[Moment, tuple[Sums, Counter[str]]] = {}

    def _moment(self, as_of: int | None, known_at: int | None, partition: int | None = None) -> Moment:
        stands = [_stands(reader.path) for reader in self._readers]
        if stands != self._stood:
            self._read()
            self._stood = stands
        now = self._now()
        known_at = now if known_at is None else known_at
        if known_at > now:
            raise KnownBeyondNow(f"it is {format_instant(now)}")
        asked = self._partitions if partition is None else [self._partitions[partition]]
        closed = [
            max((one.event.through for one in some if isinstance(one.event, ClosedThrough)), default=None)
            for some in asked
            if some
        ]
        final = bool(closed) and all(through is not None and known_at <= through for through in closed)
        return Moment(now if as_of is None else as_of, known_at, final)

    def _rests_on(self, moment: Moment) -> str:
        known = [
            max((one.ordinal for one in some if one.event.recorded_at <= moment.known_at), default=0)
            for some in self._partitions
        ]
        if not any(known):
            raise BeforeTheLog(f"nothing was recorded by {format_instant(moment.known_at)}")
        begin = min(one.event.recorded_at for one in self._events if isinstance(one.event, LogCreated))
        if moment.as_of < begin:
            raise BeforeTheLog(f"the log begins at {format_instant(begin)}")
        return ",".join(f"{partition}:{ordinal}" for partition, ordinal in enumerate(known))

    def _line(self, msisdn: str, moment: Moment) -> tuple[LineAsOf, list[Event]]:
        """A number then, and all its events, those that fell due included."""
        found = self._lines.get((msisdn, moment))
        if found is None:
            found = self._lines[msisdn, moment] = self._folded(msisdn, moment)
        return found

    def _folded(self, msisdn: str, moment: Moment) -> tuple[LineAsOf, list[Event]]:
        line, last, seen = Line(msisdn, self._book), 0, []
        for one in self._of_number.get(msisdn, ()):
            if _sees(moment, one.event):
                line.take(one.event)
                last = one.ordinal
                seen.append(one.event)
        recorded = states_of(line)
        due = advanced(line, moment.as_of)
        return LineAsOf(line, due, recorded, moment, f"{self._partition_of(msisdn)}:{last}"), seen + due

    def _sums(self, moment: Moment) -> tuple[Sums, Counter[str]]:
        """All postings of all numbers, by (ledger account, unit); and the last ordinal of each ledger account's."""
        found = self._sums_then.get(moment)
        if found is None:
            found = self._sums_then[moment] = self._summed_up(moment)
        return found

    def _summed_up(self, moment: Moment) -> tuple[Sums, Counter[str]]:
        sums: Sums = Counter()
        for msisdn in self._numbers:
            sums.update(_summed(self._line(msisdn, moment)[1]))
        last: Counter[str] = Counter()
        for one in self._events:
            if _sees(moment, one.event):
                for posting in one.event.postings:
                    last[posting["account"]] = max(last[posting["account"]], one.ordinal)
        return sums, last


def _stands(log: Path) -> list[Any]:
    """What is another once anything was written to a log, or to what is written ahead of it."""
    files = (log, log.with_name(f"{log.name}-wal"))
    found = [file.stat() for file in files if file.exists()]
    return [(one.st_ino, one.st_mtime_ns, one.st_size) for one in found]


def _sees(moment: Moment, event: Event) -> bool:
    return event.effective_at <= moment.as_of and event.recorded_at <= moment.known_at


def _summed(events: Sequence[Event]) -> Sums:
    sums: Sums = Counter()
    for event in events:
        for posting in event.postings:
            sums[posting["account"], posting["unit"]] += posting["amount"]
    return sums
