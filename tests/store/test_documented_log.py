"""What `docs/embedded-log.md` says of a log's file is so."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest

from ledger.domain.prepaid.commands import TopUp
from tests.given import NUMBER, START, Story, at, rupiah
from tests.projections.histories import a_log

DOCUMENT = Path(__file__).parents[2] / "docs" / "embedded-log.md"


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log with every event there is, at rest."""
    return a_log(tmp_path_factory.mktemp("log") / "log.db")


def test_the_documented_example_reads_a_log(story: Story, tmp_path: Path) -> None:
    story.given_active(credit=rupiah(5000))
    story.given(TopUp, at(START) + 1, credit=rupiah(10_000))
    story.path.replace(tmp_path / "pulsa.db")
    Path(f"{story.path}-wal").replace(tmp_path / "pulsa.db-wal")
    example = DOCUMENT.read_text().partition("```python\n")[2].partition("```")[0]
    run = subprocess.run(
        [sys.executable, "-c", example], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    lines = run.stdout.splitlines()
    assert lines[3] == f"4 ledger.prepaid.Activated {NUMBER}#1 2 2023-07-03T03:00:00+00:00"
    assert lines[5:] == [
        f"{NUMBER}#1/credit PULSA 15000.0",
        "operator/cash IDR 10000.0",
        "operator/credit-issued PULSA -15000.0",
        "operator/credit-sales IDR -10000.0",
    ]


def test_the_documented_digests_are_those_of_the_log(log: Path) -> None:
    with closing(sqlite3.connect(log)) as connection:
        before: dict[str, bytes] = {}
        events = connection.execute(
            "SELECT originator_id, topic, state, digest FROM stored_events ORDER BY ordinal"
        )
        digests = []
        for account, topic, state, digest in events:
            assert sha256(before.get(account, bytes(32)) + topic.encode() + state).digest() == digest
            before[account] = digest
            digests.append(digest)
        chains = []
        for row in connection.execute(
            "SELECT subject, command_id, name, at, code, message, ordinal, first_event, event_count,"
            " command_digest, command, chain, principal FROM journal ORDER BY entry"
        ):
            *texts, command_digest, command, chain, principal = row
            if principal is not None:
                texts.append(principal)
            text = "".join(f"{value}\n" for value in texts).encode()
            subject = row[0]
            start = before.get(f"journal of {subject}", bytes(32))
            assert sha256(start + text + command_digest + command).digest() == chain
            before[f"journal of {subject}"] = chain
            chains.append(chain)
            stated = (
                9 if command[8] == 0 else 9 + next(n for n, byte in enumerate(command[9:], 1) if byte < 128)
            )
            named = b"ledger.command." + row[2].encode() + command[:8] + command[stated:]
            assert sha256(named).digest() == command_digest
        last, done = bytes(32), (0, 0)
        for count, entries, digest in connection.execute(
            "SELECT events, entries, digest FROM seals ORDER BY seal"
        ):
            new = b"".join(digests[done[0] : count]) + b"|" + b"".join(chains[done[1] : entries])
            last, done = sha256(last + new).digest(), (count, entries)
            assert last == digest
        assert done == (len(digests), len(chains))


def test_the_documented_tables_and_columns_are_those_of_the_log(log: Path) -> None:
    text = DOCUMENT.read_text()
    with closing(sqlite3.connect(log)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type='table'")]
        for table in tables:
            row = next(line for line in text.splitlines() if line.startswith(f"| `{table}`"))
            if table not in {"meta", "stored_snapshots"}:
                for _, column, *_ in connection.execute(f"PRAGMA table_info({table})"):
                    assert f"`{column}`" in row, (table, column)
