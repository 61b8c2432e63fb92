"""Every account of a person is asked before an erasure: it stands in the way and says why, or is bound by its word."""

from __future__ import annotations

import pytest

from ledger.domain.calendar import DAY
from ledger.domain.customer.commands import AdvanceCustomer
from ledger.domain.customer.commands_of_persons import (
    ErasePerson,
    LiftPersonHold,
    RectifyCustomer,
    RegisterCustomer,
    SetPersonHold,
)
from ledger.domain.customer.events import AccountEnded
from ledger.domain.customer.events_of_persons import ErasureAsked, ErasureBlocked, PersonErased
from ledger.domain.line.commands import AdvanceTime, DecideRightsTransfer, RequestRightsTransfer, Terminate
from ledger.domain.line.dispute_commands import DecideDispute, OpenDispute
from ledger.domain.line.erasure_events import ErasureCalledOff
from ledger.domain.postpaid.commands import ReceiveDeposit, ReceivePayment, ReversePayment, SetLegalHold
from ledger.domain.prepaid.commands import ReclaimNumber
from tests.domain.erasing import (
    FIRST,
    ID,
    LATER,
    NEXT,
    NOW,
    SECOND,
    ended,
    is_erased,
    of_person,
    passed_on,
    reasons,
)
from tests.given import NUMBER, OTHER, PERSON, THIRD, Story, at, rupiah


@pytest.fixture
def registered(story: Story) -> Story:
    return story.given(RegisterCustomer, NOW, fields=["name", "email"])


def test_a_live_account_stands_in_the_way_until_it_ends(registered: Story) -> None:
    registered.given_active(since=NOW, customer=ID)
    registered.when(ErasePerson, NOW)
    assert reasons(registered) == [(FIRST, "live-account")]
    assert not is_erased(registered)
    registered.given(Terminate, NOW + DAY)
    assert is_erased(registered)
    [gone] = of_person(registered, PersonErased)
    assert isinstance(gone, PersonErased)
    assert (gone.accounts, gone.fields, gone.consents, gone.disclosures) == (1, 2, 0, 0)


def test_accounts_of_several_numbers_are_all_asked(registered: Story) -> None:
    ended(registered, NUMBER, THIRD)
    registered.given_active(since=NOW, number=OTHER, customer=ID)
    registered.given(ErasePerson, NOW)
    [asked] = of_person(registered, ErasureAsked)
    assert getattr(asked, "accounts", None) == sorted([FIRST, SECOND, f"{THIRD}#1"])
    assert reasons(registered) == [(SECOND, "live-account")]
    registered.given(Terminate, NOW, msisdn=OTHER)
    assert is_erased(registered)
    assert len([one for one in registered.events() if isinstance(one, ErasureCalledOff)]) == 2


@pytest.mark.clause("SP23-23")
def test_an_account_that_ends_by_time_ends_for_the_person_at_its_instant(registered: Story) -> None:
    registered.given_active(since=NOW, customer=ID)
    registered.given(ErasePerson, NOW)
    registered.given(AdvanceTime, NOW + 900 * DAY)
    [end] = of_person(registered, AccountEnded)
    closed = registered.account().closed_at
    assert (end.effective_at, getattr(end, "ended_at", None)) == (closed, closed)
    assert is_erased(registered)


def test_a_dispute_stands_in_the_way_until_it_is_decided(registered: Story) -> None:
    registered.given_active(since=NOW, customer=ID)
    said = {"dispute": "C-1", "about": "balance", "claimed": 0, "unit": "PULSA", "refers_to": None}
    registered.given(OpenDispute, NOW, **said)
    registered.given(Terminate, NOW)
    registered.given(ErasePerson, NOW)
    assert reasons(registered) == [(FIRST, "open-dispute")]
    registered.given(DecideDispute, NOW + 1, dispute="C-1", decision="rejected")
    assert is_erased(registered)


def test_who_has_agreed_takes_no_dispute_and_gives_the_number_to_nobody_who_is_forgotten(
    story: Story,
) -> None:
    story.given(RegisterCustomer, NOW, fields=["name"])
    ended(story, NUMBER)
    story.given(ErasePerson, NOW)
    said = {"dispute": "C-1", "about": "balance", "claimed": 0, "unit": "PULSA", "refers_to": None}
    story.when(OpenDispute, NOW + 1, **said).refused("erased")
    story.when(ReclaimNumber, NOW + 1, customer=ID).refused("erased")


