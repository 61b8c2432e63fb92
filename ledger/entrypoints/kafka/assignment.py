"""Which partitions the group has given to this writer."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence

from kafka import ConsumerRebalanceListener
from kafka.structs import TopicPartition


class Assignment(ConsumerRebalanceListener):
    """What the group has given; the consumer's own thread tells it, and the writer looks between batches.

    A partition is given once it is of every topic: whoever is asked to decide half of it waits for the other half.
    """

    def __init__(self, topics: Sequence[str]) -> None:
        self._topics = topics
        self._lock = threading.Lock()
        self._current: set[TopicPartition] = set()
        self._fresh: set[TopicPartition] = set()
        self.is_given = False
        """Whether the group has said which, if any."""

    def taken(self) -> tuple[set[int], set[int]]:
        """The partitions that are assigned now, and those of them that were assigned since last asked."""
        with self._lock:
            fresh, self._fresh = self._fresh, set()
            of_topics = [
                {tp.partition for tp in self._current if tp.topic == topic} for topic in self._topics
            ]
            whole = set.intersection(*of_topics)
            return whole, whole & {tp.partition for tp in fresh}

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """They may be another writer's from here on."""
        with self._lock:
            self._current -= set(revoked)
            self._fresh -= set(revoked)

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """They are to be taken over."""
        with self._lock:
            self.is_given = True
            self._current |= set(assigned)
            self._fresh |= set(assigned)
