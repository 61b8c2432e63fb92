"""Payments: received, good, failed, reversed; what they meet, and what follows in the same breath."""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate
from sys import getsizeof
from typing import Any

import pytest

from ledger.domain.calendar import DAY
from ledger.domain.line.commands import AdvanceTime
from ledger.domain.line.events import SuspenseReceived, Unblocked
from ledger.domain.postpaid.account import Bill, Lot
from ledger.domain.postpaid.commands import FailPayment, ReceivePayment, ReversePayment, SettlePayment
from ledger.domain.postpaid.events_of_bills import (
    AdvanceApplied,
    BillIssued,
    BillOverdue,
    CreditNoteIssued,
    LateFineCharged,
    LateFineWithdrawn,
    OverdueCleared,
)
from ledger.domain.postpaid.events_of_payments import (
    PaymentFailed,
    PaymentReceived,
    PaymentReversed,
    PaymentSettled,
)
from tests.given import MICROSECOND, NUMBER, Story, at, event, rupiah

OPENED = at("2023-03-01T10:00:00+07:00")
ISSUED = at("2023-04-01T00:00:00+07:00")
DUE = at("2023-04-22T00:00:00+07:00")
SECOND = at("2023-05-01T00:00:00+07:00")
BILL, SECOND_BILL = f"{NUMBER}-1-B0001", f"{NUMBER}-1-B0002"
TOTAL = rupiah(111_000)
PAID = at("2023-04-10T12:00:00+07:00")


@pytest.fixture
def billed(story: Story) -> Story:
    """A contract with one bill of 111,000, due on 21 April."""
    story.given_contract(OPENED)
    return story.given(AdvanceTime, ISSUED)


def received(story: Story, when: int = PAID, amount: int = TOTAL, **fields: object) -> Story:
    return story.given(ReceivePayment, when, **{"reference": "p1", "amount": amount, **fields})


def bill_of(story: Story, id_: str) -> Bill:
    bill = story.contract().bill(id_)
    assert bill is not None
    return bill


def _noting(names: list[str]) -> Callable[[object, str], Any]:
    def read(self: object, name: str) -> Any:
        names.append(name)
        return object.__getattribute__(self, name)

    return read


