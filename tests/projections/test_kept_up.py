"""The file of projections beside a log: kept up by whoever asks, and made anew whatever becomes of it."""

from __future__ import annotations

import json
import os
import random
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Any

import pytest

from ledger.domain.calendar import format_instant
from ledger.errors import LedgerError, SchemaUnknown
from ledger.store.reading import SqliteReader
from projections.engine import database as databases
from projections.engine import kept_up
from projections.engine.database import Database
from projections.engine.meanwhile import Meanwhile
from projections.engine.runner import Runner
from projections.engine.sqlite_file import SqliteFile
from projections.registry import PROJECTIONS
from tests.projections.histories import BEGIN, a_log, commands, play
from tests.projections.projected import NOW, asked, contents, database, folded, projected
from tests.projections.test_answers_folded import everything, of_all
from tests.rechained import rechain

MORE = commands([(1, 0, "use", 2, 0), (0, 1, "top up", 2, 0)] * 5, since=BEGIN + 5 * 10**14, first=9000)
"""What may follow a log."""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log with everything in it."""
    return a_log(tmp_path / "log.db")


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The file beside such a log, once something was asked."""
    log = a_log(tmp_path_factory.mktemp("kept") / "log.db")
    assert answered(log) == []
    return views_of(log).read_bytes()


@pytest.fixture
def beside(log: Path, kept: bytes) -> Path:
    """The file beside it."""
    views_of(log).touch(0o600)
    views_of(log).write_bytes(kept)
    return views_of(log)


def views_of(log: Path) -> Path:
    return log.with_name(f"{log.name}.views.db")


def answered(log: Path) -> list[str]:
    """Asks all that the file answers, as if folded; the codes of why the file was made anew meanwhile."""
    told: list[str] = []
    meanwhile = Meanwhile(lambda error: told.append(error.code), nullcontext)
    with asked(log, meanwhile=meanwhile) as ask:
        assert of_all(ask, NOW, NOW) == of_all(folded(log), NOW, NOW)
    return told


def must_be_as_if_made_alone(beside: Path, log: Path) -> None:
    with database(beside) as kept, database(log.with_suffix(".whole.db")) as whole:
        projected(whole, log)
        assert contents(kept) == contents(whole)


def change(file: Path, *statements: str) -> None:
    connection = sqlite3.connect(file)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


# --- kept up --------------------------------------------------------------------------------------------------------


def test_every_question_takes_in_what_is_new(log: Path, beside: Path) -> None:
    with asked(log) as ask:
        before = ask.trial_balance()
        play(log, MORE)
        assert ask.trial_balance() != before
        assert everything(ask, NOW, NOW) == everything(folded(log), NOW, NOW)
    must_be_as_if_made_alone(beside, log)


def test_a_single_number_is_answered_without_it(log: Path) -> None:
    with asked(log) as ask:
        (number,) = {found.msisdn for found in folded(log).enquiries()} & {"6288100000001"}
        ask.enquiry(number)
        ask.balance(f"{number}#1/credit")
        assert [file.name for file in log.parent.glob("*.views.db*")] == []


def test_the_file_is_its_owners_alone(log: Path) -> None:
    assert answered(log) == []
    assert {oct(file.stat().st_mode)[-3:] for file in log.parent.glob("*.views.db*")} == {"600"}


def test_a_file_that_knows_everything_is_asked_as_it_is(log: Path, beside: Path) -> None:
    before = beside.read_bytes()
    assert answered(log) == []
    assert beside.read_bytes() == before


def test_a_process_that_was_killed_while_it_took_in_does_no_harm(log: Path) -> None:
    class Killed(BaseException):
        """Ends it between two batches."""

    def kill(done: int, _of: int) -> None:
        if done > 200:
            raise Killed

    opened = Database(f"sqlite:///{log}.views.db")
    with pytest.raises(Killed):
        Runner(opened, [SqliteReader(log)], PROJECTIONS, size=50).catch_up(kill)
    opened.close()
    assert answered(log) == []
    must_be_as_if_made_alone(views_of(log), log)


def test_several_processes_may_ask_at_once_while_there_is_no_file_yet(log: Path) -> None:
    environment = os.environ | {"PULSA_LOG": str(log), "PULSA_NOW": format_instant(NOW)}
    command = [sys.executable, "-m", "ledger.entrypoints.cli", "report", "trial-balance", "--json"]
    asking = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(3)
    ]
    told = [process.communicate() for process in asking]
    assert [process.returncode for process in asking] == [0, 0, 0], told
    assert [json.loads(out) for out, _ in told] == [folded(log).trial_balance().to_json()] * 3
    must_be_as_if_made_alone(views_of(log), log)


# --- made anew ------------------------------------------------------------------------------------------------------


def garbage(file: Path) -> None:
    file.write_bytes(b"no database" * 1000)


def torn(file: Path) -> None:
    """Every page but the first is lost."""
    whole = file.read_bytes()
    file.write_bytes(whole[:4096] + bytes(len(whole) - 4096))


