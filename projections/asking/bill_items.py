"""What a bill's lines of use are made of: use by service, destination and zone, use abroad record by record (SE23-05).

It is told from the number's own events: a bill carries what was recorded since the bill before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ledger.domain.calendar import Day
from ledger.domain.events import Event
from ledger.domain.line.line import Line
from ledger.domain.money import Sen
from ledger.domain.postpaid.events import RoamingCharged, UsageCharged
from ledger.domain.postpaid.events_of_bills import BillIssued
from projections.engine.answers import Listed, Moment
from projections.engine.local_days import zone_of
from projections.engine.reader import LogSnapshot
from projections.engine.unanswered import unknown
from projections.line.lines_as_of import advanced


class BillItem(NamedTuple):
    """Use that a bill carries: `quantity` in seconds, messages or bytes, `amount` in sen, without tax.

    `kind` is that of the bill's line, `usage` or `roaming`. `used_on` is the local day of use abroad, by its partner's
    `record`; of other use, only where it was before the bill's period.
    """

    kind: str
    service: str
    direction: str
    destination: str | None
    zone: str | None
    country: str | None
    used_on: Day | None
    partner: str | None
    record: str | None
    quantity: int
    amount: Sen


def bill_items(log: LogSnapshot, moment: Moment, msisdn: str, number: str) -> Listed[BillItem]:
    """The use that a bill carries, in its order. Raises UnknownThen."""
    line, last = Line(msisdn, log.book), 0
    carried: dict[str, list[UsageCharged | RoamingCharged]] = {}
    for event, ordinal in _events(log, line, moment):
        last = ordinal or last
        if isinstance(event, UsageCharged | RoamingCharged):
            carried.setdefault(event.account, []).append(event)
        elif isinstance(event, BillIssued):
            found = carried.pop(event.account, [])
            if event.bill == number and event.effective_at <= moment.as_of:
                since = zone_of(event.terms or "", log.book).day_number(event.period_since)
                return Listed(BillItem, list(_items(found, since)), *moment, f"{log.partition}:{last}")
    raise unknown(number, moment)


def _events(log: LogSnapshot, line: Line, moment: Moment) -> Iterator[tuple[Event, int]]:
    """What is known of a number, each with its ordinal; then, with 0, what has fallen due besides."""
    for found in log.events_of(line.msisdn):
        if found.event.recorded_at <= moment.known_at and found.event.effective_at <= moment.as_of:
            line.take(found.event)
            yield found.event, found.ordinal
    for event in advanced(line, moment.as_of):
        yield event, 0


def _items(found: list[UsageCharged | RoamingCharged], since: int) -> Iterator[BillItem]:
    sums: dict[tuple[str, str, str, str, int], list[int]] = {}
    for event in found:
        if isinstance(event, UsageCharged):
            day = event.day if event.day < since else 0
            key = (event.service, event.direction, event.destination, event.zone, day)
            before = sums.setdefault(key, [0, 0])
            before[0] += event.granted
            before[1] += event.charge
    for (service, direction, destination, zone, day), (quantity, amount) in sorted(sums.items()):
        own = (service, direction, destination, zone, None, day or None, None, None)
        yield BillItem("usage", *own, quantity, amount)
    abroad = [event for event in found if isinstance(event, RoamingCharged)]
    for one in sorted(abroad, key=lambda event: (event.effective_at, event.version)):
        place = (one.service, one.direction, None, one.zone, one.country, one.day, one.partner, one.record)
        yield BillItem("roaming", *place, one.quantity, one.charge)
