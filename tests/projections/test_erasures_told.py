"""Erasures, what stands in their way, holds, breaches, withdrawals: as they are told, over both time axes."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.domain.calendar import DAY, HOUR
from ledger.domain.customer.commands import AdvanceCustomer
from ledger.domain.customer.commands_of_breaches import AdvanceBreach, NotifyBreach, RecordBreach
from ledger.domain.customer.commands_of_persons import (
    ErasePerson,
    GiveConsent,
    LiftPersonHold,
    LiftRestriction,
    RegisterCustomer,
    RequestAccess,
    RequestErasure,
    RestrictProcessing,
    SetPersonHold,
    WithdrawConsent,
)
from ledger.domain.line.commands import Terminate
from projections.persons.erasures_told import ErasureTold
from projections.persons.privacy import WantedRequests
from tests.given import MICROSECOND, NUMBER, PERSON, Story, at
from tests.projections.projected import asked, contents, database, projected

BEGIN = at("2024-03-01T10:00:00+07:00")
LIMIT = BEGIN + 72 * HOUR
NOW = BEGIN + 100 * DAY
ID = PERSON.partition("/")[2]


@pytest.fixture
def registered(story: Story) -> Story:
    return story.given(RegisterCustomer, BEGIN, fields=["name"])


def erasure(story: Story, as_of: int) -> ErasureTold | None:
    with asked(story.path, now=NOW) as ask:
        rows = ask.erasures(as_of=as_of).rows
        blocked = ask.erasures(PERSON, only_blocked=True, as_of=as_of).rows
        assert blocked == [row for row in rows if row.state == "blocked"]
        return rows[0] if rows else None


@pytest.mark.clause("PM-06")
def test_what_stands_in_the_way_of_an_erasure_is_told_until_it_is_done(registered: Story) -> None:
    registered.given_active(since=BEGIN, customer=ID)
    registered.given(RequestErasure, BEGIN + HOUR)
    registered.given(SetPersonHold, BEGIN + HOUR)
    registered.given(ErasePerson, BEGIN + DAY)
    registered.given(LiftPersonHold, BEGIN + 2 * DAY)
    registered.given(Terminate, BEGIN + 3 * DAY, msisdn=NUMBER, ground="l")
    registered.reopen()
    assert erasure(registered, BEGIN + DAY - 1) is None
    blocked = erasure(registered, BEGIN + DAY)
    assert blocked is not None
    assert (blocked.state, blocked.reason, blocked.decided_by, blocked.approved_by) == (
        *("blocked", "decided"),
        *("staff-1", "staff-2"),
    )
    assert blocked.objections == [{"of": PERSON, "reason": "legal-hold"}]
    alive = erasure(registered, BEGIN + 2 * DAY)
    assert alive is not None
    assert [one["of"] for one in alive.objections] == [f"{NUMBER}#1"]
    done = erasure(registered, NOW)
    assert done is not None
    assert (done.state, done.started_at, done.since, done.objections) == (
        *("erased", BEGIN + DAY, BEGIN + 3 * DAY),
        [],
    )
    with asked(registered.path, now=NOW) as ask:
        [held] = ask.holds().rows
        assert (held.reference, held.set_at, held.lifted_at) == ("case-7", BEGIN + HOUR, BEGIN + 2 * DAY)
        assert ask.holds(as_of=BEGIN + DAY).rows == [held._replace(lifted_at=None)]
        [row] = ask.requests().rows
        assert (row.kind, row.limit_at, row.state, row.ended_at) == (
            *("erasure", None, "answered"),
            BEGIN + 3 * DAY,
        )
        assert ask.preferences().rows == []


@pytest.mark.clause("PM-05")
def test_consent_to_processing_is_taken_back_until_its_limit_and_then_processing_has_ended(
    registered: Story,
) -> None:
    registered.given_active(since=BEGIN, customer=ID)
    registered.given(WithdrawConsent, BEGIN, purpose="processing").given(WithdrawConsent, BEGIN)
    registered.given(GiveConsent, BEGIN, purpose="partners")
    registered.given(GiveConsent, BEGIN + HOUR, purpose="processing")
    registered.given(WithdrawConsent, BEGIN + DAY, purpose="processing")
    registered.reopen()

    def told(as_of: int) -> list[tuple[str, int | None, bool]]:
        with asked(registered.path, now=NOW) as ask:
            rows = ask.requests(as_of=as_of).rows
            return sorted((row.state, row.ended_at, row.breached) for row in rows)

    first = ("answered", BEGIN + HOUR, False)
    assert told(BEGIN) == [("open", None, False)]
    assert told(LIMIT + DAY - MICROSECOND) == [first, ("open", None, False)]
    ended = [first, ("answered", LIMIT + DAY, False)]
    assert told(LIMIT + DAY) == ended
    with asked(registered.path, now=NOW) as ask:
        assert not ask.preferences(NUMBER, as_of=BEGIN + DAY).rows[0].offers
    registered.given(AdvanceCustomer, NOW)
    assert told(LIMIT + DAY) == ended


def test_a_restriction_is_open_until_it_is_lifted(registered: Story) -> None:
    registered.given(RestrictProcessing, BEGIN)
    registered.given(LiftRestriction, BEGIN + DAY)
    with asked(registered.path, now=NOW) as ask:
        [row] = ask.requests(WantedRequests(PERSON), as_of=BEGIN).rows
        assert (row.kind, row.state, row.limit_at) == ("restriction", "open", None)
        assert [one.state for one in ask.requests(as_of=BEGIN + DAY).rows] == ["answered"]


@pytest.mark.clause("PM-03")
def test_a_request_that_ends_unanswered_with_an_erasure_says_so_and_breaches_nothing(
    registered: Story,
) -> None:
    for command in (RequestAccess, RestrictProcessing, RequestErasure):
        registered.given(command, BEGIN)
    registered.given(ErasePerson, BEGIN + DAY)
    with asked(registered.path, now=NOW) as ask:
        assert {row.state for row in ask.requests(as_of=BEGIN).rows} == {"open"}
        rows = {row.kind: (row.state, row.ended_at, row.breached) for row in ask.requests().rows}
        assert ask.requests(WantedRequests(only_open=True)).rows == []
    ended = (BEGIN + DAY, False)
    assert rows == {
        "access": ("erased", *ended),
        "restriction": ("erased", *ended),
        "erasure": ("answered", *ended),
    }


def test_a_breach_is_overdue_from_its_limit_on_while_somebody_was_not_told(registered: Story) -> None:
    registered.given(RecordBreach, BEGIN + HOUR, discovered_at=BEGIN)
    registered.given(NotifyBreach, BEGIN + DAY)
    with asked(registered.path, now=NOW) as ask:
        [before] = ask.breaches(as_of=LIMIT - MICROSECOND).rows
        [after] = ask.breaches(only_open=True, as_of=LIMIT).rows
    assert (before.breach, before.persons, before.fields, before.discovered_at) == (
        *("b-1", 2, ["name"]),
        BEGIN,
    )
    assert (before.limit_at, before.authority_told_at, before.persons_told_at) == (LIMIT, BEGIN + DAY, None)
    assert (before.overdue, after.overdue) == (False, True)
    registered.given(AdvanceBreach, LIMIT + DAY)
    registered.given(NotifyBreach, LIMIT + 2 * DAY, to="persons")
    with asked(registered.path, now=NOW) as ask:
        assert ask.breaches(as_of=LIMIT).rows == [after]
        assert ask.breaches(as_of=LIMIT, known_at=LIMIT).rows == [after]
        assert ask.breaches(as_of=NOW, known_at=BEGIN + HOUR - MICROSECOND).rows == []
        [known] = ask.breaches(as_of=NOW, known_at=BEGIN + HOUR).rows
        assert (known.authority_told_at, known.overdue) == (None, True)
        assert ask.breaches(only_open=True).rows == []
        assert [row.overdue for row in ask.breaches().rows] == [True]


def test_told_on_the_last_instant_a_breach_is_not_overdue(registered: Story) -> None:
    registered.given(RecordBreach, BEGIN + HOUR, discovered_at=BEGIN)
    registered.given(NotifyBreach, BEGIN + DAY)
    registered.given(NotifyBreach, LIMIT - MICROSECOND, to="persons")
    with asked(registered.path, now=NOW) as ask:
        assert [row.overdue for row in ask.breaches().rows] == [False]


def test_told_at_the_limit_it_is(registered: Story) -> None:
    registered.given(RecordBreach, BEGIN, discovered_at=BEGIN).given(NotifyBreach, BEGIN)
    registered.given(NotifyBreach, LIMIT, to="persons")
    with asked(registered.path, now=NOW) as ask:
        assert [row.overdue for row in ask.breaches().rows] == [True]


def test_the_size_of_batches_changes_no_row(registered: Story, tmp_path: Path) -> None:
    registered.given(SetPersonHold, BEGIN)
    registered.given(ErasePerson, BEGIN)
    registered.given(RecordBreach, BEGIN, discovered_at=BEGIN)
    with database(tmp_path / "at-once.db") as first, database(tmp_path / "in-parts.db") as second:
        projected(first, registered.path)
        projected(second, registered.path, size=1)
        assert contents(first)["privacy_facts"] == contents(second)["privacy_facts"] != []
