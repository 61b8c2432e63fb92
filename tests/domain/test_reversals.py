"""Reversed top-ups: what is still there of the credit goes back, and so does the validity."""

from __future__ import annotations

import pytest

from ledger.domain.calendar import DAY
from ledger.domain.line.commands import AdvanceTime, MigrateTerms, Terminate
from ledger.domain.prepaid.commands import (
    Activate,
    AdjustCredit,
    ChargeCredit,
    ReclaimNumber,
    ReserveCredit,
    ReverseTopUp,
    TopUp,
)
from ledger.domain.prepaid.events import GraceStarted, ReservationReleased, TopUpReversed
from tests.conftest import Tell
from tests.domain.approvers import OTHERS_THAN_STAFF_2, SAME_AS_STAFF_2
from tests.given import (
    MICROSECOND,
    NUMBER,
    SP23,
    TELKOMSEL,
    XP25,
    Story,
    at,
    event,
    rupiah,
    variant,
)

END = at("2023-08-03T00:00:00+07:00")
WAITING = at("2023-09-02T00:00:00+07:00")
BOUGHT = at("2023-07-20T12:00:00+07:00")
LATER = at("2023-07-25T12:00:00+07:00")


@pytest.mark.clause("SP23-01", "XP25-01")
@pytest.mark.parametrize("terms", [SP23, XP25, TELKOMSEL])
def test_all_of_a_top_up_is_taken_back_and_no_rupiah_moves(story: Story, terms: str) -> None:
    story.given_active(terms=terms)
    story.given(TopUp, BOUGHT, credit=rupiah(20000), price=rupiah(21000), command_id="t1")
    story.when(ReverseTopUp, LATER, reverses="t1", reason="wrong-number", approved_by="staff-9").then(
        event(
            TopUpReversed,
            reverses="t1",
            reason="wrong-number",
            approved_by="staff-9",
            taken=rupiah(20000),
            not_taken=0,
            active_until=END,
            postings=[
                {"account": "operator/credit-issued", "unit": "PULSA", "amount": 2_000_000},
                {"account": f"{NUMBER}#1/credit", "unit": "PULSA", "amount": -2_000_000},
            ],
        )
    )
    assert story.balance("operator/cash", "IDR") == rupiah(21000)
    assert (story.state(), story.credit(), story.account().active_until) == ("active", 0, END)


@pytest.mark.parametrize(
    ("spent", "taken", "not_taken"),
    [("0.01", "19999.99", "0.01"), ("15000", "5000", "15000"), ("20000", "0", "20000")],
)
def test_only_what_is_available_is_taken_and_the_rest_is_said(
    story: Story, spent: str, taken: str, not_taken: str
) -> None:
    story.given_active()
    story.given(TopUp, BOUGHT, credit=rupiah(20000), command_id="t1")
    story.given(ChargeCredit, BOUGHT + 1, amount=rupiah(spent))
    story.when(ReverseTopUp, LATER, reverses="t1").then(
        event(TopUpReversed, taken=rupiah(taken), not_taken=rupiah(not_taken))
    )
    assert story.credit() == 0


def test_what_is_reserved_is_not_available(story: Story) -> None:
    story.given_active()
    story.given(TopUp, BOUGHT, credit=rupiah(20000), command_id="t1")
    story.given(ReserveCredit, BOUGHT + 1, amount=rupiah(12000), expires_at=LATER + DAY)
    story.when(ReverseTopUp, LATER, reverses="t1").then(
        event(TopUpReversed, taken=rupiah(8000), not_taken=rupiah(12000))
    )
    account = story.account()
    assert (account.available, account.reserved) == (0, rupiah(12000))


def test_no_more_is_taken_than_the_top_up_gave(story: Story) -> None:
    story.given_active(credit=rupiah(30000))
    story.given(TopUp, BOUGHT, credit=rupiah(20000), command_id="t1")
    story.when(ReverseTopUp, LATER, reverses="t1").then(event(TopUpReversed, taken=rupiah(20000)))
    assert story.credit() == rupiah(30000)


def test_a_top_up_is_reversed_once_only(story: Story) -> None:
    story.given_active()
    story.given(TopUp, BOUGHT, credit=rupiah(20000), command_id="t1")
    story.given(ReverseTopUp, LATER, reverses="t1")
    story.when(ReverseTopUp, LATER, reverses="t1").refused("already-reversed")


