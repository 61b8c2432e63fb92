"""What changes while a contract runs: verification, plan, limit, paper, mandates, terms, holder."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.domain.calendar import DAY
from ledger.domain.events import Event
from ledger.domain.line.commands import (
    AdvanceTime,
    Block,
    DecideRightsTransfer,
    MigrateTerms,
    RecordUsage,
    RequestRightsTransfer,
    Unblock,
)
from ledger.domain.line.events import (
    Blocked,
    NumberQuarantined,
    Terminated,
    TermsMigrated,
    Unblocked,
    UsageRefused,
)
from ledger.domain.postpaid.commands import (
    ChangePackage,
    ReceivePayment,
    RecordVerification,
    RemoveAutoDebit,
    RequestHardCopy,
    SetAutoDebit,
    SetCreditLimit,
    StopHardCopy,
    UpdateService,
)
from ledger.domain.postpaid.events import (
    AutoDebitChanged,
    AutoDebitRemoved,
    AutoDebitRequested,
    AutoDebitSet,
    ContractPeriodEnded,
    CreditLimitSet,
    HardCopyRequested,
    HardCopyStopped,
    PackageChanged,
    PackageChangeRequested,
    UsageCharged,
    VerificationFailed,
    VerificationPassed,
)
from ledger.domain.postpaid.events_of_bills import BillIssued
from tests.given import HALO, MICROSECOND, NUMBER, SE23, XE25, Story, at, day, event, rupiah

OPENED = at("2023-03-10T10:00:00+07:00")
ISSUED = at("2023-04-01T00:00:00+07:00")
OVER = at("2023-04-10T00:00:00+07:00")
"""When probation of a contract opened then is over: 31 days after the day of its opening."""


@pytest.mark.clause("SE23-22", "XE25-07")
class TestProbation:
    @pytest.mark.parametrize("registration", ["failed", "pending"])
    def test_only_what_was_paid_up_front_may_be_used(self, story: Story, registration: str) -> None:
        story.given_contract(OPENED, registration=registration, upfront_payment=rupiah(1000), reference="p1")
        account = story.contract()
        assert (account.state, account.limit, account.headroom) == ("probation", 0, rupiah(1000))
        assert account.probation_until == OVER
        story.when(RecordUsage, OPENED, quantity=200).then(event(UsageCharged, granted=185))
        story.when(RecordUsage, OPENED, quantity=180).refused("over-limit", event(UsageRefused))
        story.when(SetCreditLimit, OPENED, amount=1).refused("not-active")

    def test_a_boundary_within_it_bills_the_whole_commitment_and_its_final_bill_none(
        self, story: Story
    ) -> None:
        story.given_contract(OPENED, registration="pending")
        story.when(AdvanceTime, ISSUED).then(event(BillIssued, commitment=rupiah(100_000)))
        story.when(AdvanceTime, OVER - MICROSECOND).then()
        story.when(AdvanceTime, OVER).then(
            event(BillIssued, bill_kind="final", commitment=0, effective_at=OVER),
            event(Terminated, ground="12"),
            event(NumberQuarantined),
        )

    def test_in_2025_it_ends_with_a_block_and_no_commitment_runs_after_it(self, story: Story) -> None:
        story.given_contract(
            OPENED, terms=XE25, registration="pending", upfront_payment=rupiah(500_000), reference="p1"
        )
        story.given(AdvanceTime, ISSUED)
        story.when(AdvanceTime, OVER).then(event(Blocked, block="probation/1", scope="all", ground="12"))
        story.when(AdvanceTime, at("2023-05-01T00:00:00+07:00")).then(
            event(BillIssued, commitment=0, total=0)
        )
        story.when(RecordVerification, at("2023-05-02T00:00:00+07:00"), result="passed").then(
            event(VerificationPassed, credit_limit=rupiah(300_000)), event(Unblocked, block="probation/1")
        )
        assert story.contract().state == "active"

    def test_passed_it_is_active_with_the_plans_limit(self, story: Story) -> None:
        story.given_contract(OPENED, registration="pending")
        story.when(RecordVerification, OPENED, result="failed").then(
            event(VerificationFailed, probation_until=OVER)
        )
        story.when(RecordVerification, OPENED, result="passed").then(event(VerificationPassed))
        assert (story.contract().state, story.contract().limit) == ("active", rupiah(300_000))
        story.when(RecordVerification, OPENED, result="passed").refused("already-active")
        story.when(AdvanceTime, OVER)
        assert story.contract().state == "active"

    @pytest.mark.parametrize(("terms", "to", "ends_in"), [(SE23, XE25, Terminated), (XE25, SE23, Blocked)])
    @pytest.mark.parametrize("failed_at", [None, OPENED + DAY])
    def test_it_ends_as_the_terms_said_when_it_began(
        self, story: Story, terms: str, to: str, ends_in: type[Event], failed_at: int | None
    ) -> None:
        story.given_contract(OPENED, terms=terms, registration="verified" if failed_at else "pending")
        if failed_at:
            story.given(RecordVerification, failed_at, result="failed")
        story.given(MigrateTerms, OPENED + 2 * DAY, terms=to)
        story.given(AdvanceTime, OVER)
        assert {type(one) for one in story.new} & {Terminated, Blocked} == {ends_in}

    @pytest.mark.parametrize(
        ("failed_at", "ends"), [(OPENED + DAY, OVER), (OVER, OVER), (OVER + DAY, OVER + DAY)]
    )
    def test_failed_while_active_is_probation_again_until_then_and_past_it_the_end_at_once(
        self, story: Story, failed_at: int, ends: int
    ) -> None:
        story.given_contract(OPENED)
        story.when(RecordVerification, failed_at, result="failed")
        if failed_at < OVER:
            assert story.contract().state == "probation"
            story.given(AdvanceTime, OVER)
        ended = next(one for one in story.events() if isinstance(one, Terminated))
        assert ended.effective_at == ends


@pytest.mark.clause("SE23-07", "XE25-03")
class TestPlans:
    AFTER = at("2024-03-15T10:00:00+07:00")
    NEXT = at("2024-04-01T00:00:00+07:00")

    @pytest.fixture
    def lasting(self, story: Story) -> Story:
        return story.given_contract(OPENED, upfront_payment=rupiah(9_000_000), reference="p1")

    def test_within_the_contract_period_it_is_refused(self, lasting: Story) -> None:
        end = at("2024-03-10T00:00:00+07:00")
        lasting.given(AdvanceTime, end - MICROSECOND)
        lasting.when(ChangePackage, end - MICROSECOND, plan="elite-200").refused("in-contract")
        lasting.when(ChangePackage, end, plan="elite-200").then(
            event(ContractPeriodEnded), event(PackageChangeRequested, takes_effect_at=self.NEXT)
        )

    def test_after_it_the_last_request_holds_from_the_next_boundary(self, lasting: Story) -> None:
        lasting.given(ChangePackage, self.AFTER, plan="elite-free")
        lasting.given(ChangePackage, self.AFTER, plan="elite-200")
        lasting.when(AdvanceTime, self.NEXT)
        bill, *_, changed = lasting.new
        assert isinstance(bill, BillIssued)
        assert bill.commitment == rupiah(100_000)
        assert isinstance(changed, PackageChanged)
        assert (changed.from_plan, changed.to_plan, changed.contract_until) == (
            "elite-100",
            "elite-200",
            at("2025-04-01T00:00:00+07:00"),
        )
        assert lasting.contract().limit == rupiah(600_000)

    def test_asked_for_again_the_plan_that_holds_takes_the_change_back(self, lasting: Story) -> None:
        lasting.given(ChangePackage, self.AFTER, plan="elite-200")
        lasting.when(ChangePackage, self.AFTER, plan="elite-100").then(
            event(PackageChangeRequested, plan="elite-100", takes_effect_at=self.AFTER)
        )
        lasting.when(ChangePackage, self.AFTER, plan="elite-100").refused("not-eligible")
        lasting.given(AdvanceTime, self.NEXT)
        assert PackageChanged not in {type(one) for one in lasting.events()}
        assert lasting.contract().contract_until is None, "nor does a contract period begin anew"

    @pytest.mark.parametrize(
        ("said", "code"),
        [
            ({"plan": "elite-999"}, "unknown-plan"),
            ({"plan": "elite-100"}, "not-eligible"),
            ({"plan": "elite-200", "channel": "app"}, "not-eligible"),
        ],
    )
    def test_it_is_refused(self, lasting: Story, said: dict[str, Any], code: str) -> None:
        lasting.given(AdvanceTime, self.AFTER)
        lasting.when(ChangePackage, self.AFTER, **said).refused(code)

    @pytest.mark.clause("XE25-09")
    def test_the_operator_may_move_it_in_2025_also_within_the_contract_to_none_of_more(
        self, story: Story
    ) -> None:
        story.given_contract(OPENED, terms=XE25)
        story.given(SetCreditLimit, OPENED, amount=rupiah(123))
        until = story.contract().contract_until
        story.when(UpdateService, OPENED, plan="elite-200").refused("not-eligible")
        story.when(UpdateService, OPENED, plan="elite-free", approved_by="system").refused(
            "approval-required"
        )
        story.given(UpdateService, OPENED, plan="elite-free")
        story.when(AdvanceTime, ISSUED).then(
            event(BillIssued), event(PackageChanged, by="operator", contract_until=until)
        )
        assert (story.contract().limit, story.contract().plan) == (rupiah(123), "elite-free")

    def test_in_2023_he_may_not(self, story: Story) -> None:
        story.given_contract(OPENED)
        story.when(UpdateService, OPENED, plan="elite-free").refused("not-eligible")

    def test_the_limit_is_set_by_two(self, lasting: Story) -> None:
        lasting.when(SetCreditLimit, OPENED, amount=0, approved_by="System").refused("approval-required")
        lasting.when(SetCreditLimit, OPENED, amount=0).then(event(CreditLimitSet, credit_limit=0))


@pytest.mark.clause("SE23-08", "XE25-12")
class TestPaper:
    def test_in_2023_a_standing_order_has_the_fee_on_each_bill(self, story: Story) -> None:
        story.given_contract(OPENED, plan="elite-free")
        story.when(RequestHardCopy, OPENED).then(
            event(HardCopyRequested, bill=None, fee=0, fee_per_bill=rupiah(5000))
        )
        story.when(RequestHardCopy, OPENED).refused("not-eligible")
        story.when(AdvanceTime, ISSUED).then(event(BillIssued, total=rupiah(5550)))
        story.when(StopHardCopy, ISSUED).then(event(HardCopyStopped))
        story.when(StopHardCopy, ISSUED).refused("not-eligible")

    def test_in_2025_it_costs_once_when_it_is_asked_for(self, story: Story) -> None:
        story.given_contract(OPENED, terms=XE25, plan="elite-free")
        story.when(RequestHardCopy, OPENED).then(event(HardCopyRequested, fee=rupiah(5000), fee_per_bill=0))
        story.when(AdvanceTime, ISSUED).then(event(BillIssued, total=rupiah(5550)))

    def test_of_one_bill_it_costs_now(self, story: Story) -> None:
        story.given_contract(OPENED)
        story.when(RequestHardCopy, OPENED, bill="none").refused("unknown-bill")
        story.given(AdvanceTime, ISSUED)
        story.when(RequestHardCopy, ISSUED, bill=f"{NUMBER}-1-B0001").then(
            event(HardCopyRequested, fee=rupiah(5000), fee_per_bill=0)
        )


@pytest.mark.clause("SE23-11", "SE23-31", "XE25-04")
class TestMandates:
    TODAY = day("2023-03-10")

    def test_a_first_one_needs_no_notice_and_the_bank_is_asked_at_each_bill(self, story: Story) -> None:
        story.given_contract(OPENED)
        story.when(SetAutoDebit, OPENED, effective_on=self.TODAY).then(
            event(AutoDebitSet, takes_effect_at=OPENED)
        )
        story.when(AdvanceTime, ISSUED)
        bill, asked = story.new
        assert isinstance(bill, BillIssued)
        assert isinstance(asked, AutoDebitRequested)
        assert (asked.bill, asked.amount, asked.mandate) == (bill.bill, bill.total, "m1")

    def test_in_2025_nobody_asks(self, story: Story) -> None:
        story.given_contract(OPENED, terms=XE25)
        story.given(SetAutoDebit, OPENED, effective_on=self.TODAY)
        story.when(AdvanceTime, ISSUED).then(event(BillIssued))

    @pytest.mark.parametrize(
        ("said", "code"),
        [
            ({"effective_on": TODAY + 13}, "too-soon"),
            ({"effective_on": TODAY + 14}, None),
            ({"effective_on": TODAY, "initiated_by": "operator"}, None),
            ({"effective_on": TODAY - 1, "initiated_by": "operator"}, "too-late"),
        ],
    )
    def test_a_customers_change_needs_notice(
        self, story: Story, said: dict[str, Any], code: str | None
    ) -> None:
        story.given_contract(OPENED)
        story.given(SetAutoDebit, OPENED, effective_on=self.TODAY)
        story.when(SetAutoDebit, OPENED, mandate="m2", **said)
        assert story.outcome.code == code

    def test_it_changes_at_the_beginning_of_its_day_before_the_bill(self, story: Story) -> None:
        story.given_contract(OPENED)
        story.given(SetAutoDebit, OPENED, effective_on=day("2023-04-01"))
        story.when(AdvanceTime, ISSUED).then(
            event(AutoDebitChanged, mandate="m1", effective_at=ISSUED),
            event(BillIssued),
            event(AutoDebitRequested, mandate="m1"),
        )
        story.when(RemoveAutoDebit, ISSUED).then(event(AutoDebitRemoved, mandate="m1"))
        story.when(RemoveAutoDebit, ISSUED).refused("not-eligible")

    def test_a_bill_that_advance_has_paid_is_not_asked_for(self, story: Story) -> None:
        story.given_contract(OPENED, upfront_payment=rupiah(500_000), reference="p1")
        story.given(SetAutoDebit, OPENED, effective_on=self.TODAY)
        story.when(AdvanceTime, ISSUED)
        assert [one.name for one in story.new] == ["BillIssued", "AdvanceApplied"]


class TestMoving:
    def test_to_terms_that_have_the_plan_and_the_billing_day(self, story: Story) -> None:
        story.given_contract(OPENED)
        story.when(MigrateTerms, OPENED, terms=HALO).refused("unknown-plan")
        story.when(MigrateTerms, OPENED, terms=XE25).then(event(TermsMigrated, to_terms=XE25))
        story.when(MigrateTerms, OPENED, terms=XE25).refused("not-eligible")
        story.when(MigrateTerms, OPENED, terms="smartfren-prepaid-2023").refused("not-eligible")

    @pytest.mark.clause("XE25-05")
    def test_with_consents_in_place_of_those_before_and_else_they_stay(self, story: Story) -> None:
        story.given_contract(OPENED, consents=["deposit"])
        story.when(MigrateTerms, OPENED, terms=XE25).then(event(TermsMigrated, consents=None))
        assert story.contract().consents == ["deposit"]
        story.given(MigrateTerms, OPENED, terms=SE23, consents=[])
        assert story.contract().consents == []
        story.given(MigrateTerms, OPENED, terms=XE25, consents=["deposit"])
        assert story.contract().consents == ["deposit"]

    @pytest.mark.clause("XE25-11")
    def test_to_another_holder_only_when_nothing_is_owed(self, story: Story) -> None:
        story.given_contract(OPENED, terms=XE25)
        story.given(RecordUsage, OPENED)
        story.given(RequestRightsTransfer, OPENED)
        story.when(DecideRightsTransfer, OPENED).refused("outstanding")
        assert story.contract().holder == "customer-1", "who answers for it until then"
        story.given(ReceivePayment, OPENED, reference="p1", amount=rupiah(909), method="cash")
        story.given(DecideRightsTransfer, OPENED)
        assert story.contract().holder == "customer-2"

    def test_ids_of_the_ledgers_own_blocks_are_its_own(self, story: Story) -> None:
        story.given_contract(OPENED)
        for block in ("dunning/x", "probation/1", "ground-11/x"):
            story.when(Block, OPENED, block=block, ground="1").refused("not-eligible")
        story.given(Block, OPENED, ground="1")
        story.given(Unblock, OPENED)
        assert SE23 in {one.terms for one in story.events()}
