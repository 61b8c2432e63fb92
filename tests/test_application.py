"""The one way in: idempotency, the clock, batches, what a log begins with, and what becomes of a failed write."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import msgspec
import pytest

import ledger.application.closing
import ledger.application.ledger
import ledger.application.memory
from ledger import errors
from ledger.domain.calendar import DAY, SECOND, format_instant
from ledger.domain.commands import Command
from ledger.domain.line.commands import AdvanceTime, MigrateTerms, RecordUsage, Terminate
from ledger.domain.line.events import UsageRefused
from ledger.domain.partition.commands import CloseThrough
from ledger.domain.partition.events import ClosedThrough, CommandSetApart, LogCreated, TermsPublished
from ledger.domain.prepaid.commands import (
    Activate,
    AdjustCredit,
    ChargeCredit,
    IssueStarterPack,
    ReclaimNumber,
    ReserveCredit,
    ReturnCreditTransfer,
    TopUp,
    TransferCredit,
)
from ledger.domain.prepaid.events import (
    Activated,
    CreditAdjusted,
    CreditCharged,
    CreditToppedUp,
    CreditTransferReceived,
    CreditTransferSent,
    GraceStarted,
    StarterPackExpired,
    StarterPackIssued,
    UsageDebited,
)
from ledger.store.codec import Codec
from tests.conftest import Tell
from tests.failing import failing
from tests.given import (
    BUNDLED,
    MICROSECOND,
    NUMBER,
    OTHER,
    SP23,
    START,
    THIRD,
    XP25,
    Story,
    at,
    event,
    open_log,
    rupiah,
    variant,
)

NOW = at("2023-07-20T12:00:00+07:00")
GRACE = at("2023-08-03T00:00:00+07:00")
TOLERANCE = 5 * SECOND
LOG = "log@0"


def rows(story: Story, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
    """What the log's file holds, read by a connection of its own."""
    with closing(sqlite3.connect(f"file:{story.path}?mode=ro", uri=True)) as connection:
        return connection.execute(statement, parameters).fetchall()


def journal(story: Story) -> list[tuple[str, str, str | None]]:
    """Subject, command id and refusal of every journaled command."""
    return [(row[0], row[1], row[2]) for row in rows(story, "SELECT subject, command_id, code FROM journal")]


def everything(story: Story) -> list[list[tuple[Any, ...]]]:
    """All that the file holds of events, journal, numbers and claims."""
    tables = ("stored_events", "journal", "seals", "numbers", "claims")
    return [rows(story, f"SELECT * FROM {table} ORDER BY 1, 2, 3") for table in tables]


@pytest.mark.parametrize("command_id", ["", "x" * 201, "é" * 101, "\ud800"])
def test_an_id_beyond_the_languages_bounds_is_taken_from_nobody(story: Story, command_id: str) -> None:
    story.given_active()
    before = journal(story)
    story.when(TopUp, NOW, credit=rupiah(5000), command_id=command_id).refused("invalid")
    assert journal(story) == before
    story.when(TopUp, NOW, credit=rupiah(5000), command_id="é" * 100).then(event(CreditToppedUp))


def test_execute_alone_writes(story: Story) -> None:
    told = {"book", "codec", "closed_through", "mapper", "partition", "recorded", "recorder", "subject"}
    asked = {"close", "due", "played", "position", "set_apart", "standing"}
    assert {name for name in dir(story.ledger) if not name.startswith("_")} == {"execute", *told, *asked}
    assert type(story.ledger).__bases__ == (object,)


