"""`pulsa doctor`: what is wrong, and which page of the runbook says what to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ledger.entrypoints.cli import shell
from ledger.entrypoints.cli.options import wall_clock
from ledger.entrypoints.cli.output import AsJson, folded_below, say, say_json

if TYPE_CHECKING:
    from ledger.wiring.settings import Settings

_MARKS = {"well": "well", "wrong": "WRONG", "unknown": "unknown", "not used": "-"}


def doctor(read: Callable[[], Settings], as_json: AsJson = False) -> int:
    """Look at settings, log, broker, registry, projections, terms and clock: what is wrong, and what helps.

    Exit code 0: all is well; 1: something is wrong; 2: something could not be looked at.
    """
    from ledger.entrypoints.examination import examine  # slow to import

    verdicts = set()
    for found in examine(read, wall_clock):
        verdicts.add(found.verdict)
        if as_json:
            say_json(found.to_json())
            continue
        code = "" if found.code is None else f"{found.code}: "
        begins = f"{_MARKS[found.verdict]:<8} {found.check:<12} "
        page = "" if found.page is None else f". What to do: {found.page}"
        for line in folded_below(begins, f"{code}{found.message}{page}"):
            say(line)
    if "wrong" in verdicts:
        return shell.REFUSED
    return shell.FAILED if "unknown" in verdicts else shell.DONE
