"""The runner: whatever kills it, cuts it off or runs beside it, rows and positions belong together."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ledger.domain.calendar import SECOND
from ledger.errors import (
    DatabaseFormatUnknown,
    DatabaseFull,
    DatabaseUnreachable,
    LogDamaged,
    SettingsInvalid,
)
from ledger.local.postgres import LocalPostgres
from ledger.store.reading import SqliteReader
from projections.engine.database import GENERATIONS, POSITIONS, Database
from projections.engine.lag import status
from projections.engine.runner import Runner
from projections.engine.sql import select
from projections.engine.sql_expressions import func
from projections.engine.sql_tables import update
from projections.registry import PROJECTIONS
from tests.bench import population as p
from tests.given import ledger_on
from tests.often import KILLS, TIMES, often
from tests.processes import FORKS
from tests.projections.histories import Step, a_log, commands, play, steps
from tests.projections.projected import contents, database, of_database, projected
from tests.rechained import rechain

EVENTS = 2_000 if TIMES == 1 else 4_000
BATCHES = {"size": 60, "in_bulk": 10**9}
CHUNKS = {"chunk": 150, "in_bulk": 1}


def _project(url: str, log: str, how: dict[str, int]) -> None:
    """What a runner does, in a process of its own."""
    Runner(Database(url), [SqliteReader(log)], PROJECTIONS, **how).catch_up()


def _position(opened: Database) -> int:
    """How far the projection is that is furthest behind."""
    with opened.reading() as connection:
        if POSITIONS.name not in connection.table_names():
            return 0
        return int(connection.execute(select(func.min(POSITIONS.c.ordinal))).scalar() or 0)


@pytest.fixture(scope="module")
def long_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log that takes a second or so to project."""
    path = tmp_path_factory.mktemp("long") / "log.db"
    with ledger_on(path) as ledger:
        p.open_accounts(ledger, 40)
        p.execute(ledger, [p.usage(index, 40) for index in range(EVENTS)])
    return path


@pytest.fixture(scope="module")
def whole(long_log: Path) -> dict[str, list[Any]]:
    """What is to be in every table, once all of that log is taken in."""
    with TemporaryDirectory() as folder, database(Path(folder) / "whole.db") as opened:
        projected(opened, long_log)
        return contents(opened)


@pytest.mark.parametrize("how", [BATCHES, CHUNKS])
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_killed_at_random_moments_it_ends_as_one_that_was_not(
    kind: str,
    how: dict[str, int],
    tmp_path: Path,
    postgres_url: str,
    long_log: Path,
    whole: dict[str, list[Any]],
    chance: random.Random,
) -> None:
    where = tmp_path / "views.db" if kind == "sqlite" else postgres_url
    with database(where) as opened:
        url = opened.where
        killed = 0
        for moment in sorted(chance.sample(range(EVENTS), KILLS)):
            process = FORKS.Process(target=_project, args=(url, str(long_log), how))
            process.start()
            while process.is_alive() and _position(opened) < moment:
                process.join(timeout=0.005)
            process.join(timeout=chance.uniform(0.0, 0.05))
            killed += process.is_alive()
            process.kill()
            process.join()
        assert killed
        projected(opened, long_log)
        assert contents(opened) == whole


@pytest.mark.parametrize("how", [BATCHES, CHUNKS])
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_two_runners_on_the_same_projections_do_no_harm(
    kind: str,
    how: dict[str, int],
    tmp_path: Path,
    postgres_url: str,
    long_log: Path,
    whole: dict[str, list[Any]],
) -> None:
    where = tmp_path / "views.db" if kind == "sqlite" else postgres_url
    with database(where) as opened:
        url = opened.where
        failed: list[BaseException] = []

        def run() -> None:
            own = Database(url)
            try:
                runner = Runner(own, [SqliteReader(long_log)], PROJECTIONS, **how)
                while runner.catch_up():
                    pass
            except BaseException as error:  # noqa: BLE001 - reported by the test
                failed.append(error)
            finally:
                own.close()

        runners = [threading.Thread(target=run) for _ in range(2)]
        for runner in runners:
            runner.start()
        for runner in runners:
            runner.join()
        assert failed == []
        assert contents(opened) == whole


TOP_UPS: list[Step] = [(0, 0, "issue", 0, 2), (0, 0, "activate", 0, 0)] + [(1, 0, "top up", 2, 0)] * 6


@often(8)
@given(steps(), st.lists(st.tuples(st.integers(1, 3), st.booleans()), min_size=12, max_size=30))
@example(TOP_UPS, [(1, bool(turn % 2)) for turn in range(len(TOP_UPS))])
def test_runners_that_take_turns_know_what_the_other_took_in(
    history: list[Step], turns: list[tuple[int, bool]]
) -> None:
    """Terms published, and the state of every number: neither may have seen all of it."""
    with TemporaryDirectory() as folder:
        log = Path(folder) / "log.db"
        with database(Path(folder) / "views.db") as views, database(Path(folder) / "whole.db") as whole:
            play(log, [])
            runners = [Runner(views, [SqliteReader(log)], PROJECTIONS) for _ in range(2)]
            left = commands(history)
            for size, which in turns:
                play(log, left[:size])
                left = left[size:]
                runners[which].catch_up()
            play(log, left)
            runners[0].catch_up()
            projected(whole, log)
            assert contents(views) == contents(whole)


