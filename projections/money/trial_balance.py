"""The trial balance: every ledger account's, and by day: sales, usage, breakage, and what customers are owed in credit.

Days are local, by the effective instant: each account's those of the zone of its terms, or all of them of the zone that
is asked for. What falls due by the end and is not recorded yet is folded in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from ledger.domain import money
from ledger.domain.calendar import Instant, Zone, day_of_number
from ledger.domain.ids import is_operators
from ledger.domain.money import Sen, format_amount
from projections.engine.answers import Answer, Listed
from projections.engine.instants import zones_of
from projections.engine.local_days import UTC, zone_of
from projections.engine.snapshot import Snapshot
from projections.money.balances import Balances
from projections.money.ledger_accounts import ALWAYS_TOLD, CUSTOMERS, class_of


@dataclass(frozen=True, slots=True)
class TrialBalance(Answer):
    """The sum in sen of every ledger account per unit: (account, unit, amount), which is zero per unit in all.

    Customers' accounts are summed as `accounts/credit`, `accounts/reserved` and `accounts/in-transit`, or stand one
    by one where that was asked for.
    """

    rows: tuple[tuple[str, str, int], ...]
    as_of: Instant
    known_at: Instant
    final: bool
    position: str

    @property
    def totals(self) -> dict[str, int]:
        """The sum per unit."""
        totals: dict[str, int] = {}
        for _, unit, amount in self.rows:
            totals[unit] = totals.get(unit, 0) + amount
        return totals

    def to_json(self) -> dict[str, Any]:
        """The answer."""
        then = Answer.to_json(self)
        del then["rows"]
        totals = {unit: format_amount(amount) for unit, amount in self.totals.items()}
        return {"balances": self._balances(), "totals": totals, **then}

    def to_rows(self) -> list[dict[str, Any]]:
        """The answer as a table: a row for each account and unit."""
        then = Answer.to_json(self)
        del then["rows"]
        return [{**balance, **then} for balance in self._balances()]

    def _balances(self) -> list[dict[str, Any]]:
        return [
            {"account": account, "unit": unit, "amount": format_amount(amount)}
            for account, unit, amount in self.rows
        ]


def trial_balance(then: Snapshot, *, each: bool) -> TrialBalance:
    """Every ledger account's balance; each customer's, or all of them summed."""
    moment, position = then.whole()
    balances = then.of(Balances)
    ask = balances.everything if each else balances.summed
    total = dict.fromkeys(ALWAYS_TOLD.items(), 0)
    total.update(ask(then.connection, then.as_of, then.known_at))
    for event in then.unrecorded():
        for posting in event.postings:
            name, unit = posting["account"], posting["unit"]
            key = (name if each or is_operators(name) else class_of(name), unit)
            total[key] = total.get(key, 0) + posting["amount"]
    rows = tuple((name, unit, total[name, unit]) for name, unit in sorted(total))
    return TrialBalance(rows, *moment, position=position)


class DayOfTrial(NamedTuple):
    """A local day's movements, and what stood at its end, in sen; and the zone whose day it is.

    `outstanding` is credit that customers hold (reserved included), `in_transit` credit under way between them. Where
    every account's movements are of the days of its own terms, these may be of several zones, which then all stand
    there.
    """

    day: str
    sales: Sen
    issued: Sen
    usage: Sen
    charges: Sen
    fees: Sen
    breakage: Sen
    outstanding: Sen
    in_transit: Sen
    zone: str


def by_day(then: Snapshot) -> Listed[DayOfTrial]:
    """Every day on which money moved, from the log's first one on."""
    moment, position = then.whole()
    own = zones_of(then.book)
    zone = then.zone if then.zone is not None and [then.zone] != own else None
    flows: dict[int, dict[tuple[str, str], int]] = {}
    for (account, unit, day), amount in _moved(then, zone).items():
        flows.setdefault(day, {})[account, unit] = amount
    named = ", ".join(one.name for one in ([zone] if zone is not None else own or [UTC]))
    outstanding = in_transit = 0
    days = []
    for day, moved in sorted(flows.items()):
        outstanding += moved.get((CUSTOMERS + "credit", money.PULSA), 0)
        outstanding += moved.get((CUSTOMERS + "reserved", money.PULSA), 0)
        in_transit += moved.get((CUSTOMERS + "in-transit", money.PULSA), 0)
        days.append(
            DayOfTrial(
                day_of_number(day).isoformat(),
                -moved.get((money.CREDIT_SALES, money.IDR), 0),
                -moved.get((money.CREDIT_ISSUED, money.PULSA), 0),
                moved.get((money.USAGE, money.PULSA), 0),
                moved.get((money.CHARGES, money.PULSA), 0),
                moved.get((money.FEES, money.PULSA), 0),
                moved.get((money.BREAKAGE, money.PULSA), 0),
                outstanding,
                in_transit,
                named,
            )
        )
    return Listed(DayOfTrial, days, *moment, position)


def _moved(then: Snapshot, zone: Zone | None) -> dict[tuple[str, str, int], int]:
    """What moved, by (account, unit, day): days of the zone, or of each account's terms where none is named."""
    balances = then.of(Balances)
    if zone is None:
        moved = balances.by_day(then.connection, then.as_of, then.known_at)
    else:
        moved = balances.by_day_of(then.connection, then.as_of, then.known_at, zone)
    book = then.book
    for event in then.unrecorded():
        day = (zone or zone_of(event.terms, book)).day_number(event.effective_at)
        for posting in event.postings:
            name = posting["account"]
            key = (name if is_operators(name) else class_of(name), posting["unit"], day)
            moved[key] = moved.get(key, 0) + posting["amount"]
    return moved
