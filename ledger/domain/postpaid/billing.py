"""Bills: what was recorded since the bill before, the minimum commitment's shortfall, and tax (SE23-06, SE23-08).

A bill of a cycle is issued at its boundary, also one of nothing; after the end a supplementary one, only where there is
something to bill; and at the end the final one, which may stand beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache

from ledger.domain.calendar import NEVER, day_number
from ledger.domain.events import Draft
from ledger.domain.line.account import ChangesByEvent
from ledger.domain.money import IDR, OUTPUT_TAX, Posting, revenue
from ledger.domain.postpaid.account import CYCLE, PROBATION, Bill, PostpaidAccount
from ledger.domain.postpaid.billing_cycle import (
    boundary_before,
    days_between,
    next_boundary,
    rounded,
    share,
)
from ledger.domain.postpaid.events_of_bills import BillIssued, BillLine
from ledger.domain.postpaid.rules_of_contracts import KINDS
from ledger.domain.postpaid.terms import PostpaidTerms

CYCLE_BILL, SUPPLEMENTARY, FINAL = "cycle", "supplementary", "final"
"""The kinds of bill."""
COUNTING = ("usage", "roaming")
"""What counts against the minimum commitment."""
_COMMITMENT, _FEES = f"{CYCLE}/commitment", f"{CYCLE}/fees"
_COUNTED = tuple([f"{CYCLE}/{kind}" for kind in COUNTING])
REVERSALS = "reversals"
"""What a reversed payment had paid back: charged again, untaxed."""
_OF_COMMITMENT, _OF_FEES, _OF_TAX = revenue("commitment"), revenue("fees"), revenue("tax")
_ORDER = {kind: place for place, kind in enumerate((*KINDS, REVERSALS))}


def next_bill(account: PostpaidAccount, terms: PostpaidTerms) -> int:
    """The instant of the next bill; NEVER where none comes by time alone."""
    if account.runs:
        return account.next_bill_at
    if not account.unbilled:
        return NEVER
    return next_boundary(terms.zone, account.billing_day, account.seen_until)


def bill_at(account: PostpaidAccount, at: int, terms: PostpaidTerms) -> Iterator[Draft]:
    """The bill of a boundary."""
    if next_bill(account, terms) != at:
        return
    kind = CYCLE_BILL if account.runs else SUPPLEMENTARY
    yield issued(account, at, terms, kind, commitment_of_cycle(account, at, terms) if account.runs else 0)


def issued(account: PostpaidAccount, at: int, terms: PostpaidTerms, bill_kind: str, commitment: int) -> Draft:
    """A bill of that kind, under a minimum commitment in sen."""
    shortfall = max(0, commitment - counted(account)) if commitment else 0
    paper = 0 if bill_kind == SUPPLEMENTARY else account.hard_copy_fee or 0
    lines, taxed = lines_of(account, shortfall, paper), terms.tax.taxable
    total = taxable = 0
    for line in lines:
        amount = line["amount"]
        total += amount
        if line["kind"] in taxed:
            taxable += amount
    rate, tax = tax_on(taxable, at, terms)
    included = terms.tax.prices == "include"
    if not included:
        total += tax
    if bill_kind == FINAL:  # due at once, whatever the terms say of others (SE23-24)
        issued_on = due_on = day_number(terms.zone.day(at))
        due_until, next_at = end_of_day(terms, at), None
    else:
        boundary = terms.boundary(account.billing_day, at)
        issued_on, due_on, due_until = boundary.issued_on, boundary.due_on, boundary.due_until
        next_at = boundary.next_at if bill_kind == CYCLE_BILL else None
    number = account.bill_count + 1
    return Draft(
        BillIssued,
        terms.billing.clause,
        _postings(account, total, shortfall, paper, tax, included=included),
        {
            "bill": f"{account.msisdn}-{account.generation}-B{number:04}",
            "number": number,
            "bill_kind": bill_kind,
            "plan": account.plan,
            "period_since": account.billed_until,
            "period_until": at,
            "after_version": account.billed_version,
            "commitment": commitment,
            "lines": lines,
            "tax_rate": rate,
            "tax_included": included,
            "taxable": taxable,
            "tax": tax,
            "total": total,
            "issued_on": issued_on,
            "due_on": due_on,
            "due_until": due_until,
            "next_bill_at": next_at,
        },
    )


def counted(account: PostpaidAccount) -> int:
    """Sen of the cycle that count against the minimum commitment."""
    found, charges = 0, account.charges
    for key in _COUNTED:
        found += charges.get(key, 0)
    return found


def end_of_day(terms: PostpaidTerms, at: int) -> int:
    """The due end of bills that the end of a contract makes due: 00:00 after its day (SE23-24)."""
    return terms.zone.end_of_days(at, 0)


def lines_of(account: PostpaidAccount, shortfall: int, paper: int) -> list[BillLine]:
    """What a bill charges, in the order of the kinds."""
    amounts = account.charges
    if shortfall or paper:
        amounts = dict(amounts)
        for key, amount in ((_COMMITMENT, shortfall), (_FEES, paper)):
            amounts[key] = amounts.get(key, 0) + amount
    found = [(*_place(key), amount) for key, amount in amounts.items() if amount]
    found.sort()  # no two of one kind and source
    return [{"kind": kind, "source": source, "amount": amount} for _, source, kind, amount in found]


@lru_cache(maxsize=64)
def _place(key: str) -> tuple[int, str, str]:
    """Where a charge's line stands, its source and its kind."""
    source, _, kind = key.partition("/")
    return _ORDER[kind], source, kind


