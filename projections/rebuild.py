"""Rebuilding projections: new tables beside the live ones, and one row changed to swap them.

Readers look up the live generation in the transaction that they read in, so they never see a gap. A live runner goes
on meanwhile; what it has taken in since is taken in here before the swap.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Sequence
from contextlib import closing, suppress
from typing import ClassVar, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ledger.domain.terms import TermsBook
from ledger.errors import DatabaseUnreachable, QueryRefused
from projections.changes import Changes
from projections.database import GENERATIONS, POSITIONS, Database
from projections.projection import Batch, Projection
from projections.reader import Bulk, BulkReader, BulkSource, Recorded
from projections.runner import PROJECTIONS, Progress, batches, begin, live, places_of, publish

BATCH = 65_536
"""Events that are folded at once."""


class UnknownProjection(QueryRefused):
    """There is no projection of this name."""

    code: ClassVar[str] = "unknown-projection"


class ForeignArchive(QueryRefused):
    """The archive is not the beginning of the log."""

    code: ClassVar[str] = "foreign-archive"


class Checked(NamedTuple):
    """A table of which live and rebuilt rows were compared: how many rows, and how many of each differ."""

    table: str
    rows: int
    only_live: int
    only_rebuilt: int

    @property
    def equal(self) -> bool:
        """Whether the two are equal to the last cell."""
        return self.only_live == self.only_rebuilt == 0


class Rebuild:
    """Makes the next generation of some projections (of all, where none is named) from the log's first event on."""

    def __init__(
        self,
        database: Database,
        readers: Sequence[BulkReader],
        names: Collection[str] = (),
        *,
        archives: Sequence[BulkSource] = (),
        size: int = BATCH,
    ) -> None:
        unknown = sorted(set(names) - PROJECTIONS.keys())
        if unknown:
            raise UnknownProjection(
                f"no projection is named {unknown[0]}; there are {', '.join(PROJECTIONS)}"
            )
        self._database = database
        self._readers = readers
        self._archives = archives
        self._kinds = [PROJECTIONS[name] for name in PROJECTIONS if name in names or not names]
        self._size = size
        self._book = TermsBook()
        self._made: list[Projection] = []

    def swap(self, progress: Progress | None = None) -> int:
        """Rebuilds, and puts what was rebuilt in the place of what was live; returns the number of events."""
        with self._database.rebuilding():
            total = self._make(progress)
            with self._database.writing() as connection:
                self._database.lock(connection)
                self._follow(connection)
                before = self._live(connection)
                for made in self._made:
                    _put_live(connection, made)
            self._drop([(made, before[made.name]) for made in self._made if made.name in before])
        return total

    def check(self, progress: Progress | None = None) -> list[Checked]:
        """Rebuilds, compares every row with the live ones at the same position, and swaps nothing.

        Raises DatabaseFormatUnknown where the live ones are of another release.
        """
        with self._database.rebuilding():
            self._must_compare()
            self._make(progress)
            try:
                with self._database.writing() as connection:
                    self._database.lock(connection)
                    self._follow(connection)
                    before = self._live(connection)
                    return [
                        checked
                        for made in self._made
                        if made.name in before
                        for checked in _compared(connection, type(made)(before[made.name]), made)
                    ]
            finally:
                self._drop([(made, made.generation) for made in self._made])

    # --- making -------------------------------------------------------------------------------------------------------

    def _make(self, progress: Progress | None) -> int:
        self._database.prepare()
        with self._database.writing() as connection:
            self._database.lock(connection)
            before = self._live(connection)
            self._made = [kind(before.get(kind.name, 0) + 1) for kind in self._kinds]
            for made in self._made:
                if made.generation > 2:  # noqa: PLR2004 - what a reader was still using when it was replaced
                    _drop_tables(connection, made.name, made.generation - 2)
                _drop_tables(
                    connection, made.name, made.generation
                )  # of a rebuild that did not come to its end
                made.metadata.create_all(connection)
                connection.execute(sa.delete(POSITIONS).where(_own(made)))
        with self._database.reading() as connection:
            reached = _positions(connection)
        archives = self._kept()
        total = 0
        for reader in self._readers:
            with reader.snapshot() as log:
                partition, last, end = log.partition, 0, min(reached.get(log.partition) or log.head, log.head)
            for source in (*archives.get(partition, ()), reader):
                with source.snapshot() as part, closing(self._in_bulk(part, last + 1, end)) as folded:
                    for last in folded:
                        if progress is not None:
                            progress(last, end)
            total += last
            with self._database.writing() as connection:
                for made in self._made:
                    begin(connection, made, partition, last)
        return total

    def _must_compare(self) -> None:
        self._database.prepare()
        with self._database.writing() as connection:
            there = self._live(connection)
            for kind in self._kinds:
                if kind.name in there:
                    live(connection, kind)

    def _kept(self) -> dict[int, list[BulkSource]]:
        """The archives by partition. Raises ForeignArchive where one is not the beginning of the log."""
        kept: dict[int, list[BulkSource]] = {}
        for archive in self._archives:
            with archive.snapshot() as found:
                kept[found.partition] = [archive]
                digest = _digest(found, found.head)
                for reader in self._readers:
                    with reader.snapshot() as log:
                        if log.partition == found.partition and _digest(log, found.head) == digest:
                            break
                else:
                    raise ForeignArchive(f"partition {found.partition}: the archive is not of this log")
        return kept

    def _in_bulk(self, log: Bulk, start: int, end: int) -> Generator[int]:
        """Folds the events from one ordinal through another, as far as there are any, and tells how far it is."""
        from projections import columnar  # slow to import

        extent = columnar.Extent(start, end, self._size)
        dialect = self._database.engine.dialect.name
        with closing(columnar.chunks(log, self._made, extent, dialect)) as chunks:
            for chunk in chunks:
                publish(chunk.rest, self._book)
                with self._database.writing() as connection:
                    columnar.take_in(connection, self._made, log.partition, chunk, self._book)
                yield chunk.last

    def _fold(self, connection: Connection, partition: int, events: Sequence[Recorded]) -> None:
        publish(events, self._book)
        changes = Changes()
        for made in self._made:
            made.fold(Batch(partition, events, connection, self._book), changes)
        changes.write(connection)

    def _follow(self, connection: Connection) -> None:
        """Takes in what the live generations have taken in meanwhile, and keeps them from going on."""
        if not self._database.is_sqlite:
            connection.execute(sa.select(POSITIONS).with_for_update())
        reached = _reached(connection, self._made)
        live = _positions(connection)
        for reader in self._readers:
            with reader.snapshot() as log:
                start, end = reached.get(log.partition, 0), live.get(log.partition, 0)
                for batch in batches(log, start + 1, self._size):
                    events = _through(batch, end)
                    if not events:
                        break
                    self._fold(connection, log.partition, events)
                    for made in self._made:
                        connection.execute(
                            sa.update(POSITIONS)
                            .where(_own(made), POSITIONS.c.partition == log.partition)
                            .values(ordinal=events[-1].ordinal)
                        )

    def _live(self, connection: Connection) -> dict[str, int]:
        return {row[0]: row[1] for row in connection.execute(sa.select(GENERATIONS))}

    def _drop(self, old: Sequence[tuple[Projection, int]]) -> None:
        """Drops what nobody reads any more; what somebody still reads, the next rebuild drops."""
        with self._database.writing() as connection:
            for made, generation in old:
                connection.execute(sa.delete(POSITIONS).where(_own(type(made)(generation))))
        with suppress(DatabaseUnreachable), self._database.writing() as connection:
            self._database.lock(connection)
            self._database.lock_readers_out(connection)
            for made, generation in old:
                _drop_tables(connection, made.name, generation)


