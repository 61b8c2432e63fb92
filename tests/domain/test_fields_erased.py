"""What is kept of a person goes class by class, each when its own retention is over; the person goes with the last."""

from __future__ import annotations

import pytest

from ledger.domain.calendar import DAY
from ledger.domain.customer.commands import AdvanceCustomer
from ledger.domain.customer.commands_of_persons import (
    Disclose,
    LiftPersonHold,
    RectifyCustomer,
    RegisterCustomer,
    SetPersonHold,
)
from ledger.domain.customer.events_of_persons import (
    CustomerRectified,
    ErasureStarted,
    FieldsErased,
    PersonHoldLifted,
)
from ledger.domain.events import Event
from ledger.domain.line.commands import Terminate
from tests.given import MICROSECOND, OTHER, PERSON, Story, at, event

NOW = at("2024-03-01T10:00:00+07:00")
EMAIL = [{"field": "email", "of": "contact"}]
pytestmark = pytest.mark.clause("PM-06", "PS-02")


@pytest.fixture
def ended(story: Story) -> Story:
    """A registered person whose only account has ended."""
    story.given(RegisterCustomer, NOW, fields=["name", "email", "address", "tax-number"])
    story.given_active(since=NOW, customer=PERSON.removeprefix("customer/"))
    return story.given(Terminate, NOW)


def after(story: Story, days: int) -> int:
    return story.book["privacy-smarty"].zone.plus_days(NOW, days)


def by_time(story: Story) -> list[tuple[str, list[str], int]]:
    kinds = (FieldsErased, ErasureStarted)
    found: list[Event] = [one for one in story.events() if isinstance(one, kinds)]
    return [
        (one.name, [kept["field"] for kept in getattr(one, "fields", [])], one.effective_at)
        if isinstance(one, FieldsErased)
        else (one.name, [], one.effective_at)
        for one in found
    ]


@pytest.mark.parametrize("late", [-MICROSECOND, 0, MICROSECOND])
def test_a_class_goes_at_the_instant_at_which_its_retention_is_over(ended: Story, late: int) -> None:
    over = after(ended, 365)
    gone = [*EMAIL, {"field": "address", "of": "address"}]
    erased = event(FieldsErased, account=PERSON, effective_at=over, fields=gone)
    ended.when(AdvanceCustomer, over + late).then(*([] if late < 0 else [erased]))
    ended.when(AdvanceCustomer, over + DAY).then(*([erased] if late < 0 else []))
    ended.when(Disclose, over + DAY, ground="support", fields=["email"]).refused("not-eligible")
    ended.when(Disclose, over + DAY, ground="support", fields=["name"])
    assert ended.outcome.code is None


@pytest.mark.parametrize("rhythm", [[], [365], [1, 365, 366, 1825, 3649]])
def test_whoever_looks_and_when_each_goes_at_its_own_instant(ended: Story, rhythm: list[int]) -> None:
    for days in rhythm:
        ended.given(AdvanceCustomer, after(ended, days))
    ended.given(AdvanceCustomer, after(ended, 4000))
    assert by_time(ended) == [
        ("FieldsErased", ["email", "address"], after(ended, 365)),
        ("FieldsErased", ["name"], after(ended, 1825)),
        ("ErasureStarted", [], after(ended, 3650)),
    ]


def test_retention_runs_from_the_end_of_the_last_account(ended: Story) -> None:
    ended.given_active(since=NOW, number=OTHER, customer=PERSON.removeprefix("customer/"))
    closed = after(ended, 20)
    ended.given(Terminate, closed, msisdn=OTHER)
    over = ended.book["privacy-smarty"].zone.plus_days(closed, 365)
    ended.when(AdvanceCustomer, over - MICROSECOND).then()
    ended.when(AdvanceCustomer, over).then(event(FieldsErased, effective_at=over))


def test_while_a_case_runs_nothing_goes_and_all_that_is_over_when_it_ends(ended: Story) -> None:
    ended.given(SetPersonHold, NOW).given(SetPersonHold, NOW, reference="case-9")
    over = after(ended, 2000)
    ended.when(AdvanceCustomer, over).then()
    ended.when(LiftPersonHold, over).then(event(PersonHoldLifted))
    gone = ["name", "email", "address"]
    ended.when(LiftPersonHold, over + 1, reference="case-9").then(
        event(PersonHoldLifted), event(FieldsErased, effective_at=over + 1)
    )
    assert by_time(ended) == [("FieldsErased", gone, over + 1)]


def test_what_is_over_is_taken_again_with_a_new_account_alone(ended: Story) -> None:
    over = after(ended, 365)
    ended.when(RectifyCustomer, over, fields=["email"]).refused("no-purpose", event(FieldsErased))
    ended.given_active(since=over, number=OTHER, customer=PERSON.removeprefix("customer/"))
    ended.when(RectifyCustomer, over, fields=["email"]).then(event(CustomerRectified, fields=EMAIL))
    ended.when(AdvanceCustomer, over + 300 * DAY).then()