@pytest.mark.clause("SE23-09", "SE23-13", "XE25-04")
class TestSettling:
    def test_what_is_received_is_pending_and_only_good_funds_count(self, billed: Story) -> None:
        billed.when(ReceivePayment, PAID, reference="p1", amount=TOTAL).then(
            event(PaymentReceived, reference="p1", amount=TOTAL, method="transfer")
        )
        account = billed.contract()
        assert (account.pending, account.billed, account.headroom) == (TOTAL, TOTAL, rupiah(189_000))
        billed.when(SettlePayment, PAID + DAY, reference="p1").then(
            event(PaymentSettled, allocations=[{"bill": BILL, "amount": TOTAL}], advance=0)
        )
        account = billed.contract()
        assert (account.pending, account.billed, account.headroom) == (0, 0, rupiah(300_000))

    def test_cash_is_good_at_once(self, billed: Story) -> None:
        billed.when(ReceivePayment, PAID, reference="p1", amount=TOTAL, method="cash").then(
            event(PaymentReceived), event(PaymentSettled)
        )

    @pytest.mark.clause("SE23-12", "SE23-29", "XE25-12")
    def test_a_failed_debit_changes_nothing_else(self, billed: Story) -> None:
        received(billed, method="auto-debit")
        billed.when(FailPayment, PAID, reference="p1").then(event(PaymentFailed, reason="no-funds"))
        account = billed.contract()
        assert (account.pending, account.billed) == (0, TOTAL)
        billed.when(SettlePayment, PAID, reference="p1").refused("already-failed")
        billed.when(FailPayment, PAID, reference="p1").refused("already-failed")
        billed.when(AdvanceTime, DUE).then(event(BillOverdue), event(LateFineCharged))

    def test_the_oldest_due_end_is_paid_first_and_the_rest_is_advance(self, billed: Story) -> None:
        billed.given(AdvanceTime, SECOND)
        received(billed, SECOND, rupiah(250_000))
        billed.when(SettlePayment, SECOND, reference="p1")
        (settled,) = [one for one in billed.new if isinstance(one, PaymentSettled)]
        second = bill_of(billed, SECOND_BILL).total
        assert settled.allocations == [
            {"bill": BILL, "amount": TOTAL},
            {"bill": SECOND_BILL, "amount": second},
        ]
        assert settled.advance == rupiah(250_000) - TOTAL - second == billed.contract().advance

    def test_bills_issued_after_it_was_good_are_met_out_of_advance(self, billed: Story) -> None:
        received(billed, SECOND - DAY, rupiah(250_000))
        billed.when(SettlePayment, SECOND + DAY, reference="p1", settled_at=SECOND - DAY)
        settled, applied, *lifted = billed.new[-5:-1]
        assert isinstance(settled, PaymentSettled)
        assert (settled.effective_at, settled.allocations) == (
            SECOND - DAY,
            [{"bill": BILL, "amount": TOTAL}],
        )
        assert isinstance(applied, AdvanceApplied)
        assert applied.effective_at == applied.recorded_at == SECOND + DAY
        assert [use["bill"] for use in applied.applied] == [SECOND_BILL]
        assert {type(one) for one in lifted} == {Unblocked}

    @pytest.mark.parametrize(
        ("command", "said", "code"),
        [
            (ReceivePayment, {"received_at": PAID + MICROSECOND}, "in-the-future"),
            (ReceivePayment, {"received_at": PAID - 14 * DAY - MICROSECOND}, "too-late"),
            (ReceivePayment, {"received_at": OPENED - MICROSECOND}, "too-late"),
            (ReceivePayment, {"amount": 1, "reference": "p0"}, "reference-conflict"),
            (SettlePayment, {"reference": "p9"}, "unknown-payment"),
            (SettlePayment, {"reference": "p0", "settled_at": PAID + MICROSECOND}, "in-the-future"),
            (SettlePayment, {"reference": "p0", "settled_at": PAID - 2 * DAY - MICROSECOND}, "too-soon"),
            (FailPayment, {"reference": "p9"}, "unknown-payment"),
            (ReversePayment, {"reference": "p9"}, "unknown-payment"),
            (ReversePayment, {"reference": "p0"}, "not-eligible"),
            (ReversePayment, {"reference": "p0", "approved_by": "system"}, "approval-required"),
        ],
    )
    def test_it_is_refused(self, billed: Story, command: type[Any], said: dict[str, Any], code: str) -> None:
        received(billed, PAID - 2 * DAY, reference="p0")
        if command is ReceivePayment:
            said = {"reference": "p1", "amount": 2, **said}
        billed.when(command, PAID, **said).refused(code)

    @pytest.mark.parametrize("account", ["6288112345678#2", "6288187654321#1", "nonsense"])
    def test_for_an_account_that_is_not_there_it_lies_in_suspense(self, billed: Story, account: str) -> None:
        said = {"reference": "p1", "amount": 2, "account": account}
        billed.when(ReceivePayment, PAID, **said).then(event(SuspenseReceived, reference="p1", amount=2))

    def test_good_funds_are_dated_back_so_many_days_and_no_more(self, billed: Story) -> None:
        received(billed)
        received(billed, PAID + 14 * DAY, reference="p2", received_at=PAID)
        billed.given(SettlePayment, PAID + 14 * DAY, reference="p2", settled_at=PAID)
        late = PAID + 14 * DAY + MICROSECOND
        billed.when(SettlePayment, late, reference="p1", settled_at=PAID)
        assert billed.outcome.code == "too-late"
        billed.when(SettlePayment, late, reference="p1", settled_at=PAID + MICROSECOND)
        assert billed.outcome.code is None
        billed.when(SettlePayment, late, reference="p1").refused("already-settled")

    def test_the_same_reference_twice_is_one_payment(self, billed: Story) -> None:
        received(billed)
        billed.when(ReceivePayment, PAID, reference="p1", amount=TOTAL)
        assert (billed.outcome.status, billed.new) == ("repeated", [])
        billed.given(SettlePayment, PAID, reference="p1")
        billed.when(ReceivePayment, PAID + 400 * DAY, reference="p1", amount=TOTAL)
        assert (billed.outcome.status, billed.outcome.code) == ("repeated", None)
        billed.when(ReceivePayment, PAID + 400 * DAY, reference="p1", amount=TOTAL, payer="customer-9")
        assert billed.outcome.code == "reference-conflict"