@pytest.mark.parametrize("name", ["t2", "1", "r1"])
def test_what_is_no_top_up_of_the_account_is_unknown(story: Story, name: str) -> None:
    story.given_active(credit=rupiah(5000))
    story.given(ReserveCredit, BOUGHT, reservation="r1", amount=1, expires_at=LATER)
    story.when(ReverseTopUp, LATER, reverses=name).refused(
        "unknown-top-up", event(ReservationReleased, effective_at=LATER)
    )


def test_a_refused_top_up_is_unknown(story: Story) -> None:
    story.given_active()
    story.when(TopUp, BOUGHT, credit=1, command_id="t1").refused("below-minimum")
    story.when(ReverseTopUp, LATER, reverses="t1").refused("unknown-top-up")


def test_a_top_up_of_the_generation_before_is_unknown(story: Story) -> None:
    story.given_active()
    story.given(TopUp, BOUGHT, credit=rupiah(5000), command_id="t1")
    story.given(Terminate, BOUGHT + 1)
    story.given(ReclaimNumber, BOUGHT + 2)
    story.given(Activate, BOUGHT + 3)
    story.when(ReverseTopUp, BOUGHT + 4, reverses="t1").refused("unknown-top-up")


@pytest.mark.parametrize("late", [0, MICROSECOND])
def test_it_can_be_reversed_for_thirty_times_24_hours(story: Story, late: int) -> None:
    story.given_active()
    story.given(TopUp, BOUGHT, credit=rupiah(60000), command_id="t1")
    story.when(ReverseTopUp, BOUGHT + 30 * DAY + late, reverses="t1")
    if late:
        story.refused("too-late")
    else:
        story.then(event(TopUpReversed), event(GraceStarted))


def test_it_comes_too_late_also_when_many_top_ups_followed(story: Story) -> None:
    story.given_active()
    story.given(TopUp, BOUGHT, credit=rupiah(1000000), command_id="t1")
    end = story.account().active_until
    for count in range(40):
        story.given(TopUp, BOUGHT + 31 * DAY + count, credit=rupiah(5000), command_id=f"m{count}")
    story.when(ReverseTopUp, BOUGHT + 31 * DAY + 40, reverses="t1").refused("too-late")
    story.when(ReverseTopUp, BOUGHT + 31 * DAY + 40, reverses="t9").refused("unknown-top-up")
    story.when(ReverseTopUp, BOUGHT + 31 * DAY + 40, reverses="m0").then(
        event(TopUpReversed, active_until=end)
    )


