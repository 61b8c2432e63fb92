"""Rating: increments, steps, one rounding, caps, partial grants, and which price is the one for a use."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.rating import Price, PriceList, Rated

OFF_NET = PriceList.of([(0, 180, Fraction(90_900)), (180, 1, Fraction(1_818))], rounding=1)
"""The published smartfren example, in sen: 909 for the first three minutes, then 18.18 a second."""
PER_KB = [(0, 1024, Fraction(202))]

Steps = list[tuple[int, int, Fraction]]


def increments(steps: Steps, quantity: int) -> list[tuple[int, Fraction]]:
    """(where it ends, its price) of every increment that `quantity` begins, laid end to end one by one."""
    laid: list[tuple[int, Fraction]] = []
    position = 0
    while position < quantity:
        _, increment, price = [step for step in steps if step[0] <= position][-1]
        position += increment
        laid.append((position, price))
    return laid


def half_up(value: Fraction, unit: int) -> int:
    """The nearest multiple of `unit`, the higher one where two are as near."""
    return int((value / unit + Fraction(1, 2)) // 1) * unit


def expected(steps: Steps, rounding: int, cap_left: int | None, asked: int, available: int) -> Rated:
    """The rule as it is written, tried out increment by increment."""
    laid = increments(steps, asked)
    best = Rated(0, 0)
    for count in range(1, len(laid) + 1):
        charge = half_up(sum((price for _, price in laid[:count]), Fraction(0)), rounding)
        charge = charge if cap_left is None else min(charge, cap_left)
        if charge <= available:
            best = Rated(min(laid[count - 1][0], asked), charge)
    return best


@st.composite
def step_lists(draw: st.DrawFn) -> Steps:
    """Up to four steps with small increments and prices in fractions of a sen, zero among them."""
    starts = [0, *sorted(draw(st.sets(st.integers(1, 60), max_size=3)))]
    prices = st.fractions(min_value=0, max_value=50, max_denominator=12)
    return [(start, draw(st.integers(1, 25)), draw(prices)) for start in starts]


ROUNDINGS = st.sampled_from([1, 100])


class TestCharge:
    @pytest.mark.clause("SP23-13")
    @pytest.mark.parametrize(
        ("seconds", "sen"),
        [
            (1, 90_900),
            (180, 90_900),
            (181, 92_718),
            (200, 127_260),
            (3600, 90_900 + 3420 * 1_818),
        ],
    )
    def test_the_published_example_is_met(self, seconds: int, sen: int) -> None:
        assert OFF_NET.charge(seconds) == sen

    def test_no_use_costs_nothing(self) -> None:
        assert OFF_NET.charge(0) == 0

    @pytest.mark.parametrize(
        ("size", "sen"), [(1, 202), (1024, 202), (1025, 404), (2048, 404), (1_048_576, 206_848)]
    )
    def test_a_begun_increment_is_charged_whole(self, size: int, sen: int) -> None:
        assert PriceList.of(PER_KB, rounding=1).charge(size) == sen

    def test_an_increment_costs_what_the_step_of_its_start_says_however_far_it_reaches(self) -> None:
        prices = PriceList.of([(0, 100, Fraction(7)), (150, 10, Fraction(1))], rounding=1)
        assert prices.charge(150) == 14
        assert prices.charge(200) == 14, "the second increment reaches to 200"
        assert prices.charge(201) == 15

    def test_a_step_that_an_earlier_increment_covers_is_passed_over(self) -> None:
        prices = PriceList.of(
            [(0, 60, Fraction(10)), (20, 1, Fraction(99)), (50, 30, Fraction(2))], rounding=1
        )
        assert prices.charge(60) == 10
        assert prices.charge(61) == 12

    @pytest.mark.parametrize(
        ("price", "sen"),
        [
            (Fraction(1, 2), 1),
            (Fraction(49, 100), 0),
            (Fraction(1, 3), 0),
            (Fraction(2, 3), 1),
            (Fraction(3, 2), 2),
            (Fraction(5, 2), 3),
        ],
    )
    def test_half_a_sen_is_rounded_up(self, price: Fraction, sen: int) -> None:
        assert PriceList.of([(0, 1, price)], rounding=1).charge(1) == sen

    @pytest.mark.parametrize(
        ("sen", "rounded"), [(49, 0), (50, 100), (149, 100), (150, 200), (15_150, 15_200)]
    )
    def test_rounding_to_whole_rupiah_rounds_fifty_sen_up(self, sen: int, rounded: int) -> None:
        assert PriceList.of([(0, 1, Fraction(sen))], rounding=100).charge(1) == rounded

    def test_a_charge_is_rounded_once_and_not_by_increment(self) -> None:
        assert PriceList.of([(0, 1, Fraction(1, 3))], rounding=1).charge(300) == 100
        assert PriceList.of([(0, 1, Fraction(2, 7))], rounding=1).charge(7_000_000) == 2_000_000

    def test_prices_of_different_fractions_add_up_exactly(self) -> None:
        prices = PriceList.of(
            [(0, 1, Fraction(1, 3)), (1, 1, Fraction(1, 6)), (2, 1, Fraction(1, 2))], rounding=1
        )
        assert prices.charge(3) == 1

    def test_a_day_of_data_is_computed_as_fast_as_a_byte(self) -> None:
        assert PriceList.of(PER_KB, rounding=1).charge(10**15) == -(-(10**15) // 1024) * 202

    @given(step_lists(), ROUNDINGS, st.integers(0, 150))
    def test_every_charge_is_that_of_its_increments_one_by_one(
        self, steps: Steps, rounding: int, quantity: int
    ) -> None:
        total = sum((price for _, price in increments(steps, quantity)), Fraction(0))
        assert PriceList.of(steps, rounding=rounding).charge(quantity) == half_up(total, rounding)


class TestPartialGrants:
    @pytest.mark.clause("SP23-13", "XP25-10")
    @pytest.mark.parametrize(
        ("available", "granted", "charge"),
        [
            (127_260, 200, 127_260),
            (127_259, 199, 125_442),
            (90_900, 180, 90_900),
            (92_717, 180, 90_900),
            (92_718, 181, 92_718),
            (90_899, 0, 0),
            (0, 0, 0),
        ],
    )
    def test_what_the_credit_pays_for_is_granted(self, available: int, granted: int, charge: int) -> None:
        assert OFF_NET.rate(200, available, 0) == Rated(granted, charge)

    def test_no_more_is_granted_than_asked_though_the_increment_is_paid_whole(self) -> None:
        assert OFF_NET.rate(100, 1_000_000, 0) == Rated(100, 90_900)
        assert PriceList.of(PER_KB, rounding=1).rate(1500, 404, 0) == Rated(1500, 404)
        assert PriceList.of(PER_KB, rounding=1).rate(1500, 403, 0) == Rated(1024, 202)

    def test_free_use_is_granted_without_credit(self) -> None:
        assert PriceList.of([(0, 1, Fraction(0))], rounding=1).rate(5, 0, 0) == Rated(5, 0)
        assert PriceList.of([(0, 60, Fraction(0)), (60, 1, Fraction(5))], rounding=1).rate(90, 4, 0) == Rated(
            60, 0
        )

    def test_what_rounds_to_nothing_is_granted_without_credit(self) -> None:
        assert PriceList.of([(0, 1, Fraction(1, 10))], rounding=1).rate(9, 0, 0) == Rated(4, 0)

    @given(step_lists(), ROUNDINGS, st.integers(1, 120), st.integers(0, 2000))
    def test_the_grant_is_the_largest_that_can_be_paid(
        self, steps: Steps, rounding: int, asked: int, available: int
    ) -> None:
        rated = PriceList.of(steps, rounding=rounding).rate(asked, available, 0)
        assert rated == expected(steps, rounding, None, asked, available)

    @given(
        step_lists(),
        ROUNDINGS,
        st.integers(1, 120),
        st.integers(0, 2000),
        st.integers(0, 800),
        st.integers(0, 900),
    )
    def test_the_same_holds_under_a_daily_cap(
        self, steps: Steps, rounding: int, asked: int, available: int, cap: int, charged: int
    ) -> None:
        rated = PriceList.of(steps, rounding=rounding, daily_cap=cap).rate(asked, available, charged)
        assert rated == expected(steps, rounding, max(0, cap - charged), asked, available)

    @given(step_lists(), ROUNDINGS, st.integers(1, 120), st.integers(0, 2000), st.integers(0, 900))
    def test_a_grant_takes_no_more_than_there_is_and_costs_the_same_if_asked_for_alone(
        self, steps: Steps, rounding: int, asked: int, available: int, charged: int
    ) -> None:
        prices = PriceList.of(steps, rounding=rounding, daily_cap=700)
        rated = prices.rate(asked, available, charged)
        assert 0 <= rated.charge <= available
        assert 0 <= rated.granted <= asked
        if rated.granted:
            assert prices.rate(rated.granted, available, charged) == rated


class TestDailyCap:
    CAPPED = PriceList.of(PER_KB, rounding=1, daily_cap=1_500_000)

    @pytest.mark.parametrize(
        ("charged_today", "charge"),
        [
            (0, 206_848),
            (1_293_152, 206_848),
            (1_293_153, 206_847),
            (1_499_999, 1),
            (1_500_000, 0),
            (1_500_001, 0),
        ],
    )
    def test_no_more_is_charged_than_the_cap_leaves_of_the_day(self, charged_today: int, charge: int) -> None:
        assert self.CAPPED.rate(1_048_576, 10**9, charged_today) == Rated(1_048_576, charge)

    def test_use_beyond_the_cap_needs_no_credit(self) -> None:
        assert self.CAPPED.rate(10**12, 0, 1_500_000) == Rated(10**12, 0)

    def test_credit_for_what_the_cap_leaves_pays_for_any_use(self) -> None:
        assert self.CAPPED.rate(10**12, 1_500_000, 0) == Rated(10**12, 1_500_000)

    def test_one_sen_less_than_the_cap_leaves_pays_for_whole_increments_only(self) -> None:
        assert self.CAPPED.rate(10**12, 1_499_999, 0) == Rated(7425 * 1024, 1_499_850)


class TestWhichPrice:
    FREE = PriceList.of([(0, 1, Fraction(0))], rounding=1)

    def test_a_price_covers_its_service_destinations_and_zones(self) -> None:
        price = Price("data", frozenset({"on-net", "off-net"}), frozenset({"zone1"}), None, self.FREE)
        assert price.covers("data", "on-net", "zone1", None)
        assert not price.covers("voice", "on-net", "zone1", None)
        assert not price.covers("data", "international", "zone1", None)
        assert not price.covers("data", "on-net", "zone2", None)

    def test_a_price_that_names_none_covers_any(self) -> None:
        price = Price("sms", None, None, None, self.FREE)
        assert price.covers("sms", "international", "", None)
        assert price.covers("sms", "on-net", "zone9", 1439)

    @pytest.mark.clause("TS-08")
    @pytest.mark.parametrize(
        ("band", "inside", "outside"),
        [
            ((360, 1080), [360, 720, 1079], [0, 359, 1080, 1439]),
            ((1320, 360), [1320, 1439, 0, 359], [360, 1319]),
            ((1320, 0), [1320, 1439], [0, 1319]),
            ((600, 600), [0, 599, 600, 1439], []),
        ],
    )
    def test_a_band_begins_with_its_first_minute_and_ends_before_its_last(
        self, band: tuple[int, int], inside: list[int], outside: list[int]
    ) -> None:
        price = Price("voice", None, None, band, self.FREE)
        assert [m for m in inside if not price.covers("voice", "on-net", "", m)] == []
        assert [m for m in outside if price.covers("voice", "on-net", "", m)] == []
