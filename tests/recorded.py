"""What a log's file holds after a story, read by a connection of its own."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

from ledger.domain.calendar import SECOND
from tests.given import Story, at

NOW = at("2023-07-20T12:00:00+07:00")
GRACE = at("2023-08-03T00:00:00+07:00")
TOLERANCE = 5 * SECOND
LOG = "log@0"


def rows(story: Story, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
    """What the log's file holds, read by a connection of its own."""
    with closing(sqlite3.connect(f"file:{story.path}?mode=ro", uri=True)) as connection:
        return connection.execute(statement, parameters).fetchall()


def journal(story: Story) -> list[tuple[str, str, str | None]]:
    """Subject, command id and refusal of every journaled command."""
    return [(row[0], row[1], row[2]) for row in rows(story, "SELECT subject, command_id, code FROM journal")]


def everything(story: Story) -> list[list[tuple[Any, ...]]]:
    """All that the file holds of events, journal, numbers and claims."""
    tables = ("stored_events", "journal", "seals", "numbers", "claims")
    return [rows(story, f"SELECT * FROM {table} ORDER BY 1, 2, 3") for table in tables]
