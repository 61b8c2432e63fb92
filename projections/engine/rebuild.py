"""Rebuilding projections: new tables beside the live ones, and one row changed to swap them.

Readers look up the live generation in the transaction that they read in, so they never see a gap. A live runner goes
on meanwhile; what it has taken in since is taken in here before the swap.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Sequence
from contextlib import closing, suppress
from typing import ClassVar, NamedTuple

from ledger.domain.terms_book import TermsBook
from ledger.errors import DatabaseUnreachable, QueryRefused
from ledger.progress import Progress
from projections.engine.changes import Changes
from projections.engine.database import GENERATIONS, LOGS, POSITIONS, Database
from projections.engine.database_transactions import Transaction
from projections.engine.generations import (
    FIRST,
    begin,
    drop_tables,
    generations,
    live,
    positions_by_partition,
)
from projections.engine.log_identity import digest_of, mark, must_be_of
from projections.engine.projection import FoldBatch, Projection, ProjectionsByName, publish
from projections.engine.reader import Bulk, BulkReader, BulkSource, Recorded
from projections.engine.runner import batches
from projections.engine.sql import except_, select
from projections.engine.sql_expressions import Expression, and_, func
from projections.engine.sql_tables import delete, insert, update

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

    def __init__(  # noqa: PLR0913 - the log, its archives, and what to make of it
        self,
        database: Database,
        readers: Sequence[BulkReader],
        projections: ProjectionsByName,
        names: Collection[str] = (),
        *,
        archives: Sequence[BulkSource] = (),
        size: int = BATCH,
    ) -> None:
        unknown = sorted(set(names) - projections.keys())
        if unknown:
            raise UnknownProjection(
                f"no projection is named {unknown[0]}; there are {', '.join(projections)}"
            )
        self._database = database
        self._readers = readers
        self._archives = archives
        self._kinds = [kind for name, kind in projections.items() if name in names or not names]
        self._anew = len(self._kinds) == len(projections)
        self._size = size
        self._book = TermsBook()
        self._made: list[Projection] = []

    def swap(self, progress: Progress | None = None) -> int:
        """Rebuilds, and puts what was rebuilt in the place of what was live; returns the number of events.

        Raises LogMismatch where only some are rebuilt, and what is live was made of another log.
        """
        with self._database.rebuilding():
            self._database.prepare()
            if not self._anew:
                self._must_match()
            total = self._make(progress)
            with self._database.writing() as connection:
                self._database.lock(connection)
                reached = self._follow(connection)
                before = generations(connection)
                old = [type(made)(before[made.name]) for made in self._made if made.name in before]
                for made in self._made:
                    _put_live(connection, made)
                _forget(connection, old)  # so that no runner goes on with them
                if self._anew:
                    connection.execute(delete(LOGS))
                for partition, ordinal, digest in reached:
                    mark(connection, partition, ordinal, digest)
            self._drop(old)
        return total

    def check(self, progress: Progress | None = None) -> list[Checked]:
        """Rebuilds, compares every row with the live ones at the same position, and swaps nothing.

        Raises DatabaseFormatUnknown where the live ones are of another release, LogMismatch where of another log.
        """
        with self._database.rebuilding():
            self._database.prepare()
            self._must_compare()
            self._must_match()
            self._make(progress)
            try:
                found = self._compare()
            except (
                Exception
            ):  # after Ctrl-C its lock is still held; then the next rebuild drops what was made
                self._discard()
                raise
            self._discard()
            return found

    def _compare(self) -> list[Checked]:
        with self._database.writing() as connection:
            self._database.lock(connection)
            self._follow(connection)
            before = generations(connection)
            return [
                checked
                for made in self._made
                if made.name in before
                for checked in _compared(connection, type(made)(before[made.name]), made)
            ]

    def _discard(self) -> None:
        with self._database.writing() as connection:
            _forget(connection, self._made)
        self._drop(self._made)

    # --- making -------------------------------------------------------------------------------------------------------

    def _make(self, progress: Progress | None) -> int:
        with self._database.writing() as connection:
            self._database.lock(connection)
            before = generations(connection)
            self._made = [kind(before.get(kind.name, FIRST) + 1) for kind in self._kinds]
            for made in self._made:
                drop_tables(
                    connection, type(made), made.generation - 2
                )  # which a reader was still using then
                drop_tables(
                    connection, type(made), made.generation
                )  # of a rebuild that did not come to its end
                made.metadata.create_all(connection)
            _forget(connection, self._made)
        with self._database.reading() as connection:
            reached = _positions(connection)
        archives = self._kept()
        total = 0
        for reader in self._readers:
            with reader.snapshot() as log:
                partition, last, end = log.partition, 0, min(reached.get(log.partition, log.head), log.head)
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
        with self._database.writing() as connection:
            there = generations(connection)
            for kind in self._kinds:
                if kind.name in there:
                    live(connection, kind)

    def _must_match(self) -> None:
        for reader in self._readers:
            with reader.snapshot() as log, self._database.reading() as connection:
                must_be_of(connection, reader, log)

    def _kept(self) -> dict[int, list[BulkSource]]:
        """The archives by partition. Raises ForeignArchive where one is not the beginning of the log."""
        kept: dict[int, list[BulkSource]] = {}
        for archive in self._archives:
            with archive.snapshot() as found:
                kept[found.partition] = [archive]
                digest = digest_of(found, found.head)
                for reader in self._readers:
                    with reader.snapshot() as log:
                        if log.partition == found.partition and digest_of(log, found.head) == digest:
                            break
                else:
                    raise ForeignArchive(f"partition {found.partition}: the archive is not of this log")
        return kept

    def _in_bulk(self, log: Bulk, start: int, end: int) -> Generator[int]:
        """Folds the events from one ordinal through another, as far as there are any, and tells how far it is."""
        from projections.engine import bulk_folding  # slow to import

        ordinals = bulk_folding.OrdinalRange(start, end, self._size)
        dialect = self._database.backend.dialect
        with closing(bulk_folding.chunks(log, self._made, ordinals, dialect, self._book)) as chunks:
            for chunk in chunks:
                publish(chunk.rest, self._book)
                with self._database.writing() as connection:
                    bulk_folding.take_in(connection, self._made, log.partition, chunk, self._book)
                yield chunk.last

    def _fold(self, connection: Transaction, partition: int, events: Sequence[Recorded]) -> None:
        publish(events, self._book)
        changes = Changes()
        for made in self._made:
            made.fold(FoldBatch(partition, events, connection, self._book), changes)
        changes.write(connection)

    def _follow(self, connection: Transaction) -> list[tuple[int, int, bytes]]:
        """Takes in what the live generations have taken in meanwhile, and keeps them from going on.

        Returns (partition, ordinal, digest) of the last events taken in.
        """
        if not self._database.is_sqlite:
            columns = POSITIONS.c  # in the order that runners move them in
            connection.execute(select(*POSITIONS.c).order_by(columns.projection).with_for_update())
        reached = _reached(connection, self._made)
        live = _positions(connection)
        last = []
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
                            update(POSITIONS)
                            .where(_own(made), POSITIONS.c.partition == log.partition)
                            .values(ordinal=events[-1].ordinal)
                        )
                    start = events[-1].ordinal
                digest = digest_of(log, start)
                if digest is not None:
                    last.append((log.partition, start, digest))
        return last

    def _drop(self, old: Sequence[Projection]) -> None:
        """Drops what nobody reads any more; what somebody still reads, the next rebuild drops."""
        with suppress(DatabaseUnreachable), self._database.writing() as connection:
            self._database.lock(connection)
            self._database.lock_readers_out(connection)
            for made in old:
                drop_tables(connection, type(made), made.generation)


def _forget(connection: Transaction, old: Sequence[Projection]) -> None:
    for made in old:
        connection.execute(delete(POSITIONS).where(_own(made)))


def _through(events: Sequence[Recorded], end: int) -> list[Recorded]:
    return [found for found in events if found.ordinal <= end]


def _positions(connection: Transaction) -> dict[int, int]:
    """The position of the live generations by partition."""
    found = positions_by_partition(connection)
    return {partition: max(one.ordinal for one in several) for partition, several in found.items()}


def _own(made: Projection) -> Expression:
    columns = POSITIONS.c
    return and_(columns.projection == made.name, columns.generation == made.generation)


def _reached(connection: Transaction, made: Sequence[Projection]) -> dict[int, int]:
    found = select(POSITIONS.c.partition, POSITIONS.c.ordinal).where(_own(made[0]))
    return {row[0]: row[1] for row in connection.execute(found)}


def _put_live(connection: Transaction, made: Projection) -> None:
    row = {"generation": made.generation, "version": made.version}
    which = GENERATIONS.c.projection == made.name
    if connection.execute(update(GENERATIONS).where(which).values(**row)).rowcount == 0:
        connection.execute(insert(GENERATIONS).values(projection=made.name, **row))


def _compared(connection: Transaction, live: Projection, made: Projection) -> list[Checked]:
    found = []
    for old, new in zip(live.metadata.sorted_tables, made.metadata.sorted_tables, strict=True):
        one, other = (select(*table.columns) for table in (old, new))
        rows = connection.execute(select(func.count()).select_from(old)).scalar()
        differing = []
        for left, right in ((one, other), (other, one)):
            rest = except_(left, right).subquery()
            differing.append(connection.execute(select(func.count()).select_from(rest)).scalar())
        found.append(Checked(old.name.rpartition("_")[0], rows, *differing))
    return found
