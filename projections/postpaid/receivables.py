"""What customers owe: not billed yet, billed, and of that overdue, by the days since the due end.

Sums are the database's own, bill by bill; where something fell due unrecorded, the accounts concerned are told by the
rules instead.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from ledger.domain.calendar import MINUTE, Zone
from ledger.domain.ids import subject_of
from ledger.domain.money import IDR, Sen
from ledger.domain.postpaid.account import PostpaidAccount
from projections.engine.answers import Listed
from projections.engine.local_days import zone_of
from projections.engine.snapshot import Snapshot
from projections.engine.sql import Select, select
from projections.engine.sql_expressions import and_, func
from projections.line.lines_projected import lines, lines_due
from projections.money.balances import Balances
from projections.money.ledger_accounts import CUSTOMERS
from projections.postpaid.bills import Bills
from projections.postpaid.contracts_told import Contracts

UNBILLED = "unbilled"
_AGES = (30, 60, 90)
"""The last days of each age but the oldest one: the day that begins with the due end is the first."""
_AT_ONCE = 500
"""Accounts that one statement asks for."""


class Receivables(NamedTuple):
    """What all accounts owe, in sen: billed = not_due + overdue; overdue = the four ages, in local days."""

    unbilled: Sen
    billed: Sen
    not_due: Sen
    overdue: Sen
    overdue_1_30: Sen
    overdue_31_60: Sen
    overdue_61_90: Sen
    overdue_over_90: Sen


class ReceivablesOfAccount(NamedTuple):
    """The same of one account."""

    account: str
    unbilled: Sen
    billed: Sen
    not_due: Sen
    overdue: Sen
    overdue_1_30: Sen
    overdue_31_60: Sen
    overdue_61_90: Sen
    overdue_over_90: Sen


class Open(NamedTuple):
    """So many sen open on bills with one due end, issued under some terms."""

    due_until: int
    terms: str
    amount: int


def receivables(then: Snapshot) -> Listed[Receivables]:
    """What all accounts owe."""
    moment, position = then.whole()
    open_ = _open_in_all(then)
    balances = then.of(Balances).summed(then.connection, then.as_of, then.known_at)
    unbilled = balances.get((CUSTOMERS + UNBILLED, IDR), 0)
    fresh = _fallen_due(then)
    if fresh:
        before = _open_of_each(then, sorted(fresh))
        open_ += [one._replace(amount=-one.amount) for some in before.values() for one in some]
        open_ += [one for some, _ in fresh.values() for one in some]
        was = _unbilled_of_each(then, sorted(fresh))
        unbilled += sum(now - was.get(account, 0) for account, (_, now) in fresh.items())
    return Listed(Receivables, [Receivables(*_aged(then, unbilled, open_))], *moment, position)


def receivables_of_each(then: Snapshot) -> Listed[ReceivablesOfAccount]:
    """What each account owes that owes anything, in their order."""
    moment, position = then.whole()
    fresh = _fallen_due(then)
    open_ = _open_of_each(then, None)
    opened = then.of(Contracts).every_account(then.connection, then.as_of, then.known_at)
    ids = [account for account in opened if account not in fresh]
    open_.update((account, some) for account, (some, _) in fresh.items())
    unbilled = _unbilled_of_each(then, ids)
    unbilled.update((account, now) for account, (_, now) in fresh.items())
    rows = [
        ReceivablesOfAccount(account, *_aged(then, unbilled.get(account, 0), open_.get(account, [])))
        for account in sorted(open_.keys() | unbilled.keys())
    ]
    owing = [row for row in rows if row.unbilled or row.billed or row.not_due or row.overdue]
    return Listed(ReceivablesOfAccount, owing, *moment, position)


def receivables_on(then: Snapshot, accounts: Sequence[str]) -> dict[str, ReceivablesOfAccount]:
    """What some accounts owe, as the rules have it, those of them that are postpaid."""
    named = frozenset(accounts)
    numbers = list(dict.fromkeys(map(subject_of, accounts)))
    return {
        account.id: ReceivablesOfAccount(account.id, *_aged(then, account.unbilled, _open_on(account)))
        for some in _parts(numbers)
        for line in lines(then, some)
        for account in line.accounts.values()
        if account.id in named and isinstance(account, PostpaidAccount)
    }


def _aged(then: Snapshot, unbilled: int, open_: Iterable[Open]) -> tuple[int, ...]:
    """The sums by age."""
    by_age: Counter[int] = Counter()
    for due_until, terms, amount in open_:
        by_age[_age(then.zone or zone_of(terms, then.book), due_until, then.as_of)] += amount
    not_due, *overdue = (by_age[age] for age in range(len(_AGES) + 2))
    return unbilled, not_due + sum(overdue), not_due, sum(overdue), *overdue


def _age(zone: Zone, due_until: int, as_of: int) -> int:
    """0: not due yet; else which of the ages it is."""
    if as_of < due_until:
        return 0
    days = zone.day_number(as_of) - zone.day_number(due_until) + 1
    return 1 + sum(days > last for last in _AGES)


# --- from the tables ------------------------------------------------------------------------------------------------


def _open_in_all(then: Snapshot) -> list[Open]:
    """What is open by due end and terms: sums kept by the due ends of issue, and what the ends of contracts moved."""
    bills = then.of(Bills)
    sums = bills.open.at(then.connection, then.as_of, then.known_at, by=("terms", "due_minute"))
    open_ = [Open(minute * MINUTE, terms, amount) for terms, minute, amount, _ in sums if amount]
    facts, ends = bills.facts.c, bills.ends.c
    amount, until, terms = func.sum(facts.amount), func.max(facts.until), func.max(facts.terms)
    moved = (
        select(until, ends.due_until, terms, amount)
        .select_from(bills.ends.join(bills.facts, facts.account == ends.account))
        .where(*bills.seen(then.as_of, then.known_at))
        .where(ends.effective_at <= then.as_of, ends.recorded_at <= then.known_at)
        .group_by(facts.account, facts.subject, ends.effective_at, ends.due_until)
        .having(amount != 0, until > ends.effective_at, func.min(facts.effective_at) <= ends.effective_at)
    )
    for was, now, named, open_amount in then.connection.execute(moved):
        open_ += [Open(was, named, -int(open_amount)), Open(now, named, int(open_amount))]
    return open_


def _open(then: Snapshot, *, accounts: Sequence[str] | None = None) -> Select:
    """Open amounts by account, due end and terms: one scan, bill by bill.

    Of a bill's facts its total alone says due end and terms, and nothing was effective before it.
    """
    bills = then.of(Bills)
    facts, ends = bills.facts.c, bills.ends.c
    which = [] if accounts is None else [facts.account.in_(accounts)]
    amount = func.sum(facts.amount)
    each = (
        select(
            facts.account,
            amount.label("amount"),
            func.min(facts.effective_at).label("issued_at"),
            func.max(facts.until).label("until"),
            func.max(facts.terms).label("terms"),
        )
        .where(*bills.seen(then.as_of, then.known_at), *which)
        .group_by(facts.account, facts.subject)
        .having(amount != 0)
        .subquery()
    )
    ended = and_(
        ends.account == each.c.account,
        ends.effective_at <= then.as_of,
        ends.recorded_at <= then.known_at,
        each.c.issued_at <= ends.effective_at,
        each.c.until > ends.effective_at,
    )
    due_until = func.coalesce(ends.due_until, each.c.until)
    by = [each.c.account, due_until, each.c.terms]
    return select(*by, func.sum(each.c.amount)).select_from(each.outerjoin(bills.ends, ended)).group_by(*by)


def _open_of_each(then: Snapshot, accounts: Sequence[str] | None) -> dict[str, list[Open]]:
    """What is open by account: of all (None), or of some."""
    found: dict[str, list[Open]] = {}
    for some in [None] if accounts is None else _parts(accounts):
        for account, *row in then.connection.execute(_open(then, accounts=some)):
            due_until, terms, amount = row
            found.setdefault(account, []).append(Open(due_until, terms, int(amount)))
    return found


def _unbilled_of_each(then: Snapshot, accounts: Sequence[str]) -> dict[str, int]:
    """What is not billed yet, by account."""
    found: dict[str, int] = {}
    for some in _parts(accounts):
        names = [f"{account}/{UNBILLED}" for account in some]
        sums = then.of(Balances).of_each(then.connection, names, then.as_of, then.known_at)
        found.update((name.rpartition("/")[0], amount) for name, (amount, _) in sums.items())
    return found


def _parts(accounts: Sequence[str]) -> Iterator[Sequence[str]]:
    for first in range(0, len(accounts), _AT_ONCE):
        yield accounts[first : first + _AT_ONCE]


# --- by the rules ---------------------------------------------------------------------------------------------------


def _fallen_due(then: Snapshot) -> dict[str, tuple[list[Open], int]]:
    """What is open, and unbilled, on the accounts of numbers for which something fell due unrecorded."""
    return {
        account.id: (_open_on(account), account.unbilled)
        for line in lines_due(then)
        for account in line.accounts.values()
        if isinstance(account, PostpaidAccount)
    }


def _open_on(account: PostpaidAccount) -> list[Open]:
    return [Open(bill.due_until, bill.terms, bill.open) for bill in account.bills.values()]
