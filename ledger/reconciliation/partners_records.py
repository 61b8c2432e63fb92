"""Use abroad, as a roaming partner states it: told apart by partner and record, its amount and quantity compared.

Where the system has recorded the use itself, that quantity is its own; else the partner's record is all there is.
Either way a difference is settled with the partner, summed by partner and month. What we charge is not asked (SE23-03).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from ledger.domain.calendar import day_of_number
from ledger.domain.events import Event
from ledger.domain.ids import PartitionOf
from ledger.domain.line.events import UsageRecorded
from ledger.domain.postpaid.events import RoamingMatched, UsageCharged
from ledger.reconciliation.matchables import SETTLED, Abroad, Item, Stated, SystemRecord
from ledger.store.reading import SqliteSnapshot


def partners_records(
    records: Sequence[SystemRecord],
    happened: Iterable[tuple[Event, str]],
    lines: Sequence[Stated],
    logs: Mapping[int, SqliteSnapshot],
    partition_of: PartitionOf,
) -> list[SystemRecord]:
    """The records of the partners that lines name, each with the quantity that the system has recorded itself."""
    partners = {_partner(line.reference) for line in lines}
    own = [one for one in records if _partner(one.reference) in partners]
    matched = {
        f"E{event.account}/{event.version}": event.matches
        for event, _ in happened
        if isinstance(event, RoamingMatched)
    }
    numbers = {one.number for one in own if one.id in matched}
    quantities = {number: _recorded(logs[partition_of(number)], number) for number in numbers}
    return [
        one._replace(quantity=quantities[one.number].get(matched[one.id], one.quantity))
        if one.id in matched
        else one
        for one in own
    ]


def _recorded(log: SqliteSnapshot, number: str) -> dict[str, int]:
    """How much was used by each command that recorded use of a number."""
    found = (recorded.event for recorded in log.events_of(number))
    return {
        event.command_id: event.granted for event in found if isinstance(event, UsageCharged | UsageRecorded)
    }


def told_abroad(
    items: Iterable[Item], lines: Iterable[Stated], records: Iterable[SystemRecord]
) -> list[Item]:
    """Items with the partner, and the quantities of both sides."""
    stated = {line.line: line for line in lines}
    system = {record.id: record for record in records}

    def one_told(item: Item) -> Item:
        sides: tuple[list[Stated], list[SystemRecord]] = (
            [stated[line] for line in item.lines],
            [system[record] for record in item.records],
        )
        partners = sorted({_partner(one.reference) for side in sides for one in side})
        quantities = [_sum([one.quantity for one in side]) for side in sides]
        return item._replace(abroad=Abroad(",".join(partners), *quantities))

    return [one_told(item) for item in items]


class TowardsPartner(NamedTuple):
    """What differs of a partner's month: items, and by sen and by quantity what he says and what the system says."""

    partner: str
    month: str
    unit: str
    items: int
    stated: int
    system: int
    stated_quantity: int
    system_quantity: int


def towards_partners(items: Iterable[Item]) -> list[TowardsPartner]:
    """What is to be settled with partners: the differences of a run, by partner and month."""
    sums: dict[tuple[str, str, str], list[int]] = {}
    for item in items:
        if item.abroad is None or item.day is None or item.outcome in SETTLED:
            continue
        key = (item.abroad.partner, f"{day_of_number(item.day):%Y-%m}", item.unit)
        sides = (item.stated, item.system, item.abroad.stated, item.abroad.system)
        own = sums.setdefault(key, [0] * 5)
        for place, more in enumerate((1, *(side or 0 for side in sides))):
            own[place] += more
    return [TowardsPartner(*key, *own) for key, own in sorted(sums.items())]


def _partner(reference: str | None) -> str:
    return (reference or "").partition("/")[0]


def _sum(quantities: Collection[int | None]) -> int | None:
    known = [one for one in quantities if one is not None]
    return sum(known) if known else None