def cut_short(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2 // 4096 * 4096)


DAMAGE: dict[str, tuple[Callable[[Path], None], str]] = {
    "garbage": (garbage, "database-unreachable"),
    "torn": (torn, "database-unreachable"),
    "cut short": (cut_short, "database-unreachable"),
    "of another release": (
        lambda file: change(file, "UPDATE projection_generations SET version=99"),
        "database-format-unknown",
    ),
    "without positions": (lambda file: change(file, "DROP TABLE projection_positions"), "database-damaged"),
    "without a table": (lambda file: change(file, "DROP TABLE balances_days_1"), "database-damaged"),
    "without a column": (
        lambda file: change(file, "ALTER TABLE transfers_sent_1 DROP COLUMN fee"),
        "database-damaged",
    ),
}


@pytest.mark.parametrize("how", DAMAGE)
def test_a_file_that_is_of_no_use_is_made_anew_and_that_is_said_once(
    how: str, log: Path, beside: Path
) -> None:
    damage, code = DAMAGE[how]
    damage(beside)
    assert answered(log) == [code]
    assert answered(log) == []
    must_be_as_if_made_alone(beside, log)


@pytest.mark.parametrize("goes_on", [False, True])
def test_a_log_that_was_restored_has_its_file_made_anew(goes_on: bool, log: Path, tmp_path: Path) -> None:
    backup = log.read_bytes()
    play(log, MORE)
    assert answered(log) == []
    log.write_bytes(backup)
    if goes_on:
        play(log, commands([(1, 1, "use", 1, 0)] * 40, since=BEGIN + 6 * 10**14, first=8000))
    assert answered(log) == ["log-mismatch"]
    assert answered(log) == []


def test_a_log_that_went_on_otherwise_to_the_same_event_has_its_file_made_anew(log: Path) -> None:
    """The event at the end is the same to the byte, and so is its digest; only another number's before it is not."""
    backup = log.read_bytes()
    same = commands([(1, 0, "top up", 1, 0)], since=BEGIN + 7 * 10**14, first=8500)
    ends, told = [], []
    for count in (1, 3):
        log.write_bytes(backup)
        play(log, commands([(0, 1, "top up", count, 0)], since=BEGIN + 6 * 10**14, first=8000) + same)
        told.append(answered(log))
        with SqliteReader(log).snapshot() as read:
            *_, last = read.events()
        ends.append((last.ordinal, last.digest))
    assert ends[0] == ends[1]
    assert told == [[], ["log-mismatch"]]


def test_where_there_is_no_room_what_there_is_is_left_to_the_log(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk beside the log is full; elsewhere there is room for one question's."""

    class Small(SqliteFile):
        """A file that grows to so many pages beside the log."""

        def connected(self) -> sqlite3.Connection:
            connection = super().connected()
            if str(self.path) == f"{log}.views.db":
                connection.execute("PRAGMA max_page_count=40")
            return connection

    monkeypatch.setattr(databases, "SqliteFile", Small)
    assert answered(log) == ["database-full"]
    assert [file.name for file in log.parent.glob("*.views.db*")] == ["log.db.views.db.lock"]


def test_a_file_of_another_program_is_left_alone(log: Path, beside: Path) -> None:
    beside.unlink()
    change(beside, "CREATE TABLE notes (text)", "PRAGMA application_id=77")
    before = beside.read_bytes()
    assert answered(log) == []
    with closing(sqlite3.connect(beside)) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("notes",)]
    assert len(before) == beside.stat().st_size


@pytest.mark.parametrize("name", ["a?mode=memory.db", "a%20b.db", "a#b.db", "a&b:c@d.db"])
def test_a_log_of_any_name_has_its_file_beside_it(name: str, log: Path) -> None:
    named = log.rename(log.with_name(name))
    with asked(named) as ask:
        assert ask.trial_balance() == folded(named).trial_balance()
    assert named.with_name(f"{name}.views.db").exists()


def test_what_others_have_open_is_not_thrown_away_beneath_them(
    log: Path, beside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_up, "_PATIENCE", 0.0)
    change(beside, "UPDATE projection_generations SET version=99")
    before = beside.read_bytes()
    with kept_up.together(beside):
        assert answered(log) == []
    assert beside.read_bytes() == before
    assert answered(log) == ["database-format-unknown"]


def test_what_a_later_release_has_written_is_no_answer_whoever_has_taken_it_in(log: Path) -> None:
    change(log, "UPDATE stored_events SET topic='ledger.prepaid.Gifted' WHERE topic LIKE '%CreditCharged'")
    rechain(log)
    readers = [SqliteReader(log, unknown_types=True)]
    for _ in range(2):
        with asked(log) as ask, pytest.raises(SchemaUnknown):
            ask.states()
        with database(views_of(log)) as opened:
            Runner(opened, readers, PROJECTIONS).catch_up()


def test_no_damage_ends_in_a_wrong_answer_unnoticed(log: Path, beside: Path) -> None:
    """Pages of zeros anywhere: the answer is right, or it is an error with a code."""
    whole, chance = beside.read_bytes(), random.Random(1)
    right: Any = folded(log).trial_balance(each=True)
    for _ in range(12):
        page = chance.randrange(len(whole) // 4096)
        beside.write_bytes(whole[: page * 4096] + bytes(4096) + whole[page * 4096 + 4096 :])
        with asked(log) as ask:
            try:
                found: Any = ask.trial_balance(each=True)
            except LedgerError as error:
                found = error
        assert isinstance(found, LedgerError) or found == right, page
