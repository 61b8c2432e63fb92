"""A mirror: one partition of the log in a local file, laid out as an embedded log. It is not the truth.

It knows which cluster and which topics it mirrors, and how far. One that is damaged, or unlike those topics, is thrown
away and made again from them; one that is of other topics is the only witness that there were others, and is kept.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import eventsourcing.sqlite as library
from eventsourcing.persistence import PersistenceError

from ledger.application.journal import JournalEntry, event_digest
from ledger.domain.kinds import EVENT_TYPES
from ledger.errors import (
    LogDamaged,
    LogFormatUnknown,
    LogMismatch,
    LogUnreadable,
    MirrorFull,
    RegistryMismatch,
    TopicMismatch,
)
from ledger.store import private
from ledger.store.chains import EventRow
from ledger.store.checked import add_entries, add_events, events_by_subject, last_seal
from ledger.store.codec import Codec
from ledger.store.connections import Datastore, Pool
from ledger.store.kafka.connection import KafkaSettings
from ledger.store.kafka.offsets import Offsets
from ledger.store.kafka.topics import Incarnation
from ledger.store.kept_schemas import keep, read
from ledger.store.layout import is_full, reported
from ledger.store.schemas import FOLDERS, RecordSchema, every
from ledger.store.sqlite import Recorder

UNUSABLE = (LogDamaged, LogUnreadable, LogFormatUnknown)
"""What is wrong with a mirror that is to be made again."""
_CREATED = "ledger.log.LogCreated"


class MirrorPool(Pool):
    """Connections that wait for no disk: what is lost can be read again."""

    def _create_connection(self) -> library.SQLiteConnection:
        connection = super()._create_connection()
        connection.cursor().execute("PRAGMA synchronous=OFF")
        return connection


class MirrorDatastore(Datastore):
    """A datastore on such connections. A mirror that is full is said to be so, and not the log: that has room."""

    def __init__(self, db_name: str, **kwargs: Any) -> None:  # noqa: ANN401 - handed on
        super().__init__(db_name, **kwargs)
        self.pool = MirrorPool(db_name=db_name)

    @contextmanager
    def transaction(self, *, commit: bool) -> Iterator[library.SQLiteCursor]:
        """A transaction, and a cursor in it. Raises MirrorFull, and what SQLite raises."""
        try:
            with super().transaction(commit=commit) as cursor:
                yield cursor
        except (sqlite3.Error, PersistenceError) as error:
            if not is_full(error):
                raise
            place = self.pool.db_name
            raise MirrorFull(f"{place}: {error}; make room there, and it goes on by itself") from error


_HEADS = """
SELECT (SELECT ifnull(max(ordinal), 0) FROM stored_events),
       (SELECT ifnull(max(ordinal), 0) FROM journal WHERE entry = (SELECT max(entry) FROM journal)),
       (SELECT count(*) FROM (SELECT 1 FROM journal LIMIT 1)),
       (SELECT count(*) FROM (SELECT 1 FROM stored_events WHERE originator_id < ':' LIMIT 1))
