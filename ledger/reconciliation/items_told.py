"""An item of a run as programs are told it: `statement show`, `reconcile`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

from ledger.domain.calendar import Day
from ledger.domain.money import Sen
from ledger.reconciliation.matchables import Item
from projections.engine.answers import Answer


class NearestRecord(TypedDict):
    """What was nearest to an item, and why it was not taken."""

    item: str
    why: str


@dataclass(frozen=True, slots=True)
class ItemTold(Answer):
    """What became of lines of a statement and records of the system: by which rule, and how many days apart.

    `stated` and `system` are what the statement and the system say of it; `difference` is stated less system.
    `partner` and quantities stand where a partner's records of roaming were matched.
    """

    item: str
    outcome: str
    rule: str | None
    lines: list[int]
    records: list[str]
    account: str | None
    stated: Sen | None
    system: Sen | None
    difference: Sen
    unit: str
    day: Day | None
    days: int | None
    interchangeable: bool
    nearest: list[NearestRecord]
    resolved: str | None
    partner: str | None
    stated_quantity: int | None
    system_quantity: int | None


def item_told(item: Item) -> ItemTold:
    """An item, field by field."""
    abroad = item.abroad
    return ItemTold(
        item=item.id,
        outcome=item.outcome,
        rule=item.rule,
        lines=[*item.lines],
        records=[*item.records],
        account=item.account,
        stated=item.stated,
        system=item.system,
        difference=item.difference,
        unit=item.unit,
        day=item.day,
        days=item.days,
        interchangeable=item.interchangeable,
        nearest=[{"item": name, "why": why} for name, why in item.nearest],
        resolved=item.resolved,
        partner=None if abroad is None else abroad.partner,
        stated_quantity=None if abroad is None else abroad.stated,
        system_quantity=None if abroad is None else abroad.system,
    )
