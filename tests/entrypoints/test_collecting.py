"""What the ledger makes is not cyclic: it is gone once it is needed no more, and looking for cycles finds nothing."""

from __future__ import annotations

import gc
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ledger.domain.commands import Command
from ledger.domain.prepaid.commands import ChargeCredit
from tests.failing import failing
from tests.given import ledger_on
from tests.kafka.seen import population
from tests.pages import ROOT


@contextmanager
def _looked_for() -> Iterator[list[int]]:
    """How many objects were left in cycles meanwhile: none was looked for before the end."""
    found: list[int] = []
    gc.collect()
    gc.disable()
    try:
        yield found
        found.append(gc.collect())
    finally:
        gc.enable()


def test_a_process_ends_without_a_word_whatever_it_has_used() -> None:
    code = "from ledger.entrypoints.collecting import collect_rarely; collect_rarely(); import duckdb; duckdb.connect()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout + done.stderr == ""


def test_commands_leave_no_cycles_whatever_becomes_of_them(tmp_path: Path) -> None:
    """In a process of its own: here other tests may have left threads, which leave cycles at any time."""
    code = f"from {__name__} import left_in_cycles; print(left_in_cycles({str(tmp_path)!r}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.split()[-1] == "0"


def left_in_cycles(folder: str) -> int:
    """How many objects commands leave in cycles that are accepted, refused, or fail."""
    commands = population(10, 3)
    last = max(command.at for command in commands)
    refused: list[Command] = [
        ChargeCredit(
            at=last + n, command_id=f"too-much-{n}", msisdn=commands[0].subject, amount=10**14, item="game"
        )
        for n in range(20)
    ]
    with ledger_on(Path(folder) / "log.db") as ledger, failing(lambda asked: asked.command_id.endswith("7")):
        ledger.execute(commands[:40])  # what is imported and parsed once
        with _looked_for() as found:
            codes = {outcome.code for outcome in ledger.execute([*commands, *refused])}
    assert {None, "defect"} < codes
    return found[0]
