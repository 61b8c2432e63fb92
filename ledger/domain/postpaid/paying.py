"""Payments: received, settled once the money is good, failed, or reversed (SE23-09, SE23-12, SE23-13).

Only settlement reduces what is owed. It meets the bills issued by then, the oldest due end first; the rest is advance.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from ledger.domain.approval import must_be_another
from ledger.domain.calendar import format_instant
from ledger.domain.events import Draft
from ledger.domain.line.account import ChangesByEvent, is_time_to_forget, must_leave_room
from ledger.domain.line.line import Line
from ledger.domain.money import CASH, CLEARING, IDR, Posting, transfer
from ledger.domain.postpaid.account import Bill, Payment, PostpaidAccount, must_stay_countable, of_payment
from ledger.domain.postpaid.advances import allocated, most_payments, must_keep_advance
from ledger.domain.postpaid.billing import REVERSALS
from ledger.domain.postpaid.breath import after_money
from ledger.domain.postpaid.commands import (
    FailPayment,
    ReceivePayment,
    ReversePayment,
    SettlePayment,
    TakeSuspense,
)
from ledger.domain.postpaid.contents import content_of, must_be_new, must_be_new_on_number
from ledger.domain.postpaid.events_of_payments import (
    Allocation,
    PaymentFailed,
    PaymentReceived,
    PaymentReversed,
    PaymentSettled,
    SuspenseTaken,
)
from ledger.domain.postpaid.overdue import overdue
from ledger.domain.postpaid.terms import PostpaidTerms
from ledger.domain.refusals import (
    AlreadyFailed,
    AlreadyReversed,
    AlreadySettled,
    InTheFuture,
    NotEligible,
    TooLate,
    TooManyOpen,
    TooSoon,
    UnknownPayment,
)

IN_CASH = "cash"
"""What is paid this way is good at once."""


def receive_payment(line: Line, account: PostpaidAccount, command: ReceivePayment) -> None:
    """Takes note of a payment; cash is settled in the same breath."""
    terms = line.book.of(PostpaidTerms, account.terms)
    content = content_of(command.reference, command.amount, command.method, command.payer)
    must_be_new(line, account.id, "payment", command.reference, content)
    must_be_new_on_number(line, account.id, command.reference, content)
    at = line.cause.at
    received_at = at if command.received_at is None else command.received_at
    _must_be_recent(line, terms, "received_at", received_at)
    if received_at < account.opened_at:
        raise TooLate(f"the account began at {format_instant(account.opened_at)}")
    must_stay_countable(account, command.amount)
    must_take_another(account, at, terms)
    receive(
        line, account, terms, received_at, command.reference, command.amount, command.method, command.payer
    )
    if command.method == IN_CASH:
        settle(line, account, account.payments[command.reference], received_at)


def must_take_another(
    account: PostpaidAccount, at: int, terms: PostpaidTerms, *, of_own: bool = False
) -> None:
    """Raises TooManyOpen where the account remembers as many payments, or keeps advance in as many lots, as it may.

    Anybody may pay for anybody, so there is a bound; it is higher for payments which the operator assigns.
    """
    must_keep_advance(account, of_own=of_own)
    most = most_payments(of_own=of_own)
    with suppress(TooManyOpen):  # as a rule there are few, and which of them are too old need not be asked
        must_leave_room(account.payments, most=most)
        return
    remembered = account.remembered_payments(max(account.reversible_from, at - terms.reversal_window))
    must_leave_room((), lately=remembered, so="payments are pending, or may still be reversed", most=most)


def receive(  # noqa: PLR0913 - what a payment is
    line: Line,
    account: PostpaidAccount,
    terms: PostpaidTerms,
    received_at: int,
    reference: str,
    amount: int,
    method: str,
    payer: str,
) -> None:
    """A payment is pending from an instant on."""
    line.emit(
        PaymentReceived,
        of=account,
        effective_at=received_at,
        clause=terms.payments.clause,
        postings=transfer(IDR, account.name("pending"), CLEARING, amount),
        reference=reference,
        amount=amount,
        method=method,
        payer=payer,
        content=content_of(reference, amount, method, payer),
    )


def settle_payment(line: Line, account: PostpaidAccount, command: SettlePayment) -> None:
    """The money is good from an instant on, which may lie back: bank files come late."""
    terms = line.book.of(PostpaidTerms, account.terms)
    payment = _pending(line, account, command.reference)
    settled_at = line.cause.at if command.settled_at is None else command.settled_at
    _must_be_recent(line, terms, "settled_at", settled_at)
    if settled_at < payment.received_at:
        raise TooSoon(f"it was received at {format_instant(payment.received_at)}")
    settle(line, account, payment, settled_at)


def settle(line: Line, account: PostpaidAccount, payment: Payment, settled_at: int) -> None:
    """Allocates a payment, and what follows from it in the same breath."""
    terms = line.book.of(PostpaidTerms, account.terms)
    bills = [bill for bill in account.open_bills() if bill.issued_at <= settled_at]
    allocations, advance = allocated(bills, payment.amount, settled_at)
    postings: list[Posting] = [
        *transfer(IDR, CLEARING, account.name("pending"), payment.amount),
        {"account": CASH, "unit": IDR, "amount": payment.amount},
        *_minus(account.name("billed"), payment.amount - advance),
        *_minus(account.name("advance"), advance),
    ]
    line.emit(
        PaymentSettled,
        of=account,
        effective_at=settled_at,
        clause=terms.payments.clause,
        postings=postings,
        reference=payment.reference,
        amount=payment.amount,
        method=payment.method,
        allocations=allocations,
        advance=advance,
    )
    line.emit_each(after_money(account, line.cause.at, terms), of=account)


def take_assigned(line: Line, account: PostpaidAccount, command: TakeSuspense) -> None:
    """Money from suspense is a settled payment from now on."""
    terms, at = line.book.of(PostpaidTerms, account.terms), line.cause.at
    allocations, advance = allocated(account.open_bills(), command.amount)
    postings: list[Posting] = [
        {"account": account.name("in-transit"), "unit": IDR, "amount": command.amount},
        *_minus(account.name("billed"), command.amount - advance),
        *_minus(account.name("advance"), advance),
    ]
    line.emit(
        SuspenseTaken,
        of=account,
        clause=terms.payments.clause,
        postings=postings,
        assignment=command.assignment,
        from_msisdn=command.from_msisdn,
        reference=command.reference,
        amount=command.amount,
        method=command.method,
        payer=command.payer,
        received_at=command.received_at,
        content=command.content,
        allocations=allocations,
        advance=advance,
    )
    line.emit_each(after_money(account, at, terms), of=account)


def fail_payment(line: Line, account: PostpaidAccount, command: FailPayment) -> None:
    """It came to nothing, and the customer is left to pay (SE23-12)."""
    terms = line.book.of(PostpaidTerms, account.terms)
    payment = _pending(line, account, command.reference)
    line.emit(
        PaymentFailed,
        of=account,
        clause=terms.clauses.failed_debit if payment.method == "auto-debit" else terms.payments.clause,
        postings=transfer(IDR, CLEARING, account.name("pending"), payment.amount),
        reference=payment.reference,
        amount=payment.amount,
        method=payment.method,
        reason=command.reason,
    )


def reverse_payment(line: Line, account: PostpaidAccount, command: ReversePayment) -> None:
    """Opens again exactly what it had paid; overdue, fines and steps go on from now."""
    must_be_another(command.approved_by, command.actor)
    terms = line.book.of(PostpaidTerms, account.terms)
    at, payment = line.cause.at, account.payments.get(command.reference)
    if payment is None:
        if line.claimed(account.id, "payment-settled", command.reference):
            raise TooLate(f"within {terms.payments.reversal_days} days")
        if line.claimed(account.id, "payment", command.reference):
            raise AlreadyFailed
        raise UnknownPayment(command.reference)
    if payment.settled_at is None:
        raise NotEligible("it is not settled")
    if payment.reversed:
        raise AlreadyReversed
    if at - payment.settled_at > terms.reversal_window or payment.settled_at < account.reversible_from:
        raise TooLate(f"within {terms.payments.reversal_days} days")
    advance = sum(lot.left for lot in account.lots if lot.source == of_payment(payment.reference))
    reopened: list[Allocation] = [{"bill": bill, "amount": paid} for bill, paid in payment.paid.items()]
    paid = sum(payment.paid.values())
    postings = [
        *_minus(CASH, payment.amount),
        *_plus(account.name("billed"), paid),
        *_plus(account.name("advance"), advance),
        *_plus(account.name("unbilled"), payment.amount - paid - advance),
    ]
    line.emit(
        PaymentReversed,
        of=account,
        clause=terms.payments.clause,
        postings=postings,
        reference=payment.reference,
        amount=payment.amount,
        reason=command.reason,
        approved_by=command.approved_by,
        reopened=reopened,
        advance=advance,
        charged=payment.amount - paid - advance,
    )
    line.emit_each(after_money(account, at, terms), of=account)
    line.emit_each(_overdue_again(account, at, terms), of=account)


def _overdue_again(account: PostpaidAccount, at: int, terms: PostpaidTerms) -> Iterator[Draft]:
    for bill in account.open_bills():
        if bill.due_until <= at and (not bill.overdue or _is_untold(account, bill, terms)):
            yield overdue(account, bill, terms)


def _is_untold(account: PostpaidAccount, bill: Bill, terms: PostpaidTerms) -> bool:
    """Whether the customer was told that a bill is closed, which is open again."""
    return terms.block_other_numbers is not None and bool(account.holder) and bill.id not in account.told


def _pending(line: Line, account: PostpaidAccount, reference: str) -> Payment:
    """A payment that is neither settled nor failed yet."""
    payment = account.payments.get(reference)
    if payment is not None and payment.settled_at is None:
        return payment
    if payment is not None or line.claimed(account.id, "payment-settled", reference):
        raise AlreadySettled
    if line.claimed(account.id, "payment", reference):
        raise AlreadyFailed
    raise UnknownPayment(reference)


def _must_be_recent(line: Line, terms: PostpaidTerms, field: str, instant: int) -> None:
    must_not_be_in_the_future(line, field, instant)
    if line.cause.at - instant > terms.good_funds_window:
        raise TooLate(f"{field}: within {terms.payments.good_funds_days} days")


def must_not_be_in_the_future(line: Line, field: str, instant: int) -> None:
    """Raises InTheFuture where an instant that a field states is yet to come."""
    if instant > line.cause.at:
        raise InTheFuture(field)


def _plus(name: str, amount: int) -> list[Posting]:
    return [{"account": name, "unit": IDR, "amount": amount}] if amount else []


def _minus(name: str, amount: int) -> list[Posting]:
    return _plus(name, -amount)


# --- what it changes ------------------------------------------------------------------------------------------------


def _payment_received(account: PostpaidAccount, event: PaymentReceived, _: PostpaidTerms) -> None:
    _remember(account, Payment(event.reference, event.amount, event.method, event.effective_at))


def _suspense_taken(account: PostpaidAccount, event: SuspenseTaken, terms: PostpaidTerms) -> None:
    _remember(account, Payment(event.reference, event.amount, event.method, event.received_at))
    _payment_settled(account, event, terms)


def _remember(account: PostpaidAccount, payment: Payment) -> None:
    account.payments[payment.reference] = payment
    if is_time_to_forget(account.payments):
        kept = account.remembered_payments(account.reversible_from)
        account.payments = {one.reference: one for one in kept}


def _payment_settled(
    account: PostpaidAccount, event: PaymentSettled | SuspenseTaken, _: PostpaidTerms
) -> None:
    at = event.effective_at
    payment = account.payments.get(event.reference)
    if payment is not None:
        payment.settled_at = at
        payment.paid = {part["bill"]: part["amount"] for part in event.allocations}
    for part in event.allocations:
        bill = account.bill(part["bill"])
        if bill is None:
            continue
        bill.allocated += part["amount"]
        for fine in bill.fines:
            if fine.at > at:
                fine.base_left -= part["amount"]
                fine.paid_before[event.reference] = part["amount"]
                if fine.base_left <= 0 and not (fine.waived or fine.withdrawn):
                    account.withdrawable.append(fine.id)
        account.reduce(bill, part["amount"])
    account.keep_advance(of_payment(event.reference), at, event.advance)
    account.last_settled_at = max(account.last_settled_at, at)


def _payment_failed(account: PostpaidAccount, event: PaymentFailed, _: PostpaidTerms) -> None:
    account.payments.pop(event.reference, None)


def _payment_reversed(account: PostpaidAccount, event: PaymentReversed, terms: PostpaidTerms) -> None:
    payment = account.payments.get(event.reference)
    if payment is not None:
        payment.reversed = True
    for part in event.reopened:
        bill = account.bill(part["bill"])
        if bill is not None:
            bill.allocated -= part["amount"]
            account.reopen(bill, part["amount"])
            for fine in bill.fines:
                fine.base_left += fine.paid_before.pop(event.reference, 0)
            since = event.recorded_at - terms.good_funds_window
            recent = [one for one in bill.reopened if one[0] >= since]
            bill.reopened = [*recent, (event.effective_at, part["amount"])]
            bill.steps = [step for step in bill.steps if step.at > event.recorded_at]
    account.lots = [lot for lot in account.lots if lot.source != of_payment(event.reference)]
    if event.charged:
        account.charge(REVERSALS, event.charged)


CHANGES: ChangesByEvent = {
    PaymentReceived: _payment_received,
    PaymentSettled: _payment_settled,
    SuspenseTaken: _suspense_taken,
    PaymentFailed: _payment_failed,
    PaymentReversed: _payment_reversed,
}
