"""What anybody may pay on an account has a bound, for all of it is in memory; and money beyond it is not lost."""

from __future__ import annotations

import pytest

from ledger.domain import bounds
from ledger.domain.bounds import LONGEST_ID
from ledger.domain.calendar import DAY
from ledger.domain.events import make
from ledger.domain.line import account as remembering
from ledger.domain.line.commands import AdvanceTime, RecordUsage
from ledger.domain.line.events import SuspenseAssigned, SuspenseReceived, SuspenseRefused
from ledger.domain.postpaid import advances
from ledger.domain.postpaid.account import of_payment
from ledger.domain.postpaid.commands import (
    ApplyDeposit,
    AssignSuspense,
    FailPayment,
    IssueCreditNote,
    ReceiveDeposit,
    ReceivePayment,
    RecordVerification,
    RefundAdvance,
    ReturnSuspense,
    ReversePayment,
    SettlePayment,
)
from ledger.domain.postpaid.events_of_bills import AdvanceApplied
from ledger.domain.postpaid.events_of_payments import AdvanceRefunded, SuspenseTaken
from ledger.store.codec import Codec
from tests.given import NUMBER, Story, at, event, rupiah

OPENED = at("2023-03-01T10:00:00+07:00")
ISSUED = at("2023-04-01T00:00:00+07:00")
PAID = at("2023-04-10T12:00:00+07:00")
TOTAL = rupiah(111_000)
ACCOUNT, BILL = f"{NUMBER}#1", f"{NUMBER}-1-B0001"
FEW = 40
"""The bounds of these tests; those that hold are in `bounds.py`."""

pytestmark = pytest.mark.clause("SE23-09", "SE23-13")


@pytest.fixture(autouse=True)
def bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembering, "MOST_OPEN", FEW)
    monkeypatch.setattr(advances, "MOST_PAYMENTS", FEW)
    monkeypatch.setattr(advances, "MOST_ASSIGNED", FEW)


@pytest.fixture
def billed(story: Story) -> Story:
    story.given_contract(OPENED)
    return story.given(AdvanceTime, ISSUED)


def paid_often(story: Story, since: int = PAID, named: str = "p", **fields: object) -> Story:
    """As many payments of one sen as one account takes."""
    for n in range(FEW):
        story.given(ReceivePayment, since, **{"reference": f"{named}{n}", "amount": 1, **fields})
    return story


def is_full(story: Story, when: int, reference: str = "another") -> None:
    story.when(ReceivePayment, when, reference=reference, amount=TOTAL)
    last = story.new[-1]
    assert isinstance(last, SuspenseReceived), last
    assert (story.outcome.status, last.reason, last.amount) == ("accepted", "too-many-open", TOTAL)


class TestPending:
    def test_beyond_the_bound_money_lies_in_suspense(self, billed: Story) -> None:
        paid_often(billed)
        assert (len(billed.contract().payments), billed.contract().pending) == (FEW, FEW)
        is_full(billed, PAID)
        assert (billed.contract().pending, len(billed.contract().payments)) == (FEW, FEW)
        assert billed.balance(f"suspense/{NUMBER}/another", "IDR") == -TOTAL

    def test_a_reference_that_was_used_before_is_told_first(self, billed: Story) -> None:
        paid_often(billed)
        billed.when(ReceivePayment, PAID, reference="p0", amount=1)
        assert billed.outcome.status == "repeated"
        billed.when(ReceivePayment, PAID, reference="p0", amount=2).refused("reference-conflict")
        billed.when(ReceivePayment, PAID, reference="x", amount=1, received_at=PAID + 1).refused(
            "in-the-future"
        )
        is_full(billed, PAID)
        billed.when(ReceivePayment, PAID, reference="another", amount=TOTAL)
        assert (billed.outcome.status, billed.new) == ("repeated", [])

    def test_what_fails_makes_room(self, billed: Story) -> None:
        paid_often(billed).given(FailPayment, PAID, reference="p7")
        billed.given(ReceivePayment, PAID, reference="another", amount=1)
        assert "another" in billed.contract().payments
        is_full(billed, PAID, "one more")

    def test_those_that_are_there_are_settled_as_ever(self, billed: Story) -> None:
        paid_often(billed).given(SettlePayment, PAID, reference="p7")
        assert billed.contract().bills[BILL].allocated == 1


class TestThatMayBeReversed:
    def test_it_counts_until_its_days_are_over(self, billed: Story) -> None:
        paid_often(billed, method="cash")
        is_full(billed, PAID + DAY)
        is_full(billed, PAID + 120 * DAY, "later")
        billed.given(ReceivePayment, PAID + 120 * DAY + 1, reference="in time", amount=1)
        account = billed.contract()
        assert "in time" in account.payments
        assert len(account.payments) <= FEW + 1

    def test_one_that_was_reversed_counts_as_long(self, billed: Story) -> None:
        paid_often(billed, method="cash").given(ReversePayment, PAID, reference="p7")
        is_full(billed, PAID)


