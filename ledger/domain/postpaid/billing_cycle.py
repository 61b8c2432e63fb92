"""The billing cycle: from 00:00 of the billing day to 00:00 of the next, each reckoned from the billing day.

29 to 31 mean the last day of a shorter month; a boundary is never reckoned from the boundary before it.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import date, timedelta
from typing import NamedTuple

import msgspec

from ledger.domain.calendar import Zone, day_number
from ledger.domain.postpaid.rules_of_contracts import DayByCycle, DueRule


class StepToCome(msgspec.Struct, array_like=True, frozen=True):
    """A step of dunning that is still to come; all bills of a boundary have the same."""

    at: int
    number: int
    action: str


class Boundary(NamedTuple):
    """What the bills of one boundary have in common: it is reckoned once for all contracts of a billing day."""

    since: int
    """The boundary before it."""
    since_on: int
    """Its day, counted since 1970-01-01; so are the others."""
    days: int
    """Local days from there."""
    issued_on: int
    """The day of the bills, and of their due end."""
    due_on: int
    due_until: int
    next_at: int
    """The boundary after it."""


def boundary_of(zone: Zone, due: DueRule, billing_day: int, at: int) -> Boundary:
    """The boundary at an instant of contracts of that billing day."""
    since = boundary_before(zone, billing_day, at)
    due_on, due_until = due_of(zone, due, billing_day, at)
    return Boundary(
        since,
        day_number(zone.day(since)),
        days_between(zone, since, at),
        day_number(zone.day(at)),
        day_number(due_on),
        due_until,
        next_boundary(zone, billing_day, at),
    )


def day_in(year: int, month: int, day: int, *, months: int = 0) -> date:
    """A day of the month that is so many months later, or that month's last where it is shorter."""
    month += months
    year, month = year + (month - 1) // 12, (month - 1) % 12 + 1
    return date(year, month, min(day, monthrange(year, month)[1]))


def next_boundary(zone: Zone, billing_day: int, after: int) -> int:
    """The first boundary after an instant."""
    today = zone.day(after)
    boundary = day_in(today.year, today.month, billing_day)
    if boundary <= today:
        boundary = day_in(today.year, today.month, billing_day, months=1)
    return zone.midnight(boundary)


def boundary_before(zone: Zone, billing_day: int, at: int) -> int:
    """The last boundary before an instant: the beginning of the cycle that ends there, or in which it lies."""
    today = zone.day(at - 1)
    boundary = day_in(today.year, today.month, billing_day)
    if boundary > today:
        boundary = day_in(today.year, today.month, billing_day, months=-1)
    return zone.midnight(boundary)


def days_between(zone: Zone, since: int, until: int) -> int:
    """Local days from that of an instant to that of another."""
    return (zone.day(until) - zone.day(since)).days


def share(amount: int, days: tuple[int, int], of: int, rounding: int) -> int:
    """What the days from one to another of a cycle have of an amount: the difference of two rounded marks.

    So the parts of a cycle make the whole, wherever it is cut. `rounding` is in sen, half up.
    """
    first, last = days
    return rounded(amount * last, of, rounding) - rounded(amount * first, of, rounding)


def rounded(numerator: int, denominator: int, rounding: int) -> int:
    """A quotient, not negative, in whole multiples of `rounding`, half up."""
    unit = denominator * rounding
    return (2 * numerator + unit) // (2 * unit) * rounding


def contract_end(zone: Zone, begun_at: int, months: int) -> int | None:
    """The end of a contract period: 00:00 of the same date so many months later; None where there is none."""
    if not months:
        return None
    return zone.midnight(zone.day(zone.plus_months(zone.midnight(zone.day(begun_at)), months)))


def due_of(zone: Zone, rule: DueRule, billing_day: int, boundary: int) -> tuple[date, int]:
    """The due day of a bill of that boundary, and its due end: 00:00 after that day, or at it."""
    day = _by_cycle(zone, rule.table, billing_day, boundary)
    if day is None:
        day = zone.day(boundary) + timedelta(days=rule.days)
    return day, zone.midnight(day + timedelta(days=1) if rule.inclusive else day)


def step_of(  # noqa: PLR0913 - the rule has six inputs
    zone: Zone,
    table: tuple[DayByCycle, ...],
    billing_day: int,
    boundary: int,
    due_until: int,
    after_days: int,
) -> int:
    """When a step of dunning is due: 00:00 of the table's day, or so many days after the due end."""
    day = _by_cycle(zone, table, billing_day, boundary)
    return zone.plus_days(due_until, after_days) if day is None else zone.midnight(day)


def _by_cycle(zone: Zone, table: tuple[DayByCycle, ...], billing_day: int, boundary: int) -> date | None:
    row = next((row for row in table if row.billing_day == billing_day), None)
    if row is None:
        return None
    issued = zone.day(boundary)
    return day_in(issued.year, issued.month, row.day, months=row.months)
