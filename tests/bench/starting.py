"""How soon it is at work: whole processes, from help to answers, and opening a log; by the time of the processor."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from ledger.domain.calendar import format_instant
from ledger.simulation import LAPSING, end_of, simulate
from tests.bench import population as p
from tests.bench.report import Figure, of_pairs

_PASS = [sys.executable, "-c", "pass"]
_PULSA = [sys.executable, "-m", "ledger.entrypoints.cli"]
_ACCOUNTS = 1_000
_COMPLETING = {"_PULSA_COMPLETE": "complete_bash", "COMP_WORDS": "pulsa number h", "COMP_CWORD": "2"}
_QUESTIONS = {
    "`pulsa enquiry` of a number": (("enquiry", LAPSING), 500),
    "`pulsa why` of a number": (("why", LAPSING), 500),
    "`pulsa balance` of a number's account": (("balance", f"{LAPSING}#1/credit"), 500),
    "`pulsa log events -n 1`": (("log", "events", "-n", "1"), 400),
    "`pulsa log journal -n 1`": (("log", "journal", "-n", "1"), 400),
    "`pulsa balance` of an operator's account": (("balance", "operator/breakage"), 500),
    "`pulsa number timeline`": (("number", "timeline", LAPSING), 500),
    "`pulsa number show`": (("number", "show", LAPSING), 500),
    "`pulsa number history`": (("number", "history", LAPSING), 500),
    "`pulsa usage show` of a number": (("usage", "show", LAPSING), 500),
    "`pulsa bill list` of a number": (("bill", "list", LAPSING), 500),
    "`pulsa payment list` of a number": (("payment", "list", LAPSING), 500),
    "`pulsa report movements` of a number's account": (("report", "movements", f"{LAPSING}#1/credit"), 500),
    "`pulsa report states`, projections there": (("report", "states"), 800),
    "`pulsa report trial-balance`, projections there": (("report", "trial-balance"), 800),
}
"""What is asked, and in how many milliseconds it should be answered. Those of projections find them up to date."""
_AT_ONCE = 200
"""Milliseconds that help and completion may take."""
_TAKEN = (0, 1)
"""The exit codes of files that were taken in, some records of which were refused."""


def starting(folder: Path, runs: int, subscribers: int, months: int) -> list[Figure]:
    """Help, completion, questions to a population's log, an export; and a log opened to write to it."""
    with p.new_ledger(folder, "opened") as ledger:
        p.open_accounts(ledger, _ACCOUNTS)
    opens = (
        "import sys; from pathlib import Path; from ledger.wiring import composition;"
        "from ledger.wiring.settings import Settings\n"
        "with composition.opened(Settings(log=Path(sys.argv[1]))) as log: log.writer()"
    )
    opening = [sys.executable, "-c", opens, str(folder / "opened.db")]
    asking = _population(folder, subscribers, months)
    exported = ("data", "export", "csv", "--overwrite", "--out", str(folder / "exported.csv"))
    return [
        _process("`pulsa --help`", [*_PULSA, "--help"], runs, most=_AT_ONCE),
        _process("completing a word", _PULSA, runs, _COMPLETING, most=_AT_ONCE),
        *(
            _process(what, [*_PULSA, *words], runs, asking, most=most)
            for what, (words, most) in _QUESTIONS.items()
        ),
        _process("`pulsa data export` of every posting", [*_PULSA, *exported], min(runs, 3), asking),
        _process("a log opened to write to it, and closed", opening, runs),
        _opened_again(folder, runs),
    ]


def _population(folder: Path, subscribers: int, months: int) -> dict[str, str]:
    """Plays a population into a log, as `make demo` does; returns the environment to ask it in."""
    asking = {
        "PULSA_LOG": str(folder / "population.db"),
        "PULSA_NOW": format_instant(end_of(months)),
        "PULSA_CLOCK": "played",
    }
    files = map(str, simulate(subscribers, months, 1, folder / "records"))
    taken = subprocess.run(
        [*_PULSA, "ingest", *files], capture_output=True, env=os.environ | asking, check=False
    )
    if taken.returncode not in _TAKEN:
        raise subprocess.CalledProcessError(taken.returncode, taken.args, stderr=taken.stderr)
    return asking


def _process(
    what: str,
    command: Sequence[str],
    runs: int,
    environment: Mapping[str, str] | None = None,
    *,
    most: int | None = None,
) -> Figure:
    if runs > 1:
        for warming in (command, _PASS):
            _milliseconds(warming, environment)
    pairs = [(_milliseconds(command, environment), _milliseconds(_PASS)) for _ in range(runs)]
    at_least = "report" if most is None else f"< {most}"
    return of_pairs(what, "ms of processor", "`python -c pass`", pairs, at_least=at_least, inverse=True)


def _milliseconds(command: Sequence[str], environment: Mapping[str, str] | None = None) -> float:
    """What a process and those that it waited for took of the processor."""
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ | (environment or {})
    )
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
