"""The proof that terms are dated: one history under both smartfren terms gives two balances, instant by instant.

In 2023 credit survives the waiting period and is lost at the top-up that ends it; in 2025 it is lost when the
waiting period starts.
"""

from __future__ import annotations

import pytest

from ledger.domain.calendar import DAY
from ledger.domain.line.commands import AdvanceTime, MigrateTerms
from ledger.domain.line.events import NumberQuarantined
from ledger.domain.prepaid.commands import AdjustCredit, ChargeCredit, TopUp
from ledger.domain.prepaid.events import (
    CreditForfeited,
    CreditToppedUp,
    Deactivated,
    GraceStarted,
    ServiceRestored,
    WaitingStarted,
)
from tests.given import MICROSECOND, NUMBER, SP23, START, TELKOMSEL, XP25, Story, at, event, rupiah

LEFT = rupiah(7000)
GRACE = at("2023-08-03T00:00:00+07:00")
WAITING = at("2023-09-02T00:00:00+07:00")
RESTORED = at("2023-11-15T18:30:00+07:00")
CLOSED = at("2024-01-30T00:00:00+07:00")


def lapse(story: Story, terms: str) -> None:
    """An account with credit left, which nobody touches any more."""
    story.given_active(terms=terms, credit=rupiah(10000))
    story.given(ChargeCredit, at(START) + 1, amount=rupiah(3000))


BALANCES = {
    SP23: {
        GRACE - MICROSECOND: LEFT,
        GRACE: LEFT,
        WAITING - MICROSECOND: LEFT,
        WAITING: LEFT,
        WAITING + MICROSECOND: LEFT,
        RESTORED - MICROSECOND: LEFT,
        RESTORED: rupiah(5000),
        RESTORED + MICROSECOND: rupiah(5000),
    },
    XP25: {
        GRACE - MICROSECOND: LEFT,
        GRACE: LEFT,
        WAITING - MICROSECOND: LEFT,
        WAITING: 0,
        WAITING + MICROSECOND: 0,
        RESTORED - MICROSECOND: 0,
        RESTORED: rupiah(5000),
        RESTORED + MICROSECOND: rupiah(5000),
    },
}


@pytest.mark.clause("SP23-20", "XP25-16")
@pytest.mark.parametrize("terms", [SP23, XP25])
@pytest.mark.parametrize("noticed", ["at once", "at the top-up"])
def test_one_history_under_two_terms_gives_two_balances_at_every_instant(
    story: Story, terms: str, noticed: str
) -> None:
    """Judged as of each instant, and also by what a command finds that comes at that instant."""
    lapse(story, terms)
    if noticed == "at once":
        for boundary in (GRACE, WAITING):
            story.given(AdvanceTime, boundary)
    for instant, balance in BALANCES[terms].items():
        if instant < RESTORED:
            assert story.credit(instant) == balance, (terms, instant)
    story.given(TopUp, RESTORED, credit=rupiah(5000))
    for instant, balance in BALANCES[terms].items():
        known = [x for x in story.of_number(NUMBER) if x.effective_at <= instant]
        moved = sum(p["amount"] for x in known for p in x.postings if p["account"] == f"{NUMBER}#1/credit")
        assert moved == balance, (terms, instant)


@pytest.mark.clause("SP23-20", "XP25-16")
@pytest.mark.parametrize("terms", [SP23, XP25])
@pytest.mark.parametrize("instant", sorted(BALANCES[SP23]))
def test_a_command_at_each_instant_finds_that_balance(story: Story, terms: str, instant: int) -> None:
    lapse(story, terms)
    if instant >= RESTORED:
        story.given(TopUp, RESTORED, credit=rupiah(5000))
    story.given(AdvanceTime, instant)
    assert story.credit() == BALANCES[terms][instant]
    story.when(AdjustCredit, instant, amount=-BALANCES[terms][instant] - 1)
    assert story.outcome.code == "insufficient-credit"


@pytest.mark.clause("SP23-20")
def test_in_2023_the_restoring_top_up_forfeits_what_remained(story: Story) -> None:
    lapse(story, SP23)
    story.given(AdvanceTime, WAITING)
    story.when(TopUp, RESTORED, credit=rupiah(5000)).then(
        event(
            CreditForfeited,
            effective_at=RESTORED,
            amount=LEFT,
            cause="restored",
            clause="SP23-20",
            postings=[
                {"account": "operator/breakage", "unit": "PULSA", "amount": LEFT},
                {"account": f"{NUMBER}#1/credit", "unit": "PULSA", "amount": -LEFT},
            ],
        ),
        event(CreditToppedUp, credit=rupiah(5000)),
        event(ServiceRestored),
    )
    assert story.balance("operator/breakage") == LEFT


