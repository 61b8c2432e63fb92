"""Reading a log: never writing, never in the writer's way, one moment at a time, and clear about what is wrong."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from eventsourcing.sqlite import SQLiteCursor

from ledger.domain.calendar import DAY
from ledger.domain.partition.events import ClosedThrough, LogCreated
from ledger.domain.prepaid.commands import ChargeCredit, TopUp
from ledger.domain.prepaid.events import Activated, CreditToppedUp, GraceStarted
from ledger.errors import LogDamaged, LogFormatUnknown, LogMissing, LogUnreadable, SchemaUnknown, TermsInvalid
from ledger.store.kept_schemas import keep
from ledger.store.reading import SqliteReader
from ledger.store.schemas import RecordSchema, load
from projections.asking.log_itself import LogItself
from projections.engine.instants import Asked
from projections.prepaid.enquiry import Enquiry
from tests.given import NUMBER, OTHER, START, Story, at, create_log, rupiah
from tests.projections.histories import NUMBERS, a_log, recorded
from tests.projections.projected import asked
from tests.rechained import rechain

LATER = at("2045-01-01T00:00:00Z")
NOBODY = 65534


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log with every event there is, at rest."""
    return a_log(tmp_path_factory.mktemp("log") / "log.db")


def every_question(path: Path) -> list[Any]:
    """Everything that can be asked, answered."""
    with asked(path, now=LATER) as ask:
        answers: list[Any] = [
            ask.head(),
            ask.states(),
            ask.trial_balance(),
            *ask.balance("operator/breakage"),
        ]
        answers += [*ask.enquiries(), *ask.history(NUMBERS[0], refused=True), *ask.log(), *ask.transit()]
        return [answer.to_json() for answer in answers]


@contextmanager
def not_root() -> Iterator[None]:
    """As somebody for whom permissions hold."""
    if os.geteuid():
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@contextmanager
def read_only_copy(log: Path, *, beside: tuple[str, ...] = ()) -> Iterator[Path]:
    """The log in a folder that cannot be written to, with what stands beside it."""
    folder = Path(tempfile.mkdtemp())
    try:
        copy = Path(shutil.copy(log, folder / "log.db"))
        for name in beside:
            shutil.copy(f"{log}{name}", f"{copy}{name}")
        for file in folder.iterdir():
            file.chmod(0o444)
        folder.chmod(0o555)
        yield copy
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)


# --- never writing --------------------------------------------------------------------------------------------------


def test_no_question_changes_the_file(log: Path) -> None:
    before, changed_at = log.read_bytes(), log.stat().st_mtime_ns
    assert every_question(log)
    assert log.read_bytes() == before
    assert log.stat().st_mtime_ns == changed_at


def test_a_log_at_rest_is_read_in_a_folder_that_cannot_be_written_to(log: Path) -> None:
    with read_only_copy(log) as copy, not_root():
        assert every_question(copy) == every_question(copy)
        assert [file.name for file in copy.parent.iterdir()] == ["log.db"]


def test_a_log_that_a_writer_has_open_is_read_in_a_folder_that_cannot_be_written_to(story: Story) -> None:
    story.given_active(credit=rupiah(5000))
    with (
        read_only_copy(story.path, beside=("-wal", "-shm")) as copy,
        not_root(),
        asked(copy, now=at(START)) as ask,
    ):
        answer = ask.enquiry(NUMBER)
        assert isinstance(answer, Enquiry)
        assert answer.credit == rupiah(5000)


def test_what_stands_beside_a_log_and_cannot_be_read_there_is_no_silent_loss(story: Story) -> None:
    story.given_active(credit=rupiah(5000))
    lost = pytest.raises(LogUnreadable, match="what was written last stands beside it")
    with read_only_copy(story.path, beside=("-wal",)) as copy, not_root(), lost:
        every_question(copy)


def test_a_log_that_changes_while_it_is_taken_to_be_at_rest_is_no_answer(log: Path) -> None:
    def look(copy: Path) -> None:
        with SqliteReader(copy).snapshot() as snapshot:
            assert snapshot.head
            os.seteuid(os.getuid())
            os.utime(copy, ns=(0, 0))  # now may be the tick of the files' clock in which it was copied

    changed = pytest.raises(LogUnreadable, match="it was changed while it was read")
    with read_only_copy(log) as copy, not_root(), changed:
        look(copy)


# --- beside a writer ------------------------------------------------------------------------------------------------


