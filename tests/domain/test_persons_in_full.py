"""Every word of a command about a person is in its event, limits are the policy's, what is said twice is said once."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.domain.bounds import MOST_OPEN
from ledger.domain.calendar import HOUR
from ledger.domain.commands import Command
from ledger.domain.customer.commands import AdvanceCustomer
from ledger.domain.customer.commands_of_breaches import NotifyBreach, RecordBreach
from ledger.domain.customer.commands_of_persons import (
    AnswerAccess,
    Disclose,
    ErasePerson,
    GiveConsent,
    LiftPersonHold,
    LiftRestriction,
    RectifyCustomer,
    RegisterCustomer,
    RequestAccess,
    RequestErasure,
    RestrictProcessing,
    SetPersonHold,
    WithdrawConsent,
)
from ledger.domain.customer.deciding_of_persons import RULES_OF_PERSONS
from ledger.domain.customer.events_of_persons import (
    AccessRequested,
    ConsentGiven,
    ConsentWithdrawn,
    ErasureBlocked,
    ErasureStarted,
    LimitBreached,
    PersonErased,
    PersonHoldSet,
    ProcessingEnded,
)
from ledger.domain.customer.privacy_terms import PrivacyTerms
from ledger.domain.terms_keys import json_of
from ledger.domain.terms_models import said_by
from ledger.errors import TermsInvalid
from tests.conftest import Tell
from tests.given import MICROSECOND, NUMBER, PERSON, POLICIES, Story, at, event

NOW = at("2024-03-01T10:00:00+07:00")
ID = PERSON.removeprefix("customer/")
SAID: list[tuple[type[Command], dict[str, Any]]] = [
    (RegisterCustomer, {"fields": ["name", "email"], "digest": "12" * 32, "source": "web-7"}),
    (RectifyCustomer, {"fields": ["email", "tax-number"], "digest": "34" * 32}),
    (GiveConsent, {"purpose": "credit-bureau", "channel": "settings"}),
    (WithdrawConsent, {"purpose": "partners", "channel": "600-600"}),
    (
        Disclose,
        {
            "to": "court-3",
            "ground": "law",
            "fields": ["tax-number"],
            "reference": "o-7",
            "approved_by": "s-9",
        },
    ),
    (RequestAccess, {"request": "a-7", "channel": "settings"}),
    (AnswerAccess, {"request": "a-7", "digest": "56" * 32}),
    (RestrictProcessing, {"channel": "settings"}),
    (LiftRestriction, {"channel": "600-600"}),
    (RequestErasure, {"request": "e-7", "channel": "settings"}),
    (SetPersonHold, {"reference": "case-8"}),
    (ErasePerson, {"decided_by": "s-8", "approved_by": "s-9"}),
    (LiftPersonHold, {"reference": "case-8"}),
]
OF_BREACHES: list[tuple[type[Command], dict[str, Any]]] = [
    (
        RecordBreach,
        {"discovered_at": NOW - HOUR, "scope": "readings-of-s-3", "fields": ["email"], "persons": 7},
    ),
    (NotifyBreach, {"to": "persons", "reference": "letter-9"}),
]


@pytest.fixture
def registered(story: Story) -> Story:
    return story.given(RegisterCustomer, NOW, fields=["name", "email"])


def test_whatever_a_command_says_stands_in_its_event(story: Story) -> None:
    assert {command for command, _ in SAID} == set(RULES_OF_PERSONS)
    for command, said in [*SAID, *OF_BREACHES]:
        story.given(command, NOW, actor="s-7", **said)
        own = story.new[0]
        told = {name: getattr(own, name) for name in said}
        if command in (RegisterCustomer, RectifyCustomer, Disclose):
            told["fields"] = [one["field"] for one in told["fields"]]
        assert (own.actor, told) == ("s-7", said), command
        assert own.terms == "privacy-smarty"


@pytest.mark.clause("PM-03", "PM-05")
def test_each_limit_is_the_policys_own(tell: Tell) -> None:
    other = json_of(POLICIES["privacy-smarty"]) | {"id": "variant"}
    rules = said_by(
        PrivacyTerms,
        other
        | {"access": {"hours": 3}, "processing": {"hours": 5}, "breach": {"hours": 7, "clause": "PS-03"}},
    )
    story = tell(rules)
    story.given(RegisterCustomer, NOW, fields=["name"], terms="variant")
    story.when(RequestAccess, NOW).then(event(AccessRequested, limit_at=NOW + 3 * HOUR))
    story.when(WithdrawConsent, NOW, purpose="processing").then(
        event(ConsentWithdrawn, limit_at=NOW + 5 * HOUR)
    )
    story.when(WithdrawConsent, NOW, purpose="offers").then(event(ConsentWithdrawn, limit_at=None))
    story.given(RecordBreach, NOW, terms="variant", discovered_at=NOW - HOUR)
    assert (story.new[0].clause, getattr(story.new[0], "limit_at", None)) == ("PS-03", NOW + 6 * HOUR)
    story.when(AdvanceCustomer, NOW + 5 * HOUR - MICROSECOND).then(
        event(LimitBreached, effective_at=NOW + 3 * HOUR)
    )
    story.given(AdvanceCustomer, NOW + 5 * HOUR)
    assert [one.effective_at for one in story.new if isinstance(one, ProcessingEnded)] == [NOW + 5 * HOUR]


@pytest.mark.clause("PM-01")
@pytest.mark.parametrize("lacking", ["identity", "tax"])
def test_no_policy_has_a_field_without_a_purpose_or_anything_twice(lacking: str) -> None:
    said = json_of(POLICIES["privacy-smarty"])
    without = [one for one in said["classes"] if one["name"] != lacking]
    with pytest.raises(TermsInvalid, match=f"the class {lacking} has no purpose"):
        said_by(PrivacyTerms, said | {"classes": without})
    for name in ("classes", "fields", "grounds"):
        with pytest.raises(TermsInvalid, match=f"{name}: one stands twice"):
            said_by(PrivacyTerms, said | {name: [*said[name], said[name][0]]})


def test_consent_is_given_once_to_each_purpose(registered: Story) -> None:
    registered.given(GiveConsent, NOW, purpose="partners")
    registered.when(GiveConsent, NOW, purpose="partners")
    assert (registered.outcome.status, registered.new) == ("repeated", [])
    registered.when(GiveConsent, NOW, purpose="processing").then(event(ConsentGiven, purpose="processing"))


@pytest.mark.clause("PM-02")
def test_consent_to_one_purpose_is_consent_to_no_other(registered: Story) -> None:
    registered.given(GiveConsent, NOW, purpose="partners")
    registered.when(Disclose, NOW, ground="credit-bureau").refused("consent-required")
    registered.when(Disclose, NOW, ground="support", fields=["religion"]).refused("no-purpose")


@pytest.mark.clause("PM-05")
def test_what_is_said_of_another_purpose_takes_no_withdrawal_back(registered: Story) -> None:
    registered.given(WithdrawConsent, NOW, purpose="processing").given(GiveConsent, NOW + 1, purpose="offers")
    registered.given(AdvanceCustomer, NOW + 72 * HOUR)
    assert isinstance(registered.new[0], ProcessingEnded)


@pytest.mark.clause("PM-06", "PS-02")
def test_of_who_never_had_an_account_retention_runs_from_the_registration(tell: Tell) -> None:
    for customer, is_erased in ((PERSON, True), ("customer/of-before", False)):
        story = tell().given(RegisterCustomer, NOW, fields=["name"], customer=customer)
        over = story.book["privacy-smarty"].zone.plus_days(NOW, 1825)
        story.when(AdvanceCustomer, over - MICROSECOND, customer=customer).then()
        story.when(AdvanceCustomer, over, customer=customer)
        erased = [event(ErasureStarted, reason="retention", effective_at=over), event(PersonErased)]
        story.then(*(erased if is_erased else []))


@pytest.mark.clause("PM-05")
def test_once_processing_has_ended_it_does_not_begin_again(registered: Story) -> None:
    registered.given(SetPersonHold, NOW).given(WithdrawConsent, NOW, purpose="processing")
    registered.given(AdvanceCustomer, NOW + 72 * HOUR)
    for purpose in (
        "processing",
        "partners",
    ):  # to the rest, neither: it is a matter of the law and of debts by now
        registered.when(GiveConsent, NOW + 73 * HOUR, purpose=purpose).refused("erased")


def test_a_case_that_comes_while_something_else_is_in_the_way_is_named_beside_it(registered: Story) -> None:
    registered.given_active(since=NOW, customer=ID).given(ErasePerson, NOW)
    live, held = [{"of": f"{NUMBER}#1", "reason": "live-account"}], [{"of": PERSON, "reason": "legal-hold"}]
    registered.when(SetPersonHold, NOW + 1).then(
        event(PersonHoldSet), event(ErasureBlocked, objections=[*held, *live])
    )
    registered.given(LiftPersonHold, NOW + 2)
    [said] = [one for one in registered.new if isinstance(one, ErasureBlocked)]
    assert said.objections == live


def test_so_many_cases_hold_a_person_and_no_more(registered: Story) -> None:
    for n in range(MOST_OPEN):
        registered.given(SetPersonHold, NOW, reference=f"case-{n}")
    registered.when(SetPersonHold, NOW, reference="one-more").refused("too-many-open")
    registered.given(LiftPersonHold, NOW, reference="case-0").given(SetPersonHold, NOW, reference="again")
