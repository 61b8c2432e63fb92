"""Sums have no bound: whatever is sent within a day, projections take it in, and answer to the last sen."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.domain.calendar import DAY
from ledger.domain.commands import Command
from ledger.domain.money import CHARGES, LARGEST_BALANCE
from ledger.domain.prepaid.commands import ChargeCredit, TopUp
from ledger.store.reading import SqliteReader
from projections.engine.rebuild import Rebuild
from projections.engine.runner import Runner
from projections.registry import PROJECTIONS
from tests.projections.histories import BEGIN, NUMBERS, Step, commands, play
from tests.projections.projected import NOW, contents, database, folded, of_database
from tests.projections.test_answers_folded import everything

BEGUN: list[Step] = [(0, 0, "issue", 1, 0), (0, 0, "activate", 0, 0)]
TIMES = 25
"""How often all that an account may hold is topped up and spent: more than two numbers of 8 bytes hold."""
ODD = LARGEST_BALANCE - 7


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log in which somebody moved more within a day than a number of 8 bytes holds."""
    path = tmp_path_factory.mktemp("large") / "log.db"
    moved: list[Command] = []
    for count in range(TIMES):
        at = BEGIN + 1 + count % 2
        moved += [
            TopUp(at=at, command_id=f"t{count}", msisdn=NUMBERS[0], credit=ODD, price=ODD, channel="web"),
            ChargeCredit(at=at, command_id=f"c{count}", msisdn=NUMBERS[0], amount=ODD, item="all"),
        ]
    play(path, commands(BEGUN) + moved)
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    postgresql = request.param == "postgresql"
    return request.getfixturevalue("postgres_url") if postgresql else tmp_path / "views.db"


def test_more_than_a_number_of_8_bytes_within_a_day_is_summed(
    log: Path, where: Path | str, tmp_path: Path
) -> None:
    assert TIMES * ODD > 2**64
    logs = [SqliteReader(log)]
    made = []
    for count, how in enumerate(({"size": 3, "in_bulk": 10**9}, {"chunk": 7, "in_bulk": 1}, {"size": 2000})):
        with database(tmp_path / f"{count}.db") as other:
            Runner(other, logs, PROJECTIONS, **how).catch_up()
            made.append(contents(other))
    with database(where) as opened:
        Runner(opened, logs, PROJECTIONS, size=3, in_bulk=10**9).catch_up()
        made.append(contents(opened))
        for size in (7, 10_000):
            Rebuild(opened, logs, PROJECTIONS, size=size).swap()
            made.append(contents(opened))
        ask = of_database(opened, log)
        for moment in (BEGIN + 1, BEGIN + DAY, NOW):
            assert everything(ask, moment, moment) == everything(folded(log), moment, moment)
        (balance,) = ask.balance(CHARGES, as_of=NOW, known_at=NOW)
        assert balance.amount == TIMES * ODD
        assert sum(day.charges for day in ask.days(as_of=NOW, known_at=NOW).rows) == TIMES * ODD
    assert all(rows == made[0] for rows in made)