class TestDatedBack:
    def test_a_fine_that_was_reckoned_on_nothing_is_withdrawn_and_counts_no_more(self, billed: Story) -> None:
        received(billed)
        billed.given(AdvanceTime, DUE)
        billed.when(SettlePayment, DUE + MICROSECOND, reference="p1", settled_at=DUE - MICROSECOND).then(
            event(PaymentSettled, effective_at=DUE - MICROSECOND),
            event(LateFineWithdrawn, fine=f"{BILL}/F1", amount=rupiah(5550), carried_by=None),
            event(OverdueCleared, bill=BILL),
        )
        account = billed.contract()
        assert (account.unbilled, account.billed) == (0, 0)
        assert bill_of(billed, BILL).fines_counted == 0

    def test_what_was_reversed_since_was_not_paid_in_time(self, billed: Story) -> None:
        part = rupiah(60_000)
        received(billed, amount=part)
        received(billed, amount=TOTAL - part, reference="p2")
        billed.given(AdvanceTime, DUE)
        billed.given(SettlePayment, DUE + 1, reference="p1", settled_at=DUE - MICROSECOND)
        billed.given(ReversePayment, DUE + 2, reference="p1")
        billed.when(SettlePayment, DUE + 3, reference="p2", settled_at=DUE - MICROSECOND).then(
            event(PaymentSettled, allocations=[{"bill": BILL, "amount": TOTAL - part}])
        )
        assert billed.contract().unbilled == rupiah(5550)
        received(billed, DUE + 4, amount=part, reference="p3", received_at=PAID)
        billed.when(SettlePayment, DUE + 5, reference="p3", settled_at=DUE - MICROSECOND)
        assert LateFineWithdrawn not in {type(one) for one in billed.new}
        assert billed.contract().billed == 0

    def test_dated_at_the_due_end_it_stands(self, billed: Story) -> None:
        received(billed)
        billed.given(AdvanceTime, DUE)
        billed.when(SettlePayment, DUE + MICROSECOND, reference="p1", settled_at=DUE).then(
            event(PaymentSettled),
            event(OverdueCleared, bill=BILL),
        )

    def test_one_that_would_be_smaller_stands(self, billed: Story) -> None:
        received(billed, amount=TOTAL - 1)
        billed.given(AdvanceTime, DUE)
        billed.when(SettlePayment, DUE + MICROSECOND, reference="p1", settled_at=PAID).then(
            event(PaymentSettled)
        )
        assert billed.contract().unbilled == rupiah(5550)

    def test_a_billed_one_is_withdrawn_by_credit_note(self, billed: Story) -> None:
        received(billed, DUE - DAY)
        billed.given(AdvanceTime, SECOND)
        billed.when(SettlePayment, SECOND, reference="p1", settled_at=DUE - DAY)
        names = [one.name for one in billed.new]
        assert names == [
            "PaymentSettled",
            "LateFineWithdrawn",
            "CreditNoteIssued",
            "Unblocked",
            "OverdueCleared",
        ]
        note = billed.new[2]
        assert isinstance(note, CreditNoteIssued)
        assert (note.number, note.bill, note.total, note.tax, note.met_open) == (
            f"{NUMBER}-1-C0001",
            SECOND_BILL,
            rupiah(5550),
            0,
            rupiah(5550),
        )

    def test_before_a_reversal_it_meets_nothing_that_was_only_opened_again_then(self, billed: Story) -> None:
        received(billed, amount=TOTAL - 500, method="cash")
        received(billed, amount=TOTAL, reference="p2")
        back = PAID + 3 * DAY
        billed.given(ReversePayment, back, reference="p1")
        billed.when(SettlePayment, back + DAY, reference="p2", settled_at=PAID + DAY).then(
            event(PaymentSettled, allocations=[{"bill": BILL, "amount": 500}], advance=TOTAL - 500),
            event(AdvanceApplied, amount=TOTAL - 500),
        )
        moved = sorted(
            (one.effective_at, posting["amount"])
            for one in billed.events()
            for posting in one.postings
            if posting["account"] == f"{NUMBER}#1/billed"
        )
        assert min(accumulate(amount for _, amount in moved)) == 0, "less than nothing is never open"
        assert billed.contract().billed == 0

    def test_after_a_reversal_it_meets_all_of_it(self, billed: Story) -> None:
        received(billed, method="cash")
        received(billed, reference="p2")
        billed.given(ReversePayment, PAID + DAY, reference="p1")
        billed.when(SettlePayment, PAID + 2 * DAY, reference="p2", settled_at=PAID + DAY).then(
            event(PaymentSettled, allocations=[{"bill": BILL, "amount": TOTAL}], advance=0)
        )


