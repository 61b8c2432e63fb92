"""Payments: pending, settled, failed or reversed; what each has met, and what is left of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar, NamedTuple

from ledger.domain.calendar import Instant
from ledger.domain.ids import OF_ACCOUNTS
from ledger.domain.line.events import SuspenseAssigned, SuspenseReceived, SuspenseRefused, SuspenseReturned
from ledger.domain.money import Sen
from ledger.domain.postpaid.events_of_bills import AdvanceApplied
from ledger.domain.postpaid.events_of_payments import (
    AdvanceRefunded,
    Allocation,
    PaymentFailed,
    PaymentReceived,
    PaymentReversed,
    PaymentSettled,
    SuspenseTaken,
)
from ledger.domain.terms_book import TermsBook
from projections.engine.answers import Listed
from projections.engine.database_transactions import Transaction
from projections.engine.snapshot import Snapshot
from projections.engine.sql_expressions import and_
from projections.line.asked_number import AskedNumber, accounts
from projections.postpaid.facts import Fact, Facts, Known, Says, known_of

RECEIVED, METHOD, SETTLED, FAILED = "received", "method", "settled", "failed"
ALLOCATED, ADVANCE, REFUNDED, REVERSED = "allocated", "advance", "refunded", "reversed"
PENDING = "pending"
SUSPENDED, MEANT_FOR, ASSIGNED = "suspended", "meant-for", "assigned"
REFUSED, RETURNED, BANK_COST = "refused", "returned", "bank-cost"
"""What is said of money in suspense, by its reference, on its number."""


def _payment_in(source: str) -> str | None:
    """The payment that advance came from; None where it came of a note or the deposit."""
    kind, _, reference = source.partition("/")
    return reference if kind == "payment" else None


def _received(event: PaymentReceived, _: TermsBook) -> Iterator[Fact]:
    yield Fact(event.reference, RECEIVED, event.amount, None, event.payer)
    yield Fact(event.reference, METHOD, 0, None, event.method)


def _settled(event: PaymentSettled, _: TermsBook) -> Iterator[Fact]:
    yield Fact(event.reference, SETTLED)
    for part in event.allocations:
        yield Fact(event.reference, ALLOCATED, part["amount"], None, part["bill"])
    yield Fact(event.reference, ADVANCE, event.advance)


def _taken(event: SuspenseTaken, _: TermsBook) -> Iterator[Fact]:
    yield Fact(event.reference, RECEIVED, event.amount, None, event.payer)
    yield Fact(event.reference, METHOD, 0, None, event.method)
    yield Fact(event.reference, SETTLED)
    for part in event.allocations:
        yield Fact(event.reference, ALLOCATED, part["amount"], None, part["bill"])
    yield Fact(event.reference, ADVANCE, event.advance)


def _suspended(event: SuspenseReceived, _: TermsBook) -> Iterator[Fact]:
    yield Fact(event.reference, SUSPENDED, event.amount, event.received_at, event.payer)
    yield Fact(event.reference, METHOD, 0, None, event.method)
    yield Fact(event.reference, MEANT_FOR, 0, None, event.meant_for, event.reason)


def _assigned(event: SuspenseAssigned, _: TermsBook) -> Iterator[Fact]:
    yield Fact(event.reference, ASSIGNED, event.amount, None, event.to_account)


def _refused(event: SuspenseRefused, _: TermsBook) -> Iterator[Fact]:
    yield Fact(event.reference, REFUSED, event.amount, None, event.refusal)


def _returned(event: SuspenseReturned, _: TermsBook) -> Iterator[Fact]:
    yield Fact(event.reference, RETURNED, event.amount - event.bank_cost, None, event.payer)
    yield Fact(event.reference, BANK_COST, event.bank_cost)


def _applied(event: AdvanceApplied, _: TermsBook) -> Iterator[Fact]:
    for use in event.applied:
        reference = _payment_in(use["source"])
        if reference is not None:
            yield Fact(reference, ALLOCATED, use["amount"], None, use["bill"])
            yield Fact(reference, ADVANCE, -use["amount"])


def _failed(event: PaymentFailed, _: TermsBook) -> Iterator[Fact]:
    yield Fact(event.reference, FAILED)


def _reversed(event: PaymentReversed, _: TermsBook) -> Iterator[Fact]:
    yield Fact(event.reference, REVERSED, event.amount - event.charged)
    for part in event.reopened:
        yield Fact(event.reference, ALLOCATED, -part["amount"], None, part["bill"])
    yield Fact(event.reference, ADVANCE, -event.advance)


def _refunded(event: AdvanceRefunded, _: TermsBook) -> Iterator[Fact]:
    for part in event.lots:
        reference = _payment_in(part["source"])
        if reference is not None:
            yield Fact(reference, ADVANCE, -part["amount"])
            yield Fact(reference, REFUNDED, part["amount"])


class PaymentsMade(Facts):
    """What became of payments."""

    name = "payments"
    SAYS: ClassVar[Says] = {
        PaymentReceived: _received,
        PaymentSettled: _settled,
        AdvanceApplied: _applied,
        PaymentFailed: _failed,
        PaymentReversed: _reversed,
        AdvanceRefunded: _refunded,
        SuspenseTaken: _taken,
        SuspenseReceived: _suspended,
        SuspenseAssigned: _assigned,
        SuspenseRefused: _refused,
        SuspenseReturned: _returned,
    }
    one_by_one = frozenset(kind.TOPIC for kind in SAYS)

    def of_numbers(
        self, connection: Transaction, msisdn: str | None, as_of: int, known_at: int
    ) -> Iterator[Known]:
        """What is said of money in suspense: of a number, or of all of them."""
        facts = self.facts.c
        about = ~facts.account.contains(OF_ACCOUNTS) if msisdn is None else facts.account == msisdn
        yield from self._found(connection, and_(about, *self.seen(as_of, known_at)))


# --- the question ---------------------------------------------------------------------------------------------------


class PaymentSummary(NamedTuple):
    """A payment, in sen: once settled, amount = allocated + advance + refunded + reversed.

    `advance` is what is left of it for later bills, `reversed` what was taken back of it unspent or off its bills;
    `allocations` say what it has met, bill by bill.
    """

    reference: str
    account: str
    state: str
    method: str
    payer: str | None
    received_at: Instant
    settled_at: Instant | None
    amount: Sen
    allocated: Sen
    advance: Sen
    refunded: Sen
    reversed: Sen
    allocations: list[Allocation]


def payments(then: Snapshot, asked: AskedNumber) -> Listed[PaymentSummary]:
    """The payments to a number's accounts, or to the one named, as they came in. Raises UnknownThen."""
    ids = accounts(then, asked)
    moment, position = then.of_number(asked.msisdn)
    rows = []
    for account, known in known_of(then, PaymentsMade, ids, then.unrecorded(asked.msisdn)).items():
        by_reference: dict[str, list[Known]] = {}
        for one in known:
            by_reference.setdefault(one.fact.subject, []).append(one)
        found = (_summary(account, reference, some) for reference, some in by_reference.items())
        rows += sorted(found, key=lambda one: one.received_at)
    return Listed(PaymentSummary, rows, *moment, position)


def _summary(account: str, reference: str, known: Iterable[Known]) -> PaymentSummary:
    sums = dict.fromkeys((RECEIVED, ALLOCATED, ADVANCE, REFUNDED, REVERSED), 0)
    since: dict[str, int] = {}
    said: dict[str, str | None] = {}
    met: dict[str, int] = {}
    for one in known:
        what, amount, other = one.fact.what, one.fact.amount, one.fact.other
        sums[what] = sums.get(what, 0) + amount
        since.setdefault(what, one.since)
        said.setdefault(what, other)
        if what == ALLOCATED and other is not None:
            met[other] = met.get(other, 0) + amount
    states = (state for state in (REVERSED, FAILED, SETTLED) if state in since)
    return PaymentSummary(
        reference=reference,
        account=account,
        state=next(states, PENDING),
        method=said[METHOD] or "",
        payer=said[RECEIVED],
        received_at=since[RECEIVED],
        settled_at=since.get(SETTLED),
        amount=sums[RECEIVED],
        allocated=sums[ALLOCATED],
        advance=sums[ADVANCE],
        refunded=sums[REFUNDED],
        reversed=sums[REVERSED],
        allocations=[{"bill": bill, "amount": amount} for bill, amount in met.items() if amount],
    )
