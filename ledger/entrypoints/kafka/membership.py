"""A writer's place in the consumer group: how it joins, what it polls and holds back, and that it does not stand still.

What kafka-python 3.0 does not notice of itself is noticed here.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Any, cast

import structlog
from kafka import KafkaConsumer
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.errors import FencedInstanceIdError, KafkaError
from kafka.structs import TopicPartition

from ledger.entrypoints.kafka.assignment import Assignment
from ledger.errors import InstanceTaken
from ledger.store.kafka import arriving
from ledger.store.kafka.connection import QUESTION_TIMEOUT_MS, KafkaSettings, reported
from ledger.store.kafka.positions import position_of

_log = structlog.get_logger()

IDLE = 0.25
"""Seconds that a poll waits for commands. They end it at once: so often turns a writer that has nothing to do."""
_SESSIONS = 2
"""Session time-outs without a heartbeat after which the group has surely given a member up."""
_TURN = 0.01
"""Seconds that a poll waits at least between two looks."""
_METADATA_AGE_MS = 3000
"""A member that joins before it has heard of a new topic is given nothing until it looks again."""


class Membership:
    """A member of the group, on both topics of what is to be decided, from when it is made until it leaves.

    Raises LogUnreachable, or what else Kafka says.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        group: str,
        *,
        batch: int,
        session_timeout: float,
        instance: str | None,
        stopped: threading.Event,
    ) -> None:
        self.assignment = Assignment(list(settings.sources.values()))
        self.is_answered = True
        """Whether the broker answered when it was asked last: a poll does not tell, it finds nothing then."""
        self._bootstrap = settings.bootstrap
        self._instance = instance
        self._session_timeout = session_timeout
        self._looks_next = 0.0
        self._standing: dict[TopicPartition, int] = {}
        """Where partitions stood when last looked at, of those that had more."""
        with reported(f"Kafka at {settings.bootstrap}"):
            self.consumer = self._joined(settings, group, batch, stopped)
        self._joined_at = time.monotonic()

    def _joined(self, settings: KafkaSettings, group: str, batch: int, stopped: threading.Event) -> Any:  # noqa: ANN401 - kafka-python's
        arriving.install()
        consumer = KafkaConsumer(
            **settings.arguments(),
            group_id=group,
            group_instance_id=self._instance,
            isolation_level="read_committed",
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            max_poll_records=batch,
            session_timeout_ms=int(self._session_timeout * 1000),
            heartbeat_interval_ms=int(self._session_timeout * 300),
            fetch_max_wait_ms=int(IDLE * 1000),
            max_partition_fetch_bytes=4 << 20,
            metadata_max_age_ms=_METADATA_AGE_MS,
            # The only one that gives the same partitions of both topics to the same member.
            partition_assignment_strategy=(RangePartitionAssignor,),
        )
        # Whoever assigns partitions of a topic that it has not heard of assigns none, and may never look again.
        for topic in settings.sources.values():
            while not consumer.partitions_for_topic(topic) and not stopped.is_set():
                stopped.wait(IDLE)
        consumer.subscribe(list(settings.sources.values()), listener=self.assignment)
        _keep_from_spinning(consumer)
        return consumer

    def leave(self, timeout_ms: int | None = None) -> None:
        """Leaves the group; what was not decided is another's."""
        if timeout_ms is None:
            self.consumer.close(autocommit=False)
        else:
            self.consumer.close(autocommit=False, timeout_ms=timeout_ms)

    def poll(self, seconds: float) -> dict[TopicPartition, Sequence[Any]]:
        """What is to be decided next. Raises what the group says."""
        with reported("the consumer group"):
            self._end_joining()
            return cast(
                "dict[TopicPartition, Sequence[Any]]", self.consumer.poll(timeout_ms=int(seconds * 1000))
            )

    def _end_joining(self) -> None:
        """Has the consumer join once more where it takes itself for joined, and has not taken in what it was given.

        That becomes of one that leads the group, and joins anew because it has heard of more partitions, where its
        poll has given up just before the group answered: it would send no heartbeats from there on.
        """
        coordinator: Any = self.consumer._coordinator  # noqa: SLF001
        if coordinator.rejoining and not coordinator.need_rejoin():
            coordinator.request_rejoin()

    def go_on(self, tp: TopicPartition, offset: int) -> None:
        """Polls a paused partition of a topic again, from an offset on."""
        # What kafka-python 3.0 holds of a paused partition it may never come back to, nor does it fetch more.
        self.consumer._fetcher._paused_partition_records.pop(tp, None)  # noqa: SLF001
        self.consumer.seek(tp, offset)
        self.consumer.resume(tp)

    def ends(self, tps: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """The offset after the last committed record of each."""
        with reported("the commands"):
            return cast(
                "dict[TopicPartition, int]",
                self.consumer.end_offsets(tps, timeout_ms=QUESTION_TIMEOUT_MS),
            )

    def stands_still(self, tps: Sequence[TopicPartition]) -> bool:
        """Whether kafka-python has come to a standstill, which it does not notice itself. Looks once a session.

        Either it sends no heartbeats, and so hears of no rebalance, or it fetches nothing of `tps` although there is
        something (its issues 3106 and 3131 tell of such).
        """
        now = time.monotonic()
        if now < self._looks_next:
            return False
        self._looks_next = now + self._session_timeout
        self.is_answered = False
        self.must_be_itself()
        silent = self.consumer.metrics()["consumer-coordinator-metrics"]["last-heartbeat-seconds-ago"]
        limit = _SESSIONS * self._session_timeout
        is_deaf = silent > limit and now - self._joined_at > limit
        was, self._standing = self._standing, self._places_behind(tps)
        same = sorted(was.items() & self._standing.items())
        if not is_deaf and not same:
            self.is_answered = True
            return False
        _log.warning("consumer replaced", deaf=is_deaf, standing=same)
        return True

    def must_be_itself(self) -> None:
        """Raises InstanceTaken where another writer has joined by this one's name: kafka-python only falls silent.

        While it is on its way into the group, the member that the group knows by its name is its own former self.
        """
        coordinator: Any = self.consumer._coordinator  # noqa: SLF001
        if self._instance is None or coordinator.generation_if_stable() is None:
            return
        try:
            coordinator._net.run(coordinator._send_heartbeat_request)  # noqa: SLF001
        except FencedInstanceIdError as error:
            raise InstanceTaken(
                f"another writer was started with --instance {self._instance}, too: give each a name of its own"
            ) from error
        except KafkaError:
            return  # it says nothing of that

    def _places_behind(self, tps: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """The next offset of each partition of a topic that has more."""
        if not tps:
            return {}
        ends = self.ends(tps)
        places = {tp: (position_of(self.consumer, tp), ends[tp]) for tp in tps}
        return {tp: at for tp, (at, end) in places.items() if at < end}


def _keep_from_spinning(consumer: Any) -> None:  # noqa: ANN401 - kafka-python's
    """Has its polls wait a little where a heartbeat is overdue, which they would turn without a pause to send.

    That is for as long as no broker answers: it took a core.
    """
    coordinator = consumer._coordinator  # noqa: SLF001
    asked = coordinator.time_to_next_poll
    coordinator.time_to_next_poll = lambda: max(asked(), _TURN)
