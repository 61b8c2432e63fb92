"""The heads of a partition's streams at a day's close, as a tree: which event was each stream's last.

A proof that an event is in a log does not say that nothing came after it. Its place in this tree does; and two
neighbours in it prove that a stream between them had no events (sorted by id, in the order of their UTF-8 bytes).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

from ledger.audit.transparency.merkle import inclusion, leaf_hash, node_hash, range_root
from ledger.domain.calendar import Zone
from ledger.errors import LogDamaged
from ledger.store.layout import intelligible
from ledger.store.reading import SqliteSnapshot


class StreamHead(NamedTuple):
    """The last event of a stream: its version, and the digest that covers all before it."""

    stream: str
    version: int
    digest: bytes

    @property
    def entry(self) -> bytes:
        """The leaf's data."""
        return f"{self.stream}\n{self.version}\n{self.digest.hex()}\n".encode()


class Close(NamedTuple):
    """The close of a partition's day: the event that closed it, by its ordinal."""

    day: date
    ordinal: int


class Heads(NamedTuple):
    """The heads of a partition at a day's close."""

    partition: int
    close: Close
    streams: int
    root: bytes

    @property
    def entry(self) -> bytes:
        """The leaf that stands for them in the log of checkpoints."""
        day, ordinal = self.close
        return f"heads\n{self.partition}\n{day}\n{ordinal}\n{self.streams}\n{self.root.hex()}\n".encode()


def last_close(log: SqliteSnapshot, zone: Zone) -> Close | None:
    """The last local day through which a partition is closed, and the first event that closed it; None: no day is."""
    through = log.closed_through
    if through is None:
        return None
    day = zone.day(through)
    ordinal = log.closed_from(zone.midnight(day))
    return None if ordinal is None else Close(day, ordinal)


def heads(log: SqliteSnapshot, ordinal: int) -> Iterator[StreamHead]:
    """The heads as they were at an event, in their order. Raises LogDamaged where one has no digest."""
    # The last versions stand in the index, which is read in its order; only of them the rows are read.
    statement = (
        "WITH last AS MATERIALIZED (SELECT originator_id AS id, max(originator_version) AS version FROM stored_events"
        " WHERE +ordinal<=? GROUP BY originator_id) SELECT id, version, digest FROM last"
        " JOIN stored_events ON originator_id=id AND originator_version=version ORDER BY id"
    )
    with intelligible(log.path):
        for id_, version, digest in log.connection.execute(statement, (ordinal,)):
            if type(digest) is not bytes:
                raise LogDamaged(f"{log.path}: {id_} version {version} has no digest")
            yield StreamHead(id_, version, digest)


class HeadsTree:
    """The heads of a partition at a day's close, all in memory."""

    def __init__(self, log: SqliteSnapshot, close: Close) -> None:
        """Raises LogDamaged like `heads`."""
        self.heads = list(heads(log, close.ordinal))
        self._levels = [[leaf_hash(head.entry) for head in self.heads]]
        while len(self._levels[-1]) > 1:
            pairs = iter(self._levels[-1])
            self._levels.append([node_hash(left, right) for left, right in zip(pairs, pairs, strict=False)])
        self.summary = Heads(
            log.partition, close, len(self.heads), range_root(self._node, 0, len(self.heads))
        )

    def placed(self, stream: str) -> list[tuple[StreamHead, int, list[bytes]]]:
        """A stream's head, its index and its proof; where it has none, those of its neighbours."""
        index = bisect_left(self.heads, stream.encode(), key=lambda head: head.stream.encode())
        there = index < len(self.heads) and self.heads[index].stream == stream
        chosen = [index] if there else [one for one in (index - 1, index) if 0 <= one < len(self.heads)]
        return [(self.heads[one], one, inclusion(self._node, one, len(self.heads))) for one in chosen]

    def _node(self, height: int, index: int) -> bytes:
        return self._levels[height][index]
