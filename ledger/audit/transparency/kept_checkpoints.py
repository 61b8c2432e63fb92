"""A log held against checkpoints that somebody kept: whether it is still the one that was signed, and where it is not.

Whoever holds the database can make every digest again; the signatures are of what the digests were. Where the tiles are
at hand the first leaf that differs is named, else between which checkpoints it lies.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from ledger.audit.transparency.checkpoint import Checkpoint, verified
from ledger.audit.transparency.checkpointing import TOP
from ledger.audit.transparency.heads import HeadsTree, heads_in
from ledger.audit.transparency.leaves import KINDS, Leaves
from ledger.audit.transparency.merkle import range_root
from ledger.audit.transparency.note import Verifier
from ledger.audit.transparency.published import EntryTree, PublishedTree
from ledger.audit.transparency.tiles import Frontier
from ledger.errors import CheckpointInvalid, CheckpointMismatch
from ledger.figures import grouped
from ledger.store.reading import SqliteSnapshot


class HeldCheckpoint(NamedTuple):
    """What became of a checkpoint: None where the log is the one that it speaks of, else what is wrong."""

    checkpoint: Checkpoint
    wrong: str | None

    def to_json(self) -> dict[str, Any]:
        """The answer, field by field."""
        origin, size, root = self.checkpoint
        return {
            "origin": origin,
            "size": size,
            "root": root.hex(),
            "holds": self.wrong is None,
            "wrong": self.wrong,
        }


def checked(
    logs: Sequence[SqliteSnapshot],
    notes: Iterable[bytes],
    trusted: Sequence[Verifier],
    *,
    folder: Path | None = None,
) -> list[HeldCheckpoint]:
    """Holds a log against checkpoints, each of which a trusted key signed; `folder` has the tiles that were published.

    Raises CheckpointInvalid where one is none, LogDamaged where the log cannot be read.
    """
    checkpoints = [verified(note, trusted) for note in notes]
    found: list[HeldCheckpoint] = []
    for origin in dict.fromkeys(checkpoint.origin for checkpoint in checkpoints):
        own = sorted((one for one in checkpoints if one.origin == origin), key=lambda one: one.size)
        found += _checked_one(origin, own, logs, trusted, folder)
    return found


def _checked_one(
    origin: str,
    checkpoints: Sequence[Checkpoint],
    logs: Sequence[SqliteSnapshot],
    trusted: Sequence[Verifier],
    folder: Path | None,
) -> Iterator[HeldCheckpoint]:
    """The checkpoints of one tree, by their sizes."""
    tree = origin.rpartition("/")[2]
    published = None if folder is None else _published(folder, origin, trusted)
    if tree == TOP:
        yield from _checked_top(checkpoints, published, logs)
        return
    name, _, number = tree.partition("-")
    log = next((log for log in logs if str(log.partition) == number), None)
    kind = next((kind for kind in KINDS if kind.name == name), None)
    if log is None or kind is None:
        raise CheckpointInvalid(f"{origin}: this log has no such tree")
    yield from _Held(log, kind, published).against(checkpoints)


class _Held:
    """A partition's events or decisions, held against checkpoints."""

    def __init__(self, log: SqliteSnapshot, kind: Leaves, published: PublishedTree | None) -> None:
        self._log, self._kind, self._published = log, kind, published
        self._count = kind.count(log)
        self._good = 0
        """How many leaves are as they were signed."""

    def against(self, checkpoints: Sequence[Checkpoint]) -> Iterator[HeldCheckpoint]:
        """What became of each checkpoint, the smallest first."""
        frontier = Frontier()
        for checkpoint in checkpoints:
            size = min(checkpoint.size, self._count)
            for hashes in self._kind.hashes(self._log, frontier.size, size):
                frontier.append(hashes)
            if size == checkpoint.size and frontier.root() == checkpoint.root:
                self._good = size
                yield HeldCheckpoint(checkpoint, None)
            else:
                yield HeldCheckpoint(checkpoint, self._wrong(checkpoint))

    def _wrong(self, checkpoint: Checkpoint) -> str:
        """What is wrong, and where first."""
        log, kind, size = self._log, self._kind, checkpoint.size
        unlike = self._first_unlike(checkpoint)
        if unlike is not None:
            return f"{kind.place(log, unlike)} is not the one that was signed"
        if self._count < size:
            where = f"{grouped(self._count)} {kind.name} in partition {log.partition}"
            return f"{log.path}: it has {where}, and {grouped(size)} were signed"
        last = f"{log.partition}:{size}"
        return f"{kind.place(log, self._good)}, or one after it up to {last}, is not as it was signed"

    def _first_unlike(self, checkpoint: Checkpoint) -> int | None:
        """The first leaf that is not as it was published, where that is of this checkpoint."""
        if self._published is None or not _speaks_of(self._published, checkpoint):
            return None
        index = self._good
        for hashes in self._kind.hashes(self._log, index, min(checkpoint.size, self._count)):
            for hash_ in hashes:
                if self._published.tree.node(0, index) != hash_:
                    return index
                index += 1
        return None


def _checked_top(
    checkpoints: Sequence[Checkpoint], published: PublishedTree | None, logs: Sequence[SqliteSnapshot]
) -> Iterator[HeldCheckpoint]:
    for checkpoint in checkpoints:
        if not isinstance(published, EntryTree):
            wrong: str | None = "of the log of checkpoints its own folder tells: it was not given"
        elif not _speaks_of(published, checkpoint):
            wrong = "the folder's log of checkpoints is another"
        else:
            wrong = _first_close_unlike(islice(published.entries(), checkpoint.size), logs)
        yield HeldCheckpoint(checkpoint, wrong)


def _first_close_unlike(entries: Iterable[bytes], logs: Sequence[SqliteSnapshot]) -> str | None:
    """Of the last close that was signed of each partition: whether its subjects stood where it says."""
    told = {heads.partition: heads for heads in map(heads_in, entries) if heads is not None}
    for log in logs:
        heads = told.get(log.partition)
        if heads is not None and HeadsTree(log, heads.close).summary != heads:
            return (
                f"{log.path}: its subjects did not stand at the close of {heads.close.day} as it was signed"
            )
    return None


def _speaks_of(published: PublishedTree, checkpoint: Checkpoint) -> bool:
    """Whether a checkpoint is of a tree that was published, or of its beginning."""
    size = checkpoint.size
    return size <= published.checkpoint.size and range_root(published.tree.node, 0, size) == checkpoint.root


def _published(folder: Path, origin: str, trusted: Sequence[Verifier]) -> PublishedTree | None:
    """The tree of an origin as it lies in a folder of checkpoints; None where it does not."""
    for place in sorted(folder.glob(f"[1-9]*/{origin.rpartition('/')[2]}")):
        made = EntryTree if place.name == TOP else PublishedTree
        try:
            return made(place, origin, trusted)
        except CheckpointMismatch:  # of another beginning
            continue
    return None
