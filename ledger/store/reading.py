"""Reading an embedded log: read-only, beside a writer or without one, a consistent moment at a time.

A reader never locks a writer out, nor is locked out by one (WAL), and changes nothing in the log's file.
"""

from __future__ import annotations

import heapq
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from ledger.domain.events import Event
from ledger.domain.ids import NUMBERS, TERMS, log_of, partition_named, streams_of, subject_of
from ledger.domain.partition.events import ClosedThrough, LogCreated, TermsPublished
from ledger.domain.terms_book import Document, TermsBook
from ledger.errors import LogDamaged, LogMismatch, LogMissing, LogUnreadable
from ledger.store.chains import EVENT_COLUMNS, Chains, RowCheck
from ledger.store.codec import Codec
from ledger.store.decisions import Decided, Decisions
from ledger.store.decoding import decoded
from ledger.store.kept_schemas import as_kept, digests_kept, foreign
from ledger.store.layout import check_format, intelligible
from ledger.store.making import is_ahead, must_be_a_whole_file
from ledger.store.recent import recorded_last

if TYPE_CHECKING:
    from eventsourcing.sqlite import SQLiteCursor

    from ledger.store.columns import Columns

PARTITION = 0
"""An embedded log is one partition."""

_PATIENCE = 30.0
"""Seconds that a reader waits while another process recovers the file."""

_LAST = 2**62
"""An ordinal behind every other."""
_EVENT = f"SELECT {EVENT_COLUMNS} FROM stored_events"  # noqa: S608 - columns


class Recorded(NamedTuple):
    """An event with its place in the log, and the digest that chains it to its account's event before."""

    ordinal: int
    digest: bytes
    event: Event


def connect(path: Path) -> tuple[sqlite3.Connection, bool]:
    """A connection that can only read, and whether it takes the file to be at rest.

    In a folder that cannot be written to, SQLite reads a file only so, or where a writer's files lie beside it.
    Raises LogMissing, LogUnreadable or LogDamaged.
    """
    with intelligible(str(path)):
        if not path.exists():
            raise LogMissing(f"{path}: there is no log here")
        path = path.resolve()
        must_be_a_whole_file(path)
        uri = path.as_uri() + "?mode=ro"
        try:
            return _opened(uri), False
        except sqlite3.OperationalError as error:
            if getattr(error, "sqlite_errorname", "") not in {"SQLITE_READONLY_DIRECTORY", "SQLITE_CANTOPEN"}:
                raise
            if is_ahead(path):
                message = f"{path}: what was written last stands beside it, and cannot be read in this folder"
                raise LogUnreadable(message) from error
            return _opened(uri + "&immutable=1"), True


def _opened(uri: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        uri, uri=True, isolation_level=None, timeout=_PATIENCE, check_same_thread=False
    )
    try:
        connection.execute("PRAGMA query_only=ON")
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


