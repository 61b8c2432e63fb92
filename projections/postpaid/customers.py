"""Customers: which accounts are theirs, what they owe on all of them, and which debts block the others (SE23-19).

Accounts and debts are what the customer was told, so effective when recorded; what is owed is the accounts' own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import ClassVar, NamedTuple, TypedDict

from ledger.domain.calendar import Instant
from ledger.domain.customer.events import AccountLeft, AccountNoted, DebtCleared, DebtNoted
from ledger.domain.customer.ids_of_customers import PREFIX
from ledger.domain.money import Sen
from ledger.domain.terms_book import TermsBook
from projections.engine.answers import Listed
from projections.engine.snapshot import Snapshot
from projections.postpaid.facts import Fact, Facts, Known, Says, known_of
from projections.postpaid.receivables import ReceivablesOfAccount, receivables_of_each, receivables_on

NOTED, LEFT, DEBT, CLEARED = "noted", "left", "debt", "cleared"


def _noted(event: AccountNoted, _: TermsBook) -> Iterator[Fact]:
    yield Fact(event.of, NOTED)


def _left(event: AccountLeft, _: TermsBook) -> Iterator[Fact]:
    yield Fact(event.of, LEFT)


def _debt(event: DebtNoted, _: TermsBook) -> Iterator[Fact]:
    yield Fact(event.bill, DEBT, 0, event.blocks_at, event.of)


def _cleared(event: DebtCleared, _: TermsBook) -> Iterator[Fact]:
    yield Fact(event.bill, CLEARED)


class Customers(Facts):
    """What customers were told of their accounts and debts."""

    name = "customers"
    SAYS: ClassVar[Says] = {
        AccountNoted: _noted,
        AccountLeft: _left,
        DebtNoted: _debt,
        DebtCleared: _cleared,
    }
    one_by_one = frozenset(kind.TOPIC for kind in SAYS)


# --- the question ---------------------------------------------------------------------------------------------------


class DebtOfCustomer(TypedDict):
    """A bill that is overdue, since when the customer is known to be in debt for it; it blocks from `blocks_at` on."""

    bill: str
    account: str
    since: Instant
    blocks_at: Instant
    blocks: bool


class CustomerSummary(NamedTuple):
    """A customer, with the accounts that are not settled: in sen, what is owed on all of them.

    Each of `debts` blocks the other accounts once its time has come.
    """

    customer: str
    accounts: list[str]
    unbilled: Sen
    billed: Sen
    overdue: Sen
    debts: list[DebtOfCustomer]


def customers(then: Snapshot, about: str | None = None, *, in_debt: bool = False) -> Listed[CustomerSummary]:
    """Every customer in their order, or the one that is named; or those in debt only. Raises UnknownThen."""
    subject = None if about is None else PREFIX + about.removeprefix(PREFIX)
    moment, position = then.whole()
    found = known_of(then, Customers, None if subject is None else [subject], ())
    if subject is not None and not found[subject]:
        raise then.unknown(subject)
    told = {one: _Told.of(known, then.as_of) for one, known in found.items()}
    owed = _owed(then, told.values(), all_=subject is None)
    rows = [_summary(one, own, owed) for one, own in sorted(told.items()) if own.debts or not in_debt]
    return Listed(CustomerSummary, rows, *moment, position)


class _Told(NamedTuple):
    accounts: list[str]
    debts: list[DebtOfCustomer]

    @classmethod
    def of(cls, known: Iterable[Known], as_of: int) -> _Told:
        """What facts of one customer add up to."""
        accounts: list[str] = []
        debts: dict[str, DebtOfCustomer] = {}
        for one in known:
            about, what, _, until, other, _ = one.fact
            if what == NOTED:
                accounts.append(about)
            elif what == LEFT:
                accounts.remove(about)
            elif what == CLEARED:
                debts.pop(about, None)
            elif until is not None:
                debts[about] = {
                    "bill": about,
                    "account": other or "",
                    "since": one.since,
                    "blocks_at": until,
                    "blocks": until <= as_of,
                }
        return cls(accounts, list(debts.values()))


def _owed(then: Snapshot, told: Iterable[_Told], *, all_: bool) -> Mapping[str, ReceivablesOfAccount]:
    """What accounts owe: of all that owe anything, or of some."""
    if all_:
        return {row.account: row for row in receivables_of_each(then).rows}
    return receivables_on(then, [account for one in told for account in one.accounts])


def _summary(subject: str, told: _Told, owed: Mapping[str, ReceivablesOfAccount]) -> CustomerSummary:
    rows = [owed[account] for account in told.accounts if account in owed]
    return CustomerSummary(
        customer=subject.removeprefix(PREFIX),
        accounts=told.accounts,
        unbilled=sum(row.unbilled for row in rows),
        billed=sum(row.billed for row in rows),
        overdue=sum(row.overdue for row in rows),
        debts=told.debts,
    )
