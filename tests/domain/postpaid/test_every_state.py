"""Every command of contracts in every state of its number: what is taken after the end, and which refusal is first."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.audit.closed_dues import ClosedDues
from ledger.domain.calendar import DAY, NEVER
from ledger.domain.commands import Command
from ledger.domain.line.commands import (
    AdvanceTime,
    Block,
    DecideRightsTransfer,
    MigrateTerms,
    ReplaceCard,
    RequestRightsTransfer,
    Terminate,
    Unblock,
)
from ledger.domain.line.product import PRODUCTS
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
    UpdateService,
    WaiveFine,
    WriteOff,
)
from tests.given import HALO, MICROSECOND, NUMBER, XE25, Story, at, day, rupiah

OPENED = at("2023-03-10T10:00:00+07:00")
ENDED = at("2023-03-20T10:00:00+07:00")
SETTLED = ENDED + 500 * DAY
BILL = f"{NUMBER}-1-B0001"
LINES = [{"kind": "usage", "amount": 1, "text": "x"}]

Row = tuple[type[Command], dict[str, Any]]
WHILE_IT_RUNS: list[Row] = [
    (RecordVerification, {"result": "passed"}),
    (ChangePackage, {"plan": "halo"}),
    (UpdateService, {"plan": "halo"}),
    (SetCreditLimit, {"amount": 1}),
    (RequestHardCopy, {}),
    (StopHardCopy, {}),
    (SetAutoDebit, {"effective_on": day("2030-01-01")}),
    (RemoveAutoDebit, {}),
    (ActivateRoaming, {}),
    (DeactivateRoaming, {}),
    (ReceiveDeposit, {"amount": 1}),
    (RequestUnsubscribe, {}),
    (Block, {"ground": "a"}),
    (Unblock, {}),
    (ReplaceCard, {}),
    (RequestRightsTransfer, {}),
    (DecideRightsTransfer, {}),
    (MigrateTerms, {"terms": XE25}),
    (Terminate, {"ground": "a"}),
]
AFTER_THE_END: list[Row] = [
    (SettlePayment, {"reference": "p9"}),
    (FailPayment, {"reference": "p9"}),
    (ReversePayment, {"reference": "p9"}),
    (RefundAdvance, {}),
    (IssueCreditNote, {"bill": "none", "lines": LINES}),
    (IssueDebitNote, {"bill": "none", "lines": LINES}),
    (WaiveFine, {"fine": "none/F1"}),
    (ChargeCollectionCost, {"amount": 1, "actor": "staff-2"}),
    (WriteOff, {"bill": "none", "amount": 1}),
    (ApplyDeposit, {}),
    (RequestDepositRefund, {}),
    (ConfirmRefundRequirements, {}),
    (PayDepositRefund, {}),
    (SetLegalHold, {"reference": "h1", "account": f"{NUMBER}#7"}),
    (LiftLegalHold, {"reference": "h1"}),
    (RecordRoaming, {"country": "nowhere"}),
]
OF_NUMBERS = (OpenContract, ReceivePayment, AssignSuspense, ReturnSuspense)
"""These address the number, whatever its account."""


def codes(story: Story, rows: list[Row], when: int) -> dict[str, str | None]:
    """What becomes of each command: the code of its refusal, or None."""
    found = {}
    for command, fields in rows:
        story.when(command, when, **fields)
        found[command.__name__] = story.outcome.code
    return found


def test_the_tables_have_every_command_of_contracts() -> None:
    listed = {command for command, _ in (*WHILE_IT_RUNS, *AFTER_THE_END)} | set(OF_NUMBERS)
    own = {command for command in PRODUCTS["postpaid"].commands if not command.INTERNAL}
    assert own - listed == set()


def test_a_number_without_an_account_is_unknown(story: Story) -> None:
    found = codes(story, [*WHILE_IT_RUNS, *AFTER_THE_END], OPENED)
    assert set(found.values()) == {"unknown-account"}


def test_a_prepaid_account_takes_none_of_them(story: Story) -> None:
    story.given_active(since=OPENED)
    own = [row for row in (*WHILE_IT_RUNS, *AFTER_THE_END) if row[0] in PRODUCTS["postpaid"].commands]
    found = codes(story, [row for row in own if "account" not in row[1]], OPENED)
    assert set(found.values()) == {"not-eligible"}
    story.when(MigrateTerms, OPENED, terms=XE25).refused("not-eligible")


@pytest.mark.clause("SE23-25")
def test_after_the_end_what_has_to_do_with_debts_is_taken_and_nothing_else(story: Story) -> None:
    story.given(OpenContract, OPENED, terms=HALO, plan="halo")
    story.given(Terminate, ENDED, ground="a", reference="order-1")
    found = codes(story, WHILE_IT_RUNS, ENDED + DAY)
    del found["MigrateTerms"]  # to terms that do not fit is asked before
    assert set(found.values()) == {"terminated"}
    assert codes(story, AFTER_THE_END, ENDED + DAY) == {
        "SettlePayment": "unknown-payment",
        "FailPayment": "unknown-payment",
        "ReversePayment": "unknown-payment",
        "RefundAdvance": "not-eligible",
        "IssueCreditNote": "unknown-bill",
        "IssueDebitNote": "unknown-bill",
        "WaiveFine": "unknown-fine",
        "ChargeCollectionCost": "approval-required",
        "WriteOff": "unknown-bill",
        "ApplyDeposit": "not-eligible",
        "RequestDepositRefund": "unknown-deposit",
        "ConfirmRefundRequirements": "unknown-request",
        "PayDepositRefund": "unknown-deposit",
        "SetLegalHold": "unknown-account",
        "LiftLegalHold": "not-eligible",
        "RecordRoaming": "terminated",
    }


@pytest.mark.clause("SE23-25")
def test_once_settled_it_takes_nothing_more(story: Story) -> None:
    story.given(OpenContract, OPENED, terms=HALO, plan="halo")
    story.given(Terminate, ENDED, ground="a", reference="order-1")
    story.given(AdvanceTime, SETTLED)
    assert story.contract().is_settled
    asked = [row for row in (*WHILE_IT_RUNS, *AFTER_THE_END) if row[0] is not MigrateTerms]
    found = codes(story, [row for row in asked if "account" not in row[1]], SETTLED)
    assert set(found.values()) == {"settled"}


@pytest.mark.clause("SE23-14", "SE23-25")
@pytest.mark.parametrize("scope", ["outgoing", "all"])
def test_a_block_touches_no_receivable_and_stands_in_no_payments_way(story: Story, scope: str) -> None:
    story.given_contract(OPENED)
    story.given(AdvanceTime, at("2023-04-01T00:00:00+07:00"))
    before = story.contract()
    owed = (before.billed, before.unbilled, before.advance)
    now = at("2023-04-02T00:00:00+07:00")
    story.given(Block, now, ground="1", scope=scope)
    after = story.contract()
    assert (after.billed, after.unbilled, after.advance) == owed
    story.given(ReceivePayment, now, reference="p1", amount=rupiah(500_000), method="cash")
    assert story.contract().billed == 0


def test_by_an_instant_that_is_closed_no_account_has_a_boundary_and_no_bill(story: Story) -> None:
    boundary = at("2023-04-01T00:00:00+07:00")
    story.given_contract(OPENED)
    dues = ClosedDues()
    dues.take(story.line())
    assert list(dues.unrecorded(boundary - MICROSECOND)) == []
    assert list(dues.unrecorded(boundary)) == [(NUMBER, boundary)]
    assert list(dues.unrecorded(NEVER - 1)) == [], "each is told once"
    story.given(AdvanceTime, boundary)
    dues.take(story.line())
    assert list(dues.unrecorded(boundary)) == []