class SqliteReader:
    """Reads one embedded log; each snapshot has a connection of its own, so it may be used from any thread."""

    def __init__(
        self,
        path: str | Path,
        partition: int = PARTITION,
        *,
        unknown_types: bool = False,
        mirrored: bool = False,
    ) -> None:
        self.path = Path(path)
        self.partition = partition
        self.mirrored = mirrored
        """Whether the file only mirrors the log, which seals what arrived together, and not what was written so."""
        self.unknown_types = unknown_types
        """Whether events of later releases' types are read too, as `UnknownEvent`."""
        self._looked_at: set[bytes] = set()
        """Fingerprints of the file's schemas that are known."""
        self.codec = Codec()
        self.book = TermsBook()
        """What the log has published, as far as it was asked for."""

    @contextmanager
    def snapshot(self) -> Iterator[SqliteSnapshot]:
        """The log as it stands now. Raises LogMissing, LogUnreadable, LogDamaged or LogFormatUnknown."""
        connection, at_rest = connect(self.path)
        try:
            stamp = self._stamp() if at_rest else None
            with intelligible(str(self.path)):
                check_format(cast("SQLiteCursor", connection.cursor()))
                self._learn(connection)
            yield SqliteSnapshot(self, connection)
            if stamp is not None and stamp != self._stamp():
                raise LogUnreadable(f"{self.path}: it was changed while it was read; ask again")
        finally:
            connection.close()

    def _stamp(self) -> tuple[int, int, bool]:
        with intelligible(str(self.path)):
            status = self.path.stat()
            return status.st_mtime_ns, status.st_size, is_ahead(self.path.resolve())

    def _learn(self, connection: sqlite3.Connection) -> None:
        """Takes in schemas of other releases that the file holds."""
        new = [mark for (mark,) in connection.execute("SELECT fingerprint FROM schemas")]
        if self._looked_at.issuperset(new):
            return
        digests = digests_kept(cast("SQLiteCursor", connection.cursor()))
        for mark in foreign(new, digests):
            if mark in self._looked_at:
                continue
            name, text = connection.execute(
                "SELECT name, schema FROM schemas WHERE fingerprint=?", (mark,)
            ).fetchone()
            schema = as_kept(mark, name, text, digests)
            if schema is None:
                raise LogDamaged(f"{self.path}: the schema {name} is not the one that was put into the log")
            self.codec.learn([schema])
        self._looked_at.update(new)


