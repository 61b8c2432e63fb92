"""A person is erased in two steps: all that could stand in the way is asked, and either names itself or is bound."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from ledger.application import carrying_on
from ledger.domain.calendar import DAY
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
from ledger.domain.customer.events_of_persons import (
    ErasureBlocked,
    ErasureRequested,
    ErasureStarted,
    PersonErased,
    PersonHoldLifted,
    PersonHoldSet,
)
from ledger.domain.line.commands import AdvanceTime, Terminate
from ledger.domain.line.erasure_events import ErasureAnswered, ErasureCalledOff
from ledger.domain.partition.events import CommandSetApart
from ledger.domain.prepaid.commands import Activate, IssueStarterPack
from tests.domain.erasing import FIRST, ID, NOW, ended, is_erased, of_person, reasons
from tests.given import MICROSECOND, NUMBER, OTHER, PERSON, THIRD, Story, event


@pytest.fixture
def registered(story: Story) -> Story:
    return story.given(RegisterCustomer, NOW, fields=["name", "email"])


# --- asked for, held --------------------------------------------------------------------------------------------------


def test_a_person_asks_to_be_erased_once(registered: Story) -> None:
    registered.when(RequestErasure, NOW).then(event(ErasureRequested, request="e1", channel="care"))
    registered.when(RequestErasure, NOW, request="e2").refused("already-requested")


@pytest.mark.clause("PS-02")
def test_who_never_had_an_account_is_erased_at_once_and_what_there_was_is_counted(registered: Story) -> None:
    """And a request for access that was open says so: nobody answers it any more."""
    registered.given(GiveConsent, NOW).given(Disclose, NOW).given(RequestAccess, NOW, request="a-7")
    registered.when(ErasePerson, NOW).then(
        event(ErasureStarted, reason="decided", decided_by="staff-1", approved_by="staff-2"),
        event(PersonErased, accounts=0, fields=2, consents=1, disclosures=1, request="a-7"),
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
