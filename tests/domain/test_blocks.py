"""Blocks: several at once, each lifted by itself; the strictest rules."""

from __future__ import annotations

import pytest

from ledger.domain.calendar import DAY
from ledger.domain.commands import Command
from ledger.domain.line.commands import AdvanceTime, Block, RecordUsage, Terminate, Unblock
from ledger.domain.line.events import Blocked, Terminated, Unblocked, UsageRecorded, UsageRefused
from ledger.domain.prepaid.commands import ChargeCredit, TopUp
from ledger.domain.prepaid.events import GraceStarted, UsageDebited
from tests.given import BUNDLED, MICROSECOND, SP23, TELKOMSEL, XP25, Story, at, event, rupiah

NOW = at("2023-07-20T12:00:00+07:00")
GRACE = at("2023-08-03T00:00:00+07:00")
SMARTFREN = pytest.mark.parametrize("terms", [SP23, XP25])
ALL_TERMS = pytest.mark.parametrize("terms", [SP23, XP25, TELKOMSEL])

OUTGOING = {"direction": "outgoing", "destination": "on-net"}
FREE = {"direction": "outgoing", "destination": "free"}
INCOMING = {"direction": "incoming", "destination": "on-net"}

LETTERS = {SP23: "abcdefghijkl", XP25: "abcdefghijk", TELKOMSEL: "abcdefgh"}
CLAUSES = {SP23: "SP23-24", XP25: "XP25-18"}


@pytest.mark.clause("SP23-22", "XP25-18", "TS-10")
class TestScopes:
    @pytest.mark.parametrize(
        ("scope", "service", "use", "refused"),
        [
            ("outgoing", "voice", OUTGOING, True),
            ("outgoing", "sms", OUTGOING, True),
            ("outgoing", "voice", FREE, False),
            ("outgoing", "voice", INCOMING, False),
            ("all", "voice", OUTGOING, True),
            ("all", "sms", FREE, True),
            ("all", "data", INCOMING, True),
            ("voice", "voice", OUTGOING, True),
            ("voice", "voice", FREE, True),
            ("voice", "voice", INCOMING, True),
            ("voice", "sms", OUTGOING, False),
            ("sms", "sms", INCOMING, True),
            ("sms", "data", OUTGOING, False),
            ("data", "data", OUTGOING, True),
            ("data", "voice", OUTGOING, False),
        ],
    )
    @SMARTFREN
    def test_each_refuses_what_it_says(
        self, story: Story, terms: str, scope: str, service: str, use: dict[str, str], refused: bool
    ) -> None:
        story.given_active(terms=terms, credit=rupiah(50000))
        story.given(Block, NOW, scope=scope)
        story.when(RecordUsage, NOW, service=service, **use)
        assert story.outcome.code == ("blocked" if refused else None)

    @pytest.mark.parametrize(
        ("scope", "refused"),
        [("outgoing", True), ("all", True), ("voice", False), ("sms", False), ("data", False)],
    )
    @ALL_TERMS
    def test_a_purchase_is_refused_like_chargeable_use(
        self, story: Story, terms: str, scope: str, refused: bool
    ) -> None:
        story.given_active(terms=terms, credit=rupiah(50000))
        story.given(Block, NOW, scope=scope)
        story.when(ChargeCredit, NOW, amount=1)
        assert story.outcome.code == ("blocked" if refused else None)


@pytest.mark.clause("TS-10")
def test_each_service_of_telkomsel_is_blocked_for_itself(story: Story) -> None:
    story.given_active(terms=TELKOMSEL)
    story.given(Block, NOW, block="b-sms", scope="sms", ground="b")
    for service, code in (("voice", None), ("sms", "blocked"), ("data", None)):
        story.when(RecordUsage, NOW, service=service, direction="incoming")
        assert story.outcome.code == code


