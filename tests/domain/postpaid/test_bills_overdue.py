"""Bills that are overdue: the fine at the end of the due day, and the steps of dunning after it."""

from __future__ import annotations

import pytest

from ledger.domain.calendar import DAY
from ledger.domain.line.commands import AdvanceTime, RecordUsage
from ledger.domain.line.events import Blocked, Unblocked
from ledger.domain.postpaid.commands import ReceivePayment, ReversePayment
from ledger.domain.postpaid.events_of_bills import (
    AdvanceApplied,
    BillOverdue,
    DunningStepTaken,
    LateFineCharged,
    OverdueCleared,
)
from ledger.domain.postpaid.events_of_payments import (
    PaymentReceived,
    PaymentReversed,
    PaymentSettled,
)
from tests.domain.postpaid.test_payments_settled import (
    BILL,
    DUE,
    ISSUED,
    OPENED,
    SECOND,
    SECOND_BILL,
    TOTAL,
    received,
)
from tests.given import MICROSECOND, NUMBER, Story, at, event, rupiah


@pytest.fixture
def billed(story: Story) -> Story:
    """A contract with one bill of 111,000, due on 21 April."""
    story.given_contract(OPENED)
    return story.given(AdvanceTime, ISSUED)


@pytest.mark.clause("SE23-08", "SE23-10", "SE23-28")
class TestOverdue:
    def test_a_bill_is_overdue_at_its_due_end_with_a_fine_and_not_a_microsecond_before(
        self, billed: Story
    ) -> None:
        billed.when(AdvanceTime, DUE - MICROSECOND).then()
        billed.when(AdvanceTime, DUE).then(
            event(BillOverdue, effective_at=DUE, bill=BILL, open=TOTAL, customer="customer-1"),
            event(
                LateFineCharged,
                effective_at=DUE,
                fine=f"{BILL}/F1",
                nth=1,
                base=TOTAL,
                percent="5",
                amount=rupiah(5550),
            ),
        )
        assert [one.command_id.rpartition("Z/")[2] for one in billed.new] == [BILL, BILL]

    def test_what_is_paid_in_time_is_never_overdue(self, billed: Story) -> None:
        received(billed, DUE - MICROSECOND, method="cash")
        billed.when(AdvanceTime, DUE).then()

    def test_a_fine_is_of_the_minimum_at_least_and_of_nothing_there_is_none(self, billed: Story) -> None:
        received(billed, amount=TOTAL - 1, method="cash")
        billed.when(AdvanceTime, DUE).then(
            event(BillOverdue, open=1), event(LateFineCharged, base=1, amount=rupiah(5000))
        )

    def test_each_due_end_of_any_bill_fines_every_overdue_bill_so_many_times(self, billed: Story) -> None:
        billed.given(AdvanceTime, at("2023-06-30T00:00:00+07:00"))
        fines = [one for one in billed.events() if isinstance(one, LateFineCharged)]
        assert [(one.fine, one.effective_at) for one in fines] == [
            (f"{BILL}/F1", DUE),
            (f"{BILL}/F2", at("2023-05-22T00:00:00+07:00")),
            (f"{SECOND_BILL}/F1", at("2023-05-22T00:00:00+07:00")),
            (f"{SECOND_BILL}/F2", at("2023-06-22T00:00:00+07:00")),
            (f"{NUMBER}-1-B0003/F1", at("2023-06-22T00:00:00+07:00")),
        ]

    def test_a_paid_bill_that_falls_due_fines_one_that_is_overdue(self, billed: Story) -> None:
        billed.given(AdvanceTime, SECOND)
        second = billed.contract().bills[SECOND_BILL].total
        received(billed, SECOND, TOTAL + second, method="cash")
        received(billed, SECOND + DAY, TOTAL, reference="p2", method="cash")
        billed.given(ReversePayment, SECOND + DAY, reference="p1")
        open_ = {bill.id: bill.open for bill in billed.contract().open_bills()}
        assert open_ == {BILL: TOTAL, SECOND_BILL: second} or sum(open_.values()) == second
        billed.when(AdvanceTime, at("2023-05-22T00:00:00+07:00"))
        assert [one.name for one in billed.new if isinstance(one, LateFineCharged)]

    def test_a_fine_on_a_bill_that_carries_fines_is_not_reckoned_on_them(self, billed: Story) -> None:
        billed.given(AdvanceTime, at("2023-05-22T00:00:00+07:00"))
        fine = next(one for one in billed.new if isinstance(one, LateFineCharged) and one.bill == SECOND_BILL)
        bill = billed.contract().bills[SECOND_BILL]
        assert fine.base == bill.total - rupiah(5550)


