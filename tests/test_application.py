"""The one way in: idempotency, batches, what a log begins with, and what is remembered."""

from __future__ import annotations

from typing import Any

import pytest

import ledger.application.ledger
import ledger.application.memory
from ledger import errors
from ledger.domain.calendar import DAY, SECOND, format_instant
from ledger.domain.line.commands import AdvanceTime, MigrateTerms, RecordUsage, Terminate
from ledger.domain.partition.events import LogCreated, TermsPublished
from ledger.domain.prepaid.commands import AdjustCredit, ChargeCredit, IssueStarterPack, TopUp, TransferCredit
from ledger.domain.prepaid.events import CreditCharged, CreditToppedUp, StarterPackIssued, UsageDebited
from tests.conftest import Tell
from tests.given import (
    BUNDLED,
    MICROSECOND,
    NUMBER,
    OTHER,
    SP23,
    THIRD,
    XP25,
    Story,
    event,
    open_log,
    rupiah,
    variant,
)
from tests.recorded import GRACE, LOG, NOW, everything, journal, rows


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
