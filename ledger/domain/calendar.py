"""Time: instants are UTC microseconds since 1970; days and midnights are those of the terms' zone.

Periods are half-open: what happens at a boundary instant belongs to the later period.
"""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

SECOND = 1_000_000
"""Microseconds in a second."""
MINUTE = 60 * SECOND
"""Microseconds in a minute."""
HOUR = 60 * MINUTE
"""Microseconds in an hour."""
DAY = 86_400 * SECOND
"""Microseconds in 24 hours (which is how lateness is measured, not local days)."""

NEVER = 2**62
"""An instant that never comes."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UTC_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - adding to a naive one is twice as fast
_EPOCH_DAY = date(1970, 1, 1)
_MICROSECOND = timedelta(microseconds=1)
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,6})?"
    r"(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])",
    re.ASCII,
)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_EARLIEST = -62_000_000_000 * SECOND
_LATEST = 250_000_000_000 * SECOND


def parse_instant(text: str) -> int:
    """Microseconds of an RFC 3339 instant with an offset, to the microsecond at most. Raises ValueError."""
    if not _INSTANT.fullmatch(text):
        msg = "not an RFC 3339 instant with an offset, to the microsecond at most"
        raise ValueError(msg)
    try:
        instant = (datetime.fromisoformat(text) - EPOCH) // _MICROSECOND
    except ValueError:
        msg = "an instant that no calendar has"
        raise ValueError(msg) from None
    if not _EARLIEST <= instant <= _LATEST:
        msg = "beyond the times that the ledger keeps"
        raise ValueError(msg)
    return instant


def is_instant(value: object) -> bool:
    """Whether a value is whole microseconds within the times that the ledger keeps."""
    return type(value) is int and _EARLIEST <= value <= _LATEST


def format_instant(instant: int) -> str:
    """The instant in UTC by RFC 3339, with a fraction only where there is one."""
    second, fraction = divmod(instant, SECOND)
    return f"{_second(second)}.{fraction:06}Z" if fraction else f"{_second(second)}Z"


@lru_cache(1000)
def _second(second: int) -> str:
    return (_UTC_EPOCH + timedelta(seconds=second)).isoformat()


def parse_day(text: str) -> date:
    """A day such as `2023-07-03`. Raises ValueError."""
    if not _DAY.fullmatch(text):
        msg = "not a day such as 2023-07-03"
        raise ValueError(msg)
    return date.fromisoformat(text)


def day_number(day: date) -> int:
    """Days since 1970-01-01, as Avro's `date` counts them."""
    return (day - _EPOCH_DAY).days


def day_of_number(number: int) -> date:
    """The day that lies `number` days after 1970-01-01."""
    return _EPOCH_DAY + timedelta(days=number)


def instant_of(moment: datetime) -> int:
    """Microseconds of an aware datetime."""
    return (moment - EPOCH) // _MICROSECOND


def datetime_of(instant: int) -> datetime:
    """The aware UTC datetime of an instant."""
    return EPOCH + timedelta(microseconds=instant)


def format_day(number: int) -> str:
    """The day of a number by RFC 3339, such as `2023-07-03`."""
    return day_of_number(number).isoformat()


Instant = Annotated[int, format_instant]
"""The type of a field that holds an instant; it says how that is written."""
Day = Annotated[int, format_day]
"""That of one that holds a day, counted since 1970-01-01."""


_REMEMBERED_DAYS = 4096
"""Days of UTC of which a zone has at hand which local days they are of."""


_OF_A_MACHINE = frozenset({"localtime", "posixrules", "Factory"})
"""What is found like a zone, and is no zone of IANA's."""


