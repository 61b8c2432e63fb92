"""Corrections by people: notes, fines waived, costs of collection, what is given up."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.domain.calendar import DAY
from ledger.domain.line.commands import AdvanceTime, RecordUsage
from ledger.domain.line.events import Unblocked
from ledger.domain.postpaid.commands import (
    ChargeCollectionCost,
    IssueCreditNote,
    IssueDebitNote,
    ReceivePayment,
    WaiveFine,
    WriteOff,
)
from ledger.domain.postpaid.events import CollectionCostCharged
from ledger.domain.postpaid.events_of_bills import (
    BillIssued,
    BillOverdue,
    CreditNoteIssued,
    DebitNoteIssued,
    FineWaived,
    LateFineCharged,
    OverdueCleared,
    WrittenOff,
)
from tests.given import NUMBER, Story, at, event, rupiah

OPENED = at("2023-03-01T10:00:00+07:00")
ISSUED = at("2023-04-01T00:00:00+07:00")
DUE = at("2023-04-22T00:00:00+07:00")
SECOND = at("2023-05-01T00:00:00+07:00")
BILL, SECOND_BILL = f"{NUMBER}-1-B0001", f"{NUMBER}-1-B0002"
TOTAL = rupiah(111_000)


@pytest.fixture
def billed(story: Story) -> Story:
    """A contract with one bill: use of 909, the rest of the commitment of 100,000, and tax of 11,000."""
    story.given_contract(OPENED)
    story.given(RecordUsage, OPENED, quantity=180)
    return story.given(AdvanceTime, ISSUED)


def line(kind: str, amount: str | int) -> dict[str, Any]:
    return {"kind": kind, "amount": rupiah(amount), "text": "as agreed"}


class TestCreditNotes:
    def test_it_takes_back_part_of_a_bill_with_its_tax(self, billed: Story) -> None:
        billed.when(IssueCreditNote, ISSUED, bill=BILL, lines=[line("commitment", 10_000)]).then(
            event(
                CreditNoteIssued,
                number=f"{NUMBER}-1-C0001",
                tax=rupiah(1100),
                total=rupiah(11_100),
                met_open=rupiah(11_100),
                advance=0,
            )
        )
        assert billed.contract().bills[BILL].open == TOTAL - rupiah(11_100)

    def test_tax_is_that_on_all_credited_so_far_less_what_was_credited(self, billed: Story) -> None:
        taxes: list[int] = []
        for number in range(3):
            billed.given(IssueCreditNote, ISSUED, note=f"n{number}", bill=BILL, lines=[line("usage", "0.05")])
            taxes += [one.tax for one in billed.new if isinstance(one, CreditNoteIssued)]
        assert sum(taxes) == 2  # 11 % of 15 sen, rounded once: 1.65
        assert taxes == [1, 0, 1]

    def test_what_exceeds_the_open_amount_is_advance(self, billed: Story) -> None:
        billed.given(ReceivePayment, ISSUED, reference="p1", amount=TOTAL - rupiah(100), method="cash")
        billed.when(IssueCreditNote, ISSUED, bill=BILL, lines=[line("commitment", 10_000)]).then(
            event(CreditNoteIssued, met_open=rupiah(100), advance=rupiah(11_000))
        )
        assert billed.contract().advance == rupiah(11_000)

    @pytest.mark.parametrize(
        ("said", "code"),
        [
            ({"lines": [line("usage", "909.01")]}, "above-maximum"),
            ({"lines": [line("usage", 500), line("usage", 500)]}, "above-maximum"),
            ({"lines": [line("fines", 1)]}, "above-maximum"),
            ({"bill": SECOND_BILL}, "unknown-bill"),
            ({"approved_by": "SYSTEM"}, "approval-required"),
        ],
    )
    def test_it_is_refused(self, billed: Story, said: dict[str, Any], code: str) -> None:
        said = {"bill": BILL, "lines": [line("usage", 1)], **said}
        billed.when(IssueCreditNote, ISSUED, **said).refused(code)

    def test_never_more_than_the_total_less_what_is_written_off(self, billed: Story) -> None:
        billed.given(WriteOff, ISSUED, bill=BILL, amount=TOTAL - rupiah(1))
        billed.when(IssueCreditNote, ISSUED, bill=BILL, lines=[line("usage", 1)]).refused("above-maximum")

    def test_its_id_is_used_once(self, billed: Story) -> None:
        said = {"bill": BILL, "lines": [line("usage", 1)]}
        billed.given(IssueCreditNote, ISSUED, **said)
        billed.when(IssueCreditNote, ISSUED + DAY, **said)
        assert (billed.outcome.status, billed.new) == ("repeated", [])
        billed.when(IssueDebitNote, ISSUED + DAY, bill=BILL, lines=[line("usage", 2)]).refused(
            "reference-conflict"
        )


def test_a_debit_note_goes_on_the_next_bill_taxed_there_beside_the_commitment(billed: Story) -> None:
    billed.when(IssueDebitNote, ISSUED, bill=BILL, lines=[line("usage", 50_000)]).then(
        event(DebitNoteIssued, number=f"{NUMBER}-1-D0001", total=rupiah(50_000))
    )
    billed.given(ReceivePayment, ISSUED, reference="p1", amount=TOTAL, method="cash")
    billed.when(AdvanceTime, SECOND)
    (bill,) = [one for one in billed.new if isinstance(one, BillIssued)]
    assert bill.lines == [
        {"kind": "usage", "source": "debit-note", "amount": rupiah(50_000)},
        {"kind": "commitment", "source": "cycle", "amount": rupiah(100_000)},
    ]
    assert bill.tax == rupiah(16_500)
    billed.when(IssueDebitNote, SECOND, note="n2", bill=BILL, lines=[line("gifts", 1)]).refused(
        "not-eligible"
    )


@pytest.mark.clause("SE23-10")
class TestFines:
    def test_a_fine_that_no_bill_carries_is_waived_and_still_counts(self, billed: Story) -> None:
        billed.given(AdvanceTime, DUE)
        billed.when(WaiveFine, DUE, fine=f"{BILL}/F1").then(
            event(FineWaived, amount=rupiah(5550), carried_by=None)
        )
        account = billed.contract()
        assert (account.unbilled, account.bills[BILL].fines_counted) == (0, 1)
        billed.when(WaiveFine, DUE, fine=f"{BILL}/F1").refused("unknown-fine")
        billed.when(WaiveFine, DUE, fine=f"{BILL}/F2").refused("unknown-fine")
        billed.when(WaiveFine, DUE, fine="nonsense").refused("unknown-fine")

    def test_one_that_is_billed_is_waived_by_a_credit_note(self, billed: Story) -> None:
        billed.given(AdvanceTime, SECOND)
        billed.when(WaiveFine, SECOND, fine=f"{BILL}/F1").then(
            event(FineWaived, carried_by=SECOND_BILL),
            event(CreditNoteIssued, bill=SECOND_BILL, total=rupiah(5550), approved_by="staff-2"),
        )
        assert billed.contract().bills[SECOND_BILL].fines_left == 0
        line_ = [line("fines", 5550)]
        billed.when(IssueCreditNote, SECOND, bill=SECOND_BILL, lines=line_).refused("above-maximum")

    def test_costs_of_collection_are_charged_untaxed(self, billed: Story) -> None:
        billed.when(ChargeCollectionCost, DUE, amount=rupiah(50_000), approved_by="system").refused(
            "approval-required", event(BillOverdue), event(LateFineCharged)
        )
        billed.when(ChargeCollectionCost, DUE, amount=rupiah(50_000)).then(event(CollectionCostCharged))
        billed.when(AdvanceTime, SECOND)
        (bill,) = [one for one in billed.new if isinstance(one, BillIssued)]
        assert (bill.taxable, bill.total) == (rupiah(100_000), rupiah(166_550))


class TestWritingOff:
    def test_what_is_open_is_given_up_and_its_blocks_fall(self, billed: Story) -> None:
        billed.given(AdvanceTime, DUE + DAY)
        billed.when(WriteOff, DUE + DAY, bill=BILL, amount=TOTAL + 1).refused("above-maximum")
        billed.when(WriteOff, DUE + DAY, bill=BILL, amount=TOTAL).then(
            event(WrittenOff), event(Unblocked), event(OverdueCleared)
        )
        billed.when(WriteOff, DUE + DAY, bill=BILL, amount=1).refused("above-maximum")
        billed.when(WriteOff, DUE + DAY, bill="other", amount=1).refused("unknown-bill")

    def test_money_that_comes_for_it_is_advance(self, billed: Story) -> None:
        billed.given(WriteOff, ISSUED, bill=BILL, amount=TOTAL)
        billed.given(ReceivePayment, ISSUED, reference="p1", amount=TOTAL, method="cash")
        assert billed.contract().advance == TOTAL