class TestRepeats:
    def test_the_same_command_again_is_answered_with_the_first_outcome_and_writes_nothing(
        self, story: Story
    ) -> None:
        story.given_active()
        story.when(TopUp, NOW, credit=rupiah(5000), command_id="t1")
        first, before = story.outcome, everything(story)
        story.when(TopUp, NOW, credit=rupiah(5000), command_id="t1")
        assert story.outcome.status == "repeated"
        assert story.outcome == first.repeated()
        assert [x.type for x in story.outcome.events] == ["ledger.prepaid.CreditToppedUp"]
        assert everything(story) == before

    @pytest.mark.parametrize("moment", [NOW - 365 * DAY, NOW + MICROSECOND, NOW + 1000 * DAY])
    def test_whenever_it_comes_again(self, story: Story, moment: int) -> None:
        story.given_active()
        story.when(TopUp, NOW, credit=rupiah(5000), command_id="t1")
        first, before = story.outcome, everything(story)
        story.when(TopUp, moment, credit=rupiah(5000), command_id="t1")
        assert story.outcome == first.repeated()
        assert everything(story) == before

    def test_after_the_log_was_opened_anew(self, story: Story) -> None:
        story.given_active()
        story.when(TopUp, NOW, credit=rupiah(5000), command_id="t1")
        first = story.outcome
        story.reopen().when(TopUp, NOW, credit=rupiah(5000), command_id="t1")
        assert story.outcome == first.repeated()

    def test_in_one_batch(self, story: Story) -> None:
        story.given_active()
        again = [story.command(TopUp, NOW, credit=rupiah(5000), command_id="t1") for _ in range(3)]
        outcomes = story.ledger.execute(again)
        assert [x.status for x in outcomes] == ["accepted", "repeated", "repeated"]
        assert outcomes[1] == outcomes[0].repeated()
        assert story.credit() == rupiah(5000)

    def test_a_refusal_is_repeated_even_when_its_cause_is_gone(self, story: Story) -> None:
        story.given_active()
        story.when(ChargeCredit, NOW, amount=1, command_id="c1").refused("insufficient-credit")
        first = story.outcome
        story.given(TopUp, NOW, credit=rupiah(5000))
        story.when(ChargeCredit, NOW, amount=1, command_id="c1")
        assert story.outcome == first.repeated()
        assert (story.outcome.status, story.outcome.code) == ("repeated", "insufficient-credit")
        assert story.outcome.message == first.message
        story.when(ChargeCredit, NOW, amount=1, command_id="c2").then(event(CreditCharged))

    def test_so_is_an_unknown_account(self, story: Story) -> None:
        story.when(TopUp, NOW, credit=rupiah(5000), command_id="t1").refused("unknown-account")
        story.given_active(since=NOW)
        story.when(TopUp, NOW, credit=rupiah(5000), command_id="t1")
        assert (story.outcome.status, story.outcome.code) == ("repeated", "unknown-account")

    def test_a_refused_use_is_repeated_with_its_event(self, story: Story) -> None:
        story.given_active()
        story.when(RecordUsage, NOW, command_id="u1")
        first = story.outcome
        story.when(RecordUsage, NOW, command_id="u1", used_at=NOW)
        assert story.outcome == first.repeated()
        assert [x.type for x in story.outcome.events] == ["ledger.prepaid.UsageRefused"]

    @pytest.mark.parametrize("change", [{"credit": rupiah(5001)}, {"channel": "web2"}, {"actor": "x"}])
    def test_another_content_under_the_same_id_is_a_conflict(
        self, story: Story, change: dict[str, Any]
    ) -> None:
        story.given_active()
        said = {"credit": rupiah(5000), "price": rupiah(5000), "command_id": "t1"}
        story.given(TopUp, NOW, **said)
        before = everything(story)
        story.when(TopUp, NOW, **(said | change)).refused("idempotency-conflict")
        assert everything(story) == before
        story.when(TopUp, NOW, **said)
        assert story.outcome.status == "repeated"

    def test_so_is_another_command(self, story: Story) -> None:
        story.given_active()
        story.given(AdvanceTime, NOW, command_id="x")
        story.when(Terminate, NOW, command_id="x").refused("idempotency-conflict")

    def test_an_id_belongs_to_its_number(self, story: Story) -> None:
        story.given_active()
        story.given_active(number=OTHER)
        story.given(TopUp, NOW, credit=rupiah(5000), command_id="t1")
        story.when(TopUp, NOW, credit=rupiah(9000), command_id="t1", msisdn=OTHER).then(event(CreditToppedUp))

    def test_the_repeat_answers_before_the_account_and_the_clock(self, story: Story) -> None:
        story.given_active()
        story.given(Terminate, NOW, command_id="end")
        story.when(Terminate, NOW - DAY, command_id="end")
        assert story.outcome.status == "repeated"


class TestNotJournaled:
    def test_after_clock_behind_the_id_can_be_used(self, story: Story) -> None:
        story.given_active(since=NOW)
        before = everything(story)
        story.when(TopUp, NOW - DAY, credit=rupiah(5000), command_id="t1").refused("clock-behind")
        assert everything(story) == before
        story.when(TopUp, NOW, credit=rupiah(9000), command_id="t1").then(event(CreditToppedUp))

    def test_after_invalid_the_id_can_be_used(self, story: Story) -> None:
        story.when(IssueStarterPack, NOW, terms="nobodys", command_id="i1").refused("invalid")
        assert journal(story) == []
        story.when(IssueStarterPack, NOW, command_id="i1").then(event(StarterPackIssued))

    def test_every_other_refusal_is_journaled(self, story: Story) -> None:
        story.when(TopUp, NOW, credit=rupiah(5000), command_id="t1")
        story.given_active(since=NOW)
        story.when(ChargeCredit, NOW, amount=1, command_id="c1")
        assert [row for row in journal(story) if row[2] is not None] == [
            (NUMBER, "t1", "unknown-account"),
            (NUMBER, "c1", "insufficient-credit"),
        ]


