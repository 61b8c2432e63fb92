"""What a reader finds in a file: statements, lines, what is wrong with them; and how words and amounts are read.

A word of a file goes into the log only where it can be no name (digits are in it, and no space) and no identity number.
Amounts are read by an anchored pattern and the decimal mark that is declared, never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import BinaryIO, NamedTuple

from ledger.domain.calendar import day_number
from ledger.domain.free_text import tells_of_somebody
from ledger.domain.money import LARGEST_AMOUNT, SEN
from ledger.domain.statement.stated import MOST_LINES_OF_STATEMENT
from ledger.errors import StatementUnreadable

LONGEST_LINE = 1 << 20
"""Bytes of a line."""
MOST_FIELDS = 256
"""Fields of a line."""
MOST_STATEMENTS = 1_000
"""Statements of one file."""
MOST_LINES = 4_000_000
"""Lines of one file, empty ones too: a line of a statement may take several."""
READER_VERSION = "1"
"""Of the readers here: it changes where they read the same file otherwise."""
_IDENTIFIER = re.compile(r"(?=[^\s]*[0-9])[A-Za-z0-9#./_:+-]{1,100}", re.ASCII)
_AMOUNTS = {
    mark: re.compile(
        rf"([+-]?)([0-9]{{1,3}}(?:{re.escape(other)}[0-9]{{3}})+|[0-9]+)(?:{re.escape(mark)}([0-9]*))?",
        re.ASCII,
    )
    for mark, other in ((".", ","), (",", "."))
}


class FindingRead(NamedTuple):
    """What is wrong at a line of the file (0: with all of it), as a code; sen that were expected, and found."""

    line: int
    code: str
    expected: int | None = None
    found: int | None = None


class LineRead(NamedTuple):
    """A line as a file states it; amounts in sen, `on` a day's number, `at` an instant, `raw` the line as it stands.

    `quantity` is how much was used abroad, in seconds, messages or bytes.
    """

    line: int
    amount: int
    unit: str
    raw: bytes
    account: str | None = None
    reference: str | None = None
    kind: str | None = None
    group: str | None = None
    on: int | None = None
    at: int | None = None
    balance: int | None = None
    quantity: int | None = None


@dataclass
class StatementRead:
    """A statement as a file states it."""

    kind: str
    format: str
    unit: str
    account: str | None = None
    number: str | None = None
    sequence: str | None = None
    since_on: int | None = None
    until_on: int | None = None
    opening: int | None = None
    closing: int | None = None
    lines: list[LineRead] = field(default_factory=list)
    findings: list[FindingRead] = field(default_factory=list)

    def add(self, line: LineRead) -> None:
        """Takes in a line. Raises StatementUnreadable where there are too many."""
        if len(self.lines) >= MOST_LINES_OF_STATEMENT:
            raise StatementUnreadable(f"more than {MOST_LINES_OF_STATEMENT} lines")
        self.lines.append(line)

    def find(self, line: int, code: str, expected: int | None = None, found: int | None = None) -> None:
        """Takes note of what is wrong. Raises StatementUnreadable where that is too much."""
        if len(self.findings) >= MOST_LINES_OF_STATEMENT:
            raise StatementUnreadable(f"more than {MOST_LINES_OF_STATEMENT} lines have something wrong")
        self.findings.append(FindingRead(line, code, expected, found))

    def check_chain(self) -> None:
        """Finds where balances do not follow: each from the one before it and the amount, the closing from all."""
        balance = self.opening
        for one in self.lines:
            if one.unit != self.unit:
                return  # what adds up must be of one unit
            expected = None if balance is None else balance + one.amount
            if one.balance is not None:
                if expected is not None and one.balance != expected:
                    self.find(one.line, "chain", expected, one.balance)
                balance = one.balance
            else:
                balance = expected
        if balance is not None and self.closing is not None and balance != self.closing:
            self.find(0, "chain-closing", balance, self.closing)


def check_openings(statements: list[StatementRead]) -> None:
    """Finds openings that differ from the closing before, of the same account in one file."""
    before: dict[tuple[str | None, str], int | None] = {}
    for one in statements:
        key = (one.account, one.unit)
        closed = before.get(key)
        if one.account is not None and None not in (closed, one.opening) and closed != one.opening:
            one.find(0, "chain-opening", closed, one.opening)
        before[key] = one.closing


def of_partner(partner: str, record: str) -> str:
    """How a roaming partner's record is referred to: it is told apart by both."""
    return f"{partner}/{record}"


def currency(text: str) -> str:
    """The code of a currency or unit. Raises AmountWrong: any other word could be a name."""
    if re.fullmatch(r"[A-Z]{3,5}", text, re.ASCII) is None:
        raise AmountWrong("unit")
    return text


def identifier(text: str | None) -> str | None:
    """A word of a file that may go into the log: one that can be no name, and tells of nobody; else None."""
    if text is None or _IDENTIFIER.fullmatch(text := text.strip()) is None:
        return None
    return None if tells_of_somebody(text) else text


def reference_of(texts: Sequence[str | None]) -> str | None:
    """The first word of a line's references that may go into the log; none where one tells of somebody.

    Who writes an identity number there may write a bank account beside it, which cannot be told from a reference.
    """
    if any(text is not None and tells_of_somebody(text) for text in texts):
        return None
    return next((word for text in texts if (word := identifier(text)) is not None), None)


class AmountWrong(ValueError):
    """A text is no amount; the message is the code of what is wrong with it."""


def amount_of(text: str, decimal_mark: str) -> int:
    """Sen of an amount as stated, such as `-1.234,50` with the mark `,`; groups of three are parted by the other one.

    Raises AmountWrong: `amount`, or `more-decimals` where it is finer than sen.
    """
    found = _AMOUNTS[decimal_mark].fullmatch(text.strip())
    if found is None:
        raise AmountWrong("amount")
    sign, whole, cents = found.groups()
    cents = cents or ""
    if len(cents) > 2:  # noqa: PLR2004 - sen are hundredths
        raise AmountWrong("more-decimals")
    digits = whole.replace(",", "").replace(".", "")
    if len(digits) > 18:  # noqa: PLR2004 - beyond any amount
        raise AmountWrong("amount")
    sen = int(digits) * SEN + int(cents.ljust(2, "0"))
    if sen > LARGEST_AMOUNT:
        raise AmountWrong("amount")
    return -sen if sign == "-" else sen


def day_of(year: int, month: int, day: int) -> int:
    """The number of a day. Raises ValueError for a day that there is not, such as 31 February."""
    return day_number(date(year, month, day))


def numbered_lines(file: BinaryIO) -> Iterator[tuple[int, bytes | None]]:
    """The lines of a file with their numbers, from 1, without their ends; None for one that is too long.

    Raises StatementUnreadable where there are more than MOST_LINES.
    """
    number = 0
    while line := file.readline(LONGEST_LINE + 1):
        number += 1
        if number > MOST_LINES:
            raise StatementUnreadable(f"more than {MOST_LINES} lines, empty ones too")
        if len(line) > LONGEST_LINE and not line.endswith(b"\n"):
            while (more := file.readline(LONGEST_LINE)) and not more.endswith(b"\n"):
                pass
            yield number, None
        else:
            yield number, line.rstrip(b"\r\n")