class TestAdvance:
    def test_kept_of_payments_that_are_too_old_to_be_reversed_it_still_counts(self, billed: Story) -> None:
        billed.given(ReceivePayment, PAID, reference="all", amount=TOTAL, method="cash")
        paid_often(billed, PAID + 1, method="cash")  # one of them lies in suspense
        account = billed.contract()
        assert len(account.lots) == FEW - 1
        billed.given(AssignSuspense, PAID + 1, reference=f"p{FEW - 1}", account=ACCOUNT)
        assert len(billed.contract().lots) == FEW

    def test_the_next_bill_takes_all_of_it_and_makes_room(self, billed: Story) -> None:
        billed.given(ReceivePayment, PAID, reference="all", amount=TOTAL, method="cash")
        for n in range(FEW - 1):
            billed.given(ReceivePayment, PAID, reference=f"a{n}", amount=n + 1, method="cash")
        billed.when(AdvanceTime, at("2023-05-01T00:00:00+07:00"))
        applied = [one for one in billed.new if isinstance(one, AdvanceApplied)]
        assert [[use["amount"] for use in one.applied] for one in applied] == [list(range(1, FEW))]
        assert billed.contract().lots == []

    def test_it_is_told_in_events_that_a_broker_takes(
        self, billed: Story, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(advances, "MOST_USES", 15)
        billed.given(ReceivePayment, PAID, reference="all", amount=TOTAL, method="cash")
        for n in range(FEW - 1):
            billed.given(ReceivePayment, PAID, reference=f"a{n}", amount=n + 1, method="cash")
        billed.when(AdvanceTime, at("2023-05-01T00:00:00+07:00"))
        applied = [one for one in billed.new if isinstance(one, AdvanceApplied)]
        assert [[use["amount"] for use in one.applied] for one in applied] == [
            list(range(1, 16)),
            list(range(16, 31)),
            list(range(31, FEW)),
        ]
        assert [one.amount for one in applied] == [120, 345, 315]
        assert billed.contract().lots == []

    def test_what_is_paid_out_makes_room(self, billed: Story) -> None:
        billed.given(ReceivePayment, PAID, reference="all", amount=TOTAL, method="cash")
        for n in range(FEW - 1):
            billed.given(ReceivePayment, PAID, reference=f"a{n}", amount=1, method="cash")
        billed.given(RefundAdvance, PAID)
        assert billed.contract().lots == []

    def test_of_notes_and_deposits_there_may_be_as_much_again(self, billed: Story) -> None:
        billed.given(ReceivePayment, PAID, reference="all", amount=TOTAL, method="cash")
        line = {"kind": "commitment", "amount": 1, "text": "one"}
        for n in range(2 * FEW):
            billed.given(IssueCreditNote, PAID, note=f"n{n}", bill=BILL, lines=[line])
        assert len(billed.contract().lots) == 2 * FEW
        billed.when(IssueCreditNote, PAID, note="another", bill=BILL, lines=[line]).refused("too-many-open")
        is_full(billed, PAID)

    def test_a_deposit_is_not_set_against_what_is_not_billed_yet_in_ever_smaller_parts(
        self, billed: Story
    ) -> None:
        billed.given(ReceivePayment, PAID, reference="all", amount=TOTAL, method="cash")
        billed.given(ReceiveDeposit, PAID, deposit="d1", amount=TOTAL)
        billed.given(RecordUsage, PAID, quantity=600)
        for _ in range(2 * FEW):
            billed.given(ApplyDeposit, PAID, amount=1)
        billed.when(ApplyDeposit, PAID, amount=1).refused("too-many-open")


def test_as_much_as_there_may_be_fits_into_a_record_when_it_is_paid_out(billed: Story) -> None:
    """However long the references of payments are, and all but as large the amounts as there are."""
    billed.given(ReceivePayment, PAID, reference="p", amount=2 * TOTAL, method="cash").given(
        RefundAdvance, PAID
    )
    (paid,) = (one for one in billed.new if isinstance(one, AdvanceRefunded))
    each = {"source": of_payment("x" * LONGEST_ID), "amount": 10**12}
    most = make(type(paid), {**paid.__dict__, "lots": [each] * (bounds.MOST_PAYMENTS + bounds.MOST_ASSIGNED)})
    assert len(Codec().event_state(most)) < 1_000_000


class TestSuspense:
    def test_who_can_pay_gets_it_to_the_account_whatever_others_have_paid(self, billed: Story) -> None:
        """A stranger's thousand payments do not keep the holder from paying, nor from leaving."""
        paid_often(billed, method="cash")
        is_full(billed, PAID, "holder")
        billed.when(AssignSuspense, PAID, reference="holder", account=ACCOUNT).then(
            event(SuspenseAssigned), event(SuspenseTaken, amount=TOTAL)
        )
        assert billed.contract().billed == 0

    def test_even_assigned_there_is_no_more_than_twice_the_bound(self, billed: Story) -> None:
        paid_often(billed)
        for n in range(FEW):
            billed.given(ReceivePayment, PAID, reference=f"s{n}", amount=1)
            billed.given(AssignSuspense, PAID, reference=f"s{n}", account=ACCOUNT)
        assert len(billed.contract().payments) == 2 * FEW
        is_full(billed, PAID)
        billed.when(AssignSuspense, PAID, reference="another", account=ACCOUNT).then(
            event(SuspenseAssigned), event(SuspenseRefused, refusal="too-many-open", amount=TOTAL)
        )
        assert billed.balance(f"suspense/{NUMBER}/another", "IDR") == -TOTAL

    def test_a_number_that_is_full_of_it_too_refuses_and_takes_again_once_some_went_back(
        self, billed: Story
    ) -> None:
        paid_often(billed)
        paid_often(billed, named="s")
        billed.when(ReceivePayment, PAID, reference="another", amount=1).refused("too-many-open")
        billed.given(ReturnSuspense, PAID, reference="s3")
        is_full(billed, PAID)


def test_failed_verifications_are_bounded_while_use_of_then_may_still_come(story: Story) -> None:
    story.given_contract(OPENED)
    for n in range(FEW // 2):
        story.given(RecordVerification, OPENED + 2 * n, result="failed")
        story.given(RecordVerification, OPENED + 2 * n + 1, result="passed")
    story.when(RecordVerification, OPENED + DAY, result="failed").refused("too-many-open")
    later = OPENED + 31 * DAY
    story.given(RecordVerification, later, result="failed")
