"""Disputes about bills and charges of contracts: the record prevails, or a note corrects it (SE23-02, XE25-01)."""

from __future__ import annotations

import pytest

from ledger.domain.calendar import DAY
from ledger.domain.line.commands import AdvanceTime, RecordUsage, Terminate
from ledger.domain.line.dispute_commands import DecideDispute, OpenDispute
from ledger.domain.line.dispute_events import (
    DisputeOpened,
    DisputeRejected,
    StatementOverridden,
    SystemCorrected,
)
from ledger.domain.postpaid.commands import ReceivePayment, RecordRoaming, RefundAdvance, SettlePayment
from ledger.domain.postpaid.events_of_bills import CreditNoteIssued, DebitNoteIssued
from ledger.domain.postpaid.events_of_payments import AdvanceRefunded
from tests.given import NUMBER, Story, at, event, rupiah

FIRST = f"{NUMBER}-1-B0001"
OPENED = at("2023-07-01T00:00:00+07:00")
BILLED = at("2023-08-01T00:00:00+07:00")


@pytest.fixture
def story() -> Story:
    """A contract with a month's bill of a minimum commitment of 100,000, with its tax."""
    told = Story(None).given_contract(OPENED)
    told.given(RecordUsage, OPENED + DAY, command_id="use-1", quantity=60)
    return told.given(AdvanceTime, BILLED + DAY)


def total(story: Story) -> int:
    bill = story.contract().bill(FIRST)
    assert bill is not None
    return bill.total


def about_the_bill(story: Story, claimed: int, when: int = BILLED + 2 * DAY, **fields: object) -> Story:
    said = {"about": "bill", "refers_to": FIRST, "unit": "IDR", **fields}
    return story.given(OpenDispute, when, claimed=claimed, **said)


@pytest.mark.clause("SE23-02", "XE25-01")
def test_the_record_prevails_over_a_bill_that_says_something_else(story: Story) -> None:
    about_the_bill(story, rupiah(1)).then(
        event(DisputeOpened, system=total(story), stood_at=BILLED, clause="SE23-02")
    )
    story.when(DecideDispute, BILLED + 3 * DAY, decision="overridden").then(
        event(
            StatementOverridden,
            clause="SE23-02",
            stated=rupiah(1),
            system=total(story),
            difference=rupiah(1) - total(story),
        )
    )


def test_a_bill_is_corrected_by_a_note_whose_lines_come_to_the_amount(story: Story) -> None:
    taken = rupiah(11_100)
    about_the_bill(story, total(story) - taken)
    lines = [{"kind": "commitment", "amount": rupiah(10_000), "text": "too much"}]
    said = {"decision": "corrected", "approved_by": "staff-2"}
    story.when(DecideDispute, BILLED + 3 * DAY, **said).refused("not-eligible")
    story.when(DecideDispute, BILLED + 3 * DAY, **said, amount=-1, lines=lines).refused("not-eligible")
    story.when(DecideDispute, BILLED + 3 * DAY, **said, lines=lines).then(
        event(SystemCorrected, amount=-taken, remedied=True, postings=[]),
        event(CreditNoteIssued, bill=FIRST, total=taken, approved_by="staff-2"),
    )


def test_where_too_little_was_billed_a_debit_note_says_so(story: Story) -> None:
    about_the_bill(story, total(story) + rupiah(5))
    lines = [{"kind": "usage", "amount": rupiah(5), "text": "missed"}]
    story.when(
        DecideDispute, BILLED + 3 * DAY, decision="corrected", approved_by="staff-2", lines=lines
    ).then(event(SystemCorrected, amount=rupiah(5)), event(DebitNoteIssued, total=rupiah(5)))


def test_what_is_not_billed_yet_is_charged_back(story: Story) -> None:
    story.given(RecordUsage, BILLED + 2 * DAY, command_id="use-2", quantity=60)
    charge = story.contract().unbilled
    assert charge
    said = {"about": "charge", "refers_to": "use-2", "unit": "IDR"}
    story.when(OpenDispute, BILLED + 3 * DAY, claimed=0, **said).then(event(DisputeOpened, system=charge))
    story.when(DecideDispute, BILLED + 4 * DAY, decision="corrected", approved_by="staff-2").then(
        event(
            SystemCorrected,
            amount=-charge,
            postings=[
                {"account": f"{NUMBER}#1/unbilled", "unit": "IDR", "amount": -charge},
                {"account": "operator/revenue/usage", "unit": "IDR", "amount": charge},
            ],
        )
    )
    assert story.contract().unbilled == 0
    assert list(story.contract().faults()) == []
    story.given(OpenDispute, BILLED + 5 * DAY, dispute="C-2", claimed=0, **said | {"refers_to": "use-1"})
    story.when(
        DecideDispute, BILLED + 5 * DAY, dispute="C-2", decision="corrected", approved_by="staff-2"
    ).refused("not-eligible")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"refers_to": f"{NUMBER}-1-B0009"}, "unknown-record"),
        ({"unit": "PULSA"}, "wrong-unit"),
        ({"about": "top-up"}, "not-eligible"),
    ],
)
def test_what_is_refused(story: Story, fields: dict[str, object], code: str) -> None:
    said = {"about": "bill", "refers_to": FIRST, "unit": "IDR", "claimed": 0, **fields}
    story.when(OpenDispute, BILLED + 2 * DAY, **said).refused(code)