@pytest.mark.parametrize("noticed", [True, False])
def test_a_number_goes_back_to_nobody_whose_account_settles_in_the_same_breath(
    registered: Story, *, noticed: bool
) -> None:
    """Or somebody who is erased would have a number that lives."""
    opened = at("2024-03-10T10:00:00+07:00")
    registered.given_contract(opened, customer=ID)
    registered.given(Terminate, opened + DAY, ground="1", reference="r", since=None)
    owed = registered.contract().owed
    registered.given(ReceivePayment, opened + DAY + 1, reference="p1", amount=owed, method="cash")
    registered.given(ErasePerson, opened + 2 * DAY)
    assert reasons(registered) == [(FIRST, "not-settled")]
    if noticed:
        registered.given(AdvanceTime, opened + 300 * DAY)
    assert registered.when(ReclaimNumber, opened + 300 * DAY, customer=ID).outcome.code == "erased"
    assert is_erased(registered)


def test_who_had_agreed_is_free_again_where_another_objects(registered: Story) -> None:
    ended(registered, NUMBER)
    registered.given_active(since=NOW, number=OTHER, customer=ID)
    registered.given(ErasePerson, NOW)
    said = {"dispute": "C-1", "about": "balance", "claimed": 0, "unit": "PULSA", "refers_to": None}
    registered.given(OpenDispute, NOW + 1, **said)
    assert reasons(registered) == [(FIRST, "open-dispute"), (SECOND, "live-account")]
    registered.given(Terminate, NOW + 2, msisdn=OTHER)
    assert reasons(registered) == [(FIRST, "open-dispute")]
    registered.given(DecideDispute, NOW + 3, dispute="C-1", decision="rejected")
    assert is_erased(registered)


@pytest.mark.clause("SE23-25", "PM-06")
def test_a_contract_stands_in_the_way_until_it_is_settled_and_says_why(registered: Story) -> None:
    opened = at("2024-03-10T10:00:00+07:00")
    registered.given_contract(opened, customer=ID)
    registered.given(ErasePerson, opened)
    assert ("live-account") in [reason for _, reason in reasons(registered)]
    registered.given(Terminate, opened + DAY, ground="1", reference="r", since=None)
    owed = registered.contract().owed
    assert [reason for _, reason in reasons(registered)] == ["debt", "not-settled"]
    registered.given(ReceivePayment, opened + DAY + 1, reference="p1", amount=owed, method="cash")
    assert [reason for _, reason in reasons(registered)] == ["not-settled"]
    registered.given(AdvanceTime, opened + 300 * DAY)
    assert is_erased(registered)


@pytest.mark.clause("PM-06")
def test_all_that_an_account_has_against_it_is_named(registered: Story) -> None:
    opened = at("2024-03-10T10:00:00+07:00")
    registered.given_contract(opened, customer=ID)
    registered.given(ReceiveDeposit, opened, amount=rupiah(500_000))
    registered.given(ReceivePayment, opened, reference="p1", amount=rupiah(900_000), method="cash")
    registered.given(ReceivePayment, opened, reference="p2", amount=rupiah(1_000), method="transfer")
    registered.given(SetLegalHold, opened, reference="case-7")
    registered.given(ErasePerson, opened)
    mine = [reason for of, reason in reasons(registered) if of == FIRST]
    assert mine == ["live-account", "payment-pending", "advance-held", "deposit-held", "legal-hold"]


def test_an_account_that_was_the_persons_is_asked_as_well(registered: Story) -> None:
    registered.given_active(since=NOW, customer=ID)
    registered.given(RequestRightsTransfer, NOW, to_customer="C" + "B" * 20).given(DecideRightsTransfer, NOW)
    registered.given(ErasePerson, NOW)
    asked, gone = of_person(registered, ErasureAsked, PersonErased)
    assert (getattr(asked, "accounts", None), getattr(gone, "accounts", None)) == ([FIRST], 1)


def test_who_is_given_a_number_before_being_registered_is_asked_for_it(story: Story) -> None:
    story.given_active(since=NOW).given(RequestRightsTransfer, NOW, to_customer=ID)
    story.given(DecideRightsTransfer, NOW)
    story.given(RegisterCustomer, NOW, fields=["name"]).given(ErasePerson, NOW)
    assert reasons(story) == [(FIRST, "live-account")]


def test_an_account_that_joins_meanwhile_is_asked_too(registered: Story) -> None:
    registered.given(SetPersonHold, NOW).given(ErasePerson, NOW)
    registered.given_active(since=NOW, customer=ID)
    registered.given(LiftPersonHold, NOW)
    assert reasons(registered) == [(FIRST, "live-account")]


def test_one_that_joins_afterwards_comes_to_nothing(registered: Story) -> None:
    registered.given(ErasePerson, NOW)
    before = len(of_person(registered))
    registered.given_active(since=NOW, customer=ID)
    assert len(of_person(registered)) == before