def test_a_snapshot_sees_one_moment_and_keeps_no_writer_out(story: Story) -> None:
    story.given_active()
    reader = SqliteReader(story.path)
    with reader.snapshot() as before:
        events = before.events()
        next(events)
        story.given(TopUp, at(START) + 1, credit=rupiah(5000))
        assert before.head == 4
        assert len(list(events)) == 3
        assert len(list(before.events_of(NUMBER))) == 2
    with reader.snapshot() as after:
        assert after.head == 5


def test_a_writer_in_the_middle_of_its_transaction_keeps_no_reader_out(story: Story) -> None:
    story.given_active()
    with closing(sqlite3.connect(story.path, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("DELETE FROM stored_events")
        with SqliteReader(story.path).snapshot() as snapshot:
            assert len(list(snapshot.events())) == 4
        writer.execute("ROLLBACK")


def test_a_question_that_is_not_read_to_its_end_leaves_nothing_open(log: Path) -> None:
    with asked(log, now=LATER) as ask:
        for answers in (ask.log(), ask.history(NUMBERS[0], refused=True), ask.enquiries()):
            for answer in answers:
                assert answer.to_json()
                break
            del answers, answer


# --- what is read ---------------------------------------------------------------------------------------------------


def test_events_come_in_order_with_their_digests(log: Path) -> None:
    written = recorded(log)
    with SqliteReader(log).snapshot() as snapshot:
        read = list(snapshot.events())
        assert [(found.ordinal, found.event) for found in read] == written
        assert all(len(found.digest) == 32 for found in read)
        assert [found.ordinal for found in snapshot.events(100)] == [n for n, _ in written if n >= 100]
        only = {CreditToppedUp.TOPIC, LogCreated.TOPIC}
        assert [f.ordinal for f in snapshot.events(types=only)] == [n for n, x in written if x.TOPIC in only]
        assert snapshot.head == len(written)


def test_the_events_of_a_number_are_its_own_and_its_accounts_in_order(log: Path) -> None:
    written = recorded(log)
    with SqliteReader(log).snapshot() as snapshot:
        assert list(snapshot.numbers()) == sorted(NUMBERS)
        for number in NUMBERS:
            own = [(n, x) for n, x in written if x.account == number or x.account.startswith(f"{number}#")]
            assert [(found.ordinal, found.event) for found in snapshot.events_of(number)] == own
        assert list(snapshot.events_of("628810000000")) == []


def test_the_log_says_how_far_it_is_closed_and_how_it_was_created(log: Path, tmp_path: Path) -> None:
    (closed,) = [x.through for _, x in recorded(log) if isinstance(x, ClosedThrough)]
    with SqliteReader(log).snapshot() as snapshot:
        assert snapshot.closed_through == closed
        assert snapshot.created is not None
        assert snapshot.created.clock == "played"
        assert {terms.id for terms in snapshot.book} == snapshot.book.published != set()
        assert snapshot.recorded_by(closed) < snapshot.recorded_by(LATER) == snapshot.head
    create_log(tmp_path / "new.db")
    with SqliteReader(tmp_path / "new.db").snapshot() as snapshot:
        assert (snapshot.head, snapshot.closed_through, snapshot.created) == (0, None, None)
        assert (list(snapshot.numbers()), snapshot.recorded_by(LATER)) == ([], 0)


def test_decisions_come_with_their_events(story: Story) -> None:
    story.given_active(credit=rupiah(5000))
    story.when(ChargeCredit, at(START) + 40 * DAY, amount=100, command_id="buy").refused(
        "grace", *[_anything() for _ in range(1)]
    )
    with SqliteReader(story.path).snapshot() as snapshot:
        issued, activated, bought = snapshot.decided(NUMBER)
        assert [(d.name, d.code, len(d.events)) for d in (issued, activated, bought)] == [
            ("IssueStarterPack", None, 1),
            ("Activate", None, 1),
            ("ChargeCredit", "grace", 0),
        ]
        assert activated.events == (("ledger.prepaid.Activated", f"{NUMBER}#1", 2),)
        assert snapshot.decision(NUMBER, "buy") == bought
        assert snapshot.decision(OTHER, "buy") is None


def _anything() -> Any:
    from tests.given import event

    return event(GraceStarted)


def test_an_event_of_another_release_is_read_by_the_schema_that_the_log_holds(story: Story) -> None:
    story.given_active()
    text = json.loads(load("events")[Activated.TOPIC].text)
    text["fields"].append({"name": "wish", "type": "string"})
    other = RecordSchema(json.dumps(text))
    with closing(sqlite3.connect(story.path)) as connection:
        statement = "SELECT ordinal, state FROM stored_events WHERE topic LIKE '%Activated'"
        ((ordinal, state),) = connection.execute(statement)
        state = other.fingerprint + state[8:] + b"\x04hi"
        connection.execute("UPDATE stored_events SET state=? WHERE ordinal=?", (state, ordinal))
        reader = SqliteReader(story.path)
        connection.commit()
        rechain(story.path)
        with reader.snapshot() as snapshot, pytest.raises(SchemaUnknown):
            list(snapshot.events())
        keep(cast("SQLiteCursor", connection.cursor()), [other])
        connection.commit()
    found = LogItself([reader], lambda _: 0, lambda: at(START)).line(NUMBER, Asked())
    assert found.states.accounts == ["active"]


# --- what is wrong --------------------------------------------------------------------------------------------------


def test_each_way_in_which_a_log_cannot_be_read_has_its_error(log: Path, tmp_path: Path) -> None:
    with pytest.raises(LogMissing):
        every_question(tmp_path / "nothing.db")
    (tmp_path / "folder").mkdir()
    with pytest.raises(LogUnreadable):
        every_question(tmp_path / "folder")
    os.mkfifo(tmp_path / "pipe.db")  # whoever opened it would wait for ever
    with pytest.raises(LogUnreadable, match="a log is a file"):
        every_question(tmp_path / "pipe.db")
    (tmp_path / "text.db").write_text("not a log" * 1000)
    with pytest.raises(LogDamaged):
        every_question(tmp_path / "text.db")
    (tmp_path / "empty.db").touch()
    with pytest.raises(LogDamaged, match="empty"):
        every_question(tmp_path / "empty.db")
    later = Path(shutil.copy(log, tmp_path / "later.db"))
    with closing(sqlite3.connect(later)) as connection:
        connection.execute("PRAGMA user_version=99")
    with pytest.raises(LogFormatUnknown, match="format 99"):
        every_question(later)


@pytest.mark.parametrize("table", ["stored_events", "journal", "schemas"])
def test_a_log_without_one_of_its_tables_is_damaged(log: Path, tmp_path: Path, table: str) -> None:
    copy = Path(shutil.copy(log, tmp_path / "log.db"))
    with closing(sqlite3.connect(copy)) as connection:
        connection.execute(f"DROP TABLE {table}")
    with pytest.raises(LogDamaged):
        every_question(copy)


@pytest.mark.parametrize("part", [0.3, 0.6, 0.95])
def test_a_truncated_log_is_damaged(log: Path, tmp_path: Path, part: float) -> None:
    whole = log.read_bytes()
    (tmp_path / "log.db").write_bytes(whole[: int(len(whole) * part)])
    with pytest.raises(LogDamaged):
        every_question(tmp_path / "log.db")


def test_an_event_that_does_not_decode_is_named_by_its_position(story: Story) -> None:
    story.given_active()
    with closing(sqlite3.connect(story.path)) as connection:
        connection.execute("UPDATE stored_events SET state=substr(state,1,20) WHERE ordinal=4")
        connection.commit()
    with pytest.raises(LogDamaged, match="the event at 0:4 is not what its digest names"):
        every_question(story.path)


def test_an_event_of_an_unknown_type_is_no_answer(story: Story) -> None:
    story.given_active()
    with closing(sqlite3.connect(story.path)) as connection:
        connection.execute("UPDATE stored_events SET topic='ledger.prepaid.Unheard' WHERE ordinal=4")
        connection.commit()
    rechain(story.path)
    with pytest.raises(SchemaUnknown, match="Unheard"):
        every_question(story.path)


def test_terms_that_this_release_cannot_read_are_named(story: Story) -> None:
    story.given_active()
    with closing(sqlite3.connect(story.path)) as connection:
        connection.execute(
            "UPDATE stored_events SET state=CAST(replace(CAST(state AS TEXT), '\"title\"', '\"tltle\"') AS BLOB)"
            " WHERE topic='ledger.log.TermsPublished'"
        )
        connection.commit()
    with pytest.raises((TermsInvalid, LogDamaged)):
        every_question(story.path)


def test_a_log_that_may_not_be_read_is_unreadable(log: Path) -> None:
    with read_only_copy(log) as copy:
        copy.chmod(0)
        with not_root(), pytest.raises(LogUnreadable):
            every_question(copy)
