"""The topic of checkpoints: what was signed of the log, for everybody to read; written by one process at a time.

A newer process fences the older. Keys are origins, values the signed notes; nothing is ever compacted away.
"""

from __future__ import annotations

from collections.abc import Mapping

from ledger.store.kafka import topics
from ledger.store.kafka.connection import KafkaSettings
from ledger.store.kafka.one_writers_topic import OneWritersTopic, Put


class CheckpointTopic:
    """Where checkpoints are put up. Raises LogUnreachable, TopicMismatch, CommitUncertain."""

    def __init__(self, settings: KafkaSettings) -> None:
        topics.ensure_checkpoints(settings)
        self._topic = OneWritersTopic(
            settings, settings.checkpoints, settings.checkpointer, "the topic of checkpoints"
        )
        try:
            self._newest = {
                record.key.decode("utf-8", "replace"): record.value
                for records in self._topic.read(1)
                for record in records
            }
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Leaves the broker."""
        self._topic.close()

    def newest(self) -> Mapping[str, bytes]:
        """The last note of each origin."""
        return self._newest

    def put_up(self, notes: Mapping[str, bytes]) -> None:
        """Puts up notes by their origins, all or none. Raises WriterFenced where another process has begun since."""
        fresh = {origin: note for origin, note in notes.items() if self._newest.get(origin) != note}
        if fresh:
            self._topic.put_up([Put(origin.encode(), note, 0) for origin, note in fresh.items()])
            self._newest |= fresh
