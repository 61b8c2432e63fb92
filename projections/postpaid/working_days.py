"""Working days: neither weekends nor the holidays of Indonesia, by PyPI `holidays`; and which days were left out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import NamedTuple, TypedDict

from ledger.domain.calendar import Day, Zone, day_number
from ledger.domain.postpaid.terms import PostpaidTerms

_COUNTRY, _LANGUAGE = "ID", "en_US"
_SATURDAY = 5


class DayLeftOut(TypedDict):
    """A day that is no working day, and why."""

    day: Day
    name: str


class WorkingDays(NamedTuple):
    """The last of so many working days, and the days left out up to it."""

    last: int
    left_out: list[DayLeftOut]


def working_days(since: date, count: int, categories: Sequence[str]) -> WorkingDays:
    """So many working days, counted from the day after `since`; `public` holidays, `government` for joint leave."""
    import holidays  # slow to import

    named = holidays.country_holidays(_COUNTRY, categories=tuple(categories), language=_LANGUAGE)
    left_out: list[DayLeftOut] = []
    day = since
    while count > 0:
        day += timedelta(days=1)
        name = named.get(day) or (f"{day:%A}" if day.weekday() >= _SATURDAY else None)
        if name is None:
            count -= 1
        else:
            left_out.append({"day": day_number(day), "name": name})
    return WorkingDays(day_number(day), left_out)


def due_of_refund(ready_since: int, terms: PostpaidTerms, zone: Zone | None = None) -> WorkingDays:
    """The last working day on which a deposit is paid back in time, where nothing waits since an instant (SE23-18)."""
    rule, day = terms.deposit, (zone or terms.zone).day(ready_since)
    return working_days(day, rule.refund_working_days, rule.working_day_categories)