@pytest.mark.clause("XP25-16")
def test_in_2025_the_start_of_the_waiting_period_forfeits_it(story: Story) -> None:
    lapse(story, XP25)
    story.when(AdvanceTime, WAITING).then(
        event(GraceStarted),
        event(
            CreditForfeited,
            effective_at=WAITING,
            amount=LEFT,
            cause="waiting-started",
            clause="XP25-16",
            command_id=f"due/{NUMBER}#1/CreditForfeited/2023-09-01T17:00:00Z",
        ),
        event(WaitingStarted, effective_at=WAITING, forfeiture="waiting-start"),
    )
    story.when(TopUp, RESTORED, credit=rupiah(5000)).then(event(CreditToppedUp), event(ServiceRestored))
    assert story.balance("operator/breakage") == LEFT


@pytest.mark.clause("SP23-20", "SP23-18")
def test_a_top_up_in_the_last_microsecond_of_grace_forfeits_nothing(story: Story) -> None:
    lapse(story, SP23)
    story.given(TopUp, WAITING - MICROSECOND, credit=rupiah(5000))
    assert story.credit() == LEFT + rupiah(5000)


@pytest.mark.clause("SP23-20")
def test_one_microsecond_later_it_does(story: Story) -> None:
    lapse(story, SP23)
    story.given(TopUp, WAITING, credit=rupiah(5000))
    assert story.credit() == rupiah(5000)


@pytest.mark.clause("SP23-21")
@pytest.mark.parametrize("terms", [SP23, TELKOMSEL])
def test_credit_kept_through_the_waiting_period_is_forfeited_at_deactivation(
    story: Story, terms: str
) -> None:
    lapse(story, terms)
    story.given(AdvanceTime, WAITING)
    closes = story.account().waiting_until
    assert closes is not None
    story.when(AdvanceTime, closes).then(
        event(CreditForfeited, effective_at=closes, amount=LEFT, cause="deactivated"),
        event(Deactivated, effective_at=closes),
        event(NumberQuarantined, effective_at=closes),
    )


@pytest.mark.clause("XP25-17")
def test_in_2025_nothing_is_left_to_forfeit_at_deactivation(story: Story) -> None:
    lapse(story, XP25)
    story.given(AdvanceTime, WAITING)
    story.when(AdvanceTime, CLOSED).then(event(Deactivated), event(NumberQuarantined))


@pytest.mark.parametrize("terms", [SP23, XP25])
def test_an_account_without_credit_forfeits_nothing_anywhere(story: Story, terms: str) -> None:
    story.given_active(terms=terms)
    story.when(TopUp, RESTORED, credit=rupiah(5000)).then(
        event(GraceStarted), event(WaitingStarted), event(CreditToppedUp), event(ServiceRestored)
    )
    assert story.balance("operator/breakage") == 0


class TestMigrationWhileWaiting:
    """A waiting period keeps the forfeiture rule in force at its start."""

    @pytest.mark.clause("SP23-20", "XP25-19")
    def test_from_2023_to_2025_the_credit_survives_until_the_top_up(self, story: Story) -> None:
        lapse(story, SP23)
        story.given(AdvanceTime, WAITING)
        story.given(MigrateTerms, WAITING + DAY, terms=XP25)
        assert story.credit() == LEFT
        story.when(TopUp, RESTORED, credit=rupiah(5000)).then(
            event(CreditForfeited, amount=LEFT, cause="restored", terms=SP23, clause="SP23-20"),
            event(CreditToppedUp, terms=XP25, clause="XP25-13"),
            event(ServiceRestored, terms=XP25, clause="XP25-15"),
        )

    @pytest.mark.clause("XP25-16")
    def test_from_2025_to_2023_what_was_forfeited_stays_so_and_nothing_more_is(self, story: Story) -> None:
        lapse(story, XP25)
        story.given(AdvanceTime, WAITING)
        story.given(MigrateTerms, WAITING + DAY, terms=SP23)
        story.given(AdjustCredit, WAITING + 2 * DAY, amount=rupiah(300))
        story.when(TopUp, RESTORED, credit=rupiah(5000)).then(event(CreditToppedUp), event(ServiceRestored))
        assert story.credit() == rupiah(5300)

    @pytest.mark.clause("SP23-20", "XP25-16")
    @pytest.mark.parametrize(("first", "then"), [(SP23, XP25), (XP25, SP23)])
    def test_the_next_waiting_period_follows_the_terms_moved_to(
        self, story: Story, first: str, then: str
    ) -> None:
        lapse(story, first)
        story.given(MigrateTerms, WAITING - MICROSECOND, terms=then)
        story.given(AdvanceTime, WAITING)
        assert story.credit() == (0 if then == XP25 else LEFT)
