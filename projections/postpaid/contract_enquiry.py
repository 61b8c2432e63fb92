"""An enquiry of a contract: plan, state, what is left of the limit, what is owed and held, open bills."""

from __future__ import annotations

from dataclasses import dataclass

from ledger.domain.calendar import Day, Instant, day_number
from ledger.domain.line.account import Account
from ledger.domain.money import Sen
from ledger.domain.postpaid.account import PostpaidAccount
from ledger.domain.postpaid.leaving import closing_amount
from ledger.domain.postpaid.terms import PostpaidTerms
from ledger.domain.terms_book import TermsBook
from ledger.errors import QueryRefused
from projections.engine.answers import Answer
from projections.line.lines_as_of import BlockAnswer, LineAsOf, UsageAnswer
from projections.postpaid.working_days import due_of_refund


@dataclass(frozen=True, slots=True)
class OpenBill(Answer):
    """A bill with something open; `overdue` says whether its due end is past."""

    bill: str
    issued_on: Day
    due_on: Day
    total: Sen
    open: Sen
    overdue: bool


@dataclass(frozen=True, slots=True)
class DepositRefund(Answer):
    """Until when the deposit may be asked for, and by when it has to be paid back; None: no day is fixed yet."""

    until: Instant | None
    due_on: Day | None


@dataclass(frozen=True, slots=True)
class ContractEnquiry(Answer):
    """One contract as of an instant, as it was known at another. Amounts in sen: owed and held are both positive.

    `next_bill_on` is None after the end, `deposit_refund` where no deposit can be asked for.
    """

    msisdn: str
    account: str
    product: str
    terms: str
    terms_digest: str
    plan: str
    state: str
    contract_until: Instant | None
    limit: Sen
    headroom: Sen
    unbilled: Sen
    billed: Sen
    overdue: Sen
    advance: Sen
    pending: Sen
    deposit: Sen
    next_bill_on: Day | None
    bills: tuple[OpenBill, ...]
    blocks: tuple[BlockAnswer, ...]
    usage: UsageAnswer
    roaming: bool
    deposit_refund: DepositRefund | None
    as_of: Instant
    known_at: Instant
    final: bool
    position: str


@dataclass(frozen=True, slots=True)
class ClosingAmount(Answer):
    """What the final bill would leave open if the customer left then, part by part in sen (SE23-20).

    `amount` is all of it less the advance, and has to be at most zero; the deposit does not count.
    """

    msisdn: str
    account: str
    amount: Sen
    billed: Sen
    unbilled: Sen
    commitment: Sen
    hard_copy: Sen
    penalty: Sen
    tax: Sen
    advance: Sen
    as_of: Instant
    known_at: Instant
    final: bool
    position: str


def closing_of(line: LineAsOf, account: Account) -> ClosingAmount:
    """The closing amount of a contract that runs. Raises QueryRefused of any other account."""
    if not isinstance(account, PostpaidAccount) or not account.runs:
        raise QueryRefused(f"{account.id}: no contract runs that could be left ({account.state})")
    terms = line.line.book.of(PostpaidTerms, account.terms)
    closing = closing_amount(account, line.moment.as_of, terms)
    own = (line.line.msisdn, account.id, closing.amount)
    return ClosingAmount(*own, *closing, *line.moment, line.position)


def _refund(account: PostpaidAccount, book: TermsBook) -> DepositRefund | None:
    """The window of the deposit that is left, and the last working day to pay it back (SE23-18)."""
    if account.refund_until is None or not account.deposit:
        return None
    due_on = None
    if account.ready_since is not None:
        due_on, _ = due_of_refund(account.ready_since, book.of(PostpaidTerms, account.ready_under))
    return DepositRefund(account.refund_until, due_on)


def of_contract(line: LineAsOf, account: PostpaidAccount) -> ContractEnquiry:
    """The enquiry of a contract of a number that is folded already."""
    book = line.line.book
    zone = book.of(PostpaidTerms, account.terms).zone
    as_of = line.moment.as_of
    bills = tuple(
        OpenBill(
            bill.id,
            day_number(zone.day(bill.issued_at)),
            bill.due_on,
            bill.total,
            bill.open,
            bill.overdue or bill.due_until <= as_of,
        )
        for bill in account.open_bills()
    )
    return ContractEnquiry(
        line.line.msisdn,
        account.id,
        account.PRODUCT,
        account.terms,
        book.digest(account.terms),
        account.plan,
        account.state,
        account.contract_until,
        account.limit,
        account.headroom,
        account.unbilled,
        account.billed,
        sum(bill.open for bill in bills if bill.overdue),
        account.advance,
        account.pending,
        account.deposit,
        day_number(zone.day(account.next_bill_at)) if account.runs else None,
        bills,
        BlockAnswer.of(account),
        UsageAnswer.of(account),
        account.roaming,
        _refund(account, book),
        *line.moment,
        line.position,
    )
