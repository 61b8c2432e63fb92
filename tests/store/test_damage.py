"""A damaged file gives no answer: what a question or a writer reads of it is held against the digests that name it."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ledger.audit.verification import verify
from ledger.domain.line.commands import AdvanceTime, Block, RecordUsage
from ledger.domain.partition.commands import CloseThrough
from ledger.domain.prepaid.commands import AdjustCredit, ChargeCredit, ReserveCredit, TransferCredit
from ledger.errors import LedgerError, LogDamaged
from ledger.store.checked import ENTRY_COLUMNS, head_of, must_follow
from ledger.store.codec import Codec
from ledger.store.reading import SqliteReader
from ledger.terms import bundled
from projections.asking.direct import DirectQueries
from projections.asking.stored import StoredQueries
from projections.engine.database import Database
from projections.engine.rebuild import Rebuild
from projections.engine.runner import Runner
from projections.registry import PROJECTIONS
from tests.given import NUMBER, OTHER, SP23, THIRD, Story, at, ledger_on, rupiah

BEGIN = at("2023-07-03T12:00:00+07:00")
NOW = at("2024-01-01T12:00:00+07:00")
DAY = 86_400_000_000
LOG = "log@0"


@pytest.fixture(scope="module")
def intact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of three numbers, transfers, refusals, a reclaimed number and closings."""
    with closing(Story(tmp_path_factory.mktemp("intact"))) as story:
        for number in (NUMBER, OTHER, THIRD):
            story.given_active(credit=rupiah(50_000), number=number)
        for day in range(4):
            when = BEGIN + day * DAY
            story.given(RecordUsage, when, quantity=100 + day)
            story.given(AdjustCredit, when, msisdn=OTHER, amount=1)
            story.given(CloseThrough, when + 1, msisdn=LOG, through=when + 1, actor="clock")
        story.when(TransferCredit, BEGIN + 4 * DAY, amount=rupiah(5000), to_msisdn=OTHER)
        story.when(ChargeCredit, BEGIN + 4 * DAY, amount=rupiah(900_000), msisdn=THIRD)
        story.given(
            ReserveCredit,
            BEGIN + 4 * DAY,
            amount=rupiah(1000),
            msisdn=THIRD,
            expires_at=BEGIN + 5 * DAY,
        )
        story.given(Block, BEGIN + 5 * DAY, msisdn=THIRD)
        story.given(CloseThrough, BEGIN + 6 * DAY, msisdn=LOG, through=BEGIN + 6 * DAY, actor="clock")
        path = story.path
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert verify(path).clean
    return path


@pytest.fixture
def log(intact: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(intact, tmp_path / "log.db"))


def change(log: Path, statement: str, *parameters: object) -> None:
    with closing(sqlite3.connect(log)) as connection, connection:
        assert connection.execute(statement, parameters).rowcount == 1


# --- what is asked --------------------------------------------------------------------------------------------------

Ask = Callable[[Path], Any]


def asked(question: Callable[[DirectQueries], Any]) -> Ask:
    return lambda log: question(DirectQueries(SqliteReader(log), lambda: NOW))


def listed(found: Iterator[Any]) -> list[Any]:
    return list(found)


QUESTIONS: dict[str, Ask] = {
    **{f"enquiry of {n}": asked(lambda q, n=n: q.enquiry(n)) for n in (NUMBER, OTHER, THIRD)},  # type: ignore[misc]
    "history": asked(lambda q: listed(q.history(NUMBER, refused=True))),
    "history with refusals": asked(lambda q: listed(q.history(THIRD, refused=True))),
    "trial balance": asked(lambda q: q.trial_balance(each=True)),
    "trial balance then": asked(lambda q: q.trial_balance(as_of=BEGIN + DAY, known_at=BEGIN + DAY)),
    "states": asked(lambda q: q.states()),
    "in transit": asked(lambda q: q.transit()),
    "outcome": asked(lambda q: q.outcome(NUMBER, "7")),
    "head": asked(lambda q: q.head()),
    "log": asked(lambda q: listed(q.log())),
}


