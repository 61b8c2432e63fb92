"""What a writer reads of its log before it decides on it: each row is held against the digests that name it.

Raises LogDamaged, which says where; `place` is the file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from ledger.application.journal import (
    NO_CHAIN,
    JournalEntry,
    SubjectHead,
    event_digest,
    journal_digest,
    seal_digest,
)
from ledger.application.outcomes import EventReference
from ledger.domain.ids import TERMS, account_of, subject_of
from ledger.errors import LogDamaged
from ledger.store.chains import EVENT_COLUMNS, follows

if TYPE_CHECKING:
    from eventsourcing.sqlite import SQLiteCursor

_REFUSAL_AND_PRINCIPAL = itemgetter(6, 7, 12)
_ALL_BUT_REFUSAL_AND_PRINCIPAL = itemgetter(0, 1, 2, 3, 4, 5, 8, 9, 10, 11)
ENTRY_COLUMNS = (
    "subject, command_id, name, command_digest, command, at, code, message, ordinal, first_event, event_count,"
    " chain, principal"
)
"""The columns of a journal row, its digest (`chain`) among them, as a `JournalEntry` has them."""


_CHAIN = JournalEntry._fields.index("chain")


class End(NamedTuple):
    """The end of a log, by its last seal: how many events and journal entries it has, and the digest over them all."""

    seal: int = 0
    events: int = 0
    entries: int = 0
    digest: bytes = NO_CHAIN


_LAST_SEALS = "SELECT seal, events, entries, digest FROM seals ORDER BY seal DESC LIMIT ?"


def last_seal(cursor: SQLiteCursor) -> End:
    """The end as the last seal says it is."""
    cursor.execute(_LAST_SEALS, (1,))
    row = cursor.fetchone()
    return End() if row is None else End(*row)


def end_of(cursor: SQLiteCursor, place: str) -> End:
    """The end of a log; its last seal is that of what the last transaction wrote, and nothing stands beyond it."""
    cursor.execute(_LAST_SEALS, (2,))
    last, before = [*(End(*row) for row in cursor.fetchall()), End(), End()][:2]
    cursor.execute(
        "SELECT ifnull(max(ordinal), 0), (SELECT ifnull(max(entry), 0) FROM journal) FROM stored_events"
    )
    if tuple(cursor.fetchone()) != (last.events, last.entries):
        raise LogDamaged(f"{place}: its end is not the one that was sealed")
    if last.seal:
        cursor.execute(
            "SELECT digest FROM stored_events WHERE ordinal>? AND ordinal<=? ORDER BY ordinal",
            (before.events, last.events),
        )
        events = [row[0] for row in cursor.fetchall()]
        cursor.execute(
            "SELECT chain FROM journal WHERE entry>? AND entry<=? ORDER BY entry",
            (before.entries, last.entries),
        )
        entries = [row[0] for row in cursor.fetchall()]
        try:
            sound = seal_digest(before.digest, events, entries) == last.digest
        except TypeError:  # a value of another kind
            sound = False
        if not sound:
            raise LogDamaged(f"{place}: seal {last.seal} is not that of what was written last")
    return last


def in_one_chain(
    place: str, name: str, before: bytes, rows: Sequence[tuple[int, str, bytes, bytes]]
) -> bytes:
    """The last digest of events (version, type, state, digest) that follow one another from a digest on."""
    following = rows[0][0] if rows else 0
    for version, topic, state, digest in rows:
        try:
            sound = version == following and event_digest(before, topic, state) == digest
        except (TypeError, AttributeError):  # a value of another kind
            sound = False
        if not sound:
            raise LogDamaged(f"{place}: {name}/{version} is not what its digest names")
        before = digest
        following += 1
    return before


def must_follow(cursor: SQLiteCursor, place: str, entry: int, row: Sequence[Any]) -> None:
    """Raises LogDamaged unless a journal entry (`ENTRY_COLUMNS`) is what its digest names."""
    cursor.execute(
        "SELECT chain FROM journal WHERE subject=? AND entry<? ORDER BY entry DESC LIMIT 1", (row[0], entry)
    )
    found = cursor.fetchone()
    try:
        sound = journal_digest(NO_CHAIN if found is None else found[0], row) == row[_CHAIN]
    except TypeError:  # a value of another kind
        sound = False
    if not sound:
        raise LogDamaged(f"{place}: the journal's entry {entry} is not what its digest names")


def references(cursor: SQLiteCursor, place: str, first: int, count: int) -> tuple[EventReference, ...]:
    """The events from an ordinal on that a journal entry names as its own."""
    if not count:
        return ()
    cursor.execute(
        "SELECT e.ordinal, e.originator_id, e.originator_version, e.topic, e.state, e.digest, b.digest"
        " FROM stored_events AS e LEFT JOIN stored_events AS b ON b.originator_id=e.originator_id"
        " AND b.originator_version=e.originator_version-1 WHERE e.ordinal>=? AND e.ordinal<? ORDER BY e.ordinal",
        (first, first + count),
    )
    found = [tuple(row) for row in cursor.fetchall()]
    for expected, row in enumerate(found, first):
        if row[0] != expected or not follows(row[6] or NO_CHAIN, row[:6]):
            raise LogDamaged(f"{place}: the event at ordinal {expected} is not what its digest names")
    if len(found) != count:
        raise LogDamaged(f"{place}: the event at ordinal {first + len(found)} is missing")
    return tuple([EventReference(row[3], row[1], row[2]) for row in found])


def head_of(cursor: SQLiteCursor, place: str, subject: str) -> SubjectHead | None:
    """Where a subject stands (None: nothing was recorded of it).

    It has as many events as were recorded of it, and its last journal entry is there.
    """
    cursor.execute("SELECT due_at, chain, events FROM numbers WHERE msisdn=?", (subject,))
    row = cursor.fetchone()
    due_at, chain, events = row or (None, NO_CHAIN, 0)
    cursor.execute("SELECT chain FROM journal WHERE subject=? ORDER BY entry DESC LIMIT 1", (subject,))
    last = cursor.fetchone()
    if chain != (NO_CHAIN if last is None else last[0]):
        raise LogDamaged(f"{place}: the last journal entry of {subject} is not the one that it names")
    if _events_of(cursor, subject) != events:
        raise LogDamaged(f"{place}: {subject} has not the events that were recorded of it")
    return None if row is None else SubjectHead(subject, due_at, chain)


def _events_of(cursor: SQLiteCursor, subject: str) -> int:
    """How many events a subject has, those of its accounts included: the last version of each says it."""
    events, generation = _last_version(cursor, subject), 1
    while last := _last_version(cursor, account_of(subject, generation)):
        events += last
        generation += 1
    return events


def _last_version(cursor: SQLiteCursor, id_: str) -> int:
    cursor.execute("SELECT max(originator_version) FROM stored_events WHERE originator_id=?", (id_,))
    last = cursor.fetchone()[0]
    return last if type(last) is int else 0  # a value of another kind


def published(cursor: SQLiteCursor, place: str) -> list[bytes]:
    """The records of all terms that the log has published."""
    cursor.execute(
        f"SELECT {EVENT_COLUMNS} FROM stored_events"  # noqa: S608 - columns
        " WHERE originator_id>=? AND originator_id<? ORDER BY ordinal",
        TERMS,
    )
    rows = [tuple(row) for row in cursor.fetchall()]
    for row in rows:
        if row[3] != "ledger.log.TermsPublished" or not follows(NO_CHAIN, row):
            raise LogDamaged(f"{place}: the event at ordinal {row[0]} is not what its digest names")
    cursor.execute("SELECT count(*) FROM numbers WHERE msisdn>=? AND msisdn<?", TERMS)
    if cursor.fetchone()[0] != len(rows):
        raise LogDamaged(f"{place}: terms that were published are missing")
    return [row[4] for row in rows]


def events_by_subject(rows: Iterable[tuple[Any, ...]]) -> Counter[str]:
    """How many of some events' rows each subject has, those of its accounts included."""
    return Counter([subject_of(row[1]) for row in rows])


def add_entries(cursor: SQLiteCursor, journal: Iterable[JournalEntry]) -> None:
    """Writes entries in their order."""
    for said, entries in groupby(journal, _REFUSAL_AND_PRINCIPAL):
        if said == (None, None, None):  # as a rule; sqlite3 takes long to hand over what is None
            cursor.executemany(
                "INSERT INTO journal VALUES (NULL,?,?,?,?,?,?,NULL,NULL,?,?,?,?,NULL)",
                list(map(_ALL_BUT_REFUSAL_AND_PRINCIPAL, entries)),
            )
        else:
            cursor.executemany("INSERT INTO journal VALUES (NULL,?,?,?,?,?,?,?,?,?,?,?,?,?)", list(entries))


def add_events(cursor: SQLiteCursor, counts: Counter[str]) -> None:
    """Counts events with those that the subjects have already."""
    if counts:
        cursor.executemany(
            "INSERT INTO numbers VALUES (?,NULL,zeroblob(32),?) ON CONFLICT (msisdn)"
            " DO UPDATE SET events=events+excluded.events",
            counts.items(),
        )
