"""The embedded log: one SQLite file (WAL, synchronous FULL), as a persistence module of `eventsourcing`.

Select it by PERSISTENCE_MODULE=ledger.store.sqlite. Events, their digests, the journal and what is derived from them
are written in one transaction. One process writes; any number read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, cast
from uuid import UUID

import eventsourcing.sqlite as library
from eventsourcing.persistence import ApplicationRecorder, Notification, StoredEvent

from ledger.application.journal import (
    NO_CHAIN,
    Claim,
    History,
    JournalEntry,
    SubjectHead,
    event_digest,
    seal_digest,
)
from ledger.domain.ids import log_of
from ledger.errors import LedgerError, LogDamaged, WriterFenced
from ledger.store.checked import (
    End,
    add_entries,
    add_events,
    end_of,
    events_by_subject,
    head_of,
    in_one_chain,
    last_seal,
)
from ledger.store.connections import Datastore, is_file
from ledger.store.gathering import histories
from ledger.store.last_digests import LastDigests
from ledger.store.layout import CREATE, intelligible, prepare, reported
from ledger.store.lock import WriterLock
from ledger.store.making import make
from ledger.store.reading_recorder import ReadingRecorder
from ledger.store.snapshots import Snapshots

_KEYS_AT_ONCE = 100
_BEFORE, _LAST = -1, 2**62
"""Versions and ordinals between which everything is."""


class Recorder(ReadingRecorder):
    """Events with ordinals without gaps, each with the digest that chains it to its account's event before."""

    partitions = 1
    ids: str | None = None
    awaits_answers = False
    overtaken: type[LedgerError] = WriterFenced
    """What it is where another has written to the file."""

    def __init__(self, datastore: library.SQLiteDatastore, events_table_name: str = "stored_events") -> None:
        super().__init__(datastore, events_table_name)
        self.guard: Callable[[], None] = lambda: None
        """Raises where the file is no longer this writer's."""
        self._end: End | None = None
        self.insert_events_statement = f"INSERT INTO {events_table_name} VALUES (?,?,?,?,?,?)"  # noqa: S608
        self._digests = LastDigests()

    def construct_create_table_statements(self) -> list[str]:
        """The tables of a log (`ledger/store/layout.py`)."""
        return list(CREATE)

    def create_table(self) -> None:
        """Makes the tables of a new log, or checks the format of one that is there. Raises LedgerError."""
        with intelligible(self.datastore.pool.db_name), self.datastore.transaction(commit=True) as cursor:
            prepare(cursor, self.create_table_statements)

    def insert_events(
        self,
        stored_events: Sequence[StoredEvent],
        *,
        journal: Sequence[JournalEntry] = (),
        heads: Sequence[SubjectHead] = (),
        claims: Sequence[Claim] = (),
        **others: Any,  # noqa: ANN401 - the library hands on what it is given
    ) -> Sequence[int] | None:
        """Writes events, journal and what is derived in one transaction.

        Returns the events' ordinals. Raises the library's IntegrityError where a version is there already, WriterFenced
        where the log no longer ends where it did when it was recalled or written to last, and LogFull or LogUnreadable
        where the file cannot be written.
        """
        fresh: dict[str, tuple[int, bytes]] = {}
        with reported(self.datastore.pool.db_name), self.datastore.transaction(commit=True) as cursor:
            last = self._must_be_at_its_end(cursor)
            first = last.events + 1
            rows = list(self._rows(cursor, first, stored_events, fresh))
            self._send(rows, journal, heads, **others)
            if rows:
                cursor.executemany(self.insert_events_statement, rows)
            add_entries(cursor, journal)
            counts = events_by_subject(rows)
            if heads:
                cursor.executemany(
                    "INSERT INTO numbers VALUES (?,?,?,?) ON CONFLICT (msisdn) DO UPDATE"
                    " SET due_at=excluded.due_at, chain=excluded.chain, events=events+excluded.events",
                    [(*head, counts.pop(head.subject, 0)) for head in heads],
                )
            add_events(cursor, counts)
            if claims:
                cursor.executemany("INSERT INTO claims VALUES (?,?,?)", claims)
            end = self._seal(cursor, last, [row[5] for row in rows], journal)
            self._settle(cursor)
        if self._end is not None:
            self._end = end
        self._digests.take(fresh)
        return list(range(first, first + len(rows)))

    def recall(self) -> int:
        """From here on nothing is written unless the log still ends where it does now, or where this has written last.

        Returns the ordinal of the last event. Raises LogDamaged where the end is not the one that was sealed.
        """
        self._digests.clear()
        with self._reading() as cursor:
            place = self.datastore.pool.db_name
            self._end = end_of(cursor, place)
            head_of(cursor, place, log_of(self.partition))
        return self._end.events

    def _must_be_at_its_end(self, cursor: library.SQLiteCursor) -> End:
        """What the last seal says, within the transaction that goes on from there."""
        self.guard()
        last = last_seal(cursor)
        if self._end is not None and last != self._end:
            message = "something was written that this writer did not write; it wrote nothing of its own"
            raise self.overtaken(f"{self.datastore.pool.db_name}: {message}")
        return last

    def _send(
        self,
        rows: Sequence[tuple[Any, ...]],
        journal: Sequence[JournalEntry],
        heads: Sequence[SubjectHead],
        **others: Any,  # noqa: ANN401 - what else the ledger hands over
    ) -> None:
        """What a log that is kept elsewhere too sends there before it is written to this file; here nothing."""

    def _settle(self, cursor: library.SQLiteCursor) -> None:
        """What such a log awaits before this file's transaction ends; here nothing."""

    def is_here(self, subject: str) -> bool:
        """Whether a subject belongs to this log: every one does."""
        return True

    def _rows(
        self,
        cursor: library.SQLiteCursor,
        first: int,
        stored_events: Sequence[StoredEvent],
        fresh: dict[str, tuple[int, bytes]],
    ) -> Iterator[tuple[Any, ...]]:
        for ordinal, stored in enumerate(stored_events, first):
            id_, version = stored.originator_id, stored.originator_version
            name = id_.hex if isinstance(id_, UUID) else id_
            before = self._digest_before(cursor, name, version, fresh)
            digest = event_digest(before, stored.topic, stored.state)
            fresh[name] = (version, digest)
            yield (ordinal, name, version, stored.topic, stored.state, digest)

    def _digest_before(
        self, cursor: library.SQLiteCursor, name: str, version: int, fresh: dict[str, tuple[int, bytes]]
    ) -> bytes:
        known = fresh.get(name) or self._digests.get(name)
        if known is not None and known[0] == version - 1:
            return known[1]
        return NO_CHAIN if version == 1 else self._stored_digest(cursor, name, version - 1)

    def _stored_digest(self, cursor: library.SQLiteCursor, name: str, version: int) -> bytes:
        cursor.execute(
            f"SELECT digest FROM {self.events_table_name}"  # noqa: S608 - the table's own name
            " WHERE originator_id=? AND originator_version=?",
            (name, version),
        )
        row = cursor.fetchone()
        return row[0] if row is not None else NO_CHAIN

    def _seal(
        self,
        cursor: library.SQLiteCursor,
        last: End,
        digests: Sequence[bytes],
        journal: Sequence[JournalEntry],
    ) -> End:
        """Seals what was written behind the last seal; where nothing was, nothing is sealed."""
        if not digests and not journal:
            return last
        seal = seal_digest(last.digest, digests, [entry.chain for entry in journal])
        end = End(last.seal + 1, last.events + len(digests), last.entries + len(journal), seal)
        cursor.execute("INSERT INTO seals VALUES (?,?,?,?)", end)
        return end

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        """An account's events. Raises LogDamaged where their chain does not hold."""
        name = originator_id.hex if isinstance(originator_id, UUID) else originator_id
        place = self.datastore.pool.db_name
        order = "DESC" if desc else "ASC"
        with self._reading() as cursor:
            cursor.execute(
                "SELECT originator_version, topic, state, digest"  # noqa: S608 - the table's own name
                f" FROM {self.events_table_name} WHERE originator_id=?"
                " AND originator_version>? AND originator_version<=?"
                f" ORDER BY originator_version {order} LIMIT ?",
                (
                    name,
                    _BEFORE if gt is None else gt,
                    _LAST if lte is None else lte,
                    -1 if limit is None else limit,
                ),
            )
            found = [tuple(row) for row in cursor.fetchall()]
            if not found:
                return []
            rows = found[::-1] if desc else found
            last = in_one_chain(place, name, self._stored_digest(cursor, name, rows[0][0] - 1), rows)
        self._digests.take({name: (rows[-1][0], last)})
        return [StoredEvent(originator_id, *row[:3]) for row in found]

    def histories(self, subjects: Sequence[str]) -> list[History]:
        """Of those subjects that can be read at once all that was recorded; the others are to be read alone."""
        try:
            with self._reading() as cursor:
                return list(histories(cursor, self.datastore.pool.db_name, subjects, self._digests))
        except LogDamaged:
            return []

    def let_go(self, streams: Iterable[str]) -> None:
        """Forgets how these streams end."""
        self._digests.drop(streams)

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        """Events in the log's order; the library's own statement asks for a column that this table names otherwise."""
        first = 0 if start is None else start if inclusive_of_start else start + 1
        wanted = f" AND topic IN ({','.join('?' * len(topics))})" if topics else ""
        statement = (
            f"SELECT ordinal, originator_id, originator_version, topic, state FROM {self.events_table_name}"  # noqa: S608
            f" WHERE ordinal>=? AND ordinal<=?{wanted} ORDER BY ordinal LIMIT ?"
        )
        last = _LAST if stop is None else stop
        with self._reading() as cursor:
            cursor.execute(statement, (first, last, *topics, limit))
            return [
                Notification(
                    id=row[0],
                    originator_id=self.convert_originator_id(row[1]),
                    originator_version=row[2],
                    topic=row[3],
                    state=row[4],
                )
                for row in cursor.fetchall()
            ]