@pytest.mark.clause("SP23-22", "XP25-18")
class TestSeveralAtOnce:
    def test_the_strictest_rules_and_each_is_lifted_by_itself(self, story: Story) -> None:
        story.given_active(credit=rupiah(50000))
        story.given(Block, NOW, block="b1", scope="outgoing", ground="b")
        story.given(Block, NOW, block="b2", scope="all", ground="f")
        story.given(Block, NOW, block="b3", scope="voice", ground="i")
        story.when(RecordUsage, NOW, **INCOMING).refused("blocked", event(UsageRefused))
        story.when(Unblock, NOW, block="b2").then(event(Unblocked, block="b2"))
        story.when(RecordUsage, NOW, **INCOMING).refused("blocked", event(UsageRefused))
        story.given(Unblock, NOW, block="b3")
        story.when(RecordUsage, NOW, **INCOMING).then(event(UsageRecorded))
        story.when(RecordUsage, NOW, **OUTGOING).refused("blocked", event(UsageRefused))
        story.given(Unblock, NOW, block="b1")
        story.when(RecordUsage, NOW, **OUTGOING).then(event(UsageDebited))

    def test_two_of_one_scope_stand_for_themselves(self, story: Story) -> None:
        story.given_active(credit=rupiah(50000))
        for name in ("b1", "b2"):
            story.given(Block, NOW, block=name, scope="all")
        story.given(Unblock, NOW, block="b1")
        story.when(ChargeCredit, NOW, amount=1).refused("blocked")

    def test_an_id_is_never_used_again(self, story: Story) -> None:
        story.given_active()
        story.given(Block, NOW, block="b1", ground="b")
        story.when(Block, NOW, block="b1", ground="no-ground").refused("block-exists")
        story.given(Unblock, NOW, block="b1")
        story.when(Block, NOW, block="b1").refused("block-exists")
        story.reopen().when(Block, NOW, block="b1").refused("block-exists")

    def test_what_does_not_stand_is_not_lifted(self, story: Story) -> None:
        story.given_active()
        story.when(Unblock, NOW).refused("unknown-block")
        story.given(Block, NOW)
        story.given(Unblock, NOW)
        story.when(Unblock, NOW + 1).refused("unknown-block")

    @pytest.mark.parametrize("state", ["active", "grace", "waiting"])
    def test_in_any_live_state(self, story: Story, state: str) -> None:
        moment = {"active": NOW, "grace": GRACE, "waiting": GRACE + 30 * DAY}[state]
        story.given_active()
        story.given(AdvanceTime, moment)
        story.when(Block, moment).then(event(Blocked))
        assert story.state() == state
        story.when(Unblock, moment).then(event(Unblocked))


class TestLateUse:
    """What stood at the time of use counts."""

    @pytest.mark.parametrize(
        ("used_at", "code"),
        [
            (NOW - MICROSECOND, None),
            (NOW, "blocked"),
            (NOW + DAY - MICROSECOND, "blocked"),
            (NOW + DAY, None),
        ],
    )
    def test_against_a_block_that_was_lifted(self, story: Story, used_at: int, code: str | None) -> None:
        story.given_active(credit=rupiah(50000))
        story.given(Block, NOW)
        story.given(Unblock, NOW + DAY)
        story.when(RecordUsage, NOW + 2 * DAY, used_at=used_at)
        assert story.outcome.code == code

    @pytest.mark.parametrize(("used_at", "code"), [(NOW - MICROSECOND, None), (NOW, "blocked")])
    def test_against_one_that_stands(self, story: Story, used_at: int, code: str | None) -> None:
        story.given_active(credit=rupiah(50000))
        story.given(Block, NOW)
        story.when(RecordUsage, NOW + DAY, used_at=used_at)
        assert story.outcome.code == code

    def test_lifted_blocks_are_remembered_for_as_long_as_use_may_come_late(self, story: Story) -> None:
        story.given_active(credit=rupiah(50000))
        story.given(TopUp, NOW, credit=rupiah(100000))
        story.given(Block, NOW, block="first")
        story.given(Unblock, NOW + 2, block="first")
        for count in range(100):
            story.given(Block, NOW + 3 + count, block=f"b{count}")
            story.given(Unblock, NOW + 3 + count, block=f"b{count}")
        story.given(AdvanceTime, NOW + 30 * DAY)
        story.given(Block, NOW + 30 * DAY, block="last")
        story.given(Unblock, NOW + 30 * DAY, block="last")
        story.when(RecordUsage, NOW + 30 * DAY + 1, used_at=NOW + 1).refused("blocked", event(UsageRefused))
        story.when(RecordUsage, NOW + 30 * DAY + 2, used_at=NOW + 2).then(event(UsageDebited))


@pytest.mark.clause("SP23-08", "XP25-06")
@SMARTFREN
class TestLostCards:
    def test_from_the_report_on_use_is_refused(self, story: Story, terms: str) -> None:
        story.given_active(terms=terms, credit=rupiah(50000))
        story.when(RecordUsage, NOW - MICROSECOND).then(event(UsageDebited))
        story.when(Block, NOW, ground="lost-or-stolen", actor="customer-1").then(
            event(
                Blocked,
                effective_at=NOW,
                ground="lost-or-stolen",
                clause="SP23-08" if terms == SP23 else "XP25-06",
            )
        )
        story.when(RecordUsage, NOW).refused("blocked", event(UsageRefused))

    def test_credit_lost_before_it_stays_lost(self, story: Story, terms: str) -> None:
        story.given_active(terms=terms, credit=rupiah(50000))
        story.given(RecordUsage, NOW - 1, quantity=600)
        left = story.credit()
        story.given(Block, NOW, ground="lost-or-stolen")
        assert story.credit() == left


