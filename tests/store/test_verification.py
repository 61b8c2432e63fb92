"""Whatever is changed in a log is found, and a log that was only written to is clean."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing as closing_it
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.application.journal import event_digest
from ledger.audit.findings import Report
from ledger.audit.verification import verify
from ledger.domain.calendar import DAY
from ledger.domain.kinds import EVENT_TYPES
from ledger.domain.prepaid.commands import TopUp
from ledger.errors import LedgerError, LogDamaged, LogFormatUnknown, LogMissing
from tests.given import START, Story, at, rupiah
from tests.often import often
from tests.projections.histories import Step, a_log, closing, commands, play, recorded, steps

CHAINED = ("stored_events", "journal", "seals")
DERIVED = ("numbers", "claims", "stored_snapshots")


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log with every event there is, all of it in its main file."""
    return a_log(tmp_path_factory.mktemp("log") / "log.db")


@contextmanager
def copied(log: Path) -> Iterator[Path]:
    with TemporaryDirectory() as folder:
        yield Path(shutil.copy(log, Path(folder) / "log.db"))


def changed(path: Path, *statements: tuple[str, tuple[Any, ...]] | str) -> None:
    """Does to the file what SQL can do."""
    with closing_it(sqlite3.connect(path)) as connection:
        for statement in statements:
            sql, parameters = (statement, ()) if isinstance(statement, str) else statement
            connection.execute(sql, parameters)
        connection.commit()


def rows(path: Path, statement: str) -> list[tuple[Any, ...]]:
    with closing_it(sqlite3.connect(path)) as connection:
        return connection.execute(statement).fetchall()


def key_of(table: str) -> list[str]:
    return {
        "stored_events": ["ordinal"],
        "journal": ["entry"],
        "seals": ["seal"],
        "numbers": ["msisdn"],
        "claims": ["account", "kind", "id"],
        "stored_snapshots": ["originator_id", "originator_version"],
        "schemas": ["fingerprint"],
    }[table]


def another(value: Any, data: st.DataObject) -> Any:
    """A value that differs in one byte, character or unit."""
    if isinstance(value, bytes):
        place = data.draw(st.integers(0, len(value) - 1))
        flipped = value[place] ^ data.draw(st.integers(1, 255))
        return data.draw(
            st.sampled_from(
                [value[:place] + bytes([flipped]) + value[place + 1 :], value + b"\0", value[:-1]]
            )
        )
    if isinstance(value, int):
        return value + data.draw(st.sampled_from([-1, 1, 1000, -(2**40)]))
    if value is None:
        return data.draw(st.sampled_from(["x", "None", 0]))
    place = data.draw(st.integers(0, max(len(value) - 1, 0)))
    return data.draw(
        st.sampled_from([value[:place] + "~" + value[place + 1 :], value + " ", value[1:], value.encode()])
    )


def codes(report: Report) -> str:
    return "\n".join(str(finding) for finding in report.findings)


# --- nothing is wrong -----------------------------------------------------------------------------------------------


def test_a_log_with_every_event_there_is_is_clean(original: Path) -> None:
    report = verify(original)
    assert report.findings == []
    happened = {event.TOPIC for _, event in recorded(original)}
    of_prepaid = tuple(f"ledger.{name}." for name in ("log", "number", "prepaid"))
    assert happened == {topic for topic in EVENT_TYPES if topic.startswith(of_prepaid)}
    assert rows(original, "SELECT count(*) FROM stored_snapshots") != [(0,)]
    assert [(report.events, report.entries, report.seals)] == rows(
        original,
        "SELECT (SELECT count(*) FROM stored_events), (SELECT count(*) FROM journal), (SELECT count(*) FROM seals)",
    )
    assert report.to_json()["clean"] is True


@often(12)
@given(steps(40), st.integers(1, 9), st.booleans())
def test_whatever_the_ledger_writes_is_clean(history: list[Step], size: int, closed: bool) -> None:
    happened = commands(history)
    if closed:
        happened = [*happened, closing(happened[-1].at + 30 * DAY, "close")]
        happened += commands(history, since=happened[-1].at + 1, first=1000)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "log.db"
        play(path, happened, size=size)
        assert codes(verify(path)) == ""


