"""The journal of a log, read and checked: what was decided of every command.

Raises LogDamaged where an entry, or an event that it names, is not what its digest names, or is missing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from ledger.application.journal import NO_CHAIN, journal_digest
from ledger.application.outcomes import EventReference
from ledger.errors import LogDamaged
from ledger.store.checked import ENTRY_COLUMNS, last_seal, must_follow, references
from ledger.store.layout import intelligible, principal_column

if TYPE_CHECKING:
    from eventsourcing.sqlite import SQLiteCursor

_EVERY = "SELECT {columns}, entry FROM journal WHERE entry>0 ORDER BY entry{direction}"
_OF_ONE = "SELECT {columns}, entry FROM journal WHERE subject=? ORDER BY entry"


class Decided(NamedTuple):
    """A decided command as the journal has it: its name, and its outcome. `code` is None where it was accepted.

    `at` is the instant that it was taken at, `ordinal` the log's head once it was done, `events` are its own.
    """

    entry: int
    subject: str
    command_id: str
    name: str
    at: int
    code: str | None
    message: str | None
    ordinal: int
    events: tuple[EventReference, ...]
    principal: str | None


class Decisions:
    """The decided commands of a log as it stood at a moment; `place` is the file."""

    def __init__(self, connection: sqlite3.Connection, place: str, partition: int) -> None:
        self._connection = connection
        self._place = place
        self._partition = partition

    def of(self, subject: str) -> Iterator[Decided]:
        """What was decided of a number, in order."""
        for row in self._rows(subject):
            yield self._decided(row)

    def one(self, subject: str, command_id: str) -> Decided | None:
        """What was decided of one command. That there is none is said of a journal that is whole."""
        found = [row for row in self._rows(subject) if row[1] == command_id]
        return self._decided(found[0]) if found else None

    def every(self, *, last_first: bool = False) -> Iterator[Decided]:
        """What was decided of all numbers, in order or the last first: none is missing, the last sealed included.

        Only what is taken is read.
        """
        cursor = cast("SQLiteCursor", self._connection.cursor())
        with intelligible(self._place):
            columns = ENTRY_COLUMNS.replace("principal", principal_column(self._connection))
            (end,) = self._connection.execute("SELECT ifnull(max(entry), 0) FROM journal").fetchone()
            entries = range(1, max(end, last_seal(cursor).entries) + 1)
            direction = " DESC" if last_first else ""
            rows = self._connection.execute(_EVERY.format(columns=columns, direction=direction))
            for entry in reversed(entries) if last_first else entries:
                row = rows.fetchone()
                if row is None or row[-1] != entry:
                    raise LogDamaged(f"{self._place}: the journal entry {self._partition}:{entry} is missing")
                must_follow(cursor, self._place, entry, row[:-1])
                yield self._decided(row)

    def _rows(self, subject: str) -> Iterator[tuple[Any, ...]]:
        """The entries of a number, each after the one before; the last is the one that the number names."""
        before = NO_CHAIN
        with intelligible(self._place):
            columns = ENTRY_COLUMNS.replace("principal", principal_column(self._connection))
            statement = _OF_ONE.format(columns=columns)
            for row in self._connection.execute(statement, (subject,)):
                try:
                    sound = journal_digest(before, row[:-1]) == row[11]
                except TypeError:  # a value of another kind
                    sound = False
                if not sound:
                    raise LogDamaged(
                        f"{self._place}: the journal entry {self._partition}:{row[-1]} is not what its digest names"
                    )
                before = row[11]
                yield row
            named = self._connection.execute(
                "SELECT chain FROM numbers WHERE msisdn=?", (subject,)
            ).fetchone()
            if (NO_CHAIN if named is None else named[0]) != before:
                raise LogDamaged(
                    f"{self._place}: the last journal entry of {subject} is not the one that it names"
                )

    def _decided(self, row: tuple[Any, ...]) -> Decided:
        subject, command_id, name, _, _, at, code, message, ordinal, first, count, _, principal, entry = row
        with intelligible(self._place):
            own = references(cast("SQLiteCursor", self._connection.cursor()), self._place, first, count)
        return Decided(entry, subject, command_id, name, at, code, message, ordinal, own, principal)
