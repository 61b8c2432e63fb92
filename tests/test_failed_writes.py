"""What becomes of a write that fails: nothing of it is there, and whoever tries again is answered."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest

import ledger.application.ledger
from ledger import errors
from ledger.domain.calendar import DAY
from ledger.domain.commands import Command
from ledger.domain.line.commands import MigrateTerms
from ledger.domain.partition.commands import CloseThrough
from ledger.domain.prepaid.commands import (
    ChargeCredit,
    IssueStarterPack,
    ReserveCredit,
    TopUp,
    TransferCredit,
)
from ledger.domain.prepaid.events import CreditCharged
from tests.conftest import Tell
from tests.given import OTHER, THIRD, XP25, Story, event, rupiah
from tests.recorded import GRACE, LOG, NOW, everything


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