def test_what_is_owed_can_be_disputed(story: Story) -> None:
    story.when(OpenDispute, BILLED + 2 * DAY, about="balance", unit="IDR", refers_to=None, claimed=0).then(
        event(DisputeOpened, system=total(story))
    )


def test_an_account_is_not_settled_while_one_is_open_and_what_comes_of_it_is_paid_out(story: Story) -> None:
    end = BILLED + 5 * DAY
    story.given(Terminate, end, ground="1")
    owed = story.contract().owed
    story.given(ReceivePayment, end, reference="p1", amount=owed)
    story.given(SettlePayment, end, reference="p1")
    about_the_bill(story, total(story) - rupiah(11_100), end)
    long_after = end + 150 * DAY
    story.given(AdvanceTime, long_after)
    assert story.contract().state == "terminated"
    lines = [{"kind": "commitment", "amount": rupiah(10_000), "text": "too much"}]
    story.given(DecideDispute, long_after, decision="rejected")
    story.given(AdvanceTime, long_after + DAY)
    assert story.contract().is_settled
    about_the_bill(story, total(story) - rupiah(11_100), long_after + DAY, dispute="C-2")
    story.given(
        DecideDispute,
        long_after + DAY,
        dispute="C-2",
        decision="corrected",
        approved_by="staff-2",
        lines=lines,
    )
    assert story.contract().advance == rupiah(11_100)
    story.when(RefundAdvance, long_after + 2 * DAY).then(event(AdvanceRefunded, amount=rupiah(11_100)))
    story.when(RefundAdvance, long_after + 3 * DAY).refused("settled")


@pytest.fixture
def abroad(story: Story) -> Story:
    """Use abroad: once by the partner's record alone, once of use that the system has recorded itself."""
    used_at = BILLED + DAY
    story.given(RecordUsage, BILLED + 2 * DAY, command_id="use-2", quantity=60, used_at=used_at)
    alone = {"partner": "SGPST", "used_at": used_at, "partner_currency": "USD", "partner_amount": "1.255"}
    story.given(RecordRoaming, BILLED + 2 * DAY, command_id="r-1", record="r-1", quantity=90, **alone)
    own = {**alone, "matches": "use-2", "record": "r-2"}
    return story.given(RecordRoaming, BILLED + 2 * DAY, command_id="r-2", quantity=61, **own)


@pytest.mark.clause("SE23-03")
@pytest.mark.parametrize(
    ("refers_to", "unit", "system"),
    [("r-1", "USD", 126), ("r-1", "QUANTITY", 9_000), ("r-2", "USD", 126), ("r-2", "QUANTITY", 6_000)],
)
def test_use_abroad_is_disputed_by_what_the_partner_stated_and_by_how_much_was_used(
    abroad: Story, refers_to: str, unit: str, system: int
) -> None:
    """Of use that the system has recorded itself, how much is its own; what we charge is not asked."""
    said = {"about": "roaming", "refers_to": refers_to, "unit": unit}
    abroad.when(OpenDispute, BILLED + 3 * DAY, claimed=7, **said).then(event(DisputeOpened, system=system))


@pytest.mark.clause("SE23-03")
def test_only_where_the_system_has_a_record_of_its_own_it_prevails_over_the_partners(abroad: Story) -> None:
    said = {"about": "roaming", "unit": "QUANTITY", "claimed": 6_100}
    abroad.given(OpenDispute, BILLED + 3 * DAY, refers_to="r-2", **said)
    abroad.when(DecideDispute, BILLED + 3 * DAY, decision="overridden").then(
        event(StatementOverridden, stated=6_100, system=6_000, difference=100, unit="QUANTITY")
    )
    abroad.given(OpenDispute, BILLED + 3 * DAY, dispute="C-2", refers_to="r-1", **said)
    by_two = {"dispute": "C-2", "approved_by": "staff-2"}
    abroad.when(DecideDispute, BILLED + 3 * DAY, dispute="C-2", decision="overridden").refused("not-eligible")
    abroad.when(DecideDispute, BILLED + 3 * DAY, decision="corrected", **by_two).refused("not-eligible")
    abroad.when(DecideDispute, BILLED + 3 * DAY, dispute="C-2", decision="rejected").then(
        event(DisputeRejected)
    )


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"refers_to": None}, "unknown-record"),
        ({"refers_to": "use-2"}, "unknown-record"),
        ({"refers_to": FIRST}, "unknown-record"),
        ({"unit": "EUR"}, "wrong-unit"),
        ({"unit": "IDR"}, "wrong-unit"),
        ({"unit": "partner_currency"}, "wrong-unit"),
        ({"about": "charge", "unit": "USD"}, "wrong-unit"),
    ],
)
def test_what_is_no_use_abroad_or_of_another_unit_is_refused(
    abroad: Story, fields: dict[str, object], code: str
) -> None:
    said = {"about": "roaming", "refers_to": "r-1", "unit": "USD", "claimed": 0, **fields}
    abroad.when(OpenDispute, BILLED + 3 * DAY, **said).refused(code)