class SqliteSnapshot:
    """An embedded log as it stood when it was opened."""

    def __init__(self, reader: SqliteReader, connection: sqlite3.Connection) -> None:
        self.path = str(reader.path)
        self.partition = reader.partition
        self.connection = connection
        self._reader = reader
        self._chains = Chains(connection, self.path, self.partition)

    @property
    def codec(self) -> Codec:
        """Reads what the log holds, as far as its schemas are known."""
        return self._reader.codec

    # --- the whole log ------------------------------------------------------------------------------------------------

    @cached_property
    def head(self) -> int:
        """The ordinal of the last event; 0 in an empty log. Raises LogDamaged where another was sealed last."""
        last = self._one("SELECT max(ordinal) FROM stored_events")[0] or 0
        sealed = self._one("SELECT events FROM seals ORDER BY seal DESC LIMIT 1")
        if last != (0 if sealed is None else sealed[0]):
            raise LogDamaged(f"{self.path}: its end is not the one that was sealed")
        return int(last)

    def seal(self, number: int | None = None) -> tuple[int, bytes] | None:
        """The number and digest of the last seal, which covers all of the log, or of that of a number.

        None where there is none, and of a mirror.
        """
        if self._reader.mirrored:
            return None
        which = "SELECT seal, digest FROM seals WHERE seal=ifnull(?, (SELECT max(seal) FROM seals))"
        return cast("tuple[int, bytes] | None", self._one(which, (number,)))

    @cached_property
    def closed_through(self) -> int | None:
        """The instant through which the log is closed; None where it never was."""
        last = "WHERE originator_id=? ORDER BY originator_version DESC LIMIT 1"
        for found in self._events(f"{_EVENT} {last}", (log_of(self.partition),)):
            if self._recorded_of(found.event.account) not in (None, found.event.version):
                raise LogDamaged(
                    f"{self.path}: {found.event.account} has not the events that were recorded of it"
                )
            if isinstance(found.event, ClosedThrough):
                return found.event.through
        return None

    @property
    def recorded_last(self) -> int:
        """When something else than a closing was recorded last; -NEVER where nothing was."""
        with intelligible(self.path):
            return recorded_last(self.connection.cursor(), self._reader.codec)

    @cached_property
    def created(self) -> LogCreated | None:
        """The first event of the log; None where nothing has been recorded yet. Raises LogMismatch: of another one."""
        first = "WHERE originator_id=? AND originator_version=1"
        for found in self._events(f"{_EVENT} {first}", (log_of(self.partition),)):
            if isinstance(found.event, LogCreated):
                return found.event
        if self.head:
            for found in self._events(f"{_EVENT} WHERE ordinal=1", ()):  # checked: a byte may be another
                where = partition_named(found.event.account)
                if where not in {None, self.partition}:
                    raise LogMismatch(
                        f"{self.path}: it is partition {where} of a log of several:"
                        " `pulsa log verify` looks at it alone"
                    )
            raise LogDamaged(f"{self.path}: the event {self.partition}:1, which created the log, is missing")
        return None

    @cached_property
    def book(self) -> TermsBook:
        """The terms that the log has published, whenever that was."""
        count = 0
        published = "WHERE originator_id>=? AND originator_id<? ORDER BY originator_id"
        for found in self._events(f"{_EVENT} {published}", TERMS):
            if isinstance(found.event, TermsPublished):
                said = found.event
                self._reader.book.publish(Document(said.terms_id, said.content, said.digest))
                count += 1
        counted = "SELECT count(*) FROM numbers WHERE msisdn>=? AND msisdn<?"
        if self._are_counted and self._one(counted, TERMS)[0] != count:
            raise LogDamaged(f"{self.path}: terms that were published are missing")
        return self._reader.book

    def events(
        self, start: int = 1, *, types: Collection[str] | None = None, last: int = _LAST
    ) -> Iterator[Recorded]:
        """The events from an ordinal on (through `last`), in order; with `types` only those."""
        rows = self._rows(f"{_EVENT} WHERE ordinal>=? AND ordinal<=? ORDER BY ordinal", (start, last))
        for ordinal, _, _, topic, state, digest in self._chains.in_order(rows, max(start, 1)):
            if types is None or topic in types:  # told by what was checked
                yield Recorded(ordinal, digest, self.decode(ordinal, topic, state))

    def columns(self, start: int, end: int, size: int) -> Iterator[Columns]:
        """The events from one ordinal through another as columns, so many at once."""
        from ledger.store.columns import Columns  # slow to import

        statement = f"{_EVENT} WHERE ordinal>? AND ordinal<=? ORDER BY ordinal"
        known: dict[str, bytes] = {}
        last = start - 1
        while last < end:
            with intelligible(self.path):
                rows = partial(self.connection.execute, statement, (last, min(last + size, end)))
                found, reached = self._chains.by_type(rows, last + 1, known)
                if not found:
                    return
                columns = Columns(found, reached, self._reader.codec, self.decode)
            yield columns
            last = reached

    def recorded_by(self, known_at: int) -> int:
        """The ordinal of the last event recorded at or before an instant; 0 where there is none.

        Nothing is read that was recorded after the log was closed through that instant, which is found by halves.
        """
        end = self.closed_from(known_at) or self.head
        rows = f"{_EVENT} WHERE ordinal<=? ORDER BY ordinal DESC"
        for found in self._events(rows, (end,)):
            if found.event.recorded_at <= known_at:
                return found.ordinal
        return 0

    def closed_from(self, instant: int) -> int | None:
        """The ordinal of the first event that closed the log through an instant, or beyond it; None: none did."""
        own = (log_of(self.partition),)
        last = self._one("SELECT max(originator_version) FROM stored_events WHERE originator_id=?", own)[0]
        one = f"{_EVENT} WHERE originator_id=? AND originator_version=?"
        before, after, ordinal = 0, (last or 0) + 1, None
        looked_at = last or 0
        while before < looked_at < after:
            for found in self._events(one, (*own, looked_at)):
                if isinstance(found.event, ClosedThrough) and found.event.through >= instant:
                    after, ordinal = looked_at, found.ordinal
                    break
            else:
                before = looked_at
            looked_at = (before + after) // 2
        return ordinal

    # --- numbers ------------------------------------------------------------------------------------------------------

    def numbers(self) -> Iterator[str]:
        """Every number that has events, ascending; in the end LogDamaged, where one has none that had some."""
        count = 0
        for msisdn in self._numbers():
            count += 1
            yield msisdn
        if self._are_counted:
            counted = "SELECT count(*) FROM numbers WHERE msisdn>? AND msisdn<? AND events>0"
            if self._one(counted, NUMBERS)[0] != count:
                raise LogDamaged(f"{self.path}: the events of some number are missing")

    def _numbers(self) -> Iterator[str]:
        after, end = NUMBERS
        while True:
            following = self._next_id(after, end)
            if following is None:
                return
            msisdn = subject_of(following)
            yield msisdn
            _, after = streams_of(msisdn)

    def events_of(self, msisdn: str) -> Iterator[Recorded]:
        """The events of a number and of all its accounts, in order."""
        of_one = f"{_EVENT} WHERE originator_id=? ORDER BY originator_version"
        own = [self._events(of_one, (id_,), self._chains.of_one) for id_ in self._ids_of(msisdn)]
        count = 0
        for found in own[0] if len(own) == 1 else heapq.merge(*own, key=lambda found: found.ordinal):
            count += 1
            yield found
        if self._recorded_of(msisdn) not in (None, count):
            raise LogDamaged(f"{self.path}: {msisdn} has not the events that were recorded of it")

    def _recorded_of(self, subject: str) -> int | None:
        """How many events were recorded of a subject; None in a file where no release has counted them yet."""
        if not self._are_counted:
            return None
        row = self._one("SELECT events FROM numbers WHERE msisdn=?", (subject,))
        return 0 if row is None else int(row[0])

    @cached_property
    def _are_counted(self) -> bool:
        return bool(self._one("SELECT count(*) FROM pragma_table_info('numbers') WHERE name='events'")[0])

    def _ids_of(self, msisdn: str) -> list[str]:
        """The number and its accounts, as far as they have events."""
        ids = []
        last, end = streams_of(msisdn)
        if self._one(
            "SELECT count(*) FROM (SELECT 1 FROM stored_events WHERE originator_id=? LIMIT 1)", (msisdn,)
        )[0]:
            ids.append(msisdn)
        while (last := self._next_id(last, end) or "") != "":
            ids.append(last)
        return ids

    def _next_id(self, after: str, before: str) -> str | None:
        statement = (
            "SELECT originator_id FROM stored_events WHERE originator_id>? AND originator_id<?"
            " ORDER BY originator_id LIMIT 1"
        )
        row = self._one(statement, (after, before))
        return None if row is None else str(row[0])

    # --- the journal --------------------------------------------------------------------------------------------------

    def decided(self, subject: str) -> Iterator[Decided]:
        """What the journal has of a number, in order."""
        return Decisions(self.connection, self.path, self.partition).of(subject)

    def decisions(self, *, last_first: bool = False) -> Iterator[Decided]:
        """What the journal has of all numbers, in order or the last first."""
        return Decisions(self.connection, self.path, self.partition).every(last_first=last_first)

    def decision(self, subject: str, command_id: str) -> Decided | None:
        """What the journal has of one command."""
        return Decisions(self.connection, self.path, self.partition).one(subject, command_id)

    # --- rows ---------------------------------------------------------------------------------------------------------

    def _events(
        self, statement: str, parameters: tuple[Any, ...] = (), checked: RowCheck | None = None
    ) -> Iterator[Recorded]:
        """The events of rows: single ones, unless said otherwise."""
        checked = self._chains.alone if checked is None else checked
        for ordinal, _, _, topic, state, digest in checked(self._rows(statement, parameters)):
            yield Recorded(ordinal, digest, self.decode(ordinal, topic, state))

    def decode(self, ordinal: int, topic: str, state: bytes) -> Event:
        """The event of a row. Raises SchemaUnknown, or LogDamaged where it does not decode."""
        place = (self.path, self.partition, ordinal)
        return decoded(self._reader.codec, place, topic, state, unknown_types=self._reader.unknown_types)

    def _rows(self, statement: str, parameters: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
        with intelligible(self.path):
            for row in self.connection.execute(statement, parameters):  # noqa: UP028 - it would close the cursor
                yield row

    def _one(self, statement: str, parameters: tuple[Any, ...] = ()) -> Any:  # noqa: ANN401 - a row or None
        with intelligible(self.path):
            return self.connection.execute(statement, parameters).fetchone()
