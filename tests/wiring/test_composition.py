"""What is opened of a log is closed when that ends, however often, and whatever was asked of it."""

from __future__ import annotations

import re
import tempfile
import threading
from pathlib import Path

import pytest

from ledger.domain.prepaid.commands import IssueStarterPack
from ledger.errors import LogLocked, LogMissing
from ledger.wiring import read_side
from ledger.wiring.composition import opened
from ledger.wiring.settings import Settings
from tests.given import NUMBER, SP23, START, at, day
from tests.processes import must_end_well

TIMES = 1000
SELDOM = 100
NOW = at(START)
PACK = IssueStarterPack(
    at=NOW,
    command_id="pack",
    msisdn=NUMBER,
    terms=SP23,
    printed_credit=0,
    valid_until=day("2030-12-31"),
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "temporary").mkdir()
    found = Settings(log=tmp_path / "log.db", clock="played")
    with opened(found) as log:
        assert log.taker().execute([PACK])[0].code is None
    return found


def held() -> tuple[list[str], list[threading.Thread], list[Path]]:
    """What this process has of files, threads and temporary folders."""
    files = [str(path.readlink()) for path in list(Path("/proc/self/fd").iterdir()) if path.is_symlink()]
    files = [
        re.sub(r":\[[0-9]+\]", "", name) for name in files
    ]  # of sockets and pipes no two are called the same
    return sorted(files), threading.enumerate(), list(Path(tempfile.gettempdir()).iterdir())


def must_be_the_same(before: object, now: object) -> None:
    assert before == now, (before, now)  # where it runs nobody else says what differs


def test_a_thousand_opened_in_one_process_leave_nothing_behind(settings: Settings, tmp_path: Path) -> None:
    must_end_well(_opened_again_and_again, settings, tmp_path)


def _opened_again_and_again(settings: Settings, folder: Path) -> None:
    tempfile.tempdir = str(folder / "temporary")
    projected = settings.changed(database=f"sqlite:///{folder / 'views.db'}")
    with read_side.runner(projected) as (runner, _):
        runner.catch_up()
    before = None
    for time in range(TIMES):
        with opened(settings if time % SELDOM else projected) as log:
            assert log.questions(lambda: NOW).enquiry(NUMBER).state == "inactive"
            if time % SELDOM <= 1:  # of the database that is set, and of the file beside the log
                assert log.questions(lambda: NOW).states().accounts == {"inactive": 1}
            if time % SELDOM == 0:
                (again,) = log.taker().execute([PACK])
                assert again.status == "repeated"
                assert log.verify(NOW).clean
                log.back_up(folder / "backup.db", overwrite=True)
        if time == SELDOM + 1:  # all that is made once is made
            before = held()
    must_be_the_same(before, held())


def test_what_failed_leaves_nothing_behind(settings: Settings, tmp_path: Path) -> None:
    must_end_well(_failed_again_and_again, settings, tmp_path)


def _failed_again_and_again(settings: Settings, folder: Path) -> None:
    tempfile.tempdir = str(folder / "temporary")
    nowhere = settings.changed(log=folder / "nowhere.db")
    with opened(settings) as log:
        log.writer()
        before = held()
        for _ in range(20):
            with pytest.raises(LogLocked), opened(settings) as other:
                other.writer()
            with pytest.raises(LogMissing), opened(nowhere) as other:
                other.questions(lambda: NOW)
        must_be_the_same(before, held())
    with opened(settings) as other:
        assert other.writer().position == log.writer().position


def test_one_writer_is_opened_however_often_it_is_asked_for(settings: Settings) -> None:
    with opened(settings) as log:
        assert log.writer() is log.writer()
        assert log.taker() is log.writer()
