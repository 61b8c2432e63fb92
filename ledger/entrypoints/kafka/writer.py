"""A writer: a member of the consumer group on what is to be decided, for the partitions that it is given.

Several writers share the partitions and take over from each other. One that was fenced stops, with nothing recorded.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any, cast

import structlog
from kafka import ConsumerRebalanceListener, KafkaConsumer
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.errors import KafkaError
from kafka.structs import TopicPartition

from ledger.domain.terms import Terms
from ledger.entrypoints.kafka import BATCH, intake
from ledger.entrypoints.kafka.partition import OwnedPartition
from ledger.entrypoints.kafka.standby import Standby
from ledger.entrypoints.kafka.watching import Watch
from ledger.errors import CommitUncertain, LedgerError, LogUnreachable, RegistryUnreachable, WriterFenced
from ledger.store.kafka import arriving, mirror, topics
from ledger.store.kafka.connection import QUESTION_TIMEOUT_MS, KafkaSettings, reported
from ledger.store.kafka.registry import schema_ids

_log = structlog.get_logger()

_IDLE = 0.1
"""Seconds that a poll waits for commands."""
_PAUSE = 0.5
"""Seconds before it is tried again, where a broker or the registry did not answer."""
_PASSING = (CommitUncertain, LogUnreachable, RegistryUnreachable)
"""What may be well again by itself, once a writer is at work."""
_SESSIONS = 2
"""Session time-outs without a heartbeat after which the group has surely given a member up."""
_CLOSE_MS = 2000
_METADATA_AGE_MS = 3000
"""A member that joins before it has heard of a new topic is given nothing until it looks again."""
_BEHIND = 0.02
"""Seconds that a poll waits while there is something to catch up."""


class Writer:
    """`run` serves until `stop` is called, from any thread or a signal; `batch` commands at most make a transaction."""

    def __init__(
        self,
        settings: KafkaSettings,
        terms: Iterable[Terms],
        *,
        batch: int = BATCH,
        session_timeout: float = 10.0,
        instance: str | None = None,
        group: str | None = None,
        on_serving: Callable[[int], None] = lambda _: None,
        watch: Watch | None = None,
    ) -> None:
        self.settings = settings
        self.batch = batch
        self.session_timeout = session_timeout
        self.instance = instance
        """A name that this writer keeps from one start to the next: then the group need not wait for its old self."""
        self.group = group or settings.group
        self.on_serving = on_serving
        self.watch = watch or Watch()
        self._terms = list(terms)
        self._stopped = threading.Event()
        self._topics = list(settings.sources.values())
        self._assignment = _Assignment(self._topics)
        self._owned: dict[int, OwnedPartition] = {}
        self._opening: dict[int, float] = {}
        """Partitions that are being taken over, and since when."""
        self._joined_at = self._looks_next = 0.0
        self._standing: dict[TopicPartition, int] = {}
        """Where partitions stood when last looked at, of those that had more."""
        self._ahead: dict[TopicPartition, Sequence[Any]] = {}
        """Records that were polled, and are to be decided next."""

    def stop(self) -> None:
        """Finishes the batch at hand, commits it and leaves the group."""
        self._stopped.set()

    @property
    def serving(self) -> frozenset[int]:
        """The partitions that are served now."""
        return frozenset(self._owned)

    def run(self) -> None:
        """Serves until stopped. Raises WriterFenced, or what is wrong with the log."""
        self._place = topics.ensure(self.settings)
        self._ids = schema_ids(self.settings)
        self._standby = Standby(self.settings, self._ids, self._place)
        self._consumer: Any = None
        try:
            with reported(f"Kafka at {self.settings.bootstrap}"):
                self._consumer = self._joined()
            while not self._stopped.is_set():
                try:
                    self._round()
                    self._look_after_consumer()
                except _PASSING as error:
                    _log.warning("waiting", code=error.code, reason=str(error))
                    self._stopped.wait(_PAUSE)
        finally:
            self._leave()

    def _look_after_consumer(self) -> None:
        """Joins the group anew where kafka-python has come to a standstill, which it does not notice itself.

        Either it sends no heartbeats, and so hears of no rebalance, or it fetches nothing although there is something
        (its issues 3106 and 3131 tell of such).
        """
        now = time.monotonic()
        if now < self._looks_next:
            return
        self._looks_next = now + self.session_timeout
        silent = self._consumer.metrics()["consumer-coordinator-metrics"]["last-heartbeat-seconds-ago"]
        limit = _SESSIONS * self.session_timeout
        is_deaf = silent > limit and now - self._joined_at > limit
        was, self._standing = self._standing, self._places_behind()
        if not is_deaf and not was.items() & self._standing.items():
            return
        _log.warning("consumer replaced", deaf=is_deaf, standing=sorted(was.items() & self._standing.items()))
        for partition in list(self._owned):
            self._give_up(partition)
        self._opening.clear()
        self._ahead.clear()
        self._consumer.close(autocommit=False, timeout_ms=_CLOSE_MS)
        self._assignment = _Assignment(self._topics)
        with reported(f"Kafka at {self.settings.bootstrap}"):
            self._consumer = self._joined()

    def _places_behind(self) -> dict[TopicPartition, int]:
        """The next offset of each owned partition of a topic that has more."""
        tps = [tp for partition in self._owned for tp in self._of(partition)]
        if not tps:
            return {}
        with reported("the commands"):
            ends = self._consumer.end_offsets(tps, timeout_ms=QUESTION_TIMEOUT_MS)
        places = {tp: (self._consumer.position(tp), ends[tp]) for tp in tps}
        return {tp: at for tp, (at, end) in places.items() if at < end}

    def _of(self, partition: int) -> list[TopicPartition]:
        """What is taken of a partition: what follows from what was recorded comes before what is asked."""
        return [TopicPartition(topic, partition) for topic in self._topics]

    def _joined(self) -> KafkaConsumer:
        arriving.install()
        consumer = KafkaConsumer(
            **self.settings.arguments(),
            group_id=self.group,
            group_instance_id=self.instance,
            isolation_level="read_committed",
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            max_poll_records=self.batch,
            session_timeout_ms=int(self.session_timeout * 1000),
            heartbeat_interval_ms=int(self.session_timeout * 300),
            fetch_max_wait_ms=int(_IDLE * 1000),
            max_partition_fetch_bytes=4 << 20,
            metadata_max_age_ms=_METADATA_AGE_MS,
            # The only one that gives the same partitions of both topics to the same member.
            partition_assignment_strategy=(RangePartitionAssignor,),
        )
        # Whoever assigns partitions of a topic that it has not heard of assigns none, and may never look again.
        for topic in self._topics:
            while not consumer.partitions_for_topic(topic) and not self._stopped.is_set():
                self._stopped.wait(_IDLE)
        consumer.subscribe(self._topics, listener=self._assignment)
        self._joined_at = time.monotonic()
        self._standing = {}
        return consumer

    def _leave(self) -> None:
        for partition in list(self._owned):
            self._give_up(partition)
        self._standby.close()
        if self._consumer is not None:
            self._consumer.close(autocommit=False)

    def _round(self) -> None:
        polled, self._ahead = self._ahead or self._polled(), {}
        self._reassign()
        self._tell_what_waits()
        mine = [
            (owned, records)
            for partition, owned in self._owned.items()
            if (records := [record for tp in self._of(partition) for record in polled.get(tp, ())])
        ]
        portions = [(owned, portion) for owned, records in mine for portion in intake.portions(records)]
        for count, (owned, portion) in enumerate(portions, 1):
            # The group may give partitions away whenever it is polled: not while records of another one wait.
            if self._owned.get(owned.partition) is owned:
                self._serve(owned, portion, self._look_ahead if count == len(portions) else _nothing)
        self._standby.advance(wanted=self._opening)
        for partition in sorted(self._opening):
            if self._standby.is_caught_up(partition):
                self._take_over(partition)

    def _polled(self) -> dict[TopicPartition, Sequence[Any]]:
        wait = _BEHIND if self._opening else _IDLE
        with reported("the consumer group"):
            return cast(
                "dict[TopicPartition, Sequence[Any]]", self._consumer.poll(timeout_ms=int(wait * 1000))
            )

    def _look_ahead(self) -> None:
        """Fetches what comes next, while the broker is at work on what was decided last."""
        if not self._opening:
            with suppress(KafkaError):  # the next poll says so too
                self._ahead = self._consumer.poll(timeout_ms=0)

    def _tell_what_waits(self) -> None:
        for partition in self._owned:
            ends = [(tp, self._consumer.highwater(tp)) for tp in self._of(partition)]
            behind = [max(end - self._consumer.position(tp), 0) for tp, end in ends if end is not None]
            if behind:
                self.watch.behind(partition, sum(behind))

    def _serve(self, owned: OwnedPartition, records: Sequence[Any], meanwhile: Callable[[], None]) -> None:
        started = time.monotonic()
        try:
            served = owned.serve(records, self._consumer.group_metadata(), meanwhile)
        except WriterFenced:
            self.watch.fenced(owned.partition)
            raise
        except (*_PASSING, *mirror.UNUSABLE) as error:
            # Whether it was recorded only the log can tell: begin again as on assignment.
            _log.warning("partition given up", partition=owned.partition, code=error.code, reason=str(error))
            self._give_up(owned.partition)
            self._discard(owned.partition, error)
            if self._consumer.assignment().issuperset(self._of(owned.partition)):
                self._open(owned.partition)
            return
        self.watch.served(owned.partition, served.outcomes, served.dead, time.monotonic() - started)
        if served.apart:
            self.watch.set_apart(owned.partition, served.apart)

    # --- partitions come and go ---------------------------------------------------------------------------------------

    def _reassign(self) -> None:
        """Gives up what was taken away, and begins to take over what was given."""
        assigned, fresh = self._assignment.taken()
        for partition in set(self._owned) - assigned:
            self._give_up(partition)
        self._opening = {
            partition: since for partition, since in self._opening.items() if partition in assigned
        }
        for partition in fresh:
            self._give_up(partition)
            self._open(partition)
        self._standby.keep(set(range(self._place.partitions)) - set(self._owned))

    def _open(self, partition: int) -> None:
        self._consumer.pause(*self._of(partition))
        self._opening.setdefault(partition, time.monotonic())
        self._standby.keep(set(range(self._place.partitions)) - set(self._owned))

    def _take_over(self, partition: int) -> None:
        self._standby.release(partition)
        try:
            owned = OwnedPartition(self.settings, self._ids, self._terms, partition, self._place.partitions)
        except (*_PASSING, *mirror.UNUSABLE) as error:
            _log.warning("taking over failed", partition=partition, code=error.code, reason=str(error))
            self._discard(partition, error)
            return
        self.watch.taken_over(partition, time.monotonic() - self._opening.pop(partition))
        self._owned[partition] = owned
        for tp in self._of(partition):
            # What kafka-python 3.0 holds of a paused partition it may never come back to, nor does it fetch more.
            self._consumer._fetcher._paused_partition_records.pop(tp, None)  # noqa: SLF001
            self._consumer.seek(tp, owned.next_of(tp.topic))
            self._consumer.resume(tp)
        _log.info("serving", partition=partition, next_command=owned.next_of(self.settings.commands))
        self.on_serving(partition)

    def _discard(self, partition: int, error: LedgerError) -> None:
        """Throws the mirror away, if that is what was wrong."""
        if isinstance(error, mirror.UNUSABLE):
            mirror.remove(self.settings.mirror(partition))

    def _give_up(self, partition: int) -> None:
        owned = self._owned.pop(partition, None)
        for tp in self._of(partition):
            self._ahead.pop(tp, None)
        if owned is not None:
            owned.close()


def _nothing() -> None:
    """There is something else to do meanwhile."""


class _Assignment(ConsumerRebalanceListener):
    """What the group has given; the consumer's own thread tells it, and the writer looks between batches.

    A partition is given once it is of every topic: whoever is asked to decide half of it waits for the other half.
    """

    def __init__(self, topics: Sequence[str]) -> None:
        self._topics = topics
        self._lock = threading.Lock()
        self._current: set[TopicPartition] = set()
        self._fresh: set[TopicPartition] = set()

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
            self._current |= set(assigned)
            self._fresh |= set(assigned)
