"""Matching, as a pure function: lines of a statement, system records, rules, and what persons have accepted.

Passes in order; what is matched is out of the running. The order that records come in changes nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from operator import attrgetter
from typing import NamedTuple, TypeVar

from ledger.reconciliation.adding_up import Summands, pairs, runs
from ledger.reconciliation.matchables import (
    AMBIGUOUS,
    AMOUNT_DIFFERS,
    BALANCE_DIFFERS,
    DUPLICATE,
    EQUAL,
    MISSING_IN_SYSTEM,
    MISSING_ON_STATEMENT,
    SUGGESTED,
    TIMING,
    Item,
    Rules,
    Stated,
    StatedDays,
    SystemRecord,
    in_order,
    near,
)
from ledger.reconciliation.nearest import NearestMisses
from ledger.reconciliation.plain_matches import plain_matches

_MOST_IN_WINDOW = 400
"""Records, or lines, among which runs and pairs are looked for."""
_MOST_SOLUTIONS = 10
"""Solutions of which an ambiguous one tells."""

_BEHIND = (2**62,)
"""In place of lines, where there are none: behind every line."""

_K = TypeVar("_K")
_V = TypeVar("_V")


class ToMatch(NamedTuple):
    """What is to be matched: lines, records, rules, the days of the statement, and what persons decided.

    `accepted` are matches by id, each of its items; `resolved` items with their reasons.
    """

    lines: Sequence[Stated]
    records: Sequence[SystemRecord]
    rules: Rules = Rules()
    period: StatedDays = StatedDays(None, None)
    accepted: Mapping[str, Sequence[str]] = {}
    resolved: Mapping[str, str] = {}
    by_reference: bool = False
    """Whether nothing but a reference tells which record a line is of, as with partners' records."""


def matched(asked: ToMatch) -> list[Item]:
    """What became of every line and record, in the order of lines, and then of records."""
    return _Matching(asked).run()


