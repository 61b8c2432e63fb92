"""MT940: customer statements as banks send them. Tags and `:61:` are split by patterns of the standard, strictly.

A field begins at a line with `:NN:` or `:NNa:` and goes on over the lines that begin otherwise; a message may stand
between SWIFT's braces. Lines end as on any machine (LF, CR LF, CR alone), and the mark of UTF-8 may stand before them.
A file may hold several statements, each of which begins with `:20:`. What does not fit is a finding with its line
number, and the rest goes on. Free text (`:86:`, further details) stays in the file; of it a reference is taken where
one stands after its own word.
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple, cast

from ledger.domain.calendar import day_of_number
from ledger.errors import StatementUnreadable
from ledger.reconciliation.readers.stated_file import (
    MOST_STATEMENTS,
    AmountWrong,
    LineRead,
    StatementRead,
    amount_of,
    check_openings,
    day_of,
    identifier,
    numbered_lines,
    reference_of,
)

FORMAT = "mt940"
_TAG = re.compile(rb":([0-9]{2}[A-Z]?|NS):(.*)", re.DOTALL)
_BALANCE = re.compile(r"([CD])([0-9]{6})([A-Z]{3})([0-9]{1,12},[0-9]{0,12})", re.ASCII)
_LINE = re.compile(
    r"([0-9]{6})([0-9]{4})?(R?[CD])([A-Z])?([0-9]{1,12},[0-9]{0,12})([A-Z][A-Z0-9]{3})(.*)", re.ASCII
)
_LINE_WITHOUT_COMMA = re.compile(r"[0-9]{6}(?:[0-9]{4})?R?[CD][A-Z]?[0-9]{1,15}[A-Z]", re.ASCII)
"""What lacks only the comma that the standard has in every amount."""
_NUMBER = re.compile(r"([0-9]{1,5})(?:/([0-9]{1,5}))?", re.ASCII)
_EREF = re.compile(r"(?:EREF\+|\+?/EREF/|/ROC/)([^\s+/]{1,35})", re.ASCII)
_NO_REFERENCE = frozenset({"NONREF", "NOTPROVIDED", ""})
_FORMER_CENTURY = 70
"""Years of two digits from here on are of the century before."""


class _Field(NamedTuple):
    line: int
    tag: str
    text: str
    raw: bytes


class _Turned(io.RawIOBase):
    """A file whose lines end with carriage returns alone, with the ends that lines have elsewhere."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, into: memoryview) -> int:  # type: ignore[override]
        """Reads some of it."""
        piece = self._file.read(len(into))
        into[: len(piece)] = piece.replace(b"\r", b"\n")
        return len(piece)


def _of_lines(file: BinaryIO) -> BinaryIO:
    """A file without the mark of UTF-8, whose lines end as they do elsewhere."""
    begins = cast("io.BufferedReader", file).peek()
    if begins.startswith(codecs.BOM_UTF8):
        file.read(len(codecs.BOM_UTF8))
    return io.BufferedReader(_Turned(file)) if b"\r" in begins and b"\n" not in begins else file


def statements(file: BinaryIO) -> list[StatementRead]:
    """The statements of a file, in order. Raises StatementUnreadable where there is none."""
    found: list[_Mt940] = []
    for one in _fields(file):
        if one.tag == "20":
            if len(found) >= MOST_STATEMENTS:
                raise StatementUnreadable(f"line {one.line}: more than {MOST_STATEMENTS} statements")
            found.append(_Mt940())
        elif not found:
            raise StatementUnreadable(f"line {one.line}: an MT940 statement begins with :20:")
        found[-1].take(one)
    if not found:
        raise StatementUnreadable("no field of MT940 is in it, such as :20:")
    made = [one.ended() for one in found]
    check_openings(made)
    return made


def _fields(file: BinaryIO) -> Iterator[_Field]:
    """The fields, each with the number of its first line; one of a line that is too long has the tag `too-long`."""
    begun: tuple[int, str] | None = None
    lines: list[bytes] = []
    for number, line in numbered_lines(_of_lines(file)):
        if line is None:
            yield _Field(number, "too-long", "", b"")
            continue
        if line.startswith((b"{", b"-}")) or not line.strip():
            continue
        tag = _TAG.match(line)
        if tag is not None:
            if begun is not None:
                yield _field(*begun, lines)
            begun, lines = (number, tag[1].decode()), [line]
        elif begun is None:
            raise StatementUnreadable(f"line {number}: no field of MT940, such as :20:")
        else:
            lines.append(line)
    if begun is not None:
        yield _field(*begun, lines)


def _field(line: int, tag: str, lines: list[bytes]) -> _Field:
    raw = b"\n".join(lines)
    return _Field(line, tag, raw.split(b":", 2)[2].decode("utf-8", "replace"), raw)


