"""The embedded log: one SQLite file (WAL, synchronous FULL), as a persistence module of `eventsourcing`.

Select it by PERSISTENCE_MODULE=ledger.store.sqlite. Events, their digests, the journal and what is derived from them
are written in one transaction. One process writes; any number read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import chain, islice
from typing import Any
from uuid import UUID

import eventsourcing.sqlite as library
from eventsourcing.persistence import Notification, StoredEvent

from ledger.journal import NO_CHAIN, Claim, JournalEntry, NumberHead, event_digest, seal_digest
from ledger.outcomes import ACCEPTED, REFUSED, EventReference, Outcome
from ledger.store.codec import Codec
from ledger.store.layout import CREATE, PRAGMAS, prepare, reported
from ledger.store.lock import WriterLock
from ledger.store.recent import recorded_last
from ledger.store.schemas import KINDS, RecordSchema, load

_REMEMBERED_DIGESTS = 200_000
_KEYS_AT_ONCE = 100


@cache
def _answered_among(count: int) -> str:
    """The statement that finds what was answered to so many (subject, command_id)."""
    keys = ",".join(["(?,?)"] * count)
    return (
        "SELECT subject, command_id, command_digest, at, code, message, ordinal, first_event, event_count"  # noqa: S608 - question marks only
        f" FROM (VALUES {keys}) AS wanted JOIN journal ON subject=column1 AND command_id=column2"
    )


class Pool(library.SQLiteConnectionPool):
    """Connections with the settings that a book of record needs."""

    def _create_connection(self) -> library.SQLiteConnection:
        connection = super()._create_connection()
        cursor = connection.cursor()
        for pragma in PRAGMAS:
            cursor.execute(pragma)
        return connection


class Datastore(library.SQLiteDatastore):
    """The library's datastore on such connections."""

    def __init__(self, db_name: str, **kwargs: Any) -> None:  # noqa: ANN401 - handed on
        super().__init__(db_name, **kwargs)
        self.pool = Pool(db_name=db_name, lock_timeout=kwargs.get("lock_timeout"))


