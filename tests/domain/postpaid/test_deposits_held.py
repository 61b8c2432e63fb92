"""Deposits: received, set against what is owed, asked back, paid back, forfeited."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.domain.calendar import DAY
from ledger.domain.line.commands import AdvanceTime, RecordUsage, Terminate
from ledger.domain.line.events import SuspenseReceived
from ledger.domain.postpaid.commands import (
    ApplyDeposit,
    ConfirmRefundRequirements,
    LiftLegalHold,
    PayDepositRefund,
    ReceiveDeposit,
    ReceivePayment,
    RefundAdvance,
    RequestDepositRefund,
    ReversePayment,
    SetLegalHold,
)
from ledger.domain.postpaid.events_of_bills import AdvanceApplied, BillIssued
from ledger.domain.postpaid.events_of_payments import (
    AdvanceRefunded,
    DepositApplied,
    DepositForfeited,
    DepositReceived,
    DepositRefunded,
    DepositRefundReady,
    DepositRefundRequested,
    LegalHoldLifted,
    LegalHoldSet,
    RefundRequirementsMet,
)
from tests.given import MICROSECOND, NUMBER, SE23, XE25, Story, at, event, rupiah

OPENED = at("2023-03-01T10:00:00+07:00")
ISSUED = at("2023-04-01T00:00:00+07:00")
BILL = f"{NUMBER}-1-B0001"
TOTAL = rupiah(111_000)
HELD = rupiah(500_000)
ENDED = at("2023-04-10T12:00:00+07:00")


def held(story: Story, terms: str = SE23, amount: int = HELD, **fields: object) -> Story:
    story.given_contract(OPENED, terms=terms, **fields)
    return story.given(ReceiveDeposit, OPENED, amount=amount)


@pytest.fixture
def left(story: Story) -> Story:
    """A contract that has ended, with 278,000 of a deposit left."""
    held(story)
    story.given(AdvanceTime, ISSUED)
    return story.given(Terminate, ENDED, ground="1")


@pytest.mark.clause("SE23-15", "XE25-05")
class TestApplying:
    def test_it_is_received_once(self, story: Story) -> None:
        story.given_contract(OPENED)
        story.when(ReceiveDeposit, OPENED, amount=HELD).then(
            event(DepositReceived, deposit="d1", amount=HELD, purpose="roaming")
        )
        story.when(ReceiveDeposit, OPENED, amount=HELD)
        assert (story.outcome.status, story.new) == ("repeated", [])
        story.when(ReceiveDeposit, OPENED, amount=HELD + 1).refused("reference-conflict")
        assert story.contract().deposit == HELD

    def test_the_oldest_bill_first_and_beyond_them_as_advance(self, story: Story) -> None:
        held(story)
        story.given(AdvanceTime, ISSUED)
        story.when(ApplyDeposit, ISSUED).then(
            event(
                DepositApplied,
                amount=TOTAL,
                allocations=[{"bill": BILL, "amount": TOTAL}],
                advance=0,
                cause="asked",
                decided_by="staff-1",
            )
        )
        assert story.contract().deposit == HELD - TOTAL
        paid = story.contract().bill(BILL)
        assert paid is not None
        assert (paid.deposited, paid.open) == (TOTAL, 0)

    def test_more_than_is_owed_or_held_and_nothing_at_all_are_refused(self, story: Story) -> None:
        held(story, amount=rupiah(50_000))
        story.when(ApplyDeposit, OPENED).refused("not-eligible")
        story.given(AdvanceTime, ISSUED)
        story.when(ApplyDeposit, ISSUED, amount=rupiah(50_000) + 1).refused("above-maximum")
        story.given(ApplyDeposit, ISSUED, amount=rupiah(50_000))
        story.when(ApplyDeposit, ISSUED).refused("not-eligible")

    def test_in_2023_what_is_not_billed_yet_is_covered_as_advance(self, story: Story) -> None:
        held(story)
        story.given(ReceivePayment, OPENED, reference="p1", amount=rupiah(10), method="cash")
        story.given(RecordUsage, OPENED, quantity=180)
        story.when(ApplyDeposit, OPENED).then(event(DepositApplied, amount=rupiah(899), advance=rupiah(899)))

    def test_in_2025_consent_must_be_on_record_and_only_bills_are_covered(self, story: Story) -> None:
        held(story, XE25)
        story.when(ApplyDeposit, ISSUED, amount=HELD * 2).refused("consent-required", event(BillIssued))
        other = "6288187654321"
        story.given_contract(ISSUED, terms=XE25, msisdn=other, consents=["deposit"])
        story.given(ReceiveDeposit, ISSUED, msisdn=other, amount=HELD)
        story.given(RecordUsage, ISSUED, msisdn=other)
        story.when(ApplyDeposit, ISSUED, msisdn=other).refused("not-eligible")


@pytest.mark.clause("SE23-23", "XE25-08")
class TestAtTheEnd:
    @pytest.mark.parametrize("terms", [SE23, XE25])
    def test_it_meets_open_bills_under_all_documents(self, story: Story, terms: str) -> None:
        held(story, terms)
        story.given(AdvanceTime, ISSUED)
        story.when(Terminate, ENDED, ground="1")
        assert [one.name for one in story.new] == [
            "BillIssued",
            "DepositApplied",
            "Terminated",
            "NumberQuarantined",
        ]
        account = story.contract()
        assert (account.billed, account.deposit) == (0, HELD - 2 * TOTAL)

    def test_advance_goes_first_and_deposit_and_open_bill_never_stand_side_by_side(
        self, story: Story
    ) -> None:
        held(story, amount=rupiah(1000))
        story.given(ReceivePayment, OPENED, reference="p1", amount=rupiah(50_000), method="cash")
        story.when(Terminate, ENDED, ground="1")
        assert [one.name for one in story.new][:6] == [
            "BillIssued",
            "AdvanceApplied",
            "BillIssued",
            "DepositApplied",
            "Terminated",
            "NumberQuarantined",
        ]
        assert story.contract().deposit == 0
        story.given(ReceivePayment, ENDED, reference="p2", amount=rupiah(200_000), method="cash")
        assert {AdvanceApplied, DepositApplied}.isdisjoint({type(one) for one in story.new})


@pytest.mark.clause("SE23-16", "SE23-17", "SE23-18", "XE25-06")
class TestRefunding:
    UNTIL = at("2024-04-11T00:00:00+07:00")

    def test_it_is_asked_for_made_ready_and_paid_less_the_banks_cost(self, left: Story) -> None:
        left.when(RequestDepositRefund, ENDED).then(event(DepositRefundRequested, window_until=self.UNTIL))
        left.when(PayDepositRefund, ENDED).refused("refund-not-ready")
        left.when(ConfirmRefundRequirements, ENDED + DAY).then(
            event(RefundRequirementsMet), event(DepositRefundReady, ready_since=ENDED + DAY)
        )
        left.when(ConfirmRefundRequirements, ENDED + DAY).refused("not-eligible")
        amount = left.contract().deposit
        left.when(PayDepositRefund, ENDED + DAY, bank_cost=amount + 1).refused("above-maximum")
        left.when(PayDepositRefund, ENDED + DAY, bank_cost=rupiah(6500)).then(
            event(DepositRefunded, amount=amount, bank_cost=rupiah(6500), payee="customer-1")
        )
        left.when(PayDepositRefund, ENDED + DAY).refused("unknown-deposit")
        assert left.contract().deposit == 0

    @pytest.mark.parametrize(("when", "code"), [(UNTIL - MICROSECOND, None), (UNTIL, "settled")])
    def test_it_may_be_asked_for_until_the_year_is_over(
        self, left: Story, when: int, code: str | None
    ) -> None:
        left.when(RequestDepositRefund, when)
        assert left.outcome.code == code

    def test_where_something_is_still_pending_the_window_is_what_is_closed(self, left: Story) -> None:
        left.given(ReceivePayment, ENDED, reference="p1", amount=1)
        left.when(RequestDepositRefund, self.UNTIL)
        assert left.outcome.code == "window-closed"

    def test_before_the_end_it_is_too_soon_and_a_second_time_there_is_one(self, story: Story) -> None:
        held(story)
        story.when(RequestDepositRefund, OPENED).refused("too-soon")
        story.given(Terminate, ENDED, ground="1")
        story.given(RequestDepositRefund, ENDED)
        story.when(RequestDepositRefund, ENDED).refused("refund-exists")
        story.when(ConfirmRefundRequirements, ENDED)

    def test_none_held_is_unknown_and_no_request_is_too(self, story: Story) -> None:
        story.given_contract(OPENED)
        story.given(Terminate, ENDED, ground="1")
        story.when(RequestDepositRefund, ENDED).refused("unknown-deposit")
        story.when(ConfirmRefundRequirements, ENDED).refused("unknown-request")
        story.when(PayDepositRefund, ENDED).refused("unknown-deposit")

    def test_what_is_not_asked_for_is_forfeited_at_the_exact_end(self, left: Story) -> None:
        amount = left.contract().deposit
        left.when(AdvanceTime, self.UNTIL - MICROSECOND)
        assert left.contract().deposit == amount
        left.when(AdvanceTime, self.UNTIL)
        (gone,) = [one for one in left.new if isinstance(one, DepositForfeited)]
        assert (gone.amount, gone.effective_at) == (amount, self.UNTIL)
        assert left.contract().state == "settled"

    def test_once_asked_for_it_never_lapses(self, left: Story) -> None:
        left.given(RequestDepositRefund, ENDED)
        left.given(AdvanceTime, self.UNTIL + 1000 * DAY)
        assert left.contract().deposit == HELD - 2 * TOTAL

    def test_a_legal_hold_keeps_it_and_when_it_is_lifted_it_is_forfeited_at_once(self, left: Story) -> None:
        left.when(SetLegalHold, ENDED, reference="h1").then(event(LegalHoldSet))
        left.when(SetLegalHold, ENDED, reference="h2").refused("not-eligible")
        left.given(AdvanceTime, self.UNTIL + DAY)
        assert left.contract().deposit > 0
        left.when(LiftLegalHold, self.UNTIL + DAY + 1, reference="h3")
        assert [one.name for one in left.new][:2] == ["LegalHoldLifted", "DepositForfeited"]
        assert left.new[1].effective_at == self.UNTIL + DAY + 1
        assert isinstance(left.new[0], LegalHoldLifted)

    def test_the_year_from_a_leap_day_ends_after_the_28th(self, story: Story) -> None:
        held(story)
        ended = at("2024-02-29T12:00:00+07:00")
        story.given(ReceivePayment, OPENED, reference="p1", amount=rupiah(5_000_000), method="cash")
        story.given(Terminate, ended, ground="1")
        assert story.contract().refund_until == at("2025-03-01T00:00:00+07:00")


class TestRefundingAdvance:
    def test_all_that_is_left_is_paid_out_and_a_reversal_charges_it_untaxed(self, story: Story) -> None:
        story.given_contract(OPENED, upfront_payment=rupiah(50_000), reference="p1")
        story.when(RefundAdvance, OPENED, bank_cost=rupiah(50_001)).refused("above-maximum")
        story.when(RefundAdvance, OPENED, bank_cost=rupiah(6500)).then(
            event(
                AdvanceRefunded,
                amount=rupiah(50_000),
                lots=[{"source": "payment/p1", "amount": rupiah(50_000)}],
            )
        )
        story.when(RefundAdvance, OPENED).refused("not-eligible")
        story.given(ReversePayment, OPENED, reference="p1")
        assert story.contract().charges == {"cycle/reversals": rupiah(50_000)}
        story.when(AdvanceTime, ISSUED)
        (bill,) = [one for one in story.new if isinstance(one, BillIssued)]
        assert (bill.taxable, bill.total) == (rupiah(100_000), rupiah(161_000))


def test_a_deposit_of_a_former_account_is_reached_by_its_name(left: Story) -> None:
    again = at("2023-12-01T12:00:00+07:00")
    left.given_contract(again)
    said: dict[str, Any] = {"account": f"{NUMBER}#1"}
    left.when(RequestDepositRefund, again).refused("too-soon")
    left.when(RequestDepositRefund, again, **said).then(event(DepositRefundRequested, account=f"{NUMBER}#1"))
    left.given(ConfirmRefundRequirements, again, **said)
    left.given(PayDepositRefund, again, **said)
    assert left.line().former[f"{NUMBER}#1"].state == "terminated"
    left.when(AdvanceTime, again + DAY)
    assert [(one.account, one.name) for one in left.new if one.name == "AccountSettled"] == [
        (f"{NUMBER}#1", "AccountSettled")
    ]
    left.when(ReceivePayment, again + DAY, reference="p9", amount=1, **said).then(
        event(SuspenseReceived, account=NUMBER, amount=1)
    )
