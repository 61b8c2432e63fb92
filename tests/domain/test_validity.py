"""Validity: the three readings of the extension rule, the cap, and that nothing bought is taken away."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.calendar import DAY, parse_instant, zone
from ledger.domain.prepaid.validity import extended

JAKARTA = zone("Asia/Jakarta")
BERLIN = zone("Europe/Berlin")
RULES = ("longest", "cumulative", "replace")
GRANTED = parse_instant("2023-07-03T10:15:00+07:00")


def day(text: str) -> int:
    """The local midnight at which that day begins."""
    return parse_instant(f"{text}T00:00:00+07:00")


def end(rule: str, days: int, *, old: str | None, cap: int | None = None, at: int = GRANTED) -> int:
    """The new end of validity under a rule."""
    old_end = day(old) if old else None
    return extended(JAKARTA, old_end=old_end, granted_at=at, days=days, rule=rule, cap_days=cap)


@pytest.mark.clause("SP23-16", "XP25-13")
@pytest.mark.parametrize(
    ("rule", "days", "old", "new"),
    [
        # twenty days left and seven bought: the published example of `longest`
        ("longest", 7, "2023-07-24", "2023-07-24"),
        ("longest", 7, "2023-07-05", "2023-07-11"),
        ("longest", 7, "2023-07-11", "2023-07-11"),
        ("cumulative", 7, "2023-07-24", "2023-07-31"),
        ("cumulative", 30, "2023-07-05", "2023-08-04"),
        ("replace", 7, "2023-07-24", "2023-07-11"),
        ("replace", 7, "2023-07-05", "2023-07-11"),
    ],
)
def test_the_active_period_moves_by_the_rule_of_the_terms(rule: str, days: int, old: str, new: str) -> None:
    assert end(rule, days, old=old) == day(new)


@pytest.mark.parametrize("rule", RULES)
def test_from_grace_or_waiting_every_rule_counts_from_the_top_up(rule: str) -> None:
    assert end(rule, 7, old=None) == day("2023-07-11")
    assert end(rule, 7, old=None, cap=5) == day("2023-07-11")


@pytest.mark.parametrize("rule", RULES)
def test_a_period_that_ends_at_this_instant_runs_no_more(rule: str) -> None:
    at = day("2023-07-03")
    assert end(rule, 7, old="2023-07-03", at=at) == day("2023-07-11")


def test_an_active_period_of_one_more_microsecond_still_runs() -> None:
    at = day("2023-07-04") - 1
    assert end("cumulative", 7, old="2023-07-04", at=at) == day("2023-07-11")
    assert end("cumulative", 7, old="2023-07-04", at=at + 1) == day("2023-07-12")


@pytest.mark.parametrize(
    ("days", "old", "cap", "new"),
    [
        (60, "2023-08-01", 90, "2023-09-30"),
        (60, "2023-08-03", 90, "2023-10-02"),
        (60, "2023-08-04", 90, "2023-10-02"),
        (90, "2023-10-01", 90, "2023-10-02"),
        (90, "2023-10-02", 90, "2023-10-02"),
        (7, "2023-12-31", 90, "2023-12-31"),
        (7, "2023-12-31", None, "2024-01-07"),
        (90, "2023-10-01", 365, "2023-12-30"),
    ],
)
def test_summed_days_reach_the_cap_and_never_shorten(days: int, old: str, cap: int | None, new: str) -> None:
    """Ninety days from 3 July end with 1 October: the cap is 00:00 of 2 October."""
    assert end("cumulative", days, old=old, cap=cap) == day(new)


@pytest.mark.parametrize("rule", ["longest", "replace"])
def test_the_cap_concerns_only_the_rule_that_sums(rule: str) -> None:
    assert end(rule, 120, old="2023-07-05", cap=90) == day("2023-11-01")


def test_the_end_is_a_local_midnight_across_daylight_saving() -> None:
    old_end = parse_instant("2024-03-30T00:00:00+01:00")
    at = parse_instant("2024-03-20T12:00:00+01:00")
    summed = extended(BERLIN, old_end=old_end, granted_at=at, days=7, rule="cumulative", cap_days=90)
    assert summed == parse_instant("2024-04-06T00:00:00+02:00")


OLD_ENDS = st.one_of(
    st.none(), st.integers(-60, 400).map(lambda d: JAKARTA.midnight(JAKARTA.day(GRANTED + d * DAY)))
)
CAPS = st.one_of(st.none(), st.integers(0, 400))


@given(OLD_ENDS, st.integers(0, 400), CAPS, st.sampled_from(["longest", "cumulative"]))
def test_a_running_period_is_never_shortened_but_by_the_rule_replace(
    old_end: int | None, days: int, cap: int | None, rule: str
) -> None:
    new = extended(JAKARTA, old_end=old_end, granted_at=GRANTED, days=days, rule=rule, cap_days=cap)
    assert new > GRANTED
    assert old_end is None or new >= old_end


@given(OLD_ENDS, st.integers(0, 400), CAPS, st.sampled_from(RULES))
def test_more_days_never_end_earlier_and_every_end_is_a_midnight(
    old_end: int | None, days: int, cap: int | None, rule: str
) -> None:
    new, later = (
        extended(JAKARTA, old_end=old_end, granted_at=GRANTED, days=n, rule=rule, cap_days=cap)
        for n in (days, days + 1)
    )
    assert new <= later
    assert new == JAKARTA.midnight(JAKARTA.day(new))


@given(st.integers(1, 60), st.integers(0, 90), st.integers(0, 90))
def test_summing_does_not_depend_on_the_order_of_top_ups(left: int, first: int, then: int) -> None:
    def after(*grants: int) -> int:
        end_ = JAKARTA.end_of_days(GRANTED, left)
        for days in grants:
            end_ = extended(
                JAKARTA, old_end=end_, granted_at=GRANTED, days=days, rule="cumulative", cap_days=120
            )
        return end_

    assert (
        after(first, then)
        == after(then, first)
        == JAKARTA.end_of_days(GRANTED, min(left + first + then, 120))
    )
