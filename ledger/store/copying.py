"""Copies a log from one store to another, byte for byte: events with their digests, and the journal with its chain.

A copy keeps positions, so it keeps partitions: one log in a file is one partition. What is there already of the same
log is gone on with; at the end all of the copy is read again, and its digests are held against the source's.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Protocol, cast

from eventsourcing.persistence import StoredEvent
from eventsourcing.sqlite import SQLiteCursor

from ledger.application.journal import NO_CHAIN, JournalEntry, event_digest, journal_digest
from ledger.errors import LedgerError, LogDamaged
from ledger.progress import Progress
from ledger.store.chains import EventRow
from ledger.store.codec import Codec
from ledger.store.kept_schemas import keep, read
from ledger.store.layout import check_format, intelligible, principal_column
from ledger.store.reading import connect
from ledger.store.schemas import RecordSchema
from ledger.store.sqlite import Factory, Recorder

AT_ONCE = 5000
"""Journal entries, or events that no entry explains, that are written at once."""


_EVENTS = "SELECT ordinal, originator_id, originator_version, topic, state, digest FROM stored_events"
_JOURNAL = (
    "SELECT subject, command_id, name, command_digest, command, at, code, message, ordinal, first_event,"
    " event_count, chain, {principal} FROM journal"
)
_OF_NUMBERS = "SELECT count(*) FROM (SELECT 1 FROM stored_events WHERE originator_id < ':' LIMIT 1)"


class CopyRefused(LedgerError):
    """What is to be copied does not go where it is to be copied to."""

    code: ClassVar[str] = "copy-refused"


class Extent(NamedTuple):
    """How much of a partition there is, and the digests over all of its events' and all of its entries' digests."""

    events: int = 0
    entries: int = 0
    event_digest: bytes = NO_CHAIN
    entry_digest: bytes = NO_CHAIN


class Chunk(NamedTuple):
    """Journal entries in order, and the events that lie up to the last of them."""

    rows: Sequence[EventRow]
    entries: Sequence[JournalEntry]


class Copied(NamedTuple):
    """A partition that was copied and verified; `before` is what had been there already."""

    partition: int
    before: Extent
    extent: Extent


class Digests:
    """Checks the chains of what is given in order, and adds its digests up."""

    def __init__(self) -> None:
        self._accounts: dict[str, bytes] = {}
        self._subjects: dict[str, bytes] = {}
        self._events, self._entries = sha256(), sha256()
        self._counts = [0, 0]

    def event(self, name: str, topic: str, state: bytes, digest: bytes) -> None:
        """Raises LogDamaged where an event is not what its digest names."""
        self._counts[0] += 1
        if event_digest(self._accounts.get(name, NO_CHAIN), topic, state) != digest:
            raise LogDamaged(f"event {self._counts[0]}, of {name}, is not what its digest names")
        self._accounts[name] = digest
        self._events.update(digest)

    def entry(self, entry: JournalEntry) -> None:
        """Raises LogDamaged where an entry is not what its digest names."""
        self._counts[1] += 1
        if journal_digest(self._subjects.get(entry.subject, NO_CHAIN), entry) != entry.chain:
            raise LogDamaged(f"journal entry {self._counts[1]} is not what its digest names")
        self._subjects[entry.subject] = entry.chain
        self._entries.update(entry.chain)

    def extent(self) -> Extent:
        """How much was given."""
        events, entries = self._counts
        return Extent(
            events,
            entries,
            self._events.digest() if events else NO_CHAIN,
            self._entries.digest() if entries else NO_CHAIN,
        )


class Source:
    """One partition in a file laid out as an embedded log: the log itself, or a mirror. It stands still meanwhile."""

    def __init__(self, path: Path, partition: int = 0) -> None:
        self.path = path
        self.partition = partition
        self._connection, _ = connect(path)
        with intelligible(str(path)):
            check_format(cast("SQLiteCursor", self._connection.cursor()))
            self._journal = _JOURNAL.format(principal=principal_column(self._connection))
        self.events = self._count("SELECT count(*) FROM stored_events")
        self.entries = self._count("SELECT count(*) FROM journal")

    def close(self) -> None:
        """Closes the file."""
        self._connection.close()

    @property
    def clock(self) -> str:
        """`live` or `played`."""
        with intelligible(str(self.path)):
            row = self._connection.execute("SELECT value FROM meta WHERE name='clock'").fetchone()
        return "live" if row is None else str(row[0])

    @property
    def partitions(self) -> int | None:
        """How many partitions the log says that it has; None where it says nothing of it."""
        said: int | None = self._created().get("partitions")
        return said

    @property
    def ids(self) -> str | None:
        """`numbers` or `tokens`; None where the log does not say it, and has numbers."""
        said: str | None = self._created().get("ids")
        return said

    def _created(self) -> dict[str, Any]:
        """What the first event says; nothing where there is none."""
        for (state,) in self.rows(
            "SELECT state FROM stored_events WHERE topic='ledger.log.LogCreated' ORDER BY ordinal"
        ):
            codec = Codec()
            codec.learn(self.schemas)
            return codec.record(state)
        return {}

    @property
    def schemas(self) -> list[RecordSchema]:
        """Every schema that the log holds."""
        return [read(text) for (text,) in self.rows("SELECT schema FROM schemas ORDER BY name")]

    def rows(self, statement: str, parameters: Iterable[Any] = ()) -> Iterator[tuple[Any, ...]]:
        """What the file answers."""
        with intelligible(str(self.path)):
            yield from self._connection.execute(statement, tuple(parameters))

    @property
    def lacks_answers(self) -> bool:
        """Whether there are events of numbers, and no entry of the journal: so are mirrors that projections read."""
        return not self.entries and bool(self._count(_OF_NUMBERS))

    def chunks(self, after: Extent, size: int = AT_ONCE) -> Iterator[Chunk]:
        """Everything behind an extent, in the order of writing."""
        last_event = after.events
        entries: list[JournalEntry] = []
        for row in self.rows(f"{self._journal} WHERE entry>? ORDER BY entry", (after.entries,)):
            entries.append(JournalEntry(*row))
            if len(entries) >= size:
                yield Chunk(self._events(last_event, entries[-1].ordinal), entries)
                last_event, entries = max(last_event, entries[-1].ordinal), []
        if entries:
            yield Chunk(self._events(last_event, entries[-1].ordinal), entries)
            last_event = max(last_event, entries[-1].ordinal)
        while rows := self._events(last_event, last_event + size):  # no entry explains them
            yield Chunk(rows, ())
            last_event = rows[-1][0]

    def extent(self, upto: Extent | None = None) -> Extent:
        """The digests of everything, or of as much as another extent has. Raises LogDamaged."""
        events = self.events if upto is None else upto.events
        entries = self.entries if upto is None else upto.entries
        digests = Digests()
        for row in self.rows(f"{_EVENTS} WHERE ordinal<=? ORDER BY ordinal", (events,)):
            digests.event(row[1], row[3], row[4], row[5])
        for row in self.rows(f"{self._journal} WHERE entry<=? ORDER BY entry", (entries,)):
            digests.entry(JournalEntry(*row))
        return digests.extent()

    def _events(self, after: int, upto: int) -> list[EventRow]:
        found = self.rows(f"{_EVENTS} WHERE ordinal>? AND ordinal<=? ORDER BY ordinal", (after, upto))
        return cast("list[EventRow]", list(found))

    def _count(self, statement: str) -> int:
        return int(next(self.rows(statement))[0])


class Target(Protocol):
    """Where a partition is copied to."""

    def extent(self) -> Extent:
        """Reads what is there, and checks it. Raises LogDamaged."""

    def write(self, chunk: Chunk) -> None:
        """Adds to it, whole or not at all."""

    def finish(self) -> None:
        """All is written."""

    def close(self) -> None:
        """Lets go of it."""


def copy(source: Source, target: Target, progress: Progress | None = None) -> Copied:
    """Copies what is not there yet, and verifies all of it.

    Raises CopyRefused where another log is there, LogDamaged where one of both is not what its digests name.
    """
    before = target.extent()
    if before.events > source.events or before.entries > source.entries:
        raise CopyRefused("there is more at the target already than the source holds")
    if source.extent(before) != before:
        raise CopyRefused("what is at the target already is not the beginning of the source")
    done = before.events
    for chunk in source.chunks(before):
        target.write(chunk)
        done += len(chunk.rows)
        if progress is not None:
            progress(done, source.events)
    target.finish()
    extent = target.extent()
    if extent != source.extent():
        raise LogDamaged(
            f"the copy has {extent.events} events and {extent.entries} entries; the source has"
            f" {source.events} and {source.entries}, or others"
        )
    return Copied(source.partition, before, extent)


class FileTarget:
    """An embedded log. Numbers and claims, which follow from events and journal, come last."""

    def __init__(self, path: Path, source: Source) -> None:
        self._path = path
        self._source = source
        environment = {"SQLITE_DBNAME": str(path), "ORIGINATOR_ID_TYPE": "text", Factory.WRITER_LOCK: "y"}
        self._factory = Factory(environment)
        self._recorder = cast("Recorder", self._factory.application_recorder())
        self._recorder.set_clock_mode(source.clock)
        if self._recorder.clock_mode() != source.clock:
            self.close()
            raise CopyRefused(f"{path}: there is a log with another clock")
        with self._writing() as cursor:
            keep(cast("SQLiteCursor", cursor), source.schemas)

    def extent(self) -> Extent:
        """Reads what is there, and checks it."""
        with closing(Source(self._path)) as there:
            return there.extent()

    def write(self, chunk: Chunk) -> None:
        """One transaction; the recorder makes the digests again."""
        stored = [StoredEvent(row[1], row[2], row[3], row[4]) for row in chunk.rows]
        self._recorder.insert_events(stored, journal=chunk.entries)

    def finish(self) -> None:
        """Takes over what is derived."""
        with self._writing() as cursor:
            cursor.executemany(
                "INSERT INTO numbers VALUES (?,?,?,0) ON CONFLICT (msisdn)"
                " DO UPDATE SET due_at=excluded.due_at, chain=excluded.chain",
                self._source.rows("SELECT msisdn, due_at, chain FROM numbers"),
            )
            cursor.execute("DELETE FROM claims")
            cursor.executemany("INSERT INTO claims VALUES (?,?,?)", self._source.rows("SELECT * FROM claims"))

    def close(self) -> None:
        """Closes the file, and gives up its lock."""
        self._factory.close()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Cursor]:
        with self._recorder.datastore.transaction(commit=True) as cursor:
            yield cast("sqlite3.Cursor", cursor)