class TestManyOfThem:
    def test_what_is_looked_at_does_not_grow_with_how_many_are_kept(
        self, billed: Story, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        looked_at: list[str] = []
        monkeypatch.setattr(Lot, "__getattribute__", _noting(looked_at))
        counts = []
        for n in range(200):
            looked_at.clear()
            received(billed, PAID + n, TOTAL if not n else 1, reference=f"p{n}", method="cash")
            counts.append(len(looked_at))
        assert billed.contract().advance == 199
        assert len(billed.contract().payments) == 200
        assert max(counts) < 50, counts[::20]

    @pytest.mark.parametrize("pending", [0, 1])
    def test_what_can_be_reversed_no_more_is_forgotten(self, billed: Story, pending: int) -> None:
        for n in range(pending):
            received(billed, PAID, 1, reference=f"never-{n}")
        for n in range(100):
            received(billed, PAID + n * 3 * DAY, 1, reference=f"p{n}", method="cash")
        assert 40 < len(billed.contract().payments) <= 64 + pending
        billed.when(ReversePayment, PAID + 297 * DAY, reference="p58").refused("too-late")
        billed.when(ReversePayment, PAID + 297 * DAY, reference="p59")
        assert billed.outcome.code is None

    def test_of_years_of_closed_bills_each_is_a_few_bytes_of_the_state_and_whole(self, billed: Story) -> None:
        received(billed, amount=100 * TOTAL, method="cash")
        billed.given(AdvanceTime, ISSUED + 740 * DAY)
        account = billed.contract()
        assert (len(account.bills), len(account.closed_bills)) == (0, 25)
        sizes = [getsizeof(one) for one in account.closed_bills.values()]
        assert max(sizes) < 300, sizes
        assert [(one.number, one.open, one.allocated) for one in account.every_bill()] == [
            (number, 0, TOTAL) for number in range(1, 26)
        ]


class TestReversing:
    def test_it_opens_again_exactly_what_was_paid_also_out_of_advance(self, billed: Story) -> None:
        received(billed, amount=TOTAL + rupiah(20_000), method="cash")
        billed.given(AdvanceTime, SECOND)
        assert [one.name for one in billed.new] == ["BillIssued", "AdvanceApplied"]
        billed.when(ReversePayment, SECOND, reference="p1").then(
            event(
                PaymentReversed,
                reopened=[{"bill": BILL, "amount": TOTAL}, {"bill": SECOND_BILL, "amount": rupiah(20_000)}],
                advance=0,
                charged=0,
            ),
            event(BillOverdue, bill=BILL, effective_at=SECOND),
        )
        account = billed.contract()
        assert account.billed == TOTAL + account.bills[SECOND_BILL].total
        billed.when(ReversePayment, SECOND, reference="p1").refused("already-reversed")

    def test_what_is_left_in_advance_is_taken_from_there(self, billed: Story) -> None:
        received(billed, amount=TOTAL + rupiah(20_000), method="cash")
        billed.when(ReversePayment, PAID + DAY, reference="p1").then(
            event(PaymentReversed, advance=rupiah(20_000), charged=0)
        )
        assert billed.contract().advance == 0

    def test_only_within_so_many_days_of_settlement(self, billed: Story) -> None:
        received(billed, amount=rupiah(2_500_000), method="cash")
        received(billed, amount=rupiah(2_500_000), method="cash", reference="p2")
        billed.given(ReversePayment, PAID + 120 * DAY, reference="p2")
        billed.when(ReversePayment, PAID + 120 * DAY + MICROSECOND, reference="p1")
        assert billed.outcome.code == "too-late"

    def test_steps_that_were_missed_are_not_made_up(self, billed: Story) -> None:
        received(billed, method="cash")
        billed.given(AdvanceTime, DUE + 5 * DAY)
        billed.when(ReversePayment, DUE + 5 * DAY, reference="p1").then(
            event(PaymentReversed), event(BillOverdue, effective_at=DUE + 5 * DAY)
        )
        assert billed.contract().blocks == {}
        billed.when(AdvanceTime, DUE + 10 * DAY)
        assert f"dunning/{BILL}/block-all" in billed.contract().blocks
        assert [one.name for one in billed.events()].count("BillOverdue") == 1
        assert BillIssued in {type(one) for one in billed.events()}
