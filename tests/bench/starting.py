"""How soon it is at work: a verb that does nothing, and a log that is opened; by the time of the processor."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.bench import population as p
from tests.bench.report import Figure, of_pairs

_PASS = [sys.executable, "-c", "pass"]
_PULSA = [sys.executable, "-m", "ledger.entrypoints.cli"]
_ACCOUNTS = 1_000


def starting(folder: Path, runs: int) -> list[Figure]:
    """`pulsa --help`, and opening a log to write to it and closing it, against a Python that does nothing."""
    with p.new_ledger(folder, "opened") as ledger:
        p.open_accounts(ledger, _ACCOUNTS)
    opens = (
        "import sys; from pathlib import Path; from ledger.wiring import composition;"
        "from ledger.wiring.settings import Settings\n"
        "with composition.opened(Settings(log=Path(sys.argv[1]))) as log: log.writer()"
    )
    commands = {
        "`pulsa --help`, whole process": [*_PULSA, "--help"],
        "a process that opens a log to write to it, and closes it": [
            sys.executable,
            "-c",
            opens,
            str(folder / "opened.db"),
        ],
    }
    return [
        *(_process(what, command, runs) for what, command in commands.items()),
        _opened_again(folder, runs),
    ]


def _process(what: str, command: Sequence[str], runs: int) -> Figure:
    for warming in (command, _PASS):
        _milliseconds(warming)
    pairs = [(_milliseconds(command), _milliseconds(_PASS)) for _ in range(runs)]
    return of_pairs(what, "ms of processor", "`python -c pass`", pairs, at_least="report", inverse=True)


def _milliseconds(command: Sequence[str]) -> float:
    """What a process and those that it waited for took of the processor."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return (used.ru_utime + used.ru_stime) * 1000


def _opened_again(folder: Path, runs: int) -> Figure:
    """The same log opened again and again by one process."""

    def ours() -> float:
        begin = time.process_time()
        with p.new_ledger(folder, "opened"):
            pass
        return (time.process_time() - begin) * 1000

    ours()
    times = [ours() for _ in range(runs)]
    what = "opening a log to write to it, in a process that has opened one before"
    return Figure(what, "ms of processor", statistics.median(times))