class TestClock:
    @pytest.mark.parametrize("behind", [0, MICROSECOND, TOLERANCE])
    def test_a_little_behind_what_is_recorded_is_lifted_to_it(self, story: Story, behind: int) -> None:
        story.given_active(since=NOW)
        story.when(TopUp, NOW - behind, credit=rupiah(5000)).then(
            event(CreditToppedUp, recorded_at=NOW, effective_at=NOW)
        )
        assert story.outcome.at == NOW

    def test_further_behind_is_refused(self, story: Story) -> None:
        story.given_active(since=NOW)
        story.when(TopUp, NOW - TOLERANCE - MICROSECOND, credit=rupiah(5000)).refused("clock-behind")

    def test_a_refused_use_counts_as_recorded(self, story: Story) -> None:
        story.given_active()
        story.when(RecordUsage, NOW).refused("insufficient-credit", event(UsageRefused))
        story.when(TopUp, NOW - TOLERANCE - MICROSECOND, credit=rupiah(5000)).refused("clock-behind")

    def test_other_refusals_leave_no_time_behind(self, story: Story) -> None:
        story.given_active()
        story.when(ChargeCredit, NOW, amount=1).refused("insufficient-credit")
        story.when(TopUp, NOW - DAY, credit=rupiah(5000)).then(event(CreditToppedUp))

    def test_events_of_the_number_count_too(self, story: Story) -> None:
        story.given_active()
        story.given(Terminate, NOW)
        story.when(ReclaimNumber, NOW - TOLERANCE - MICROSECOND).refused("clock-behind")
        story.reopen().when(ReclaimNumber, NOW - TOLERANCE - MICROSECOND).refused("clock-behind")

    @pytest.mark.parametrize("is_opened_anew", [False, True])
    def test_events_of_a_former_account_count_too(self, story: Story, is_opened_anew: bool) -> None:
        story.given_active(since=NOW - 40 * DAY)
        story.given(TopUp, NOW - 20 * DAY, credit=rupiah(100000))
        with failing(lambda asked: isinstance(asked, ReturnCreditTransfer)):
            story.given(TransferCredit, NOW - DAY, to_msisdn=OTHER, amount=rupiah(20000), command_id="t")
        (apart,) = [found for found in story.events() if isinstance(found, CommandSetApart)]
        story.given(Terminate, NOW - 2)
        story.given(ReclaimNumber, NOW - 1)
        came_back = Codec().command(apart.command, apart.content, 0)
        (outcome,) = story.ledger.execute([msgspec.structs.replace(came_back, at=NOW)])
        assert [reference.account for reference in outcome.events] == [f"{NUMBER}#1"]
        if is_opened_anew:
            story.reopen()
        late = NOW - TOLERANCE - MICROSECOND
        story.when(Activate, late, customer="customer-1").refused("clock-behind")
        story.when(Activate, NOW - TOLERANCE, customer="customer-1").then(
            event(Activated, account=f"{NUMBER}#2", recorded_at=NOW)
        )

    def test_each_number_has_a_time_of_its_own(self, story: Story) -> None:
        story.given_active(since=NOW)
        story.given_active(since=NOW - 100 * DAY, number=OTHER)

    def test_lifted_use_is_still_effective_when_it_was_used(self, story: Story) -> None:
        story.given_active(since=NOW - DAY, credit=rupiah(5000))
        story.given(AdjustCredit, NOW, amount=1)
        story.when(RecordUsage, NOW - SECOND).then(
            event(UsageDebited, effective_at=NOW - SECOND, recorded_at=NOW)
        )

    def test_lifting_may_take_a_command_over_a_boundary(self, story: Story) -> None:
        story.given_active()
        story.given(AdvanceTime, GRACE)
        story.when(AdjustCredit, GRACE - MICROSECOND, amount=1).then(event(CreditAdjusted, recorded_at=GRACE))
        assert story.state() == "grace"


