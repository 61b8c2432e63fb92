"""Bills, with their lines, and what became of each: paid, met by the deposit, credited, written off, or still open."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, TypedDict, cast

from ledger.domain.calendar import MINUTE, Day, Instant, day_number
from ledger.domain.events import Event
from ledger.domain.ids import number_in
from ledger.domain.line.events import Terminated
from ledger.domain.money import Sen
from ledger.domain.postpaid.events_of_bills import (
    AdvanceApplied,
    BillIssued,
    BillLine,
    CreditNoteIssued,
    WrittenOff,
)
from ledger.domain.postpaid.events_of_payments import (
    DepositApplied,
    PaymentReversed,
    PaymentSettled,
    SuspenseTaken,
)
from ledger.domain.postpaid.terms import PostpaidTerms
from ledger.domain.terms_book import TermsBook
from projections.engine.answers import Answer, Listed
from projections.engine.changes import Changes
from projections.engine.database_transactions import Transaction
from projections.engine.projection import FoldBatch
from projections.engine.snapshot import Snapshot
from projections.engine.sql import select
from projections.engine.sql_expressions import BigInteger, Column, LargeBinary
from projections.engine.sums import BitemporalSums
from projections.engine.unanswered import UnknownThen
from projections.line.asked_number import AskedNumber, accounts
from projections.line.folded_numbers import body_of, event_of
from projections.postpaid.facts import AT_ONCE, Fact, Facts, Known, Says, known_of

TOTAL, ALLOCATED, DEPOSIT, CREDITED, WRITTEN_OFF = "total", "allocated", "deposit", "credited", "written-off"
"""What a bill's open amount is made of: its total, less the others. Only the total has an end and terms."""
_REMEMBERED = 50_000
"""Bills whose due ends are kept between batches."""


class EndOfContract(NamedTuple):
    """The end of a contract makes every bill that is not due yet due at the end of its day (SE23-24)."""

    account: str
    since: int
    due_until: int
    due_on: int

    def moves(self, issued_at: int, due_until: int) -> bool:
        """Whether it moves the due end of a bill."""
        return issued_at <= self.since < due_until


def _issued(event: BillIssued, _: TermsBook) -> Iterator[Fact]:
    yield Fact(event.bill, TOTAL, event.total, event.due_until, None, event.terms)


def _settled(event: PaymentSettled | SuspenseTaken, _: TermsBook) -> Iterator[Fact]:
    for part in event.allocations:
        yield Fact(part["bill"], ALLOCATED, -part["amount"], None, f"payment/{event.reference}")


def _applied(event: AdvanceApplied, _: TermsBook) -> Iterator[Fact]:
    for use in event.applied:
        yield Fact(use["bill"], ALLOCATED, -use["amount"], None, use["source"])


def _reversed(event: PaymentReversed, _: TermsBook) -> Iterator[Fact]:
    for part in event.reopened:
        yield Fact(part["bill"], ALLOCATED, part["amount"], None, f"payment/{event.reference}")


def _deposit_applied(event: DepositApplied, _: TermsBook) -> Iterator[Fact]:
    for part in event.allocations:
        yield Fact(part["bill"], DEPOSIT, -part["amount"], None, event.source)


def _credited(event: CreditNoteIssued, _: TermsBook) -> Iterator[Fact]:
    yield Fact(event.bill, CREDITED, -event.met_open, None, f"note/{event.number}")


def _written_off(event: WrittenOff, _: TermsBook) -> Iterator[Fact]:
    yield Fact(event.bill, WRITTEN_OFF, -event.amount, None, event.reason)


