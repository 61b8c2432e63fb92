"""Money: integer sen of two units, and the postings of an event. A float never comes near it.

Double entry: every event's postings sum to zero per unit (SP23-01: credit is a unit for reckoning, not rupiah).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated, Literal, TypedDict

Unit = Literal["PULSA", "IDR"]
PULSA: Unit = "PULSA"
IDR: Unit = "IDR"

SEN = 100
"""Sen in one rupiah, and in one unit of credit."""

LARGEST_AMOUNT = 10**15
"""The largest amount that one command may name, in sen: beyond any published price by far."""

LARGEST_BALANCE = 10**18
"""The largest credit that an account may hold, in sen; sums of it still fit a signed 64-bit integer."""

_LONGEST = 20
_AMOUNT = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]{1,2})?", re.ASCII)


class Posting(TypedDict):
    """One line of an event's money effect: `amount` sen of `unit` into `account` (negative: out of it)."""

    account: str
    unit: str
    amount: int


def parse_amount(text: str) -> int:
    """Sen of a decimal string in rupiah or credit, such as `"5000"` or `"5.05"`.

    Raises ValueError unless the text has the one accepted form, or lies beyond `LARGEST_AMOUNT`.
    """
    if len(text) > _LONGEST or not _AMOUNT.fullmatch(text):
        msg = "not an amount: digits, and at most two of them after a point"
        raise ValueError(msg)
    whole, _, cents = text.partition(".")
    sen = int(whole) * SEN + (int(cents.ljust(2, "0")) * (-1 if text[0] == "-" else 1) if cents else 0)
    if not -LARGEST_AMOUNT <= sen <= LARGEST_AMOUNT:
        msg = "larger than any amount that the ledger takes"
        raise ValueError(msg)
    return sen


def format_amount(sen: int) -> str:
    """The decimal string of an amount in sen: `"5000"`, `"1272.60"`, `"-0.05"`."""
    whole, cents = divmod(abs(sen), SEN)
    sign = "-" if sen < 0 else ""
    return f"{sign}{whole}.{cents:02d}" if cents else f"{sign}{whole}"


Sen = Annotated[int, format_amount]
"""The type of a field that holds an amount; it says how that is written."""


_DECIMAL = re.compile(r"(-?)([0-9]{1,40})(?:\.([0-9]{1,6}))?", re.ASCII)


def hundredths(text: str) -> int:
    """An amount of any currency, to six places, in hundredths, halves away from zero. Raises ValueError."""
    found = _DECIMAL.fullmatch(text)
    if found is None:
        raise ValueError(f"no amount: {text!r}")
    whole = (int(found[2]) * 10**6 + int((found[3] or "").ljust(6, "0")) + 5_000) // 10_000
    return -whole if found[1] else whole


def transfer(unit: Unit, source: str, target: str, amount: int) -> list[Posting]:
    """The two postings that move `amount` sen from one ledger account to another; none for zero."""
    if amount == 0:
        return []
    return [
        {"account": target, "unit": unit, "amount": amount},
        {"account": source, "unit": unit, "amount": -amount},
    ]


def imbalance(postings: Iterable[Posting]) -> dict[str, int]:
    """What the postings leave over per unit, in sen; empty where they balance as they must."""
    sums: dict[str, int] = {}
    for posting in postings:
        sums[posting["unit"]] = sums.get(posting["unit"], 0) + posting["amount"]
    return {unit: amount for unit, amount in sums.items() if amount}


CASH = "operator/cash"
CREDIT_SALES = "operator/credit-sales"
CREDIT_ISSUED = "operator/credit-issued"
USAGE = "operator/usage"
CHARGES = "operator/charges"
FEES = "operator/fees"
BREAKAGE = "operator/breakage"
ADJUSTMENTS = "operator/adjustments"

CLEARING = "operator/clearing"
BANK_COSTS = "operator/bank-costs"
WRITE_OFFS = "operator/write-offs"
DEPOSITS_FORFEITED = "operator/deposits-forfeited"
OUTPUT_TAX = "operator/tax"


def revenue(kind: str) -> str:
    """The operator's ledger account of what postpaid accounts are charged, by kind of a bill's line."""
    return f"operator/revenue/{kind}"