def _drop_tables(connection: Connection, name: str, generation: int) -> None:
    """Drops the tables of a generation, whichever release has made them."""
    for table in sa.inspect(connection).get_table_names():
        if table.startswith(f"{name}_") and table.endswith(f"_{generation}"):
            connection.exec_driver_sql(f"DROP TABLE {table}")


def _digest(log: Bulk, ordinal: int) -> bytes | None:
    found = next(log.events(ordinal), None)
    return None if found is None or found.ordinal != ordinal else found.digest


def _through(events: Sequence[Recorded], end: int) -> list[Recorded]:
    return [found for found in events if found.ordinal <= end]


def _positions(connection: Connection) -> dict[int, int]:
    """The position of the live generations by partition."""
    places = places_of(connection)
    return {partition: max(place.ordinal for place in found) for partition, found in places.items()}


def _own(made: Projection) -> sa.ColumnElement[bool]:
    columns = POSITIONS.c
    return sa.and_(columns.projection == made.name, columns.generation == made.generation)


def _reached(connection: Connection, made: Sequence[Projection]) -> dict[int, int]:
    found = sa.select(POSITIONS.c.partition, POSITIONS.c.ordinal).where(_own(made[0]))
    return {row[0]: row[1] for row in connection.execute(found)}


def _put_live(connection: Connection, made: Projection) -> None:
    row = {"generation": made.generation, "version": made.version}
    which = GENERATIONS.c.projection == made.name
    if connection.execute(sa.update(GENERATIONS).where(which).values(row)).rowcount == 0:
        connection.execute(sa.insert(GENERATIONS).values(projection=made.name, **row))


def _compared(connection: Connection, live: Projection, made: Projection) -> list[Checked]:
    found = []
    for old, new in zip(live.metadata.sorted_tables, made.metadata.sorted_tables, strict=True):
        one, other = (sa.select(*table.columns) for table in (old, new))
        rows = connection.execute(sa.select(sa.func.count()).select_from(old)).scalar_one()
        differing = []
        for left, right in ((one, other), (other, one)):
            rest = sa.except_(left, right).subquery()
            differing.append(connection.execute(sa.select(sa.func.count()).select_from(rest)).scalar_one())
        found.append(Checked(old.name.rpartition("_")[0], rows, *differing))
    return found
