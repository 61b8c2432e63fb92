"""Rebuilding in bulk, from the log or from an archive of it: the same rows as live, and the same refusals."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given

from ledger.domain.calendar import DAY
from ledger.errors import LogDamaged, SchemaUnknown
from ledger.store.archive import archives
from ledger.store.copying import Source
from ledger.store.copying_files import FolderTarget, Parquet
from ledger.store.reading import SqliteReader
from projections.engine.database import POSITIONS, Database
from projections.engine.lag import status
from projections.engine.local_days import days
from projections.engine.rebuild import ForeignArchive, Rebuild
from projections.engine.runner import Runner
from projections.engine.sql import select
from projections.engine.sql_tables import MetaData
from projections.engine.sums import BLOCK_BITS, BitemporalSums
from projections.registry import PROJECTIONS
from tests.given import ledger_on
from tests.kafka.seen import embedded, in_chunks, population
from tests.often import often
from tests.projections.histories import BEGIN, Step, a_log, commands, play, steps
from tests.projections.projected import contents, database
from tests.rechained import rechain

KINDS = ["sqlite", "postgresql"]


def archived(log: Path, folder: Path, partition: int = 0, size: int = 150) -> Path:
    """The log copied to Parquet, in files of about so many events."""
    with closing(Source(log, partition)) as source:
        target = FolderTarget(folder, source, Parquet)
        for chunk in source.chunks(target.extent(), size):
            target.write(chunk)
    return folder


@contextmanager
def swapped_and_live(
    where: Path | str, logs: list[SqliteReader], folder: Path, **how: object
) -> Iterator[tuple[Database, Database]]:
    """A database whose rows were all made by a rebuild, and one that was kept up live."""
    with database(where) as rebuilt, database(folder / "live.db") as live:
        keep_up(live, logs)
        Rebuild(rebuilt, logs, PROJECTIONS, **how).swap()  # type: ignore[arg-type]
        yield rebuilt, live


def keep_up(live: Database, logs: list[SqliteReader]) -> None:
    """Takes in all there is, a few events at a time."""
    Runner(live, logs, PROJECTIONS, size=7, in_bulk=10**9).catch_up()


@pytest.fixture(scope="module")
def populated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log with a simulated population in it, late uses included."""
    path = tmp_path_factory.mktemp("populated") / "log.db"
    embedded(path, population(40, 10))
    return path


@pytest.fixture(scope="module")
def projected_live(populated: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    """The rows of that log where they were kept up live, a few events at a time."""
    with database(tmp_path_factory.mktemp("projected") / "live.db") as live:
        keep_up(live, [SqliteReader(populated)])
        return contents(live)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [700, 50_000])
def test_a_population_is_rebuilt_as_it_was_projected(
    kind: str,
    size: int,
    populated: Path,
    projected_live: dict[str, list[Any]],
    tmp_path: Path,
    postgres_url: str,
) -> None:
    where = tmp_path / "views.db" if kind == "sqlite" else postgres_url
    with SqliteReader(populated).snapshot() as log:
        assert log.head > 1 << BLOCK_BITS  # entries lie in several blocks
    with database(where) as rebuilt:
        Rebuild(rebuilt, [SqliteReader(populated)], PROJECTIONS, size=size).swap()
        assert contents(rebuilt) == projected_live


@pytest.mark.parametrize("kind", KINDS)
def test_every_event_there_is_is_rebuilt_from_the_archive_and_the_rest_of_the_log(
    kind: str, tmp_path: Path, postgres_url: str
) -> None:
    log = a_log(tmp_path / "log.db")
    folder = archived(log, tmp_path / "archive")
    play(log, commands([(1, 0, "use", 2, 0)] * 30, since=BEGIN + 10**15, first=9000))
    where = tmp_path / "views.db" if kind == "sqlite" else postgres_url
    logs = [SqliteReader(log)]
    with swapped_and_live(where, logs, tmp_path, archives=archives(folder)) as (rebuilt, live):
        assert contents(rebuilt) == contents(live)
        assert all(
            one.equal for one in Rebuild(rebuilt, logs, PROJECTIONS, archives=archives(folder)).check()
        )
        Rebuild(rebuilt, logs, PROJECTIONS, archives=archives(folder)).swap()
        assert contents(rebuilt) == contents(live)


@often(5, soaked=120)
@given(steps())
def test_an_archive_gives_the_same_rows_whatever_happened(history: list[Step]) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        log = folder / "log.db"
        play(log, commands(history))
        kept = archives(archived(log, folder / "archive"))
        with swapped_and_live(
            folder / "views.db", [SqliteReader(log)], folder, archives=kept, size=9
        ) as made:
            assert contents(made[0]) == contents(made[1])


@pytest.mark.parametrize("kind", KINDS)
def test_a_runner_far_behind_takes_in_by_columns_what_it_would_one_by_one(
    kind: str, populated: Path, tmp_path: Path, postgres_url: str
) -> None:
    where = tmp_path / "views.db" if kind == "sqlite" else postgres_url
    log = tmp_path / "log.db"
    with database(where) as opened, database(tmp_path / "live.db") as live, ledger_on(log) as ledger:
        runner = Runner(opened, [SqliteReader(log)], PROJECTIONS, size=3, in_bulk=40)
        for count, chunk in enumerate(in_chunks(population(20, 3), 60)):
            ledger.execute(chunk if count % 2 else chunk[:5])
            runner.catch_up()
        Runner(live, [SqliteReader(log)], PROJECTIONS, size=7).catch_up()
        assert contents(opened) == contents(live)