class TestValidity:
    def test_longest_goes_back_to_the_longest_end_of_the_others(self, story: Story) -> None:
        story.given_active()
        story.given(TopUp, BOUGHT, credit=rupiah(20000), command_id="t1")
        story.given(TopUp, BOUGHT + 1, credit=rupiah(50000), command_id="t2")
        story.given(TopUp, BOUGHT + 2, credit=rupiah(25000), command_id="t3")
        story.when(ReverseTopUp, LATER, reverses="t2").then(
            event(TopUpReversed, active_until=at("2023-08-20T00:00:00+07:00"))
        )
        story.when(ReverseTopUp, LATER, reverses="t1").then(
            event(TopUpReversed, active_until=at("2023-08-20T00:00:00+07:00"))
        )
        story.when(ReverseTopUp, LATER, reverses="t3").then(event(TopUpReversed, active_until=END))

    def test_a_top_up_that_did_not_move_the_end_leaves_it(self, story: Story) -> None:
        story.given_active()
        story.given(TopUp, BOUGHT, credit=rupiah(5000), command_id="t1")
        story.when(ReverseTopUp, LATER, reverses="t1").then(event(TopUpReversed, active_until=END))

    def test_cumulative_loses_the_days_of_that_top_up_only(self, story: Story) -> None:
        story.given_active(terms=TELKOMSEL)
        story.given(TopUp, BOUGHT, credit=rupiah(5000), command_id="t1")
        story.given(TopUp, BOUGHT + 1, credit=rupiah(20000), command_id="t2")
        assert story.account().active_until == END + 37 * DAY
        story.when(ReverseTopUp, LATER, reverses="t1").then(event(TopUpReversed, active_until=END + 30 * DAY))

    def test_cumulative_gives_back_what_the_cap_had_cut_off_another(self, story: Story) -> None:
        story.given_active(terms=TELKOMSEL)
        story.given(TopUp, BOUGHT, credit=rupiah(100000), command_id="t1")
        story.given(TopUp, BOUGHT + 1, credit=rupiah(100000), command_id="t2")
        assert story.account().active_until == at("2023-10-19T00:00:00+07:00")
        story.when(ReverseTopUp, LATER, reverses="t1").then(
            event(TopUpReversed, active_until=at("2023-10-02T00:00:00+07:00"))
        )

    def test_the_rule_replace_gives_back_the_end_that_it_had_shortened(self, tell: Tell) -> None:
        replacing = variant(
            SP23, top_up={"extension": "replace", "denominations": [{"credit": "5000", "days": 7}]}
        )
        story = tell(replacing)
        story.given_active(terms=replacing.id)
        story.given(TopUp, BOUGHT, credit=rupiah(5000), command_id="t1")
        assert story.account().active_until == at("2023-07-28T00:00:00+07:00")
        story.when(ReverseTopUp, LATER, reverses="t1").then(event(TopUpReversed, active_until=END))

    @pytest.mark.parametrize("early", [0, MICROSECOND])
    def test_it_never_goes_back_behind_the_moment_of_the_reversal_and_grace_starts_at_once(
        self, story: Story, early: int
    ) -> None:
        story.given_active()
        story.given(TopUp, BOUGHT, credit=rupiah(50000), command_id="t1")
        moment = END - early
        expected = event(TopUpReversed, active_until=END, taken=rupiah(50000))
        story.when(ReverseTopUp, moment, reverses="t1")
        if early:
            story.then(expected)
            assert story.state() == "active"
        else:
            story.then(expected, event(GraceStarted, effective_at=END, grace_until=WAITING))

    def test_grace_begins_at_the_time_of_day_of_the_reversal_and_lasts_whole_days(self, story: Story) -> None:
        story.given_active()
        story.given(TopUp, BOUGHT, credit=rupiah(50000), command_id="t1")
        moment = at("2023-08-10T15:30:00+07:00")
        story.when(ReverseTopUp, moment, reverses="t1").then(
            event(TopUpReversed, active_until=moment),
            event(
                GraceStarted,
                effective_at=moment,
                recorded_at=moment,
                grace_until=at("2023-09-09T15:30:00+07:00"),
            ),
        )

    def test_reservations_are_freed_when_grace_starts_at_once(self, story: Story) -> None:
        story.given_active(credit=rupiah(3000))
        story.given(TopUp, BOUGHT, credit=rupiah(50000), command_id="t1")
        moment = END + DAY
        story.given(ReserveCredit, END, amount=rupiah(1000), expires_at=moment + DAY)
        story.when(ReverseTopUp, moment, reverses="t1").then(
            event(TopUpReversed, taken=rupiah(50000)),
            event(ReservationReleased, effective_at=moment, cause="grace"),
            event(GraceStarted, effective_at=moment),
        )
        assert story.credit() == rupiah(3000)

    def test_the_restoring_top_up_of_a_grace_period_puts_the_account_back_into_grace(
        self, story: Story
    ) -> None:
        story.given_active()
        story.given(TopUp, END + DAY, credit=rupiah(5000), command_id="t1")
        moment = END + 2 * DAY
        story.when(ReverseTopUp, moment, reverses="t1").then(
            event(TopUpReversed, active_until=moment), event(GraceStarted, effective_at=moment)
        )

    def test_a_top_up_before_grace_does_not_touch_the_days_bought_in_it(self, story: Story) -> None:
        story.given_active()
        story.given(TopUp, BOUGHT, credit=rupiah(10000), command_id="t1")
        end = story.account().active_until
        assert end == at("2023-08-05T00:00:00+07:00")
        story.given(TopUp, end + DAY, credit=rupiah(5000), command_id="t2")
        restored_until = story.account().active_until
        story.when(ReverseTopUp, end + 2 * DAY, reverses="t1").then(
            event(TopUpReversed, active_until=restored_until)
        )

    def test_without_it_a_later_one_counts_as_bought_in_grace(self, story: Story) -> None:
        """Cumulative days were added to a period that would have been over without the reversed top-up."""
        story.given_active(terms=TELKOMSEL)
        story.given(TopUp, BOUGHT, credit=rupiah(10000), command_id="t1")
        story.given(TopUp, END + DAY, credit=rupiah(5000), command_id="t2")
        assert story.account().active_until == END + 22 * DAY
        story.when(ReverseTopUp, END + 2 * DAY, reverses="t1").then(
            event(TopUpReversed, active_until=END + 9 * DAY)
        )

    def test_in_grace_the_end_that_is_past_stays(self, story: Story) -> None:
        story.given_active()
        story.given(TopUp, BOUGHT, credit=rupiah(10000), command_id="t1")
        story.given(AdvanceTime, at("2023-08-05T00:00:00+07:00"))
        story.when(ReverseTopUp, at("2023-08-06T00:00:00+07:00"), reverses="t1").then(
            event(TopUpReversed, taken=rupiah(10000), active_until=at("2023-08-05T00:00:00+07:00"))
        )
        account = story.account()
        assert (account.state, account.grace_until) == ("grace", at("2023-09-04T00:00:00+07:00"))

    def test_a_period_without_end_stays_without_end(self, tell: Tell) -> None:
        endless = variant(SP23, top_up={}, starter_pack={})
        story = tell(endless)
        story.given_active(terms=endless.id)
        story.given(TopUp, BOUGHT, credit=rupiah(7), command_id="t1")
        story.when(ReverseTopUp, LATER, reverses="t1").then(
            event(TopUpReversed, taken=rupiah(7), active_until=None)
        )

    def test_credit_without_validity_bought_in_grace_is_taken_back_with_its_endless_period(
        self, tell: Tell
    ) -> None:
        endless = variant(SP23, top_up={})
        story = tell(endless)
        story.given_active(terms=endless.id)
        story.given(TopUp, END + DAY, credit=rupiah(7), command_id="t1")
        assert story.account().active_until is None
        story.when(ReverseTopUp, END + 2 * DAY, reverses="t1").then(
            event(TopUpReversed, active_until=END + 2 * DAY), event(GraceStarted)
        )

    def test_days_are_counted_again_in_the_zone_in_which_they_were_bought(self, tell: Tell) -> None:
        eastern = variant(SP23, zone="Asia/Jayapura")
        story = tell(eastern)
        story.given_active(terms=eastern.id)
        story.given(TopUp, BOUGHT, credit=rupiah(20000), command_id="t1")
        end = story.account().active_until
        assert end == at("2023-08-20T00:00:00+09:00")
        story.given(TopUp, BOUGHT + 1, credit=rupiah(50000), command_id="t2")
        story.given(MigrateTerms, BOUGHT + 2, terms=SP23)
        story.when(ReverseTopUp, LATER, reverses="t2").then(event(TopUpReversed, active_until=end))