class _Matching:
    def __init__(self, asked: ToMatch) -> None:
        self.asked = asked
        self.rules = asked.rules
        self.ordered: Sequence[SystemRecord] | None = None
        """The records in their order: put in it once those are out of the running that a reference names."""
        plain = plain_matches(() if asked.accepted else asked.lines, asked.records)
        self.plain = plain.items
        self.items: list[Item] = []
        self.pairs = plain.with_balance
        left, records = asked.lines, asked.records
        if len(plain.items) == len(left):  # nothing but what is missing on the statement is still looked for
            left, records = [], near(records, asked.period, Rules(days=0))
        self.lines = {one.line: one for one in left if one.reference not in plain.references}
        self.records = {one.id: one for one in records if one.reference not in plain.references}

    @cached_property
    def all_lines(self) -> list[Stated]:
        """The lines in the order that they are matched in: needed only where not every one is matched plainly."""
        return sorted(self.asked.lines, key=attrgetter("day", "amount", "line"))

    def run(self) -> list[Item]:
        """Pass by pass."""
        first: list[Callable[[], None]] = [
            self._accepted,
            lambda: self._by_reference(same_amount=True),
            lambda: self._by_reference(same_amount=False),
        ]
        rest: list[Callable[[], None]] = [
            self._by_account_amount_day,
            self._within_sen,
            self._declared_groups,
            self._groups_of_a_day,
            lambda: self._summed(
                "run", lambda amounts, wanted: runs(amounts, wanted, self.rules.longest_run)
            ),
            lambda: self._summed("pair", pairs),
        ]
        for one_pass in [*first, *([] if self.asked.by_reference else rest), self._duplicates]:
            if self.lines:
                one_pass()
        self._left_over()
        self._balances()
        items = sorted([*self.plain, *self.items], key=_place) if self.items else self.plain
        return list(map(self._with_resolution, items)) if self.asked.resolved else items

    # --- what a match is --------------------------------------------------------------------------------------------

    def _pair(
        self, outcome: str, rule: str, line: Stated, record: SystemRecord, *, interchangeable: bool = False
    ) -> None:
        """One line and one record: what there is most of."""
        del self.lines[line.line]
        del self.records[record.id]
        if line.balance is not None:
            self.pairs.append((line, record))
        made = (
            *(outcome, rule, (line.line,), (record.id,), record.account, line.amount, record.amount),
            *(line.unit, line.day, abs(line.day - record.day), interchangeable, (), None, None),
        )
        self.items.append(Item._make(made))

    def _take(  # noqa: PLR0913 - what a match is
        self,
        outcome: str,
        rule: str,
        lines: Sequence[Stated],
        records: Sequence[SystemRecord],
        *,
        interchangeable: bool = False,
        nearest: tuple[tuple[str, str], ...] = (),
    ) -> None:
        for line in lines:
            del self.lines[line.line]
        for record in records:
            del self.records[record.id]
        if len(lines) == len(records) == 1:
            self.pairs.append((lines[0], records[0]))  # a balance is held against its own record
        both = bool(lines and records)
        firsts: list[Stated | SystemRecord] = [*lines, *records]
        first = firsts[0].day
        self.items.append(
            Item(
                outcome,
                rule,
                tuple(sorted(line.line for line in lines)),
                tuple(record.id for record in records),
                records[0].account if records else lines[0].account,
                sum(line.amount for line in lines) if lines else None,
                sum(record.amount for record in records) if records else None,
                (lines[0] if lines else records[0]).unit,
                first,
                max(abs(one.day - first) for one in firsts) if both else None,
                interchangeable,
                nearest,
            )
        )

    def _accepted(self) -> None:
        for items in self.asked.accepted.values():
            lines = [
                self.lines[int(one[1:])] for one in items if one[0] == "L" and int(one[1:]) in self.lines
            ]
            records = [self.records[one] for one in items if one in self.records]
            if len(lines) + len(records) == len(set(items)):
                self._take(EQUAL, "accepted", lines, records)

    def _open_lines(self) -> list[Stated]:
        return [one for one in self.all_lines if one.line in self.lines] if self.lines else []

    def _open_records(self) -> list[SystemRecord]:
        """Those that are open, of numbers that lines are open of: with no other line they could be matched."""
        numbers = {line.number for line in self.lines.values()}
        if not numbers:
            return []
        still = self._in_order()
        return [one for one in still if one.id in self.records and (one.number in numbers or None in numbers)]

    def _in_order(self) -> Sequence[SystemRecord]:
        if self.ordered is None:
            self.ordered = in_order(self.records.values())
        return self.ordered

    # --- passes 1 to 3 ----------------------------------------------------------------------------------------------

    def _by_reference(self, *, same_amount: bool) -> None:
        lines = [one for one in self._open_lines() if one.reference is not None]
        named = {one.reference for one in lines}
        found: dict[str | None, list[SystemRecord]] = {}
        for one in self.records.values():
            if one.reference in named:
                found.setdefault(one.reference, []).append(one)
        for line in lines:
            candidates = found.get(line.reference, ())
            for record in in_order(candidates) if len(candidates) > 1 else candidates:
                if record.id not in self.records or not fits(line, record) or line.unit != record.unit:
                    continue
                if line.amount == record.amount and line.quantity in (None, record.quantity):
                    self._pair(EQUAL, "reference", line, record)
                    break
                if not same_amount and (line.amount < 0) == (record.amount < 0):
                    rule = "reference-quantity" if line.amount == record.amount else "reference-amount"
                    self._pair(AMOUNT_DIFFERS, rule, line, record)
                    break

    def _by_account_amount_day(self) -> None:
        lines = _by(self._open_lines(), lambda one: (one.number, one.unit, one.amount))
        wanted = lines.keys()
        records = _by(
            (one for one in self._open_records() if (one.number, one.unit, one.amount) in wanted),
            lambda one: (one.number, one.unit, one.amount),
        )
        for key, candidates in records.items():
            alike = lines[key]
            several = len(candidates) > 1 or len(alike) > 1
            waiting = list(candidates)
            for line in alike:
                waiting = [one for one in waiting if one.day >= line.day - self.rules.days]
                for place, record in enumerate(waiting):
                    if record.day > line.day + self.rules.days:
                        break
                    if fits(line, record):
                        self._pair(EQUAL, "account-amount-day", line, record, interchangeable=several)
                        del waiting[place]
                        break

    def _within_sen(self) -> None:
        if not self.rules.sen:
            return
        records = _by(self._open_records(), lambda one: (one.number, one.unit))
        for line in self._open_lines():
            near = [
                (abs(one.amount - line.amount), abs(one.day - line.day), place, one)
                for place, one in enumerate(records.get((line.number or "", line.unit), ()))
                if one.id in self.records
                and abs(one.amount - line.amount) <= self.rules.sen
                and abs(one.day - line.day) <= self.rules.days
                and fits(line, one)
            ]
            if near:
                self._pair(EQUAL, "account-amount-day", line, min(near)[-1])

    # --- passes 4 to 6 ----------------------------------------------------------------------------------------------

    def _declared_groups(self) -> None:
        groups = _by((one for one in self._open_lines() if one.group is not None), lambda one: one.group)
        if not groups:
            return
        records = _by(self._open_records(), lambda one: (one.unit, one.amount))
        for lines in groups.values():
            total = sum(one.amount for one in lines)
            for record in records.get((lines[0].unit, total), ()):
                near = abs(record.day - lines[0].day) <= self.rules.days
                if near and record.id in self.records and all(fits(one, record) for one in lines):
                    self._take(EQUAL, "group", lines, [record])
                    break

    def _groups_of_a_day(self) -> None:
        days = range(-self.rules.days, self.rules.days + 1)
        nearest_first = sorted(days, key=lambda day: (abs(day), day))
        records = _by(self._open_records(), lambda one: (one.number, one.unit, one.day))
        for line in self._open_lines():
            for apart in nearest_first:
                group = records.get((line.number or "", line.unit, line.day + apart), [])
                group = [one for one in group if one.id in self.records and fits(line, one)]
                if len(group) > 1 and sum(one.amount for one in group) == line.amount:
                    self._take(EQUAL, "group", [line], group)
                    break
        lines = _by(self._open_lines(), lambda one: (one.number, one.unit, one.day))
        for record in self._open_records():
            for apart in nearest_first:
                some = lines.get((record.number, record.unit, record.day + apart), [])
                some = [one for one in some if one.line in self.lines and fits(one, record)]
                if len(some) > 1 and sum(one.amount for one in some) == record.amount:
                    self._take(EQUAL, "group", some, [record])
                    break

    def _summed(self, rule: str, solve: Callable[[Sequence[int], int], list[Summands]]) -> None:
        records = _by(self._open_records(), lambda one: (one.number, one.unit))
        for line in self._open_lines():
            near = [
                one
                for one in records.get((line.number or "", line.unit), ())
                if one.id in self.records and abs(one.day - line.day) <= self.rules.days and fits(line, one)
            ]
            near.sort(key=lambda one: (one.day, one.version, one.id))
            parts = solve([one.amount for one in near[:_MOST_IN_WINDOW]], line.amount)
            if parts:
                chosen = [near[place] for place in sorted({place for part in parts for place in part})]
                told = tuple((",".join(near[place].id for place in part), "sum") for part in parts)
                self._solved(rule, [line], chosen, told)
        lines = _by(self._open_lines(), lambda one: (one.number, one.unit))
        for record in self._open_records():
            some = [
                one
                for one in lines.get((record.number, record.unit), ())
                if one.line in self.lines
                and abs(one.day - record.day) <= self.rules.days
                and fits(one, record)
            ]
            some.sort(key=lambda one: (one.day, one.line))
            parts = solve([one.amount for one in some[:_MOST_IN_WINDOW]], record.amount)
            if parts:
                taken = [some[place] for place in sorted({place for part in parts for place in part})]
                told = tuple((",".join(some[place].id for place in part), "sum") for part in parts)
                self._solved(rule, taken, [record], told)

    def _solved(
        self,
        rule: str,
        lines: Sequence[Stated],
        records: Sequence[SystemRecord],
        told: tuple[tuple[str, str], ...],
    ) -> None:
        if len(told) == 1:
            self._take(SUGGESTED, rule, lines, records)
        else:
            self._take(AMBIGUOUS, rule, lines, records, nearest=told[:_MOST_SOLUTIONS])

    # --- passes 7 and 8, and the rest -------------------------------------------------------------------------------

    def _duplicates(self) -> None:
        alike = _by(self.all_lines, _content)
        for line in self._open_lines():
            others = [one for one in alike[_content(line)] if one.line != line.line]
            first = [one for one in others if one.line < line.line or one.line not in self.lines]
            if first:
                self._take(DUPLICATE, "duplicate", [line], [], nearest=((first[0].id, "the same"),))

    def _left_over(self) -> None:
        missing = near(self.records.values(), self.asked.period, Rules(days=0))
        if not self.lines and not missing:
            return
        still_open = frozenset(self.lines), frozenset(self.records)
        misses = NearestMisses(self.all_lines, self.asked.records, *still_open, self.rules)
        for line in self._open_lines():
            outcome = TIMING if self._is_near_the_end(line.day) else MISSING_IN_SYSTEM
            self._take(outcome, "none", [line], [], nearest=misses.of_line(line))
        for record in in_order(missing):
            outcome = TIMING if self._is_near_the_end(record.day) else MISSING_ON_STATEMENT
            self._take(outcome, "none", [], [record], nearest=misses.of_record(record))

    def _is_near_the_end(self, day: int) -> bool:
        until = self.asked.period.until
        return self.asked.period.closes and until is not None and until - self.rules.days < day <= until

    def _balances(self) -> None:
        apart: dict[str, int] = {}
        stated = [(line, record) for line, record in self.pairs if line.balance is not None]
        for line, record in sorted(stated, key=lambda pair: pair[0].line):
            if record.balance is None or line.balance is None:
                continue
            difference = line.balance - record.balance
            if abs(difference - apart.get(record.account, 0)) > self.rules.sen:
                item = Item(
                    *(BALANCE_DIFFERS, "balance", (line.line,), (record.id,), record.account),
                    *(line.balance, record.balance, line.unit, line.day),
                )
                self.items.append(item)
            apart[record.account] = difference

    def _with_resolution(self, item: Item) -> Item:
        names = (*(f"L{line}" for line in item.lines), *item.records)
        reasons = [self.asked.resolved[name] for name in names if name in self.asked.resolved]
        return item._replace(resolved=reasons[0]) if reasons else item


def fits(line: Stated, record: SystemRecord) -> bool:
    """Whether a line may be of the account of a record: one that names none may be of any."""
    return line.account is None or line.account in (record.account, record.number)


def _content(line: Stated) -> tuple[object, ...]:
    return line.account, line.reference, line.amount, line.unit, line.day


def _by(all_: Iterable[_V], key: Callable[[_V], _K]) -> dict[_K, list[_V]]:
    found: defaultdict[_K, list[_V]] = defaultdict(list)
    for one in all_:
        found[key(one)].append(one)
    return dict(found)


def _place(item: Item) -> tuple[tuple[int, ...], tuple[str, ...], str]:
    """Items of lines stand in the order of their first line, and before those of records alone."""
    return item.lines or _BEHIND, item.records, item.outcome
