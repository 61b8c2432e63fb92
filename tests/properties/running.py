"""Plays a history on a log of its own, and reads back all that the file holds."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ledger.application.ledger import Ledger
from ledger.application.outcomes import Outcome
from ledger.domain.commands import Command
from ledger.domain.events import Event
from tests.given import ledger_on, notifications
from tests.properties.strategies import History

LOG = ("stored_events", "journal")
DERIVED = ("numbers", "claims")

_MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
"""A file system in memory, where there is one: some thousand logs are made here."""


@contextmanager
def log_of(history: History) -> Iterator[tuple[Ledger, Path]]:
    """A ledger on an empty log with the history's terms."""
    with TemporaryDirectory(dir=_MEMORY) as folder:
        path = Path(folder) / "log.db"
        with ledger_on(path, history.terms) as ledger:
            yield ledger, path


def one_by_one(ledger: Ledger, commands: Sequence[Command]) -> list[Outcome]:
    """Every command as a batch of its own."""
    return [ledger.execute([command])[0] for command in commands]


def rows(path: Path, *tables: str) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of tables, in the order of their first columns."""
    with closing(sqlite3.connect(path)) as connection:
        return {name: connection.execute(f"SELECT * FROM {name} ORDER BY 1, 2").fetchall() for name in tables}


def events_of(ledger: Ledger) -> list[Event]:
    """Every event of the log, in its order."""
    found: list[Any] = [ledger.mapper.to_domain_event(stored) for stored in notifications(ledger)]
    return found
