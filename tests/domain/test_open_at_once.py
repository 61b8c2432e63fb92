"""What may be open on an account at once has a bound, and what is over and may be asked about: it is all in memory."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain import bounds
from ledger.domain.calendar import DAY, NEVER, zone
from ledger.domain.commands import Command
from ledger.domain.line import account as remembering
from ledger.domain.line.commands import (
    Block,
    DecideRightsTransfer,
    MigrateTerms,
    RecordUsage,
    RequestRightsTransfer,
    Unblock,
)
from ledger.domain.prepaid.account import Grant, PrepaidAccount
from ledger.domain.prepaid.commands import ReleaseReservation, ReserveCredit, ReverseTopUp, TopUp
from ledger.domain.prepaid.validity import end_after
from tests.conftest import Tell
from tests.given import SP23, XP25, Story, at, rupiah
from tests.often import often

NOW = at("2023-07-20T12:00:00+07:00")
FEW = 40
"""The bound of these tests, for each command copies what is remembered; the bound itself is held below."""


@pytest.fixture(autouse=True)
def bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembering, "MOST_OPEN", FEW)
    monkeypatch.setattr(remembering, "MOST_CHARGED", FEW)


def test_the_bounds_are_those_of_the_language() -> None:
    assert (bounds.MOST_OPEN, bounds.MOST_CHARGED) == (1_000, 10_000)


@pytest.mark.parametrize(
    ("opens", "closes", "name", "fields"),
    [
        (ReserveCredit, (ReleaseReservation, {}), "reservation", {"amount": 1, "expires_at": NOW + DAY}),
        (RequestRightsTransfer, (DecideRightsTransfer, {"decision": "refused"}), "request", {}),
    ],
)
def test_so_many_may_be_open_at_once(
    opens: type[Command],
    closes: tuple[type[Command], dict[str, Any]],
    name: str,
    fields: dict[str, Any],
    story: Story,
) -> None:
    story.given_active(credit=rupiah(5000))
    for number in range(FEW):
        story.given(opens, NOW, **{name: f"o{number}"}, **fields)
    story.when(opens, NOW, **{name: "o0"}, **fields)
    assert story.outcome.code != "too-many-open", "an id that was used before is told first"
    story.when(opens, NOW, **{name: "another"}, **fields).refused("too-many-open")
    closing, how = closes
    story.given(closing, NOW, **{name: "o7"}, **how)
    story.given(opens, NOW, **{name: "another"}, **fields)
    story.when(opens, NOW, **{name: "one more"}, **fields).refused("too-many-open")


@pytest.mark.clause("SP23-22")
def test_a_block_that_was_lifted_counts_until_use_of_then_can_come_no_more(story: Story) -> None:
    story.given_active(credit=rupiah(5000))
    for number in range(FEW):
        story.given(Block, NOW, block=f"o{number}", scope="voice")
    story.when(Block, NOW, block="another").refused("too-many-open")
    for number in range(FEW):
        story.given(Unblock, NOW + number + 1, block=f"o{number}")
    story.when(Block, NOW + DAY, block="another").refused("too-many-open")
    story.when(RecordUsage, NOW + DAY, used_at=NOW + FEW - 1)
    assert story.outcome.code == "blocked", "the one that was lifted last stood then"
    late = 30 * DAY
    story.when(Block, NOW + late, block="another")
    assert story.outcome.code == "too-many-open"
    story.given(Block, NOW + late + 1, block="another", scope="sms")
    story.given(Unblock, NOW + late + FEW, block="another")
    assert len(story.account().lifted) <= FEW
    story.given(Block, NOW + late + FEW, block="more", scope="sms")


def test_terms_can_be_changed_so_often_while_use_of_then_may_still_come(story: Story) -> None:
    story.given_active(credit=rupiah(5000))
    to = [XP25, SP23]
    for number in range(FEW):
        story.given(MigrateTerms, NOW + number, terms=to[number % 2])
    story.when(MigrateTerms, NOW + DAY, terms=to[0]).refused("too-many-open")
    story.given(MigrateTerms, NOW + 30 * DAY, terms=to[0])
    story.when(MigrateTerms, NOW + 30 * DAY, terms=to[1])
    assert story.outcome.code == "too-many-open"


@pytest.mark.clause("SP23-01")
def test_so_many_top_ups_may_be_there_to_be_reversed(story: Story) -> None:
    story.given_active()
    for number in range(FEW):
        story.given(TopUp, NOW + number, credit=rupiah(5000), command_id=f"t{number}")
    story.given(ReverseTopUp, NOW + FEW, reverses="t3")
    story.when(ReverseTopUp, NOW + FEW, reverses="t3").refused("already-reversed")
    story.when(TopUp, NOW + DAY, credit=rupiah(5000)).refused("too-many-open")
    window = 30 * DAY
    story.when(TopUp, NOW + window, credit=rupiah(5000))
    assert story.outcome.code == "too-many-open"
    story.given(TopUp, NOW + window + 1, credit=rupiah(5000))
    story.when(ReverseTopUp, NOW + window + 1, reverses="t0").refused("too-late")
    story.given(ReverseTopUp, NOW + window + 1, reverses="t1")
    assert len(story.account().grants) <= FEW + 1


def test_use_is_charged_in_so_many_zones_while_it_may_still_come(tell: Tell) -> None:
    story = tell()
    story.given_active(credit=rupiah(5_000_000))
    for number in range(FEW):
        story.given(RecordUsage, NOW, zone=f"z{number}")
    story.when(RecordUsage, NOW + 1, zone="another")
    assert story.outcome.code == "above-maximum"
    story.given(RecordUsage, NOW + 1, zone="z7")
    later = NOW + 10 * DAY
    story.given(TopUp, later, credit=rupiah(100_000))
    story.when(RecordUsage, later, zone="another")
    assert story.outcome.code == "above-maximum"
    much_later = NOW + 33 * DAY
    story.given(RecordUsage, much_later, zone="another")


# --- days that came with no top-up --------------------------------------------------------------------------------

JAKARTA = "Asia/Jakarta"
_rules = st.sampled_from(["longest", "cumulative", "replace"])
_bought = st.lists(
    st.tuples(
        st.booleans(),  # a top-up, or credit received
        st.integers(0, 30 * 60),  # minutes since the one before
        st.sampled_from([1, 7]),
        _rules,
        st.sampled_from([None, 2, 40]),
    ),
    max_size=30,
)


@often(60)
@given(_bought)
def test_days_received_are_remembered_in_few_words_and_mean_the_same(
    bought: list[tuple[bool, int, int, str, int | None]],
) -> None:
    account, every, when = PrepaidAccount("a", granted_before=NOW), [], NOW - DAY
    for number, (is_top_up, minutes, days, rule, cap) in enumerate(bought):
        when += minutes * 60_000_000
        made = Grant(f"g{number}", when, days, rule, cap, JAKARTA, recoverable=1 if is_top_up else None)
        every.append(made)
        account.grant(Grant(*[getattr(made, name) for name in made.__struct_fields__]))
    for left_out in ["none", *(f"g{number}" for number, one in enumerate(bought) if one[0])]:
        end: int | None = NOW
        for one in every:
            if one.command_id != left_out:
                end = end_after(
                    zone(JAKARTA),
                    end=end,
                    granted_at=one.at,
                    days=one.days,
                    rule=one.extension,
                    cap_days=one.cap_days,
                )
        assert account.end_without(left_out) == end


@pytest.mark.parametrize("after_a_top_up", [False, True])
def test_days_received_take_no_more_room_however_often_they_come(*, after_a_top_up: bool) -> None:
    account = PrepaidAccount("a", reversible_from=-NEVER)
    if after_a_top_up:
        account.grant(Grant("t", NOW, 7, "cumulative", 90, JAKARTA, recoverable=1))
    for number in count():
        account.grant(Grant(f"r{number}", NOW + number * DAY // 500, 7, "cumulative", 90, JAKARTA))
        if number == 5_000:
            break
    assert len(account.grants) <= (12 if after_a_top_up else 0)
