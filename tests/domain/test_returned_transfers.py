"""Credit that was sent and cannot arrive comes back, wherever its sender stands by then."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.domain.calendar import DAY
from ledger.domain.events import Event
from ledger.domain.line.commands import AdvanceTime, LineCommand, Terminate
from ledger.domain.line.deciding import decide
from ledger.domain.line.line import Line
from ledger.domain.money import LARGEST_BALANCE
from ledger.domain.prepaid.account import prepaid
from ledger.domain.prepaid.commands import (
    Activate,
    AdjustCredit,
    IssueStarterPack,
    ReclaimNumber,
    ReturnCreditTransfer,
    TopUp,
    TransferCredit,
)
from ledger.domain.prepaid.events import (
    CreditTransferReceived,
    CreditTransferReturned,
    CreditTransferSent,
)
from ledger.domain.subject import Cause
from ledger.domain.terms_book import TermsBook
from tests.domain.test_credit_transfers import BOUGHT, NOW, recipient, sender
from tests.given import (
    BUNDLED,
    MICROSECOND,
    NUMBER,
    OTHER,
    SP23,
    XP25,
    Story,
    at,
    event,
    rupiah,
)
from tests.posting_table import check_event


def waiting_recipient(story: Story) -> None:
    story.given_active(number=OTHER, since="2023-05-20T00:00:00+07:00")


def deactivated_recipient(story: Story) -> None:
    story.given_active(number=OTHER, since="2022-12-01T00:00:00+07:00")


def terminated_recipient(story: Story) -> None:
    recipient(story)
    story.given(Terminate, NOW - 1, msisdn=OTHER)


def expired_recipient(story: Story) -> None:
    story.given(IssueStarterPack, NOW - DAY, msisdn=OTHER, valid_until=19578)


def inactive_recipient(story: Story) -> None:
    story.given(IssueStarterPack, NOW - DAY, msisdn=OTHER)


def full_recipient(story: Story) -> None:
    recipient(story)
    story.given(AdjustCredit, NOW - 1, msisdn=OTHER, amount=LARGEST_BALANCE)


def no_recipient(story: Story) -> None:
    """The number was never issued."""


class TestReturned:
    @pytest.mark.parametrize(
        ("arrange", "code"),
        [
            (waiting_recipient, "waiting"),
            (deactivated_recipient, "deactivated"),
            (terminated_recipient, "terminated"),
            (expired_recipient, "expired"),
            (inactive_recipient, "not-active"),
            (full_recipient, "above-maximum"),
            (no_recipient, "unknown-account"),
        ],
    )
    def test_whoever_cannot_take_it_sends_all_of_it_back_fee_included(
        self, story: Story, arrange: Any, code: str
    ) -> None:
        sender(story)
        arrange(story)
        story.when(TransferCredit, NOW, amount=rupiah(20000), command_id="x1")
        sent, *fell_due, returned = story.new
        assert story.outcome.status == "accepted"
        assert [reference.type for reference in story.outcome.events] == [CreditTransferSent.TOPIC]
        assert isinstance(sent, CreditTransferSent)
        assert all(one.actor == "clock" for one in fell_due)
        assert isinstance(returned, CreditTransferReturned)
        assert (returned.account, returned.refusal, returned.to_breakage) == (f"{NUMBER}#1", code, False)
        assert (returned.amount, returned.fee) == (rupiah(20000), rupiah(1500))
        assert returned.command_id == f"policy/return/{NUMBER}#1/x1"
        assert (story.credit(), story.balance(f"{NUMBER}#1/in-transit")) == (rupiah(100000), 0)
        assert story.balance("operator/fees") == 0

    def test_the_recipient_is_judged_at_its_exact_boundary(self, story: Story) -> None:
        sender(story)
        story.given_active(number=OTHER, since="2023-06-11T00:00:00+07:00")
        boundary = at("2023-08-11T00:00:00+07:00")
        story.when(TransferCredit, boundary - MICROSECOND, amount=rupiah(5000))
        assert isinstance(story.new[-1], CreditTransferReceived)

    def test_in_the_first_microsecond_of_its_waiting_period_it_is_returned(self, story: Story) -> None:
        sender(story)
        story.given_active(number=OTHER, since="2023-06-11T00:00:00+07:00")
        story.when(TransferCredit, at("2023-08-11T00:00:00+07:00"), amount=rupiah(5000))
        assert isinstance(story.new[-1], CreditTransferReturned)

    def test_what_came_back_can_be_sent_again(self, story: Story) -> None:
        sender(story)
        story.given(TransferCredit, NOW, amount=rupiah(90000))
        story.given_active(number=OTHER, since=NOW)
        story.when(TransferCredit, NOW, amount=rupiah(90000)).then(
            event(CreditTransferSent), event(CreditTransferReceived)
        )


class TestReturnToASenderClosedMeanwhile:
    """The two halves may lie in different partitions; then the sender may be gone when its credit comes back."""

    def line(self) -> Line:
        """A sender whose credit is on its way, on a line of its own."""
        line = Line(NUMBER, TermsBook(BUNDLED.values()))
        self.do(line, IssueStarterPack, BOUGHT, terms=SP23, printed_credit=0, valid_until=30000)
        self.do(line, Activate, BOUGHT, channel="web", customer="customer-1", registration="verified")
        self.do(line, TopUp, BOUGHT, credit=rupiah(100000), price=0, channel="web")
        self.do(line, TransferCredit, NOW, to_msisdn=OTHER, amount=rupiah(20000))
        return line

    def do(self, line: Line, command: type[LineCommand], when: int, **fields: Any) -> list[Event]:
        line.cause = Cause(when, "x", b"", "system")
        line.advance(when)
        decide(line, command(at=when, command_id="x", msisdn=NUMBER, **fields))
        line.advance(when)
        happened = line.collect()
        for one in happened:
            check_event(one)
        return happened

    def give_back(self, line: Line, when: int) -> list[Event]:
        return self.do(
            line,
            ReturnCreditTransfer,
            when,
            transfer=f"{NUMBER}#1/x",
            account=f"{NUMBER}#1",
            to_msisdn=OTHER,
            amount=rupiah(20000),
            fee=rupiah(1500),
            refusal="waiting",
        )

    def test_to_a_live_sender_it_is_credit_again(self) -> None:
        line = self.line()
        (returned,) = self.give_back(line, NOW + DAY)
        assert isinstance(returned, CreditTransferReturned)
        assert (returned.to_breakage, prepaid(line.current).credit) == (False, rupiah(100000))

    @pytest.mark.parametrize("how", ["terminated", "deactivated"])
    def test_to_a_closed_sender_it_is_breakage(self, how: str) -> None:
        line, moment = self.line(), NOW + DAY
        if how == "terminated":
            self.do(line, Terminate, moment, ground="b")
        else:
            moment = NOW + 300 * DAY
            self.do(line, AdvanceTime, moment)
        assert line.current.state == how
        returned = self.give_back(line, moment)[-1]
        assert isinstance(returned, CreditTransferReturned)
        assert (returned.to_breakage, prepaid(line.current).credit) == (True, 0)
        assert {"account": "operator/breakage", "unit": "PULSA", "amount": rupiah(21500)} in returned.postings

    def test_also_when_the_number_has_a_next_account(self) -> None:
        line = self.line()
        self.do(line, Terminate, NOW + 1, ground="b")
        self.do(
            line,
            ReclaimNumber,
            NOW + 2,
            customer="customer-1",
            terms=XP25,
            decision="approved",
            decided_by="staff-1",
            fee_paid=None,
        )
        (returned,) = self.give_back(line, NOW + 3)
        assert (returned.account, line.current.id) == (f"{NUMBER}#1", f"{NUMBER}#2")
        assert prepaid(line.current).credit == 0