def written(log: Path) -> list[Any]:
    """What a writer answers that finds the log so: new commands, and one that it has answered already."""
    with ledger_on(log) as ledger:
        return [
            (outcome.code, outcome.events, outcome.position)
            for outcome in ledger.execute(
                [
                    ChargeCredit(
                        at=BEGIN + 7 * DAY,
                        command_id="new",
                        msisdn=number,
                        amount=rupiah(100),
                        item="package",
                    )
                    for number in (NUMBER, OTHER, THIRD)
                ]
                + [AdvanceTime(at=BEGIN + 8 * DAY, command_id="time", msisdn=NUMBER, actor="clock")]
            )
        ]


def projected(log: Path) -> list[Any]:
    """What the projections of it answer, taken in one by one and by columns."""
    told = []
    for in_bulk in (1, 5000):
        with closing(Database(f"sqlite:///{log}-{in_bulk}.views")) as database:
            Runner(database, [SqliteReader(log)], PROJECTIONS, in_bulk=in_bulk).catch_up()
            ask = StoredQueries(database, lambda: NOW)
            told.append((ask.trial_balance(each=True), ask.states(), ask.enquiry(NUMBER)))
    return told


EVERYTHING: dict[str, Ask] = {**QUESTIONS, "writing": written, "projecting": projected}


def answer(ask: Ask, log: Path) -> Any:
    """What is answered, or the error."""
    try:
        return ask(log)
    except LedgerError as error:
        return error


# --- damage ---------------------------------------------------------------------------------------------------------

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
    "name", ["enquiry of " + NUMBER, "history", "trial balance", "states", "log", "writing", "projecting"]
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
    for name in ("trial balance", "log", "writing", "projecting"):
        with pytest.raises(LogDamaged):
            EVERYTHING[name](log)
    if moved == f"{NUMBER}#1":
        with pytest.raises(LogDamaged, match=NUMBER):
            EVERYTHING[f"enquiry of {NUMBER}"](log)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE numbers SET due_at=due_at+1 WHERE msisdn=?",
        "UPDATE numbers SET due_at=NULL WHERE msisdn=?",
        "UPDATE numbers SET chain=zeroblob(32) WHERE msisdn=?",
        "UPDATE numbers SET events=events-1 WHERE msisdn=?",
        "DELETE FROM numbers WHERE msisdn=?",
    ],
)
def test_where_a_number_stands_is_held_against_its_events_before_it_is_written_to(
    statement: str, log: Path
) -> None:
    change(log, statement, NUMBER)
    with pytest.raises(LogDamaged, match=NUMBER):
        written(log)
    assert not verify(log).clean


def test_a_repeat_is_not_answered_from_a_damaged_entry(log: Path) -> None:
    with closing(sqlite3.connect(log)) as connection:
        ((command_id,),) = connection.execute(
            "SELECT command_id FROM journal WHERE subject=? AND name='ChargeCredit'", (THIRD,)
        )
    repeat = ChargeCredit(
        at=BEGIN + 4 * DAY, command_id=command_id, msisdn=THIRD, amount=rupiah(900_000), item="package"
    )
    with ledger_on(log) as ledger:
        assert [x.code for x in ledger.execute([repeat])] == ["insufficient-credit"]
    change(log, "UPDATE journal SET code='blocked' WHERE subject=? AND command_id=?", THIRD, command_id)
    with ledger_on(log) as ledger, pytest.raises(LogDamaged, match="entry"):
        ledger.execute([repeat])


def test_a_check_of_projections_notices(log: Path, tmp_path: Path) -> None:
    with closing(Database(f"sqlite:///{tmp_path}/views.db")) as database:
        Runner(database, [SqliteReader(log)], PROJECTIONS).catch_up()
        change(log, "UPDATE stored_events SET digest=zeroblob(32) WHERE ordinal=9")
        with pytest.raises(LogDamaged, match="0:9"):
            Rebuild(database, [SqliteReader(log)], PROJECTIONS).check()


