"""What happens to the database beneath a runner: restarted in the middle of a transaction, or tables dropped."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from ledger.errors import DatabaseDamaged, DatabaseUnreachable
from ledger.local.postgres import LocalPostgres
from ledger.store.reading import SqliteReader
from projections.engine.database import CONTROL, Database
from projections.engine.postgres_server import Postgres
from projections.engine.rebuild import Rebuild
from projections.engine.runner import Runner
from projections.registry import PROJECTIONS
from tests.bench import population as p
from tests.given import ledger_on
from tests.projections.projected import contents, database, projected

BATCHES = {"size": 60, "in_bulk": 10**9}
CHUNKS = {"chunk": 300, "in_bulk": 1}
_FIRST = 1


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of a few batches and chunks."""
    path = tmp_path_factory.mktemp("log") / "log.db"
    with ledger_on(path) as ledger:
        p.open_accounts(ledger, 20)
        p.execute(ledger, [p.usage(index, 20) for index in range(900)])
    return path


@pytest.mark.parametrize("how", [BATCHES, CHUNKS])
def test_a_database_restarted_in_the_middle_of_a_transaction(
    tmp_path: Path, log: Path, how: dict[str, int]
) -> None:
    with (
        LocalPostgres() as server,
        database(tmp_path / "whole.db") as whole,
        closing(Database(server.url)) as opened,
    ):
        runner = Runner(opened, [SqliteReader(log)], PROJECTIONS, **how)
        restart_within_transactions(server, opened, runner)
        runner.catch_up()
        projected(whole, log)
        assert contents(opened) == contents(whole)


def restart_within_transactions(server: LocalPostgres, opened: Database, runner: Runner) -> None:
    """The server is restarted once in each of the first statements of the third transaction."""
    for statement in range(1, 4):
        seen = {"transactions": 0, "statements": 0}

        def begun(_: Any, seen: dict[str, int] = seen) -> None:
            seen["transactions"] += 1
            seen["statements"] = 0

        def executed(*_: Any, seen: dict[str, int] = seen, statement: int = statement) -> None:
            seen["statements"] += 1
            if seen["transactions"] >= 3 and seen["statements"] == statement:
                seen["transactions"] = -(10**9)
                server.stop()
                server.start()

        sa.event.listen(engine_of(opened), "begin", begun)
        sa.event.listen(engine_of(opened), "after_cursor_execute", executed)
        with pytest.raises(DatabaseUnreachable):
            runner.catch_up()
        sa.event.remove(engine_of(opened), "begin", begun)
        sa.event.remove(engine_of(opened), "after_cursor_execute", executed)


def engine_of(opened: Database) -> sa.Engine:
    """What connects to a server."""
    assert isinstance(opened.backend, Postgres)
    return opened.backend.engine


def everything(opened: Database) -> None:
    with opened.writing() as connection:
        for name in connection.table_names():
            connection.run(f"DROP TABLE {name}")


def a_table(opened: Database) -> None:
    with opened.writing() as connection:
        connection.run(f"DROP TABLE {_table()}")


def where_they_stand(opened: Database) -> None:
    with opened.writing() as connection:
        CONTROL.tables["projection_positions"].drop(connection)


def _table() -> str:
    return PROJECTIONS["balances"](_FIRST).metadata.sorted_tables[0].name


def run_while(drop: Callable[[Database], None], opened: Database, log: Path, how: dict[str, int]) -> Runner:
    """A runner beneath which somebody drops that, after its second transaction; it says so."""
    done: list[int] = []

    def after(position: int, _: int) -> None:
        done.append(position)
        if len(done) == 2:
            drop(opened)

    runner = Runner(opened, [SqliteReader(log)], PROJECTIONS, **how)
    with pytest.raises(DatabaseDamaged):
        runner.catch_up(after)
    assert len(done) == 2
    return runner


@pytest.mark.parametrize("how", [BATCHES, CHUNKS])
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_projections_dropped_beneath_a_runner_are_begun_anew(
    kind: str, how: dict[str, int], tmp_path: Path, postgres_url: str, log: Path
) -> None:
    where = tmp_path / "views.db" if kind == "sqlite" else postgres_url
    with database(where) as opened, database(tmp_path / "whole.db") as whole:
        runner = run_while(everything, opened, log, how)
        runner.catch_up()
        projected(whole, log)
        assert contents(opened) == contents(whole)


@pytest.mark.parametrize("how", [BATCHES, CHUNKS])
def test_projections_dropped_within_a_batch_are_begun_anew(
    how: dict[str, int], tmp_path: Path, postgres_url: str, log: Path
) -> None:
    """The batch is read and its transaction has begun; what it is to write to goes before its first statement."""
    with (
        database(postgres_url) as opened,
        database(tmp_path / "whole.db") as whole,
        closing(Database(opened.where)) as other,
    ):
        runner = Runner(opened, [SqliteReader(log)], PROJECTIONS, **how)
        written: list[int] = []

        def begun(connection: Any) -> None:
            if len(written) == 2 and connection.get_execution_options().get("writes"):
                written.append(0)
                everything(other)

        sa.event.listen(engine_of(opened), "begin", begun)
        with pytest.raises(DatabaseDamaged):
            runner.catch_up(lambda position, _: written.append(position))
        sa.event.remove(engine_of(opened), "begin", begun)
        assert len(written) == 3
        runner.catch_up()
        projected(whole, log)
        assert contents(opened) == contents(whole)


@pytest.mark.parametrize("drop", [a_table, where_they_stand])
@pytest.mark.parametrize("how", [BATCHES, CHUNKS])
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_part_of_them_dropped_is_never_taken_for_empty(
    kind: str,
    how: dict[str, int],
    drop: Callable[[Database], None],
    tmp_path: Path,
    postgres_url: str,
    log: Path,
) -> None:
    where = tmp_path / "views.db" if kind == "sqlite" else postgres_url
    with database(where) as opened, database(tmp_path / "whole.db") as whole:
        runner = run_while(drop, opened, log, how)
        for other in (runner, Runner(opened, [SqliteReader(log)], PROJECTIONS)):
            with pytest.raises(DatabaseDamaged, match="pulsa projections rebuild"):
                other.catch_up()
        Rebuild(opened, [SqliteReader(log)], PROJECTIONS).swap()
        runner.catch_up()
        projected(whole, log)
        assert contents(opened) == contents(whole)
