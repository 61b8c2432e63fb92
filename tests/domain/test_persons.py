"""A customer as a person: registered under a policy, agreeing or not, disclosed only on a ground, answered in time."""

from __future__ import annotations

import pytest

from ledger.domain.calendar import DAY, HOUR
from ledger.domain.customer.commands import AdvanceCustomer
from ledger.domain.customer.commands_of_persons import (
    AnswerAccess,
    Disclose,
    GiveConsent,
    LiftRestriction,
    RectifyCustomer,
    RegisterCustomer,
    RequestAccess,
    RestrictProcessing,
    WithdrawConsent,
)
from ledger.domain.customer.events_of_persons import (
    AccessAnswered,
    AccessRequested,
    ConsentGiven,
    ConsentWithdrawn,
    CustomerRectified,
    CustomerRegistered,
    LimitBreached,
    PersonalDataDisclosed,
    ProcessingRestricted,
    RestrictionLifted,
)
from ledger.domain.line.commands import AdvanceTime
from ledger.domain.postpaid.commands import OpenContract
from ledger.domain.prepaid.commands import IssueStarterPack
from tests.given import MICROSECOND, NUMBER, OTHER, PERSON, SP23, Story, at, event

NOW = at("2024-03-01T10:00:00+07:00")
DIGEST = "ab" * 32
PM, PS = "privacy-smarty", "privacy-smartfren"
THEIR_OWN = ["email", "phone", "birth-date", "sex", "address", "payment-method", "bank-account"]
"""What a user may see and change (PM-03)."""
KEPT = [{"field": "name", "of": "identity"}, {"field": "email", "of": "contact"}]


@pytest.fixture
def registered(story: Story) -> Story:
    return story.given(RegisterCustomer, NOW, fields=["name", "email"])


@pytest.mark.clause("PS-01", "PM-01")
@pytest.mark.parametrize(("policy", "clause"), [(PM, "PM-01"), (PS, "PS-01")])
def test_a_person_is_registered_by_names_of_fields_and_a_digest(
    story: Story, policy: str, clause: str
) -> None:
    story.when(RegisterCustomer, NOW, fields=["name", "email"], terms=policy).then(
        event(CustomerRegistered, account=PERSON, terms=policy, clause=clause, fields=KEPT, digest=DIGEST)
    )
    story.when(RegisterCustomer, NOW, fields=["name"]).refused("customer-exists")


@pytest.mark.clause("PM-01")
@pytest.mark.parametrize("policy", [PM, PS])
def test_what_has_no_purpose_is_not_taken(story: Story, policy: str) -> None:
    """Nor what a website records of its visitors: that is no ledger's."""
    for field in ("religion", "mothers-name", "location", "device", "ip-address", "cookie", "log-data"):
        story.when(RegisterCustomer, NOW, fields=["name", field], terms=policy).refused("no-purpose")
    story.when(RegisterCustomer, NOW, fields=[]).refused("not-eligible")


def test_the_policy_has_to_be_one(story: Story) -> None:
    story.when(RegisterCustomer, NOW, fields=["name"], terms=SP23).refused("not-eligible")
    story.when(IssueStarterPack, NOW, terms=PM).refused("not-eligible")
    story.when(OpenContract, NOW, terms=PM).refused("not-eligible")


@pytest.mark.clause("PM-03")
def test_fields_are_corrected_and_added(registered: Story) -> None:
    registered.when(RectifyCustomer, NOW, fields=["email", "phone"]).then(
        event(CustomerRectified, fields=[KEPT[1], {"field": "phone", "of": "contact"}])
    )
    registered.when(RectifyCustomer, NOW, fields=["religion"]).refused("no-purpose")
    registered.when(RectifyCustomer, NOW, fields=THEIR_OWN)
    assert [one["field"] for one in registered.new[0].fields] == THEIR_OWN  # type: ignore[attr-defined]


@pytest.mark.clause("TS-20", "SP23-25", "SE23-32", "PM-04")
def test_offers_are_refused_and_allowed_again_free_of_charge(registered: Story) -> None:
    registered.when(WithdrawConsent, NOW, channel="600-600").then(
        event(ConsentWithdrawn, purpose="offers", channel="600-600", postings=[])
    )
    registered.when(WithdrawConsent, NOW)
    assert (registered.outcome.status, registered.new) == ("repeated", [])
    registered.when(GiveConsent, NOW).then(event(ConsentGiven, purpose="offers", postings=[]))
    registered.when(GiveConsent, NOW, purpose="partners").then(event(ConsentGiven, purpose="partners"))


@pytest.mark.clause("PS-03")
def test_data_go_to_who_works_under_confidence_or_by_law_and_to_nobody_else(story: Story) -> None:
    story.given(RegisterCustomer, NOW, fields=["name"], terms=PS)
    for purpose in ("partners", "credit-bureau"):
        story.given(GiveConsent, NOW, purpose=purpose)
    for ground, reference in (("support", None), ("vendor", None), ("law", "order-7")):
        story.when(Disclose, NOW, ground=ground, reference=reference).then(
            event(PersonalDataDisclosed, clause="PS-03", ground=ground, to="agency-1", actor="system")
        )
    for ground in ("partner", "affiliate", "credit-bureau", "sale"):
        story.when(Disclose, NOW, ground=ground).refused("ground-not-in-terms")
    story.when(Disclose, NOW, ground="law").refused("reference-required")


