"""Instants as people are told them, in a zone with its name; and as they state them: exactly, or as a day."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from ledger.domain.calendar import Zone


_INSTANTS = re.compile(r"\b[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?Z\b")
_WHOLE_DAY = len("2024-10-10")
_TOLD = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}) ([0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?) ([A-Z]{3,4})"
)
"""An instant as people are told it."""
_OFFSETS = {"WIB": "+07:00", "WITA": "+08:00", "WIT": "+09:00", "UTC": "Z"}
"""Names of zones that mean one thing everywhere, with their offsets."""
_SUCH_AS = "2024-10-10T08:00:00+07:00 or 2024-10-10 08:00:00 WIB"


def told_at(instant: int, where: Zone) -> str:
    """An instant by the clock of a zone: `2024-10-10 08:00:00 WIB`, with a fraction only where there is one.

    The last microsecond of a day, which a day means, is told as its end: `2024-10-10 24:00 WIB`.
    """
    from ledger.domain.calendar import SECOND

    day = where.day(instant)
    local = where.local(instant)
    if instant == where.last_instant(day):
        return f"{day.isoformat()} 24:00 {local:%Z}"
    fraction = instant % SECOND
    return f"{local:%Y-%m-%d %H:%M:%S}{f'.{fraction:06}' if fraction else ''} {local:%Z}"


def told_within(text: str, where: Zone) -> str:
    """A text in which instants stand as programs have them, with these told in a zone instead.

    What looks like one and is none (somebody typed it) stays as it is.
    """
    from ledger.domain.calendar import parse_instant

    def told(found: re.Match[str]) -> str:
        try:
            return told_at(parse_instant(found[0]), where)
        except ValueError:
            return found[0]

    return _INSTANTS.sub(told, text)


def has_an_instant(text: str) -> bool:
    """Whether an instant stands in a text as programs have it."""
    return _INSTANTS.search(text) is not None


def cell_of(instant: int, where: Zone) -> str:
    """The same in a cell of a table, as one word, so that no column breaks it; below the table stands the zone."""
    from ledger.domain.calendar import SECOND

    fraction = instant % SECOND
    return f"{where.local(instant):%Y-%m-%dT%H:%M:%S}{f'.{fraction:06}' if fraction else ''}"


def told_day(instant: int, where: Zone) -> str:
    """The local day of an instant."""
    return where.day(instant).isoformat()


def instant(text: str) -> int:
    """An instant as it is stated on the command line: by RFC 3339, or as `told_at` tells it in Indonesia and UTC."""
    from ledger.domain.calendar import parse_instant

    try:
        return parse_instant(_as_programs_have_it(text))
    except ValueError as error:
        like = f", such as {_SUCH_AS}" if str(error).startswith("not an") else ""
        raise typer.BadParameter(f"{text!r} is {error}{like}") from None


def _as_programs_have_it(text: str) -> str:
    told = _TOLD.fullmatch(text)
    if told is None or told[3] not in _OFFSETS:
        return text
    day, time, name = told.groups()
    seconds = {"24:00": "23:59:59.999999"}.get(time, time if time.count(":") > 1 else f"{time}:00")
    return f"{day}T{seconds}{_OFFSETS[name]}"


def begin_of(stated: int | date, where: Zone) -> int:
    """The instant that is stated, or at which the local day begins."""
    return where.midnight(stated) if isinstance(stated, date) else stated


def end_of(stated: int | date, where: Zone) -> int:
    """The instant that is stated, or the last one of the local day."""
    return where.last_instant(stated) if isinstance(stated, date) else stated


def when(text: str) -> int | date:
    """An instant, or a local day, as it is stated on the command line."""
    from ledger.domain.calendar import parse_day

    if len(text) != _WHOLE_DAY:
        try:
            return instant(text)
        except typer.BadParameter as error:
            raise typer.BadParameter(f"{error}; nor is it a day such as 2024-10-10") from None
    try:
        day = parse_day(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a day such as 2024-10-10") from None
    instant(f"{text}T00:00:00Z")
    return day


def must_be_in_order(since: int | date | None, until: int | date | None) -> None:
    """Raises a usage error where one of two instants, or days, comes before the other that it should follow."""
    if since is None or until is None or isinstance(since, int) != isinstance(until, int):
        return
    if since > until:  # type: ignore[operator]
        raise typer.BadParameter("--from lies after --to")


def _zone(text: str) -> Zone:
    from ledger.domain.calendar import zone

    try:
        return zone(text)
    except (KeyError, ValueError, OSError):
        raise typer.BadParameter(f"no time zone is named {text!r}; one is Asia/Jakarta") from None


InZone = Annotated[
    Any,
    typer.Option(
        "--zone",
        metavar="ZONE",
        parser=_zone,
        help="Days and times of that zone, such as Asia/Jayapura (default: the terms').",
        show_default=False,
    ),
]
Utc = Annotated[bool, typer.Option("--utc", help="Tell times in UTC.")]
