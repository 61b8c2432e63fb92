"""What is matched with what: lines of a statement, system records, the rules, and what a person has accepted."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from operator import attrgetter
from typing import Any, NamedTuple

from ledger.domain.calendar import NEVER
from ledger.domain.ids import subject_of
from ledger.domain.money import IDR, PULSA
from ledger.errors import StatementUnreadable

EQUAL, SUGGESTED, AMBIGUOUS = "equal", "suggested", "ambiguous"
AMOUNT_DIFFERS, BALANCE_DIFFERS = "amount-differs", "balance-differs"
MISSING_IN_SYSTEM, MISSING_ON_STATEMENT = "missing-in-system", "missing-on-statement"
TIMING, DUPLICATE, UNREADABLE, CHAIN = "timing", "duplicate-on-statement", "unreadable", "chain"
SETTLED = frozenset({EQUAL, TIMING})
"""Outcomes that need no person."""
DISPUTABLE = frozenset({AMOUNT_DIFFERS, BALANCE_DIFFERS, MISSING_IN_SYSTEM, MISSING_ON_STATEMENT, DUPLICATE})
"""Outcomes that disputes are opened about, of known accounts."""
UNITS = frozenset({IDR, PULSA})
"""What is compared; a line of another currency is only read."""


class Stated(NamedTuple):
    """A line of a statement: `amount` in sen, `day` a number; `number` is the number of its account."""

    line: int
    account: str | None
    number: str | None
    reference: str | None
    group: str | None
    amount: int
    unit: str
    day: int
    balance: int | None = None
    quantity: int | None = None

    @property
    def id(self) -> str:
        """How it is named as an item."""
        return f"L{self.line}"


class SystemRecord(NamedTuple):
    """What the log has recorded that a statement could speak of; `id` names stream and version (and the part of it)."""

    id: str
    account: str
    number: str
    version: int
    reference: str | None
    kind: str
    amount: int
    unit: str
    day: int
    balance: int | None = None
    digest: str = ""
    quantity: int | None = None


class Rules(NamedTuple):
    """The rules of matching: days and sen that may lie between a line and its record, and how long a run may be."""

    days: int = 3
    sen: int = 0
    longest_run: int = 50

    def to_toml(self) -> bytes:
        """The rules as a file has them."""
        return f"days = {self.days}\nsen = {self.sen}\nlongest-run = {self.longest_run}\n".encode()


_BOUNDS = {"days": 366, "sen": 10**9, "longest-run": 200}


def rules_of(content: bytes) -> Rules:
    """The rules of a TOML file. Raises StatementUnreadable where it holds none."""
    try:
        stated: Mapping[str, Any] = tomllib.loads(content[: 1 << 16].decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise StatementUnreadable(f"the rules are no TOML: {error}") from error
    for name, value in stated.items():
        most = _BOUNDS.get(name)
        if most is None or type(value) is not int or not 0 <= value <= most:
            raise StatementUnreadable(f"the rules: {name}: of {', '.join(_BOUNDS)}, a whole number from 0 on")
    return Rules(**{name.replace("-", "_"): value for name, value in stated.items()})


class StatedDays(NamedTuple):
    """The days that a statement is of; None: it does not say. `closes`: what lies near its end may come later."""

    since: int | None
    until: int | None
    closes: bool = True


class Abroad(NamedTuple):
    """What a partner's statement says of use abroad: whose, and how much was used by it and by the system."""

    partner: str
    stated: int | None
    system: int | None


class Item(NamedTuple):
    """What became of lines and records: by which rule they belong together, and how far apart they lie.

    Or what was nearest, and why it was not taken. `stated` and `system` are sen, `day` that of the first of them.
    """

    outcome: str
    rule: str | None
    lines: tuple[int, ...]
    records: tuple[str, ...]
    account: str | None
    stated: int | None
    system: int | None
    unit: str
    day: int | None
    days: int | None = None
    interchangeable: bool = False
    nearest: tuple[tuple[str, str], ...] = ()
    resolved: str | None = None
    abroad: Abroad | None = None

    @property
    def id(self) -> str:
        """How it is named: by its first line, else its first record."""
        return f"L{self.lines[0]}" if self.lines else self.records[0]

    @property
    def difference(self) -> int:
        """Sen that the statement says more than the system."""
        return (self.stated or 0) - (self.system or 0)

    @property
    def is_open(self) -> bool:
        """Whether a person has to look at it."""
        return self.outcome not in SETTLED and self.resolved is None


def number_of_account(account: str | None) -> str | None:
    """The number of an account."""
    return None if account is None else subject_of(account)


_ORDER = attrgetter("day", "amount", "account", "version", "id")


def in_order(records: Iterable[SystemRecord]) -> list[SystemRecord]:
    """Records in the order that they are matched in, whatever order they came in."""
    return sorted(records, key=_ORDER)


def near(records: Iterable[SystemRecord], period: StatedDays, rules: Rules) -> list[SystemRecord]:
    """The records that lie in the days of a statement, or near enough to one of them."""
    first = -NEVER if period.since is None else period.since - rules.days
    last = NEVER if period.until is None else period.until + rules.days
    return [one for one in records if first <= one.day <= last]