class Factory(library.SQLiteFactory):
    """Makes the recorders of an embedded log.

    A log is made where there is none. With WRITER_LOCK=y in the environment it takes the log's lock first; raises
    LogLocked where another holds it.
    """

    WRITER_LOCK = "WRITER_LOCK"

    aggregate_recorder_class = Snapshots
    application_recorder_class = Recorder

    def __init__(self, env: Any) -> None:  # noqa: ANN401 - the library's mapping or Environment
        self.lock: WriterLock | None = None
        self._recorder: ApplicationRecorder | None = None
        name = env.get(self.SQLITE_DBNAME)
        if name and env.get(self.WRITER_LOCK, "n") == "y":
            self.lock = WriterLock(name)
            self.lock.acquire()
        try:
            with reported(name or ""):
                if name and is_file(name):
                    make(name)
                    if self.lock is not None:
                        self.lock.take_file()  # which is there only now
                super().__init__(env)
                self.datastore.close()
                self.datastore = Datastore(
                    self.datastore.pool.db_name,
                    lock_timeout=self.datastore.pool.lock_timeout,
                    single_row_tracking=self.datastore.single_row_tracking,
                    originator_id_type=self.datastore.originator_id_type,
                )
        except BaseException:
            self.close()
            raise

    def application_recorder(self) -> ApplicationRecorder:
        """The recorder of the log, which is looked through once, however often it is asked for."""
        if self._recorder is None:
            self._recorder = super().application_recorder()
            if self.lock is not None:
                cast("Recorder", self._recorder).guard = self.lock.must_hold
        return self._recorder

    def close(self) -> None:
        """Closes the file and gives up the lock."""
        if getattr(self, "datastore", None) is not None:
            super().close()
        if self.lock is not None:
            self.lock.release()
