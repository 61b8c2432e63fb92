"""The trial balance by day: sales, usage, breakage, and what the operator owes its customers in credit.

Days are those of UTC, by the effective instant. What falls due by the end and is not recorded yet is folded in.
"""

from __future__ import annotations

from typing import NamedTuple

import sqlalchemy as sa

from ledger.domain import money
from ledger.domain.calendar import DAY, day_of_number
from projections.asking.as_of import Moment, View
from projections.money.balances import CUSTOMERS, class_of


class Day(NamedTuple):
    """A day's movements, and what stood at its end, in sen.

    `outstanding` is credit that customers hold (reserved included), `in_transit` credit under way between them.
    """

    day: str
    sales: int
    issued: int
    usage: int
    charges: int
    fees: int
    breakage: int
    outstanding: int
    in_transit: int


def by_day(view: View, moment: Moment) -> list[Day]:
    """Every day on which money moved, from the log's first one on."""
    flows: dict[int, dict[tuple[str, str], int]] = {}
    for day, account, unit, amount in _moved(view, moment):
        one = flows.setdefault(day, {})
        one[account, unit] = one.get((account, unit), 0) + amount
    outstanding = in_transit = 0
    days = []
    for day, moved in sorted(flows.items()):
        outstanding += moved.get((CUSTOMERS + "credit", money.PULSA), 0)
        outstanding += moved.get((CUSTOMERS + "reserved", money.PULSA), 0)
        in_transit += moved.get((CUSTOMERS + "in-transit", money.PULSA), 0)
        days.append(
            Day(
                day_of_number(day).isoformat(),
                -moved.get((money.CREDIT_SALES, money.IDR), 0),
                -moved.get((money.CREDIT_ISSUED, money.PULSA), 0),
                moved.get((money.USAGE, money.PULSA), 0),
                moved.get((money.CHARGES, money.PULSA), 0),
                moved.get((money.FEES, money.PULSA), 0),
                moved.get((money.BREAKAGE, money.PULSA), 0),
                outstanding,
                in_transit,
            )
        )
    return days


def _moved(view: View, moment: Moment) -> list[tuple[int, str, str, int]]:
    """What moved, by effective day: whole days of recording by their sums, the last one by its entries."""
    days = view.balances.sums.days.c
    t_day, k_day = moment.as_of // DAY, moment.known_at // DAY
    ours = sa.or_(days.account >= "operator/", sa.and_(days.account >= CUSTOMERS, days.account < "accounts0"))
    whole = sa.select(days.effective_day, days.account, days.unit, days.amount).where(
        ours, days.recorded_day < k_day, days.effective_day < t_day
    )
    found = [
        (day, account, unit, int(amount)) for day, account, unit, amount in view.connection.execute(whole)
    ]
    single = view.balances.single(view.connection, moment.as_of, moment.known_at, before="p")
    found += [(effective // DAY, account, unit, amount) for account, unit, effective, amount in single]
    for folded in view.due(moment):
        for event in folded.due:
            for posting in event.postings:
                row = (posting["account"], posting["unit"], posting["amount"])
                found.append((event.effective_at // DAY, *row))
    return [(day, _shown(account), unit, amount) for day, account, unit, amount in found]


def _shown(account: str) -> str:
    return account if account.startswith(("operator/", CUSTOMERS)) else class_of(account)