"""
"""The head, the head as the last answer knew it, whether there are answers, and whether there are events of numbers."""


class Arrived(NamedTuple):
    """What was read of a partition: rows, when numbers fall due (by number), journal entries, how far it goes."""

    rows: Sequence[EventRow]
    dues: dict[str, int | None]
    entries: Sequence[JournalEntry]
    offsets: Offsets


class Mirror(Recorder):
    """A recorder over a mirror."""

    overtaken = LogDamaged
    """Whoever else has written to it, it is no use any more: only the broker can tell who is fenced."""

    def __init__(self, datastore: library.SQLiteDatastore, partition: int) -> None:
        super().__init__(datastore)
        self.partition = partition
        self.codec = Codec()
        self._learned = 0

    def close(self) -> None:
        """Closes the file."""
        self.datastore.close()

    def set_clock_mode(self, mode: str) -> None:
        """Sets the clock of a partition without events: what a mirror of it was told before, nobody else knows."""
        with reported(self.datastore.pool.db_name), self.datastore.transaction(commit=True) as cursor:
            cursor.execute("INSERT OR REPLACE INTO meta VALUES ('clock', ?)", (mode,))

    # --- what it is a mirror of ---------------------------------------------------------------------------------------

    def belong_to(self, incarnation: Incarnation) -> None:
        """A new mirror is one of that partition of those topics from now on; one that is there has to be.

        Raises LogMismatch where it is of other topics, TopicMismatch where they had another number of partitions.
        """
        stated = {
            "cluster": incarnation.cluster,
            "events_topic": incarnation.events,
            "replies_topic": incarnation.replies,
            "partition": str(self.partition),
            "partitions": str(incarnation.partitions),
        }
        file = self.datastore.pool.db_name
        with reported(file), self.datastore.transaction(commit=True) as cursor:
            cursor.execute("SELECT name, value FROM meta")
            found = {row[0]: row[1] for row in cursor.fetchall()}
            if "cluster" not in found:
                cursor.executemany("INSERT OR REPLACE INTO meta VALUES (?,?)", stated.items())
                return
        for name, value in stated.items():
            if found.get(name) == value:
                continue
            if name == "partition":
                raise LogDamaged(f"{file} is of partition {found.get(name)}, and stands for {value}")
            if name == "partitions":
                raise TopicMismatch(f"the topics have {value} partitions; {file} knows {found.get(name)}")
            raise LogMismatch(f"{file} is of {_SAID[name]} {found.get(name)}; what is set is {value}")

    def must_be_sound(self) -> None:
        """Raises LogDamaged where a schema is not the one that its fingerprint names, or a seal covers nothing.

        Former releases sealed what had no events and was not journaled, and such a mirror verifies as damaged.
        """
        file = self.datastore.pool.db_name
        own = {schema.fingerprint: schema.text for folder in FOLDERS for schema in every(folder)}
        with self._reading() as cursor:
            cursor.execute("SELECT fingerprint, name, schema FROM schemas")
            for mark, name, text in cursor.fetchall():
                if own.get(mark) != text and not _is_schema(mark, name, text):
                    raise LogDamaged(
                        f"{file}: the schema of {name} is not the one that its fingerprint names"
                    )
            cursor.execute("SELECT value FROM meta WHERE name='sealed'")
            if cursor.fetchone() is None:
                cursor.execute(_EMPTY_SEALS)
                if cursor.fetchone() is not None:
                    raise LogDamaged(f"{file}: there is a seal of nothing")
        with reported(file), self.datastore.transaction(commit=True) as cursor:
            cursor.execute("INSERT OR IGNORE INTO meta VALUES ('sealed', 'what was written')")

    def must_be_of_one_log(self) -> None:
        """Raises LogMismatch where events and answers are not of one log: one of the topics was made again, empty.

        To be asked once all of both was read: without the answers everything would be decided a second time.
        """
        with self._reading() as cursor:
            cursor.execute(_HEADS)
            events, answered, entries, numbers = cursor.fetchone()
        if answered > events:
            raise LogMismatch(
                f"partition {self.partition}: answers tell of {answered} events, there are {events}"
            )
        if numbers and not entries:
            raise LogMismatch(f"partition {self.partition}: there are {events} events, and no answer at all")

    @property
    def offsets(self) -> Offsets:
        """How far the mirror goes."""
        with self._reading() as cursor:
            return self.offsets_in(cursor)

    @staticmethod
    def offsets_in(cursor: library.SQLiteCursor) -> Offsets:
        """How far the mirror goes, as a transaction sees it."""
        cursor.execute(
            "SELECT name, value FROM meta WHERE name IN"
            " ('next_event','next_reply','next_command','last_event','next_policy','policies_topic','commands_topic')"
        )
        found: dict[str, str] = dict(cursor.fetchall())
        none = zip(_OFFSETS, _NOTHING, strict=False)
        events, replies, commands, last, policies = (int(found.get(name, default)) for name, default in none)
        topics = (found.get(name, "") for name in ("policies_topic", "commands_topic"))
        return Offsets(events, replies, commands, last, policies, *topics)

    def go_on_in(self, policies_topic: str, commands_topic: str) -> bool:
        """Goes on in the topic of policies that is there; returns whether it was made anew since its last answer.

        Raises LogMismatch where that of commands was: what lies at its beginning would be taken for answered.
        """
        file = self.datastore.pool.db_name
        with reported(file), self.datastore.transaction(commit=True) as cursor:
            was = self.offsets_in(cursor)
            if was.commands_topic not in ("", commands_topic):
                raise LogMismatch(
                    f"partition {self.partition}: {was.commands} commands were answered of another topic of the name:"
                    f" {was.commands_topic}; what is there is {commands_topic}"
                )
            self._advance(cursor, was.on(policies_topic)._replace(commands_topic=commands_topic))
        return was.policies_topic not in ("", policies_topic)

    @staticmethod
    def _advance(cursor: library.SQLiteCursor, offsets: Offsets) -> None:
        rows = [(name, str(value)) for name, value in zip(_OFFSETS, offsets, strict=True)]
        cursor.executemany("INSERT OR REPLACE INTO meta VALUES (?,?)", rows)

    def last(self) -> EventRow | None:
        """The last event."""
        with self._reading() as cursor:
            cursor.execute(
                "SELECT ordinal, originator_id, originator_version, topic, state, digest FROM stored_events"
                " ORDER BY ordinal DESC LIMIT 1"
            )
            row = cursor.fetchone()
            return None if row is None else (*row[:4], bytes(row[4]), bytes(row[5]))

    def digest_of(self, row: EventRow) -> bytes:
        """What the digest of an event should be, behind the account's event before."""
        with self._reading() as cursor:
            return event_digest(self._digest_before(cursor, row[1], row[2], {}), row[3], row[4])

    def compare_ids(self, marks: Mapping[int, bytes]) -> None:
        """Notes which fingerprint each of the registry's ids stands for.

        Raises RegistryMismatch where one stood for another before: then records that are written now, or those that
        are there, would be read by the wrong schema.
        """
        file = self.datastore.pool.db_name
        with reported(file), self.datastore.transaction(commit=True) as cursor:
            cursor.execute("SELECT value FROM meta WHERE name='schema_ids'")
            row = cursor.fetchone()
            noted: dict[str, str] = {} if row is None else json.loads(row[0])
            found = {str(id_): mark.hex() for id_, mark in marks.items()}
            for id_, mark in found.items():
                if noted.setdefault(id_, mark) != mark:
                    raise RegistryMismatch(
                        f"id {id_} stood for the schema {noted[id_]} in {file}; now for {mark}"
                    )
            cursor.execute("INSERT OR REPLACE INTO meta VALUES ('schema_ids',?)", (json.dumps(noted),))

    # --- reading the topics -------------------------------------------------------------------------------------------

    def apply(self, arrived: Arrived) -> None:
        """Writes what was read. Raises LogDamaged where an event's digest is not that of what it says."""
        fresh: dict[str, tuple[int, bytes]] = {}
        file = self.datastore.pool.db_name
        with reported(file), self.datastore.transaction(commit=True) as cursor:
            last = last_seal(cursor)
            self._check(cursor, last.events + 1, arrived.rows, fresh)
            cursor.executemany(self.insert_events_statement, arrived.rows)
            add_events(cursor, events_by_subject(arrived.rows))
            if arrived.entries:
                add_entries(cursor, arrived.entries)
                cursor.executemany(
                    "INSERT INTO numbers VALUES (?,NULL,?,0) ON CONFLICT (msisdn) DO UPDATE SET chain=excluded.chain",
                    [(entry.subject, entry.chain) for entry in arrived.entries],
                )
            cursor.executemany(
                "INSERT INTO numbers VALUES (?,?,zeroblob(32),0) ON CONFLICT (msisdn)"
                " DO UPDATE SET due_at=excluded.due_at",
                arrived.dues.items(),
            )
            cursor.executemany("INSERT INTO claims VALUES (?,?,?)", self._claims(arrived.rows))
            created = [self.codec.record(row[4]) for row in arrived.rows if row[3] == _CREATED]
            for record in created:
                self._check_partitions(cursor, record.get("partitions"))
            clocks = [(record["clock"],) for record in created]
            cursor.executemany("INSERT OR REPLACE INTO meta VALUES ('clock',?)", clocks)
            self._seal(cursor, last, [row[5] for row in arrived.rows], arrived.entries)
            self._advance(cursor, arrived.offsets)
        self._digests.take(fresh)

    def _check(
        self,
        cursor: library.SQLiteCursor,
        first: int,
        rows: Sequence[EventRow],
        fresh: dict[str, tuple[int, bytes]],
    ) -> None:
        for expected, row in enumerate(rows, first):
            found, name, version, topic, state, digest = row
            before = self._digest_before(cursor, name, version, fresh)
            if found != expected or event_digest(before, topic, state) != digest:
                message = (
                    f"the record of {self.partition}:{found} is not the event {self.partition}:{expected}"
                )
                raise LogDamaged(f"{message} that its digest names")
            fresh[name] = (version, digest)

    def _check_partitions(self, cursor: library.SQLiteCursor, said: int | None) -> None:
        """Raises TopicMismatch where the log says that it has another number of partitions than there are topics'."""
        cursor.execute("SELECT value FROM meta WHERE name='partitions'")
        row = cursor.fetchone()
        if said is not None and row is not None and int(row[0]) != said:
            raise TopicMismatch(f"the log was made with {said} partitions; its topics have {row[0]}")

    def _claims(self, rows: Iterable[EventRow]) -> Iterable[tuple[str, str, str]]:
        for _, account, _, topic, state, _ in rows:
            event_type = EVENT_TYPES.get(topic)
            if event_type is not None and event_type.CLAIMS:
                record = self.codec.record(state)
                for kind, field in event_type.CLAIMS:
                    yield account, kind, record[field]

    def learn(self, foreign: Sequence[RecordSchema]) -> None:
        """Takes in schemas of other releases, and keeps them in the file."""
        if len(foreign) == self._learned:
            return
        self.codec.learn(foreign[self._learned :])
        self._learned = len(foreign)
        file = self.datastore.pool.db_name
        with reported(file), self.datastore.transaction(commit=True) as cursor:
            keep(cursor, foreign)


