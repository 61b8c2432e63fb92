"""From the opening to the bill: use within the limit, the boundary, the commitment's shortfall, tax."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.domain.line.commands import AdvanceTime, RecordUsage, ReplaceCard, Terminate
from ledger.domain.line.events import CardReplaced, NumberQuarantined, Terminated, UsageRecorded, UsageRefused
from ledger.domain.postpaid.commands import ChangePackage, OpenContract, ReceivePayment
from ledger.domain.postpaid.events import ContractOpened, ContractPeriodEnded, UsageCharged
from ledger.domain.postpaid.events_of_bills import AdvanceApplied, BillIssued
from ledger.domain.postpaid.events_of_payments import PaymentReceived, PaymentSettled
from ledger.domain.prepaid.commands import IssueStarterPack, TopUp
from ledger.errors import TermsInvalid
from tests.conftest import Tell
from tests.given import (
    HALO,
    MICROSECOND,
    NUMBER,
    SE23,
    SP23,
    XE25,
    Story,
    at,
    contract_terms,
    day,
    event,
    rupiah,
)

OPENED = at("2023-03-10T10:00:00+07:00")
BOUNDARY = at("2023-04-01T00:00:00+07:00")
FIRST_BILL = f"{NUMBER}-1-B0001"
TERMS = pytest.mark.parametrize("terms", [SE23, XE25])


@pytest.fixture
def opened(story: Story) -> Story:
    return story.given_contract(OPENED)


class TestOpening:
    @TERMS
    def test_a_number_that_is_available_gets_a_contract(self, story: Story, terms: str) -> None:
        story.when(OpenContract, OPENED, terms=terms, consents=["deposit"]).then(
            event(
                ContractOpened,
                account=f"{NUMBER}#1",
                plan="elite-100",
                commitment=rupiah(100_000),
                credit_limit=rupiah(300_000),
                consents=["deposit"],
                next_bill_at=BOUNDARY,
                contract_until=at("2024-03-10T00:00:00+07:00"),
                probation_until=None,
            )
        )
        account = story.contract()
        assert (account.state, account.headroom, account.holder) == ("active", rupiah(300_000), "customer-1")

    def test_what_is_paid_up_front_is_settled_and_kept_as_advance(self, story: Story) -> None:
        story.when(OpenContract, OPENED, upfront_payment=rupiah(50_000), reference="p1").then(
            event(ContractOpened),
            event(PaymentReceived, reference="p1", amount=rupiah(50_000), method="cash"),
            event(PaymentSettled, allocations=[], advance=rupiah(50_000)),
        )
        assert story.contract().headroom == rupiah(350_000)

    @pytest.mark.parametrize(
        ("said", "code"),
        [
            ({"upfront_payment": 1}, "reference-required"),
            ({"plan": "elite-999"}, "unknown-plan"),
            ({"terms": HALO, "plan": "halo", "billing_day": 2}, "not-eligible"),
            ({"billing_day": 32}, "not-eligible"),
            ({"terms": SP23}, "not-eligible"),
            ({"terms": "elite"}, "invalid"),
        ],
    )
    def test_it_is_refused(self, story: Story, said: dict[str, Any], code: str) -> None:
        story.when(OpenContract, OPENED, **said).refused(code)

    def test_a_number_that_has_an_account_gets_no_other(self, opened: Story) -> None:
        opened.when(OpenContract, OPENED).refused("number-not-available")
        opened.when(IssueStarterPack, OPENED).refused("number-not-available")

    @pytest.mark.clause("TS-09")
    def test_roaming_is_on_where_the_terms_say_so(self, story: Story) -> None:
        story.when(OpenContract, OPENED, terms=HALO, plan="halo").then(event(ContractOpened, roaming=True))

    def test_commands_of_prepaid_are_not_for_it(self, opened: Story) -> None:
        opened.when(TopUp, OPENED, credit=rupiah(5000)).refused("not-eligible")


@pytest.mark.clause("SE23-01", "XE25-13")
class TestUse:
    @TERMS
    def test_it_is_charged_by_the_tariff_and_takes_of_the_headroom(self, story: Story, terms: str) -> None:
        story.given_contract(OPENED, terms=terms)
        story.when(RecordUsage, OPENED, quantity=200).then(event(UsageCharged, charge=rupiah("1272.60")))
        account = story.contract()
        assert account.unbilled == account.usage.charged == rupiah("1272.60")
        assert account.headroom == rupiah("298727.40")

    def test_whole_increments_are_granted_as_far_as_the_headroom_reaches(self, tell: Tell) -> None:
        plans = [{"id": "elite-100", "title": "small", "credit_limit": "1000", "source": "test"}]
        story = tell(contract_terms(SE23, plans=plans)).given_contract(OPENED, terms="variant")
        story.when(RecordUsage, OPENED, quantity=200).then(
            event(UsageCharged, asked=200, granted=185, charge=rupiah("999.90"))
        )
        story.when(RecordUsage, OPENED, quantity=1).refused(
            "over-limit", event(UsageRefused, refusal="over-limit")
        )
        story.when(RecordUsage, OPENED, quantity=1, direction="incoming").then(event(UsageRecorded))

    def test_a_price_may_be_of_some_plans_and_late_use_has_that_of_its_time(self, tell: Tell) -> None:
        tariff: dict[str, Any] = {"id": "t", "version": "1", "in_force_from": "1990-01-01"}
        one = {"service": "voice", "steps": [{"from": 0, "increment": 1, "price": "1"}]}
        other = one | {"steps": [{"from": 0, "increment": 1, "price": "2"}]}
        prices = [one | {"plans": ["elite-free"]}, other]
        terms = contract_terms(SE23, tariffs=[tariff | {"prices": prices}])
        story = tell(terms).given_contract(OPENED, terms="variant", plan="elite-free")
        story.given(ChangePackage, OPENED, plan="elite-100")
        story.when(RecordUsage, BOUNDARY - 1, quantity=10).then(event(UsageCharged, charge=rupiah(10)))
        story.given(AdvanceTime, BOUNDARY)
        story.when(RecordUsage, BOUNDARY, quantity=10).then(event(UsageCharged, charge=rupiah(20)))
        story.when(RecordUsage, BOUNDARY, quantity=10, used_at=BOUNDARY - 1).then(
            event(UsageCharged, charge=rupiah(10))
        )
        with pytest.raises(TermsInvalid, match="none of the plans"):
            contract_terms(SE23, tariffs=[tariff | {"prices": [one | {"plans": ["elite-9"]}]}])

    def test_use_of_no_charge_is_recorded_at_no_headroom(self, tell: Tell) -> None:
        plans = [{"id": "elite-100", "title": "none", "credit_limit": "0", "source": "test"}]
        story = tell(contract_terms(SE23, plans=plans)).given_contract(OPENED, terms="variant")
        story.when(RecordUsage, OPENED, destination="free").then(event(UsageRecorded))

    def test_a_new_card_is_charged_on_the_next_bill(self, opened: Story) -> None:
        opened.when(ReplaceCard, OPENED).then(event(CardReplaced))
        assert opened.contract().charges == {"cycle/fees": rupiah(10_000)}


@pytest.mark.clause("SE23-06", "XE25-03")
class TestBills:
    def test_one_is_issued_at_the_boundary_and_not_a_microsecond_before(self, opened: Story) -> None:
        opened.when(AdvanceTime, BOUNDARY - MICROSECOND).then()
        opened.when(AdvanceTime, BOUNDARY).then(
            event(
                BillIssued,
                effective_at=BOUNDARY,
                bill=FIRST_BILL,
                number=1,
                bill_kind="cycle",
                period_since=OPENED,
                period_until=BOUNDARY,
                issued_on=day("2023-04-01"),
                due_on=day("2023-04-21"),
                due_until=at("2023-04-22T00:00:00+07:00"),
                next_bill_at=at("2023-05-01T00:00:00+07:00"),
            )
        )

    def test_noticed_later_it_is_the_same(self, opened: Story, tell: Tell) -> None:
        opened.given(AdvanceTime, BOUNDARY)
        later = tell().given_contract(OPENED)
        later.when(RecordUsage, BOUNDARY + MICROSECOND).then(
            event(BillIssued, effective_at=BOUNDARY, recorded_at=BOUNDARY + MICROSECOND), event(UsageCharged)
        )
        (bill,) = [one for one in later.new if isinstance(one, BillIssued)]
        (other,) = [one for one in opened.new if isinstance(one, BillIssued)]
        assert {**bill.__dict__, "recorded_at": 0} == {**other.__dict__, "recorded_at": 0}

    def test_a_command_at_the_boundary_comes_after_it(self, opened: Story) -> None:
        opened.when(RecordUsage, BOUNDARY, quantity=180).then(event(BillIssued), event(UsageCharged))
        assert opened.contract().charges == {"cycle/usage": rupiah(909)}

    def test_the_first_has_its_days_of_the_commitment(self, opened: Story) -> None:
        commitment = (100_000_00 * 22 * 2 + 31) // (31 * 2)  # from 10 March through the 31st
        opened.when(AdvanceTime, BOUNDARY).then(
            event(
                BillIssued,
                commitment=commitment,
                taxable=commitment,
                total=commitment + opened_tax(commitment),
            )
        )

    def test_of_a_contract_from_the_beginning_of_its_cycle_it_has_all(self, story: Story) -> None:
        story.given_contract(at("2023-03-01T23:59:59.999999+07:00"))
        story.when(AdvanceTime, BOUNDARY).then(event(BillIssued, commitment=rupiah(100_000)))

    def test_a_first_cycle_may_cost_all_of_it(self, tell: Tell) -> None:
        billing = {"source": "test", "first_cycle": "full"}
        story = tell(contract_terms(SE23, billing=billing)).given_contract(OPENED, terms="variant")
        story.when(AdvanceTime, BOUNDARY).then(event(BillIssued, commitment=rupiah(100_000)))

    def test_use_counts_against_the_commitment_and_more_than_it_is_owed(self, opened: Story) -> None:
        opened.given(ReceivePayment, BOUNDARY, reference="p1", amount=rupiah(500_000), method="cash")
        opened.given(RecordUsage, BOUNDARY, quantity=180)
        opened.given(ReplaceCard, BOUNDARY)
        opened.given(AdvanceTime, at("2023-05-01T00:00:00+07:00"))
        (bill,) = [one for one in opened.new if isinstance(one, BillIssued)]
        assert [(line["kind"], line["amount"]) for line in bill.lines] == [
            ("usage", rupiah(909)),
            ("commitment", rupiah(99_091)),
            ("fees", rupiah(10_000)),
        ]
        assert bill.total == rupiah(122_100)
        for _ in range(120):
            opened.given(RecordUsage, at("2023-05-02T00:00:00+07:00"), quantity=180)
        opened.given(AdvanceTime, at("2023-06-01T00:00:00+07:00"))
        (bill,) = [one for one in opened.new if isinstance(one, BillIssued)]
        assert [(line["kind"], line["amount"]) for line in bill.lines] == [("usage", rupiah(909 * 120))]

    def test_a_plan_without_a_contract_period_has_no_commitment_and_its_bill_of_nothing_is_issued(
        self, story: Story
    ) -> None:
        story.given_contract(OPENED, plan="elite-free")
        story.when(AdvanceTime, BOUNDARY).then(event(BillIssued, commitment=0, lines=[], total=0))
        assert story.contract().bills == {}

    def test_late_use_goes_on_the_next_bill_whenever_it_was(self, opened: Story) -> None:
        opened.given(AdvanceTime, BOUNDARY)
        opened.when(RecordUsage, BOUNDARY, used_at=OPENED + MICROSECOND, quantity=180).then(
            event(UsageCharged, effective_at=OPENED + MICROSECOND)
        )
        assert opened.contract().unbilled == rupiah(909)

    def test_what_was_paid_in_advance_meets_it_at_once(self, story: Story) -> None:
        story.given_contract(OPENED, plan="elite-free", upfront_payment=rupiah(1000), reference="p1")
        story.given(RecordUsage, OPENED, quantity=180)
        story.when(AdvanceTime, BOUNDARY).then(
            event(BillIssued, total=opened_total(rupiah(909))),
            event(
                AdvanceApplied,
                effective_at=BOUNDARY,
                applied=[{"source": "payment/p1", "bill": FIRST_BILL, "amount": rupiah(1000)}],
            ),
        )
        account = story.contract()
        assert account.billed == opened_total(rupiah(909)) - rupiah(1000)
        assert account.payments["p1"].paid == {FIRST_BILL: rupiah(1000)}

    def test_it_carries_what_was_charged_since_the_one_before(self, opened: Story) -> None:
        opened.given(RecordUsage, OPENED)
        opened.when(AdvanceTime, BOUNDARY).then(event(BillIssued, version=3, after_version=0))
        opened.when(AdvanceTime, at("2023-05-01T00:00:00+07:00"))
        (bill,) = [one for one in opened.new if isinstance(one, BillIssued)]
        assert bill.after_version == 3


def opened_tax(taxable: int) -> int:
    return (taxable * 11 * 2 + 100) // 200


def opened_total(taxable: int) -> int:
    return taxable + opened_tax(taxable)


class TestTax:
    @pytest.mark.parametrize(
        ("opened_on", "rate"),
        [("2022-02-15", "10/100"), ("2022-03-15", "11/100"), ("2024-12-15", "11/100")],
    )
    def test_the_rate_is_that_of_the_bills_date(self, story: Story, opened_on: str, rate: str) -> None:
        opened = at(f"{opened_on}T00:00:00+07:00")
        boundary = story.book[SE23].zone.plus_months(opened, 1)
        story.given_contract(opened, billing_day=15)
        story.when(AdvanceTime, boundary)
        (bill,) = [one for one in story.new if isinstance(one, BillIssued)]
        number, of = (int(part) for part in rate.split("/"))
        assert (bill.tax_rate, bill.tax) == (rate, rupiah(100_000) * number // of)

    def test_prices_that_include_it(self, tell: Tell) -> None:
        tax = {
            "source": "test",
            "prices": "include",
            "rates": [{"in_force_from": "2022-04-01", "rate": "11/100"}],
        }
        story = tell(contract_terms(SE23, tax=tax)).given_contract(
            at("2023-03-10T00:00:00+07:00"), terms="variant", billing_day=10
        )
        story.when(AdvanceTime, at("2023-04-10T00:00:00+07:00")).then(
            event(BillIssued, total=rupiah(100_000), taxable=rupiah(100_000), tax=990991, tax_included=True)
        )


@pytest.mark.clause("SE23-07", "XE25-03")
class TestContractPeriod:
    @pytest.mark.parametrize(
        ("opened", "ends"),
        [("2023-01-31", "2024-01-31"), ("2024-02-29", "2025-02-28"), ("2023-03-10", "2024-03-10")],
    )
    def test_it_ends_at_the_same_date_and_the_contract_goes_on(
        self, story: Story, opened: str, ends: str
    ) -> None:
        end = at(f"{ends}T00:00:00+07:00")
        story.given_contract(
            at(f"{opened}T15:00:00+07:00"), upfront_payment=rupiah(5_000_000), reference="p1"
        )
        story.when(AdvanceTime, end - MICROSECOND)
        assert ContractPeriodEnded not in {type(one) for one in story.new}
        story.when(AdvanceTime, end)
        assert [(one.name, one.effective_at) for one in story.new][:1] == [("ContractPeriodEnded", end)]
        story.when(AdvanceTime, end + 40 * 86_400_000_000)
        assert any(isinstance(one, BillIssued) and one.commitment == rupiah(100_000) for one in story.new)


@pytest.mark.clause("SE23-24", "XE25-08")
class TestTheEnd:
    def test_the_final_bill_comes_first_and_all_is_due_after_that_day(self, opened: Story) -> None:
        opened.given(AdvanceTime, BOUNDARY)
        end = at("2023-04-10T12:00:00+07:00")
        opened.when(Terminate, end, ground="1").then(
            event(
                BillIssued,
                bill_kind="final",
                commitment=rupiah(100_000),
                due_until=at("2023-04-11T00:00:00+07:00"),
            ),
            event(Terminated, ground="1"),
            event(NumberQuarantined),
        )
        assert {bill.due_until for bill in opened.contract().bills.values()} == {
            at("2023-04-11T00:00:00+07:00")
        }

    def test_no_time_run_is_no_commitment(self, opened: Story) -> None:
        opened.given(AdvanceTime, BOUNDARY)
        opened.when(Terminate, BOUNDARY, ground="1").then(
            event(BillIssued, bill_kind="final", commitment=0), event(Terminated), event(NumberQuarantined)
        )

    @pytest.mark.parametrize(
        ("ended", "days"),
        [("2023-04-01T00:00:00.000001", 1), ("2023-04-11T00:00:00", 10), ("2023-04-11T00:00:00.000001", 11)],
    )
    def test_a_final_cycle_may_cost_its_days(self, tell: Tell, ended: str, days: int) -> None:
        billing = {"source": "test", "final_cycle": "prorated"}
        story = tell(contract_terms(SE23, billing=billing)).given_contract(OPENED, terms="variant")
        story.given(AdvanceTime, BOUNDARY)
        story.when(Terminate, at(f"{ended}+07:00"), ground="1")
        (bill,) = [one for one in story.new if isinstance(one, BillIssued)]
        assert bill.commitment == (rupiah(100_000) * days * 2 + 30) // 60

    def test_after_it_there_is_no_use_and_late_use_is_billed_at_the_next_boundary(
        self, opened: Story
    ) -> None:
        end = at("2023-03-20T12:00:00+07:00")
        opened.given(Terminate, end, ground="1")
        opened.when(RecordUsage, end).refused("terminated", event(UsageRefused))
        opened.when(RecordUsage, end, used_at=end - MICROSECOND, quantity=180).then(event(UsageCharged))
        opened.when(AdvanceTime, BOUNDARY)
        (bill,) = [one for one in opened.new if isinstance(one, BillIssued)]
        assert (bill.bill_kind, bill.lines) == (
            "supplementary",
            [
                {"kind": "usage", "source": "cycle", "amount": rupiah(909)},
                {"kind": "fines", "source": "cycle", "amount": rupiah(5000)},
            ],
        )
