"""Use abroad: a partner's record is matched, charged or refused, once; and the window until it may be billed."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.domain.calendar import DAY
from ledger.domain.line.commands import AdvanceTime, Block, RecordUsage, Terminate
from ledger.domain.line.events import UsageRefused
from ledger.domain.postpaid.commands import (
    ActivateRoaming,
    DeactivateRoaming,
    ReceivePayment,
    RecordRoaming,
    RequestUnsubscribe,
)
from ledger.domain.postpaid.events import (
    RoamingActivated,
    RoamingCharged,
    RoamingDeactivated,
    RoamingMatched,
    RoamingRefused,
)
from ledger.domain.postpaid.events_of_bills import BillIssued
from tests.given import MICROSECOND, SE23, XE25, Story, at, day, event, rupiah

OPENED = at("2023-03-01T10:00:00+07:00")
NOW = at("2023-03-20T12:00:00+07:00")


@pytest.fixture
def abroad(story: Story) -> Story:
    return story.given_contract(OPENED)


@pytest.mark.clause("SE23-03", "SE23-04")
class TestRecords:
    def test_it_is_charged_by_our_tariff_for_the_country_and_never_refused_for_the_limit(
        self, abroad: Story
    ) -> None:
        abroad.when(RecordRoaming, NOW, quantity=3601).then(
            event(
                RoamingCharged,
                effective_at=NOW,
                zone="asia",
                charge=rupiah(915_000),
                day=day("2023-03-20"),
                partner_amount="1.25",
            )
        )
        assert abroad.contract().headroom == rupiah(300_000 - 915_000)
        abroad.when(RecordUsage, NOW).refused("over-limit", event(UsageRefused))

    @pytest.mark.parametrize("said", [{"quantity": 0}, {"answered": False, "quantity": 5}])
    def test_a_call_that_came_to_nothing_can_cost(self, abroad: Story, said: dict[str, Any]) -> None:
        abroad.when(RecordRoaming, NOW, **said).then(event(RoamingCharged, charge=rupiah(5000)))

    def test_once_only_but_one_that_was_refused_may_come_again(self, abroad: Story) -> None:
        abroad.when(RecordRoaming, NOW, country="XX").refused(
            "not-eligible", event(RoamingRefused, refusal="not-eligible")
        )
        abroad.given(RecordRoaming, NOW)
        abroad.when(RecordRoaming, NOW, country="AU").refused("duplicate-record")
        abroad.given(RecordRoaming, NOW, partner="OTHER")

    @pytest.mark.stored
    def test_what_the_system_has_recorded_itself_stands_and_is_not_charged_again(self, abroad: Story) -> None:
        abroad.given(RecordUsage, NOW, command_id="use-1")
        abroad.when(RecordRoaming, NOW, matches="use-1").then(event(RoamingMatched, matches="use-1"))
        abroad.when(RecordRoaming, NOW, record="x2", matches="use-2").refused(
            "not-eligible", event(RoamingRefused, matches="use-2")
        )
        abroad.reopen().when(RecordRoaming, NOW, record="x3", matches="use-1").then(event(RoamingMatched))
        abroad.when(RecordRoaming, NOW, record="x3").refused("duplicate-record")
        assert "cycle/roaming" not in abroad.contract().charges

    def test_it_counts_against_the_commitment_and_its_bill_has_it(self, abroad: Story) -> None:
        abroad.given(RecordRoaming, NOW)
        abroad.when(AdvanceTime, at("2023-04-01T00:00:00+07:00"))
        (bill,) = [one for one in abroad.new if isinstance(one, BillIssued)]
        assert [(one["kind"], one["amount"]) for one in bill.lines] == [
            ("roaming", rupiah(15_000)),
            ("commitment", rupiah(85_000)),
        ]

    @pytest.mark.parametrize(
        ("used_at", "code"),
        [(NOW + MICROSECOND, "in-the-future"), (OPENED - MICROSECOND, "not-active")],
    )
    def test_it_is_judged_at_the_time_of_use(self, abroad: Story, used_at: int, code: str) -> None:
        abroad.when(RecordRoaming, NOW, used_at=used_at).refused(code, event(RoamingRefused, used_at=used_at))

    def test_after_the_end_use_before_it_is_still_charged(self, abroad: Story) -> None:
        abroad.given(Terminate, NOW, ground="1")
        abroad.when(RecordRoaming, NOW + DAY, used_at=NOW)
        assert abroad.outcome.code == "terminated"
        abroad.when(RecordRoaming, NOW + DAY, used_at=NOW - MICROSECOND)
        assert [one.name for one in abroad.new][-1] == "RoamingCharged"

    @pytest.mark.clause("XE25-02")
    def test_in_2025_the_partners_record_alone_is_not_charged(self, story: Story) -> None:
        story.given_contract(OPENED, terms=XE25)
        story.when(RecordRoaming, NOW).refused("not-eligible", event(RoamingRefused))


@pytest.mark.clause("XE25-10")
class TestLostCard:
    @pytest.mark.parametrize(("terms", "code"), [(SE23, None), (XE25, "blocked")])
    def test_whose_use_it_is_once_the_card_is_blocked(
        self, story: Story, terms: str, code: str | None
    ) -> None:
        story.given_contract(OPENED, terms=terms)
        story.given(Block, NOW, scope="voice", ground="lost-or-stolen")
        story.when(RecordUsage, NOW, service="data", quantity=1024)
        assert story.outcome.code == code
        story.given(RecordUsage, NOW, service="data", quantity=1024, used_at=NOW - MICROSECOND)
        story.when(RecordRoaming, NOW)
        assert story.outcome.code == code


@pytest.mark.clause("SE23-05")
class TestWindow:
    @pytest.mark.parametrize(
        ("used", "recorded", "latest", "code"),
        [
            ("2023-12-31", "2024-03-30", "2024-03-31", "too-late"),
            ("2024-01-01", "2024-03-30", "2024-04-01", None),
            ("2023-11-30", "2024-01-31", "2024-02-29", None),
            ("2023-11-30", "2024-02-01", "2024-02-29", "too-late"),
        ],
    )
    def test_the_bill_that_would_carry_it_counts(
        self, story: Story, used: str, recorded: str, latest: str, code: str | None
    ) -> None:
        story.given_contract(OPENED, upfront_payment=rupiah(9_000_000), reference="p1")
        now = at(f"{recorded}T12:00:00+07:00")
        story.when(RecordRoaming, now, used_at=at(f"{used}T12:00:00+07:00"))
        assert story.outcome.code == code
        if code is not None:
            (refused,) = [one for one in story.new if isinstance(one, RoamingRefused)]
            assert refused.latest_on == day(latest)
            assert refused.bill_on is not None
            assert refused.bill_on > refused.latest_on


@pytest.mark.clause("SE23-21", "XE25-02")
class TestLeavingAfterRoaming:
    @pytest.mark.parametrize("terms", [SE23, XE25])
    def test_a_hundred_days_after_it_was_turned_off(self, story: Story, terms: str) -> None:
        story.given_contract(OPENED, terms=terms, plan="elite-free")
        story.when(ActivateRoaming, OPENED).then(event(RoamingActivated))
        story.when(ActivateRoaming, OPENED).refused("not-eligible")
        story.when(RequestUnsubscribe, OPENED).refused("roaming-active")
        leave = at("2023-06-28T00:00:00+07:00")
        story.when(DeactivateRoaming, NOW).then(event(RoamingDeactivated, leave_at=leave))
        story.when(DeactivateRoaming, NOW).refused("not-eligible")
        story.given(AdvanceTime, leave - MICROSECOND)
        story.when(RequestUnsubscribe, leave - MICROSECOND).refused("too-soon")
        assert "2023-06-28" in str(story.outcome.message)
        story.given(RequestUnsubscribe, leave)
        story.when(ReceivePayment, leave, reference="p1", amount=1)
        assert story.outcome.code is None
