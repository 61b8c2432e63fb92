"""A log's clock: what comes late or early, how the log is closed, and time that only passes."""

from __future__ import annotations

import msgspec
import pytest

import ledger.application.closing
from ledger.domain.calendar import DAY, SECOND
from ledger.domain.commands import Command
from ledger.domain.line.commands import AdvanceTime, RecordUsage, Terminate
from ledger.domain.line.events import UsageRefused
from ledger.domain.partition.commands import AdvanceDue, CloseThrough
from ledger.domain.partition.events import ClosedThrough, CommandSetApart
from ledger.domain.prepaid.commands import (
    Activate,
    AdjustCredit,
    ChargeCredit,
    IssueStarterPack,
    ReclaimNumber,
    ReturnCreditTransfer,
    TopUp,
    TransferCredit,
)
from ledger.domain.prepaid.events import (
    Activated,
    CreditAdjusted,
    CreditToppedUp,
    CreditTransferReceived,
    CreditTransferSent,
    GraceStarted,
    StarterPackExpired,
    UsageDebited,
)
from ledger.store.codec import Codec
from tests.conftest import Tell
from tests.failing import failing
from tests.given import MICROSECOND, NUMBER, OTHER, START, THIRD, Story, at, event, rupiah
from tests.recorded import GRACE, LOG, NOW, TOLERANCE


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


class TestAdvancingWhatIsDue:
    THROUGH = GRACE + DAY
    LATER = "2023-07-04T10:00:00+07:00"

    def due(self, story: Story, *, reopened: bool = False) -> None:
        story.given_active(number=THIRD, since=START)
        story.given_active(number=NUMBER, since=self.LATER)
        story.given_active(number=OTHER, since=START)
        if reopened:
            story.reopen()

    def asked(self, story: Story, *subjects: str) -> Command:
        return story.command(
            AdvanceDue, self.THROUGH, msisdn=LOG, through=self.THROUGH, subjects=list(subjects), actor="clock"
        )

    @pytest.mark.parametrize("reopened", [False, True])
    def test_they_are_advanced_in_their_order_and_nothing_is_closed(
        self, story: Story, *, reopened: bool
    ) -> None:
        self.due(story, reopened=reopened)
        story.ledger.execute([self.asked(story, OTHER, THIRD)])
        grace = [x for x in story.events() if isinstance(x, GraceStarted)]
        assert [x.account for x in grace] == [f"{OTHER}#1", f"{THIRD}#1"]
        assert {x.recorded_at for x in grace} == {self.THROUGH}
        assert story.ledger.due(self.THROUGH, 10) == [NUMBER]
        assert story.ledger.closed_through < self.THROUGH
        story.when(TopUp, self.THROUGH, msisdn=OTHER, credit=rupiah(5000))
        assert story.state(number=OTHER) == "active"

    def test_who_is_not_due_is_passed_by_however_they_are_sent(self, story: Story, tell: Tell) -> None:
        apart = tell()
        for told in (story, apart):
            self.due(told)
        batch = [
            story.command(AdvanceTime, self.THROUGH, msisdn=THIRD, command_id="a"),
            self.asked(story, THIRD, OTHER),
            self.asked(story, OTHER, NUMBER, "6288100000099"),
        ]
        story.ledger.execute(batch)
        for command in batch:
            apart.ledger.execute([command])
        assert story.events() == apart.events()
        assert story.ledger.due(self.THROUGH, 10) == []

    def test_what_is_closed_already_is_left_alone(self, story: Story) -> None:
        self.due(story)
        story.when(CloseThrough, self.THROUGH, msisdn=LOG, through=self.THROUGH, actor="clock")
        before = story.events()
        (outcome,) = story.ledger.execute([self.asked(story, NUMBER, OTHER)])
        assert (outcome.status, outcome.events) == ("accepted", ())
        assert story.events() == before

    def test_said_again_it_is_known(self, story: Story) -> None:
        self.due(story)
        asked = self.asked(story, THIRD)
        story.ledger.execute([asked])
        (again,) = story.reopen().ledger.execute([asked])
        assert again.status == "repeated"
        assert len(story.ledger.due(self.THROUGH, 10)) == 2


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
