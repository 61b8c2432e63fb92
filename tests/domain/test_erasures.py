"""A person is erased in two steps: all that could stand in the way is asked, and either names itself or is bound."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from ledger.application import carrying_on
from ledger.domain.calendar import DAY
from ledger.domain.commands import Command
from ledger.domain.customer.commands import AdvanceCustomer
from ledger.domain.customer.commands_of_persons import (
    Disclose,
    ErasePerson,
    GiveConsent,
    LiftPersonHold,
    RectifyCustomer,
    RegisterCustomer,
    RequestAccess,
    RequestErasure,
    SetPersonHold,
    WithdrawConsent,
)
from ledger.domain.customer.customer import MOST_ACCOUNTS
from ledger.domain.customer.events import AccountEnded
from ledger.domain.customer.events_of_persons import (
    ErasureAsked,
    ErasureBlocked,
    ErasureRequested,
    ErasureStarted,
    PersonErased,
    PersonHoldLifted,
    PersonHoldSet,
)
from ledger.domain.events import Event
from ledger.domain.line.commands import AdvanceTime, DecideRightsTransfer, RequestRightsTransfer, Terminate
from ledger.domain.line.dispute_commands import DecideDispute, OpenDispute
from ledger.domain.line.erasure_events import ErasureAnswered, ErasureCalledOff
from ledger.domain.partition.events import CommandSetApart
from ledger.domain.postpaid.commands import (
    ReceiveDeposit,
    ReceivePayment,
    ReversePayment,
    SetLegalHold,
    SettlePayment,
)
from ledger.domain.prepaid.commands import Activate, IssueStarterPack, ReclaimNumber
from tests.given import MICROSECOND, NUMBER, OTHER, PERSON, THIRD, Story, at, event, rupiah

NOW = at("2024-03-01T10:00:00+07:00")
ID = PERSON.removeprefix("customer/")
NEXT = "customer/C" + "B" * 20
LATER = at("2024-04-25T10:00:00+07:00")
"""The first bill's due end is past."""
FIRST, SECOND = f"{NUMBER}#1", f"{OTHER}#1"


@pytest.fixture
def registered(story: Story) -> Story:
    return story.given(RegisterCustomer, NOW, fields=["name", "email"])


def of_person(story: Story, *kinds: type[Event]) -> list[Event]:
    found = [one for one in story.events() if one.account == PERSON]
    return [one for one in found if isinstance(one, kinds)] if kinds else found


def reasons(story: Story) -> list[tuple[str, str]]:
    """What was said last to stand in the way; nothing once the person is erased."""
    last = of_person(story, ErasureBlocked, PersonErased)[-1]
    return [(one["of"], one["reason"]) for one in last.objections] if isinstance(last, ErasureBlocked) else []


def is_erased(story: Story) -> bool:
    return bool(of_person(story, PersonErased))


def ended(story: Story, *numbers: str, when: int = NOW) -> Story:
    """Prepaid numbers of the person's that were activated and ended at once."""
    for number in numbers:
        story.given_active(since=when, number=number, customer=ID)
        story.given(Terminate, when, msisdn=number)
    return story


def passed_on(story: Story, *said: tuple[type[Command], dict[str, object]]) -> int:
    """A contract of the person's, whose first bill is paid by transfer, and its rights passed on; what was paid."""
    opened = at("2024-03-10T10:00:00+07:00")
    story.given(RegisterCustomer, NOW, customer=NEXT, fields=["name"])
    story.given_contract(opened, customer=ID, billing_day=1)
    for command, own in said:
        story.given(command, opened, **own)
    story.given(AdvanceTime, LATER - 20 * DAY)
    owed = story.contract().owed
    story.given(ReceivePayment, LATER - 20 * DAY, reference="p1", amount=owed, method="transfer")
    story.given(SettlePayment, LATER - 20 * DAY, reference="p1")
    story.given(RequestRightsTransfer, LATER - 20 * DAY, to_customer=NEXT.removeprefix("customer/"))
    story.given(DecideRightsTransfer, LATER - 20 * DAY)
    return owed


def names(events: Sequence[Event]) -> list[str]:
    return [one.name for one in events]


# --- asked for, held --------------------------------------------------------------------------------------------------


def test_a_person_asks_to_be_erased_once(registered: Story) -> None:
    registered.when(RequestErasure, NOW).then(event(ErasureRequested, request="e1", channel="care"))
    registered.when(RequestErasure, NOW, request="e2").refused("already-requested")


@pytest.mark.clause("PS-02")
def test_who_never_had_an_account_is_erased_at_once_and_what_there_was_is_counted(registered: Story) -> None:
    registered.given(GiveConsent, NOW).given(Disclose, NOW)
    registered.when(ErasePerson, NOW).then(
        event(ErasureStarted, reason="decided", decided_by="staff-1", approved_by="staff-2"),
        event(PersonErased, accounts=0, fields=2, consents=1, disclosures=1),
    )


@pytest.mark.parametrize("by", ["staff-1", "system"])
def test_an_erasure_is_approved_by_somebody_else(registered: Story, by: str) -> None:
    registered.when(ErasePerson, NOW, approved_by=by).refused("approval-required")


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (RegisterCustomer, {"fields": ["name"]}),
        (RectifyCustomer, {}),
        (GiveConsent, {}),
        (WithdrawConsent, {}),
        (Disclose, {}),
        (RequestAccess, {}),
        (RequestErasure, {}),
        (ErasePerson, {}),
        (SetPersonHold, {}),
        (LiftPersonHold, {}),
    ],
)
def test_who_was_erased_is_nobody_for_good(registered: Story, command: type, said: dict[str, object]) -> None:
    registered.given(ErasePerson, NOW)
    registered.when(command, NOW + 1, **said).refused("erased")


