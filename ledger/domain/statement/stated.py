"""What statements consist of: lines, what was found wrong with them, and how they and items are named."""

from __future__ import annotations

import hashlib
import re
from typing import TypedDict

from ledger.domain.calendar import Day, Instant
from ledger.domain.ids import NUMBER
from ledger.domain.money import Sen

PREFIX = "statement/"
"""How the ids of statements begin."""
KINDS_OF_STATEMENT = ("bill", "bank", "channel", "partner", "account")
"""Whose word it is: a bill, the operator's bank, a reseller or channel, a roaming partner, a list of movements."""
MOST_LINES_AT_ONCE = 500
"""Lines, or findings, of one command."""
MOST_LINES_OF_STATEMENT = 1_000_000
"""Lines, or findings, of one statement."""
MOST_DECIDED = 5_000
"""Matches that stand, and items that are resolved, each, of one statement: all are kept in memory."""
MOST_OUTCOMES = 20
"""Outcomes that a run has sums of."""
_ITEM = re.compile(
    rf"L(?:0|[1-9][0-9]{{0,9}})|E{NUMBER.pattern}(?:#[1-9][0-9]{{0,8}})?/[1-9][0-9]{{0,17}}(?:\.[0-9]{{1,4}})?",
    re.ASCII,
)


class StatementLine(TypedDict):
    """A line as stated: `amount` and `balance` in sen, `raw` the salted SHA-256 of the line as it stood, in hex.

    It is `on` a day or `at` an instant; `quantity` is seconds, messages or bytes.
    """

    line: int
    account: str | None
    reference: str | None
    kind: str | None
    group: str | None
    amount: Sen
    unit: str
    on: Day | None
    at: Instant | None
    balance: Sen | None
    quantity: int | None
    raw: str


class StatementFinding(TypedDict):
    """What is wrong at a line of the file (0: with all of it), as a code; sen that were expected, and found."""

    line: int
    code: str
    expected: Sen | None
    found: Sen | None


class OutcomeSum(TypedDict):
    """How many items of a run had an outcome, and how much they come to, in sen."""

    outcome: str
    items: int
    amount: Sen


def is_item(text: str) -> bool:
    """Whether it names a line (`L12`; `L0`: the whole) or a system record (`E6288112345678#1/7`, or a part of it)."""
    return _ITEM.fullmatch(text) is not None


def dispute_of(statement: str, item: str) -> str:
    """The id of the dispute about an item: of a line by its number, of a record by its version (and part)."""
    hex_ = statement.removeprefix(PREFIX)
    return f"D-{hex_}-{item[1:]}" if item[0] == "L" else f"D-{hex_}-E{item.rpartition('/')[2]}"


def line_of(item: str) -> int:
    """The number of the line that an item is; 0: it is a system record."""
    return int(item[1:]) if item[0] == "L" else 0


def statement_of(*parts: str | int | None) -> str:
    """The subject of a statement, of what tells it apart from all others."""
    text = "\x1f".join("" if part is None else str(part) for part in parts)
    return f"{PREFIX}{hashlib.sha256(text.encode()).hexdigest()[:32]}"
