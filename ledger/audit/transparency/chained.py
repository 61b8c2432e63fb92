"""Whether the log's rows are what their digests name: the trees hold digests, and chains bind what was said to them."""

from __future__ import annotations

import signal
import sqlite3
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from multiprocessing import get_context
from typing import Any

from ledger.application.journal import NO_CHAIN, journal_digest, journal_digests
from ledger.audit.transparency.leaves import DECISIONS, EVENTS
from ledger.errors import LogDamaged
from ledger.store.chains import EVENT_COLUMNS, Chains, EventRow
from ledger.store.checked import ENTRY_COLUMNS
from ledger.store.layout import intelligible, principal_column
from ledger.store.reading import SqliteReader, SqliteSnapshot

_AT_ONCE = 20_000
_REMEMBERED = 200_000
"""Subjects whose last digest is remembered; of others it is looked up."""
_CHAIN = 11
"""Where the digest stands among an entry's columns."""


@contextmanager
def chained(logs: Sequence[SqliteSnapshot], *, alone_up_to: int = 200_000) -> Iterator[None]:
    """Raises LogDamaged at the first event or journal entry that is not what its digest names, in the end at latest.

    Journals of more entries than `alone_up_to` are read by a process of its own, also while the block goes on.
    """
    journals = [(log.path, log.partition, DECISIONS.count(log)) for log in logs]
    with ExitStack() as stack:
        beside: list[Future[None]] = []
        if sum(count for _, _, count in journals) > alone_up_to:
            another = stack.enter_context(_another())
            beside = [another.submit(_journal_of, *one) for one in journals]
        for log, (_, _, count) in zip(logs, journals, strict=True):
            _events_chained(log)
            if not beside:
                _journal_chained(log, count)
        yield
        for one in beside:
            one.result()


def _another() -> ProcessPoolExecutor:
    """Another process, which ends with this one, and is not what whoever waits interrupts."""
    own = get_context("spawn")
    return ProcessPoolExecutor(
        1, mp_context=own, initializer=signal.signal, initargs=(signal.SIGINT, signal.SIG_IGN)
    )


def _events_chained(log: SqliteSnapshot) -> None:
    chains, known = Chains(log.connection, log.path, log.partition), dict[str, bytes]()
    with intelligible(log.path):
        for start in range(1, EVENTS.count(log) + 1, _AT_ONCE):
            chains.by_type(partial(_events, log.connection, start), start, known)


def _journal_of(path: str, partition: int, count: int) -> None:
    """The same by another process, of what the log had when it was asked: entries are never changed."""
    with SqliteReader(path, partition, mirrored=True).snapshot() as log:
        _journal_chained(log, count)


def _events(connection: sqlite3.Connection, start: int) -> list[EventRow]:
    statement = f"SELECT {EVENT_COLUMNS} FROM stored_events WHERE ordinal>=? AND ordinal<? ORDER BY ordinal"  # noqa: S608
    return connection.execute(statement, (start, start + _AT_ONCE)).fetchall()


def _journal_chained(log: SqliteSnapshot, count: int) -> None:
    """So many entries, some thousand at once; one by one where something is wrong, to name it."""
    columns = ENTRY_COLUMNS.replace("principal", principal_column(log.connection))
    statement = f"SELECT entry, {columns} FROM journal WHERE entry<=? ORDER BY entry"  # noqa: S608 - columns of ours
    with intelligible(log.path):
        _all_chained(log, log.connection.execute(statement, (count,)))


def _all_chained(log: SqliteSnapshot, rows: sqlite3.Cursor) -> None:
    known: dict[str, bytes] = {}
    start = 0
    while some := rows.fetchmany(_AT_ONCE):
        before = dict(known)
        try:
            sound = _all_sound(log.connection, some, start, known)
        except (TypeError, ValueError, AttributeError):  # a value of another kind
            sound = False
        if not sound:
            _one_by_one(log, some, start, before)
        start += len(some)


def _all_sound(
    connection: sqlite3.Connection, rows: list[tuple[Any, ...]], start: int, known: dict[str, bytes]
) -> bool:
    befores: list[bytes] = []
    last_of, append = known.get, befores.append
    for row in rows:
        subject = row[1]
        before = last_of(subject)
        append(_before(connection, subject, row[0]) if before is None else before)
        if before is None and len(known) >= _REMEMBERED:
            known.clear()
        known[subject] = row[_CHAIN + 1]
    made = journal_digests(befores, rows)
    whole = [row[0] for row in rows] == [*range(start + 1, start + 1 + len(rows))]
    return whole and made == [row[_CHAIN + 1] for row in rows]


def _one_by_one(
    log: SqliteSnapshot, rows: list[tuple[Any, ...]], start: int, known: dict[str, bytes]
) -> None:
    for index, (entry, *row) in enumerate(rows, start):
        subject = row[0]
        try:
            before = known.get(subject)
            if before is None:
                before = _before(log.connection, subject, entry)
            sound = entry == index + 1 and journal_digest(before, row) == row[_CHAIN]
        except (TypeError, ValueError, AttributeError):  # a value of another kind
            sound = False
        if not sound:
            raise LogDamaged(f"{DECISIONS.place(log, index)} is not what its digest names")
        if len(known) >= _REMEMBERED:
            known.clear()
        known[subject] = row[_CHAIN]


def _before(connection: sqlite3.Connection, subject: str, entry: int) -> bytes:
    statement = "SELECT chain FROM journal WHERE subject=? AND entry<? ORDER BY entry DESC LIMIT 1"
    found: Any = connection.execute(statement, (subject, entry)).fetchone()
    return NO_CHAIN if found is None else bytes(found[0])
