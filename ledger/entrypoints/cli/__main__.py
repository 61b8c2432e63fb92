"""Runs `pulsa` as `python -m ledger.entrypoints.cli`."""

from ledger.entrypoints.cli import main

main()
