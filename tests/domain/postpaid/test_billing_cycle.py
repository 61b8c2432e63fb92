"""The arithmetic of cycles: boundaries of every billing day, parts of a cycle, due days."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.calendar import zone
from ledger.domain.postpaid.billing_cycle import boundary_before, due_of, next_boundary, rounded, share
from ledger.domain.postpaid.rules_of_contracts import DayByCycle, DueRule
from tests.given import CONTRACTS, HALO, at

JAKARTA = zone("Asia/Jakarta")


def boundaries(billing_day: int, since: date, count: int) -> list[date]:
    found, instant = [], JAKARTA.midnight(since) - 1
    for _ in range(count):
        instant = next_boundary(JAKARTA, billing_day, instant)
        found.append(JAKARTA.day(instant))
        assert instant == JAKARTA.midnight(found[-1])
    return found


@pytest.mark.parametrize("billing_day", range(1, 32))
def test_each_month_of_ten_years_has_one_boundary_on_the_billing_day_or_the_last(billing_day: int) -> None:
    found = boundaries(billing_day, date(2020, 1, 1), 120)
    months = [(day.year, day.month) for day in found]
    assert months == [(2020 + n // 12, n % 12 + 1) for n in range(120)]
    for day in found:
        last = (day + timedelta(days=1)).day == 1
        assert day.day == billing_day or (last and day.day < billing_day)


def test_february_and_the_end_of_years() -> None:
    assert boundaries(31, date(2023, 12, 15), 4) == [
        date(2023, 12, 31),
        date(2024, 1, 31),
        date(2024, 2, 29),
        date(2024, 3, 31),
    ]
    assert boundaries(29, date(2023, 1, 30), 2) == [date(2023, 2, 28), date(2023, 3, 29)]
    assert boundaries(30, date(2028, 2, 1), 1) == [date(2028, 2, 29)]


@pytest.mark.parametrize("billing_day", [1, 15, 28, 29, 30, 31])
def test_a_cycle_begins_where_the_one_before_it_ends(billing_day: int) -> None:
    boundary = next_boundary(JAKARTA, billing_day, at("2023-12-10T12:00:00+07:00"))
    for _ in range(60):
        following = next_boundary(JAKARTA, billing_day, boundary)
        assert boundary_before(JAKARTA, billing_day, following) == boundary
        assert boundary_before(JAKARTA, billing_day, boundary + 1) == boundary
        assert boundary_before(JAKARTA, billing_day, boundary) < boundary
        assert next_boundary(JAKARTA, billing_day, boundary - 1) == boundary
        boundary = following


@given(
    amount=st.integers(0, 10**12),
    days=st.integers(28, 31),
    cuts=st.lists(st.integers(0, 31), max_size=4),
    rounding=st.sampled_from([1, 100]),
)
def test_the_parts_of_a_cycle_make_the_whole(amount: int, days: int, cuts: list[int], rounding: int) -> None:
    marks = sorted({0, days, *(cut for cut in cuts if cut <= days)})
    parts = [share(amount, (first, last), days, rounding) for first, last in pairwise(marks)]
    assert sum(parts) == rounded(amount, 1, rounding)
    assert all(part >= 0 for part in parts)
    for (first, last), part in zip(pairwise(marks), parts, strict=True):
        assert abs(part * days - amount * (last - first)) <= days * rounding


@pytest.mark.clause("SE23-08")
def test_the_due_day_is_in_time_and_the_end_is_after_it() -> None:
    boundary = at("2024-02-01T00:00:00+07:00")
    assert due_of(JAKARTA, DueRule(days=20), 1, boundary) == (
        date(2024, 2, 21),
        at("2024-02-22T00:00:00+07:00"),
    )
    assert due_of(JAKARTA, DueRule(days=20, inclusive=False), 1, boundary) == (
        date(2024, 2, 21),
        at("2024-02-21T00:00:00+07:00"),
    )


@pytest.mark.clause("TS-03")
@pytest.mark.parametrize(
    ("boundary", "due"),
    [
        ("2023-02-01", date(2023, 2, 20)),
        ("2023-02-06", date(2023, 2, 25)),
        ("2023-02-11", date(2023, 2, 28)),
        ("2023-03-11", date(2023, 3, 30)),
        ("2023-12-16", date(2024, 1, 10)),
        ("2023-02-20", date(2023, 3, 10)),
    ],
)
def test_a_table_says_the_due_day_which_is_too_late_at_telkomsel(boundary: str, due: date) -> None:
    issued = at(f"{boundary}T00:00:00+07:00")
    found = due_of(JAKARTA, CONTRACTS[HALO].due, JAKARTA.day(issued).day, issued)
    assert found == (due, JAKARTA.midnight(due))


def test_a_table_without_the_billing_day_leaves_it_to_the_days() -> None:
    rule = DueRule(days=3, table=(DayByCycle(billing_day=1, day=5),))
    assert due_of(JAKARTA, rule, 2, at("2024-02-02T00:00:00+07:00"))[0] == date(2024, 2, 5)
