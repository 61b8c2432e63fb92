"""Mirrors of a log on Kafka that read on whenever they are asked: what answers questions, and is verified or copied."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from ledger.errors import CommitUncertain, LogDamaged
from ledger.progress import Progress
from ledger.store.copying import CopyRefused
from ledger.store.copying_kafka import fence, must_await_nothing
from ledger.store.kafka import mirror, topics
from ledger.store.kafka.connection import KafkaSettings
from ledger.store.kafka.follower import Follower
from ledger.store.kafka.mirror import Mirror
from ledger.store.kafka.origin import as_made
from ledger.store.kafka.schema_ids import known_ids
from ledger.store.partitioning import partition_of
from ledger.store.reading import SqliteReader, SqliteSnapshot
from ledger.wiring.kafka_access import own_mirrors
from ledger.wiring.settings import Settings

_SLICE = 0.2
"""Seconds that mirrors read on before progress is told."""

_UNDER_WAY = 60.0
"""Seconds after which a writer's transaction that was under way has surely ended, by the broker where it was left."""
_HELD_BACK = (
    "partition {}: somebody's transaction has been open for {:g} s, and what was recorded behind it is not seen before"
    " it ends: see kafka-transactions.sh describe-producers"
)


class Followed:
    """Mirrors of every partition, which read on whenever they are asked; without `answers` they have events only.

    `grown`: topics may have been given more partitions since the log was made, which hold nothing of it.
    """

    def __init__(self, log: KafkaSettings, *, answers: bool = True, grown: bool = False) -> None:
        self.settings = log
        self._answers = answers
        self._incarnation = topics.ensure(log, create=False, grown=grown)
        self._ids = known_ids(log)
        if grown:
            self._incarnation = as_made(log, self._incarnation, self._ids)
        self._lock = threading.RLock()
        self._follower: Follower | None = None
        self.mirrors: dict[int, Mirror] = {}
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    @property
    def partitions(self) -> int:
        """How many there are."""
        return self._incarnation.partitions

    @property
    def policies(self) -> str:
        """The id of the topic of policies; empty for whoever may not see it."""
        return self._incarnation.policies

    def partition_of(self, subject: str) -> int:
        """The partition of a subject."""
        return partition_of(subject, self.partitions)

    def answered(self) -> dict[int, int]:
        """By partition, the offset before which all commands are answered; read on by now.

        A partition is not named where no answer tells yet that the topic which is there is the one that was answered.
        """
        self.catch_up()
        there = self._incarnation.commands
        found = {partition: kept.offsets for partition, kept in self.mirrors.items()}
        return {one: offsets.commands for one, offsets in found.items() if offsets.commands_topic == there}

    def catch_up(self, progress: Progress | None = None, *, only: int | None = None) -> None:
        """Reads all that was committed before this was asked, even where that does not show yet.

        `only` is one partition, where the others are not asked for. A mirror that is unlike its topic is made again.
        Raises CommitUncertain where that does not come to show, for a transaction before it stays open.
        """
        with self._lock:
            try:
                self._catch_up(progress, only)
            except LogDamaged:
                self.close()
                for partition in range(self.partitions):
                    mirror.remove(self.settings.mirror(partition))
                self._open()
                self._catch_up(progress, only)

    def close(self) -> None:
        """Closes files and connections."""
        if self._follower is not None:
            self._follower.close()
            self._follower = None
        for kept in self.mirrors.values():
            kept.close()
        self.mirrors.clear()

    def readers(self, *, unknown_types: bool = False) -> list[MirrorReader]:
        """A reader of each partition, up to date whenever it is asked; of later releases' events too, if so wanted."""
        return [
            MirrorReader(self, partition, unknown_types=unknown_types) for partition in range(self.partitions)
        ]

    def _open(self) -> None:
        log, incarnation = self.settings, self._incarnation
        for partition in range(self.partitions):
            self.mirrors[partition] = mirror.opened(log, incarnation, partition, Mirror)
        self._follower = Follower(log, self._ids, answers=self._answers)
        self._follower.follow(self.mirrors)

    def _catch_up(self, progress: Progress | None, only: int | None) -> None:
        follower = self._follower
        if follower is None:
            raise LogDamaged("the mirrors are closed")
        done = 0
        waiting = set(self.mirrors) if only is None else {only}
        written, until = follower.written(waiting), time.monotonic() + _UNDER_WAY
        while waiting := follower.behind(waiting, written):
            if time.monotonic() > until and not follower.behind(waiting):  # all that shows was read
                raise CommitUncertain(_HELD_BACK.format(", ".join(map(str, sorted(waiting))), _UNDER_WAY))
            done += follower.advance(_SLICE)
            if progress is not None:
                progress(done, 0)


class MirrorReader:
    """Reads the mirror of one partition, after it has read all that is committed."""

    def __init__(self, followed: Followed, partition: int, *, unknown_types: bool = False) -> None:
        self.partition = partition
        self._followed = followed
        file = followed.settings.mirror(partition)
        self._reader = SqliteReader(file, partition, unknown_types=unknown_types, mirrored=True)

    @property
    def path(self) -> Path:
        """The mirror's file."""
        return self._reader.path

    @contextmanager
    def snapshot(self) -> Iterator[SqliteSnapshot]:
        """The partition as it stands now."""
        self._followed.catch_up(only=self.partition)
        with self._reader.snapshot() as log:
            yield log


@contextmanager
def followed(settings: Settings) -> Iterator[Followed]:
    """Mirrors of the log that is set, for questions. Raises LogUnreachable, LogMissing or SettingsInvalid."""
    with own_mirrors(settings, "reader") as log, closing(Followed(log)) as mirrors:
        yield mirrors


@contextmanager
def followed_as_made(settings: Settings) -> Iterator[Followed]:
    """The same of a log whose topics may have been given more partitions. Raises like `followed`."""
    with own_mirrors(settings, "reader") as log, closing(Followed(log, grown=True)) as mirrors:
        yield mirrors


@contextmanager
def at_rest(settings: Settings) -> Iterator[Followed]:
    """Mirrors of a log whose writers are fenced, and which has answered all that was asked of it.

    Topics may have been given more partitions.

    Raises CopyRefused where commands wait, and at the end where something was written meanwhile.
    """
    with own_mirrors(settings, "reader") as log, closing(Followed(log, grown=True)) as mirrors:
        for partition in range(mirrors.partitions):
            fence(log, partition, mirrors.partitions)
        mirrors.catch_up()
        reached = {partition: kept.offsets for partition, kept in mirrors.mirrors.items()}
        for partition, offsets in reached.items():
            must_await_nothing(log, partition, offsets.on(mirrors.policies))
        yield mirrors
        mirrors.catch_up()
        for partition, kept in mirrors.mirrors.items():
            must_await_nothing(log, partition, kept.offsets.on(mirrors.policies))
            if kept.offsets != reached[partition]:
                raise CopyRefused(f"partition {partition} was written meanwhile: stop all writers first")


@contextmanager
def followed_events(settings: Settings) -> Iterator[Followed]:
    """Mirrors that have the events alone, which is all that projections are made of. Raises like `followed`."""
    with own_mirrors(settings, "projector") as log, closing(Followed(log, answers=False)) as mirrors:
        yield mirrors
