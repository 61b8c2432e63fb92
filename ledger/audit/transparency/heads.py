"""Where a partition's subjects stand at a day's close, as a tree: what was decided of each last, and what happened.

A proof that an event is in a log does not say that nothing came after it. The place of its subject in this tree does,
for its leaf names the last event of every stream that the subject has, and its last decision; and two neighbours in it
prove that nothing was known of a subject between them (sorted by id).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

from ledger.application.journal import NO_CHAIN
from ledger.audit.transparency.leaves import DECISIONS
from ledger.audit.transparency.merkle import inclusion, leaf_hash, node_hash, range_root
from ledger.domain.calendar import Zone
from ledger.domain.ids import subject_of
from ledger.errors import CheckpointInvalid, LogDamaged
from ledger.store.layout import intelligible
from ledger.store.reading import SqliteSnapshot


class StreamHead(NamedTuple):
    """The last event of a stream: its version, and the digest that covers all before it."""

    stream: str
    version: int
    digest: bytes


class SubjectHeads(NamedTuple):
    """Where a subject stands: its last journal entry (0: it has none), whose digest covers all before; its streams."""

    subject: str
    entry: int
    chain: bytes
    streams: tuple[StreamHead, ...]
    """All that it has, sorted by id."""

    @property
    def leaf(self) -> bytes:
        """The leaf's data: three lines of the subject, and three of each stream."""
        lines = [(self.subject, self.entry, self.chain), *self.streams]
        return "".join(f"{id_}\n{number}\n{digest.hex()}\n" for id_, number, digest in lines).encode()


class Close(NamedTuple):
    """The close of a partition's day: the event that closed it, by its ordinal."""

    day: date
    ordinal: int


class Heads(NamedTuple):
    """The heads of a partition at a day's close."""

    partition: int
    close: Close
    subjects: int
    root: bytes

    @property
    def entry(self) -> bytes:
        """The entry that stands for them in the log of checkpoints."""
        return heads_at(self.partition, self.close) + f"{self.subjects}\n{self.root.hex()}\n".encode()


def heads_at(partition: int, close: Close) -> bytes:
    """How the entry of a close begins; one that begins with `heads` is of before: of streams, without decisions."""
    return f"heads/2\n{partition}\n{close.day}\n{close.ordinal}\n".encode()


def heads_in(entry: bytes) -> Heads | None:
    """The heads that an entry of the log of checkpoints tells of; None where it tells of something else.

    Raises CheckpointInvalid where it is not made as such an entry is.
    """
    if not entry.startswith(b"heads/2\n"):
        return None
    try:
        _, partition, day, ordinal, subjects, root, _ = entry.decode().split("\n")
        close = Close(date.fromisoformat(day), int(ordinal))
        return Heads(int(partition), close, int(subjects), bytes.fromhex(root))
    except ValueError as error:
        raise CheckpointInvalid("an entry of the log of checkpoints tells of no heads") from error


def last_close(log: SqliteSnapshot, zone: Zone) -> Close | None:
    """The last local day through which a partition is closed, and the first event that closed it; None: no day is."""
    through = log.closed_through
    if through is None:
        return None
    day = zone.day(through)
    ordinal = log.closed_from(zone.midnight(day))
    return None if ordinal is None else Close(day, ordinal)


def heads(log: SqliteSnapshot, ordinal: int) -> Iterator[StreamHead]:
    """The heads of streams as they were at an event, in their order. Raises LogDamaged where one has no digest."""
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


def decided_before(log: SqliteSnapshot, ordinal: int) -> Iterator[tuple[str, int, bytes]]:
    """The last journal entry of each subject that was decided before an event, and its digest.

    Raises LogDamaged where one is missing or has no digest.
    """
    statement = (
        "WITH last AS MATERIALIZED (SELECT subject, max(entry) AS entry FROM journal WHERE +entry<=?"
        " GROUP BY subject) SELECT last.subject, last.entry, chain FROM last JOIN journal ON journal.entry=last.entry"
    )
    with intelligible(log.path):
        for subject, entry, chain in log.connection.execute(statement, (_entries_before(log, ordinal),)):
            if type(chain) is not bytes:
                raise LogDamaged(f"{DECISIONS.place(log, entry - 1)} has no digest")
            yield subject, entry, chain


def _entries_before(log: SqliteSnapshot, ordinal: int) -> int:
    """How many journal entries were decided before an event: each says where the log ended then, and none goes back."""

    def ended(entry: int) -> int:
        row = log.connection.execute("SELECT ordinal FROM journal WHERE entry=?", (entry,)).fetchone()
        if row is None:
            raise LogDamaged(f"{DECISIONS.place(log, entry - 1)} is missing")
        return int(row[0])

    return bisect_left(range(1, DECISIONS.count(log) + 1), ordinal, key=ended)


class HeadsTree:
    """The heads of a partition at a day's close, all in memory."""

    def __init__(self, log: SqliteSnapshot, close: Close) -> None:
        """Raises LogDamaged like `heads`."""
        decided = {subject: (entry, chain) for subject, entry, chain in decided_before(log, close.ordinal)}
        streams: dict[str, list[StreamHead]] = {subject: [] for subject in decided}
        for head in heads(log, close.ordinal):
            streams.setdefault(subject_of(head.stream), []).append(head)
        self.heads = [
            SubjectHeads(subject, *decided.get(subject, (0, NO_CHAIN)), tuple(streams[subject]))
            for subject in sorted(streams)
        ]
        self._levels = [[leaf_hash(head.leaf) for head in self.heads]]
        while len(self._levels[-1]) > 1:
            pairs = iter(self._levels[-1])
            self._levels.append([node_hash(left, right) for left, right in zip(pairs, pairs, strict=False)])
        self.summary = Heads(
            log.partition, close, len(self.heads), range_root(self._node, 0, len(self.heads))
        )

    def placed(self, subject: str) -> list[tuple[SubjectHeads, int, list[bytes]]]:
        """Where a subject stands, its index and its proof; where nothing is known of it, those of its neighbours."""
        index = bisect_left(self.heads, subject, key=lambda head: head.subject)
        there = index < len(self.heads) and self.heads[index].subject == subject
        chosen = [index] if there else [one for one in (index - 1, index) if 0 <= one < len(self.heads)]
        return [(self.heads[one], one, inclusion(self._node, one, len(self.heads))) for one in chosen]

    def _node(self, height: int, index: int) -> bytes:
        return self._levels[height][index]