def tax_on(taxable: int, at: int, terms: PostpaidTerms) -> tuple[str, int]:
    """The rate at an instant, and the tax on (or in) so many sen, rounded once."""
    found = terms.tax_rate(at)
    if found is None:
        return "0/1", 0
    return found.rate, tax_at(
        found.rate, taxable, included=terms.tax.prices == "include", rounding=terms.unit
    )


def tax_at(rate: str, taxable: int, *, included: bool, rounding: int) -> int:
    """The tax on so many sen, or in them where they include it."""
    numerator, denominator = _part(rate, included=included)
    return rounded(taxable * numerator, denominator, rounding)


@lru_cache(maxsize=64)
def _part(rate: str, *, included: bool) -> tuple[int, int]:
    """The part of an amount that is tax, at a rate."""
    part = Fraction(rate)
    if included:
        part /= 1 + part
    return part.numerator, part.denominator


def _postings(  # noqa: PLR0913 - what a bill moves
    account: PostpaidAccount, total: int, shortfall: int, paper: int, tax: int, *, included: bool
) -> list[Posting]:
    moved = (
        (account.name("billed"), total),
        (account.name("unbilled"), -account.unbilled),
        (_OF_COMMITMENT, -shortfall),
        (_OF_FEES, -paper),
        (OUTPUT_TAX, -tax),
        (_OF_TAX, tax if included else 0),
    )
    return [{"account": name, "unit": IDR, "amount": amount} for name, amount in moved if amount]


# --- the minimum commitment -----------------------------------------------------------------------------------------


def commitment_of_cycle(account: PostpaidAccount, at: int, terms: PostpaidTerms) -> int:
    """Minkom of the cycle that ends at a boundary, or of the part since the opening (SE23-06, SE23-22)."""
    amount = minkom(account, terms)
    if not amount or terms.billing.first_cycle == "full" or account.state == PROBATION:
        return amount
    cycle = terms.boundary(account.billing_day, at)
    if account.opened_at <= cycle.since:
        return amount
    first = day_number(terms.zone.day(account.opened_at)) - cycle.since_on
    return share(amount, (first, cycle.days), cycle.days, terms.unit)


def commitment_at_end(account: PostpaidAccount, at: int, terms: PostpaidTerms) -> int:
    """Minkom of the cycle that the end cuts short: no time run, none; in probation none (SE23-22, SE23-26)."""
    amount = 0 if account.state == PROBATION else minkom(account, terms)
    since = max(boundary_before(terms.zone, account.billing_day, account.next_bill_at), account.opened_at)
    if not amount or at <= since:
        return 0
    if terms.billing.final_cycle == "full":
        return commitment_of_cycle(account, account.next_bill_at, terms)
    zone, begin = terms.zone, boundary_before(terms.zone, account.billing_day, account.next_bill_at)
    of = days_between(zone, begin, account.next_bill_at)
    first = 0 if terms.billing.first_cycle == "full" else days_between(zone, begin, since)
    return share(amount, (first, days_between(zone, begin, zone.next_midnight(at))), of, terms.unit)


def minkom(account: PostpaidAccount, terms: PostpaidTerms) -> int:
    """The plan's minimum commitment a month in sen; a plan without a contract period has none."""
    plan = terms.plan(account.plan)
    if plan is None or not plan.contract_months or account.probation_over:
        return 0
    return plan.commitment


# --- what it changes ------------------------------------------------------------------------------------------------


def bill_issued(account: PostpaidAccount, event: BillIssued, terms: PostpaidTerms) -> None:
    """The bill is open, if it is of anything; charges begin anew."""
    lines: dict[str, int] = {}
    for line in event.lines:
        lines[line["kind"]] = lines.get(line["kind"], 0) + line["amount"]
    bill = Bill(
        event.bill,
        event.number,
        event.effective_at,
        event.due_until,
        event.total,
        event.total,
        lines,
        event.tax,
        event.taxable,
        event.tax_rate,
        event.tax_included,
        event.terms or account.terms,
        due_on=event.due_on,
    )
    if event.bill_kind != FINAL:
        bill.steps = list(terms.steps(account.billing_day, event.effective_at, event.due_until))
        if terms.auto_debit.request:
            bill.debit_at = terms.zone.plus_days(event.effective_at, terms.auto_debit.after_bill_days)
    account.keep(bill)
    account.charges = {}
    account.bill_count = event.number
    account.billed_until = event.period_until
    account.billed_version = event.version
    ends = [end for end in account.due_ends if end >= event.effective_at]
    account.due_ends = [*ends, event.due_until]
    if event.next_bill_at is not None:
        account.next_bill_at = event.next_bill_at
    if account.unbilled_fines:
        for id_ in account.unbilled_fines:
            account.change_fine(id_, carried_by=bill.id)
        account.unbilled_fines = []
    if event.bill_kind == FINAL:
        _all_due(account, event)


def _all_due(account: PostpaidAccount, final: BillIssued) -> None:
    """Bills that are not yet due are due with the final one, so that money meets the oldest first (SE23-24)."""
    at, end = final.effective_at, final.due_until
    for bill in list(account.every_bill()):
        if bill.due_until > at:
            bill.due_until, bill.due_on = end, final.due_on
            account.keep(bill)
    account.due_ends = sorted({end if due > at else due for due in account.due_ends})


CHANGES: ChangesByEvent = {BillIssued: bill_issued}
