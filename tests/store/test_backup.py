"""Backups: whole and right, taken beside a writer; put back only whole, and never over what is not to be lost."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from ledger.audit.verification import verify
from ledger.domain.prepaid.commands import Activate, IssueStarterPack, TopUp
from ledger.errors import LedgerError, LogDamaged, LogFormatUnknown, LogLocked, LogMissing, LogUnreadable
from ledger.store.backup import FileExists, backup, restore
from tests.given import NUMBER, START, Story, at, ledger_on, rupiah
from tests.projections.histories import a_log, recorded
from tests.store.test_reading import every_question, not_root, read_only_copy
from tests.waiting import PATIENCE


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log with every event there is."""
    return a_log(tmp_path_factory.mktemp("log") / "log.db")


def test_a_backup_is_the_log_as_it_stood(log: Path, tmp_path: Path) -> None:
    copy = backup(log, tmp_path / "backup.db")
    report = verify(copy.path)
    assert report.clean
    assert (report.events, report.entries, report.seal) == (copy.events, copy.entries, copy.seal)
    assert copy.position == f"0:{report.events}"
    assert recorded(copy.path) == recorded(log)
    assert sorted(file.name for file in tmp_path.iterdir() if "lock" not in file.name) == ["backup.db"]


def test_a_backup_can_be_read_where_nothing_can_be_written(log: Path, tmp_path: Path) -> None:
    copy = backup(log, tmp_path / "backup.db")
    with read_only_copy(copy.path) as there, not_root():
        assert every_question(there) == every_question(there)


def test_backups_taken_while_a_writer_writes_are_clean_and_go_further_each_time(tmp_path: Path) -> None:
    path, stop, failed = tmp_path / "log.db", threading.Event(), []
    begun = threading.Event()

    def write() -> None:
        try:
            with ledger_on(path) as ledger:
                start = at(START)
                ledger.execute(
                    [
                        IssueStarterPack(
                            at=start,
                            command_id="issue",
                            msisdn=NUMBER,
                            terms="smartfren-prepaid-2023",
                            printed_credit=0,
                            valid_until=30_000,
                        ),
                        Activate(
                            at=start,
                            command_id="activate",
                            msisdn=NUMBER,
                            channel="web",
                            customer="c",
                            registration="verified",
                        ),
                    ]
                )
                count = 0
                while not stop.is_set():
                    count += 1
                    ledger.execute(
                        [
                            TopUp(
                                at=start + count,
                                command_id=f"{count}/{n}",
                                msisdn=NUMBER,
                                credit=rupiah(5000),
                                price=rupiah(5000),
                                channel="web",
                            )
                            for n in range(50)
                        ]
                    )
                    begun.set()
        except BaseException as error:  # noqa: BLE001 - told below
            failed.append(error)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert begun.wait(PATIENCE)
        copies = [backup(path, tmp_path / f"backup-{count}.db") for count in range(4)]
    finally:
        stop.set()
        writer.join()
    assert failed == []
    assert [verify(copy.path).findings for copy in copies] == [[]] * 4
    assert sorted(copy.events for copy in copies) == [copy.events for copy in copies]


def test_a_backup_takes_no_other_file_s_place_unless_told(log: Path, tmp_path: Path) -> None:
    target = tmp_path / "backup.db"
    target.write_text("precious")
    with pytest.raises(FileExists):
        backup(log, target)
    assert target.read_text() == "precious"
    backup(log, target, overwrite=True)
    assert verify(target).clean


