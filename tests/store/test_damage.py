"""A damaged file gives no answer: what a question or a writer reads of it is held against the digests that name it."""

from __future__ import annotations

import random
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ledger.errors import LedgerError, LogDamaged
from ledger.store.codec import Codec
from ledger.store.reading import SqliteReader
from ledger.terms import bundled
from projections.engine.database import Database
from projections.engine.rebuild import Rebuild
from projections.engine.runner import Runner
from projections.registry import PROJECTIONS
from tests.given import NUMBER, OTHER, SP23, rupiah
from tests.store.damaged import BEGIN, DAY, EVERYTHING, LOG, NOW, answer, change

_CELLS = {
    "stored_events": ("originator_id", "originator_version", "topic", "state", "digest"),
    "journal": (
        "name",
        "command_digest",
        "command",
        "at",
        "code",
        "ordinal",
        "first_event",
        "event_count",
        "chain",
    ),
    "seals": ("events", "entries", "digest"),
    "numbers": ("msisdn", "chain", "events"),
    "schemas": ("fingerprint", "name", "schema"),
    "meta": ("name", "value"),
}

"""Cells that are read. Not among them are ids that nobody finds any more (a claim's, a command's) and instants that
come later than they should (`due_at`): those `verify` finds."""


def another(value: Any, random_: random.Random) -> Any:
    """A value of the same kind, of which one byte is another."""
    if value is None:
        return "x"
    if isinstance(value, int):
        return value ^ (1 << random_.randrange(8))
    raw = bytearray(value.encode() if isinstance(value, str) else value)
    if not raw:
        return value
    place = random_.randrange(len(raw))
    raw[place] ^= 1 << random_.randrange(7 if isinstance(value, str) else 8)
    return raw.decode("utf-8", "surrogateescape") if isinstance(value, str) else bytes(raw)


def damage(log: Path, random_: random.Random) -> str:
    """Changes one cell; says which."""
    table = random_.choice(list(_CELLS))
    column = random_.choice(_CELLS[table])
    with closing(sqlite3.connect(log)) as connection:
        found = connection.execute(f"SELECT {column} FROM {table}").fetchall()
        (value,) = random_.choice(found)
        changed = another(value, random_)
        try:
            with connection:
                connection.execute(
                    f"UPDATE {table} SET {column}=? WHERE {column} IS ?",
                    (changed, value),
                )
        except (sqlite3.IntegrityError, UnicodeEncodeError):
            return "nothing"
    return f"{table}.{column}: {value!r} became {changed!r}"


@pytest.mark.parametrize("seed", range(6))
def test_a_byte_that_is_another_gives_the_same_answer_or_none(
    seed: int, intact: Path, tmp_path: Path
) -> None:
    right: dict[str, Any] = {}
    for name, ask in EVERYTHING.items():
        right[name] = ask(Path(shutil.copy(intact, tmp_path / f"right-{len(right)}.db")))
    random_ = random.Random(seed)
    noticed = 0
    for count in range(12):
        folder = tmp_path / str(count)
        folder.mkdir()
        damaged = Path(shutil.copy(intact, folder / "log.db"))
        what = damage(damaged, random_)
        for number, (name, ask) in enumerate(EVERYTHING.items()):
            found = answer(ask, Path(shutil.copy(damaged, folder / f"{number}.db")))
            if isinstance(found, LedgerError):
                assert isinstance(found, LogDamaged), f"{name}: {what}: {found!r}"
                noticed += 1
            else:
                assert found == right[name], f"{name}: {what}"
    assert noticed


@pytest.mark.parametrize(
    "name", ["enquiry of " + NUMBER, "history", "all of them", "log", "writing", "projecting"]
)
def test_printed_credit_that_was_changed_in_the_file_is_not_believed(name: str, log: Path) -> None:
    with closing(sqlite3.connect(log)) as connection:
        select = (
            "SELECT ordinal, topic, state FROM stored_events WHERE originator_id=? AND originator_version=1"
        )
        ((ordinal, topic, state),) = connection.execute(select, (f"{NUMBER}#1",))
    codec = Codec()
    richer: Any = codec.event(topic, state)
    richer.__dict__["printed_credit"] += rupiah(4000)
    change(log, "UPDATE stored_events SET state=? WHERE ordinal=?", codec.event_state(richer), ordinal)
    with pytest.raises(LogDamaged, match=rf"0:{ordinal}|{NUMBER}#1/1"):
        EVERYTHING[name](log)


@pytest.mark.parametrize("moved", [f"{NUMBER}#1", f"{OTHER}#1", LOG])
def test_the_last_event_of_an_account_is_missed(moved: str, log: Path) -> None:
    """The events before it are a chain that holds."""
    last = "(SELECT max(originator_version) FROM stored_events WHERE originator_id=?)"
    change(
        log,
        f"UPDATE stored_events SET originator_id='6288199999999#1' WHERE originator_id=? AND originator_version={last}",
        moved,
        moved,
    )
    for name in ("all of them", "log", "writing", "projecting"):
        with pytest.raises(LogDamaged):
            EVERYTHING[name](log)
    if moved == f"{NUMBER}#1":
        with pytest.raises(LogDamaged, match=NUMBER):
            EVERYTHING[f"enquiry of {NUMBER}"](log)


def test_a_check_of_projections_notices(log: Path, tmp_path: Path) -> None:
    with closing(Database(f"sqlite:///{tmp_path}/views.db")) as database:
        Runner(database, [SqliteReader(log)], PROJECTIONS).catch_up()
        change(log, "UPDATE stored_events SET digest=zeroblob(32) WHERE ordinal=9")
        with pytest.raises(LogDamaged, match="0:9"):
            Rebuild(database, [SqliteReader(log)], PROJECTIONS).check()


def test_the_last_event_known_then_is_found_without_reading_what_was_closed_after(log: Path) -> None:
    decoded: list[str] = []

    class Counting(Codec):
        def event(self, topic: str, state: bytes) -> Any:
            decoded.append(topic)
            return super().event(topic, state)

    reader = SqliteReader(log)
    with reader.snapshot() as snapshot:
        slow = [found.ordinal for found in snapshot.events() if found.event.recorded_at <= BEGIN + DAY]
        reader.codec = Counting()
        assert snapshot.recorded_by(BEGIN + DAY) == slow[-1]
        assert 0 < len(decoded) < 8
        for instant in (BEGIN - DAY, BEGIN, BEGIN + 1, BEGIN + 6 * DAY, NOW):
            known = [found.ordinal for found in snapshot.events() if found.event.recorded_at <= instant]
            assert snapshot.recorded_by(instant) == max(known, default=0)


def test_terms_come_from_the_log(log: Path) -> None:
    """They are checked like every event: nothing is answered under others."""
    assert SP23 in {terms.id for terms in bundled()}
    change(
        log,
        "UPDATE stored_events SET state=CAST(replace(CAST(state AS TEXT), 'smartfren', 'smartfred') AS BLOB)"
        " WHERE topic='ledger.log.TermsPublished'",
    )
    for name in ("enquiry of " + NUMBER, "all of them", "writing", "projecting"):
        with pytest.raises(LogDamaged):
            EVERYTHING[name](log)