@pytest.mark.parametrize("command", [ErasePerson, RequestErasure, SetPersonHold, LiftPersonHold])
def test_of_nobody_nothing_is_erased_or_held(story: Story, command: type) -> None:
    story.when(command, NOW).refused("unknown-customer")


@pytest.mark.clause("PM-06")
def test_while_a_case_runs_nothing_is_erased_and_after_it_the_erasure_goes_on(registered: Story) -> None:
    registered.when(SetPersonHold, NOW).then(event(PersonHoldSet, reference="case-7"))
    registered.when(SetPersonHold, NOW)
    assert (registered.outcome.status, registered.new) == ("repeated", [])
    registered.when(LiftPersonHold, NOW, reference="case-8").refused("unknown-hold")
    registered.given(SetPersonHold, NOW, reference="case-9")
    hold = [{"of": PERSON, "reason": "legal-hold"}]
    registered.when(ErasePerson, NOW).then(
        event(ErasureStarted), event(ErasureBlocked, objections=hold, agreed=[], nth=0)
    )
    registered.when(LiftPersonHold, NOW + 1).then(event(PersonHoldLifted))
    registered.when(LiftPersonHold, NOW + 2, reference="case-9").then(
        event(PersonHoldLifted), event(PersonErased)
    )


def test_an_erasure_is_begun_once_and_says_what_stands_in_its_way(registered: Story) -> None:
    registered.given(SetPersonHold, NOW).given(ErasePerson, NOW)
    registered.when(ErasePerson, NOW).refused("erasure-blocked")
    assert registered.outcome.message is not None
    assert f"{PERSON}: legal-hold" in registered.outcome.message


@pytest.mark.clause("PM-06")
def test_what_the_law_asks_to_be_kept_is_kept_so_long_and_then_goes_by_itself(story: Story) -> None:
    story.given(RegisterCustomer, NOW, fields=["name", "tax-number"])
    ended(story, NUMBER)
    story.given(ErasePerson, NOW + DAY)
    assert reasons(story) == [(PERSON, "retention")]
    over = story.book["privacy-smarty"].zone.plus_days(NOW, 3650)
    story.given(AdvanceCustomer, over - MICROSECOND)
    assert not is_erased(story)
    story.given(AdvanceCustomer, over)
    assert is_erased(story)


# --- accounts ---------------------------------------------------------------------------------------------------------


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


# --- by time ----------------------------------------------------------------------------------------------------------


@pytest.mark.clause("PM-06", "PS-02")
@pytest.mark.parametrize("late", [-MICROSECOND, 0, MICROSECOND])
def test_an_erasure_falls_due_once_the_longest_retention_is_over(registered: Story, late: int) -> None:
    ended(registered, NUMBER)
    over = registered.book["privacy-smarty"].zone.plus_days(NOW, 1825)
    registered.given(AdvanceCustomer, over + late)
    started = of_person(registered, ErasureStarted)
    if late < 0:
        assert started == []
        return
    assert [(one.effective_at, getattr(one, "reason", "")) for one in started] == [(over, "retention")]
    assert is_erased(registered)


def test_retention_runs_from_the_end_of_the_last_account(registered: Story) -> None:
    zone = registered.book["privacy-smarty"].zone
    ended(registered, NUMBER)
    registered.given_active(since=NOW, number=OTHER, customer=ID)
    registered.given(AdvanceCustomer, zone.plus_days(NOW, 1825))
    assert of_person(registered, ErasureStarted) == []
    registered.given(AdvanceTime, zone.plus_days(NOW, 1825), msisdn=OTHER)
    closed = registered.account(number=OTHER).closed_at
    assert closed is not None
    registered.given(AdvanceCustomer, zone.plus_days(closed, 1825))
    [started] = of_person(registered, ErasureStarted)
    assert started.effective_at == zone.plus_days(closed, 1825)
    assert is_erased(registered)


def test_in_one_instant_either_something_stands_in_the_way_or_all_is_done(registered: Story) -> None:
    """Whatever comes first: an opened account blocks; after the erasure it finds nobody."""
    registered.given(IssueStarterPack, NOW)
    registered.given(Activate, NOW, customer=ID)
    registered.given(ErasePerson, NOW)
    assert reasons(registered)
    registered.given(Terminate, NOW)
    assert is_erased(registered)
    answered = [one for one in registered.events() if isinstance(one, ErasureAnswered)]
    assert getattr(answered[-1], "objections", None) == []


# --- of many accounts -------------------------------------------------------------------------------------------------


def test_what_follows_for_the_largest_customer_is_not_taken_for_endless(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each account is brought to its end and tells of it, is asked, answers, and is called off.

    There are as many former ones at most, which are asked, answer and are called off.
    """
    each, of_former = 5, 3
    assert (each + of_former) * MOST_ACCOUNTS <= carrying_on.MOST_FOLLOWING
    numbers = (NUMBER, OTHER, THIRD)
    monkeypatch.setattr(carrying_on, "MOST_FOLLOWING", of_former * len(numbers))
    with closing(Story(tmp_path)) as story:
        story.given(RegisterCustomer, NOW, fields=["name"])
        ended(story, *numbers[1:]).given_active(since=NOW, customer=ID)
        story.given(ErasePerson, NOW)
        assert reasons(story) == [(FIRST, "live-account")]
        called_off = [one.account for one in story.events() if isinstance(one, ErasureCalledOff)]
        assert sorted(called_off) == sorted(f"{number}#1" for number in numbers[1:])
        assert not any(isinstance(one, CommandSetApart) for one in story.events())
