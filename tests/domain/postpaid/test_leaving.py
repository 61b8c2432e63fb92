"""Leaving: in person, long enough after roaming, and with nothing left to pay; and the last of an account."""

from __future__ import annotations

import pytest

from ledger.domain.calendar import DAY
from ledger.domain.line.commands import AdvanceTime, RecordUsage, Terminate
from ledger.domain.line.events import NumberQuarantined, SuspenseReceived, Terminated
from ledger.domain.postpaid.commands import (
    ReceiveDeposit,
    ReceivePayment,
    RequestHardCopy,
    RequestUnsubscribe,
    SettlePayment,
)
from ledger.domain.postpaid.events import AccountSettled, PenaltyCharged, UnsubscribeRequested
from ledger.domain.postpaid.events_of_bills import AdvanceApplied, BillIssued
from ledger.domain.postpaid.events_of_payments import DepositApplied
from ledger.domain.postpaid.leaving import closing_amount
from ledger.domain.postpaid.terms import PostpaidTerms
from tests.conftest import Tell
from tests.given import MICROSECOND, NUMBER, SE23, Story, at, contract_terms, event, rupiah

OPENED = at("2023-03-01T10:00:00+07:00")
LEFT = at("2023-03-20T12:00:00+07:00")
ISSUED = at("2023-04-01T00:00:00+07:00")


def paid(story: Story, amount: int, when: int = LEFT, reference: str = "p1") -> Story:
    return story.given(ReceivePayment, when, reference=reference, amount=amount, method="cash")


@pytest.mark.clause("SE23-20", "SE23-26", "XE25-08")
class TestUnsubscribing:
    def test_what_the_final_bill_would_leave_open_has_to_be_paid_first(self, story: Story) -> None:
        story.given_contract(OPENED)
        story.given(RecordUsage, OPENED, quantity=180)
        story.when(RequestUnsubscribe, LEFT).refused("outstanding")
        closing = closing_amount(story.contract(), LEFT, story.book.of(PostpaidTerms, SE23))
        assert closing._asdict() == {
            "billed": 0,
            "unbilled": rupiah(909),
            "commitment": rupiah(99_091),
            "hard_copy": 0,
            "penalty": rupiah(300_000),
            "tax": rupiah(44_000),
            "advance": 0,
        }
        assert "444000: unbilled 909, commitment 99091, penalty 300000, tax 44000" in str(
            story.outcome.message
        )
        paid(story, closing.amount - 1)
        story.when(RequestUnsubscribe, LEFT).refused("outstanding")
        paid(story, 1, reference="p2")
        story.when(RequestUnsubscribe, LEFT).then(
            event(UnsubscribeRequested, channel="gallery", refund_until=at("2024-03-21T00:00:00+07:00")),
            event(PenaltyCharged, amount=rupiah(300_000), months_left=12),
            event(BillIssued, bill_kind="final", total=rupiah(444_000)),
            event(AdvanceApplied, amount=rupiah(444_000)),
            event(Terminated, ground="unsubscribed"),
            event(NumberQuarantined),
        )
        account = story.contract()
        assert (account.billed, account.unbilled, account.advance) == (0, 0, 0)

    def test_only_where_the_terms_say(self, story: Story) -> None:
        story.given_contract(OPENED)
        story.when(RequestUnsubscribe, LEFT, channel="app").refused("gallery-required")

    @pytest.mark.parametrize(
        ("left", "months"),
        [
            ("2023-03-31T23:59:59.999999", 12),
            ("2023-04-01T00:00:00", 11),
            ("2024-01-31T23:59:59.999999", 2),
            ("2024-02-29T23:59:59.999999", 1),
        ],
    )
    def test_a_share_of_the_commitment_for_the_months_left_those_begun_included(
        self, story: Story, left: str, months: int
    ) -> None:
        story.given_contract(OPENED, plan="elite-200", upfront_payment=rupiah(9_000_000), reference="p1")
        story.when(RequestUnsubscribe, at(f"{left}+07:00"))
        (penalty,) = [one for one in story.new if isinstance(one, PenaltyCharged)]
        assert (penalty.months_left, penalty.amount) == (months, rupiah(100_000 * months))

    def test_after_the_contract_period_there_is_none(self, story: Story) -> None:
        story.given_contract(OPENED, upfront_payment=rupiah(9_000_000), reference="p1")
        story.when(RequestUnsubscribe, at("2024-03-01T00:00:00+07:00"))
        assert PenaltyCharged not in {type(one) for one in story.new}
        assert story.contract().state == "terminated"

    def test_whose_leaving_costs_it_the_terms_say(self, tell: Tell) -> None:
        rule = {"source": "test", "penalty_on": "any"}
        story = tell(contract_terms(SE23, unsubscribe=rule)).given_contract(OPENED, terms="variant")
        story.given(AdvanceTime, at("2023-07-30T00:00:00+07:00"))
        assert PenaltyCharged in {type(one) for one in story.events()}


