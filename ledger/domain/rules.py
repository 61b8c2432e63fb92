"""What a document's rules are written in: its clauses, codes, days, amounts and prices, and what a rule has."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

from ledger.domain.calendar import parse_day
from ledger.domain.money import format_amount, parse_amount


@dataclass(frozen=True, slots=True)
class Takes:
    """What a value has to be, in words that follow "is not", and one such value as a file holds it."""

    words: str
    example: Any


A_TEXT = Takes("a text", "example")
A_CLAUSE = Takes("a clause such as AB24-01 or AB24-19a", "AB24-01")
Clause = Annotated[str, Field(pattern=r"^[A-Z]{2,4}[0-9]{0,2}-[0-9]{2}[a-z]?$"), A_CLAUSE]
Code = Annotated[
    str,
    Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=60),
    Takes("a code of small letters, digits and hyphens, 60 at most", "example"),
]
Days = Annotated[int, Field(strict=True, ge=0, le=36_500), Takes("a whole number of days", 30)]
Count = Annotated[int, Field(strict=True, ge=0), Takes("a whole number", 3)]
_PRICE = re.compile(r"(?:0|[1-9][0-9]{0,12})(?:\.[0-9]{1,12})?", re.ASCII)


def _money(value: object) -> int:
    if not isinstance(value, str):
        msg = 'money is written as a string, such as "5000"'
        raise ValueError(msg)  # noqa: TRY004 - pydantic turns ValueError into a located error
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
        raise ValueError(msg)  # noqa: TRY004 - pydantic turns ValueError into a located error
    return value


Day = Annotated[date, BeforeValidator(_day), Takes("a day such as 2023-07-03", date(2024, 1, 1))]
Money = Annotated[
    int,
    BeforeValidator(_money),
    PlainSerializer(format_amount, when_used="json"),
    Field(ge=0),
    Takes('an amount in a string, such as "5000" or "0.50"', "5000"),
]
PriceText = Annotated[
    str, BeforeValidator(_price), Takes('a price in a string, such as "909" or "18.18"', "18.18")
]


class Section(BaseModel):
    """A part of a document: nothing stands in it that the ledger does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, defer_build=True)


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
