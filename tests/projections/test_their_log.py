"""Projections and what they are of: their log, whole; their database, whatever order it has for words."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ledger.domain.calendar import DAY
from ledger.domain.commands import Command
from ledger.domain.prepaid.commands import AdjustCredit
from ledger.errors import DatabaseFull, LogDamaged, LogMismatch, SettingsInvalid
from ledger.store.reading import SqliteReader
from projections.engine.database import GENERATIONS, POSITIONS, Database
from projections.engine.log_identity import must_match
from projections.engine.rebuild import Rebuild
from projections.engine.runner import Runner
from projections.engine.sql import select
from projections.engine.sql_tables import delete, update
from projections.registry import PROJECTIONS
from tests.given import ledger_on
from tests.projections.histories import BEGIN, NUMBERS, a_log, commands, play, play_all
from tests.projections.projected import contents, database, folded, projected
from tests.projections.test_answers_folded import everything

NEXT = BEGIN + 10**15
MORE = commands([(1, 0, "use", 2, 0)] * 30, since=NEXT, first=9000)
"""What may follow a log."""


@pytest.fixture(params=["sqlite", "postgresql"])
def views(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty database."""
    postgresql = request.param == "postgresql"
    with database(request.getfixturevalue("postgres_url") if postgresql else tmp_path / "views.db") as opened:
        yield opened


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log with everything in it."""
    return a_log(tmp_path / "log.db")


def must_be_as_if_made_alone(views: Database, log: Path) -> None:
    with database(log.with_suffix(".whole.db")) as whole:
        projected(whole, log)
        assert contents(views) == contents(whole)


class Stop(BaseException):
    """Ends a rebuild where a process would have been killed."""


def stop(*_: object) -> None:
    raise Stop


# --- generations ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("names", [[], ["balances"]])
def test_a_first_rebuild_that_was_killed_leaves_nothing_for_who_projects(
    names: list[str], views: Database, log: Path
) -> None:
    with pytest.raises(Stop):
        Rebuild(views, [SqliteReader(log)], PROJECTIONS, names, size=100).swap(stop)
    projected(views, log)
    must_be_as_if_made_alone(views, log)


def test_who_begins_to_project_during_a_first_rebuild_goes_on_after_it(views: Database, log: Path) -> None:
    runner = Runner(views, [SqliteReader(log)], PROJECTIONS)
    begun: list[int] = []

    def begin(*_: object) -> None:
        if not begun:
            begun.append(runner.catch_up())

    Rebuild(views, [SqliteReader(log)], PROJECTIONS, size=100).swap(begin)
    play(log, MORE)
    while runner.catch_up():
        pass
    must_be_as_if_made_alone(views, log)


@pytest.mark.parametrize("names", [[], ["balances", "usage"]])
def test_runners_that_were_at_work_before_a_rebuild_go_on_after_it(
    names: list[str], views: Database, log: Path
) -> None:
    runners = [Runner(views, [SqliteReader(log)], PROJECTIONS) for _ in range(2)]
    ask = projected(views, log)
    for runner in runners:
        assert runner.catch_up() == 0
    Rebuild(views, [SqliteReader(log)], PROJECTIONS, names).swap()
    play(log, MORE)
    for runner in runners:
        while runner.catch_up():
            ask.trial_balance()  # which fails where projections are not at one position
    must_be_as_if_made_alone(views, log)


def test_a_swap_before_anything_was_recorded_does_no_harm(views: Database, tmp_path: Path) -> None:
    log = tmp_path / "log.db"
    play(log, [])
    runner = Runner(views, [SqliteReader(log)], PROJECTIONS)
    assert runner.catch_up() <= 1
    Rebuild(views, [SqliteReader(log)], PROJECTIONS).swap()
    play_all(log)
    while runner.catch_up():
        pass
    must_be_as_if_made_alone(views, log)


def test_the_positions_of_what_was_replaced_go_with_it(views: Database, log: Path) -> None:
    projected(views, log)
    Rebuild(views, [SqliteReader(log)], PROJECTIONS, ["balances"]).swap()
    with views.reading() as connection:
        live = set(connection.execute(select(GENERATIONS.c.projection, GENERATIONS.c.generation)))
        there = set(connection.execute(select(POSITIONS.c.projection, POSITIONS.c.generation)))
    assert there == live


def test_live_rows_at_the_very_beginning_are_compared_with_as_many(views: Database, log: Path) -> None:
    runner = Runner(views, [SqliteReader(log)], PROJECTIONS, size=100, in_bulk=10**9)
    with pytest.raises(Stop):
        runner.catch_up(stop)  # the first batch is taken in
    assert all(one.equal for one in Rebuild(views, [SqliteReader(log)], PROJECTIONS).check())
    with views.writing() as connection:
        for kind in PROJECTIONS.values():
            for table in kind(1).metadata.sorted_tables:
                connection.execute(delete(table))
        connection.execute(update(POSITIONS).values(ordinal=0))
    assert all(one.equal for one in Rebuild(views, [SqliteReader(log)], PROJECTIONS).check())


# --- what goes wrong ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", ["lifecycles_events_1", "balances_days_1"])
def test_a_runner_that_failed_goes_on_with_what_the_database_has(
    table: str, views: Database, log: Path
) -> None:
    runner = Runner(views, [SqliteReader(log)], PROJECTIONS, size=20, in_bulk=10**9)
    with pytest.raises(Stop):
        runner.catch_up(stop)
    mend = _breaks(views, table)
    with pytest.raises(DatabaseFull if not views.is_sqlite else Exception, match="No space left"):
        runner.catch_up()
    mend()
    while runner.catch_up():
        pass
    must_be_as_if_made_alone(views, log)


def _breaks(views: Database, table: str) -> Callable[[], None]:
    """Makes every row of a table fail; returns what mends it."""
    with views.writing() as connection:
        if views.is_sqlite:
            fails = "BEGIN SELECT RAISE(ABORT, 'No space left on device'); END"
            connection.run(f"CREATE TRIGGER fails BEFORE INSERT ON {table} {fails}")
        else:
            raised = "RAISE EXCEPTION USING ERRCODE='53100', MESSAGE='No space left on device'"
            connection.run(
                f"CREATE FUNCTION failing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {raised}; END $$"
            )
            connection.run(
                f"CREATE TRIGGER fails BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION failing()"
            )

    def mend() -> None:
        with views.writing() as connection:
            connection.run("DROP TRIGGER fails" + ("" if views.is_sqlite else f" ON {table}"))

    return mend


@pytest.mark.parametrize("in_bulk", [1, 10**9])
def test_an_event_that_is_missing_stops_it_there(in_bulk: int, views: Database, log: Path) -> None:
    with sqlite3.connect(log) as connection:
        connection.execute("DELETE FROM stored_events WHERE ordinal=300")
    runner = Runner(views, [SqliteReader(log)], PROJECTIONS, in_bulk=in_bulk)
    for _ in range(2):
        with pytest.raises(LogDamaged, match="0:300"):
            runner.catch_up()
    with pytest.raises(LogDamaged, match="0:300"):
        Rebuild(views, [SqliteReader(log)], PROJECTIONS).swap()
    with views.reading() as connection:
        assert set(connection.execute(select(POSITIONS.c.ordinal)).scalars()) == {299}


# --- their log ------------------------------------------------------------------------------------------------------


def test_a_log_that_was_restored_is_not_taken_for_theirs(views: Database, log: Path, tmp_path: Path) -> None:
    backup = tmp_path / "backup.db"
    backup.write_bytes(log.read_bytes())
    play(log, MORE[:10])
    runner = Runner(views, [SqliteReader(log)], PROJECTIONS)
    runner.catch_up()
    _must_be_refused(views, backup, "is not there")
    play(backup, commands([(1, 1, "use", 1, 0)] * 20, since=NEXT, first=8000))
    _must_be_refused(views, backup, "is another")
    Rebuild(views, [SqliteReader(backup)], PROJECTIONS).swap()
    must_match(views, [SqliteReader(backup)])
    projected(views, backup)
    must_be_as_if_made_alone(views, backup)
    assert runner.catch_up() == 1  # it finds its generation replaced
    with pytest.raises(LogMismatch):
        runner.catch_up()


def test_a_log_that_is_restored_while_it_is_followed_is_noticed(views: Database, log: Path) -> None:
    before = log.read_bytes()
    play(log, MORE[:10])
    runner = Runner(views, [SqliteReader(log)], PROJECTIONS)
    while runner.catch_up():
        pass
    log.write_bytes(before)
    with pytest.raises(LogMismatch):
        runner.catch_up()


def _must_be_refused(views: Database, log: Path, why: str) -> None:
    before = contents(views)
    readers = [SqliteReader(log)]
    for refused in (
        Runner(views, readers, PROJECTIONS).catch_up,
        Rebuild(views, readers, PROJECTIONS, ["balances"]).swap,
        Rebuild(views, readers, PROJECTIONS).check,
        lambda: must_match(views, readers),
    ):
        with pytest.raises(LogMismatch, match=why):
            refused()
    assert contents(views) == before


def test_a_log_is_no_database_for_projections(log: Path) -> None:
    opened = Database(f"sqlite:///{log}")
    with pytest.raises(SettingsInvalid, match="is a log"):
        Runner(opened, [SqliteReader(log)], PROJECTIONS).catch_up()
    opened.close()
    with sqlite3.connect(log) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    assert not {name for name in tables if name.startswith("projection")}


# --- order ----------------------------------------------------------------------------------------------------------


def test_text_is_in_the_order_of_its_characters_whatever_order_the_database_has(
    postgres_url: str, log: Path
) -> None:
    with database(postgres_url) as views:
        ask = projected(views, log)
        for moment in ((NEXT, NEXT), (BEGIN + 200 * DAY, BEGIN + 100 * DAY)):
            assert everything(ask, *moment) == everything(folded(log), *moment)
        with views.reading() as connection:
            found = connection.run(
                "SELECT c.relname, a.attname, o.collname FROM pg_attribute a"
                " JOIN pg_class c ON c.oid = a.attrelid JOIN pg_collation o ON o.oid = a.attcollation"
                " WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' AND a.attnum > 0"
            ).all()
    assert len(found) > len(PROJECTIONS)
    assert {row for row in found if row[2] != "C"} == set()


def test_movements_are_in_the_order_of_recording_also_where_days_go_back(
    views: Database, tmp_path: Path
) -> None:
    log = tmp_path / "log.db"
    first, other = NUMBERS[:2]

    def adjusted(msisdn: str, at: int, count: int) -> list[Command]:
        return [
            AdjustCredit(
                at=at,
                command_id=f"{msisdn}-{n}",
                msisdn=msisdn,
                amount=100,
                reason="x",
                approved_by="someone",
            )
            for n in range(count)
        ]

    history = [
        (0, 0, "issue", 1, 2),
        (0, 0, "activate", 0, 0),
        (0, 1, "issue", 1, 2),
        (0, 1, "activate", 0, 0),
    ]
    play(log, commands(history))
    with ledger_on(log) as ledger:
        for several in (adjusted(first, BEGIN + 9 * DAY, 20), adjusted(other, BEGIN + 5 * DAY, 3)):
            assert not [outcome.code for outcome in ledger.execute(several) if outcome.code]
    ask = projected(views, log)
    places = [row.event_position for row in ask.movements("operator/adjustments").rows if row.event_position]
    ordinals = [int(place.partition(":")[2]) for place in places]
    assert len(ordinals) == 23
    assert ordinals == sorted(ordinals)
