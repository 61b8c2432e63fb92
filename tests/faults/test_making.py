"""A log that is made is there whole, or not at all: whoever is killed meanwhile, and wherever a file is cut."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ledger.audit.verification import verify
from ledger.domain.prepaid.commands import IssueStarterPack
from ledger.errors import LogDamaged, LogMissing
from ledger.store.reading import SqliteReader
from tests.given import SP23, day, ledger_on, make_log, open_log
from tests.processes import FORKS

_MOST_STEPS = 40
_WRITTEN = IssueStarterPack(
    at=1, command_id="1", msisdn="6288112345678", terms=SP23, printed_credit=0, valid_until=day("2030-12-31")
)


def _make(log: str, last: int) -> None:
    """Makes a log, and is killed right before it does the next thing to a file after so many."""
    done = 0

    def look(event: str, arguments: Any) -> None:
        nonlocal done
        if event in {"open", "os.rename", "os.remove", "sqlite3.connect"} and log in str(arguments):
            done += 1
            if done > last:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(look)
    open_log(Path(log)).close()


def test_a_writer_killed_while_it_makes_a_log_leaves_none_or_a_whole_one(tmp_path: Path) -> None:
    seen = set()
    for steps in range(_MOST_STEPS):
        log = tmp_path / str(steps) / "log.db"
        log.parent.mkdir()
        process = FORKS.Process(target=_make, args=(str(log), steps))
        process.start()
        process.join()
        seen.add(log.exists())
        if log.exists():
            with SqliteReader(log).snapshot() as snapshot:
                assert snapshot.head == 0
        else:
            with pytest.raises(LogMissing), SqliteReader(log).snapshot():
                pass
        if process.exitcode == 0:
            break
        assert process.exitcode == -signal.SIGKILL
        must_be_written_to(log)
    else:
        pytest.fail("it was never done")
    assert seen == {True, False}


def must_be_written_to(log: Path) -> None:
    make_log(log)  # which settles its clock, where that was not done yet
    with ledger_on(log) as ledger:
        assert [outcome.code for outcome in ledger.execute([_WRITTEN])] == [None]
    assert verify(log).clean
    assert not [file.name for file in log.parent.iterdir() if ".new" in file.name]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log, all of it in its file."""
    log = tmp_path_factory.mktemp("whole") / "log.db"
    must_be_written_to(log)
    with closing(sqlite3.connect(log)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
    return log


PAGE = 4096


@pytest.mark.parametrize(
    "length",
    [0, 1, 15, 16, 17, 99, 100, 101, 511, 512, PAGE - 1, PAGE, PAGE + 1, 2 * PAGE, 9 * PAGE + 100, -PAGE, -1],
)
def test_a_file_that_was_cut_is_damaged_to_readers_and_writers(
    length: int, whole: Path, tmp_path: Path
) -> None:
    log = Path(shutil.copy(whole, tmp_path / "log.db"))
    os.truncate(log, length if length >= 0 else log.stat().st_size + length)
    before = log.read_bytes()
    with pytest.raises(LogDamaged), SqliteReader(log).snapshot() as snapshot:
        list(snapshot.events())
    with pytest.raises(LogDamaged):
        open_log(log).close()
    assert log.read_bytes() == before
    assert found_by_verify(log)


def found_by_verify(log: Path) -> bool:
    try:
        return not verify(log).clean
    except LogDamaged:
        return True


def test_an_empty_file_is_none_to_begin_with_and_what_lies_beside_it_is_kept(
    whole: Path, tmp_path: Path
) -> None:
    log = Path(shutil.copy(whole, tmp_path / "log.db"))
    writer = sqlite3.connect(log)
    writer.execute("PRAGMA journal_mode=WAL")
    writer.execute("CREATE TABLE last (x)")
    ahead = Path(f"{log}-wal")
    kept = ahead.read_bytes()
    assert kept
    other = tmp_path / "other.db"
    for is_there in (True, False):
        Path(f"{other}-wal").write_bytes(kept)
        if is_there:
            other.touch()
        else:
            other.unlink()
        with pytest.raises(LogDamaged):
            open_log(other)
        with pytest.raises(LogDamaged if is_there else LogMissing), SqliteReader(other).snapshot():
            pass
        assert Path(f"{other}-wal").read_bytes() == kept
    writer.close()
