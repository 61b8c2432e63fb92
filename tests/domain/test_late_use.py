"""Use that is reported later than it happened: by what was so when it was used, and what is left now."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.domain.calendar import DAY
from ledger.domain.line.commands import (
    AdvanceTime,
    MigrateTerms,
    RecordUsage,
    Terminate,
)
from ledger.domain.line.events import UsageRecorded, UsageRefused
from ledger.domain.prepaid.commands import (
    Activate,
    AdjustCredit,
    ChargeCredit,
    IssueStarterPack,
    ReclaimNumber,
    TopUp,
)
from ledger.domain.prepaid.events import GraceStarted, UsageDebited
from tests.conftest import Tell
from tests.given import (
    MICROSECOND,
    NUMBER,
    SP23,
    START,
    XP25,
    Story,
    at,
    day,
    event,
    rupiah,
    variant,
)

CALL = at("2023-07-20T12:00:00+07:00")
GRACE = at("2023-08-03T00:00:00+07:00")
WAITING = at("2023-09-02T00:00:00+07:00")


def sms(price: str, **more: object) -> dict[str, Any]:
    """The price of an SMS to anywhere."""
    return {"service": "sms", "steps": [{"from": 0, "increment": 1, "price": price}], **more}


def tariff(since: str, *prices: dict[str, Any], version: str = "1") -> dict[str, Any]:
    return {"id": "dated", "version": version, "in_force_from": since, "prices": prices}


class TestLateUse:
    def test_its_event_is_effective_when_it_was_used_and_recorded_now(self, story: Story) -> None:
        story.given_active(credit=rupiah(50000))
        story.when(RecordUsage, CALL + DAY, used_at=CALL).then(
            event(UsageDebited, effective_at=CALL, recorded_at=CALL + DAY, day=day("2023-07-20"))
        )

    @pytest.mark.parametrize("late", [30 * DAY, 30 * DAY + MICROSECOND])
    def test_it_may_come_thirty_times_24_hours_later(self, story: Story, late: int) -> None:
        story.given_active(credit=rupiah(50000))
        story.given(TopUp, CALL, credit=rupiah(50000))
        story.when(RecordUsage, CALL + late, used_at=CALL)
        if late == 30 * DAY:
            story.then(event(UsageDebited))
        else:
            story.refused("too-late", event(UsageRefused, effective_at=CALL, recorded_at=CALL + late))

    @pytest.mark.parametrize("ahead", [MICROSECOND, DAY])
    def test_use_in_the_future_is_refused_as_of_now(self, story: Story, ahead: int) -> None:
        story.given_active(credit=rupiah(50000))
        story.when(RecordUsage, CALL, used_at=CALL + ahead).refused(
            "in-the-future", event(UsageRefused, effective_at=CALL, used_at=CALL + ahead)
        )

    def test_use_before_the_account_began_is_refused_as_of_now(self, story: Story) -> None:
        story.given_active(credit=rupiah(50000))
        story.when(RecordUsage, CALL, used_at=at(START) - MICROSECOND).refused(
            "not-active",
            event(UsageRefused, effective_at=CALL, used_at=at(START) - MICROSECOND),
        )

    def test_use_between_issue_and_activation_is_refused(self, story: Story) -> None:
        story.given(IssueStarterPack, at(START) - DAY, printed_credit=rupiah(50000))
        story.given(Activate, at(START))
        story.when(RecordUsage, CALL, used_at=at(START) - MICROSECOND).refused(
            "not-active", event(UsageRefused, effective_at=at(START) - MICROSECOND)
        )
        story.when(RecordUsage, CALL, used_at=at(START)).then(event(UsageDebited))

    @pytest.mark.clause("SP23-14", "SP23-17")
    @pytest.mark.parametrize(
        ("used_at", "code"),
        [
            (GRACE - MICROSECOND, None),
            (GRACE, "grace"),
            (GRACE + MICROSECOND, "grace"),
        ],
    )
    def test_the_state_at_the_time_of_use_counts_and_not_the_one_of_now(
        self, story: Story, used_at: int, code: str | None
    ) -> None:
        story.given_active(credit=rupiah(50000))
        story.given(TopUp, GRACE + DAY, credit=rupiah(5000))
        story.when(RecordUsage, GRACE + 2 * DAY, used_at=used_at)
        assert story.outcome.code == code

    def test_in_grace_use_of_the_active_period_is_still_charged(self, story: Story) -> None:
        story.given_active(credit=rupiah(50000))
        story.when(RecordUsage, GRACE + DAY, used_at=GRACE - MICROSECOND).then(
            event(GraceStarted), event(UsageDebited, effective_at=GRACE - MICROSECOND)
        )

    @pytest.mark.clause("SP23-19")
    @pytest.mark.parametrize(
        ("used_at", "direction", "code"),
        [
            (WAITING - MICROSECOND, "incoming", None),
            (WAITING, "incoming", "waiting"),
            (WAITING - MICROSECOND, "outgoing", "grace"),
            (WAITING, "outgoing", "waiting"),
        ],
    )
    def test_at_the_boundary_of_the_waiting_period(
        self, story: Story, used_at: int, direction: str, code: str | None
    ) -> None:
        story.given_active(credit=rupiah(50000))
        story.given(TopUp, WAITING + DAY, credit=rupiah(5000))
        story.when(RecordUsage, WAITING + 2 * DAY, used_at=used_at, direction=direction)
        assert story.outcome.code == code

    def test_it_is_charged_by_the_terms_at_the_time_of_use(self, tell: Tell) -> None:
        cheap = variant(SP23, tariffs=[tariff("2023-01-01", sms("1"), version="cheap")])
        story = tell(cheap)
        story.given_active(terms=cheap.id, credit=rupiah(50000))
        story.given(MigrateTerms, CALL, terms=XP25)
        story.when(RecordUsage, CALL + DAY, used_at=CALL - MICROSECOND, service="sms").then(
            event(UsageDebited, terms=cheap.id, tariff_version="cheap", charge=rupiah(1))
        )
        story.when(RecordUsage, CALL + DAY, used_at=CALL, service="sms").then(
            event(UsageDebited, terms=XP25, clause="XP25-10", charge=rupiah("151.50"))
        )

    def test_how_late_it_may_come_is_what_the_terms_of_now_allow(self, tell: Tell) -> None:
        hasty = variant(SP23, "hasty", late_usage_days=1)
        story = tell(hasty)
        story.given_active(credit=rupiah(50000))
        story.given(MigrateTerms, CALL, terms=hasty.id)
        story.when(RecordUsage, CALL + DAY, used_at=CALL).then(event(UsageDebited))
        story.when(RecordUsage, CALL + DAY, used_at=CALL - MICROSECOND).refused(
            "too-late", event(UsageRefused)
        )

    def test_late_use_under_hasty_terms_of_before_takes_nothing_from_the_terms_of_now(
        self, tell: Tell
    ) -> None:
        hasty = variant(SP23, "hasty", late_usage_days=5)
        story = tell(hasty)
        story.given_active(terms=hasty.id, credit=rupiah(50000))
        story.given(MigrateTerms, CALL, terms=SP23)
        story.given(RecordUsage, CALL + 10 * DAY, used_at=CALL - MICROSECOND)
        story.when(RecordUsage, CALL + 10 * DAY, used_at=CALL).then(event(UsageDebited))

    @pytest.mark.parametrize("noticed", [None, GRACE, GRACE + DAY])
    def test_when_a_boundary_was_noticed_does_not_decide_how_late_it_may_come(
        self, tell: Tell, noticed: int | None
    ) -> None:
        hasty = variant(SP23, "hasty", late_usage_days=1)
        story = tell(hasty)
        story.given_active(terms=hasty.id, credit=rupiah(50000))
        if noticed is not None:
            story.given(AdvanceTime, noticed)
        story.given(MigrateTerms, GRACE + 3 * DAY, terms=SP23)
        story.when(RecordUsage, GRACE + 3 * DAY, used_at=GRACE - MICROSECOND).then(event(UsageDebited))

    def test_it_never_takes_credit_below_zero_now(self, story: Story) -> None:
        story.given_active(credit=rupiah(1000))
        story.given(ChargeCredit, CALL + DAY, amount=rupiah(1000))
        story.when(RecordUsage, CALL + DAY, used_at=CALL).refused(
            "insufficient-credit", event(UsageRefused, effective_at=CALL)
        )

    def test_a_closed_account_still_records_use_of_its_life(self, story: Story) -> None:
        story.given_active(credit=rupiah(50000))
        story.given(Terminate, CALL)
        story.when(RecordUsage, CALL + DAY, used_at=CALL - MICROSECOND, direction="incoming").then(
            event(UsageRecorded, effective_at=CALL - MICROSECOND)
        )
        story.when(RecordUsage, CALL + DAY, used_at=CALL - MICROSECOND).refused(
            "insufficient-credit", event(UsageRefused)
        )
        story.when(RecordUsage, CALL + DAY, used_at=CALL).refused("terminated", event(UsageRefused))

    def test_an_expired_pack_has_no_use(self, story: Story) -> None:
        story.given(IssueStarterPack, at(START), valid_until=day("2023-07-03"))
        story.when(RecordUsage, at("2023-07-04T00:00:00+07:00"), direction="incoming")
        assert story.outcome.code == "expired"

    def test_the_next_holder_is_not_charged_for_use_of_the_one_before(self, story: Story) -> None:
        story.given_active(credit=rupiah(50000))
        story.given(Terminate, CALL)
        story.given(ReclaimNumber, CALL + 1)
        story.given(Activate, CALL + 2)
        story.given(AdjustCredit, CALL + 2, amount=rupiah(5000))
        story.when(RecordUsage, CALL + 3, used_at=CALL - 1).refused(
            "not-active", event(UsageRefused, account=f"{NUMBER}#2", effective_at=CALL + 3)
        )
