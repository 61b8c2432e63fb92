"""Accounts that live on under persons who were never registered, or are erased: named, until that is no more so."""

from __future__ import annotations

import pytest

from ledger.domain.calendar import DAY
from ledger.domain.customer.commands_of_persons import ErasePerson, RegisterCustomer
from ledger.domain.line.commands import AdvanceTime, DecideRightsTransfer, RequestRightsTransfer, Terminate
from ledger.domain.prepaid.commands import ReclaimNumber
from tests.given import NUMBER, OTHER, PERSON, THIRD, Story, at
from tests.projections.projected import asked

BEGIN = at("2023-03-10T10:00:00+07:00")
NOW = BEGIN + 90 * DAY
GONE, STRANGER = PERSON.partition("/")[2], "C" + "B" * 20
FOURTH, FIFTH = "6288100000004", "6288100000005"


def found(story: Story) -> dict[str, tuple[str, str]]:
    """Who holds each account, and why that is nobody."""
    with asked(story.path, now=NOW) as ask:
        rows = ask.held_by_nobody()
    positions = {f"0:{n}": event.account for n, event in enumerate(story.events(), 1)}
    assert all(positions[row.position] == row.account for row in rows), "each at the event that gave it"
    return {row.account: (row.customer, row.why) for row in rows}


@pytest.fixture
def story_of_nobody(story: Story) -> Story:
    """One person erased; numbers activated, opened and passed on to that person, to a stranger, and to a played id."""
    story.given(RegisterCustomer, BEGIN, fields=["name"]).given(ErasePerson, BEGIN)
    story.given_active(since=BEGIN, customer=GONE)
    story.given_contract(BEGIN, msisdn=OTHER, customer=GONE)
    story.given_active(since=BEGIN, number=THIRD, customer="c-17")
    story.given(RequestRightsTransfer, BEGIN + 1, msisdn=THIRD, to_customer=GONE)
    story.given(DecideRightsTransfer, BEGIN + 1, msisdn=THIRD)
    story.given_active(since=BEGIN, number=FOURTH, customer=STRANGER)
    story.given(Terminate, BEGIN + 2, msisdn=FOURTH).given(AdvanceTime, BEGIN + 2 * DAY, msisdn=FOURTH)
    story.given(ReclaimNumber, BEGIN + 2 * DAY, msisdn=FOURTH, customer=STRANGER)
    return story.given_active(since=BEGIN, number=FIFTH, customer="c-17")


def test_accounts_of_who_is_erased_or_unknown_are_named_however_they_became_theirs(
    story_of_nobody: Story,
) -> None:
    assert found(story_of_nobody) == {
        f"{NUMBER}#1": (GONE, "erased"),
        f"{OTHER}#1": (GONE, "erased"),
        f"{THIRD}#1": (GONE, "erased"),
        f"{FOURTH}#2": (STRANGER, "unknown"),
    }


def test_they_are_named_no_more_once_they_end_pass_on_or_their_holder_is_registered(
    story_of_nobody: Story,
) -> None:
    story_of_nobody.given(Terminate, BEGIN + 3 * DAY, ground="l")
    story_of_nobody.given(Terminate, BEGIN + 3 * DAY, msisdn=OTHER, ground="1")
    story_of_nobody.given(
        RequestRightsTransfer, BEGIN + 3 * DAY, msisdn=THIRD, request="r2", to_customer=STRANGER
    )
    story_of_nobody.given(DecideRightsTransfer, BEGIN + 3 * DAY, msisdn=THIRD, request="r2")
    assert found(story_of_nobody) == {
        f"{THIRD}#1": (STRANGER, "unknown"),
        f"{FOURTH}#2": (STRANGER, "unknown"),
    }
    story_of_nobody.given(RegisterCustomer, BEGIN + 4 * DAY, customer=f"customer/{STRANGER}", fields=["name"])
    assert found(story_of_nobody) == {}
