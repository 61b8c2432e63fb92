"""Matching, pass by pass; and as a function: of what it is given, in whatever order, and of nothing else."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.reconciliation.adding_up import pairs, runs
from ledger.reconciliation.matchables import Item, Rules, Stated, StatedDays, SystemRecord
from ledger.reconciliation.matching import ToMatch, matched
from tests.often import often

ONE, OTHER = "6288112345678", "6288187654321"
_IDS = count(1)


def line(number: int, amount: int, day: int = 10, **own: Any) -> Stated:
    account = own.pop("account", ONE)
    return Stated(
        number,
        account,
        None if account is None else account.partition("#")[0],
        own.pop("reference", None),
        own.pop("group", None),
        amount,
        own.pop("unit", "IDR"),
        day,
        own.pop("balance", None),
    )


def record(version: int, amount: int, day: int = 10, **own: Any) -> SystemRecord:
    number = own.pop("number", ONE)
    account = f"{number}#{own.pop('generation', 1)}"
    return SystemRecord(
        f"E{account}/{version}",
        account,
        number,
        version,
        own.pop("reference", None),
        "CreditToppedUp",
        amount,
        own.pop("unit", "IDR"),
        day,
        own.pop("balance", None),
    )


def of(lines: Sequence[Stated], records: Sequence[SystemRecord], **own: Any) -> list[Item]:
    return matched(ToMatch(lines, records, **own))


def told(items: Sequence[Item]) -> list[tuple[str, str | None, tuple[int, ...], int]]:
    """Of each item: outcome, rule, lines, and how many records."""
    return [(one.outcome, one.rule, one.lines, len(one.records)) for one in items]


class TestPasses:
    def test_a_reference_finds_its_record_of_the_same_account_and_amount_first(self) -> None:
        items = of([line(1, 500, reference="p1")], [record(1, 500), record(2, 500, 90, reference="p1")])
        assert told(items)[0] == ("equal", "reference", (1,), 1)
        assert items[0].records == (f"E{ONE}#1/2",)
        assert items[0].days == 80

    def test_the_same_reference_with_another_amount_differs(self) -> None:
        (item,) = of([line(1, 450, reference="p1")], [record(1, 500, reference="p1")])
        assert (item.outcome, item.rule, item.stated, item.system) == (
            "amount-differs",
            "reference-amount",
            450,
            500,
        )
        assert item.difference == -50

    def test_a_line_that_names_no_account_may_be_of_any_and_one_that_names_a_generation_of_that(self) -> None:
        records = [record(1, 500, reference="p1", generation=2)]
        assert of([line(1, 500, reference="p1", account=None)], records)[0].outcome == "equal"
        assert of([line(1, 500, reference="p1", account=f"{ONE}#2")], records)[0].outcome == "equal"
        assert (
            of([line(1, 500, reference="p1", account=f"{ONE}#1")], records)[0].outcome == "missing-in-system"
        )

    def test_account_amount_and_day_take_the_earliest_that_is_near_enough(self) -> None:
        lines, records = [line(1, 500, 10), line(2, 500, 12)], [record(1, 500, 13), record(2, 500, 9)]
        items = of(lines, records)
        assert [(one.lines, one.records, one.interchangeable) for one in items] == [
            ((1,), (f"E{ONE}#1/2",), True),
            ((2,), (f"E{ONE}#1/1",), True),
        ]
        assert of(lines[:1], records[:1])[0].interchangeable is False
        assert of([line(1, 500, 10)], [record(1, 500, 14)])[0].outcome == "missing-in-system"
        assert of([line(1, 500, 10)], [record(1, 500, 14)], rules=Rules(days=4))[0].outcome == "equal"

    def test_sen_apart_are_within_tolerance_where_the_rules_say_so(self) -> None:
        lines, records = [line(1, 505)], [record(1, 500), record(2, 504)]
        assert {one.outcome for one in of(lines, records)} == {"missing-in-system", "missing-on-statement"}
        items = of(lines, records, rules=Rules(sen=5))
        assert items[0].records == (f"E{ONE}#1/2",)
        assert items[0].difference == 1

    def test_what_is_declared_a_group_is_one_record(self) -> None:
        lines = [line(1, 100, group="g", account=None), line(2, 250, group="g", account=None)]
        assert told(of(lines, [record(1, 350)])) == [("equal", "group", (1, 2), 1)]

    def test_an_account_and_day_are_a_group_both_ways(self) -> None:
        assert told(of([line(1, 350, 11)], [record(1, 100), record(2, 250)])) == [("equal", "group", (1,), 2)]
        assert told(of([line(1, 100), line(2, 250)], [record(1, 350, 11)])) == [("equal", "group", (1, 2), 1)]

    def test_records_that_follow_each_other_are_suggested_and_several_ways_are_ambiguous(self) -> None:
        records = [record(1, 100, 9), record(2, 250, 10), record(3, 70, 11)]
        items = of([line(1, 350)], records)
        assert told(items) == [("suggested", "run", (1,), 2), ("missing-on-statement", "none", (), 1)]
        (item, *_) = of([line(1, 300)], [record(n, 100, 8 + n) for n in (1, 2, 3, 4)])
        assert (item.outcome, item.rule, len(item.nearest)) == ("ambiguous", "run", 2)

    def test_two_that_do_not_follow_each_other_are_a_pair(self) -> None:
        records = [record(1, 100, 9), record(2, 7, 10), record(3, 250, 11)]
        assert ("suggested", "pair", (1,), 2) in told(of([line(1, 350)], records))
        lines = [line(1, 100, 9), line(2, 7, 10), line(3, 250, 11)]
        assert ("suggested", "pair", (1, 3), 1) in told(of(lines, [record(1, 350)]))

    def test_a_line_that_stands_twice_is_a_duplicate(self) -> None:
        lines = [line(1, 500, reference="p1"), line(2, 500, reference="p1")]
        items = of(lines, [record(1, 500, reference="p1")])
        assert told(items) == [
            ("equal", "reference", (1,), 1),
            ("duplicate-on-statement", "duplicate", (2,), 0),
        ]
        assert items[1].nearest == (("L1", "the same"),)

    def test_a_balance_is_told_where_its_difference_changes(self) -> None:
        amounts, stated, ours = [100, 50, 25, 10], [100, 160, 185, 185], [100, 150, 175, 185]
        lines = [line(n, a, balance=b) for n, (a, b) in enumerate(zip(amounts, stated, strict=True), 1)]
        records = [record(n, a, balance=b) for n, (a, b) in enumerate(zip(amounts, ours, strict=True), 1)]
        found = [one for one in of(lines, records) if one.outcome == "balance-differs"]
        assert [(one.lines, one.stated, one.system) for one in found] == [((2,), 160, 150), ((4,), 185, 185)]

    def test_near_the_closing_day_it_is_timing_and_beyond_the_days_it_is_nothing(self) -> None:
        days = StatedDays(1, 31)
        records = [record(1, 100, 30), record(2, 200, 20), record(3, 300, 32)]
        items = of([line(1, 410, 29)], records, period=days)
        assert {one.id: one.outcome for one in items} == {
            "L1": "timing",
            records[0].id: "timing",
            records[1].id: "missing-on-statement",
        }
        items = of([line(1, 410, 29)], records, period=StatedDays(1, 31, closes=False))
        assert [one.outcome for one in items] == ["missing-in-system"] + ["missing-on-statement"] * 2

    def test_what_found_none_says_what_was_nearest_and_why_it_was_not_taken(self) -> None:
        lines = [line(1, 500, reference="p1", account=OTHER), line(2, 70, 10)]
        items = of(lines, [record(1, 500, reference="p1"), record(2, 70, 20), record(3, 71, 10)])
        near = {one.id: dict(one.nearest) for one in items}
        assert near["L1"] == {f"E{ONE}#1/1": "account"}
        assert near["L2"] == {f"E{ONE}#1/2": "day", f"E{ONE}#1/3": "amount", f"E{ONE}#1/1": "amount"}
        assert near[f"E{ONE}#1/2"]["L2"] == "day"

    def test_what_a_person_accepted_comes_first_and_what_he_resolved_is_not_open(self) -> None:
        lines, records = [line(1, 500), line(2, 70)], [record(1, 500), record(2, 20)]
        accepted = {"m": ["L1", records[1].id]}
        items = of(lines, records, accepted=accepted, resolved={"L2": "bank-charge"})
        assert told(items)[0] == ("equal", "accepted", (1,), 1)
        assert [(one.id, one.is_open) for one in items[1:]] == [("L2", False), (records[0].id, True)]


@pytest.mark.parametrize(
    ("amounts", "wanted", "found"), [([3, 4, 5], 9, [(1, 2)]), ([5, -5, 5], 0, [(0, 1), (1, 2)])]
)
def test_runs(amounts: list[int], wanted: int, found: list[tuple[int, ...]]) -> None:
    assert runs(amounts, wanted, 10) == found


@given(st.lists(st.integers(-6, 6), max_size=9), st.integers(-9, 9))
@often(30)
def test_runs_and_pairs_are_all_that_there_are(amounts: list[int], wanted: int) -> None:
    size = len(amounts)
    of_runs = {
        tuple(range(i, j)) for i in range(size) for j in range(i + 2, size + 1) if sum(amounts[i:j]) == wanted
    }
    of_two = {(i, j) for i in range(size) for j in range(i + 1, size) if amounts[i] + amounts[j] == wanted}
    for every, some in ((of_runs, runs(amounts, wanted, size)), (of_two, pairs(amounts, wanted))):
        assert set(some) <= every
        assert len(some) == len(set(some)) == min(len(every), 20)


_AMOUNTS = st.sampled_from([100, 200, 300, 500, -100])
_REFERENCES = st.sampled_from([None, "p1", "p2", "p3"])


@st.composite
def _cases(draw: st.DrawFn) -> ToMatch:
    lines = [
        line(
            n,
            draw(_AMOUNTS),
            draw(st.integers(1, 12)),
            account=draw(st.sampled_from([ONE, OTHER, None])),
            reference=draw(_REFERENCES),
        )
        for n in range(1, draw(st.integers(0, 8)) + 1)
    ]
    records = [
        record(
            n, draw(_AMOUNTS), draw(st.integers(1, 12)), number=draw(st.sampled_from([ONE, OTHER])),
            reference=draw(_REFERENCES),
        )
        for n in range(1, draw(st.integers(0, 8)) + 1)
    ]  # fmt: skip
    return ToMatch(lines, records, Rules(days=draw(st.integers(0, 4))), StatedDays(1, 12))


@given(_cases(), st.integers(0, 2**32))
@often(60)
def test_the_order_that_anything_comes_in_changes_nothing_and_nothing_is_used_twice(
    asked: ToMatch, seed: int
) -> None:
    items = matched(asked)
    lines, records = list(asked.lines), list(asked.records)
    random.Random(seed).shuffle(lines)
    random.Random(seed).shuffle(records)
    assert matched(asked._replace(lines=lines, records=records)) == items
    used_lines = [number for one in items for number in one.lines]
    used = [name for one in items for name in one.records]
    assert sorted(used_lines) == sorted(one.line for one in lines), "every line has one outcome"
    assert len(used) == len(set(used))
    assert set(used) == {one.id for one in records}, "so has every record of these days"
    assert all(one.stated == one.system for one in items if one.outcome == "equal")


def _mostly_plain(chance: random.Random) -> ToMatch:
    """References that few others have, most of them of a line and a record that agree; in any order."""
    pick = chance.choice
    many = chance.randrange(13)
    lines, records = [], []
    for n in range(1, many + 1):
        reference = pick([f"r{n}", f"r{n}", f"p{chance.randrange(many)}", None])
        amount, used = pick([100, 200, 300, 500, -100]), pick([None, 7, 8])
        own = {"reference": reference, "balance": pick([None, 100, 300])}
        recorded = record(n, amount, chance.randrange(1, 13), generation=pick([1, 2]), **own)
        account = pick([None, ONE, ONE, OTHER, f"{ONE}#1", f"{ONE}#2"])
        unit = pick(["IDR", "IDR", "IDR", "PULSA"])
        stated = line(
            n, pick([amount, amount, 300]), chance.randrange(1, 13), account=account, unit=unit, **own
        )
        lines += pick([[stated._replace(quantity=pick([None, used, 8]))]] * 4 + [[]])
        records += pick([[recorded._replace(quantity=used)]] * 4 + [[]])
    chance.shuffle(lines)
    chance.shuffle(records)
    return ToMatch(lines, records, Rules(days=2), StatedDays(1, 12))


@given(st.integers(0, 2**32))
@often(150)
def test_what_is_joined_at_once_is_what_goes_line_by_line(seed: int) -> None:
    asked = _mostly_plain(random.Random(seed))
    assert matched(asked) == matched(asked._replace(accepted={"of nothing that is there": ["E-0"]}))


def test_many_lines_joined_at_once_are_what_go_line_by_line() -> None:
    """More than are compared at a time, a few of them apart."""
    chance = random.Random(3)
    records = [record(n, 100 * chance.randrange(1, 90), n // 500, reference=f"r{n}") for n in range(1, 5_001)]
    lines = [
        line(
            n,
            one.amount + (n % 701 == 0),
            one.day,
            reference=one.reference,
            balance=n if n % 97 == 0 else None,
        )
        for n, one in enumerate(records, 1)
        if n % 997
    ]
    asked = ToMatch(lines, records)
    assert matched(asked) == matched(asked._replace(accepted={"of nothing that is there": ["E-0"]}))