class TestClosing:
    def close(self, story: Story, through: int, **fields: object) -> Story:
        return story.when(CloseThrough, through, msisdn=LOG, through=through, actor="clock", **fields)

    def test_every_account_is_advanced_before(self, story: Story) -> None:
        """In the order in which they fall due, then by number."""
        story.given_active(number=THIRD, since=START)
        story.given_active(number=NUMBER, since="2023-07-04T10:00:00+07:00")
        story.given_active(number=OTHER, since=START)
        through = GRACE + DAY
        self.close(story, through).then(
            event(GraceStarted, account=f"{THIRD}#1", effective_at=GRACE, recorded_at=through),
            event(GraceStarted, account=f"{OTHER}#1", effective_at=GRACE, recorded_at=through),
            event(GraceStarted, account=f"{NUMBER}#1", effective_at=through, recorded_at=through),
        )
        closed = story.events()[-1]
        assert isinstance(closed, ClosedThrough)
        assert (closed.through, closed.account, closed.version) == (through, LOG, 2)
        assert story.ledger.due(through, 10) == []

    def test_more_numbers_than_one_transaction_holds_are_to_be_advanced_before(
        self, story: Story, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(ledger.application.closing, "DUE_AT_CLOSING", 2)
        for number in (NUMBER, OTHER, THIRD):
            story.given_active(number=number)
        self.close(story, GRACE).refused("limit-reached")
        story.given(AdvanceTime, GRACE, msisdn=THIRD)
        self.close(story, GRACE)
        assert len(story.ledger.due(GRACE, 10)) == 0

    def test_one_microsecond_earlier_nothing_was_due(self, story: Story) -> None:
        story.given_active()
        self.close(story, GRACE - MICROSECOND).then()

    @pytest.mark.parametrize("behind", [0, MICROSECOND, TOLERANCE])
    def test_a_command_behind_it_is_lifted_to_a_microsecond_past_it(self, story: Story, behind: int) -> None:
        story.given_active()
        self.close(story, NOW)
        story.when(TopUp, NOW - behind, credit=rupiah(5000)).then(
            event(CreditToppedUp, recorded_at=NOW + MICROSECOND)
        )

    def test_further_behind_is_refused_for_any_number(self, story: Story) -> None:
        story.given_active()
        self.close(story, NOW)
        late = NOW - TOLERANCE - MICROSECOND
        story.when(TopUp, late, credit=rupiah(5000)).refused("clock-behind")
        story.when(IssueStarterPack, late, msisdn=OTHER).refused("clock-behind")
        story.reopen().when(IssueStarterPack, late, msisdn=OTHER).refused("clock-behind")

    def test_no_event_recorded_afterwards_lies_at_or_before_it(self, story: Story) -> None:
        story.given_active(credit=rupiah(9000))
        self.close(story, NOW)
        story.when(RecordUsage, NOW - SECOND).then(
            event(UsageDebited, effective_at=NOW - SECOND, recorded_at=NOW + MICROSECOND)
        )

    def test_a_policys_command_is_lifted_without_limit(self, story: Story) -> None:
        story.given_active(credit=rupiah(100000), since=NOW - 30 * DAY)
        story.given_active(number=OTHER, since=NOW - DAY)
        self.close(story, NOW)
        story.when(TransferCredit, NOW - TOLERANCE, amount=rupiah(5000)).then(
            event(CreditTransferSent, recorded_at=NOW + MICROSECOND),
            event(CreditTransferReceived, recorded_at=NOW + MICROSECOND),
        )

    @pytest.mark.parametrize("earlier", [0, MICROSECOND, DAY])
    def test_it_never_goes_back(self, story: Story, earlier: int) -> None:
        story.given_active()
        self.close(story, NOW)
        before = len(story.events())
        self.close(story, NOW - earlier)
        assert story.outcome.status == "accepted"
        assert len(story.events()) == before
        assert story.ledger.closed_through == NOW

    def test_it_is_remembered(self, story: Story) -> None:
        story.given_active()
        self.close(story, NOW)
        assert story.reopen().ledger.closed_through == NOW

    def test_an_account_whose_time_is_ahead_is_left_alone(self, story: Story) -> None:
        story.given_active(since=NOW)
        self.close(story, NOW - DAY).then()
        story.when(TopUp, NOW - MICROSECOND, credit=rupiah(5000)).then(event(CreditToppedUp))

    def test_what_fell_due_in_the_same_batch_is_advanced_too(self, story: Story) -> None:
        story.given_active()
        story.ledger.execute(
            [
                story.command(IssueStarterPack, NOW, msisdn=OTHER, valid_until=19558),
                story.command(TopUp, NOW, credit=rupiah(50000)),
                story.command(CloseThrough, GRACE, msisdn=LOG, through=GRACE),
            ]
        )
        assert story.state(number=OTHER) == "expired"
        assert [x.name for x in story.events()][-3:] == [
            "StarterPackExpired",
            "NumberAvailable",
            "ClosedThrough",
        ]
        assert story.state() == "active"

    @pytest.mark.parametrize("batched", [False, True])
    def test_many_fall_due_in_one_order_however_they_were_sent(self, story: Story, batched: bool) -> None:
        numbers = [f"62881{n * 7919 % 100_003:08d}" for n in range(40)]
        days = {number: 19541 + index % 5 for index, number in enumerate(numbers)}
        commands = [
            story.command(IssueStarterPack, at(START), msisdn=number, valid_until=days[number])
            for number in numbers
        ]
        commands.append(story.command(CloseThrough, GRACE, msisdn=LOG, through=GRACE))
        for batch in [commands] if batched else [[command] for command in commands]:
            story.ledger.execute(batch)
        expired = [x.account for x in story.events() if isinstance(x, StarterPackExpired)]
        assert expired == [f"{number}#1" for number in sorted(numbers, key=lambda n: (days[n], n))]

    def test_repeats_of_it_are_recognised_after_the_log_was_opened_anew(self, story: Story) -> None:
        story.given_active()
        self.close(story, NOW, command_id="close-1")
        story.reopen()
        self.close(story, NOW, command_id="close-1")
        assert story.outcome.status == "repeated"


class TestAdvanceTime:
    def test_its_outcome_names_what_fell_due(self, story: Story) -> None:
        story.given_active()
        story.when(AdvanceTime, GRACE + 31 * DAY)
        assert [x.type for x in story.outcome.events] == [
            "ledger.prepaid.GraceStarted",
            "ledger.prepaid.WaitingStarted",
        ]
        first = story.outcome
        story.reopen().when(AdvanceTime, GRACE + 31 * DAY, command_id=first.command_id)
        assert story.outcome == first.repeated()

    def test_what_is_due_is_known_by_number_earliest_first(self, story: Story) -> None:
        story.given_active(number=OTHER, since="2023-07-04T10:00:00+07:00")
        story.given_active(number=NUMBER, since=START)
        story.given_active(number=THIRD, since=START)
        assert story.ledger.due(GRACE - MICROSECOND, 10) == []
        assert story.ledger.due(GRACE, 10) == [THIRD, NUMBER]
        assert story.ledger.due(GRACE + DAY, 10) == [THIRD, NUMBER, OTHER]
        assert story.ledger.due(GRACE + DAY, 2) == [THIRD, NUMBER]
        story.given(AdvanceTime, GRACE, msisdn=THIRD)
        assert story.ledger.due(GRACE, 10) == [NUMBER]


class TestTheLogItself:
    def test_it_begins_with_its_clock_and_the_terms_that_it_uses(self, story: Story) -> None:
        story.given(IssueStarterPack, NOW, command_id="i1", actor="staff-1")
        created, published, issued = story.events()
        assert isinstance(created, LogCreated)
        assert (created.account, created.version, created.clock) == (LOG, 1, "played")
        assert isinstance(published, TermsPublished)
        assert (published.account, published.version) == (f"terms/{SP23}@0", 1)
        assert published.terms_id == SP23
        assert published.content == BUNDLED[SP23].content
        assert published.digest == BUNDLED[SP23].digest
        assert {x.command_id for x in (created, published, issued)} == {"i1"}
        assert {x.recorded_at for x in (created, published, issued)} == {NOW}

    def test_terms_are_published_at_their_first_use_and_once(self, story: Story) -> None:
        story.given_active()
        story.given_active(number=OTHER)
        story.given(MigrateTerms, NOW, terms=XP25)
        story.reopen().given_active(number=THIRD, terms=XP25, since=NOW)
        published = [x.terms_id for x in story.events() if isinstance(x, TermsPublished)]
        assert published == [SP23, XP25]

    def test_a_file_that_differs_from_what_was_published_stops_the_writer(self, tell: Tell) -> None:
        story = tell(variant(SP23))
        story.given_active(terms="variant")
        story.close()
        story.terms[-1] = variant(SP23, grace={"days": 31, "clause": "SP23-18"})
        with pytest.raises(errors.TermsChanged, match=r"variant .* other values: grace"):
            open_log(story.path, story.terms)

    def test_terms_without_a_file_are_read_from_the_log(self, tell: Tell) -> None:
        story = tell(variant(SP23))
        story.given_active(terms="variant", credit=rupiah(9000))
        story.terms = list(BUNDLED.values())
        story.reopen()
        story.when(RecordUsage, NOW).then(event(UsageDebited, terms="variant"))
        story.given_active(number=OTHER, terms="variant", since=NOW)

    def test_a_live_log_keeps_no_stated_time_in_its_journal(self, tell: Tell) -> None:
        story = tell(clock="live")
        story.given(IssueStarterPack, NOW, command_id="i1")
        created = story.events()[0]
        assert isinstance(created, LogCreated)
        assert created.clock == "live"
        ((name, state, taken_at),) = rows(story, "SELECT name, command, at FROM journal")
        codec: Any = story.ledger.codec
        assert taken_at == NOW
        assert codec.record(state)["at"] is None
        assert codec.command(name, state, taken_at) == story.command(IssueStarterPack, NOW, command_id="i1")

    def test_a_played_log_keeps_commands_as_they_came(self, story: Story) -> None:
        story.given_active(since=NOW)
        story.given(AdjustCredit, NOW - SECOND, command_id="a1", amount=-0 + 1)
        ((state, taken_at),) = rows(story, "SELECT command, at FROM journal WHERE command_id='a1'")
        codec: Any = story.ledger.codec
        assert taken_at == NOW
        assert codec.record(state)["at"] == NOW - SECOND


class TestPolicies:
    def test_what_follows_is_not_journaled_and_not_the_commands_own(self, story: Story) -> None:
        story.given_active(credit=rupiah(100000), since=NOW - 30 * DAY)
        story.given_active(number=OTHER, since=NOW - DAY)
        story.given(TransferCredit, NOW, amount=rupiah(5000), command_id="x1")
        assert [x.account for x in story.outcome.events] == [f"{NUMBER}#1"]
        assert [row for row in journal(story) if row[1].startswith("policy/")] == []
        assert story.outcome.position == f"0:{len(story.events())}"

    def test_both_halves_stand_in_one_batch_with_what_comes_after(self, story: Story) -> None:
        story.given_active(credit=rupiah(100000), since=NOW - 30 * DAY)
        story.given_active(number=OTHER, since=NOW - DAY)
        outcomes = story.ledger.execute(
            [
                story.command(TransferCredit, NOW, amount=rupiah(5000)),
                story.command(ChargeCredit, NOW, msisdn=OTHER, amount=rupiah(5000)),
            ]
        )
        assert [x.status for x in outcomes] == ["accepted", "accepted"]
        assert story.credit(number=OTHER) == 0


class TestBatches:
    def test_nothing_to_do_is_nothing_done(self, story: Story) -> None:
        assert story.ledger.execute([]) == []
        assert story.events() == []

    def test_a_refused_command_spoils_nothing_beside_it(self, story: Story) -> None:
        story.given_active()
        outcomes = story.ledger.execute(
            [
                story.command(TopUp, NOW, credit=rupiah(5000)),
                story.command(TopUp, NOW, credit=1),
                story.command(MigrateTerms, NOW, terms="nobodys"),
                story.command(ChargeCredit, NOW - DAY, amount=1),
                story.command(ChargeCredit, NOW, amount=rupiah(5000)),
            ]
        )
        assert [x.code for x in outcomes] == [None, "below-minimum", "invalid", "clock-behind", None]
        assert story.credit() == 0

    def test_each_outcome_has_the_position_of_its_last_event(self, story: Story) -> None:
        story.given_active()
        start = len(story.events())
        outcomes = story.ledger.execute(
            [
                story.command(TopUp, NOW, credit=rupiah(5000)),
                story.command(TopUp, NOW, credit=1),
                story.command(TopUp, NOW, credit=rupiah(5000)),
            ]
        )
        assert [x.ordinal for x in outcomes] == [start + 1, start + 1, start + 2]
        assert [x.position for x in outcomes] == [f"0:{x.ordinal}" for x in outcomes]
        assert outcomes[0].to_json() == {
            "command_id": outcomes[0].command_id,
            "status": "accepted",
            "refusal": None,
            "events": [{"type": "ledger.prepaid.CreditToppedUp", "account": f"{NUMBER}#1", "version": 3}],
            "position": f"0:{start + 1}",
        }

    def test_a_command_that_makes_the_code_fail_leaves_nothing_and_spoils_nothing(self, story: Story) -> None:
        story.given_active()
        good = story.command(TopUp, NOW, credit=rupiah(5000), command_id="good")
        defect = story.command(IssueStarterPack, NOW, msisdn=OTHER, valid_until=2**31 - 1)
        first, failed, last = story.ledger.execute([good, defect, story.command(AdvanceTime, NOW)])
        assert [first.status, failed.code, last.status] == ["accepted", "defect", "accepted"]
        assert "IssueStarterPack" in (failed.message or "")
        assert not rows(story, f"SELECT 1 FROM journal WHERE command_id='{failed.command_id}'")
        story.say(good)
        assert story.outcome.status == "repeated"


@contextmanager
def full_disk(story: Story) -> Iterator[None]:
    """A disk without room for another page of the log."""
    recorder: Any = story.ledger.recorder
    pool = recorder.datastore.pool
    connection = pool.get_connection(is_writer=True)
    cursor = connection.cursor()
    cursor.execute("PRAGMA page_count")
    cursor.execute(f"PRAGMA max_page_count={cursor.fetchone()[0]}")
    pool.put_connection(connection)
    yield
    connection = pool.get_connection(is_writer=True)
    connection.cursor().execute("PRAGMA max_page_count=1073741823")
    pool.put_connection(connection)


@contextmanager
def failing_table(story: Story, table: str) -> Iterator[None]:
    """A log whose file refuses every new row of one table."""
    with closing(sqlite3.connect(story.path, isolation_level=None)) as connection:
        connection.execute(
            f"CREATE TRIGGER refuses BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'refused'); END"
        )
        yield
        connection.execute("DROP TRIGGER refuses")


class TestFailedWrites:
    def batch(self, story: Story) -> list[Command]:
        """Time-driven events, a first use of terms, a new number, a transfer, and a refusal."""
        later = GRACE + DAY
        return [
            story.command(TopUp, later, credit=rupiah(100000), command_id="w1"),
            story.command(MigrateTerms, later, terms=XP25, command_id="w2"),
            story.command(IssueStarterPack, later, msisdn=THIRD, terms=XP25, command_id="w3"),
            story.command(TransferCredit, later, amount=rupiah(20000), command_id="w4"),
            story.command(ReserveCredit, later, amount=rupiah(100), expires_at=later + 1, command_id="w5"),
            story.command(TopUp, later, credit=1, command_id="w6"),
            story.command(CloseThrough, later, msisdn=LOG, through=later, command_id="w7"),
        ]

    def arrange(self, story: Story) -> Story:
        story.given_active(credit=rupiah(9000))
        return story.given_active(number=OTHER, since=NOW)

    @pytest.mark.parametrize("table", ["stored_events", "journal", "numbers", "claims", "seals"])
    def test_nothing_is_half_done_and_the_same_batch_can_be_sent_again(
        self, story: Story, tell: Tell, table: str
    ) -> None:
        smooth = self.arrange(tell())
        wanted = smooth.ledger.execute(self.batch(smooth))
        self.arrange(story)
        before = everything(story)
        with failing_table(story, table), pytest.raises(Exception, match="refused"):
            story.ledger.execute(self.batch(story))
        assert everything(story) == before
        assert story.ledger.execute(self.batch(story)) == wanted
        assert everything(story) == everything(smooth)

    def test_a_full_disk_says_so_and_the_batch_goes_through_once_there_is_room(
        self, story: Story, tell: Tell
    ) -> None:
        smooth = self.arrange(tell())
        self.arrange(story)
        numbers = [f"62881{n:07d}" for n in range(1000)]
        many = [story.command(IssueStarterPack, NOW, msisdn=n, command_id="i") for n in numbers]
        wanted = smooth.ledger.execute(many)
        before = everything(story)
        with full_disk(story), pytest.raises(errors.LogFull):
            story.ledger.execute(many)
        assert everything(story) == before
        assert story.ledger.execute(many) == wanted
        assert everything(story) == everything(smooth)

    def test_a_lone_command_afterwards_finds_the_state_of_before(self, story: Story) -> None:
        self.arrange(story)
        with failing_table(story, "journal"), pytest.raises(Exception, match="refused"):
            story.ledger.execute(self.batch(story))
        story.when(ChargeCredit, NOW, amount=rupiah(9000)).then(event(CreditCharged, version=3))
        assert story.ledger.closed_through < NOW

    def test_a_snapshot_that_cannot_be_kept_does_not_undo_what_was_recorded(
        self, story: Story, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(ledger.application.ledger, "SNAPSHOT_EVERY", 1)
        story.given_active(credit=rupiah(9000))
        with closing(sqlite3.connect(story.path)) as connection:
            connection.execute("ALTER TABLE stored_snapshots RENAME TO away")
            story.when(ChargeCredit, NOW, amount=1).then(event(CreditCharged))
            connection.execute("ALTER TABLE away RENAME TO stored_snapshots")
        story.reopen()
        assert story.credit() == rupiah(9000) - 1
        story.when(ChargeCredit, NOW, amount=1).then(event(CreditCharged))


class TestMemory:
    def test_an_account_that_was_put_out_of_memory_goes_on_as_it_was(
        self, story: Story, tell: Tell, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        remembering = tell()
        monkeypatch.setattr(ledger.application.memory, "CACHED_SUBJECTS", 1)
        monkeypatch.setattr(ledger.application.ledger, "SNAPSHOT_EVERY", 3)
        for told in (story, remembering):
            for number in (NUMBER, OTHER, THIRD):
                told.given_active(number=number, credit=rupiah(50000))
            for count in range(20):
                for number in (NUMBER, OTHER, THIRD):
                    told.when(RecordUsage, NOW + count, msisdn=number, quantity=60 + count)
                    told.when(TopUp, NOW + count, msisdn=number, credit=rupiah(5000))
            monkeypatch.undo()
        assert everything(story) == everything(remembering)

    def test_snapshots_are_kept_for_accounts_that_grow_and_only_the_last(
        self, story: Story, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(ledger.application.ledger, "SNAPSHOT_EVERY", 5)
        story.given_active(credit=rupiah(50000))
        for count in range(12):
            story.given(AdjustCredit, NOW + count, amount=1)
        kept = rows(story, "SELECT originator_id, originator_version, topic FROM stored_snapshots")
        assert kept == [(f"{NUMBER}#1", 10, "snapshot/PrepaidAccount")]


def test_a_second_writer_is_told_which_process_holds_the_log(story: Story) -> None:
    with pytest.raises(errors.LogLocked, match=r"process [0-9]+ on "):
        open_log(story.path)


def test_the_ids_of_what_time_brings_about_name_account_type_and_instant(story: Story) -> None:
    story.given_active()
    story.when(AdvanceTime, GRACE + 1)
    (happened,) = story.new
    assert happened.command_id == f"due/{NUMBER}#1/GraceStarted/{format_instant(GRACE)}"


class TestTypes:
    """What a program hands over is of the types that the commands state, or refused; its neighbours go on."""

    @pytest.mark.parametrize(
        "fields",
        [
            {"at": 1.5},
            {"at": True},
            {"at": "2023-07-20"},
            {"at": 2**62},
            {"command_id": 7},
            {"command_id": ["x"]},
            {"msisdn": 6288112345678},
            {"credit": 5.0},
            {"credit": True},
            {"credit": 2**70},
            {"channel": None},
            {"channel": ["x"]},
            {"channel": "\ud800"},
        ],
        ids=str,
    )
    def test_another_type_is_invalid(self, story: Story, fields: dict[str, Any]) -> None:
        story.given_active()
        said = {"credit": rupiah(5000), "price": 5} | fields
        wrong = story.command(TopUp, said.pop("at", NOW), **said)
        right = story.command(TopUp, NOW, credit=rupiah(5000))
        before = story.credit()
        outcomes = story.ledger.execute([wrong, right])
        assert [outcome.code for outcome in outcomes] == ["invalid", None]
        assert story.credit() == before + rupiah(5000)

    @pytest.mark.parametrize("instant", [1.5, True])
    def test_so_is_another_instant(self, story: Story, instant: Any) -> None:
        story.given_active()
        story.when(RecordUsage, NOW, used_at=instant)
        story.refused("invalid")


@pytest.mark.parametrize(
    "stated", [{"command_id": "\ud800"}, {"msisdn": "\udc80"}, {"msisdn": f"{NUMBER}#1"}]
)
def test_a_command_that_is_addressed_to_nothing_spoils_none_beside_it(
    story: Story, stated: dict[str, str]
) -> None:
    story.given_active()
    bad, good = story.command(AdvanceTime, NOW, **stated), story.command(AdvanceTime, NOW)
    assert [outcome.code for outcome in story.ledger.execute([bad, good])] == ["invalid", None]