class Bills(Facts):
    """What changes the open amount of every bill; the bills as they were issued; and the ends of contracts."""

    name = "bills"
    version = 2
    SAYS: ClassVar[Says] = {
        BillIssued: _issued,
        PaymentSettled: _settled,
        SuspenseTaken: _settled,
        AdvanceApplied: _applied,
        PaymentReversed: _reversed,
        DepositApplied: _deposit_applied,
        CreditNoteIssued: _credited,
        WrittenOff: _written_off,
    }
    one_by_one = frozenset({Terminated.TOPIC, *(kind.TOPIC for kind in SAYS)})

    def __init__(self, generation: int) -> None:
        super().__init__(generation)
        instant = BigInteger
        self.issued = self._table("issued", Column("body", LargeBinary, nullable=False))
        ends = (Column(name, instant, nullable=False) for name in ("due_until", "due_on"))
        self.ends = self._table("ends", *ends)
        self.open = BitemporalSums(
            self.metadata,
            "bills_open",
            generation,
            keys=("terms",),
            amounts=("amount",),
            numbers=("due_minute",),
        )
        """Open amounts by terms and due end, as each bill was issued."""
        self._due: dict[str, tuple[str, int]] = {}
        """Of each, its terms and the minute: due ends are midnights, and microseconds would not fit."""

    def fold(self, batch: FoldBatch, changes: Changes) -> None:
        """Takes in bills, what meets them, and ends."""
        super().fold(batch, changes)
        self._fold_open(batch, changes)
        for found in batch.events:
            event = found.event
            end = end_by(event, batch.book)
            if end is None and not isinstance(event, BillIssued):
                continue
            row = (event.account, batch.partition, found.ordinal, event.effective_at, event.recorded_at)
            if end is not None:
                changes.rows(self.ends).append((*row, end.due_until, end.due_on))
            else:
                changes.rows(self.issued).append((*row, body_of(event)))

    def _fold_open(self, batch: FoldBatch, changes: Changes) -> None:
        """Takes every fact into the sum of its bill's due end, which the total alone says."""
        if len(self._due) > _REMEMBERED:
            self._due.clear()
        said = [(found, fact) for found in batch.events for fact in self.said_by(found.event, batch.book)]
        for _, fact in said:
            if fact.what == TOTAL and fact.until is not None:
                self._due[fact.subject] = (fact.terms or "", fact.until // MINUTE)
        unknown = {found.event.account for found, fact in said if fact.subject not in self._due}
        self._recall(batch.connection, sorted(unknown))
        for found, fact in said:
            due = self._due.get(fact.subject)
            if due is not None:
                event, (terms, minute) = found.event, due
                at = (found.ordinal, event.effective_at, event.recorded_at)
                self.open.add(changes, (terms,), batch.partition, *at, fact.amount, minute)

    def _recall(self, connection: Transaction, accounts: Sequence[str]) -> None:
        facts = self.facts.c
        for first in range(0, len(accounts), AT_ONCE):
            some = facts.account.in_(accounts[first : first + AT_ONCE])
            found = select(facts.subject, facts.terms, facts.until).where(some, facts.what == TOTAL)
            for bill, terms, until in connection.execute(found):
                self._due[bill] = (terms or "", until // MINUTE)

    def forget(self) -> None:
        """Drops the due ends that are remembered."""
        self._due.clear()

    def issued_of(
        self, connection: Transaction, accounts: Sequence[str], as_of: int, known_at: int
    ) -> Iterator[BillIssued]:
        """The bills of accounts as they were issued, in order."""
        issued = self.issued.c
        found = (
            select(issued.body)
            .where(issued.account.in_(accounts), issued.effective_at <= as_of, issued.recorded_at <= known_at)
            .order_by(issued.partition, issued.ordinal)
        )
        for body in connection.execute(found).scalars():
            yield cast("BillIssued", event_of(BillIssued.TOPIC, body))

    def ends_of(
        self, connection: Transaction, accounts: Sequence[str], as_of: int, known_at: int
    ) -> list[EndOfContract]:
        """The ends of contracts."""
        ends = self.ends.c
        found = select(ends.account, ends.effective_at, ends.due_until, ends.due_on).where(
            ends.account.in_(accounts), ends.effective_at <= as_of, ends.recorded_at <= known_at
        )
        return [EndOfContract(*row) for row in connection.execute(found)]


def end_by(event: Event, book: TermsBook) -> EndOfContract | None:
    """The end of a contract that an event is."""
    if not isinstance(event, Terminated) or event.terms is None:
        return None
    terms = book[event.terms]
    if not isinstance(terms, PostpaidTerms):
        return None
    at, zone = event.effective_at, terms.zone
    return EndOfContract(event.account, at, zone.end_of_days(at, 0), day_number(zone.day(at)))


# --- the questions --------------------------------------------------------------------------------------------------


class BillSummary(NamedTuple):
    """A bill and what became of it, in sen: total = allocated + deposit + credited + written_off + open.

    `allocated` is what payments met, at once or later out of advance. `due_until` is the instant at which what is open
    is overdue.
    """

    bill: str
    account: str
    kind: str
    plan: str
    issued_on: Day
    due_on: Day
    due_until: Instant
    total: Sen
    allocated: Sen
    deposit: Sen
    credited: Sen
    written_off: Sen
    open: Sen
    overdue: bool


class BillMovement(TypedDict):
    """What changed a bill's open amount, in sen, by which event; `by` is the payment, note, or reason."""

    what: str
    amount: Sen
    by: str | None
    event: str
    effective_at: Instant


@dataclass(frozen=True, slots=True)
class BillShown(Answer):
    """A bill in full: what it charges, its tax, and all that has met it since."""

    bill: str
    account: str
    kind: str
    plan: str
    terms: str
    clause: str | None
    period_since: Instant
    period_until: Instant
    issued_on: Day
    due_on: Day
    due_until: Instant
    commitment: Sen
    lines: list[BillLine]
    taxable: Sen
    tax_rate: str
    tax_included: bool
    tax: Sen
    total: Sen
    allocated: Sen
    deposit: Sen
    credited: Sen
    written_off: Sen
    open: Sen
    overdue: bool
    movements: list[BillMovement]
    as_of: Instant
    known_at: Instant
    final: bool
    position: str


def bills(then: Snapshot, asked: AskedNumber) -> Listed[BillSummary]:
    """The bills of a number's accounts, or of the one named, in order. Raises UnknownThen."""
    found = _bills_of(then, asked)
    moment, position = then.of_number(asked.msisdn)
    rows = [_summary(issued, known, end, then.as_of) for issued, known, end in found]
    return Listed(BillSummary, rows, *moment, position)


def bill(then: Snapshot, number: str) -> BillShown:
    """A bill by its number. Raises UnknownThen."""
    msisdn = number_of_bill(number)
    asked = AskedNumber(msisdn, None)
    for issued, known, end in _bills_of(then, asked):
        if issued.bill == number:
            moment, position = then.of_number(msisdn)
            movements: list[BillMovement] = [
                {
                    "what": one.fact.what,
                    "amount": one.fact.amount,
                    "by": one.fact.other,
                    "event": one.by,
                    "effective_at": one.since,
                }
                for one in known
            ]
            said = _summary(issued, known, end, then.as_of)._asdict()
            return BillShown(
                **said,
                terms=issued.terms or "",
                clause=issued.clause,
                period_since=issued.period_since,
                period_until=issued.period_until,
                commitment=issued.commitment,
                lines=issued.lines,
                taxable=issued.taxable,
                tax_rate=issued.tax_rate,
                tax_included=issued.tax_included,
                tax=issued.tax,
                movements=movements,
                as_of=moment.as_of,
                known_at=moment.known_at,
                final=moment.final,
                position=position,
            )
    raise then.unknown(number)


def number_of_bill(number: str) -> str:
    """The number whose bill it is, such as of `6288112345678-1-B0001`. Raises UnknownThen."""
    msisdn = number_in(number.partition("-")[0])
    if msisdn is None:
        raise UnknownThen(f"{number}: no number of a bill")
    return msisdn


_Found = tuple[BillIssued, list[Known], EndOfContract | None]
"""A bill as it was issued, what is known of it, and the end of its contract."""


def _bills_of(then: Snapshot, asked: AskedNumber) -> list[_Found]:
    """The bills of a number's accounts, or of the one named, in order. Raises UnknownThen."""
    ids = accounts(then, asked)
    table, connection = then.of(Bills), then.connection
    due = list(then.unrecorded(asked.msisdn))
    ends = {end.account: end for end in table.ends_of(connection, ids, then.as_of, then.known_at)}
    ends |= {end.account: end for event in due if (end := end_by(event, then.book)) is not None}
    known: dict[str, list[Known]] = {}
    for facts in known_of(then, Bills, ids, due).values():
        for fact in facts:
            known.setdefault(fact.fact.subject, []).append(fact)
    issued: Iterable[BillIssued] = (
        *table.issued_of(connection, ids, then.as_of, then.known_at),
        *(event for event in due if isinstance(event, BillIssued) and event.account in ids),
    )
    return [(event, known[event.bill], ends.get(event.account)) for event in issued]


def _summary(
    issued: BillIssued, known: Iterable[Known], end: EndOfContract | None, as_of: int
) -> BillSummary:
    sums = dict.fromkeys((TOTAL, ALLOCATED, DEPOSIT, CREDITED, WRITTEN_OFF), 0)
    for one in known:
        sums[one.fact.what] += one.fact.amount
    due_on, due_until = issued.due_on, issued.due_until
    if end is not None and end.moves(issued.effective_at, due_until):
        due_on, due_until = end.due_on, end.due_until
    open_ = sum(sums.values())
    return BillSummary(
        bill=issued.bill,
        account=issued.account,
        kind=issued.bill_kind,
        plan=issued.plan,
        issued_on=issued.issued_on,
        due_on=due_on,
        due_until=due_until,
        total=sums[TOTAL],
        allocated=-sums[ALLOCATED],
        deposit=-sums[DEPOSIT],
        credited=-sums[CREDITED],
        written_off=-sums[WRITTEN_OFF],
        open=open_,
        overdue=open_ > 0 and due_until <= as_of,
    )
