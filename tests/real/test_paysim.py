"""100,000 mobile-money records that nobody here made up come out to the balances that they state themselves."""

from __future__ import annotations

import pytest

from tests.real import paysim
from tests.real.replay import Played, replay
from tests.shared import shared_file

pytestmark = pytest.mark.xdist_group("paysim")

OVERDRAWN = 42
FOLLOWED = 1_965
FLAGGED = 44
ROUNDINGS = 21_778
"""Adjustments that take the drift of the file's doubles out: one for every other recorded balance or so."""


@pytest.fixture(scope="module")
def rows() -> list[paysim.Row]:
    return list(paysim.rows(shared_file("data/paysim/paysim-100k.csv.gz")))


@pytest.fixture(scope="module")
def played(rows: list[paysim.Row], tmp_path_factory: pytest.TempPathFactory) -> Played:
    return replay(
        paysim.steps(rows), terms=(paysim.TERMS, paysim.OVERDRAFT), folder=tmp_path_factory.mktemp("paysim")
    )


def test_names_map_to_numbers_one_to_one(rows: list[paysim.Row]) -> None:
    names = {name for row in rows for name in (row.origin, row.destination) if paysim.is_account(name)}
    numbers = {paysim.msisdn_of(name) for name in names}
    assert (len(rows), len(names), len(numbers)) == (paysim.ROWS, OVERDRAWN + FOLLOWED, OVERDRAWN + FOLLOWED)
    assert len(paysim.overdrawn(rows)) == OVERDRAWN


def test_every_recorded_balance_comes_out(played: Played, rows: list[paysim.Row]) -> None:
    stated = sum(2 * paysim.is_account(name) for row in rows for name in (row.origin, row.destination))
    assert len(played.numbers) == OVERDRAWN + FOLLOWED
    assert played.commands["OpenContract"] == OVERDRAWN
    assert played.compared == stated
    assert played.differences == []


def test_exactly_the_flagged_overdrafts_are_refused(played: Played, rows: list[paysim.Row]) -> None:
    below = paysim.overdrawn(rows)
    flagged = {row.line for row in rows if row.overdraft and row.origin not in below}
    assert len(flagged) == FLAGGED
    assert {line: outcome.code for line, outcome in played.refused.items()} == dict.fromkeys(
        flagged, "insufficient-credit"
    )


def test_the_drift_is_taken_out_by_so_many_adjustments(played: Played) -> None:
    assert played.commands["AdjustCredit"] == ROUNDINGS
    assert played.commands["IssueStarterPack"] == played.commands["Activate"] == FOLLOWED
