"""The heads of a partition's streams at a day's close, as a tree: which event was each stream's last.

A proof that an event is in a log does not say that nothing came after it. Its place in this tree does; and two
neighbours in it prove that a stream between them had no events (sorted by id, in the order of their UTF-8 bytes).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from datetime import date
from typing import NamedTuple

from ledger.audit.transparency.merkle import inclusion, leaf_hash, node_hash, root_of
from ledger.domain.calendar import Zone
from ledger.errors import LogDamaged
from ledger.store.layout import intelligible
from ledger.store.reading import SqliteSnapshot


class Head(NamedTuple):
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


def heads(log: SqliteSnapshot, ordinal: int) -> Iterator[Head]:
    """The heads as they were at an event, in their order. Raises LogDamaged where one has no digest."""
    statement = (
        "SELECT originator_id, max(originator_version), digest FROM stored_events WHERE ordinal<=?"
        " GROUP BY originator_id ORDER BY originator_id"
    )
    with intelligible(log.path):
        for id_, version, digest in log.connection.execute(statement, (ordinal,)):
            if type(digest) is not bytes:
                raise LogDamaged(f"{log.path}: {id_} version {version} has no digest")
            yield Head(id_, version, digest)


def at_close(log: SqliteSnapshot, close: Close) -> Heads:
    """The tree of heads at a day's close."""
    count = 0

    def leaves() -> Iterator[bytes]:
        nonlocal count
        for head in heads(log, close.ordinal):
            count += 1
            yield leaf_hash(head.entry)

    root = root_of(leaves())
    return Heads(log.partition, close, count, root)


class Placed(NamedTuple):
    """A stream's head with its proof in the tree, or, where it has none, its neighbours with theirs."""

    heads: tuple[tuple[Head, int, tuple[bytes, ...]], ...]
    """Each with its index and its proof."""


def placed(log: SqliteSnapshot, close: Close, stream: str) -> Placed:
    """Proves a stream's head at a day's close, or that it had none then."""
    all_ = list(heads(log, close.ordinal))
    index = bisect_left(all_, stream.encode(), key=lambda head: head.stream.encode())
    there = index < len(all_) and all_[index].stream == stream
    chosen = [index] if there else [number for number in (index - 1, index) if 0 <= number < len(all_)]
    nodes = _nodes([leaf_hash(head.entry) for head in all_])
    return Placed(
        tuple((all_[number], number, tuple(inclusion(nodes, number, len(all_)))) for number in chosen)
    )


class _nodes:  # noqa: N801 - it is a function with a memory
    """The hashes of complete subtrees over leaves in memory."""

    def __init__(self, leaves: Sequence[bytes]) -> None:
        self._levels = [list(leaves)]
        while len(self._levels[-1]) > 1:
            pairs = iter(self._levels[-1])
            self._levels.append([node_hash(left, right) for left, right in zip(pairs, pairs, strict=False)])

    def __call__(self, height: int, index: int) -> bytes:
        return self._levels[height][index]
