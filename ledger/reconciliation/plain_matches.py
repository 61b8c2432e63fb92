"""The first pass for what there is most of: one line and one record of a reference that no other line or record has.

Which of them comes first changes nothing, so they need no order: all are joined at once, and compared by columns.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, compress, repeat
from operator import attrgetter, is_not, sub
from typing import Any, NamedTuple

from ledger.reconciliation.matchables import EQUAL, Item, Stated, SystemRecord

_AT_ONCE = 2_048
"""Pairs whose columns are held at a time: so many stay near the processor."""

_REFERENCE = attrgetter("reference")


class PlainMatches(NamedTuple):
    """Items in the order of their lines, the references that they took, and pairs whose balances are to be compared."""

    items: list[Item]
    references: set[str]
    with_balance: list[tuple[Stated, SystemRecord]]


def plain_matches(lines: Sequence[Stated], records: Sequence[SystemRecord]) -> PlainMatches:
    """Lines that agree in reference, account, amount and quantity with the only record of that reference."""
    numbers = [one.line for one in lines]
    if numbers != sorted(numbers):
        lines = sorted(lines, key=attrgetter("line"))
    where = _alone(lines)
    found: list[SystemRecord | None] = [None] * len(lines)
    several = set()
    for place, record in zip(map(where.get, map(_REFERENCE, records)), records, strict=True):
        if place is not None:
            if found[place] is not None:
                several.add(place)
            found[place] = record
    for place in several:
        found[place] = None
    stated = list(compress(lines, map(is_not, found, repeat(None))))
    recorded = [one for one in found if one is not None]
    matches = PlainMatches([], set(), [])
    for first in range(0, len(stated), _AT_ONCE):
        some = slice(first, first + _AT_ONCE)
        _compared(stated[some], recorded[some], matches)
    return matches


def _compared(lines: list[Stated], records: list[SystemRecord], matches: PlainMatches) -> None:
    """Takes those pairs of a line and a record that agree into the matches."""
    line, record = _columns(Stated, lines), _columns(SystemRecord, records)
    apart = set(_differing(line, record))
    same = [place not in apart for place in range(len(lines))]
    days = map(abs, map(sub, line.day, record.day))
    both = (line.amount, record.amount, line.unit, line.day, days)
    said, none = (repeat(EQUAL), repeat("reference")), repeat(None)
    interchangeable = repeat(object=False)
    last = (interchangeable, repeat(()), none, none)
    rows = zip(*said, zip(line.line), zip(record.id), record.account, *both, *last, strict=False)
    matches.items.extend(map(tuple.__new__, repeat(Item), compress(rows, same)))
    matches.references.update(compress(line.reference, same))
    if line.balance.count(None) < len(lines):
        pairs = compress(zip(lines, records, strict=True), same)
        matches.with_balance.extend(pair for pair in pairs if pair[0].balance is not None)


def _alone(lines: Sequence[Stated]) -> dict[str | None, int]:
    """The places of lines by their reference, of those that have one which no other has."""
    where = dict(zip(map(_REFERENCE, lines), range(len(lines)), strict=True))
    if len(where) < len(lines):
        for reference, times in Counter(map(_REFERENCE, lines)).items():
            if times > 1:
                del where[reference]
    where.pop(None, None)
    return where


def _columns(type_: Any, rows: Iterable[tuple[Any, ...]]) -> Any:  # noqa: ANN401 - a column each, in place of fields
    """Rows of a type turned into it with a list in place of each field."""
    flat = list(chain.from_iterable(rows))
    width = len(type_._fields)
    return type_._make(flat[place::width] for place in range(width))


def _differing(line: Any, record: Any) -> Iterator[int]:  # noqa: ANN401 - columns
    """The places at which a line does not speak of its record, or says another amount than it does."""
    yield from _apart(line.amount, record.amount)
    yield from _apart(line.unit, record.unit)
    for place in _apart(line.quantity, record.quantity):
        if line.quantity[place] is not None:
            yield place
    for place in _apart(line.account, record.number):
        if line.account[place] not in (None, record.account[place]):
            yield place


def _apart(mine: list[Any], its: list[Any]) -> Iterable[int]:
    """The places at which two columns differ."""
    if mine == its:
        return ()
    return [place for place, (one, other) in enumerate(zip(mine, its, strict=True)) if one != other]