class Zone:
    """Local days and clock times of one IANA time zone."""

    __slots__ = ("_days", "_info", "_midnight", "_today", "name")

    def __init__(self, name: str) -> None:
        """Raises ZoneInfoNotFoundError (a KeyError) for a name that is no zone, or another one on each machine."""
        if name in _OF_A_MACHINE or name.startswith(("posix/", "right/")):
            raise ZoneInfoNotFoundError(name)
        self._info = ZoneInfo(name)
        self.name = name
        self._midnight = lru_cache(maxsize=4096)(self._find_midnight)
        self._today = (0, 0, _EPOCH_DAY, 0)  # the local day asked for last: from, until, day, its number
        self._days: dict[int, list[tuple[int, int, date, int]]] = {}  # those asked for, by days of UTC

    def _find_midnight(self, day: date) -> int:
        return instant_of(datetime.combine(day, time.min, tzinfo=self._info))

    def local(self, instant: int) -> datetime:
        """The zone's wall clock at an instant."""
        return datetime_of(instant).astimezone(self._info)

    def day(self, instant: int) -> date:
        """The local day that an instant lies in."""
        start, end, today, _ = self._today
        return today if start <= instant < end else self._day(instant)[2]

    def day_number(self, instant: int) -> int:
        """The same, counted since 1970-01-01."""
        start, end, _, number = self._today
        return number if start <= instant < end else self._day(instant)[3]

    def _day(self, instant: int) -> tuple[int, int, date, int]:
        of_utc = self._days.get(instant // DAY)
        if of_utc is None:
            if len(self._days) >= _REMEMBERED_DAYS:
                self._days.clear()
            of_utc = self._days[instant // DAY] = []
        for known in of_utc:
            if known[0] <= instant < known[1]:
                self._today = known
                return known
        today = self.local(instant).date()
        ends = (self.midnight(today), self.midnight(today + timedelta(days=1)))
        self._today = (*ends, today, day_number(today))
        of_utc.append(self._today)
        return self._today

    def ahead_on(self, number: int) -> int | None:
        """By how many microseconds its clock is ahead of UTC all through a day of UTC; None where that changes."""
        try:
            first, last = (
                self.local(instant).utcoffset() for instant in (number * DAY, number * DAY + DAY - 1)
            )
        except OverflowError:  # at the ends of what calendars reckon with
            return None
        return None if first is None or first != last else first // _MICROSECOND

    def midnight(self, day: date) -> int:
        """The instant at which a local day begins."""
        return self._midnight(day)

    def last_instant(self, day: date) -> int:
        """The last microsecond of a local day."""
        return self.midnight(day + timedelta(days=1)) - 1

    def end_of_days(self, granted_at: int, days: int) -> int:
        """When n days granted on a local day end: 00:00 at the start of that day + n + 1 (SP23-16)."""
        return self.midnight(self.day(granted_at) + timedelta(days=days + 1))

    def plus_days(self, boundary: int, days: int) -> int:
        """A boundary moved on by whole local days, at the same time of day (grace and waiting, SP23-18).

        A day's beginning stays one, also where the clock skips midnight on one of the two days.
        """
        if days == 0:
            return boundary
        begins, ends, day, _ = self._day(boundary)
        there = day + timedelta(days=days)
        begins_there, ends_there = self.midnight(there), self.midnight(there + timedelta(days=1))
        # On neither of two whole days a clock is changed.
        both_whole = ends - begins == DAY == ends_there - begins_there
        if boundary == begins or (both_whole and boundary < ends):
            return begins_there + boundary - begins
        return instant_of(_wall(self.local(boundary) + timedelta(days=days), self._info))

    def plus_months(self, instant: int, months: int) -> int:
        """An instant moved on by calendar months, to the month's last day where it is shorter."""
        moment = self.local(instant)
        month = moment.month - 1 + months
        year, month = moment.year + month // 12, month % 12 + 1
        day = min(moment.day, monthrange(year, month)[1])
        return instant_of(_wall(moment.replace(year=year, month=month, day=day), self._info))

    def next_midnight(self, instant: int) -> int:
        """The first local 00:00 that is not before the instant."""
        day = self.day(instant)
        start = self.midnight(day)
        return start if start == instant else self.midnight(day + timedelta(days=1))


def _wall(moment: datetime, info: ZoneInfo) -> datetime:
    """The same wall-clock reading with its offset looked up anew."""
    return moment.replace(tzinfo=None).replace(tzinfo=info)


@lru_cache(maxsize=64)
def zone(name: str) -> Zone:
    """The zone of that name, made once."""
    return Zone(name)
