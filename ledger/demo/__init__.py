"""A ledger at work, from an empty folder: `python -m ledger.demo`."""
