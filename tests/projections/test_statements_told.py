"""What is told of statements: how far each is, as known then; and the same rows live and rebuilt."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.domain.calendar import DAY
from ledger.errors import QueryRefused
from ledger.store.reading import SqliteReader
from projections.engine.rebuild import Rebuild
from projections.registry import PROJECTIONS
from tests.projections import contract_histories, statement_histories
from tests.projections.projected import contents, database, projected

BEGIN = contract_histories.BEGIN
NOW = BEGIN + 30 * DAY


def test_statements_are_told_as_known_then_and_rebuilt_alike(tmp_path: Path) -> None:
    log = tmp_path / "log.db"
    commands = statement_histories.commands(NOW)
    told = contract_histories.play(log, commands, size=3)
    assert set(told.values()) == {"accepted"}
    with database(tmp_path / "views.db") as opened:
        ask = projected(opened, log, size=3)
        found = ask.statements().rows
        assert [(one.state, one.lines, one.total, one.findings, one.open) for one in found] == [
            ("signed-off", 2, 50_000, 1, 0),
            ("reconciled", 2, 50_000, 1, 2),
            ("open", 0, 0, 0, None),
        ]
        (early,) = ask.statements(known_at=NOW + 1).rows
        assert (early.state, early.lines) == ("open", 2)
        with pytest.raises(QueryRefused):
            ask.statements(known_at=NOW - 1)
        assert all(one.equal for one in Rebuild(opened, [SqliteReader(log)], PROJECTIONS).check())
        before = contents(opened)
        Rebuild(opened, [SqliteReader(log)], PROJECTIONS).swap()
        assert contents(opened) == before