@pytest.mark.clause("SP23-11")
def test_the_former_holder_of_a_number_is_erased_and_the_number_lives_on(registered: Story) -> None:
    registered.given_active(since=NOW, credit=rupiah(5000), customer=ID)
    registered.given(ErasePerson, NOW)
    registered.given(RequestRightsTransfer, NOW + 1, to_customer="C" + "B" * 20)
    registered.given(DecideRightsTransfer, NOW + 2)
    assert is_erased(registered)
    assert registered.credit() == rupiah(5000)
    said = {"dispute": "C-1", "about": "balance", "claimed": 0, "unit": "PULSA", "refers_to": None}
    registered.given(OpenDispute, NOW + 3, **said)


@pytest.mark.clause("SP23-11", "SE23-19", "PM-06")
def test_a_debt_of_ones_own_stands_in_the_way_also_where_the_number_has_passed_on(registered: Story) -> None:
    """A payment of the former holder's that is reversed opens a bill of the former holder's time."""
    owed = passed_on(registered)
    registered.given(ErasePerson, LATER, customer=NEXT)
    registered.given(ReversePayment, LATER, reference="p1")
    registered.given(ErasePerson, LATER)
    assert reasons(registered) == [(FIRST, "debt")]
    paid = {"reference": "p2", "amount": owed, "method": "cash"}
    registered.given(ReceivePayment, LATER + 1, **paid)
    assert is_erased(registered)
    assert registered.contract().holder == NEXT.removeprefix("customer/")
    assert not [one for one in registered.events() if one.account == NEXT and isinstance(one, PersonErased)]


@pytest.mark.clause("SP23-11", "PM-06")
def test_a_debt_that_comes_back_while_a_case_runs_is_named_with_it(registered: Story) -> None:
    passed_on(registered)
    registered.given(SetPersonHold, LATER).given(ErasePerson, LATER)
    registered.given(ReversePayment, LATER, reference="p1")
    assert reasons(registered) == [(PERSON, "legal-hold"), (FIRST, "debt")]
    registered.given(LiftPersonHold, LATER)
    assert reasons(registered) == [(FIRST, "debt")]


@pytest.mark.clause("PM-06")
@pytest.mark.parametrize("rhythm", [[], [1000, 3629, 3630, 3631]])
def test_such_a_debt_is_named_beside_what_the_law_keeps_and_outlasts_it(
    registered: Story, rhythm: list[int]
) -> None:
    registered.given(RectifyCustomer, NOW, fields=["tax-number"])
    owed = passed_on(registered)
    registered.given(ReversePayment, LATER, reference="p1").given(ErasePerson, LATER)
    assert reasons(registered) == [(PERSON, "retention"), (FIRST, "debt")]
    for day in [*rhythm, 3640]:
        registered.given(AdvanceCustomer, LATER + day * DAY)
    over = registered.book["privacy-smarty"].zone.plus_days(LATER - 20 * DAY, 3650)
    last = of_person(registered, ErasureBlocked)[-1]
    assert (reasons(registered), last.effective_at) == ([(FIRST, "debt")], over)
    paid = {"reference": "p2", "amount": 10 * owed, "method": "cash", "account": FIRST}
    registered.given(ReceivePayment, LATER + 3640 * DAY, **paid)
    assert is_erased(registered)


@pytest.mark.clause("SP23-11", "PM-06")
def test_what_is_held_or_disputed_on_a_number_that_has_passed_on_is_in_nobodys_way_but_the_holders(
    registered: Story,
) -> None:
    """A deposit stays its payer's, a dispute is of the account: both stay, whoever is forgotten."""
    said = {"dispute": "C-1", "about": "balance", "claimed": 0, "unit": "IDR", "refers_to": None}
    passed_on(registered, (ReceiveDeposit, {"amount": rupiah(500_000)}), (OpenDispute, said))
    registered.given(ErasePerson, LATER)
    assert is_erased(registered)
    account = registered.contract()
    assert (account.deposit, [*account.disputes]) == (rupiah(500_000), ["C-1"])
    registered.given(ErasePerson, LATER, customer=NEXT)
    blocked = [one for one in registered.events() if one.account == NEXT and isinstance(one, ErasureBlocked)]
    assert [one["reason"] for one in blocked[-1].objections] == [
        "live-account",
        "open-dispute",
        "deposit-held",
    ]
    registered.given(DecideDispute, LATER + 1, dispute="C-1", decision="rejected")


def test_a_number_that_was_activated_before_its_person_was_registered_is_known(story: Story) -> None:
    story.given_active(since=NOW, customer=ID)
    story.given(RegisterCustomer, NOW + DAY, fields=["name"])
    story.given(ErasePerson, NOW + DAY)
    assert reasons(story) == [(FIRST, "live-account")]


def test_a_number_that_comes_back_is_the_persons_again(registered: Story) -> None:
    ended(registered, NUMBER)
    registered.given(AdvanceTime, NOW + 2 * DAY)
    registered.given(ReclaimNumber, NOW + 2 * DAY, customer=ID)
    registered.given(ErasePerson, NOW + 2 * DAY)
    assert reasons(registered) == [(f"{NUMBER}#2", "live-account")]
