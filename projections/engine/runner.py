"""The one loop of all projections: read a batch, fold it, write rows and positions in one transaction.

The database's position counts. It is moved on only from where it was read; whoever comes second on the same batch
finds it moved, writes nothing, and goes on from there. So several runners do no harm, and share partitions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing

from ledger.domain.terms_book import TermsBook
from ledger.errors import LedgerError, LogDamaged, SchemaUnknown
from ledger.progress import Progress
from projections.engine.changes import Changes
from projections.engine.database import Database
from projections.engine.database_transactions import Transaction
from projections.engine.generations import (
    Overtaken,
    begin,
    generations,
    in_turn,
    live,
    move,
    positions_by_partition,
)
from projections.engine.log_identity import digest_of, mark, must_be_of
from projections.engine.partition_facts import PartitionFacts
from projections.engine.projection import FoldBatch, Projection, ProjectionsByName, publish
from projections.engine.reader import BulkReader, BulkSnapshot, LogSnapshot, Recorded

BATCH = 2000
"""Events that one transaction takes in."""

IN_BULK = 5000
"""Events behind the log from which on a runner takes them in by columns, as a rebuild does."""
CHUNK = 20_000
"""Events that one transaction takes in by columns."""


class Runner:
    """Keeps projections up to date with a log, or with the partitions of one that its readers read.

    Raises DatabaseUnreachable, DatabaseFull, DatabaseFormatUnknown, DatabaseDamaged, LogMismatch, or what keeps
    the log from being read. Whatever it raised, it begins the next time with what the database has.
    """

    def __init__(  # noqa: PLR0913 - the log, what to make of it, and how much at once
        self,
        database: Database,
        readers: Sequence[BulkReader],
        projections: ProjectionsByName,
        *,
        size: int = BATCH,
        in_bulk: int = IN_BULK,
        chunk: int = CHUNK,
    ) -> None:
        self.database = database
        self._readers = readers
        self._kinds = projections
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
            self._projections = [live(connection, kind) for kind in self._kinds.values()]
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
        from projections.engine import bulk_folding  # slow to import

        made, partition = self._projections, log.partition
        ordinals = bulk_folding.OrdinalRange(start + 1, log.head, self._chunk)
        dialect = self.database.backend.dialect
        with closing(bulk_folding.chunks(log, made, ordinals, dialect, self._book)) as chunks:
            for chunk in chunks:
                publish(chunk.rest, self._book)
                with self.database.writing() as connection:
                    for projection in in_turn(made):
                        move(connection, projection, partition, start, chunk.last)
                    mark(connection, partition, chunk.last, digest_of(log, chunk.last))
                    bulk_folding.take_in(connection, made, partition, chunk, self._book)
                start = chunk.last
                yield start

    def fold(self, partition: int, events: Sequence[Recorded], positions: dict[str, int]) -> None:
        """Takes in a batch, and moves the positions on from those stated. Raises Overtaken where they are not so."""
        publish(events, self._book)
        changes = Changes()
        with self.database.writing() as connection:
            for projection in in_turn(self._projections):
                move(connection, projection, partition, positions[projection.name], events[-1].ordinal)
            mark(connection, partition, events[-1].ordinal, events[-1].digest)
            for projection in self._projections:
                position = positions[projection.name]
                own = events
                if position >= events[0].ordinal:
                    own = [found for found in events if found.ordinal > position]
                projection.fold(FoldBatch(partition, own, connection, self._book), changes)
            changes.write(connection)

    def _positions(self, reader: BulkReader, log: BulkSnapshot) -> dict[str, int]:
        """Where the projections stand. What is remembered from before is of use only where this runner left them.

        Raises Overtaken where other generations are live by now, LogMismatch where they are of another log.
        """
        partition = log.partition
        if partition not in self._left:
            self._begin(partition)
        with self.database.reading() as connection:
            stand = {one.projection: one for one in positions_by_partition(connection).get(partition, [])}
            positions = {}
            for made in self._projections:
                position = stand.get(made.name)
                if position is None or position.generation != made.generation:
                    raise Overtaken
                positions[made.name] = position.ordinal
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

    def _recall(self, connection: Transaction) -> None:
        """Reads what others may have taken in: the terms now, everything else when it is needed."""
        for projection in self._projections:
            projection.forget()
            if isinstance(projection, PartitionFacts):
                projection.publish(connection, self._book)


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