@pytest.mark.clause("SP23-24", "XP25-18", "TS-11", "TS-04", "TS-13")
class TestGrounds:
    @pytest.mark.parametrize(
        ("terms", "ground"),
        [(terms, letter) for terms, letters in LETTERS.items() for letter in letters],
    )
    @pytest.mark.parametrize("command", [Block, Terminate])
    def test_every_ground_of_the_document_is_a_code_with_its_clause(
        self, story: Story, terms: str, ground: str, command: type[Command]
    ) -> None:
        story.given_active(terms=terms)
        needs = {"reference": "order-17"} if ground == ("a" if terms == TELKOMSEL else "e") else {}
        since = {"since": at("2023-01-05T00:00:00+07:00")} if ground in "dg" else {}
        story.when(command, NOW, ground=ground, **needs, **since)
        assert story.outcome.status == "accepted"
        happened = story.new[0]
        found = BUNDLED[terms].ground(ground)
        assert found is not None
        assert happened.clause == found.clause == CLAUSES.get(terms, found.clause)

    @pytest.mark.parametrize(("terms", "ground"), [(SP23, "m"), (XP25, "l"), (TELKOMSEL, "i"), (SP23, "")])
    @pytest.mark.parametrize("command", [Block, Terminate])
    def test_a_ground_that_the_terms_do_not_list_is_refused(
        self, story: Story, terms: str, ground: str, command: type[Command]
    ) -> None:
        story.given_active(terms=terms)
        story.when(command, NOW, ground=ground).refused("ground-not-in-terms")

    @pytest.mark.parametrize(("terms", "ground"), [(SP23, "e"), (XP25, "e"), (TELKOMSEL, "a")])
    @pytest.mark.parametrize("command", [Block, Terminate])
    def test_an_authoritys_order_needs_its_reference(
        self, story: Story, terms: str, ground: str, command: type[Command]
    ) -> None:
        story.given_active(terms=terms)
        story.when(command, NOW, ground=ground).refused("reference-required")
        story.when(command, NOW, ground=ground, reference="order-17")
        assert getattr(story.new[0], "reference", None) == "order-17"

    @pytest.mark.parametrize(("terms", "ground"), [(SP23, "d"), (XP25, "d"), (TELKOMSEL, "g")])
    @pytest.mark.parametrize("command", [Block, Terminate])
    def test_force_majeure_needs_the_start_of_the_event(
        self, story: Story, terms: str, ground: str, command: type[Command]
    ) -> None:
        story.given_active(terms=terms)
        story.when(command, NOW, ground=ground).refused("reference-required")
        story.when(command, NOW, ground=ground, since=NOW + 1).refused("in-the-future")
        long_ago = at("2023-01-01T00:00:00+07:00")
        story.when(command, NOW, ground=ground, since=long_ago)
        assert getattr(story.new[0], "since", None) == long_ago

    @pytest.mark.clause("TS-13")
    def test_where_it_need_not_have_lasted_it_may_begin_at_this_instant(self, story: Story) -> None:
        story.given_active(terms=TELKOMSEL)
        story.when(Block, NOW, ground="g", since=NOW).then(event(Blocked, since=NOW))

    @pytest.mark.clause("SP23-24", "XP25-18")
    @SMARTFREN
    @pytest.mark.parametrize(
        ("since", "now"),
        [
            ("2023-04-20T12:00:00+07:00", "2023-07-20T12:00:00+07:00"),
            ("2023-11-30T08:00:00+07:00", "2024-02-29T08:00:00+07:00"),
            ("2023-11-29T00:00:00+07:00", "2024-02-29T00:00:00+07:00"),
        ],
    )
    def test_force_majeure_has_to_have_lasted_three_months(
        self, story: Story, terms: str, since: str, now: str
    ) -> None:
        story.given_active(terms=terms, since=at(now) - DAY)
        story.when(Block, at(now) - MICROSECOND, ground="d", since=at(since)).refused("not-eligible")
        story.when(Block, at(now), ground="d", since=at(since)).then(event(Blocked))


@pytest.mark.clause("TS-11", "SP23-23")
@ALL_TERMS
def test_nothing_is_given_back_for_the_time_blocked(story: Story, terms: str) -> None:
    story.given_active(terms=terms, credit=rupiah(9000))
    before = story.account()
    story.given(Block, NOW, scope="all", ground="b")
    story.given(Unblock, GRACE - MICROSECOND)
    after = story.account()
    assert (after.credit, after.active_until) == (before.credit, before.active_until)
    story.when(AdvanceTime, GRACE).then(event(GraceStarted, effective_at=GRACE))


@pytest.mark.clause("SE23-19")
@pytest.mark.parametrize("basis", ["established", "suspected", None])
def test_a_ground_is_established_or_suspected_as_was_said(story: Story, basis: str | None) -> None:
    story.given_active()
    story.when(Block, NOW, basis=basis).then(event(Blocked, basis=basis))
    story.when(Terminate, NOW, basis=basis)
    ended = next(one for one in story.new if isinstance(one, Terminated))
    assert ended.basis == basis
