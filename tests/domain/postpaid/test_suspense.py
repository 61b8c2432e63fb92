"""Money that no account takes: it lies in suspense on its number until it is assigned, and is never lost or guessed."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.domain.calendar import DAY
from ledger.domain.commands import Command
from ledger.domain.line.commands import AdvanceTime, Terminate
from ledger.domain.line.events import SuspenseAssigned, SuspenseReceived, SuspenseRefused, SuspenseReturned
from ledger.domain.postpaid.commands import (
    AssignSuspense,
    OpenContract,
    ReceivePayment,
    ReturnSuspense,
    ReversePayment,
    SettlePayment,
)
from ledger.domain.postpaid.events_of_bills import BillIssued
from ledger.domain.postpaid.events_of_payments import (
    PaymentReceived,
    PaymentReversed,
    SuspenseTaken,
)
from tests.given import HALO, MICROSECOND, NUMBER, OTHER, Story, at, event, rupiah

OPENED = at("2023-03-01T10:00:00+07:00")
ISSUED = at("2023-04-01T00:00:00+07:00")
PAID = at("2023-04-10T12:00:00+07:00")
TOTAL = rupiah(111_000)
LIES = f"suspense/{NUMBER}/p1"
ACCOUNT, OTHERS = f"{NUMBER}#1", f"{OTHER}#1"

pytestmark = pytest.mark.clause("SE23-09", "SE23-13")


def suspended(story: Story, when: int = PAID, **fields: object) -> Story:
    story.given(ReceivePayment, when, **{"reference": "p1", "amount": TOTAL, **fields})
    assert isinstance(story.new[-1], SuspenseReceived)
    return story


def settled(story: Story) -> int:
    """A contract that was ended at once, paid, and is settled: a day after its settling."""
    story.given(OpenContract, OPENED, terms=HALO, plan="halo")
    story.given(Terminate, OPENED + DAY, ground="c")
    gone = OPENED + 500 * DAY
    story.given(AdvanceTime, gone)
    assert story.contract().is_settled
    return gone


class TestReceiving:
    def test_for_a_number_that_never_had_an_account(self, story: Story) -> None:
        story.when(ReceivePayment, PAID, reference="p1", amount=TOTAL, received_at=PAID - DAY).then(
            event(
                SuspenseReceived,
                account=NUMBER,
                reference="p1",
                amount=TOTAL,
                reason="unknown-account",
                meant_for=None,
                received_at=PAID - DAY,
                effective_at=PAID,
            )
        )
        assert (story.balance(LIES, "IDR"), story.balance("operator/cash", "IDR")) == (-TOTAL, TOTAL)

    def test_for_a_prepaid_account(self, story: Story) -> None:
        story.given_active(since=PAID)
        story.when(ReceivePayment, PAID, reference="p1", amount=1).then(
            event(SuspenseReceived, reason="not-eligible")
        )

    def test_for_an_account_that_is_settled_but_not_before(self, story: Story) -> None:
        gone = settled(story)
        story.when(ReceivePayment, gone, reference="p1", amount=1, account=ACCOUNT).then(
            event(SuspenseReceived, reason="settled", meant_for=ACCOUNT)
        )

    @pytest.mark.parametrize("named", [f"{NUMBER}#2", OTHERS, "nobody"])
    def test_for_an_account_that_is_not_there(self, story: Story, named: str) -> None:
        story.given_contract(OPENED)
        story.when(ReceivePayment, PAID, reference="p1", amount=1, account=named).then(
            event(BillIssued), event(SuspenseReceived, reason="unknown-account", meant_for=named)
        )

    def test_for_an_account_that_takes_it_nothing_is_in_suspense(self, story: Story) -> None:
        story.given_contract(OPENED)
        story.when(ReceivePayment, OPENED, reference="p1", amount=1).then(event(PaymentReceived))

    def test_the_same_reference_twice_is_one_payment(self, story: Story) -> None:
        suspended(story)
        story.when(ReceivePayment, PAID + 1, reference="p1", amount=TOTAL)
        assert (story.outcome.status, story.new) == ("repeated", [])
        story.when(ReceivePayment, PAID + 1, reference="p1", amount=1).refused("reference-conflict")
        story.given(OpenContract, PAID + 2)
        story.when(ReceivePayment, PAID + 3, reference="p1", amount=TOTAL)
        assert (story.outcome.status, story.new) == ("repeated", [])
        story.when(ReceivePayment, PAID + 3, reference="p1", amount=1).refused("reference-conflict")

    def test_what_the_account_had_taken_before_it_was_settled_is_no_new_money(self, story: Story) -> None:
        story.given(OpenContract, OPENED, terms=HALO, plan="halo")
        story.given(ReceivePayment, OPENED, reference="p1", amount=TOTAL, method="cash")
        story.given(ReversePayment, OPENED + 1, reference="p1")
        story.given(Terminate, OPENED + DAY, ground="c")
        gone = OPENED + 500 * DAY
        story.given(AdvanceTime, gone)
        assert story.contract().is_settled
        story.when(ReceivePayment, gone, reference="p1", amount=TOTAL, method="cash")
        assert (story.outcome.status, story.new) == ("repeated", [])

    def test_nor_is_what_a_former_account_had_taken(self, story: Story) -> None:
        story.given(OpenContract, OPENED, terms=HALO, plan="halo")
        story.given(ReceivePayment, OPENED, reference="p1", amount=TOTAL, method="cash")
        story.given(ReversePayment, OPENED + 1, reference="p1")
        story.given(Terminate, OPENED + DAY, ground="c")
        gone = OPENED + 500 * DAY
        story.given(OpenContract, gone)
        story.when(ReceivePayment, gone + 1, reference="p1", amount=TOTAL, method="cash", account=ACCOUNT)
        assert (story.outcome.status, story.new) == ("repeated", [])
        story.when(ReceivePayment, gone + 1, reference="p1", amount=1, account=ACCOUNT)
        story.refused("reference-conflict")
        story.when(ReceivePayment, gone + 2, reference="p1", amount=TOTAL, method="cash")
        assert (story.outcome.status, story.new) == ("repeated", []), "nor money of who has the number now"
        story.when(ReceivePayment, gone + 2, reference="p1", amount=1).then(event(PaymentReceived))

    def test_the_up_front_payment_is_not_what_lies_in_suspense(self, story: Story) -> None:
        suspended(story)
        story.when(OpenContract, PAID, upfront_payment=TOTAL, reference="p1").refused("reference-conflict")

    def test_not_in_the_future(self, story: Story) -> None:
        late = PAID + MICROSECOND
        story.when(ReceivePayment, PAID, reference="p1", amount=1, received_at=late).refused("in-the-future")

    def test_what_lies_in_suspense_is_not_settled_failed_or_reversed(self, story: Story) -> None:
        suspended(story)
        story.when(SettlePayment, PAID, reference="p1").refused("unknown-account")
        story.given_contract(PAID)
        story.when(SettlePayment, PAID, reference="p1").refused("unknown-payment")
        story.when(ReversePayment, PAID, reference="p1").refused("unknown-payment")


class TestAssigning:
    def test_the_account_takes_it_as_a_settled_payment(self, story: Story) -> None:
        story.given_contract(OPENED, msisdn=OTHER)
        story.given(AdvanceTime, ISSUED, msisdn=OTHER)
        suspended(story, amount=TOTAL + 500)
        bill = f"{OTHER}-1-B0001"
        story.when(AssignSuspense, PAID + 1, account=OTHERS, command_id="a1").then(
            event(SuspenseAssigned, to_account=OTHERS, amount=TOTAL + 500, assignment=f"{NUMBER}/a1"),
            event(
                SuspenseTaken,
                account=OTHERS,
                reference="p1",
                allocations=[{"bill": bill, "amount": TOTAL}],
                advance=500,
                effective_at=PAID + 1,
            ),
        )
        account = story.contract(number=OTHER)
        assert (account.billed, account.advance) == (0, 500)
        assert story.balance(LIES, "IDR") == story.balance(f"{OTHERS}/in-transit", "IDR") == 0
        story.when(ReversePayment, PAID + 2, msisdn=OTHER, reference="p1")
        assert isinstance(story.new[0], PaymentReversed)
        assert story.contract(number=OTHER).billed == TOTAL

    def test_to_an_account_of_its_own_number(self, story: Story) -> None:
        suspended(story)
        story.given_contract(PAID)
        story.when(AssignSuspense, PAID, account=ACCOUNT).then(event(SuspenseAssigned), event(SuspenseTaken))
        assert story.contract().advance == TOTAL

    def test_also_after_that_accounts_end(self, story: Story) -> None:
        story.given_contract(OPENED, msisdn=OTHER)
        story.given(Terminate, OPENED + DAY, msisdn=OTHER, ground="1")
        suspended(story)
        story.when(AssignSuspense, PAID, account=OTHERS)
        taken = next(one for one in story.new if isinstance(one, SuspenseTaken))
        assert sum(part["amount"] for part in taken.allocations) + taken.advance == TOTAL

    @pytest.mark.parametrize(
        ("account", "code"), [(f"{OTHER}#7", "unknown-account"), (OTHERS, "not-eligible")]
    )
    def test_refused_there_it_lies_in_suspense_again(self, story: Story, account: str, code: str) -> None:
        story.given_active(since=PAID, number=OTHER)
        suspended(story)
        story.when(AssignSuspense, PAID, account=account).then(
            event(SuspenseAssigned), event(SuspenseRefused, account=NUMBER, refusal=code, amount=TOTAL)
        )
        assert story.balance(LIES, "IDR") == -TOTAL
        story.when(AssignSuspense, PAID, account=account).then(
            event(SuspenseAssigned), event(SuspenseRefused)
        )

    def test_a_reference_that_the_account_knows_is_refused_there(self, story: Story) -> None:
        story.given_contract(OPENED, msisdn=OTHER)
        story.given(ReceivePayment, OPENED, msisdn=OTHER, reference="p1", amount=TOTAL)
        suspended(story)
        story.when(AssignSuspense, PAID, account=OTHERS)
        refused = story.new[-1]
        assert isinstance(refused, SuspenseRefused)
        assert refused.refusal == "reference-conflict"

    def test_settled_there_it_is_refused(self, story: Story) -> None:
        gone = settled(story)
        suspended(story, gone, msisdn=OTHER)
        story.when(AssignSuspense, gone, msisdn=OTHER, account=ACCOUNT).then(
            event(SuspenseAssigned), event(SuspenseRefused, account=OTHER, refusal="settled")
        )

    @pytest.mark.parametrize("account", [NUMBER, "nobody", f"{NUMBER}#0", f"{NUMBER}#1/x"])
    def test_an_account_that_is_none(self, story: Story, account: str) -> None:
        suspended(story)
        story.when(AssignSuspense, PAID, account=account).refused("unknown-account")


class TestReturning:
    def test_all_goes_back_less_the_banks_cost(self, story: Story) -> None:
        suspended(story)
        story.when(ReturnSuspense, PAID, bank_cost=TOTAL + 1).refused("above-maximum")
        story.when(ReturnSuspense, PAID, bank_cost=6500).then(
            event(SuspenseReturned, amount=TOTAL, bank_cost=6500, payer="customer-1")
        )
        assert story.balance(LIES, "IDR") == 0
        assert story.balance("operator/bank-costs", "IDR") == -6500

    @pytest.mark.parametrize(
        ("command", "fields"), [(AssignSuspense, {"account": OTHERS}), (ReturnSuspense, {})]
    )
    def test_what_does_not_lie_there(
        self, story: Story, command: type[Command], fields: dict[str, Any]
    ) -> None:
        story.when(command, PAID, **fields).refused("unknown-suspense")
        suspended(story)
        story.when(command, PAID, **fields, actor="staff-2").refused("approval-required")
        story.given(ReturnSuspense, PAID)
        story.when(command, PAID, **fields).refused("unknown-suspense")

    def test_what_was_assigned_cannot_go_back(self, story: Story) -> None:
        story.given_contract(OPENED, msisdn=OTHER)
        suspended(story)
        story.given(AssignSuspense, PAID, account=OTHERS)
        story.when(ReturnSuspense, PAID).refused("unknown-suspense")
        story.when(AssignSuspense, PAID, account=OTHERS).refused("unknown-suspense")
