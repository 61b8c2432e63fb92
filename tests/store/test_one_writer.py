"""One writer to a log: whichever name it is opened by, and whether or not a lock is believed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ledger.application.ledger import Ledger
from ledger.application.library import factory_of
from ledger.audit.verification import verify
from ledger.domain.prepaid.commands import AdjustCredit, ChargeCredit, IssueStarterPack
from ledger.domain.terms_book import TermsBook
from ledger.errors import LogLinked, LogLocked, LogUnreadable, WriterFenced
from ledger.store.backup import backup, restore
from ledger.store.lock import WriterLock
from tests.given import BUNDLED, NUMBER, Story, at, open_log, rupiah

NOW = at("2023-07-03T12:00:00+07:00")


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    with closing(Story(tmp_path)) as told:
        yield told.given_active(credit=rupiah(50_000))


def unlocked(path: Path) -> Ledger:
    """A writer that asks nobody whether it may."""
    return Ledger(TermsBook(BUNDLED.values()), factory_of({"SQLITE_DBNAME": str(path)}))


class TestTheLock:
    @pytest.mark.parametrize("link", [os.symlink, os.link])
    def test_a_lock_that_leads_elsewhere_empties_nothing(
        self, tmp_path: Path, link: Callable[[Path, Path], None]
    ) -> None:
        for kept, log in (("pulsa.db", "pulsa.db"), ("notes", "other.db")):
            (tmp_path / kept).write_text("what is kept")
            link(tmp_path / kept, tmp_path / f"{log}.lock")
            with pytest.raises(LogUnreadable, match=r"\.lock: "):
                WriterLock(str(tmp_path / log)).acquire()
            assert (tmp_path / kept).read_text() == "what is kept"

    def test_a_symbolic_link_leads_to_the_same_lock(self, story: Story, tmp_path: Path) -> None:
        (tmp_path / "elsewhere").mkdir()
        link = tmp_path / "elsewhere" / "link.db"
        link.symlink_to(story.path)
        with pytest.raises(LogLocked, match=r"process [0-9]+ on "):
            open_log(link)
        copy = backup(link, tmp_path / "backup.db").path
        with pytest.raises(LogLocked):
            restore(copy, link, overwrite=True)
        story.close()
        restore(copy, link, overwrite=True)
        assert link.is_symlink()
        assert verify(story.path).clean

    def test_a_file_with_two_names_is_refused(self, story: Story, tmp_path: Path) -> None:
        story.close()
        other = tmp_path / "other.db"
        os.link(story.path, other)
        for path in (story.path, other):
            with pytest.raises(LogLinked, match="2 names"):
                open_log(path)
        other.unlink()
        story.reopen().given(AdjustCredit, NOW, amount=1)

    def test_a_name_that_is_given_to_a_log_meanwhile_ends_its_writer(
        self, story: Story, tmp_path: Path
    ) -> None:
        os.link(story.path, tmp_path / "other.db")
        with pytest.raises(LogLinked):
            story.given(AdjustCredit, NOW, amount=1)

    def test_a_log_that_was_moved_stays_locked_and_its_writer_stops(
        self, story: Story, tmp_path: Path
    ) -> None:
        moved = story.path.rename(tmp_path / "moved.db")
        with pytest.raises(LogLocked, match="another name"):
            open_log(moved)
        with pytest.raises(WriterFenced, match="no longer there"):
            story.given(AdjustCredit, NOW, amount=1)

    def test_a_writer_stops_where_another_file_was_put_in_its_place(
        self, story: Story, tmp_path: Path
    ) -> None:
        backup(story.path, tmp_path / "backup.db")
        (tmp_path / "backup.db").replace(story.path)
        with pytest.raises(WriterFenced, match="another file"):
            story.given(AdjustCredit, NOW, amount=1)

    def test_a_copy_is_a_log_of_its_own(self, story: Story, tmp_path: Path) -> None:
        backup(story.path, tmp_path / "copy.db")
        with closing(open_log(tmp_path / "copy.db")) as copied:
            assert copied.position == story.ledger.position

    def test_the_lock_can_be_taken_again_and_again(self, story: Story) -> None:
        for _ in range(3):
            story.reopen()
        story.close()
        lock = WriterLock(str(story.path))
        lock.acquire()
        lock.release()


class TestTheHead:
    """Whoever writes writes on the head that it decided on, lock or no lock."""

    def test_of_two_writers_the_second_to_write_writes_nothing(self, story: Story) -> None:
        with closing(unlocked(story.path)) as other:
            ours = [story.command(ChargeCredit, NOW, amount=rupiah(30_000))]
            theirs = [story.command(ChargeCredit, NOW, amount=rupiah(30_000))]
            assert [x.code for x in other.execute(theirs)] == [None]
            with pytest.raises(WriterFenced, match="did not write"):
                story.ledger.execute(ours)
            assert story.credit() == rupiah(20_000)
            # It has forgotten what it knew: the same command meets what is there now.
            assert [x.code for x in story.ledger.execute(ours)] == ["insufficient-credit"]
            with pytest.raises(WriterFenced):
                other.execute([story.command(AdjustCredit, NOW, amount=1)])
        assert verify(story.path).clean

    def test_a_writer_that_other_numbers_hold_is_fenced_too(self, story: Story) -> None:
        with closing(unlocked(story.path)) as other:
            story.given(AdjustCredit, NOW, amount=1)
            with pytest.raises(WriterFenced):
                other.execute([story.command(IssueStarterPack, NOW, msisdn="6288100000001")])
        assert verify(story.path).clean

    def test_what_was_answered_stays_and_nothing_else_is_written(self, story: Story) -> None:
        """Two writers take turns without a lock: what one of them answered is in the log, once."""
        answered: list[str] = []
        with closing(unlocked(story.path)) as other:
            for turn in range(40):
                writer = (story.ledger, other)[turn // 2 % 2]
                command = story.command(AdjustCredit, NOW, amount=1, command_id=f"turn-{turn}")
                try:
                    (outcome,) = writer.execute([command])
                except WriterFenced:
                    continue
                assert outcome.code is None
                answered.append(command.command_id)
        assert 20 <= len(answered) < 40
        recorded = [event.command_id for event in story.events() if event.command_id.startswith("turn-")]
        assert recorded == answered
        assert story.credit() == rupiah(50_000) + len(answered)
        assert verify(story.path).clean

    def test_the_number_of_a_refused_batch_is_given_to_the_next(self, story: Story) -> None:
        with closing(unlocked(story.path)) as other:
            other.execute([story.command(AdjustCredit, NOW, amount=1)])
            before = other.position
            with pytest.raises(WriterFenced):
                story.ledger.execute([story.command(AdjustCredit, NOW, amount=2)])
            assert story.ledger.position == before
            assert (
                story.ledger.execute([story.command(AdjustCredit, NOW, amount=2, msisdn=NUMBER)])[0].code
                is None
            )
        assert verify(story.path).clean
