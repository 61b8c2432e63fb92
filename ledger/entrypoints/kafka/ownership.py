"""A writer's doubt whether it still holds what it serves: one that has nothing to write hears of no other writer.

It looks once in a while. One look only makes it say that it is not ready: the group may be about to take the partition
away in order, or the member has come to a standstill, which takes two sessions to notice.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from ledger.entrypoints.kafka.served_partition import OwnedPartition
from ledger.store.kafka.connection import KafkaSettings
from ledger.store.kafka.producer_epochs import ProducerEpochs

_LOOKS = 3
"""Looks in a row at which another writer has a partition, after which this one has lost it for good."""


class Ownership:
    """Looks every so many seconds."""

    def __init__(self, settings: KafkaSettings, every: float) -> None:
        self._epochs = ProducerEpochs(settings)
        self._every = every
        self._looks_next = time.monotonic() + every
        self._was_answered = True
        self._doubted: dict[int, int] = {}
        """Partitions that another writer had at the last look, and at how many looks in a row."""

    def close(self) -> None:
        """Leaves the broker."""
        self._epochs.close()

    @property
    def is_sure(self) -> bool:
        """Whether the broker answered at the last look, and no other writer had one of the partitions."""
        return self._was_answered and not self._doubted

    def lost(self, owned: Mapping[int, OwnedPartition]) -> list[int]:
        """The partitions that another writer has had for some looks. Raises what keeps the broker from saying so."""
        self._doubted = {partition: looks for partition, looks in self._doubted.items() if partition in owned}
        now = time.monotonic()
        if now < self._looks_next:
            return []
        self._looks_next = now + self._every
        self._was_answered = False
        self._doubted = {
            partition: self._doubted.get(partition, 0) + 1
            for partition in owned
            if self._is_taken(owned[partition])
        }
        self._was_answered = True
        return [partition for partition, looks in self._doubted.items() if looks >= _LOOKS]

    def _is_taken(self, owned: OwnedPartition) -> bool:
        found = self._epochs.of(owned.partition)
        return found is not None and found != owned.recorder.epoch
