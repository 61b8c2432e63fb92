"""A history in which every event of contracts happens, on a real log: each moves what its row says, and it is sound."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.audit.replaying import replay
from ledger.audit.verification import verify
from ledger.domain.calendar import DAY
from ledger.domain.kinds import EVENT_TYPES
from ledger.domain.line.commands import AdvanceTime, RecordUsage, ReplaceCard
from ledger.domain.line.product import PRODUCTS
from ledger.domain.money import imbalance
from ledger.domain.postpaid.commands import (
    ActivateRoaming,
    ApplyDeposit,
    AssignSuspense,
    ChangePackage,
    ChargeCollectionCost,
    ConfirmRefundRequirements,
    DeactivateRoaming,
    FailPayment,
    IssueCreditNote,
    IssueDebitNote,
    LiftLegalHold,
    OpenContract,
    PayDepositRefund,
    ReceiveDeposit,
    ReceivePayment,
    RecordRoaming,
    RecordVerification,
    RefundAdvance,
    RemoveAutoDebit,
    RequestDepositRefund,
    RequestHardCopy,
    RequestUnsubscribe,
    ReturnSuspense,
    ReversePayment,
    SetAutoDebit,
    SetCreditLimit,
    SetLegalHold,
    SettlePayment,
    StopHardCopy,
    WaiveFine,
    WriteOff,
)
from ledger.store.reading import SqliteReader
from ledger.terms import bundled
from tests.given import NUMBER, OTHER, THIRD, Story, at, day, rupiah
from tests.posting_table import moves_of

pytestmark = pytest.mark.stored

OPENED = at("2023-03-01T10:00:00+07:00")
ISSUED = at("2023-04-01T00:00:00+07:00")
DUE = at("2023-04-22T00:00:00+07:00")
SECOND = at("2023-05-01T00:00:00+07:00")
NOBODYS = "6288100000009"
BILL, SECOND_BILL = f"{NUMBER}-1-B0001", f"{NUMBER}-1-B0002"
LINE = [{"kind": "usage", "amount": rupiah(100), "text": "as agreed"}]


@pytest.fixture
def eventful(story: Story) -> Story:  # noqa: PLR0915 - all that may happen
    story.given(OpenContract, OPENED, registration="pending", upfront_payment=rupiah(1000), reference="p0")
    story.given(RecordVerification, OPENED, result="failed")
    story.given(RecordVerification, OPENED, result="passed")
    story.given(SetCreditLimit, OPENED, amount=rupiah(900_000))
    story.given(ActivateRoaming, OPENED)
    story.given(DeactivateRoaming, OPENED)
    story.given(RecordUsage, OPENED, quantity=200, command_id="use-1")
    story.given(RecordRoaming, OPENED, record="x1")
    story.given(RecordRoaming, OPENED, record="x2", matches="use-1")
    story.when(RecordRoaming, OPENED, record="x3", country="XX")
    story.given(RequestHardCopy, OPENED)
    story.given(StopHardCopy, OPENED)
    story.given(SetAutoDebit, OPENED, effective_on=day("2023-04-01"))
    story.given(ReplaceCard, OPENED)
    story.given(ReceiveDeposit, OPENED, amount=rupiah(500_000))
    story.given(AdvanceTime, ISSUED)
    story.given(RemoveAutoDebit, ISSUED)
    story.given(ApplyDeposit, ISSUED, amount=rupiah(1000))
    story.given(RequestHardCopy, ISSUED, bill=BILL)
    story.given(ReceivePayment, ISSUED, reference="p1", amount=rupiah(200_000), method="auto-debit")
    story.given(FailPayment, ISSUED, reference="p1")
    story.given(IssueCreditNote, ISSUED, bill=BILL, lines=LINE)
    story.given(IssueDebitNote, ISSUED, note="n2", bill=BILL, lines=LINE)
    story.given(ReceivePayment, DUE - DAY, reference="p2", amount=rupiah(300_000))
    story.given(AdvanceTime, DUE + DAY)
    story.given(SettlePayment, DUE + DAY, reference="p2", settled_at=DUE - DAY)
    story.given(RefundAdvance, DUE + DAY, bank_cost=rupiah(1))
    story.given(ReversePayment, DUE + DAY, reference="p2")
    story.given(ChargeCollectionCost, DUE + DAY, amount=rupiah(50_000))
    story.given(AdvanceTime, at("2023-06-01T00:00:00+07:00"))
    story.given(WaiveFine, at("2023-06-01T00:00:00+07:00"), fine=f"{SECOND_BILL}/F1")
    story.given(WriteOff, at("2023-06-01T00:00:00+07:00"), bill=SECOND_BILL, amount=rupiah(1))
    story.given(AdvanceTime, at("2024-04-01T00:00:00+07:00"))
    story.given(
        OpenContract, OPENED + 500 * DAY, msisdn=OTHER, upfront_payment=rupiah(5_000_000), reference="p0"
    )
    after = OPENED + 900 * DAY
    story.given(ReceiveDeposit, after, msisdn=OTHER, amount=rupiah(500_000))
    story.given(ChangePackage, after, msisdn=OTHER, plan="elite-200")
    story.given(AdvanceTime, after + 31 * DAY, msisdn=OTHER)
    later = after + 32 * DAY
    story.given(ReceivePayment, later, msisdn=OTHER, reference="p1", amount=rupiah(5_000_000), method="cash")
    story.given(RequestUnsubscribe, later, msisdn=OTHER)
    story.given(RequestDepositRefund, later, msisdn=OTHER)
    story.given(ConfirmRefundRequirements, later, msisdn=OTHER)
    story.given(PayDepositRefund, later, msisdn=OTHER, bank_cost=rupiah(1))
    story.given(RefundAdvance, later, msisdn=OTHER)
    story.given(AdvanceTime, later + 300 * DAY, msisdn=OTHER)
    story.given(OpenContract, later + 300 * DAY, msisdn=THIRD, plan="elite-free")
    story.given(ReceiveDeposit, later + 300 * DAY, msisdn=THIRD, amount=rupiah(1))
    story.given(RequestUnsubscribe, later + 300 * DAY, msisdn=THIRD)
    story.given(SetLegalHold, later + 300 * DAY, msisdn=THIRD, reference="h1")
    story.given(LiftLegalHold, later + 301 * DAY, msisdn=THIRD, reference="h2")
    gone = later + 302 * DAY
    for reference in ("p8", "p9"):
        story.given(ReceivePayment, gone, msisdn=NOBODYS, reference=reference, amount=rupiah(1000))
    story.given(AssignSuspense, gone, msisdn=NOBODYS, reference="p8", account=f"{NUMBER}#9")
    story.given(AssignSuspense, gone, msisdn=NOBODYS, reference="p8", account=f"{THIRD}#1")
    story.given(ReturnSuspense, gone, msisdn=NOBODYS, reference="p9", bank_cost=rupiah(100))
    story.given(RefundAdvance, gone, msisdn=THIRD, account=f"{THIRD}#1")
    return story.given(AdvanceTime, later + 900 * DAY, msisdn=THIRD)


def test_every_event_happens_moves_what_its_row_says_and_the_log_is_sound(eventful: Story) -> None:
    events = eventful.events()
    of_contracts = {*PRODUCTS["postpaid"].events}
    of_contracts |= {one for one in EVENT_TYPES.values() if one.TOPIC.startswith("ledger.suspense.")}
    assert of_contracts - {type(x) for x in events} == set()
    moving = {type(x).__name__ for x in events if any(moves_of(x).values())}
    assert moving >= {x.name for x in events if x.postings}
    postings = []
    for one in events:
        postings += one.postings
        assert imbalance(postings) == {}
    assert not any(p["unit"] == "PULSA" for p in postings)
    path: Path = eventful.path
    eventful.close()
    report = verify(path)
    assert report.findings == []
    assert replay([SqliteReader(path)], bundled()).empty
