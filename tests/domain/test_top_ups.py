"""Top-ups: credit sold for rupiah, and the validity that comes with a denomination."""

from __future__ import annotations

import pytest

from ledger.domain.calendar import DAY
from ledger.domain.events import Event
from ledger.domain.line.commands import AdvanceTime, Block, Terminate
from ledger.domain.money import LARGEST_BALANCE
from ledger.domain.prepaid.commands import Activate, IssueStarterPack, ReverseTopUp, TopUp
from ledger.domain.prepaid.events import CreditToppedUp, GraceStarted
from tests.conftest import Tell
from tests.given import (
    MICROSECOND,
    NUMBER,
    SP23,
    START,
    TELKOMSEL,
    XP25,
    Story,
    at,
    day,
    event,
    rupiah,
    variant,
)

SMARTFREN = pytest.mark.parametrize("terms", [SP23, XP25])
ALL_TERMS = pytest.mark.parametrize("terms", [SP23, XP25, TELKOMSEL])
BOUGHT = at("2023-07-20T12:00:00+07:00")
END = at("2023-08-03T00:00:00+07:00")
"""When the first active period of a story ends."""


@pytest.mark.clause("SP23-01", "XP25-01")
@SMARTFREN
def test_credit_is_sold_for_rupiah_in_two_units_that_never_mix(story: Story, terms: str) -> None:
    story.given_active(terms=terms)
    story.when(TopUp, BOUGHT, credit=rupiah(10000), price=rupiah(11000), channel="minimarket").then(
        event(
            CreditToppedUp,
            terms=terms,
            credit=rupiah(10000),
            price=rupiah(11000),
            channel="minimarket",
            postings=[
                {"account": f"{NUMBER}#1/credit", "unit": "PULSA", "amount": 1_000_000},
                {"account": "operator/credit-issued", "unit": "PULSA", "amount": -1_000_000},
                {"account": "operator/cash", "unit": "IDR", "amount": 1_100_000},
                {"account": "operator/credit-sales", "unit": "IDR", "amount": -1_100_000},
            ],
        )
    )


@pytest.mark.clause("SP23-01", "XP25-01")
def test_no_event_pays_credit_out_as_rupiah(story: Story) -> None:
    story.given_active()
    story.given(TopUp, BOUGHT, credit=rupiah(20000), command_id="t1")
    story.given(ReverseTopUp, BOUGHT + 1, reverses="t1")
    story.given(TopUp, BOUGHT + 2, credit=rupiah(20000))
    story.given(Terminate, BOUGHT + 3)
    assert story.balance("operator/cash", "IDR") == rupiah(40000)
    assert story.credit() == 0


def test_a_free_top_up_moves_no_rupiah(story: Story) -> None:
    story.given_active()
    story.when(TopUp, BOUGHT, credit=rupiah(5000), price=0).then(event(CreditToppedUp, price=0))
    assert story.balance("operator/cash", "IDR") == 0