def test_partitions_are_kept_apart_each_from_its_log_or_archive(tmp_path: Path, populated: Path) -> None:
    logs = [SqliteReader(populated, 0), SqliteReader(a_log(tmp_path / "log.db"), 1)]
    kept = archives(archived(tmp_path / "log.db", tmp_path / "archive", 1))
    with swapped_and_live(tmp_path / "views.db", logs, tmp_path, archives=kept, size=500) as (rebuilt, live):
        assert contents(rebuilt) == contents(live)
        with rebuilt.reading() as connection:
            assert set(connection.execute(select(POSITIONS.c.partition)).scalars()) == {0, 1}


def test_a_file_of_an_archive_is_one_too(tmp_path: Path) -> None:
    log = a_log(tmp_path / "log.db")
    (file,) = (archived(log, tmp_path / "archive", size=10_000) / "events").iterdir()
    with swapped_and_live(
        tmp_path / "views.db", [SqliteReader(log)], tmp_path, archives=archives(file)
    ) as made:
        assert contents(made[0]) == contents(made[1])


def test_an_archive_of_another_log_is_refused(tmp_path: Path, populated: Path) -> None:
    kept = archives(archived(a_log(tmp_path / "log.db"), tmp_path / "archive"))
    with database(tmp_path / "views.db") as opened, pytest.raises(ForeignArchive):
        Rebuild(opened, [SqliteReader(populated)], PROJECTIONS, archives=kept).swap()


def test_an_archive_that_lacks_a_file_is_damaged(tmp_path: Path, populated: Path) -> None:
    folder = archived(populated, tmp_path / "archive")
    min((folder / "events").iterdir()).unlink()
    with pytest.raises(LogDamaged, match="missing"):
        archives(folder)


def test_types_of_a_later_release_are_counted_and_their_postings_count(tmp_path: Path) -> None:
    log = a_log(tmp_path / "log.db")
    with sqlite3.connect(log) as connection:
        renamed = "UPDATE stored_events SET topic='ledger.prepaid.Gifted' WHERE topic LIKE '%CreditCharged'"
        count = connection.execute(renamed).rowcount
    rechain(log)
    logs = [SqliteReader(log, unknown_types=True)]
    with swapped_and_live(tmp_path / "views.db", logs, tmp_path) as (rebuilt, live):
        assert contents(rebuilt) == contents(live)
        assert status(rebuilt, logs).unknown_types == {"ledger.prepaid.Gifted": count}
    with database(tmp_path / "others.db") as opened, pytest.raises(SchemaUnknown, match="Gifted"):
        Rebuild(opened, [SqliteReader(log)], PROJECTIONS, ["balances"]).swap()


@pytest.mark.parametrize(
    "damage",
    ["substr(state,1,9)", "substr(state,1,length(state)-1)", "zeroblob(40)", "CAST(state||x'ff' AS BLOB)"],
)
def test_an_event_that_does_not_decode_stops_it_at_its_position(damage: str, tmp_path: Path) -> None:
    log = a_log(tmp_path / "log.db")
    use = "SELECT max(ordinal) FROM stored_events WHERE topic='ledger.prepaid.UsageDebited'"
    with sqlite3.connect(log) as connection:
        (ordinal,) = connection.execute(use).fetchone()
        connection.execute(f"UPDATE stored_events SET state={damage} WHERE ordinal=?", (ordinal,))
    with database(tmp_path / "views.db") as opened:
        rebuild = Rebuild(opened, [SqliteReader(log)], PROJECTIONS, ["balances"])
        with pytest.raises(LogDamaged, match=f"0:{ordinal} is not what its digest names"):
            rebuild.swap()


def test_days_are_those_of_instants_before_1970_too() -> None:
    day = 86_400_000_000
    assert days(pa.array([-day - 1, -day, -1, 0, day - 1, day])).to_pylist() == [-2, -1, -1, 0, 0, 1]


def test_sums_of_days_however_far_apart_are_told_apart() -> None:
    table = BitemporalSums(MetaData(), "far", 1, keys=("account",), amounts=("amount",), numbers=("day",))
    years = 3_600_000 * DAY
    at = [-years, -1, 0, years, -years]
    columns = {
        "account": pa.array(["b", "a", "b", "a", "b"]),
        "ordinal": pa.array([1, 2, 3, 4, 5], pa.int64()),
        "effective_at": pa.array(at, pa.int64()),
        "recorded_at": pa.array(at[::-1], pa.int64()),
        "day": pa.array([one // DAY + 1 for one in at], pa.int64()),
        "amount": pa.array([1, 2, 4, 8, 16], pa.int64()),
    }
    found = {made.name: rows for made, rows in table.fold_columns(0, columns)}["far_days_1"]
    days = [one // DAY for one in at]
    expected = sorted(
        zip(columns["account"].to_pylist(), columns["day"].to_pylist(), days, days[::-1], strict=True)
    )
    names = ("account", "day", "effective_day", "recorded_day")
    assert list(zip(*(found.column(name).to_pylist() for name in names), strict=True)) == sorted(
        set(expected)
    )
