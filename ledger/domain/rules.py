"""What a document's rules are written in: its clauses, codes, days, amounts and prices, and what a rule has."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, time
from typing import Annotated

from ledger.domain.calendar import parse_day
from ledger.domain.money import format_amount, parse_amount
from ledger.domain.sections import Bounds, Section, Takes

_PRICE = re.compile(r"(?:0|[1-9][0-9]{0,12})(?:\.[0-9]{1,12})?", re.ASCII)
_CLOCK = re.compile(r"[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?", re.ASCII)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError  # noqa: TRY004 - a fault of a document, whatever its kind
    return value


def _like(pattern: str, longest: int) -> Callable[[object], str]:
    """Reads texts of a pattern."""
    compiled = re.compile(pattern, re.ASCII)

    def read(value: object) -> str:
        if not isinstance(value, str) or len(value) > longest or not compiled.fullmatch(value):
            raise ValueError
        return value

    return read


def _whole(value: object) -> int:
    if type(value) is not int:
        raise ValueError
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError  # noqa: TRY004 - a fault of a document, whatever its kind
    return value


def _clock(value: object) -> time:
    if isinstance(value, time):
        return value
    if not isinstance(value, str) or not _CLOCK.fullmatch(value):
        raise ValueError
    return time.fromisoformat(value)


def _money(value: object) -> int:
    if not isinstance(value, str):
        msg = 'money is written as a string, such as "5000"'
        raise ValueError(msg)  # noqa: TRY004 - a fault of a document, whatever its kind
    return parse_amount(value)


def _price(value: object) -> str:
    """Kept as it is written: prices are exact, and a resolved file shows them as published."""
    if not isinstance(value, str) or not _PRICE.fullmatch(value):
        msg = 'a price is written as a decimal string, such as "18.18"'
        raise ValueError(msg)
    return value


def _day(value: object) -> date:
    if isinstance(value, datetime):
        value = value.date() if value.time() == time() else None
    if isinstance(value, str):
        return parse_day(value)
    if not isinstance(value, date):
        msg = "not a day such as 2023-07-03"
        raise ValueError(msg)  # noqa: TRY004 - a fault of a document, whatever its kind
    return value


def text_of(shortest: int, longest: int) -> Takes:
    """A text of so many characters."""
    words = (
        f"a text of {longest} characters"
        if shortest == longest
        else f"a text of {shortest} to {longest} characters"
    )
    return Takes(words, "x" * max(shortest, 1), _like(f"(?s:.{{{shortest},{longest}}})", longest))


A_TEXT = Takes("a text", "example", _text)
A_NUMBER = Takes("a whole number", 1, _whole)
A_FLAG = Takes("true or false", example=True, read=_flag)
A_CLOCK = Takes("a local time such as 22:00:00", time(22), _clock, time.isoformat)
A_CLAUSE = Takes(
    "a clause such as AB24-01 or AB24-19a", "AB24-01", _like(r"[A-Z]{2,4}[0-9]{0,2}-[0-9]{2}[a-z]?", 10)
)
Clause = Annotated[str, A_CLAUSE]
Code = Annotated[
    str,
    Takes(
        "a code of small letters, digits and hyphens, 60 at most", "example", _like(r"[a-z0-9][a-z0-9-]*", 60)
    ),
]
Days = Annotated[int, Bounds(0, 36_500), Takes("a whole number of days", 30, _whole)]
Count = Annotated[int, Bounds(0), Takes("a whole number", 3, _whole)]
DateKey = Annotated[date, Takes("a day such as 2023-07-03", date(2024, 1, 1), _day, date.isoformat)]
AN_AMOUNT = Takes('an amount in a string, such as "5000" or "0.50"', "5000", _money, format_amount)
A_PRICE = Takes('a price in a string, such as "909" or "18.18"', "18.18", _price)
Money = Annotated[int, Bounds(0), AN_AMOUNT]
PriceText = Annotated[str, A_PRICE]


class Rule(Section):
    """A rule: its values, the clause they carry out, and where a value was published."""

    clause: Clause | None = None
    """The clause of the document that says so."""
    source: str = ""
    """Where the values were published, or whose they are; no rule, and not recorded in the log."""


class Period(Rule):
    """A period of whole days counted from the boundary before it."""

    days: Days
    """How long it lasts."""
