"""Mirrors of the partitions that others write, kept up so that a take-over reads only the tail."""

from __future__ import annotations

import time
from collections.abc import Collection

import structlog

from ledger.errors import LedgerError, MirrorFull
from ledger.store.kafka import mirror
from ledger.store.kafka.connection import KafkaSettings
from ledger.store.kafka.follower import Follower
from ledger.store.kafka.mirror import Mirror
from ledger.store.kafka.schema_ids import SchemaIds
from ledger.store.kafka.topics import Incarnation

_log = structlog.get_logger()

_EVERY = 0.5
"""Seconds between two looks at what others wrote."""
_SLICE = 0.05
"""Seconds that such a look takes at most."""
_CATCHING_UP = 0.5
"""Seconds that are given to what has to be caught up before the group is polled again."""
_LEFT_ALONE = 60.0
"""Seconds before a topic is read again that a mirror which was made anew could not be made of either."""


class Standby:
    """The mirrors of partitions that this process does not own."""

    def __init__(self, settings: KafkaSettings, ids: SchemaIds, incarnation: Incarnation) -> None:
        self._settings = settings
        self._ids = ids
        self._incarnation = incarnation
        self._mirrors: dict[int, Mirror] = {}
        self._follower: Follower | None = None
        self._is_followed = False
        """Whether the follower reads into these mirrors, from where they stand."""
        self._looked = 0.0
        self._thrown_away: dict[int, str] = {}
        """Why the mirror of a partition was thrown away last."""
        self._left_alone: dict[int, float] = {}
        """Partitions of which that was no cure, and until when; their topics are what is wrong."""
        self._refused: dict[int, LedgerError] = {}

    def close(self) -> None:
        """Closes mirrors and consumer."""
        if self._follower is not None:
            self._follower.close()
            self._follower = None
        self._is_followed = False
        for kept in self._mirrors.values():
            kept.close()
        self._mirrors.clear()

    def keep(self, partitions: Collection[int]) -> None:
        """Keeps mirrors of exactly these partitions, but for those that are left alone for a while."""
        now = time.monotonic()
        partitions = [one for one in partitions if self._left_alone.get(one, 0.0) <= now]
        if set(partitions) == set(self._mirrors):
            return
        self._is_followed = False
        for partition in set(self._mirrors) - set(partitions):
            self._mirrors.pop(partition).close()
        for partition in set(partitions) - set(self._mirrors):
            self._mirrors[partition] = mirror.opened(self._settings, self._incarnation, partition, Mirror)
        try:
            self._follow()
        except mirror.UNUSABLE as error:
            self._start_over(error)

    def refused(self) -> dict[int, LedgerError]:
        """Partitions that were found since this was asked last to be no log that anybody could go on with, and why."""
        refused, self._refused = self._refused, {}
        return refused

    def release(self, partition: int) -> None:
        """Lets go of one mirror, which its recorder is to open."""
        self.keep(set(self._mirrors) - {partition})

    def advance(self, *, wanted: Collection[int]) -> None:
        """Reads on: for long where partitions are wanted, else a little, and not each time."""
        now = time.monotonic()
        if not self._mirrors or (not wanted and now - self._looked < _EVERY):
            return
        self._looked = now
        try:
            self._follow().advance(_CATCHING_UP if wanted else _SLICE)
        except MirrorFull:
            self._is_followed = False  # what was read and not written is to be read again
            raise
        except mirror.UNUSABLE as error:
            self._start_over(error)

    def is_caught_up(self, partition: int) -> bool:
        """Whether the mirror of a partition has all that is committed now."""
        if self._follower is None or not self._is_followed or partition not in self._mirrors:
            return False
        try:
            return self._follower.is_caught_up(partition)
        except mirror.UNUSABLE as error:
            self._start_over(error)
            return False

    def answered(self, partition: int, source: str) -> int:
        """The next command of a partition from a source, as far as its mirror knows."""
        return 0 if self._follower is None else self._follower.answered(partition, source)

    def _follow(self) -> Follower:
        """Whoever could not be followed, for want of a broker or of room, is followed once that can be."""
        if self._follower is None:
            self._follower = Follower(self._settings, self._ids)
        if not self._is_followed:
            self._follower.follow(self._mirrors)
            self._is_followed = True
        return self._follower

    def _start_over(self, error: LedgerError) -> None:
        """Throws away the mirror that is not what it should be, or all of them where nobody knows which one that is.

        Where one that was made anew is not either, its topic is what is wrong: it is left alone, and the others go on.
        """
        reason = str(error)
        kept = list(self._mirrors)
        at = None if self._follower is None or not self._is_followed else self._follower.reading
        partitions = [at] if at in self._mirrors else kept
        _log.warning("mirrors thrown away", partitions=sorted(partitions), code=error.code, reason=reason)
        self._is_followed = False
        for partition in partitions:
            self._mirrors.pop(partition).close()
            mirror.remove(self._settings.mirror(partition))
            if partition == at and self._thrown_away.get(partition) == reason:
                self._left_alone[partition] = time.monotonic() + _LEFT_ALONE
                self._refused[partition] = error
            self._thrown_away[partition] = reason
        self.keep(kept)