@pytest.mark.clause("PM-02")
def test_a_disclosure_has_its_ground_and_another_persons_approval(registered: Story) -> None:
    registered.when(Disclose, NOW, ground="support").then(
        event(PersonalDataDisclosed, clause="PM-02", to="agency-1", fields=KEPT[:1], approved_by="staff-2")
    )
    for ground in ("vendor", "affiliate"):
        registered.when(Disclose, NOW, ground=ground).then(event(PersonalDataDisclosed, clause="PM-02"))
    registered.when(Disclose, NOW, ground="support", approved_by="system").refused("approval-required")
    registered.when(Disclose, NOW, ground="gossip").refused("ground-not-in-terms")
    registered.when(Disclose, NOW, ground="law").refused("reference-required")
    registered.when(Disclose, NOW, ground="law", reference="order-7").then(event(PersonalDataDisclosed))
    registered.when(Disclose, NOW, ground="support", fields=["phone"]).refused("not-eligible")


@pytest.mark.clause("PM-02")
@pytest.mark.parametrize(("ground", "purpose"), [("partner", "partners"), ("credit-bureau", "credit-bureau")])
def test_a_ground_that_asks_for_consent_has_it(registered: Story, ground: str, purpose: str) -> None:
    registered.when(Disclose, NOW, ground=ground).refused("consent-required")
    registered.given(GiveConsent, NOW, purpose=purpose)
    registered.when(Disclose, NOW, ground=ground).then(event(PersonalDataDisclosed))
    registered.given(WithdrawConsent, NOW, purpose=purpose)
    registered.when(Disclose, NOW, ground=ground).refused("consent-required")


@pytest.mark.clause("PM-04")
def test_who_refuses_offers_hears_of_account_and_transactions_as_before(registered: Story) -> None:
    """Messages are sent on events: with offers refused the same ones happen to the account as without."""
    opened, until = NOW, NOW + 60 * DAY
    for number, customer in ((NUMBER, PERSON.removeprefix("customer/")), (OTHER, "c-17")):
        registered.given_contract(opened, msisdn=number, customer=customer, billing_day=10)
    registered.given(WithdrawConsent, opened, channel="600-600")
    for number in (NUMBER, OTHER):
        registered.given(AdvanceTime, until, msisdn=number)
    refusing, other = (
        [(one.name, one.effective_at) for one in registered.events() if one.account == f"{number}#1"]
        for number in (NUMBER, OTHER)
    )
    assert {"BillIssued", "BillOverdue", "DunningStepTaken"} <= {name for name, _ in refusing}
    assert refusing == other


def test_who_is_restricted_is_not_disclosed(registered: Story) -> None:
    registered.when(RestrictProcessing, NOW).then(event(ProcessingRestricted))
    registered.when(RestrictProcessing, NOW)
    assert (registered.outcome.status, registered.new) == ("repeated", [])
    registered.when(Disclose, NOW, ground="support").refused("restricted")
    registered.when(LiftRestriction, NOW).then(event(RestrictionLifted))
    registered.when(LiftRestriction, NOW).refused("not-eligible")


@pytest.mark.clause("PM-03")
@pytest.mark.parametrize("late", [0, MICROSECOND, 2 * MICROSECOND])
def test_a_request_is_answered_within_its_limit_or_the_breach_is_recorded(
    registered: Story, late: int
) -> None:
    by = NOW + 72 * HOUR
    registered.when(RequestAccess, NOW).then(event(AccessRequested, limit_at=by, clause="PM-03"))
    registered.when(RequestAccess, NOW, request="a2").refused("already-requested")
    registered.when(AnswerAccess, NOW, request="a2").refused("unknown-request")
    registered.when(AnswerAccess, by - MICROSECOND + late)
    breached = [event(LimitBreached, request="a1", effective_at=by)] if late else []
    registered.then(*breached, event(AccessAnswered, request="a1"))
    registered.when(AdvanceCustomer, by + HOUR).then()
    registered.when(RequestAccess, by + HOUR, request="a2").then(event(AccessRequested))


def test_the_breach_is_recorded_once_whoever_looks(registered: Story) -> None:
    registered.given(RequestAccess, NOW)
    registered.when(AdvanceCustomer, NOW + 100 * HOUR).then(event(LimitBreached))
    registered.when(AdvanceCustomer, NOW + 200 * HOUR).then()


@pytest.mark.parametrize(
    "command",
    [
        RectifyCustomer,
        GiveConsent,
        WithdrawConsent,
        Disclose,
        RequestAccess,
        AnswerAccess,
        RestrictProcessing,
    ],
)
def test_of_nobody_nothing_is_recorded(story: Story, command: type) -> None:
    story.when(command, NOW).refused("unknown-customer")


def test_money_does_not_ask_who_it_is(registered: Story) -> None:
    registered.given(RestrictProcessing, NOW)
    registered.given_active(since=NOW, credit=100, customer=PERSON.removeprefix("customer/"))
    assert registered.of_number(NUMBER)
