"""Purchases at a stated price, and corrections by a person that another approves."""

from __future__ import annotations

import pytest

from ledger.domain.calendar import DAY
from ledger.domain.line.commands import AdvanceTime
from ledger.domain.money import LARGEST_BALANCE
from ledger.domain.prepaid.commands import AdjustCredit, ChargeCredit, ReserveCredit
from ledger.domain.prepaid.events import CreditAdjusted, CreditCharged, GraceStarted, WaitingStarted
from tests.domain.approvers import OTHERS_THAN_STAFF_2, SAME_AS_STAFF_2
from tests.given import MICROSECOND, NUMBER, SP23, START, TELKOMSEL, XP25, Story, at, event, rupiah

NOW = at("2023-07-20T12:00:00+07:00")
ALL_TERMS = pytest.mark.parametrize("terms", [SP23, XP25, TELKOMSEL])


class TestChargeCredit:
    @pytest.mark.clause("SP23-14", "XP25-10", "XP25-11")
    @ALL_TERMS
    def test_a_purchase_is_taken_at_its_stated_price(self, story: Story, terms: str) -> None:
        story.given_active(terms=terms, credit=rupiah(5000))
        clause = {SP23: "SP23-13", XP25: "XP25-10", TELKOMSEL: "TS-08"}[terms]
        story.when(ChargeCredit, NOW, amount=rupiah(1200), item="night package").then(
            event(
                CreditCharged,
                amount=rupiah(1200),
                item="night package",
                clause=clause,
                postings=[
                    {"account": "operator/charges", "unit": "PULSA", "amount": rupiah(1200)},
                    {"account": f"{NUMBER}#1/credit", "unit": "PULSA", "amount": -rupiah(1200)},
                ],
            )
        )

    def test_all_or_nothing_and_credit_may_reach_exactly_zero(self, story: Story) -> None:
        story.given_active(credit=rupiah(5000))
        story.when(ChargeCredit, NOW, amount=rupiah("5000.01")).refused("insufficient-credit")
        assert story.credit() == rupiah(5000)
        story.when(ChargeCredit, NOW, amount=rupiah(5000)).then(event(CreditCharged))
        assert story.credit() == 0
        story.when(ChargeCredit, NOW, amount=1).refused("insufficient-credit")

    def test_what_is_reserved_does_not_pay(self, story: Story) -> None:
        story.given_active(credit=rupiah(5000))
        story.given(ReserveCredit, NOW, amount=rupiah(1), expires_at=NOW + DAY)
        story.when(ChargeCredit, NOW, amount=rupiah(5000)).refused("insufficient-credit")
        story.when(ChargeCredit, NOW, amount=rupiah(4999)).then(event(CreditCharged))

    def test_the_state_answers_before_the_credit(self, story: Story) -> None:
        story.given_active()
        story.when(ChargeCredit, at("2023-08-03T00:00:00+07:00"), amount=1).refused(
            "grace", event(GraceStarted)
        )
        story.when(ChargeCredit, at("2023-09-02T00:00:00+07:00"), amount=1).refused(
            "waiting", event(WaitingStarted)
        )


class TestAdjustCredit:
    @pytest.mark.parametrize("amount", [rupiah(300), -rupiah(300), 1, -1])
    def test_credit_moves_by_the_signed_amount(self, story: Story, amount: int) -> None:
        story.given_active(credit=rupiah(5000))
        story.when(AdjustCredit, NOW, amount=amount, reason="goodwill", approved_by="staff-2").then(
            event(
                CreditAdjusted,
                amount=amount,
                reason="goodwill",
                approved_by="staff-2",
                effective_at=NOW,
                postings=[
                    {"account": f"{NUMBER}#1/credit", "unit": "PULSA", "amount": amount},
                    {"account": "operator/adjustments", "unit": "PULSA", "amount": -amount},
                ],
            )
        )
        assert story.credit() == rupiah(5000) + amount

    def test_never_below_zero(self, story: Story) -> None:
        story.given_active(credit=rupiah(5000))
        story.given(ReserveCredit, NOW, amount=rupiah(2000), expires_at=NOW + DAY)
        story.when(AdjustCredit, NOW, amount=-rupiah("3000.01")).refused("insufficient-credit")
        story.when(AdjustCredit, NOW, amount=-rupiah(3000)).then(event(CreditAdjusted))
        assert story.account().available == 0

    def test_nor_beyond_what_can_be_counted(self, story: Story) -> None:
        story.given_active()
        story.given(AdjustCredit, NOW, amount=LARGEST_BALANCE)
        story.when(AdjustCredit, NOW, amount=1).refused("above-maximum")

    @pytest.mark.parametrize("actor", ["staff-2", "system"])
    def test_only_with_the_approval_of_another(self, story: Story, actor: str) -> None:
        story.given_active()
        story.when(AdjustCredit, NOW, amount=1, actor=actor, approved_by=actor).refused("approval-required")
        story.when(AdjustCredit, NOW, amount=1, actor=actor, approved_by="staff-9").then(
            event(CreditAdjusted, actor=actor, approved_by="staff-9")
        )

    def test_the_one_who_asks_is_no_other_however_the_id_is_spelled(self, story: Story) -> None:
        story.given_active()
        for approver in SAME_AS_STAFF_2:
            story.when(AdjustCredit, NOW, amount=1, actor="staff-2", approved_by=approver)
            story.refused("approval-required")
        for approver in OTHERS_THAN_STAFF_2:
            story.given(AdjustCredit, NOW, amount=1, actor="staff-2", approved_by=approver)

    def test_it_may_be_effective_earlier_and_is_recorded_now(self, story: Story) -> None:
        story.given_active(credit=rupiah(100))
        story.when(AdjustCredit, NOW, amount=rupiah(50), effective_at=NOW - 3 * DAY).then(
            event(CreditAdjusted, effective_at=NOW - 3 * DAY, recorded_at=NOW)
        )
        assert story.credit(NOW - 3 * DAY - MICROSECOND) == rupiah(100)
        assert story.credit(NOW - 3 * DAY) == rupiah(150)

    @pytest.mark.parametrize(
        ("effective_at", "code"),
        [
            (NOW, None),
            (NOW + MICROSECOND, "in-the-future"),
            (at(START), None),
            (at(START) - MICROSECOND, "too-late"),
        ],
    )
    def test_not_in_the_future_and_not_before_the_account_began(
        self, story: Story, effective_at: int, code: str | None
    ) -> None:
        story.given_active()
        story.when(AdjustCredit, NOW, amount=1, effective_at=effective_at)
        assert story.outcome.code == code

    @pytest.mark.parametrize("moment", ["2023-08-03T00:00:00+07:00", "2023-09-02T00:00:00+07:00"])
    def test_in_grace_and_waiting_too_and_it_restores_nothing(self, story: Story, moment: str) -> None:
        story.given_active()
        story.given(AdvanceTime, at(moment))
        state = story.state()
        story.when(AdjustCredit, at(moment), amount=rupiah(100000)).then(event(CreditAdjusted))
        assert (story.state(), story.credit()) == (state, rupiah(100000))

    def test_the_approval_answers_before_the_time_and_the_time_before_the_credit(self, story: Story) -> None:
        story.given_active()
        wrong = {"amount": -1, "effective_at": NOW + 1}
        story.when(AdjustCredit, NOW, approved_by="system", **wrong).refused("approval-required")
        story.when(AdjustCredit, NOW, **wrong).refused("in-the-future")
        story.when(AdjustCredit, NOW, amount=-1).refused("insufficient-credit")