def test_a_disk_that_fills_up_leaves_positions_where_the_rows_are(
    small_disk: Path, long_log: Path, whole: dict[str, list[Any]]
) -> None:
    with database(small_disk / "views.db") as opened:
        with pytest.raises(DatabaseFull):
            Runner(opened, [SqliteReader(long_log)], PROJECTIONS, size=200, in_bulk=10**9).catch_up()
        (small_disk / "ballast").unlink()
        projected(opened, long_log)
        assert contents(opened) == whole


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with little room, most of it taken by a file that can be removed."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64m", "none", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("no file system of its own can be mounted here (that takes root)")
    (folder / "ballast").write_bytes(bytes(62 * 2**20))
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("how", [BATCHES, CHUNKS])
def test_a_database_that_goes_down_stops_it_with_a_clear_line_and_it_goes_on_afterwards(
    long_log: Path, whole: dict[str, list[Any]], how: dict[str, int]
) -> None:
    with LocalPostgres() as server:
        opened = Database(server.url)
        runner = Runner(opened, [SqliteReader(long_log)], PROJECTIONS, **how)
        done: list[int] = []

        def cut(position: int, _: int) -> None:
            done.append(position)
            if len(done) == 3:
                server.kill()

        with pytest.raises(DatabaseUnreachable):
            runner.catch_up(cut)
        with pytest.raises(DatabaseUnreachable):
            runner.catch_up()
        server.start()
        assert runner.catch_up() > 0
        assert contents(opened) == whole
        opened.close()


@pytest.mark.parametrize("how", [BATCHES, CHUNKS])
def test_a_connection_cut_in_mid_batch_undoes_the_batch(
    postgres_url: str, long_log: Path, whole: dict[str, list[Any]], how: dict[str, int]
) -> None:
    with database(postgres_url) as opened:
        runner = Runner(opened, [SqliteReader(long_log)], PROJECTIONS, **how)
        cut: list[int] = []

        def after(position: int, _: int) -> None:
            if len(cut) < 2:
                cut.append(position)
                with psycopg.connect(postgres_url, autocommit=True) as admin:
                    admin.execute(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                        " WHERE pid <> pg_backend_pid() AND datname = current_database()"
                    )

        taken = 0
        for _ in range(4):
            try:
                taken += runner.catch_up(after)
            except DatabaseUnreachable:
                continue
        assert cut
        assert contents(opened) == whole


def test_tables_of_an_older_release_stop_it_and_every_question(tmp_path: Path) -> None:
    log = a_log(tmp_path / "log.db")
    with database(tmp_path / "views.db") as opened:
        ask = projected(opened, log)
        with opened.writing() as connection:
            connection.execute(update(GENERATIONS).values(version=0))
        with pytest.raises(DatabaseFormatUnknown, match="pulsa projections rebuild"):
            projected(opened, log)
        with pytest.raises(DatabaseFormatUnknown, match="pulsa projections rebuild"):
            ask.states()


@pytest.mark.parametrize("in_bulk", [1, 5000])
def test_an_event_that_does_not_decode_stops_it_at_its_position(tmp_path: Path, in_bulk: int) -> None:
    log = a_log(tmp_path / "log.db")
    with sqlite3.connect(log) as connection:
        connection.execute("UPDATE stored_events SET state=substr(state,1,9) WHERE ordinal=77")
    with database(tmp_path / "views.db") as opened:
        with pytest.raises(LogDamaged, match="0:77"):
            Runner(opened, [SqliteReader(log)], PROJECTIONS, in_bulk=in_bulk).catch_up()
        assert {lag.position for lag in status(opened, [SqliteReader(log)]).lags} == {76}


def test_a_type_of_a_later_release_is_counted_and_its_postings_count(tmp_path: Path) -> None:
    log = tmp_path / "log.db"
    play(log, commands([(0, 0, "issue", 0, 2), (0, 0, "activate", 0, 0), (1, 0, "charge", 0, 0)]))
    with sqlite3.connect(log) as connection:
        renamed = "UPDATE stored_events SET topic='ledger.prepaid.Gifted' WHERE topic LIKE '%CreditCharged'"
        assert connection.execute(renamed).rowcount == 1
    rechain(log)
    with database(tmp_path / "views.db") as opened:
        reader = SqliteReader(log, unknown_types=True)
        Runner(opened, [reader], PROJECTIONS).catch_up()
        ask = of_database(opened)
        (charges,) = ask.balance("operator/charges")
        assert charges.amount == 100_000
        assert status(opened, [reader]).unknown_types == {"ledger.prepaid.Gifted": 1}


def test_what_is_no_database_is_a_setting_that_is_not_valid() -> None:
    for url in ("nonsense", "mysql://localhost/views", ""):
        with pytest.raises(SettingsInvalid):
            Database(url)


def test_lag_is_told_in_events_and_seconds(tmp_path: Path) -> None:
    log = tmp_path / "log.db"
    happened = commands([(0, 0, "issue", 0, 2), (0, 0, "activate", 0, 0), (90 * SECOND, 0, "charge", 0, 0)])
    play(log, happened[:2])
    with database(tmp_path / "views.db") as opened:
        projected(opened, log)
        play(log, happened[2:])
        found: Any = status(opened, [SqliteReader(log)])
        assert {(lag.events, lag.seconds) for lag in found.lags} == {(1, 90.0)}