class Recorder(library.SQLiteApplicationRecorder):
    """Events with ordinals without gaps, each with the digest that chains it to its account's event before."""

    partition = 0
    awaits_answers = False

    def __init__(self, datastore: library.SQLiteDatastore, events_table_name: str = "stored_events") -> None:
        super().__init__(datastore, events_table_name)
        self.insert_events_statement = f"INSERT INTO {events_table_name} VALUES (?,?,?,?,?,?)"  # noqa: S608
        self._digests: dict[str, tuple[int, bytes]] = {}

    def construct_create_table_statements(self) -> list[str]:
        """The tables of a log (`ledger/store/layout.py`)."""
        return list(CREATE)

    def create_table(self) -> None:
        """Makes the tables of a new log, or checks the format of one that is there. Raises LedgerError."""
        with reported(self.datastore.pool.db_name), self.datastore.transaction(commit=True) as cursor:
            prepare(cursor, self.create_table_statements)

    def insert_events(
        self,
        stored_events: Sequence[StoredEvent],
        *,
        journal: Sequence[JournalEntry] = (),
        heads: Sequence[NumberHead] = (),
        claims: Sequence[Claim] = (),
        **others: Any,  # noqa: ANN401 - the library hands on what it is given
    ) -> Sequence[int] | None:
        """Writes events, journal and what is derived in one transaction.

        Returns the events' ordinals. Raises the library's IntegrityError where a version is there already, and
        LogFull or LogUnreadable where the file cannot be written.
        """
        fresh: dict[str, tuple[int, bytes]] = {}
        with reported(self.datastore.pool.db_name), self.datastore.transaction(commit=True) as cursor:
            first = self._next_ordinal(cursor)
            rows = list(self._rows(cursor, first, stored_events, fresh))
            self._send(rows, journal, heads, **others)
            if rows:
                cursor.executemany(self.insert_events_statement, rows)
            if journal:
                cursor.executemany("INSERT INTO journal VALUES (NULL,?,?,?,?,?,?,?,?,?,?,?,?)", journal)
            if heads:
                cursor.executemany(
                    "INSERT INTO numbers VALUES (?,?,?) ON CONFLICT (msisdn) DO UPDATE"
                    " SET due_at=excluded.due_at, chain=excluded.chain",
                    heads,
                )
            if claims:
                cursor.executemany("INSERT INTO claims VALUES (?,?,?)", claims)
            if rows or journal:
                self._seal(cursor, [row[5] for row in rows], journal)
            self._settle(cursor)
        if len(self._digests) > _REMEMBERED_DIGESTS:
            self._digests.clear()
        self._digests.update(fresh)
        return list(range(first, first + len(rows)))

    def _send(
        self,
        rows: Sequence[tuple[Any, ...]],
        journal: Sequence[JournalEntry],
        heads: Sequence[NumberHead],
        **others: Any,  # noqa: ANN401 - what else the ledger hands over
    ) -> None:
        """What a log that is kept elsewhere too sends there before it is written to this file; here nothing."""

    def _settle(self, cursor: library.SQLiteCursor) -> None:
        """What such a log awaits before this file's transaction ends; here nothing."""

    def is_here(self, subject: str) -> bool:
        """Whether a subject belongs to this log: every one does."""
        return True

    def _next_ordinal(self, cursor: library.SQLiteCursor) -> int:
        cursor.execute(self.select_max_notification_id_statement)
        return int(cursor.fetchone()[0] or 0) + 1

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
        cursor.execute(
            f"SELECT digest FROM {self.events_table_name}"  # noqa: S608 - the table's own name
            " WHERE originator_id=? AND originator_version=?",
            (name, version - 1),
        )
        row = cursor.fetchone()
        return bytes(row[0]) if row is not None else NO_CHAIN

    def _seal(
        self, cursor: library.SQLiteCursor, digests: Sequence[bytes], journal: Sequence[JournalEntry]
    ) -> None:
        cursor.execute("SELECT events, entries, digest FROM seals ORDER BY seal DESC LIMIT 1")
        row = cursor.fetchone()
        events, entries, before = (0, 0, NO_CHAIN) if row is None else row
        seal = seal_digest(before, digests, [entry.chain for entry in journal])
        cursor.execute(
            "INSERT INTO seals(events, entries, digest) VALUES (?,?,?)",
            (events + len(digests), entries + len(journal), seal),
        )

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
        last = 2**62 if stop is None else stop
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

    # --- the journal and what is derived ------------------------------------------------------------------------------

    def answered(self, keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], tuple[bytes, Outcome]]:
        """For each (subject, command_id) decided before: its command's digest, and its outcome."""
        found: dict[tuple[str, str], tuple[bytes, Outcome]] = {}
        left = iter(keys)
        with self._reading() as cursor:
            while some := tuple(islice(left, _KEYS_AT_ONCE)):
                cursor.execute(_answered_among(len(some)), tuple(chain.from_iterable(some)))
                for subject, id_, digest, at, code, message, ordinal, first, count in cursor.fetchall():
                    status = ACCEPTED if code is None else REFUSED
                    events = self._references(cursor, first, count)
                    outcome = Outcome(id_, status, code, message, events, self.partition, ordinal, at)
                    found[subject, id_] = (digest, outcome)
        return found

    def _references(self, cursor: library.SQLiteCursor, first: int, count: int) -> tuple[EventReference, ...]:
        if not count:
            return ()
        cursor.execute(
            "SELECT topic, originator_id, originator_version FROM stored_events WHERE ordinal>=? AND ordinal<?",
            (first, first + count),
        )
        return tuple(EventReference(*row) for row in cursor.fetchall())

    def chain_of(self, subject: str) -> bytes:
        """The last digest of a subject's journal."""
        return self._value("SELECT chain FROM numbers WHERE msisdn=?", (subject,)) or NO_CHAIN

    def claimed(self, account: str, kind: str, id_: str) -> bool:
        """Whether the account has used that id."""
        statement = "SELECT 1 FROM claims WHERE account=? AND kind=? AND id=?"
        return self._value(statement, (account, kind, id_)) is not None

    def due(self, until: int, limit: int) -> list[str]:
        """Numbers that something falls due for at or before an instant, earliest first."""
        with self._reading() as cursor:
            cursor.execute(
                "SELECT msisdn FROM numbers WHERE due_at<=? ORDER BY due_at, msisdn LIMIT ?", (until, limit)
            )
            return [row[0] for row in cursor.fetchall()]

    def recorded_last(self) -> int:
        """When something else than a closing was recorded last; -NEVER where nothing was."""
        codec = self._codec()
        with self._reading() as cursor:
            return recorded_last(cursor, codec)

    def foreign_schemas(self) -> list[RecordSchema]:
        """The schemas that the file holds from other releases."""
        own = {schema.fingerprint for kind in KINDS for schema in load(kind).values()}
        with self._reading() as cursor:
            cursor.execute("SELECT fingerprint, schema FROM schemas")
            return [RecordSchema(text) for mark, text in cursor.fetchall() if mark not in own]

    def published_terms(self) -> list[tuple[str, str]]:
        """The content and the digest of every terms that the log has published."""
        codec = self._codec()
        with self._reading() as cursor:
            cursor.execute(
                "SELECT state FROM stored_events WHERE originator_id>='terms/' AND originator_id<'terms0'"
                " AND topic='ledger.log.TermsPublished' ORDER BY ordinal"
            )
            records = [codec.record(row[0]) for row in cursor.fetchall()]
        return [(record["content"], record["digest"]) for record in records]

    def _codec(self) -> Codec:
        """Reads what this release and others have written to the file."""
        codec = Codec()
        codec.learn(self.foreign_schemas())
        return codec

    def clock_mode(self) -> str:
        """`live` or `played`."""
        return str(self._value("SELECT value FROM meta WHERE name='clock'", ()))

    def set_clock_mode(self, mode: str) -> None:
        """Sets the clock of a log that has no events yet."""
        with reported(self.datastore.pool.db_name), self.datastore.transaction(commit=True) as cursor:
            cursor.execute("INSERT OR IGNORE INTO meta VALUES ('clock', ?)", (mode,))

    def snapshot(self, stored_events: Sequence[StoredEvent]) -> None:
        """Keeps snapshots, and forgets older ones of the same accounts."""
        with reported(self.datastore.pool.db_name), self.datastore.transaction(commit=True) as cursor:
            for stored in stored_events:
                cursor.execute("DELETE FROM stored_snapshots WHERE originator_id=?", (stored.originator_id,))
                cursor.execute(
                    "INSERT INTO stored_snapshots VALUES (?,?,?,?)",
                    (stored.originator_id, stored.originator_version, stored.topic, stored.state),
                )

    def _value(self, statement: str, parameters: tuple[Any, ...]) -> Any:  # noqa: ANN401 - a column
        with self._reading() as cursor:
            cursor.execute(statement, parameters)
            row = cursor.fetchone()
            return None if row is None else row[0]

    @contextmanager
    def _reading(self) -> Iterator[library.SQLiteCursor]:
        with reported(self.datastore.pool.db_name), self.datastore.transaction(commit=False) as cursor:
            yield cursor


class Factory(library.SQLiteFactory):
    """Makes the recorders of an embedded log.

    With WRITER_LOCK=y in the environment it takes the log's lock first; raises LogLocked where another holds it.
    """

    WRITER_LOCK = "WRITER_LOCK"

    application_recorder_class = Recorder

    def __init__(self, env: Any) -> None:  # noqa: ANN401 - the library's mapping or Environment
        self.lock: WriterLock | None = None
        name = env.get(self.SQLITE_DBNAME)
        if name and env.get(self.WRITER_LOCK, "n") == "y":
            self.lock = WriterLock(name)
            self.lock.acquire()
        try:
            with reported(name or ""):
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

    def close(self) -> None:
        """Closes the file and gives up the lock."""
        if getattr(self, "datastore", None) is not None:
            super().close()
        if self.lock is not None:
            self.lock.release()