@pytest.mark.clause("SP23-16", "XP25-13")
@SMARTFREN
class TestDenominations:
    @pytest.mark.parametrize(
        ("credit", "days"),
        [
            ("5000", 7),
            ("9999.99", 7),
            ("10000", 15),
            ("20000", 30),
            ("25000", 30),
            ("50000", 60),
            ("60000", 75),
            ("100000", 120),
            ("150000", 150),
            ("200000", 150),
            ("300000", 180),
            ("500000", 240),
            ("1000000", 360),
            ("9000000", 360),
        ],
    )
    def test_the_largest_denomination_not_above_the_credit_gives_the_days(
        self, story: Story, terms: str, credit: str, days: int
    ) -> None:
        story.given_active(terms=terms)
        story.when(TopUp, BOUGHT, credit=rupiah(credit)).then(
            event(CreditToppedUp, days=days, credit=rupiah(credit))
        )

    @pytest.mark.parametrize("credit", ["0.01", "4999.99"])
    def test_below_the_smallest_denomination_nothing_is_taken(
        self, story: Story, terms: str, credit: str
    ) -> None:
        story.given_active(terms=terms)
        story.when(TopUp, BOUGHT, credit=rupiah(credit)).refused("below-minimum")
        assert story.credit() == 0
        assert story.balance("operator/cash", "IDR") == 0

    def test_days_count_from_the_local_day_of_the_purchase(self, story: Story, terms: str) -> None:
        story.given_active(terms=terms)
        last = at("2023-07-30T23:59:59.999999+07:00")
        story.when(TopUp, last, credit=rupiah(5000)).then(
            event(CreditToppedUp, active_until=at("2023-08-07T00:00:00+07:00"))
        )
        story.when(TopUp, last + MICROSECOND, credit=rupiah(5000)).then(
            event(CreditToppedUp, active_until=at("2023-08-08T00:00:00+07:00"))
        )

    def test_the_longest_end_wins(self, story: Story, terms: str) -> None:
        story.given_active(terms=terms)
        story.when(TopUp, BOUGHT, credit=rupiah(5000)).then(
            event(CreditToppedUp, days=7, extension="longest", cap_days=None, active_until=END)
        )
        story.when(TopUp, BOUGHT + 1, credit=rupiah(20000)).then(
            event(CreditToppedUp, days=30, active_until=at("2023-08-20T00:00:00+07:00"))
        )

    @pytest.mark.parametrize(
        ("bought", "until"),
        [
            ("2024-01-30T09:00:00+07:00", "2024-02-07T00:00:00+07:00"),
            ("2024-02-22T09:00:00+07:00", "2024-03-01T00:00:00+07:00"),
            ("2024-02-29T09:00:00+07:00", "2024-03-08T00:00:00+07:00"),
            ("2023-02-22T09:00:00+07:00", "2023-03-02T00:00:00+07:00"),
            ("2023-12-31T23:59:59.999999+07:00", "2024-01-08T00:00:00+07:00"),
        ],
    )
    def test_days_run_over_month_ends_and_over_29_february(
        self, story: Story, terms: str, bought: str, until: str
    ) -> None:
        story.given_active(terms=terms, since=at(bought) - 25 * DAY)
        story.when(TopUp, at(bought), credit=rupiah(5000)).then(event(CreditToppedUp, active_until=at(until)))


@pytest.mark.clause("SP23-16", "SP23-18")
@pytest.mark.parametrize(
    ("moment", "first"),
    [
        (END - MICROSECOND, CreditToppedUp),
        (END, GraceStarted),
        (END + MICROSECOND, GraceStarted),
    ],
)
def test_the_active_period_ends_at_its_boundary_instant(
    story: Story, moment: int, first: type[Event]
) -> None:
    story.given_active()
    story.when(TopUp, moment, credit=rupiah(5000))
    assert type(story.new[0]) is first
    assert story.state() == "active"


@pytest.mark.clause("TS-02")
class TestCumulative:
    def test_days_are_added_to_the_running_period(self, story: Story) -> None:
        story.given_active(terms=TELKOMSEL)
        story.when(TopUp, BOUGHT, credit=rupiah(5000)).then(
            event(
                CreditToppedUp,
                days=7,
                extension="cumulative",
                cap_days=90,
                active_until=at("2023-08-10T00:00:00+07:00"),
            )
        )

    def test_they_reach_at_most_the_cap_ahead(self, story: Story) -> None:
        story.given_active(terms=TELKOMSEL)
        story.given(TopUp, BOUGHT, credit=rupiah(100000))
        story.when(TopUp, BOUGHT + 1, credit=rupiah(100000)).then(
            event(CreditToppedUp, days=60, active_until=at("2023-10-19T00:00:00+07:00"))
        )

    def test_a_later_cap_holds_from_its_day_on(self, story: Story) -> None:
        story.given_active(terms=TELKOMSEL, since="2024-11-08T10:00:00+07:00")
        for _ in range(4):
            story.given(TopUp, at("2024-11-08T23:59:59.999999+07:00"), credit=rupiah(1000000))
        assert story.account().active_until == at("2025-02-07T00:00:00+07:00")
        story.when(TopUp, at("2024-11-09T00:00:00+07:00"), credit=rupiah(1000000)).then(
            event(CreditToppedUp, cap_days=365, active_until=at("2025-05-08T00:00:00+07:00"))
        )

    def test_a_lower_cap_never_shortens(self, tell: Tell) -> None:
        rules = BUNDLED_TOP_UP | {
            "caps": [
                {"in_force_from": "2023-01-01", "days": 365},
                {"in_force_from": "2023-08-01", "days": 30},
            ]
        }
        lower = variant(TELKOMSEL, top_up=rules)
        story = tell(lower)
        story.given_active(terms=lower.id)
        story.given(TopUp, BOUGHT, credit=rupiah(1000000))
        end = story.account().active_until
        assert end == at("2023-11-01T00:00:00+07:00")
        story.when(TopUp, at("2023-08-01T00:00:00+07:00"), credit=rupiah(5000)).then(
            event(CreditToppedUp, cap_days=30, active_until=end)
        )

    @pytest.mark.parametrize("credit", ["4999.99", "0.01"])
    def test_a_least_recharge_is_asked(self, story: Story, credit: str) -> None:
        story.given_active(terms=TELKOMSEL)
        story.when(TopUp, BOUGHT, credit=rupiah(credit)).refused("below-minimum")
        story.when(TopUp, BOUGHT, credit=rupiah(5000)).then(event(CreditToppedUp, clause="TS-02"))


