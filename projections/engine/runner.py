"""The one loop of all projections: read a batch, fold it, write rows and positions in one transaction.

The database's position counts. It is moved on only from where it was read; whoever comes second on the same batch
finds it moved, writes nothing, and goes on from there. So several runners do no harm, and share partitions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from ledger.domain.events import TermsPublished
from ledger.domain.terms import TermsBook
from ledger.errors import (
    DatabaseDamaged,
    DatabaseFormatUnknown,
    LedgerError,
    LogDamaged,
    LogMismatch,
    SchemaUnknown,
)
from projections.engine.changes import Changes
from projections.engine.database import GENERATIONS, LOGS, POSITIONS, Database
from projections.engine.partition_facts import Facts
from projections.engine.projection import Batch, Projection
from projections.engine.reader import Bulk, BulkReader, BulkSnapshot, LogSnapshot, Placed, Recorded
from projections.money.balances import Balances
from projections.money.transfers import Transfers
from projections.prepaid.blocks import Blocks
from projections.prepaid.lifecycles import Lifecycles
from projections.prepaid.numbers import Numbers
from projections.prepaid.usage import Usage

PROJECTIONS: dict[str, type[Projection]] = {
    kind.name: kind for kind in (Facts, Balances, Lifecycles, Usage, Numbers, Blocks, Transfers)
}
"""Every projection by name. `preferences` and `holders` take their place here once customers exist."""

BATCH = 2000
"""Events that one transaction takes in."""

IN_BULK = 5000
"""Events behind the log from which on a runner takes them in by columns, as a rebuild does."""
CHUNK = 20_000
"""Events that one transaction takes in by columns."""

FIRST = 1
"""The generation that a runner begins with, and a rebuild never makes."""

Progress = Callable[[int, int], None]
"""Told (the position, the log's head)."""


class Overtaken(Exception):
    """Another runner has taken in the same events."""


class Place(NamedTuple):
    """Where a projection stands in a partition."""

    projection: str
    generation: int
    partition: int
    ordinal: int


class Runner:
    """Keeps projections up to date with a log, or with the partitions of one that its readers read.

    Raises DatabaseUnreachable, DatabaseFull, DatabaseFormatUnknown, DatabaseDamaged, LogMismatch, SumOutOfRange, or
    what keeps the log from being read. Whatever it raised, it begins the next time with what the database has.
    """

    def __init__(
        self,
        database: Database,
        readers: Sequence[BulkReader],
        *,
        size: int = BATCH,
        in_bulk: int = IN_BULK,
        chunk: int = CHUNK,
    ) -> None:
        self.database = database
        self._readers = readers
        self._size = size
        self._in_bulk = in_bulk
        self._chunk = chunk
        self._projections: list[Projection] = []
        self._book = TermsBook()
        self._left: dict[int, dict[str, int]] = {}
        self._ready = False

    def catch_up(self, progress: Progress | None = None) -> int:
        """Takes in what the log has; returns how many events that were."""
        if not self._ready:
            self._open()
        return sum(self._catch_up(reader, progress) for reader in self._readers)

    def _open(self) -> None:
        """Makes what is not there yet, and finds the live generations."""
        self.database.must_know_positions()
        self.database.prepare()
        with self.database.writing() as connection:
            self.database.lock(connection)
            self._projections = [live(connection, kind) for kind in PROJECTIONS.values()]
            for projection in self._projections:
                projection.metadata.create_all(connection)
        self._left = {}
        self._ready = True

    def _catch_up(self, reader: BulkReader, progress: Progress | None) -> int:
        total = 0
        with reader.snapshot() as log:
            try:
                positions = self._positions(reader, log)
                start = min(positions.values())
                for last in self._taken(log, positions):
                    self._left[log.partition] = dict.fromkeys(positions, last)
                    total = last - start
                    if progress is not None:
                        progress(last, log.head)
            except Overtaken:
                self._ready = False
                return total + 1
            except BaseException:  # what is remembered has gone on, and the database has not
                self._ready = False
                raise
        return total

    def _taken(self, log: BulkSnapshot, positions: dict[str, int]) -> Iterator[int]:
        """Takes in what follows the positions, and tells how far it is; by columns where there is much of it."""
        start = min(positions.values())
        if log.head - start >= self._in_bulk and start == max(positions.values()):
            try:
                for last in self._taken_in_bulk(log, start):
                    positions = dict.fromkeys(positions, last)
                    yield last
            except (LogDamaged, SchemaUnknown):
                start = min(positions.values())  # one by one, what comes before is still taken in
            else:
                return
        for batch in batches(log, start + 1, self._size):
            self.fold(log.partition, batch, positions)
            positions = dict.fromkeys(positions, batch[-1].ordinal)
            yield batch[-1].ordinal

    def _taken_in_bulk(self, log: BulkSnapshot, start: int) -> Iterator[int]:
        from projections.engine import columnar  # slow to import

        made, partition = self._projections, log.partition
        extent = columnar.Extent(start + 1, log.head, self._chunk)
        dialect = self.database.engine.dialect.name
        with closing(columnar.chunks(log, made, extent, dialect)) as chunks:
            for chunk in chunks:
                publish(chunk.rest, self._book)
                with self.database.writing() as connection:
                    for projection in _in_turn(made):
                        move(connection, projection, partition, start, chunk.last)
                    mark(connection, partition, chunk.last, digest_of(log, chunk.last))
                    columnar.take_in(connection, made, partition, chunk, self._book)
                start = chunk.last
                yield start

    def fold(self, partition: int, events: Sequence[Recorded], positions: dict[str, int]) -> None:
        """Takes in a batch, and moves the positions on from those stated. Raises Overtaken where they are not so."""
        publish(events, self._book)
        changes = Changes()
        with self.database.writing() as connection:
            for projection in _in_turn(self._projections):
                move(connection, projection, partition, positions[projection.name], events[-1].ordinal)
            mark(connection, partition, events[-1].ordinal, events[-1].digest)
            for projection in self._projections:
                position = positions[projection.name]
                own = events
                if position >= events[0].ordinal:
                    own = [found for found in events if found.ordinal > position]
                projection.fold(Batch(partition, own, connection, self._book), changes)
            changes.write(connection)

    def _positions(self, reader: BulkReader, log: BulkSnapshot) -> dict[str, int]:
        """Where the projections stand. What is remembered from before is of use only where this runner left them.

        Raises Overtaken where other generations are live by now, LogMismatch where they are of another log.
        """
        partition = log.partition
        if partition not in self._left:
            self._begin(partition)
        with self.database.reading() as connection:
            places = {place.projection: place for place in places_of(connection).get(partition, [])}
            positions = {}
            for made in self._projections:
                place = places.get(made.name)
                if place is None or place.generation != made.generation:
                    raise Overtaken
                positions[made.name] = place.ordinal
            known = positions == self._left.get(partition)
            if not known or max(positions.values()) > log.head:
                must_be_of(connection, reader, log)
            if not known:
                self._recall(connection)
                self._left[partition] = positions
        return positions

    def _begin(self, partition: int) -> None:
        with self.database.writing() as connection:
            self.database.lock(connection)  # so that none of them is replaced meanwhile
            live = generations(connection)
            for projection in self._projections:
                if live.get(projection.name) != projection.generation:
                    raise Overtaken
                begin(connection, projection, partition)

    def _recall(self, connection: Connection) -> None:
        """Reads what others may have taken in: the terms now, everything else when it is needed."""
        for projection in self._projections:
            projection.forget()
            if isinstance(projection, Facts):
                projection.publish(connection, self._book)


# --- generations and positions --------------------------------------------------------------------------------------


def live(connection: Connection, kind: type[Projection]) -> Projection:
    """The live generation of a projection, which is its first where there is none yet.

    Raises DatabaseFormatUnknown where its tables are those of another release, DatabaseDamaged where one is gone.
    """
    found = connection.execute(
        sa.select(GENERATIONS.c.generation, GENERATIONS.c.version).where(
            GENERATIONS.c.projection == kind.name
        )
    ).first()
    if found is None:
        drop_tables(connection, kind, FIRST)  # whoever made them has not come to its end
        positions = POSITIONS.c
        connection.execute(
            sa.delete(POSITIONS).where(positions.projection == kind.name, positions.generation == FIRST)
        )
        row = {"projection": kind.name, "generation": FIRST, "version": kind.version}
        connection.execute(sa.insert(GENERATIONS).values(row))
        return kind(FIRST)
    must_be_of_this_release(kind, found.version)
    made = kind(found.generation)
    # Made again they would be empty, and what they stand for would be taken for nothing.
    for table in made.metadata.tables.keys() - set(sa.inspect(connection).get_table_names()):
        raise DatabaseDamaged(f"the table {table} is gone: `pulsa rebuild {kind.name}` makes it anew")
    return made


def must_be_of_this_release(kind: type[Projection], version: int) -> None:
    """Raises DatabaseFormatUnknown where a projection's tables are those of another release."""
    if version != kind.version:
        raise DatabaseFormatUnknown(
            f"the tables of {kind.name} are of version {version}, and this release has version {kind.version}:"
            " `pulsa rebuild` makes them anew"
        )


def generations(connection: Connection) -> dict[str, int]:
    """The live generation of each projection that has one."""
    return {row[0]: row[1] for row in connection.execute(sa.select(GENERATIONS))}


def drop_tables(connection: Connection, kind: type[Projection], generation: int) -> None:
    """Drops the tables of a generation, those of earlier releases too; whatever else there is stays."""
    own = {*kind(generation).metadata.tables, *(f"{kind.name}_{name}_{generation}" for name in kind.former)}
    for table in own.intersection(sa.inspect(connection).get_table_names()):
        connection.exec_driver_sql(f"DROP TABLE {table}")


def begin(connection: Connection, projection: Projection, partition: int, ordinal: int = 0) -> None:
    """Sets a generation's first position in a partition, unless it has one."""
    make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    connection.execute(
        make(POSITIONS)
        .values(
            projection=projection.name,
            generation=projection.generation,
            partition=partition,
            ordinal=ordinal,
        )
        .on_conflict_do_nothing()
    )


def move(connection: Connection, projection: Projection, partition: int, before: int, after: int) -> None:
    """Moves a position on from where it was. Raises Overtaken where it is no longer there."""
    columns = POSITIONS.c
    moved = connection.execute(
        sa.update(POSITIONS)
        .where(
            columns.projection == projection.name,
            columns.generation == projection.generation,
            columns.partition == partition,
            columns.ordinal == before,
        )
        .values(ordinal=max(before, after))
    )
    if moved.rowcount != 1:
        raise Overtaken


def _in_turn(made: Iterable[Projection]) -> list[Projection]:
    """In the one order that everybody moves them in: nobody then waits for who waits for him."""
    return sorted(made, key=lambda projection: projection.name)


def places_of(connection: Connection) -> dict[int, list[Place]]:
    """Where the live generations stand, by partition."""
    columns, live = POSITIONS.c, GENERATIONS.c
    found = connection.execute(
        sa.select(*(columns[name] for name in Place._fields)).join(
            GENERATIONS,
            sa.and_(live.projection == columns.projection, live.generation == columns.generation),
        )
    )
    places: dict[int, list[Place]] = {}
    for row in found:
        place = Place(*row)
        places.setdefault(place.partition, []).append(place)
    return places


# --- the log that they are of ---------------------------------------------------------------------------------------


def mark(connection: Connection, partition: int, ordinal: int, digest: bytes | None) -> None:
    """Notes the last event that was taken in of a partition; it never goes back."""
    make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    noted = {"ordinal": ordinal, "digest": digest}
    connection.execute(
        make(LOGS)
        .values(partition=partition, **noted)
        .on_conflict_do_update(index_elements=["partition"], set_=noted, where=LOGS.c.ordinal <= ordinal)
    )


def must_be_of(connection: Connection, reader: BulkReader, log: BulkSnapshot) -> None:
    """Raises LogMismatch where what was taken in of a partition was not taken from this log."""
    noted = connection.execute(
        sa.select(LOGS.c.ordinal, LOGS.c.digest).where(LOGS.c.partition == log.partition)
    ).first()
    if noted is None:
        return
    if noted.ordinal > log.head:  # others may have gone on since it was opened
        with reader.snapshot() as later:
            found = digest_of(later, noted.ordinal)
    else:
        found = digest_of(log, noted.ordinal)
    if found != noted.digest:
        what = "is another" if found is not None else "is not there"
        raise LogMismatch(
            f"the event at {log.partition}:{noted.ordinal} that the projections have taken in {what} in this log:"
            " it was restored, or is not theirs; `pulsa rebuild`, without names, makes all of them anew"
        )


def digest_of(log: Bulk, ordinal: int) -> bytes | None:
    """The digest of the event at an ordinal; None where there is none."""
    found = next(log.events(ordinal), None)
    return None if found is None or found.ordinal != ordinal else found.digest


# --- events ---------------------------------------------------------------------------------------------------------


def batches(log: LogSnapshot, start: int, size: int) -> Iterator[list[Recorded]]:
    """The events from an ordinal on; what comes before an event that cannot be read is still handed out.

    Raises LogDamaged where one is missing.
    """
    batch: list[Recorded] = []
    following = start
    events = log.events(start)
    while True:
        try:
            found = next(events, None)
            if found is not None and found.ordinal != following:
                raise LogDamaged(f"the event at {log.partition}:{following} is missing")
        except LedgerError:
            if batch:
                yield batch
            raise
        following += 1
        if found is not None:
            batch.append(found)
        if batch and (found is None or len(batch) >= size):
            yield batch
            batch = []
        if found is None:
            return


def publish(events: Iterable[Placed], book: TermsBook) -> None:
    """Puts the terms that are published among events into a book."""
    for found in events:
        event = found.event
        if isinstance(event, TermsPublished):
            book.publish(event.content, event.digest)
