"""What a care desk and those on call ask: movements, use by day, a number's life, standing blocks, who changes next.

What falls due and is not recorded yet is folded in by the rules.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from ledger.domain.prepaid.account import prepaid
from ledger.domain.subject import Cause
from projections.asking.as_of import Folded, Moment, View
from projections.prepaid.numbers import entered_by
from projections.prepaid.usage import DayOfUse


class Holding(NamedTuple):
    """A number's own state with a generation, from `since` to `until` (None: it lasts).

    `holder` is who had the number last, `available_at` ends a quarantine; `recorded` is False for what fell due
    unrecorded.
    """

    msisdn: str
    generation: int
    state: str
    since: int
    until: int | None
    holder: str | None
    available_at: int | None
    recorded: bool


class Change(NamedTuple):
    """What time alone will change of an account (or a number's own state), when, and by which event and clause.

    `credit` in sen is what the account holds until then.
    """

    subject: str
    due_at: int
    event: str
    before: str
    after: str
    credit: int
    clause: str | None
    terms: str | None


class Moved(NamedTuple):
    """Money into a ledger account (negative: out of it), and what the account `held` after it, both in sen.

    `place` is the event's position; None, like `recorded_at`, for what fell due unrecorded.
    """

    account: str
    unit: str
    amount: int
    held: int
    effective_at: int
    recorded_at: int | None
    place: str | None


def movements(view: View, account: str, due: Iterable[Folded], moment: Moment) -> list[Moved]:
    """The movements behind a balance, as recorded; at the end those among what fell due."""
    found: list[Moved] = []
    held: Counter[str] = Counter()

    def add(unit: str, amount: int, effective_at: int, recorded_at: int | None, place: str | None) -> None:
        held[unit] += amount
        found.append(Moved(account, unit, amount, held[unit], effective_at, recorded_at, place))

    for m in view.balances.movements(view.connection, account, moment.as_of, moment.known_at):
        add(m.unit, m.amount, m.effective_at, m.recorded_at, f"{m.partition}:{m.ordinal}")
    for event in (event for folded in due for event in folded.due):
        for posting in event.postings:
            if posting["account"] == account:
                add(posting["unit"], posting["amount"], event.effective_at, None, None)
    return found


def uses(view: View, accounts: list[str], moment: Moment) -> list[DayOfUse]:
    """The use of accounts by local day and service."""
    return [
        day
        for account in accounts
        for day in view.usage.by_day(view.connection, account, moment.as_of, moment.known_at)
    ]


def holdings(view: View, msisdn: str, moment: Moment) -> list[Holding]:
    """The states that a number has been in, in order."""
    found = [
        Holding(msisdn, s.generation, s.state, s.effective_at, None, s.holder, s.available_at, recorded=True)
        for s in view.numbers.of(view.connection, msisdn, moment.as_of, moment.known_at)
    ]
    for folded in view.fold([msisdn], moment):
        for event in folded.due:
            entered = entered_by(event)
            if entered is not None:
                _, generation, state, holder, available_at = entered
                own = (event.effective_at, None, holder, available_at)
                found.append(Holding(msisdn, generation, state, *own, recorded=False))
    ends = [*(one.since for one in found[1:]), None]
    return [one._replace(until=end) for one, end in zip(found, ends, strict=True)]


def changes(view: View, moment: Moment, until: int) -> list[Change]:
    """What will change next of every number for which that is due by `until`, soonest first."""
    found = [
        _next(folded) for folded in view.coming(moment, until) if moment.as_of < folded.line.due_at <= until
    ]
    return sorted(found, key=lambda change: (change.due_at, change.subject))


def _next(folded: Folded) -> Change:
    line = folded.line
    due_at = line.due_at
    credit = 0 if line.account is None else prepaid(line.account).credit
    account, number = _state(folded), line.number_state
    line.cause = Cause(due_at, "", None, "clock")
    line.advance(due_at)
    last = line.collect()[-1]
    of_number = last.account == line.msisdn
    before, after = (number, line.number_state) if of_number else (account, _state(folded))
    return Change(last.account, due_at, last.name, before, after, credit, last.clause, last.terms)


def _state(folded: Folded) -> str:
    account = folded.line.account
    return "" if account is None else account.state
