"""What a writer reads of its log: the journal, where numbers stand, terms and snapshots; checked as it is read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import chain, islice
from typing import Any

import eventsourcing.sqlite as library
from eventsourcing.persistence import StoredEvent

from ledger.application.journal import NO_CHAIN, SubjectHead
from ledger.application.outcomes import ACCEPTED, REFUSED, Outcome
from ledger.domain.ids import log_of
from ledger.domain.terms_book import Document
from ledger.errors import LogDamaged
from ledger.store.checked import ENTRY_COLUMNS, head_of, must_follow, published, references
from ledger.store.codec import Codec
from ledger.store.layout import intelligible, reported
from ledger.store.recent import recorded_last
from ledger.store.schemas import FOLDERS, RecordSchema, every
from ledger.store.snapshots import sealed

_KEYS_AT_ONCE = 100


@cache
def _answered_among(count: int) -> str:
    """The statement that finds what was answered to so many (subject, command_id)."""
    keys = ",".join(["(?,?)"] * count)
    return (
        f"SELECT {ENTRY_COLUMNS}, entry"  # noqa: S608 - columns, and question marks only
        f" FROM (VALUES {keys}) AS wanted JOIN journal ON subject=column1 AND command_id=column2"
    )


class ReadingRecorder(library.SQLiteApplicationRecorder):
    """The part of a recorder that reads. Raises LogDamaged where what it reads is not what its digests name."""

    partition = 0

    def answered(self, keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], tuple[bytes, Outcome]]:
        """For each (subject, command_id) decided before: its command's digest, and its outcome."""
        found: dict[tuple[str, str], tuple[bytes, Outcome]] = {}
        left, place = iter(keys), self.datastore.pool.db_name
        with self._reading() as cursor:
            while some := tuple(islice(left, _KEYS_AT_ONCE)):
                cursor.execute(_answered_among(len(some)), tuple(chain.from_iterable(some)))
                for *row, entry in cursor.fetchall():
                    must_follow(cursor, place, entry, row)
                    subject, id_, _, digest, _, at, code, message, ordinal, first, count, *_ = row
                    status = ACCEPTED if code is None else REFUSED
                    events = references(cursor, place, first, count)
                    outcome = Outcome(id_, status, code, message, events, self.partition, ordinal, at)
                    found[subject, id_] = (digest, outcome)
        return found

    def head_of(self, subject: str) -> SubjectHead | None:
        """Where a subject stands; None where nothing was recorded of it.

        Raises LogDamaged where it has other events, or another last journal entry.
        """
        place = self.datastore.pool.db_name
        with self._reading() as cursor:
            return head_of(cursor, place, subject)

    def claimed(self, account: str, kind: str, id_: str) -> bool:
        """Whether the account has used that id."""
        statement = "SELECT 1 FROM claims WHERE account=? AND kind=? AND id=?"
        return self._value(statement, (account, kind, id_)) is not None

    def digest_at(self, stream: str, version: int) -> bytes:
        """The digest of a stream's event; 32 zero bytes where there is none."""
        statement = "SELECT digest FROM stored_events WHERE originator_id=? AND originator_version=?"
        found = self._value(statement, (stream, version))
        return NO_CHAIN if found is None else bytes(found)

    def due(self, until: int, limit: int) -> list[str]:
        """Subjects that something falls due for at or before an instant, earliest first."""
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
        own = {schema.fingerprint for folder in FOLDERS for schema in every(folder)}
        with self._reading() as cursor:
            cursor.execute("SELECT fingerprint FROM schemas")
            texts = []
            for mark in [row[0] for row in cursor.fetchall() if row[0] not in own]:
                cursor.execute("SELECT schema FROM schemas WHERE fingerprint=?", (mark,))
                texts.append(cursor.fetchone()[0])
        return [RecordSchema(text) for text in texts]

    def published_terms(self) -> list[Document]:
        """The terms that the log has published, word for word."""
        codec = self._codec()
        with self._reading() as cursor:
            states = published(cursor, self.datastore.pool.db_name)
            records = [codec.record(state) for state in states]
        return [Document(record["terms_id"], record["content"], record["digest"]) for record in records]

    def _codec(self) -> Codec:
        """Reads what this release and others have written to the file."""
        codec = Codec()
        codec.learn(self.foreign_schemas())
        return codec

    def clock_mode(self) -> str:
        """`live` or `played`. Raises LogDamaged where it is neither, or not what the log was created with."""
        mode = str(self._value("SELECT value FROM meta WHERE name='clock'", ()))
        for created in self.select_events(log_of(self.partition), lte=1):
            stated = self._codec().record(created.state).get("clock")
            if mode != stated:
                place = self.datastore.pool.db_name
                raise LogDamaged(f"{place}: the clock is {mode}; the log was created {stated}")
        return mode

    def set_clock_mode(self, mode: str) -> None:
        """Sets the clock of a log that has no events yet."""
        with reported(self.datastore.pool.db_name), self.datastore.transaction(commit=True) as cursor:
            cursor.execute("INSERT OR IGNORE INTO meta VALUES ('clock', ?)", (mode,))

    def snapshot(self, stored_events: Sequence[StoredEvent]) -> None:
        """Keeps snapshots, each with a digest of its own, and forgets older ones of the same accounts."""
        with reported(self.datastore.pool.db_name), self.datastore.transaction(commit=True) as cursor:
            for one in stored_events:
                cursor.execute("DELETE FROM stored_snapshots WHERE originator_id=?", (one.originator_id,))
                cursor.execute(
                    "INSERT INTO stored_snapshots VALUES (?,?,?,?)",
                    (one.originator_id, one.originator_version, one.topic, sealed(one.topic, one.state)),
                )

    def _value(self, statement: str, parameters: tuple[Any, ...]) -> Any:  # noqa: ANN401 - a column
        with self._reading() as cursor:
            cursor.execute(statement, parameters)
            row = cursor.fetchone()
            return None if row is None else row[0]

    @contextmanager
    def _reading(self) -> Iterator[library.SQLiteCursor]:
        with intelligible(self.datastore.pool.db_name), self.datastore.transaction(commit=False) as cursor:
            yield cursor

    def max_notification_id(self) -> int:
        """The ordinal of the last event."""
        with intelligible(self.datastore.pool.db_name):
            return super().max_notification_id()
