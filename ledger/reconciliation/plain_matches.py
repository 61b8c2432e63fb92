"""The first pass for what there is most of: one line and one record of a reference that no other line or record has.

Which of them comes first changes nothing, so they need no order: all are found at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from ledger.reconciliation.matchables import EQUAL, Item, Stated, SystemRecord


class PlainMatches(NamedTuple):
    """Items, the lines and records that they took, and the pairs whose running balances are still to be compared."""

    items: list[Item]
    lines: set[int]
    records: set[str]
    with_balance: list[tuple[Stated, SystemRecord]]


def plain_matches(lines: Sequence[Stated], records: Sequence[SystemRecord]) -> PlainMatches:
    """Lines that agree in reference, account, amount and quantity with the only record of that reference."""
    matches = PlainMatches([], set(), set(), [])
    times = Counter([line.reference for line in lines])
    found: dict[str | None, SystemRecord | None] = {}
    for one in records:
        reference = one.reference
        if times.get(reference) == 1 and reference is not None:
            found[reference] = None if reference in found else one
    make, add = Item._make, matches.items.append
    for line in lines:
        record = found.get(line.reference)
        if record is None:
            continue
        number, account, _, _, _, amount, unit, day, balance, quantity = line
        id_, own, its_number, _, _, _, its_amount, its_unit, its_day, _, _, its_quantity = record
        same = amount == its_amount and unit == its_unit and quantity in (None, its_quantity)
        if not same or not (account is None or account in (own, its_number)):
            continue
        matches.lines.add(number)
        matches.records.add(id_)
        if balance is not None:
            matches.with_balance.append((line, record))
        both = (EQUAL, "reference", (number,), (id_,), own, amount, its_amount, unit, day)
        add(make((*both, abs(day - its_day), False, (), None, None)))
    return matches
