"""A log that tests of damage change, each a copy of its own."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from ledger.audit.verification import verify
from ledger.domain.line.commands import Block, RecordUsage
from ledger.domain.partition.commands import CloseThrough
from ledger.domain.prepaid.commands import AdjustCredit, ChargeCredit, ReserveCredit, TransferCredit
from tests.given import NUMBER, OTHER, THIRD, Story, rupiah
from tests.store.damaged import BEGIN, DAY, LOG


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