@pytest.mark.clause("SE23-19")
class TestDunning:
    def test_each_step_is_taken_once_at_its_day(self, billed: Story) -> None:
        billed.given(AdvanceTime, DUE)
        billed.when(AdvanceTime, DUE + DAY - MICROSECOND).then()
        billed.when(AdvanceTime, DUE + DAY).then(
            event(DunningStepTaken, bill=BILL, step=1, action="block-outgoing", open=TOTAL),
            event(Blocked, block=f"dunning/{BILL}/block-outgoing", scope="outgoing", ground="3"),
        )
        billed.when(RecordUsage, DUE + DAY)
        assert billed.outcome.code == "blocked"
        billed.when(RecordUsage, DUE + DAY, direction="incoming")
        assert billed.outcome.code is None
        billed.when(AdvanceTime, DUE + 10 * DAY)
        assert billed.contract().blocks.keys() == {
            f"dunning/{BILL}/block-outgoing",
            f"dunning/{BILL}/block-all",
        }

    def test_the_last_step_ends_the_contract_on_ground_3(self, billed: Story) -> None:
        billed.when(AdvanceTime, DUE + 90 * DAY)
        names = [one.name for one in billed.new]
        place = names.index("Terminated")
        assert names[place - 2 : place + 2] == [
            "DunningStepTaken",
            "BillIssued",
            "Terminated",
            "NumberQuarantined",
        ] or names[place - 2 : place] == ["DunningStepTaken", "BillIssued"]
        assert billed.contract().state == "terminated"

    @pytest.mark.clause("SE23-14")
    def test_its_blocks_fall_in_the_same_breath_as_the_bill_is_closed(self, billed: Story) -> None:
        billed.given(AdvanceTime, DUE + 2 * DAY)
        assert billed.contract().billed == TOTAL
        billed.when(ReceivePayment, DUE + 2 * DAY, reference="p1", amount=TOTAL, method="cash").then(
            event(PaymentReceived),
            event(PaymentSettled),
            event(Unblocked, block=f"dunning/{BILL}/block-outgoing"),
            event(OverdueCleared, bill=BILL),
        )
        billed.when(AdvanceTime, DUE + 5 * DAY).then()

    def test_a_step_is_skipped_where_the_bill_is_closed(self, billed: Story) -> None:
        received(billed, DUE + DAY - MICROSECOND, method="cash")
        billed.when(AdvanceTime, DUE + DAY).then()


@pytest.mark.clause("SE23-13", "SE23-19")
def test_what_a_reversal_opens_and_advance_pays_in_the_same_breath_is_not_overdue(billed: Story) -> None:
    """Else the customer would hear of a debt, and the other accounts be blocked, though all is paid."""
    received(billed, ISSUED, amount=TOTAL, method="cash")
    received(billed, ISSUED, reference="p2", amount=TOTAL, method="cash")
    billed.given(AdvanceTime, DUE)
    billed.when(ReversePayment, DUE + DAY, reference="p1").then(
        event(PaymentReversed, reopened=[{"bill": BILL, "amount": TOTAL}]),
        event(AdvanceApplied, amount=TOTAL),
    )