BUNDLED_TOP_UP = {
    "extension": "cumulative",
    "denominations": [{"credit": "5000", "days": 7}, {"credit": "1000000", "days": 90}],
}


@pytest.mark.clause("SP23-16")
def test_the_rule_replace_takes_the_new_end_even_where_it_is_earlier(tell: Tell) -> None:
    replacing = variant(SP23, top_up=BUNDLED_TOP_UP | {"extension": "replace"})
    story = tell(replacing)
    story.given_active(terms=replacing.id)
    story.when(TopUp, BOUGHT, credit=rupiah(5000)).then(
        event(CreditToppedUp, extension="replace", active_until=at("2023-07-28T00:00:00+07:00"))
    )


def test_without_denominations_any_amount_will_do_and_credit_has_no_end(tell: Tell) -> None:
    endless = variant(SP23, top_up={}, starter_pack={}, waiting={"days": 0})
    story = tell(endless)
    story.given_active(terms=endless.id)
    story.when(TopUp, BOUGHT, credit=rupiah("0.01")).then(
        event(CreditToppedUp, days=None, extension=None, active_until=None)
    )
    story.when(AdvanceTime, at("2099-01-01T00:00:00+07:00")).then()
    assert story.state() == "active"


@pytest.mark.parametrize(("early", "until"), [(MICROSECOND, END), (0, None)])
def test_credit_without_validity_leaves_a_running_period_as_it_is_and_begins_one_without_end(
    tell: Tell, early: int, until: int | None
) -> None:
    half = variant(SP23, top_up={})
    story = tell(half)
    story.given_active(terms=half.id)
    story.given(AdvanceTime, END - early)
    story.when(TopUp, END - early, credit=rupiah(1)).then(
        event(CreditToppedUp, days=None, active_until=until)
    )
    assert story.state() == "active"


def test_credit_that_could_not_be_counted_any_more_is_not_sold(story: Story) -> None:
    story.given_active()
    story.given(TopUp, BOUGHT, credit=LARGEST_BALANCE)
    story.when(TopUp, BOUGHT, credit=rupiah(5000)).refused("above-maximum")


@ALL_TERMS
def test_a_closed_account_takes_no_top_up(story: Story, terms: str) -> None:
    story.given_active(terms=terms)
    story.given(Terminate, BOUGHT, ground="b")
    story.when(TopUp, BOUGHT, credit=rupiah(5000)).refused("terminated")


@pytest.mark.clause("SP23-23")
def test_a_block_stops_neither_a_top_up_nor_its_days(story: Story) -> None:
    story.given_active()
    story.given(Block, BOUGHT, scope="all")
    story.when(TopUp, BOUGHT, credit=rupiah(20000)).then(
        event(CreditToppedUp, active_until=at("2023-08-20T00:00:00+07:00"))
    )


def test_a_top_up_of_a_number_never_issued_is_refused(story: Story) -> None:
    story.when(TopUp, BOUGHT, credit=rupiah(5000)).refused("unknown-account")


def test_the_pack_of_a_number_with_a_starter_pack_of_the_same_day_may_be_topped_up_at_once(
    story: Story,
) -> None:
    story.given(IssueStarterPack, at(START), valid_until=day("2023-07-03"))
    story.given(Activate, at(START))
    story.when(TopUp, at(START), credit=rupiah(5000)).then(event(CreditToppedUp, version=3))
