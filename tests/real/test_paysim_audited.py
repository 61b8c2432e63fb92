"""The mobile-money records once more: replayed without a difference, and rebuilt as they were projected."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.audit.replaying import replay as replay_log
from ledger.store.reading import SqliteReader
from projections.engine.rebuild import Rebuild
from projections.registry import PROJECTIONS
from tests.projections.projected import database, folded, projected
from tests.real import paysim
from tests.real.replay import replay, terms_of
from tests.shared import shared_file

pytestmark = pytest.mark.chance  # a soak takes all rows


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    steps = paysim.steps(paysim.some(shared_file("data/paysim/paysim-100k.csv.gz")))
    return replay(
        steps, terms=(paysim.TERMS, paysim.OVERDRAFT), folder=tmp_path_factory.mktemp("audited")
    ).log


def test_the_commands_decided_again_give_the_same_events(log: Path) -> None:
    found = replay_log([SqliteReader(log)], terms_of(paysim.TERMS, paysim.OVERDRAFT))
    assert found.commands > paysim.SOME
    assert found.empty


def test_rebuilt_rows_equal_live_ones_and_answers_those_of_the_log(log: Path, tmp_path: Path) -> None:
    with database(tmp_path / "views.db") as opened:
        stored = projected(opened, log)
        assert all(one.equal for one in Rebuild(opened, [SqliteReader(log)], PROJECTIONS).check())
        assert stored.trial_balance(each=True) == folded(log).trial_balance(each=True)
        assert stored.states() == folded(log).states()