class _Mt940:
    """One statement, as its fields come."""

    def __init__(self) -> None:
        self.made = StatementRead("bank", FORMAT, "")
        self.reference: str | None = None
        self.line: LineRead | None = None
        self.details: list[bytes] = []

    def take(self, one: _Field) -> None:
        """Takes in a field."""
        if one.tag == "86":
            self._details(one)
            return
        if one.tag == "NS":
            return
        self._end_line()
        if one.tag == "20":
            self.reference = identifier(one.text)
        elif one.tag == "25":
            self.made.account = identifier(one.text.replace(" ", ""))
        elif one.tag in ("28", "28C"):
            self._number(one)
        elif one.tag in ("60F", "60M", "62F", "62M"):
            self._balance(one)
        elif one.tag == "61":
            self._movement(one)
        elif one.tag == "too-long":
            self.made.find(one.line, "too-long")
        elif one.tag not in ("13D", "21", "34F", "64", "65", "90C", "90D"):
            self.made.find(one.line, "unknown-tag")

    def _number(self, one: _Field) -> None:
        found = _NUMBER.fullmatch(one.text.strip())
        if found is None:
            self.made.find(one.line, "number")
            return
        self.made.number, self.made.sequence = found[1], found[2]

    def _balance(self, one: _Field) -> None:
        found = _BALANCE.fullmatch(one.text.strip())
        if found is None:
            self.made.find(one.line, "balance")
            return
        try:
            on = _day(found[2])
            amount = amount_of(found[4], ",")
        except AmountWrong as wrong:
            self.made.find(one.line, str(wrong))
            return
        except ValueError:
            self.made.find(one.line, "day")
            return
        signed = -amount if found[1] == "D" else amount
        if self.made.unit and self.made.unit != found[3]:
            self.made.find(one.line, "unit")
            return
        self.made.unit = found[3]
        if one.tag.startswith("60"):
            self.made.opening, self.made.since_on = signed, on
        else:
            self.made.closing, self.made.until_on = signed, on

    def _movement(self, one: _Field) -> None:
        first, _, _ = one.text.partition("\n")
        found = _LINE.fullmatch(first.rstrip("\r"))
        if found is None:
            without_comma = _LINE_WITHOUT_COMMA.match(first) is not None
            self.made.find(one.line, "no-decimal-comma" if without_comma else "line")
            return
        value, entry, mark, _, amount, kind, references = found.groups()
        try:
            on = _day(value) if entry is None else _entry_day(value, entry)
        except ValueError:
            self.made.find(one.line, "day")
            return
        try:
            sen = amount_of(amount, ",")
        except AmountWrong as wrong:
            self.made.find(one.line, str(wrong))
            return
        ours, _, theirs = references.partition("//")
        named = [text for text in (ours, theirs) if text.strip() not in _NO_REFERENCE]
        reference = reference_of(named)
        if mark.startswith("R"):
            kind = f"{kind}/reversal"
        signed = sen if mark in ("C", "RD") else -sen
        self.line = LineRead(one.line, signed, "", one.raw, reference=reference, kind=kind, on=on)

    def _details(self, one: _Field) -> None:
        if self.line is None:
            return  # of the statement as a whole
        named = _EREF.search(one.text.replace("\n", ""))
        reference = None if named is None else identifier(named[1])
        self.details.append(one.raw)
        self.line = self.line._replace(reference=reference or self.line.reference)

    def _end_line(self) -> None:
        if self.line is not None:
            self.made.add(self.line._replace(raw=b"\n".join([self.line.raw, *self.details])))
            self.line, self.details = None, []

    def ended(self) -> StatementRead:
        """The statement as it was read."""
        self._end_line()
        made = self.made
        if not made.unit:
            made.find(0, "no-balance")
            made.unit = "XXX"
        if made.opening is None:
            made.find(0, "no-opening")
        if made.closing is None:
            made.find(0, "no-closing")
        made.lines = [line._replace(unit=made.unit) for line in made.lines]
        made.check_chain()
        return made


def _day(text: str) -> int:
    year = int(text[:2])
    return day_of(year + (1900 if year >= _FORMER_CENTURY else 2000), int(text[2:4]), int(text[4:6]))


def _entry_day(value: str, entry: str) -> int:
    """The booking day, of which only month and day are stated: of the year that brings it nearest to the value day."""
    valued = _day(value)
    year = day_of_number(valued).year
    days = []
    for one in (year - 1, year, year + 1):
        try:
            days.append(day_of(one, int(entry[:2]), int(entry[2:])))
        except ValueError:
            continue  # 29 February is of some years only
    if not days:
        raise ValueError(entry)
    return min(days, key=lambda day: abs(day - valued))
