"""Disputes about prepaid credit: what the system says prevails, or is corrected by two persons (SE23-02)."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.domain.calendar import DAY, SECOND
from ledger.domain.line.commands import Terminate
from ledger.domain.line.dispute_commands import (
    AttachEvidence,
    DecideDispute,
    OpenDispute,
    ReopenDispute,
)
from ledger.domain.line.dispute_events import (
    DisputeOpened,
    DisputeRejected,
    DisputeReopened,
    DisputeWithdrawn,
    EvidenceAttached,
    StatementOverridden,
    SystemCorrected,
)
from ledger.domain.prepaid.commands import AdjustCredit, ChargeCredit, IssueStarterPack, TopUp, TransferCredit
from ledger.domain.prepaid.events import CreditAdjusted
from tests.given import NUMBER, OTHER, START, Story, at, event, rupiah

HOUR = 3_600 * SECOND
T = at(START)
RECEIPT = "ab" * 32


@pytest.fixture
def story() -> Story:
    """A number with a top-up of 20,000 an hour after it was activated, and a purchase of 5,000 an hour later."""
    told = Story(None).given_active()
    told.given(TopUp, T + HOUR, credit=rupiah(20_000), command_id="top-1")
    return told.given(ChargeCredit, T + 2 * HOUR, amount=rupiah(5_000), command_id="charge-1")


def opened(story: Story, when: int = T + 3 * HOUR, **fields: Any) -> Story:
    return story.when(OpenDispute, when, **fields)


def decided(story: Story, decision: str, when: int = T + 5 * HOUR, **fields: Any) -> Story:
    return story.when(DecideDispute, when, decision=decision, **fields)


class TestOpened:
    def test_it_says_what_the_system_says(self, story: Story) -> None:
        opened(story, claimed=rupiah(50_000)).then(
            event(
                DisputeOpened,
                system=rupiah(20_000),
                stood_at=T + HOUR,
                claimed=rupiah(50_000),
                statement=None,
            )
        )

    @pytest.mark.parametrize(
        ("about", "refers_to", "system"),
        [
            ("charge", "charge-1", 5_000),
            ("balance", None, 15_000),
            ("balance", "top-1", 20_000),
            ("balance", f"{NUMBER}#1/4", 15_000),
            ("top-up", f"{NUMBER}#1/3", 20_000),
        ],
    )
    def test_of_any_record(self, story: Story, about: str, refers_to: str | None, system: int) -> None:
        opened(story, about=about, refers_to=refers_to).then(event(DisputeOpened, system=rupiah(system)))

    def test_a_price_is_kept_in_rupiah(self, story: Story) -> None:
        opened(story, unit="IDR").then(event(DisputeOpened, system=rupiah(20_000), unit="IDR"))

    @pytest.mark.parametrize(
        ("fields", "code"),
        [
            ({"refers_to": "no-such-command"}, "unknown-record"),
            ({"refers_to": "charge-1"}, "unknown-record"),
            ({"refers_to": f"{NUMBER}#1/99"}, "unknown-record"),
            ({"refers_to": f"{OTHER}#1/3"}, "unknown-record"),
            ({"about": "balance", "refers_to": "no-such-command"}, "unknown-record"),
            ({"about": "charge", "refers_to": "charge-1", "unit": "IDR"}, "wrong-unit"),
            ({"about": "balance", "refers_to": None, "unit": "IDR"}, "wrong-unit"),
            ({"about": "balance", "unit": "IDR"}, "wrong-unit"),
            ({"about": "bill"}, "not-eligible"),
            ({"about": "roaming"}, "not-eligible"),
            ({"dispute": "D-1"}, "not-eligible"),
            ({"account": f"{NUMBER}#2"}, "unknown-account"),
            ({"account": f"{OTHER}#1"}, "unknown-account"),
            ({"msisdn": OTHER}, "unknown-account"),
        ],
    )
    def test_what_is_refused(self, story: Story, fields: dict[str, Any], code: str) -> None:
        opened(story, **fields).refused(code)

    def test_where_nothing_is_claimed_and_nothing_is_recorded_there_is_no_dispute(self, story: Story) -> None:
        opened(story, about="top-up", refers_to=None, claimed=0).refused("not-eligible")
        for dispute, about in (("C-1", "top-up"), ("C-2", "balance")):
            opened(story, dispute=dispute, about=about, claimed=0)
            assert story.outcome.status == "accepted", "what is there is held not to be"

    def test_an_id_is_used_once(self, story: Story) -> None:
        opened(story)
        opened(story, T + 4 * HOUR).refused("dispute-exists")

    def test_it_may_be_opened_for_180_days_of_24_hours(self, story: Story) -> None:
        opened(story, T + HOUR + 180 * DAY)
        assert story.outcome.status == "accepted"
        opened(story, T + HOUR + 180 * DAY + 1, dispute="C-2").refused("too-late")

    def test_a_transfer_is_disputed_by_what_was_sent(self, story: Story) -> None:
        story.given_active(number=OTHER)
        story.given(TopUp, T + 40 * DAY, credit=rupiah(100_000))
        story.given(TransferCredit, T + 40 * DAY, amount=rupiah(5_000), command_id="send-1")
        opened(story, T + 41 * DAY, about="transfer", refers_to="send-1").then(
            event(DisputeOpened, system=rupiah(5_000))
        )


class TestOverridden:
    def test_the_record_prevails_and_is_cited(self, story: Story) -> None:
        opened(story, claimed=rupiah(50_000))
        decided(story, "overridden").then(
            event(
                StatementOverridden,
                stated=rupiah(50_000),
                system=rupiah(20_000),
                difference=rupiah(30_000),
                known_at=T + 5 * HOUR,
                head_version=5,
                postings=[],
            )
        )
        decided(story, "rejected", T + 6 * HOUR).refused("already-decided")

    def test_where_nothing_differs_it_is_rejected(self, story: Story) -> None:
        opened(story, claimed=rupiah(20_000))
        decided(story, "overridden").refused("not-eligible")
        decided(story, "rejected").then(event(DisputeRejected))

    def test_it_has_no_amount(self, story: Story) -> None:
        opened(story)
        decided(story, "overridden", amount=rupiah(1)).refused("not-eligible")


class TestCorrected:
    def test_two_persons_correct_and_credit_is_adjusted_as_of_the_record(self, story: Story) -> None:
        opened(story, claimed=rupiah(50_000))
        decided(story, "corrected", amount=rupiah(10_000), approved_by="staff-2").then(
            event(SystemCorrected, amount=rupiah(10_000), system=rupiah(20_000), remedied=True, postings=[]),
            event(CreditAdjusted, effective_at=T + HOUR, amount=rupiah(10_000), approved_by="staff-2"),
        )
        assert story.credit() == rupiah(25_000)

    def test_what_was_taken_too_much_comes_back(self, story: Story) -> None:
        opened(story, about="charge", refers_to="charge-1", claimed=rupiah(1_000))
        decided(story, "corrected", approved_by="staff-2").then(
            event(SystemCorrected, amount=rupiah(-4_000)), event(CreditAdjusted, amount=rupiah(4_000))
        )

    def test_the_balance_then_says_so(self, story: Story) -> None:
        opened(story, about="balance", refers_to="top-1", claimed=rupiah(25_000))
        decided(story, "corrected", approved_by="staff-2")
        story.given(AdjustCredit, T + 6 * HOUR, amount=rupiah(7), effective_at=T + HOUR, actor="staff-1")
        opened(story, T + 7 * HOUR, dispute="C-2", about="balance", refers_to="top-1").then(
            event(DisputeOpened, system=rupiah(25_007))
        )

    @pytest.mark.parametrize(
        ("fields", "code"),
        [
            ({"approved_by": None}, "approval-required"),
            ({"approved_by": "Staff-1"}, "approval-required"),
            ({"approved_by": "customer-1"}, "approval-required"),
            ({"approved_by": "desk-7", "decided_by": "desk-7", "actor": "DESK-7"}, "approval-required"),
            ({"amount": rupiah(30_001)}, "above-maximum"),
            ({"amount": rupiah(-1)}, "above-maximum"),
            ({"lines": [{"kind": "usage", "amount": 1, "text": "x"}]}, "not-eligible"),
        ],
    )
    def test_what_is_refused(self, story: Story, fields: dict[str, Any], code: str) -> None:
        opened(story, claimed=rupiah(50_000))
        decided(story, "corrected", **{"approved_by": "staff-2", **fields}).refused(code)
        assert story.credit() == rupiah(15_000)

    def test_never_beyond_what_is_claimed_less_what_was_corrected_before(self, story: Story) -> None:
        opened(story, claimed=rupiah(50_000))
        decided(story, "corrected", amount=rupiah(10_000), approved_by="staff-2")
        opened(story, T + 6 * HOUR, dispute="C-2", claimed=rupiah(50_000)).then(
            event(DisputeOpened, system=rupiah(30_000))
        )
        decided(
            story, "corrected", T + 7 * HOUR, dispute="C-2", amount=rupiah(20_001), approved_by="staff-2"
        ).refused("above-maximum")
        decided(story, "overridden", T + 7 * HOUR, dispute="C-2").then(
            event(StatementOverridden, system=rupiah(30_000), difference=rupiah(20_000))
        )
        cited = [one["version"] for one in story.new[0].records]  # type: ignore[attr-defined]
        assert cited == [3, 6]

    def test_a_remedy_that_is_refused_refuses_the_decision(self, story: Story) -> None:
        story.given(ChargeCredit, T + 3 * HOUR, amount=rupiah(15_000))
        opened(story, claimed=0)
        decided(story, "corrected", approved_by="staff-2").refused("insufficient-credit")

    def test_on_an_account_that_is_closed_for_good_it_is_recorded_only(self, story: Story) -> None:
        story.given(Terminate, T + 3 * HOUR, ground="l")
        opened(story, claimed=rupiah(50_000))
        decided(story, "corrected", approved_by="staff-2").then(
            event(SystemCorrected, remedied=False, postings=[])
        )

    def test_a_former_account_is_named(self, story: Story) -> None:
        story.given(Terminate, T + 3 * HOUR, ground="l")
        later = T + 200 * DAY
        story.given(IssueStarterPack, later)
        former = f"{NUMBER}#1"
        opened(story, later, refers_to=None, claimed=1, account=former).then(
            event(DisputeOpened, account=former)
        )
        decided(story, "overridden", later, account=former).then(
            event(StatementOverridden, account=former, system=0)
        )


class TestElse:
    def test_only_who_opened_it_withdraws_it(self, story: Story) -> None:
        opened(story)
        decided(story, "withdrawn").refused("not-eligible")
        decided(story, "withdrawn", decided_by="Customer-1", actor="customer-1").then(event(DisputeWithdrawn))

    @pytest.mark.parametrize("decision", ["overridden", "corrected", "rejected", "withdrawn"])
    def test_who_decides_it_is_who_asks_for_it(self, story: Story, decision: str) -> None:
        opened(story, claimed=rupiah(50_000), opened_by="staff-3")
        more: dict[str, Any] = {"approved_by": "staff-2"} if decision == "corrected" else {}
        decided(story, decision, decided_by="staff-3", actor="staff-9", **more).refused("not-eligible")
        decided(story, decision, decided_by="staff-3", **more, actor="Staff-3")
        assert story.outcome.status == "accepted"

    def test_it_is_opened_again_once_on_new_evidence(self, story: Story) -> None:
        opened(story, claimed=rupiah(50_000))
        story.when(AttachEvidence, T + 4 * HOUR).then(event(EvidenceAttached, digest=RECEIPT))
        story.when(AttachEvidence, T + 4 * HOUR).refused("evidence-seen")
        story.when(ReopenDispute, T + 4 * HOUR).refused("not-eligible")
        decided(story, "rejected")
        story.when(AttachEvidence, T + 6 * HOUR, digest="ef" * 32).refused("already-decided")
        story.when(ReopenDispute, T + 6 * HOUR, digest=RECEIPT).refused("evidence-seen")
        story.when(ReopenDispute, T + 6 * HOUR).then(event(DisputeReopened))
        decided(story, "overridden", T + 7 * HOUR).then(event(StatementOverridden))
        story.when(ReopenDispute, T + 8 * HOUR, digest="ee" * 32).refused("already-reopened")

    def test_too_late_it_stays_decided(self, story: Story) -> None:
        opened(story)
        decided(story, "rejected")
        story.when(ReopenDispute, T + 5 * HOUR + 180 * DAY + 1)
        assert story.outcome.code == "too-late"

    def test_an_unknown_one_is_none(self, story: Story) -> None:
        decided(story, "rejected").refused("unknown-dispute")
        story.when(ReopenDispute, T + 5 * HOUR).refused("unknown-dispute")
        story.when(AttachEvidence, T + 5 * HOUR).refused("unknown-dispute")