@pytest.mark.clause("SE23-23", "SE23-24", "SE23-25")
class TestTerminated:
    ENDS = at("2023-04-10T12:00:00+07:00")

    def test_all_bills_being_due_at_once_money_meets_the_oldest_first(self, story: Story) -> None:
        story.given_contract(OPENED)
        story.given(ReceiveDeposit, OPENED, amount=rupiah(150_000))
        story.given(AdvanceTime, ISSUED)
        story.given(Terminate, self.ENDS, ground="1")
        (applied,) = [one for one in story.new if isinstance(one, DepositApplied)]
        assert applied.allocations == [
            {"bill": f"{NUMBER}-1-B0001", "amount": rupiah(111_000)},
            {"bill": f"{NUMBER}-1-B0002", "amount": rupiah(39_000)},
        ]

    @pytest.mark.clause("SE23-08")
    def test_paper_costs_on_each_bill_until_the_end_and_none_after_it(self, story: Story) -> None:
        story.given_contract(OPENED)
        story.given(RequestHardCopy, OPENED)
        story.given(Terminate, self.ENDS, ground="1")
        story.given(AdvanceTime, self.ENDS + 400 * DAY)
        bills = [one for one in story.events() if isinstance(one, BillIssued)]
        told = [(bill.bill_kind, "fees" in {line["kind"] for line in bill.lines}) for bill in bills]
        assert told[:2] == [("cycle", True), ("final", True)]
        assert set(told[2:]) == {("supplementary", False)}, "of fines, which are bounded"
        assert len(bills) < 6


@pytest.mark.clause("SE23-25")
class TestSettled:
    END = at("2023-03-20T12:00:00+07:00")

    def test_an_account_is_settled_at_the_first_midnight_after_all_has_run_out(self, story: Story) -> None:
        story.given_contract(OPENED)
        paid(story, rupiah(444_000))
        story.given(RequestUnsubscribe, LEFT)
        settled = at(
            "2023-07-19T00:00:00+07:00"
        )  # 120 days after the payment; the window of roaming is over by then
        story.when(AdvanceTime, settled - MICROSECOND).then()
        story.when(AdvanceTime, settled).then(event(AccountSettled, effective_at=settled))
        story.when(ReceivePayment, settled, reference="p9", amount=1).then(event(SuspenseReceived, amount=1))

    def test_not_while_a_payment_is_pending(self, story: Story) -> None:
        story.given_contract(OPENED, plan="elite-free")
        story.given(ReceivePayment, LEFT, reference="p1", amount=rupiah(5))
        story.given(RequestUnsubscribe, LEFT)
        late = LEFT + 400 * DAY
        story.when(AdvanceTime, late)
        assert AccountSettled not in {type(one) for one in story.new}
        story.when(SettlePayment, late, reference="p1")
        assert story.contract().advance == rupiah(5)
