"""`pulsa`, the command line: one verb for each command, files of commands, and the questions."""

from __future__ import annotations

from collections.abc import Sequence

from ledger.entrypoints.collecting import collect_rarely


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs `pulsa`; ends the process with its exit code."""
    collect_rarely()  # before the imports: looking for cycles meanwhile would be a sixth of a short command
    from ledger.entrypoints.cli.app import app

    app(arguments, prog_name="pulsa")
