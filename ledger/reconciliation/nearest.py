"""What was nearest to a line or record that found no partner, and why it was not taken."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Sequence
from functools import cached_property
from itertools import islice
from typing import Generic, TypeVar

from ledger.reconciliation.matchables import Rules, Stated, SystemRecord, in_order

_MOST = 3
"""Misses that are told of one."""
_LOOKED_AT = 50
"""Of those that have the same reference, amount or day."""

_T = TypeVar("_T", Stated, SystemRecord)
Misses = tuple[tuple[str, str], ...]
"""Items by name, each with why it was not the one."""


class NearestMisses:
    """Of all lines and records, with which of them are still open."""

    def __init__(
        self,
        lines: Sequence[Stated],
        records: Sequence[SystemRecord],
        open_lines: Container[int],
        open_records: Container[str],
        rules: Rules,
    ) -> None:
        self._lines = lines
        self._records = records
        self._open_lines = open_lines
        self._open_records = open_records
        self._rules = rules

    @cached_property
    def _of_records(self) -> _Index[SystemRecord]:
        return _Index(in_order(self._records))

    @cached_property
    def _of_lines(self) -> _Index[Stated]:
        return _Index(self._lines)

    def of_line(self, line: Stated) -> Misses:
        """What was nearest to a line."""
        found = self._of_records.near(line)
        return tuple((one.id, self._why(line, one, one.id not in self._open_records)) for one in found)

    def of_record(self, record: SystemRecord) -> Misses:
        """What was nearest to a record."""
        found = self._of_lines.near(record)
        return tuple((one.id, self._why(one, record, one.line not in self._open_lines)) for one in found)

    def _why(self, line: Stated, record: SystemRecord, taken: bool) -> str:  # noqa: FBT001 - said by name
        reasons = []
        if line.account is not None and line.account not in (record.account, record.number):
            reasons.append("account")
        if line.unit != record.unit:
            reasons.append("unit")
        elif line.amount != record.amount:
            reasons.append("amount")
        if abs(line.day - record.day) > self._rules.days:
            reasons.append("day")
        if taken:
            reasons.append("taken")
        return ",".join(reasons) or "reference"


class _Index(Generic[_T]):
    """By reference, by amount and day, by account and amount, by account and day."""

    def __init__(self, all_: Iterable[_T]) -> None:
        self._found: defaultdict[tuple[object, ...], list[_T]] = defaultdict(list)
        for one in all_:
            for key in _keys(one):
                self._found[key].append(one)

    def near(self, other: Stated | SystemRecord) -> list[_T]:
        """The nearest, by what they have in common and then by day."""
        near: dict[str, _T] = {}
        for key in _keys(other):
            some = sorted(
                islice(self._found.get(key, ()), _LOOKED_AT), key=lambda one: abs(one.day - other.day)
            )
            for one in some:
                near.setdefault(one.id, one)
                if len(near) == _MOST:
                    return list(near.values())
        return list(near.values())


def _keys(one: Stated | SystemRecord) -> Iterator[tuple[object, ...]]:
    if one.reference is not None:
        yield "reference", one.reference
    if one.number is not None:
        yield "amount", one.number, one.unit, one.amount
        yield "day", one.number, one.unit, one.day
    yield "apart", one.unit, one.amount, one.day