def test_a_log_is_verified_while_a_writer_writes(story: Story) -> None:
    story.given_active()
    assert verify(story.path).clean
    story.given(TopUp, at(START) + 1, credit=rupiah(5000))
    assert verify(story.path).events == 5


def test_progress_is_told_to_the_end(original: Path) -> None:
    told: list[tuple[int, int]] = []
    report = verify(original, lambda done, total: told.append((done, total)))
    assert told[0] == (0, report.events)
    assert told[-1] == (report.events, report.events)


# --- something was changed ------------------------------------------------------------------------------------------


@often(25)
@given(data=st.data())
def test_every_changed_value_is_found(original: Path, data: st.DataObject) -> None:
    table = data.draw(st.sampled_from(CHAINED + DERIVED))
    with copied(original) as path:
        names = [name for _, name, *_ in rows(path, f"PRAGMA table_info({table})")]
        row = data.draw(st.sampled_from(rows(path, f"SELECT * FROM {table}")))
        column = data.draw(st.sampled_from(range(len(names))))
        value = another(row[column], data)
        where = " AND ".join(f"{name} IS ?" for name in key_of(table))
        key = tuple(row[names.index(name)] for name in key_of(table))
        before = rows(path, f"SELECT * FROM {table} ORDER BY 1, 2")
        try:
            changed(path, (f"UPDATE {table} SET {names[column]}=? WHERE {where}", (value, *key)))
        except sqlite3.IntegrityError:
            return  # SQLite itself forbids it
        if rows(path, f"SELECT * FROM {table} ORDER BY 1, 2") != before:
            assert not verify(path).clean, (table, names[column], row[column], value)


@often(25)
@given(data=st.data())
def test_every_deleted_row_is_found(original: Path, data: st.DataObject) -> None:
    table = data.draw(st.sampled_from((*CHAINED, *DERIVED[:2], "schemas")))
    with copied(original) as path:
        columns = ", ".join(key_of(table))
        keys = rows(path, f"SELECT {columns} FROM {table}")
        if table == "schemas":  # only those that something was written by
            used = "SELECT substr(state,1,8) FROM stored_events UNION SELECT substr(command,1,8) FROM journal"
            keys = rows(path, used)
        start = data.draw(st.integers(0, len(keys) - 1))
        many = data.draw(st.sampled_from([1, 1, 2, 50]))
        where = " AND ".join(f"{name}=?" for name in key_of(table))
        changed(path, *((f"DELETE FROM {table} WHERE {where}", key) for key in keys[start : start + many]))
        assert not verify(path).clean


@often(20)
@given(data=st.data())
def test_swapped_rows_are_found(original: Path, data: st.DataObject) -> None:
    table = data.draw(st.sampled_from(CHAINED))
    (key,) = key_of(table)
    with copied(original) as path:
        count = rows(path, f"SELECT max({key}) FROM {table}")[0][0]
        one = data.draw(st.integers(1, count))
        two = data.draw(st.integers(1, count).filter(lambda other: other != one))
        changed(
            path,
            (f"UPDATE {table} SET {key}=-1 WHERE {key}=?", (one,)),
            (f"UPDATE {table} SET {key}=? WHERE {key}=?", (one, two)),
            (f"UPDATE {table} SET {key}=? WHERE {key}=-1", (two,)),
        )
        assert not verify(path).clean


@pytest.mark.parametrize("table", CHAINED)
def test_a_removed_tail_is_found(original: Path, table: str) -> None:
    (key,) = key_of(table)
    with copied(original) as path:
        changed(path, f"DELETE FROM {table} WHERE {key} > (SELECT max({key}) FROM {table}) - 3")
        assert not verify(path).clean


def test_a_tail_removed_from_all_three_tables_is_found(original: Path) -> None:
    with copied(original) as path:
        *_, (events, entries), _ = rows(path, "SELECT events, entries FROM seals ORDER BY seal")
        changed(
            path,
            ("DELETE FROM stored_events WHERE ordinal>?", (events,)),
            ("DELETE FROM journal WHERE entry>?", (entries,)),
            "DELETE FROM seals WHERE seal=(SELECT max(seal) FROM seals)",
        )
        assert "numbers" in {finding.table for finding in verify(path).findings}