def test_a_backup_of_what_is_no_sound_log_leaves_nothing_behind(log: Path, tmp_path: Path) -> None:
    folder = tmp_path / "to"
    folder.mkdir()
    with pytest.raises(LogMissing):
        backup(tmp_path / "nothing.db", folder / "backup.db")
    with closing(sqlite3.connect(tmp_path / "other.db")) as connection:
        connection.execute("CREATE TABLE something (x)")
    with pytest.raises(LogFormatUnknown):
        backup(tmp_path / "other.db", folder / "backup.db")
    whole = log.read_bytes()
    (tmp_path / "short.db").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(LogDamaged):
        backup(tmp_path / "short.db", folder / "backup.db")
    cut = Path(shutil.copy(log, tmp_path / "cut.db"))
    with closing(sqlite3.connect(cut)) as connection:
        connection.execute("DELETE FROM stored_events WHERE ordinal>300")
        connection.commit()
    with pytest.raises(LogDamaged, match="not the one that was sealed"):
        backup(cut, folder / "backup.db")
    with pytest.raises(LogUnreadable):
        backup(log, tmp_path / "no such folder" / "backup.db")
    assert list(folder.iterdir()) == []


def test_progress_is_told_in_pages(log: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    backup(log, tmp_path / "backup.db", progress=lambda done, total: told.append((done, total)))
    assert told[-1][0] == told[-1][1] > 0


def test_a_restored_log_is_the_one_that_was_backed_up_and_goes_on(story: Story, tmp_path: Path) -> None:
    story.given_active()
    copy = backup(story.path, tmp_path / "backup.db")
    story.given(TopUp, at(START) + 1, credit=rupiah(5000))
    story.close()
    with pytest.raises(FileExists, match="it would be lost"):
        restore(copy.path, story.path)
    assert verify(story.path).events == 5
    assert restore(copy.path, story.path, overwrite=True) == (story.path, 4, 2, copy.seal)
    assert verify(story.path).events == 4
    story.reopen()
    story.given(TopUp, at(START) + 2, credit=rupiah(10_000))
    assert story.credit(at(START) + 2) == rupiah(10_000)
    assert verify(story.path).clean


def test_what_a_killed_writer_left_beside_a_log_does_not_get_into_the_restored_one(
    story: Story, tmp_path: Path
) -> None:
    story.given_active()
    copy = backup(story.path, tmp_path / "backup.db")
    story.given(TopUp, at(START) + 1, credit=rupiah(5000))
    there = tmp_path / "there"
    there.mkdir()
    for beside in ("", "-wal", "-shm"):
        shutil.copy(f"{story.path}{beside}", there / f"log.db{beside}")
    restore(copy.path, there / "log.db", overwrite=True)
    assert verify(there / "log.db").events == 4


def test_a_log_is_not_restored_under_a_writer(story: Story, tmp_path: Path) -> None:
    story.given_active()
    copy = backup(story.path, tmp_path / "backup.db")
    with pytest.raises(LogLocked):
        restore(copy.path, story.path, overwrite=True)
    story.given(TopUp, at(START) + 1, credit=rupiah(5000))


def test_nothing_is_restored_that_is_no_log_or_does_not_pass_the_check(
    log: Path, story: Story, tmp_path: Path
) -> None:
    story.given_active()
    story.close()
    with pytest.raises(LogMissing):
        restore(tmp_path / "nothing.db", story.path, overwrite=True)
    (tmp_path / "text.db").write_text("not a log" * 1000)
    with pytest.raises(LogDamaged):
        restore(tmp_path / "text.db", story.path, overwrite=True)
    with pytest.raises(FileExists, match="the log itself"):
        restore(story.path, story.path, overwrite=True)

    def refuse(part: Path) -> None:
        assert verify(part).clean
        raise LogDamaged("somebody looked closer")

    with pytest.raises(LedgerError, match="looked closer"):
        restore(log, story.path, overwrite=True, check=refuse)
    assert verify(story.path).events == 4
    assert not list(story.path.parent.glob("*.part*"))


def test_a_log_is_restored_where_there_is_none(log: Path, tmp_path: Path) -> None:
    copy = restore(log, tmp_path / "new.db")
    assert recorded(copy.path) == recorded(log)
    with ledger_on(tmp_path / "newer.db"), pytest.raises(LogLocked):
        restore(log, tmp_path / "newer.db", overwrite=True)
