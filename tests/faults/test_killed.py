"""kill -9 in the middle of an ingest, again and again: nothing acknowledged is lost, and the end is the same."""

from __future__ import annotations

import json
import os
import random
import sqlite3
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from ledger.audit.verification import verify
from ledger.entrypoints.cli import main
from ledger.store.reading import SqliteReader
from tests.bench import population as p
from tests.often import KILLS
from tests.processes import FORKS


def _ingest(log: str, commands: str, outcomes: str) -> None:
    """What `pulsa ingest` does, in a process of its own."""
    os.environ |= {"PULSA_LOG": log, "PULSA_CLOCK": "played"}
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    main(["ingest", commands, "--outcomes", outcomes])


def _commands(folder: Path) -> Path:
    """A file that takes a second or so: calls of forty numbers, and credit sent between them."""
    path = folder / "commands.jsonl"
    lines = [p.json_line(command) for command in p.opening(range(40))]
    for index in range(9_000):
        use = p.usage(index, 40)
        lines.append(p.json_line(use))
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def _acknowledged(outcomes: Path) -> dict[str, Any]:
    """The outcomes that were written out in full, by their line: a torn last one was not."""
    if not outcomes.exists():
        return {}
    whole = outcomes.read_text("utf-8").rpartition("\n")[0]
    return {f"{n}": json.loads(line) for n, line in enumerate(whole.split("\n")) if line}


def _content(log: Path, table: str) -> list[Any]:
    with sqlite3.connect(f"file:{log}?mode=ro", uri=True) as connection:
        return connection.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall()


def test_an_ingest_killed_again_and_again_ends_as_one_that_was_not(
    tmp_path: Path, chance: random.Random
) -> None:
    commands = _commands(tmp_path)
    whole, log = tmp_path / "whole.db", tmp_path / "killed.db"
    run = FORKS.Process(target=_ingest, args=(str(whole), str(commands), str(tmp_path / "whole.jsonl")))
    run.start()
    run.join()
    assert run.exitcode == 0
    expected = _acknowledged(tmp_path / "whole.jsonl")
    size = (tmp_path / "whole.jsonl").stat().st_size

    tried = killed_in_the_middle = 0
    while killed_in_the_middle < KILLS:
        tried += 1
        assert tried < 20 * KILLS, "hardly any was killed before it had ended"
        outcomes = tmp_path / f"{tried}.jsonl"
        process = FORKS.Process(target=_ingest, args=(str(log), str(commands), str(outcomes)))
        process.start()
        _await_size(outcomes, chance.randrange(size), process)
        process.join(timeout=chance.uniform(0.0, 0.05))
        killed_in_the_middle += process.is_alive()
        process.kill()
        process.join()
        _nothing_acknowledged_is_lost(_acknowledged(outcomes), expected, log)

    last = FORKS.Process(target=_ingest, args=(str(log), str(commands), str(tmp_path / "last.jsonl")))
    last.start()
    last.join()
    assert last.exitcode == 0
    assert verify(log).clean
    for table in ("stored_events", "journal", "numbers", "claims"):
        assert _content(log, table) == _content(whole, table), table


def _await_size(outcomes: Path, size: int, process: BaseProcess) -> None:
    """Returns once that much is written out, or the process has ended."""
    while process.is_alive() and (outcomes.stat().st_size if outcomes.exists() else 0) < size:
        process.join(timeout=0.002)


def _nothing_acknowledged_is_lost(acknowledged: dict[str, Any], expected: dict[str, Any], log: Path) -> None:
    if not acknowledged:
        return
    head = _head(log)
    for line, outcome in acknowledged.items():
        before = expected[line]
        assert outcome["events"] == before["events"]
        assert int(outcome["position"].partition(":")[2]) <= head


def _head(log: Path) -> int:
    with SqliteReader(log).snapshot() as log_now:
        return log_now.head
