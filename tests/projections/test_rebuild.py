"""Rebuilding: equal to the live rows to the last cell, beside them, and never a gap for a reader."""

from __future__ import annotations

import threading
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given

from ledger.errors import DatabaseFormatUnknown
from ledger.store.reading import SqliteReader
from projections.engine.database import GENERATIONS, RebuildUnderWay
from projections.engine.rebuild import Rebuild, UnknownProjection
from projections.engine.sql import select
from projections.engine.sql_tables import update
from projections.money.balances import Balances
from projections.registry import PROJECTIONS
from tests.often import often
from tests.projections.histories import BEGIN, NUMBERS, Step, a_log, commands, play, steps
from tests.projections.projected import contents, database, projected
from tests.projections.test_answers_folded import everything


@often(10)
@given(steps())
def test_rebuilt_rows_equal_live_ones_to_the_last_cell(history: list[Step]) -> None:
    with TemporaryDirectory() as folder:
        log = Path(folder) / "log.db"
        play(log, commands(history))
        with database(Path(folder) / "views.db") as opened:
            projected(opened, log, size=5)
            checked = Rebuild(opened, [SqliteReader(log)], PROJECTIONS).check()
            assert checked
            assert all(one.equal for one in checked)
            before = contents(opened)
            Rebuild(opened, [SqliteReader(log)], PROJECTIONS).swap()
            assert contents(opened) == before


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_live_goes_on_after_a_rebuild(kind: str, tmp_path: Path, postgres_url: str) -> None:
    log = a_log(tmp_path / "log.db")
    with database(tmp_path / "views.db" if kind == "sqlite" else postgres_url) as opened:
        ask = projected(opened, log)
        more = commands([(1, 0, "use", 2, 0)] * 30, since=BEGIN + 10**15, first=9000)
        play(log, more[:10])
        Rebuild(opened, [SqliteReader(log)], PROJECTIONS).swap()
        Rebuild(opened, [SqliteReader(log)], PROJECTIONS, ["balances", "usage"]).swap()
        play(log, more[10:])
        projected(opened, log)
        with database(tmp_path / "whole.db") as whole:
            fresh = projected(whole, log)
            assert contents(opened) == contents(whole)
            then = (BEGIN + 10**15, BEGIN + 10**15 + 10)
            assert everything(ask, *then) == everything(fresh, *then)


def test_a_cell_that_differs_is_found_and_nothing_is_replaced(tmp_path: Path) -> None:
    log = a_log(tmp_path / "log.db")
    with database(tmp_path / "views.db") as opened:
        projected(opened, log)
        days = Balances(1).sums.days.name
        with opened.writing() as connection:
            connection.run(
                f"UPDATE {days} SET amount_rest=amount_rest+1 WHERE account='operator/usage'"
                f" AND effective_day >= (SELECT effective_day FROM {days} LIMIT 1)"
            )
        found = {c.table: c for c in Rebuild(opened, [SqliteReader(log)], PROJECTIONS).check() if not c.equal}
        assert set(found) == {"balances_days"}
        with opened.reading() as connection:
            assert set(connection.execute(select(GENERATIONS.c.generation)).scalars()) == {1}


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_tables_of_an_older_release_are_made_anew_and_leave_nothing(
    kind: str, tmp_path: Path, postgres_url: str
) -> None:
    log = a_log(tmp_path / "log.db")
    with database(tmp_path / "views.db" if kind == "sqlite" else postgres_url) as opened:
        projected(opened, log)
        expected = contents(opened)
        with opened.writing() as connection:
            connection.run("ALTER TABLE balances_segments_1 RENAME TO balances_entries_1")
            connection.execute(update(GENERATIONS).values(version=0))
        with pytest.raises(DatabaseFormatUnknown, match="pulsa projections rebuild"):
            Rebuild(opened, [SqliteReader(log)], PROJECTIONS).check()
        Rebuild(opened, [SqliteReader(log)], PROJECTIONS).swap()
        assert contents(opened) == expected
        with opened.reading() as connection:
            assert not [name for name in connection.table_names() if name.endswith("_1")]


def test_tables_of_others_stay_whatever_they_are_called(tmp_path: Path) -> None:
    log = a_log(tmp_path / "log.db")
    others = {"balances_by_month_1", "numbers_1", "usage_report_2", "balances_segments_old_1"}
    with database(tmp_path / "views.db") as opened:
        with opened.writing() as connection:
            for name in others:
                connection.run(f"CREATE TABLE {name} (kept INTEGER)")
        projected(opened, log)
        for _ in range(3):
            Rebuild(opened, [SqliteReader(log)], PROJECTIONS).swap()
        with opened.reading() as connection:
            assert others <= set(connection.table_names())


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_readers_never_see_a_gap_while_it_is_swapped(kind: str, tmp_path: Path, postgres_url: str) -> None:
    log = a_log(tmp_path / "log.db")
    with database(tmp_path / "views.db" if kind == "sqlite" else postgres_url) as opened:
        ask = projected(opened, log)
        expected = ask.trial_balance().rows
        done = threading.Event()
        answers: list[object] = []

        def read() -> None:
            while not done.is_set():
                try:
                    answers.append(ask.trial_balance().rows)
                    answers.append(ask.enquiry(NUMBERS[0]).state and expected)
                except Exception as error:  # noqa: BLE001 - reported by the test
                    answers.append(error)

        reader = threading.Thread(target=read)
        reader.start()
        try:
            for _ in range(4):
                Rebuild(opened, [SqliteReader(log)], PROJECTIONS).swap()
        finally:
            done.set()
            reader.join()
        assert answers
        assert [answer for answer in answers if answer != expected] == []


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_two_rebuilds_do_not_write_the_same_tables(kind: str, tmp_path: Path, postgres_url: str) -> None:
    log = a_log(tmp_path / "log.db")
    with database(tmp_path / "views.db" if kind == "sqlite" else postgres_url) as opened:
        projected(opened, log)
        before = contents(opened)
        refused = []

        def meanwhile(_done: int, _of: int) -> None:
            for other in (
                Rebuild(opened, [SqliteReader(log)], PROJECTIONS).swap,
                Rebuild(opened, [SqliteReader(log)], PROJECTIONS).check,
            ):
                with pytest.raises(RebuildUnderWay) as refusal:
                    other()
                refused.append(refusal.value.code)

        Rebuild(opened, [SqliteReader(log)], PROJECTIONS).swap(meanwhile)
        assert refused[:2] == ["rebuild-under-way"] * 2
        Rebuild(opened, [SqliteReader(log)], PROJECTIONS).swap()
        assert contents(opened) == before


def test_a_name_that_is_no_projection_is_refused(tmp_path: Path) -> None:
    log = a_log(tmp_path / "log.db")
    with database(tmp_path / "views.db") as opened, pytest.raises(UnknownProjection):
        Rebuild(opened, [SqliteReader(log)], PROJECTIONS, ["nonsense"])