class TestForfeited:
    @pytest.mark.clause("SP23-20")
    def test_what_the_restoring_top_up_forfeited_stays_so(self, tell: Tell) -> None:
        short = variant(SP23, grace={"days": 3})
        story = tell(short)
        story.given_active(terms=short.id)
        story.given(TopUp, BOUGHT, credit=rupiah(10000), command_id="t1")
        restored = at("2023-08-09T00:00:00+07:00")
        story.given(TopUp, restored, credit=rupiah(5000), command_id="t2")
        assert story.credit() == rupiah(5000)
        story.when(ReverseTopUp, restored + 1, reverses="t1").then(
            event(TopUpReversed, taken=0, not_taken=rupiah(10000), postings=[])
        )
        story.when(ReverseTopUp, restored + 2, reverses="t2").then(
            event(TopUpReversed, taken=rupiah(5000)), event(GraceStarted)
        )
        assert story.balance("operator/breakage") == rupiah(10000)

    @pytest.mark.clause("XP25-16")
    def test_so_does_what_the_start_of_the_waiting_period_forfeited(self, tell: Tell) -> None:
        short = variant(XP25, grace={"days": 3})
        story = tell(short)
        story.given_active(terms=short.id)
        story.given(TopUp, BOUGHT, credit=rupiah(10000), command_id="t1")
        waiting = at("2023-08-08T00:00:00+07:00")
        story.given(AdvanceTime, waiting)
        story.given(AdjustCredit, waiting + 1, amount=rupiah(400))
        story.when(ReverseTopUp, waiting + 2, reverses="t1").then(
            event(TopUpReversed, taken=0, not_taken=rupiah(10000))
        )
        assert story.credit() == rupiah(400)


def test_only_with_the_approval_of_another_however_the_id_is_spelled(story: Story) -> None:
    story.given_active()
    story.given(TopUp, BOUGHT, credit=rupiah(20000), command_id="t1")
    for approver in SAME_AS_STAFF_2:
        story.when(ReverseTopUp, LATER, reverses="t1", actor="staff-2", approved_by=approver)
        story.refused("approval-required")
    story.when(ReverseTopUp, LATER, reverses="none", approved_by="system").refused("approval-required")
    for approver in OTHERS_THAN_STAFF_2:
        other = {"reverses": "none", "actor": "staff-2", "approved_by": approver}
        story.when(ReverseTopUp, LATER, **other).refused("unknown-top-up")
    story.when(ReverseTopUp, LATER, reverses="t1", actor="staff-2", approved_by="staff-3").then(
        event(TopUpReversed, actor="staff-2", approved_by="staff-3")
    )
