"""`pulsa`, the command line: one verb for each command, files of commands, and the questions."""

from ledger.entrypoints.cli.app import app, main

__all__ = ["app", "main"]