@pytest.mark.parametrize(
    ("was", "is_now"),
    [
        ("timestamp-micros", "timestamp-millis"),
        ('"doc":"', '"doc":"Not '),
        ('"type":"string"', '"type": "string"'),
    ],
)
def test_the_text_of_a_schema_is_what_was_put_into_the_log(was: str, is_now: str, log: Path) -> None:
    topic = "ledger.prepaid.CreditToppedUp"
    change(log, "UPDATE schemas SET schema=replace(schema, ?, ?) WHERE name=?", was, is_now, topic)
    assert {finding.table for finding in verify(log).findings} == {"schemas"}
    with pytest.raises(LogDamaged, match="CreditToppedUp"):
        written(log)


def test_a_log_of_a_release_that_counted_nothing_is_written_on_and_checked_from_then_on(log: Path) -> None:
    with closing(sqlite3.connect(log)) as connection, connection:
        connection.execute("ALTER TABLE numbers DROP COLUMN events")
        connection.execute("DELETE FROM meta WHERE name LIKE 'schema/%'")
    assert verify(log).clean
    before = [EVERYTHING[name](log) for name in QUESTIONS]
    assert before == [EVERYTHING[name](log) for name in QUESTIONS]
    with ledger_on(log):
        pass
    assert verify(log).clean
    assert before == [EVERYTHING[name](log) for name in QUESTIONS]
    change(log, "UPDATE numbers SET events=events+1 WHERE msisdn=?", NUMBER)
    with pytest.raises(LogDamaged, match=NUMBER):
        EVERYTHING["enquiry of " + NUMBER](log)


def test_what_a_writer_checks_first_costs_the_same_however_much_was_recorded(tmp_path: Path) -> None:
    steps = [0]

    def step() -> None:
        steps[0] += 1

    def cost(entries: int) -> list[int]:
        (tmp_path / f"{entries}").mkdir()
        with closing(Story(tmp_path / f"{entries}")) as story:
            story.given_active(credit=rupiah(50_000))
            adjust, close = (
                [story.command(of, BEGIN + i, command_id=f"{i}", **fields(BEGIN + i)) for i in range(entries)]
                for of, fields in (
                    (AdjustCredit, lambda _: {"amount": 1}),
                    (CloseThrough, lambda at: {"msisdn": LOG, "through": at, "actor": "clock"}),
                )
            )
            for one in (adjust, close, [adjust[-1]]):
                story.ledger.execute(one)
        asked: list[Callable[[Any], Any]] = [
            lambda cursor: head_of(cursor, "", NUMBER),
            lambda cursor: head_of(cursor, "", LOG),
            lambda cursor: must_follow(cursor, "", row[-1], row[:-1]),
        ]
        with closing(sqlite3.connect(story.path)) as connection:
            (row,) = connection.execute(
                f"SELECT {ENTRY_COLUMNS}, entry FROM journal WHERE subject=? AND command_id=?",
                (NUMBER, f"{entries - 1}"),
            )
            connection.set_progress_handler(step, 1)
            found = []
            for ask in asked:
                before = steps[0]
                ask(connection.cursor())
                found.append(steps[0] - before)
            return found

    assert cost(300) == cost(30)


def test_a_trigger_that_keeps_out_what_is_written_is_found_before_anything_is_answered(log: Path) -> None:
    with closing(sqlite3.connect(log)) as connection, connection:
        connection.execute(
            "CREATE TRIGGER away BEFORE INSERT ON stored_events BEGIN SELECT RAISE(IGNORE); END"
        )
    assert [finding.what for finding in verify(log).findings] == [
        "it holds a trigger that is not the ledger's: away"
    ]
    with pytest.raises(LogDamaged, match="trigger"), ledger_on(log):
        pass


def test_a_log_without_the_index_of_its_subjects_is_given_it(log: Path) -> None:
    with closing(sqlite3.connect(log)) as connection, connection:
        connection.execute("DROP INDEX journal_subject")
    with ledger_on(log):
        pass
    with closing(sqlite3.connect(log)) as connection:
        assert connection.execute(
            "SELECT tbl_name FROM sqlite_master WHERE name='journal_subject'"
        ).fetchall()


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
    for name in ("enquiry of " + NUMBER, "trial balance", "writing", "projecting"):
        with pytest.raises(LogDamaged):
            EVERYTHING[name](log)
