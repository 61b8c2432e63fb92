"""A bit that is changed anywhere in the log or in a checkpoint is found."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing, suppress
from itertools import product
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from ledger.audit.evidence import verify
from ledger.audit.transparency.chained import chained
from ledger.audit.transparency.note import opened
from ledger.errors import CheckpointInvalid, LogDamaged
from tests.audit.test_checkpoints import SIGNER, TRUSTED, a_round, held, note, reading
from tests.often import often
from tests.projections.histories import a_log


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of more than two tiles."""
    return a_log(tmp_path_factory.mktemp("log") / "log.db")


PADDED = 5
"""Bytes of a note's end that hold its padding: four signs, and the line's end."""
COLUMNS = (
    ("stored_events", "ordinal", ("originator_id", "topic", "state", "digest")),
    ("journal", "entry", ("subject", "command_id", "name", "command_digest", "command", "code", "chain")),
)


@often(25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_bit_changed_anywhere_in_the_log_is_found(
    original: Path, tmp_path: Path, data: st.DataObject
) -> None:
    log = Path(shutil.copy(original, tmp_path / "bits.db"))
    table, number, columns = data.draw(st.sampled_from(COLUMNS))
    column = data.draw(st.sampled_from(columns))
    with closing(sqlite3.connect(log)) as connection:
        held_in = f"length(CAST({column} AS BLOB))>0"
        rows = connection.execute(f"SELECT {number}, {column} FROM {table} WHERE {held_in}").fetchall()
        place, value = data.draw(st.sampled_from(rows))
        content = bytearray(value.encode() if isinstance(value, str) else value)
        content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 6))
        changed_to = content.decode("utf-8", "replace") if isinstance(value, str) else bytes(content)
        with suppress(sqlite3.IntegrityError):
            connection.execute(f"UPDATE {table} SET {column}=? WHERE {number}=?", (changed_to, place))
        connection.commit()
        if connection.total_changes == 0:
            return
    with pytest.raises(LogDamaged), reading(log) as found, chained([found]):
        pass


def test_the_journal_of_a_large_log_is_looked_at_by_a_process_of_its_own(
    original: Path, tmp_path: Path
) -> None:
    log = Path(shutil.copy(original, tmp_path / "large.db"))
    with closing(sqlite3.connect(log)) as connection:
        connection.execute("UPDATE journal SET message='otherwise' WHERE entry=300")
        connection.commit()
    came_to: list[str] = []
    damaged = pytest.raises(LogDamaged, match="the journal entry at 0:300 is not")
    with damaged, reading(log) as found, chained([found], alone_up_to=0):
        came_to.append("the block")
    assert came_to == ["the block"], "it goes on meanwhile"


@pytest.mark.parametrize("tree", ["events-0", "decisions-0", "top"])
def test_every_bit_of_a_checkpoint_is_looked_at(original: Path, tmp_path: Path, tree: str) -> None:
    """Those that pad base64 too (RFC 4648, 3.5); there by the outsider's program as well, which is slow."""
    folder = tmp_path / "checkpoints"
    a_round(original, folder)
    kept = note(folder, tree)
    outsider = verify.key_of(str(SIGNER.verifier))
    opened(kept, TRUSTED)
    verify.checkpoint_of(kept, outsider)
    for at, bit in product(range(len(kept)), range(8)):
        content = bytearray(kept)
        content[at] ^= 1 << bit
        with pytest.raises(CheckpointInvalid):
            opened(bytes(content), TRUSTED)
        if at >= len(kept) - PADDED:
            with pytest.raises(verify.Wrong):
                verify.checkpoint_of(bytes(content), outsider)


@often(60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_bit_changed_anywhere_in_a_checkpoint_is_found(
    original: Path, tmp_path: Path, data: st.DataObject
) -> None:
    folder = tmp_path / "checkpoints"
    if not folder.exists():
        a_round(original, folder)
    content = bytearray(note(folder, data.draw(st.sampled_from(["events-0", "decisions-0", "top"]))))
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(CheckpointInvalid):
        held(original, bytes(content))
