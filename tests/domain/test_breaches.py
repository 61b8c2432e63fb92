"""A breach of personal data: recorded with counts and no names, told in time, or overdue for everybody to see."""

from __future__ import annotations

import pytest

from ledger.domain.calendar import HOUR
from ledger.domain.customer.commands_of_breaches import AdvanceBreach, NotifyBreach, RecordBreach
from ledger.domain.customer.events_of_breaches import BreachNotified, BreachRecorded, NoticeOverdue
from tests.given import MICROSECOND, SP23, Story, at, event

NOW = at("2024-03-01T10:00:00+07:00")
FOUND = NOW - 5 * HOUR
LIMIT = FOUND + 72 * HOUR


@pytest.fixture
def breached(story: Story) -> Story:
    return story.given(RecordBreach, NOW, discovered_at=FOUND)


def test_a_breach_has_a_scope_and_counts_and_its_limit_runs_from_its_discovery(story: Story) -> None:
    story.when(RecordBreach, NOW, discovered_at=FOUND).then(
        event(
            BreachRecorded,
            account="breach/b-1",
            terms="privacy-smarty",
            scope="readings",
            fields=["name"],
            persons=2,
            discovered_at=FOUND,
            limit_at=LIMIT,
        )
    )


def test_what_makes_no_breach_is_refused(story: Story) -> None:
    story.when(RecordBreach, NOW, discovered_at=NOW + 1).refused("in-the-future")
    story.when(RecordBreach, NOW, discovered_at=NOW, fields=["religion"]).refused("no-purpose")
    story.when(RecordBreach, NOW, discovered_at=NOW, fields=[]).refused("not-eligible")
    story.when(RecordBreach, NOW, discovered_at=NOW, terms=SP23).refused("not-eligible")
    story.when(NotifyBreach, NOW).refused("unknown-breach")


def test_it_is_recorded_once_and_each_is_told_once(breached: Story) -> None:
    breached.when(RecordBreach, NOW, discovered_at=FOUND)
    assert (breached.outcome.status, breached.new) == ("repeated", [])
    breached.when(NotifyBreach, NOW).then(event(BreachNotified, to="authority", reference="letter-7"))
    breached.when(NotifyBreach, NOW)
    assert (breached.outcome.status, breached.new) == ("repeated", [])


@pytest.mark.parametrize("late", [0, MICROSECOND, 2 * MICROSECOND])
def test_who_is_not_told_by_the_limit_is_named_at_that_instant(breached: Story, late: int) -> None:
    breached.given(NotifyBreach, NOW)
    breached.when(NotifyBreach, LIMIT - MICROSECOND + late, to="persons")
    overdue = [event(NoticeOverdue, to=["persons"], effective_at=LIMIT)] if late else []
    breached.then(*overdue, event(BreachNotified, to="persons"))
    breached.when(AdvanceBreach, LIMIT + 1000 * HOUR).then()


def test_it_is_overdue_once_whoever_looks(breached: Story) -> None:
    breached.when(AdvanceBreach, LIMIT + 100 * HOUR).then(
        event(NoticeOverdue, to=["authority", "persons"], effective_at=LIMIT)
    )
    breached.when(AdvanceBreach, LIMIT + 200 * HOUR).then()