_M = TypeVar("_M", bound=Mirror)

_SAID = {"cluster": "the cluster", "events_topic": "the events' topic", "replies_topic": "the replies' topic"}
_EMPTY_SEALS = (
    "SELECT 1 FROM seals AS one LEFT JOIN seals AS before ON before.seal = one.seal - 1"
    " WHERE one.events = ifnull(before.events, 0) AND one.entries = ifnull(before.entries, 0) LIMIT 1"
)
_NOTHING = (0, 0, 0, -1, 0)
"""The offsets of a mirror that nothing was read into yet."""
_OFFSETS = (
    "next_event",
    "next_reply",
    "next_command",
    "last_event",
    "next_policy",
    "policies_topic",
    "commands_topic",
)


def _is_schema(mark: bytes, name: str, text: str) -> bool:
    try:
        schema = read(text)
    except Exception:  # noqa: BLE001 - whatever a damaged text does
        return False
    return (schema.fingerprint, schema.name) == (mark, name)


def opened(settings: KafkaSettings, incarnation: Incarnation, partition: int, make: Callable[..., _M]) -> _M:
    """The mirror of a partition; one that is damaged gives way to a new one.

    Raises LogMismatch where it is of other topics, TopicMismatch where they had another number of partitions, and
    MirrorFull.
    """
    private.make_folder(settings.mirrors)
    path = settings.mirror(partition)
    try:
        return _opened(path, incarnation, partition, make)
    except UNUSABLE:
        remove(path)
    return _opened(path, incarnation, partition, make)


def _opened(path: Path, incarnation: Incarnation, partition: int, make: Callable[..., _M]) -> _M:
    datastore = MirrorDatastore(str(path), originator_id_type="text")
    try:
        mirror = make(datastore, partition)
        mirror.create_table()
        mirror.belong_to(incarnation)
        mirror.must_be_sound()
    except BaseException:
        datastore.close()
        raise
    return mirror


def remove(path: Path) -> None:
    """Throws a mirror away."""
    for suffix in ("", "-wal", "-shm"):
        with suppress(FileNotFoundError):
            Path(f"{path}{suffix}").unlink()
