"""Accounts that move to other terms: from now on those hold, and running periods keep their ends."""

from __future__ import annotations

import pytest

from ledger.domain.calendar import DAY
from ledger.domain.line.commands import AdvanceTime, Block, MigrateTerms, RecordUsage, Unblock
from ledger.domain.line.events import NumberQuarantined, TermsMigrated, Unblocked, UsageRefused
from ledger.domain.prepaid.commands import ChargeCredit, TopUp
from ledger.domain.prepaid.events import (
    CreditToppedUp,
    Deactivated,
    GraceStarted,
    UsageDebited,
    WaitingStarted,
)
from tests.given import MICROSECOND, SP23, TELKOMSEL, XP25, Story, at, event, rupiah

NOW = at("2023-07-20T12:00:00+07:00")
GRACE = at("2023-08-03T00:00:00+07:00")
WAITING = at("2023-09-02T00:00:00+07:00")
CLOSED = at("2024-01-30T00:00:00+07:00")

PAIRS = pytest.mark.parametrize(
    ("first", "then"), [(SP23, XP25), (XP25, SP23), (SP23, TELKOMSEL), (TELKOMSEL, XP25)]
)


@pytest.mark.clause("XP25-19", "TS-12")
@PAIRS
@pytest.mark.parametrize("moment", [NOW, GRACE, WAITING - MICROSECOND])
def test_credit_and_validity_do_not_shrink_by_it(story: Story, first: str, then: str, moment: int) -> None:
    story.given_active(terms=first, credit=rupiah(9000))
    story.given(AdvanceTime, moment)
    before = story.account()
    story.when(MigrateTerms, moment, terms=then).then(
        event(
            TermsMigrated,
            effective_at=moment,
            terms=then,
            from_terms=first,
            to_terms=then,
            clause={SP23: None, XP25: "XP25-19", TELKOMSEL: "TS-12"}[then],
            postings=[],
        )
    )
    after = story.account()
    kept = ("credit", "state", "active_until", "grace_until", "holder", "blocks", "usage")
    assert [getattr(after, name) for name in kept] == [getattr(before, name) for name in kept]
    assert after.terms == then


def test_a_running_waiting_period_keeps_its_end(story: Story) -> None:
    story.given_active()
    story.given(AdvanceTime, WAITING)
    story.given(MigrateTerms, WAITING + DAY, terms=TELKOMSEL)
    story.when(AdvanceTime, CLOSED).then(
        event(Deactivated, effective_at=CLOSED, terms=TELKOMSEL, clause="TS-02"),
        event(NumberQuarantined),
    )


def test_the_next_periods_follow_the_new_terms(story: Story) -> None:
    story.given_active()
    story.given(MigrateTerms, NOW, terms=TELKOMSEL)
    story.when(AdvanceTime, at("2024-02-24T00:00:00+07:00")).then(
        event(GraceStarted, effective_at=GRACE),
        event(WaitingStarted, effective_at=WAITING, waiting_until=at("2024-02-24T00:00:00+07:00")),
        event(Deactivated),
        event(NumberQuarantined),
    )


def test_from_that_instant_on_the_other_rules_hold(story: Story) -> None:
    story.given_active(credit=rupiah(50000))
    story.given(TopUp, NOW - MICROSECOND, credit=rupiah(15000))
    assert story.account().active_until == at("2023-08-05T00:00:00+07:00")
    story.given(MigrateTerms, NOW, terms=TELKOMSEL)
    story.when(TopUp, NOW, credit=rupiah(15000)).then(
        event(
            CreditToppedUp,
            terms=TELKOMSEL,
            days=20,
            extension="cumulative",
            active_until=at("2023-08-25T00:00:00+07:00"),
        )
    )
    story.when(RecordUsage, NOW).refused("not-eligible", event(UsageRefused, terms=TELKOMSEL))
    story.when(Block, NOW, ground="l").refused("ground-not-in-terms")


def test_a_block_set_under_the_terms_before_stands_on(story: Story) -> None:
    story.given_active(credit=rupiah(5000))
    story.given(Block, NOW, scope="all", ground="l")
    story.given(MigrateTerms, NOW, terms=TELKOMSEL)
    story.when(ChargeCredit, NOW, amount=1).refused("blocked")
    story.when(Unblock, NOW).then(event(Unblocked, clause="TS-11"))


def test_to_the_same_terms_is_no_migration(story: Story) -> None:
    story.given_active()
    story.when(MigrateTerms, NOW, terms=SP23).refused("not-eligible")


def test_to_terms_that_nobody_knows_is_not_well_formed(story: Story) -> None:
    story.given_active()
    story.when(MigrateTerms, NOW, terms="no-such-terms", command_id="m1").refused("invalid")
    story.when(MigrateTerms, NOW, terms=XP25, command_id="m1").then(event(TermsMigrated))


@pytest.mark.clause("XP25-19")
def test_there_and_back_leaves_the_account_as_it_was(story: Story) -> None:
    story.given_active(credit=rupiah(9000))
    before = story.account()
    for count in range(40):
        story.given(MigrateTerms, NOW + count, terms=XP25 if count % 2 == 0 else SP23)
    after = story.account()
    assert (after.credit, after.active_until, after.terms) == (before.credit, before.active_until, SP23)
    story.when(RecordUsage, NOW + 50, used_at=NOW + 2).then(event(UsageDebited, terms=XP25))
