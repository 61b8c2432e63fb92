"""Consent to processing that is taken back: until its limit it may be given again, then the accounts end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from ledger.domain.calendar import DAY, HOUR
from ledger.domain.commands import Command
from ledger.domain.customer.commands import AdvanceCustomer
from ledger.domain.customer.commands_of_persons import (
    Disclose,
    ErasePerson,
    GiveConsent,
    LiftPersonHold,
    RegisterCustomer,
    RequestErasure,
    SetPersonHold,
    WithdrawConsent,
)
from ledger.domain.customer.events_of_persons import (
    ConsentGiven,
    ConsentWithdrawn,
    ErasureStarted,
    PersonErased,
    ProcessingEnded,
)
from ledger.domain.line.commands import AdvanceTime, DecideRightsTransfer, RequestRightsTransfer, Terminate
from ledger.domain.line.dispute_commands import OpenDispute
from ledger.domain.postpaid.commands import ReceivePayment
from ledger.domain.prepaid.commands import ReclaimNumber
from tests.domain.erasing import ID, NOW, SECOND, ended, is_erased, names, reasons
from tests.given import MICROSECOND, NUMBER, OTHER, PERSON, THIRD, Story, event, rupiah

LIMIT = NOW + 72 * HOUR
DISPUTED = {"about": "balance", "claimed": 0, "unit": "PULSA", "refers_to": None}


@pytest.fixture
def registered(story: Story) -> Story:
    return story.given(RegisterCustomer, NOW, fields=["name", "email"])


@pytest.mark.clause("PM-05")
@pytest.mark.parametrize("late", [-MICROSECOND, 0, MICROSECOND])
def test_consent_to_processing_may_be_given_again_until_its_limit(registered: Story, late: int) -> None:
    registered.when(WithdrawConsent, NOW, purpose="processing").then(
        event(ConsentWithdrawn, purpose="processing", limit_at=LIMIT, clause="PM-05")
    )
    registered.when(GiveConsent, LIMIT + late, purpose="processing")
    if late < 0:
        registered.then(event(ConsentGiven))
        registered.when(AdvanceCustomer, LIMIT + DAY).then()
        return
    registered.refused(
        "erased",
        event(ProcessingEnded, effective_at=LIMIT),
        event(ErasureStarted, reason="consent", effective_at=LIMIT),
        event(PersonErased, effective_at=LIMIT),
    )


@pytest.mark.clause("PM-05")
def test_then_accounts_end_as_by_the_customer_and_what_is_owed_delays_the_erasure_only(
    registered: Story,
) -> None:
    registered.given_active(since=NOW, credit=rupiah(5000), customer=ID)
    registered.given_contract(NOW, msisdn=OTHER, customer=ID)
    registered.given_active(since=NOW, number=THIRD, customer=ID).given(Terminate, NOW, msisdn=THIRD)
    registered.given(WithdrawConsent, NOW, purpose="processing")
    registered.given(AdvanceCustomer, LIMIT)
    [over] = [one for one in registered.events() if isinstance(one, ProcessingEnded)]
    assert (over.clause, over.accounts) == ("PM-05", [f"{NUMBER}#1", SECOND])
    assert (registered.state(), registered.credit()) == ("terminated", 0)
    contract = registered.contract(number=OTHER)
    assert contract.state == "terminated"
    assert contract.owed > 0
    told = names(registered.of_number(OTHER))
    assert "UnsubscribeRequested" in told
    assert told.index("PenaltyCharged") < told.index("BillIssued") < told.index("Terminated")
    assert {of for of, _ in reasons(registered)} == {SECOND}
    registered.given(
        ReceivePayment, LIMIT + 1, msisdn=OTHER, reference="p1", amount=contract.owed, method="cash"
    )
    registered.given(AdvanceTime, LIMIT + 300 * DAY, msisdn=OTHER)
    assert is_erased(registered)


def test_a_hold_delays_the_erasure_and_not_the_end(registered: Story) -> None:
    registered.given_active(since=NOW, customer=ID)
    registered.given(SetPersonHold, NOW).given(WithdrawConsent, NOW, purpose="processing")
    registered.given(AdvanceCustomer, LIMIT)
    assert registered.state() == "terminated"
    assert reasons(registered) == [(PERSON, "legal-hold")]
    registered.given(LiftPersonHold, LIMIT + DAY)
    assert is_erased(registered)


# --- at any rhythm ----------------------------------------------------------------------------------------------------


def lived(ticks: Sequence[tuple[type[Command], int]], *, again: bool = False) -> Story:
    """Consent is withdrawn (and given `again` in time); then time is noticed by these, and what is bought is asked."""
    story = Story(None).given(RegisterCustomer, NOW, fields=["name"])
    story.given_active(since=NOW, credit=rupiah(50_000), customer=ID)
    story.given_contract(NOW, msisdn=OTHER, customer=ID)
    story.given(WithdrawConsent, NOW, purpose="processing")
    if again:
        story.given(GiveConsent, LIMIT - MICROSECOND, purpose="processing")
    for command, at in ticks:
        for msisdn in (NUMBER, OTHER) if command is AdvanceTime else (None,):
            story.given(command, at, **({} if msisdn is None else {"msisdn": msisdn}))
    for command in (AdvanceTime, AdvanceCustomer):
        story.given(command, LIMIT + 70 * DAY)
    story.given(AdvanceTime, LIMIT + 70 * DAY, msisdn=OTHER)
    return story


def of_accounts(story: Story) -> list[Any]:
    """What befell the accounts, and when it was so; not who noticed, nor what they were asked when it was noticed."""
    told = [one for number in (NUMBER, OTHER) for one in story.of_number(number) if "Erasure" not in one.name]
    return [(one.name, one.effective_at, one.postings, one.account) for one in told]


Ticks = Sequence[tuple[type[Command], int]]
PROMPT: Ticks = [(AdvanceCustomer, LIMIT), (AdvanceTime, LIMIT)]
RHYTHMS: dict[str, Ticks] = {
    "none": [],
    "the accounts alone, each week": [(AdvanceTime, LIMIT + n * 7 * DAY + 1) for n in range(9)],
    "the customer a month late": [(AdvanceTime, LIMIT + 40 * DAY), (AdvanceCustomer, LIMIT + 40 * DAY)],
    "the customer first": [(AdvanceCustomer, LIMIT + 40 * DAY), (AdvanceTime, LIMIT + 40 * DAY)],
    "a microsecond early": [(AdvanceCustomer, LIMIT - 1), (AdvanceTime, LIMIT - 1)],
}


@pytest.mark.clause("PM-05")
@pytest.mark.parametrize("rhythm", RHYTHMS)
def test_accounts_end_at_the_limit_itself_whoever_notices_when(rhythm: str) -> None:
    """So no monthly fee of after the limit is taken, and no credit lasts longer, however late the clock is."""
    prompt, seen = lived(PROMPT), lived(RHYTHMS[rhythm])
    assert of_accounts(seen) == of_accounts(prompt)
    ended = {one.account: one.effective_at for one in seen.events() if one.name == "Terminated"}
    assert ended == {f"{NUMBER}#1": LIMIT, SECOND: LIMIT}
    assert seen.balance(f"{SECOND}/billed", "IDR") == prompt.balance(f"{SECOND}/billed", "IDR") > 0


@pytest.mark.clause("PM-05")
def test_consent_given_again_in_time_keeps_the_accounts_whoever_looks_first() -> None:
    weekly: Ticks = [(AdvanceTime, LIMIT + n * 7 * DAY) for n in range(9)]
    alone, seen = lived([], again=True), lived(weekly, again=True)
    assert of_accounts(seen) == of_accounts(alone)
    assert seen.contract(number=OTHER).runs
    assert seen.state() != "terminated"
    told = [one for one in seen.events() if one.name in ("EndAnnounced", "EndCalledOff")]
    assert [one.account for one in told] == [f"{NUMBER}#1", SECOND] * 2


@pytest.mark.clause("PM-05")
def test_an_account_of_after_the_withdrawal_ends_with_the_others_and_of_after_the_limit_at_once(
    registered: Story,
) -> None:
    """The services can no longer be used: nothing that is opened later outlives the end of processing."""
    registered.given(SetPersonHold, NOW).given(WithdrawConsent, NOW, purpose="processing")
    registered.given_active(since=NOW + HOUR, credit=rupiah(5000), customer=ID)
    registered.given(AdvanceTime, LIMIT + 2 * DAY)
    assert (registered.state(LIMIT - 1), registered.state(LIMIT)) == ("active", "terminated")
    registered.given_contract(LIMIT + 3 * DAY, msisdn=OTHER, customer=ID)
    ended = [one for one in registered.of_number(OTHER) if one.name == "Terminated"]
    assert [one.effective_at for one in ended] == [LIMIT + 3 * DAY]
    assert reasons(registered)[0] == (PERSON, "legal-hold")
    registered.given_active(since=LIMIT + 4 * DAY, number=THIRD, customer=ID)
    assert registered.state(number=THIRD) == "terminated"


def test_an_account_that_is_anothers_by_then_goes_on(registered: Story) -> None:
    registered.given_active(since=NOW, customer=ID).given(WithdrawConsent, NOW, purpose="processing")
    registered.given(RequestRightsTransfer, NOW + HOUR, to_customer="c-18")
    registered.given(DecideRightsTransfer, NOW + HOUR).given(AdvanceTime, LIMIT + DAY)
    assert registered.state() == "active"


def test_whoever_holds_a_number_by_now_is_not_given_it_once_more(registered: Story) -> None:
    """So a second request for the same customer neither calls off the end that was announced, nor is told of twice."""
    registered.given_active(since=NOW, customer="c-18").given(WithdrawConsent, NOW, purpose="processing")
    for request in ("first", "second"):
        registered.given(RequestRightsTransfer, NOW, to_customer=ID, request=request)
    registered.given(DecideRightsTransfer, NOW, request="first")
    registered.when(DecideRightsTransfer, NOW, request="second").refused("not-eligible")
    registered.given(DecideRightsTransfer, NOW, request="second", decision="refused")
    assert names(registered.of_number(NUMBER)).count("EndAnnounced") == 1
    assert registered.state(LIMIT) == "terminated"


@pytest.mark.clause("PM-05")
@pytest.mark.parametrize("noticed", [True, False])
def test_an_account_of_after_the_limit_ends_at_once_though_the_person_is_erased_already(
    registered: Story, *, noticed: bool
) -> None:
    """So it ends alike, and costs alike, whether somebody looked at the limit; who is erased stays so."""
    registered.given_active(since=NOW, customer=ID).given(WithdrawConsent, NOW, purpose="processing")
    if noticed:
        registered.given(AdvanceCustomer, LIMIT)
    assert is_erased(registered) == noticed
    registered.given_contract(LIMIT + DAY, msisdn=OTHER, customer=ID)
    told = [(one.name, one.effective_at) for one in registered.of_number(OTHER)]
    assert ("EndAnnounced", LIMIT + DAY) in told
    assert ("Terminated", LIMIT + DAY) in told
    assert registered.when(ReclaimNumber, LIMIT + 2 * DAY, msisdn=OTHER, customer=ID).outcome.code == "erased"
    registered.given(AdvanceCustomer, LIMIT + 3 * DAY)
    assert (
        is_erased(registered) == noticed
    )  # the contract of after the limit is owed for, and known only to one


@pytest.mark.clause("PM-05")
def test_an_account_of_before_the_limit_ends_with_it_though_the_person_is_erased_already(
    registered: Story,
) -> None:
    """Whoever is erased on a decision, within the limit, has withdrawn consent all the same."""
    registered.given(WithdrawConsent, NOW, purpose="processing").given(ErasePerson, NOW)
    assert is_erased(registered)
    registered.given_active(since=NOW + HOUR, credit=rupiah(5000), customer=ID)
    registered.given_active(since=NOW + HOUR, number=OTHER, customer="c-18")
    registered.given(RequestRightsTransfer, NOW + HOUR, msisdn=OTHER, to_customer=ID)
    registered.given(DecideRightsTransfer, NOW + HOUR, msisdn=OTHER)
    for number in (NUMBER, OTHER):
        registered.given(AdvanceTime, LIMIT + DAY, msisdn=number)
        assert registered.state(LIMIT - 1, number=number) == "active"
        assert registered.state(LIMIT, number=number) == "terminated"


@pytest.mark.clause("PM-05")
@pytest.mark.parametrize("noticed", [True, False])
@pytest.mark.parametrize("over", [NOW, NOW + HOUR, LIMIT], ids=["before", "within", "by itself"])
def test_a_number_is_reclaimed_until_the_limit_whenever_its_account_has_ended(
    registered: Story, over: int, *, noticed: bool
) -> None:
    """And a dispute over it is opened, while nothing else is there that keeps the person."""
    for number in (NUMBER, OTHER):
        registered.given_active(since=NOW, number=number, customer=ID)
    if over == NOW:
        registered.given(Terminate, over).given(Terminate, over, msisdn=OTHER)
    registered.given(WithdrawConsent, NOW, purpose="processing")
    if over == NOW + HOUR:
        registered.given(Terminate, over).given(Terminate, over, msisdn=OTHER)
    if over < LIMIT:
        registered.given(ReclaimNumber, LIMIT - MICROSECOND, msisdn=OTHER, customer=ID)
        assert [one.name for one in registered.of_number(OTHER)][-2:] == ["NumberReclaimed", "EndAnnounced"]
    if noticed:
        registered.given(AdvanceCustomer, LIMIT)
    for late in (0, MICROSECOND, DAY):
        assert registered.when(ReclaimNumber, LIMIT + late, customer=ID).outcome.code == "erased"
        assert registered.when(OpenDispute, LIMIT + late, **DISPUTED).outcome.code == "erased"
    registered.given(AdvanceTime, LIMIT + DAY, msisdn=OTHER)
    assert registered.state(number=OTHER) == "terminated"


@pytest.mark.clause("PM-05")
@pytest.mark.parametrize("noticed", [True, False])
def test_what_is_owed_may_be_disputed_after_the_limit_and_consents_are_over(
    registered: Story, *, noticed: bool
) -> None:
    registered.given_contract(NOW, msisdn=OTHER, customer=ID)
    registered.given(GiveConsent, NOW, purpose="credit-bureau")
    registered.given(WithdrawConsent, NOW, purpose="processing")
    if noticed:
        registered.given(AdvanceCustomer, LIMIT)
    registered.given(OpenDispute, LIMIT + HOUR, msisdn=OTHER, **DISPUTED | {"unit": "IDR"})
    for command in (GiveConsent, WithdrawConsent):
        for purpose in ("processing", "offers", "credit-bureau"):
            assert registered.when(command, LIMIT + HOUR, purpose=purpose).outcome.code == "erased"
    assert registered.when(RequestErasure, LIMIT + HOUR).outcome.code == "erased"
    bureau = {"ground": "credit-bureau", "fields": ["name"], "to": "bureau"}
    assert registered.when(Disclose, LIMIT + HOUR, **bureau).outcome.code == "consent-required"


@pytest.mark.clause("PM-05")
def test_consent_given_again_in_time_lets_a_number_be_reclaimed_again(registered: Story) -> None:
    ended(registered, NUMBER)
    registered.given(WithdrawConsent, NOW, purpose="processing")
    registered.given(GiveConsent, LIMIT - MICROSECOND, purpose="processing")
    registered.given(ReclaimNumber, LIMIT + DAY, customer=ID)
    assert registered.state(LIMIT + 30 * DAY) == "inactive"


def test_a_number_that_another_has_is_not_told_of_who_had_it(registered: Story) -> None:
    registered.given_active(since=NOW, customer=ID)
    registered.given(RequestRightsTransfer, NOW, to_customer="c-18").given(DecideRightsTransfer, NOW)
    registered.given(WithdrawConsent, NOW, purpose="processing")
    registered.given(Terminate, LIMIT + DAY)
    registered.given(ReclaimNumber, LIMIT + DAY, customer="c-18")
    assert "EndAnnounced" not in names(registered.of_number(NUMBER))
