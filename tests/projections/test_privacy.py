"""What persons ask for, by when it is due, and what was disclosed of them; over both time axes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ledger.domain.calendar import HOUR
from ledger.domain.customer.commands import AdvanceCustomer
from ledger.domain.customer.commands_of_persons import (
    AnswerAccess,
    Disclose,
    GiveConsent,
    RegisterCustomer,
    RequestAccess,
)
from ledger.domain.customer.events_of_persons import FieldsErased
from ledger.domain.line.commands import Terminate
from projections.asking.questions import Questions
from projections.engine.unanswered import UnknownThen
from projections.persons.privacy import PersonalRequest, WantedRequests
from tests.given import MICROSECOND, NUMBER, PERSON, Story, at
from tests.projections.projected import NOW as LATEST
from tests.projections.projected import asked, contents, database, projected

BEGIN = at("2024-03-01T10:00:00+07:00")
LIMIT = BEGIN + 72 * HOUR
NOW = BEGIN + 1000 * HOUR
OTHER = "customer/CBBBBBBBBBBBBBBBBBBBB"


@pytest.fixture
def lived(story: Story) -> Story:
    """Two persons ask for what is kept; one is answered in time, the other one too late."""
    for customer in (PERSON, OTHER):
        story.given(RegisterCustomer, BEGIN, customer=customer, fields=["name", "email"])
        story.given(RequestAccess, BEGIN, customer=customer, request="a")
    story.given(AnswerAccess, LIMIT - MICROSECOND, customer=PERSON, request="a")
    story.given(AnswerAccess, LIMIT, customer=OTHER, request="a")
    story.given(GiveConsent, LIMIT, customer=PERSON, purpose="partners")
    story.given(
        Disclose, LIMIT, customer=PERSON, ground="partner", fields=["email"], to="bank-1", reference="r-9"
    )
    return story.reopen()


def of(story: Story, as_of: int, wanted: WantedRequests = WantedRequests()) -> list[PersonalRequest]:  # noqa: B008
    with asked(story.path, now=NOW) as ask:
        return ask.requests(wanted, as_of=as_of).rows


@pytest.mark.clause("PM-03")
def test_a_limit_is_breached_at_its_instant_answered_or_not(lived: Story) -> None:
    before, breached = of(lived, LIMIT - MICROSECOND), of(lived, LIMIT)
    assert [(row.customer, row.state, row.breached) for row in before] == [
        (OTHER.partition("/")[2], "open", False),
        (PERSON.partition("/")[2], "answered", False),
    ]
    assert [(row.state, row.breached, row.ended_at) for row in breached] == [
        ("answered", False, LIMIT - MICROSECOND),
        ("answered", True, LIMIT),
    ]
    assert {row.limit_at for row in breached} == {LIMIT}
    assert [row.breached for row in of(lived, LIMIT, WantedRequests(only_breached=True))] == [True]
    assert of(lived, LIMIT, WantedRequests(only_open=True)) == []
    assert [row.kind for row in of(lived, LIMIT, WantedRequests(PERSON))] == ["access"]


def test_whether_the_breach_was_recorded_changes_no_answer(lived: Story) -> None:
    lived.given(RequestAccess, LIMIT + HOUR, request="b")
    late = LIMIT + 100 * HOUR
    before = of(lived, late)
    assert (before[0].request, before[0].state, before[0].breached) == ("b", "open", True)
    lived.given(AdvanceCustomer, NOW)
    assert of(lived, late) == before


@pytest.mark.clause("PS-03", "PM-02")
def test_what_was_disclosed_is_told_to_whom_on_what_ground_and_by_whom(lived: Story) -> None:
    with asked(lived.path, now=NOW) as ask:
        [row] = ask.disclosures().rows
        assert (row.to, row.ground, row.fields, row.clause) == ("bank-1", "partner", ["email"], "PM-02")
        assert (row.asked_by, row.approved_by, row.reference) == ("system", "staff-2", "r-9")
        assert ask.disclosures(OTHER).rows == ask.disclosures(as_of=LIMIT - 1).rows == []
        assert ask.disclosures(as_of=NOW, known_at=LIMIT - 1).rows == []
        assert ask.disclosures(PERSON, as_of=LIMIT, known_at=LIMIT).rows == [row]
        for question in (ask.disclosures, lambda one: ask.requests(WantedRequests(one))):
            with pytest.raises(UnknownThen, match="customer/nobody"):
                question("nobody")


def test_the_size_of_batches_changes_no_row(lived: Story, tmp_path: Path) -> None:
    with database(tmp_path / "at-once.db") as first, database(tmp_path / "in-parts.db") as second:
        projected(first, lived.path)
        projected(second, lived.path, size=1)
        tables = [name for name in contents(first) if name.startswith("privacy_")]
        assert len(tables) == 2
        assert all(contents(first)[name] == contents(second)[name] != [] for name in tables)


@pytest.mark.clause("PM-06", "PS-02")
def test_a_class_that_goes_takes_nothing_away_of_what_was_asked_disclosed_and_agreed(
    story: Story, tmp_path: Path
) -> None:
    story.given(RegisterCustomer, BEGIN, fields=["name", "email", "address", "tax-number"])
    story.given_active(since=BEGIN, customer=PERSON.partition("/")[2])
    story.given(GiveConsent, BEGIN, purpose="partners")
    story.given(Disclose, BEGIN, ground="partner", fields=["email"])
    story.given(RequestAccess, BEGIN).given(AnswerAccess, BEGIN + HOUR)
    zone = story.book["privacy-smarty"].zone
    ended = BEGIN + HOUR
    classes, person = zone.plus_days(ended, 365), zone.plus_days(ended, 3650)
    with database(tmp_path / "live.db") as live, database(tmp_path / "fresh.db") as fresh:
        ask = projected(live, story.reopen().path, size=1)
        before = _told(ask, ended)
        assert [len(rows) for rows in before] == [1, 1, 0, 1]
        story.given(Terminate, ended)
        for recorded in (False, True):
            if recorded:
                story.given(AdvanceCustomer, classes)
            ask = projected(live, story.reopen().path, size=1)
            after = _told(ask, classes)
            assert after[:3] == before[:3]
            assert after[3] == []  # nobody holds the number any more
            assert [one.fields for one in after[1]] == [["email"]]
            assert _told(ask, ended - MICROSECOND)[3] == before[3]
        assert next(one for one in story.events() if isinstance(one, FieldsErased)).effective_at == classes
        story.given(AdvanceCustomer, person)
        ask, again = projected(live, story.reopen().path, size=1), projected(fresh, story.path)
        assert _told(ask, person) == _told(again, person)
        assert _told(ask, person - MICROSECOND)[2] == []
        assert [(one.reason, one.state, one.started_at) for one in _told(ask, person)[2]] == [
            ("retention", "erased", person)
        ]
        tables = [name for name in contents(live) if name.startswith(("privacy_", "preferences_"))]
        assert len(tables) == 3
        assert all(contents(live)[name] == contents(fresh)[name] for name in tables)


def _told(ask: Questions, as_of: int) -> list[list[Any]]:
    """What was asked, disclosed, is to be erased, and is agreed to by number."""
    then: dict[str, Any] = {"as_of": as_of, "known_at": LATEST}
    requests = ask.requests(WantedRequests(PERSON), **then).rows
    return [
        [*requests],
        [*ask.disclosures(PERSON, **then).rows],
        [*ask.erasures(PERSON, **then).rows],
        [*ask.preferences(NUMBER, **then).rows],
    ]