def test_an_event_whose_digests_were_made_again_is_found(original: Path) -> None:
    with copied(original) as path:
        ((ordinal, account, topic, state),) = rows(
            path,
            "SELECT ordinal, originator_id, topic, state FROM stored_events"
            " WHERE topic LIKE '%CreditToppedUp' ORDER BY ordinal LIMIT 1",
        )
        changed(
            path,
            ("UPDATE stored_events SET state=? WHERE ordinal=?", (state[:-3] + b"\1" + state[-2:], ordinal)),
        )
        assert f"0:{ordinal}" in codes(verify(path))
        digest = bytes(32)
        for number, topic, state in rows(
            path,
            "SELECT ordinal, topic, state FROM stored_events"
            f" WHERE originator_id='{account}' ORDER BY originator_version",
        ):
            digest = event_digest(digest, topic, state)
            changed(path, ("UPDATE stored_events SET digest=? WHERE ordinal=?", (digest, number)))
        assert "seals" in {finding.table for finding in verify(path).findings}


def test_a_finding_says_what_and_where(original: Path) -> None:
    with copied(original) as path:
        ((ordinal, account, version),) = rows(
            path, "SELECT ordinal, originator_id, originator_version FROM stored_events WHERE ordinal=20"
        )
        changed(path, "UPDATE stored_events SET digest=zeroblob(32) WHERE ordinal=20")
        first = verify(path).findings[0]
        assert (first.table, first.position, first.account, first.version) == (
            "stored_events",
            f"0:{ordinal}",
            account,
            version,
        )
        assert str(first) == (
            f"stored_events 0:20 {account} version {version}:"
            " its digest is not that of its content after the event before"
        )


def test_the_clock_that_a_log_was_created_with_cannot_be_changed(original: Path) -> None:
    with copied(original) as path:
        changed(path, "UPDATE meta SET value='live' WHERE name='clock'")
        assert "the clock is live; the log was created played" in codes(verify(path))


def test_a_schema_that_is_not_the_one_of_its_fingerprint_is_found(original: Path) -> None:
    with copied(original) as path:
        changed(path, "UPDATE schemas SET schema=replace(schema, '\"long\"', '\"int\"')")
        assert "schemas" in {finding.table for finding in verify(path).findings}


# --- the file itself ------------------------------------------------------------------------------------------------


def judged(path: Path) -> str:
    """`clean`, `found`, or the code of what could not even be read."""
    try:
        return "clean" if verify(path).clean else "found"
    except LedgerError as error:
        return error.code


def content(path: Path) -> list[Any] | None:
    """All that the chained tables hold; None where SQLite cannot tell."""
    try:
        return [rows(path, f"SELECT * FROM {table} ORDER BY 1") for table in CHAINED]
    except sqlite3.Error:
        return None


@often(50)
@given(data=st.data())
def test_every_changed_byte_of_the_file_is_found_unless_it_changes_nothing(
    original: Path, data: st.DataObject
) -> None:
    with copied(original) as path:
        whole = bytearray(path.read_bytes())
        for _ in range(data.draw(st.sampled_from([1, 1, 30]))):
            whole[data.draw(st.integers(0, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
        path.write_bytes(whole)
        judgement = judged(path)
        assert judgement in {"clean", "found", "log-damaged", "log-format-unknown", "log-unreadable"}
        if judgement == "clean":
            assert content(path) == content(original)


@often(40)
@given(data=st.data())
def test_a_truncated_file_is_found(original: Path, data: st.DataObject) -> None:
    with copied(original) as path:
        whole = path.read_bytes()
        path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
        assert judged(path) in {"found", "log-damaged", "log-format-unknown"}


def test_what_is_no_log_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LogMissing):
        verify(tmp_path / "nothing.db")
    (tmp_path / "text.db").write_text("not a log" * 1000)
    with pytest.raises(LogDamaged):
        verify(tmp_path / "text.db")
    with closing_it(sqlite3.connect(tmp_path / "other.db")) as connection:
        connection.execute("CREATE TABLE something (x)")
    with pytest.raises(LogFormatUnknown):
        verify(tmp_path / "other.db")
