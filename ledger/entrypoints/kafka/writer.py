"""A writer: a member of the consumer group on what is to be decided, for the partitions that it is given.

Several writers share the partitions and take over from each other. One that was fenced stops, with nothing recorded.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import structlog
from kafka.errors import KafkaError
from kafka.structs import TopicPartition

from ledger.domain.terms import Terms
from ledger.entrypoints.kafka import BATCH, intake
from ledger.entrypoints.kafka.membership import IDLE, Membership
from ledger.entrypoints.kafka.ordering import Ordering
from ledger.entrypoints.kafka.ownership import Ownership
from ledger.entrypoints.kafka.served_partition import OwnedPartition
from ledger.entrypoints.kafka.standby import Standby
from ledger.entrypoints.kafka.watching import Watch
from ledger.entrypoints.supervising import FIRST_PAUSE, LONGEST_PAUSE, PASSING, Part, Stepped, Supervisor
from ledger.errors import LedgerError, LogMismatch, RegistryRefused, WriterFenced
from ledger.store.kafka import mirror, topics
from ledger.store.kafka.connection import TAKEN, KafkaSettings, reported
from ledger.store.kafka.positions import position_of
from ledger.store.kafka.schema_ids import schema_ids

_log = structlog.get_logger()

LOST = (*PASSING, RegistryRefused, *mirror.UNUSABLE)
"""After which a partition is given up and taken over again; the others go on."""
_ASKED_EVERY = 1.0
"""Seconds between two questions for what waits in partitions that are not served yet."""
_CLOSE_MS = 2000
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
        stopped: threading.Event | None = None,
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
        self._stopped = stopped or threading.Event()
        self._topics = list(settings.sources.values())
        self._owned: dict[int, OwnedPartition] = {}
        self._opening: dict[int, float] = {}
        """Partitions that are being taken over, and since when."""
        self._partitions = 0
        self._answered: dict[TopicPartition, int] = {}
        """The next command of partitions that were given up, as far as it is known."""
        self._trials: dict[int, tuple[int, float]] = {}
        """How often in a row partitions were given up, and when they may be taken over again."""
        self._asks_next = 0.0
        self._ahead: dict[TopicPartition, Sequence[Any]] = {}
        """Records that were polled, and are to be decided next."""
        self._orderings: dict[int, Ordering] = {}
        """The order of what came on the two topics, of owned partitions."""

    def stop(self) -> None:
        """Finishes the batch at hand, commits it and leaves the group."""
        self._stopped.set()

    @property
    def serving(self) -> frozenset[int]:
        """The partitions that are served now."""
        return frozenset(self._owned)

    @property
    def partitions(self) -> int:
        """How many the log has; 0 before it was looked at."""
        return self._partitions

    def run(self) -> None:
        """Serves until stopped. Raises WriterFenced, or what is wrong with the log."""
        Supervisor(self._stopped).run(self.part)

    @property
    def part(self) -> Part:
        """What `run` runs."""
        return Part("writer", self._at_work, remade=mirror.UNUSABLE)

    @contextmanager
    def _at_work(self) -> Iterator[Callable[[], Stepped]]:
        """A member of the group, until it leaves."""
        self._incarnation = topics.ensure(self.settings)
        self._ids = schema_ids(self.settings)
        self._partitions = self._incarnation.partitions
        self._standby = Standby(self.settings, self._ids, self._incarnation)
        self._ownership = Ownership(self.settings, self.session_timeout)
        try:
            self._member = self._joined()
            try:
                yield self._step
            finally:
                self._leave()
        finally:
            self._ownership.close()
            self._standby.close()

    def _joined(self) -> Membership:
        return Membership(
            self.settings,
            self.group,
            batch=self.batch,
            session_timeout=self.session_timeout,
            instance=self.instance,
            stopped=self._stopped,
        )

    def _step(self) -> Stepped:
        """Polls, and decides what there is.

        It is ready when every partition that it was given is served, no other writer has one of them, and the broker
        answered when it was asked last.
        """
        try:
            self._round()
            self._look_after_member()
            for partition in self._ownership.lost(self._owned):
                self._was_fenced(partition)
                raise WriterFenced(f"partition {partition}: {TAKEN}")
        except PASSING:
            self._rewind()
            raise
        is_given = self._member.assignment.is_given and not self._opening
        return Stepped(ready=is_given and self._member.is_answered and self._ownership.is_sure)

    def _was_fenced(self, partition: int) -> None:
        """Tells of it. Raises InstanceTaken where the other writer is one of the same name."""
        self.watch.fenced(partition)
        self._member.must_be_itself()

    def _rewind(self) -> None:
        """Goes back to what is to be decided next: what was polled and not decided would never come again."""
        self._ahead.clear()
        assigned = self._member.consumer.assignment()
        for partition, owned in self._owned.items():
            self._orderings[partition] = Ordering()
            for tp in self._of(partition):
                if tp in assigned:
                    self._member.go_on(tp, owned.next_of(tp.topic))

    def _look_after_member(self) -> None:
        """Joins the group anew where the member has come to a standstill."""
        mine = [tp for partition in self._owned for tp in self._of(partition) if not self._is_held_back(tp)]
        if not self._member.stands_still(mine):
            return
        fresh = self._joined()  # where no broker answers, the former goes on as it is
        for partition in list(self._owned):
            self._give_up(partition)
        self._opening.clear()
        self._ahead.clear()
        former, self._member = self._member, fresh
        former.leave(_CLOSE_MS)

    def _of(self, partition: int) -> list[TopicPartition]:
        """What is taken of a partition."""
        return [TopicPartition(topic, partition) for topic in self._topics]

    def _leave(self) -> None:
        for partition in list(self._owned):
            self._give_up(partition)
        self._opening.clear()
        self._ahead.clear()
        with suppress(KafkaError):  # the broker may be what is gone
            self._member.leave()

    def _round(self) -> None:
        polled, self._ahead = self._ahead or self._member.poll(_BEHIND if self._opening else IDLE), {}
        self._reassign()
        mine = [
            (owned, records)
            for partition, owned in self._owned.items()
            if (records := self._in_order(partition, polled))
        ]
        portions = [(owned, portion) for owned, records in mine for portion in intake.portions(records)]
        for count, (owned, portion) in enumerate(portions, 1):
            # The group may give partitions away whenever it is polled: not while records of another one wait.
            if self._owned.get(owned.partition) is owned:
                self._serve(owned, portion, self._look_ahead if count == len(portions) else _nothing)
        self._tell_what_waits()
        now = time.monotonic()
        wanted = [p for p in sorted(self._opening) if now >= self._trials.get(p, (0, 0.0))[1]]
        self._standby.advance(wanted=wanted)
        for partition, error in self._standby.refused().items():
            self.watch.given_up(partition, error.code)
        for partition in wanted:
            if self._standby.is_caught_up(partition):
                self._take_over(partition)

    def _in_order(self, partition: int, polled: Mapping[TopicPartition, Sequence[Any]]) -> Sequence[Any]:
        """What is to be decided of a partition now; of policies, no more is polled than may be held."""
        commands = TopicPartition(self.settings.commands, partition)
        policies = TopicPartition(self.settings.policies, partition)
        ordering = self._orderings[partition]

        def is_all() -> bool:
            return position_of(self._member.consumer, commands) >= self._member.ends([commands])[commands]

        records = ordering.take(polled.get(commands, ()), polled.get(policies, ()), is_all)
        is_paused = policies in self._member.consumer.paused()
        if is_paused != self._is_held_back(policies):
            if is_paused:
                self._member.go_on(policies, position_of(self._member.consumer, policies))
            else:
                self._member.consumer.pause(policies)
        return records

    def _is_held_back(self, tp: TopicPartition) -> bool:
        """Whether no more is polled of a partition of the policies' topic, for as much is held as may be."""
        return tp.topic == self.settings.policies and len(self._orderings[tp.partition].held) >= self.batch

    def _look_ahead(self) -> None:
        """Fetches what comes next, while the broker is at work on what was decided last."""
        if not self._opening:
            with suppress(KafkaError):  # the next poll says so too
                self._ahead = self._member.consumer.poll(timeout_ms=0)

    def _tell_what_waits(self) -> None:
        """What is not answered: of owned partitions beyond what was polled and what is held, of others by the log."""
        with reported("the commands"):
            for partition in self._owned:
                ends = [(tp, self._member.consumer.highwater(tp)) for tp in self._of(partition)]
                left = [
                    max(end - position_of(self._member.consumer, tp), 0) + len(self._ahead.get(tp, ()))
                    for tp, end in ends
                    if end is not None
                ]
                if left:
                    self.watch.behind(partition, sum(left) + len(self._orderings[partition].held))
            now = time.monotonic()
            if not self._opening or now < self._asks_next:
                return
            self._asks_next = now + _ASKED_EVERY
            tps = [tp for partition in self._opening for tp in self._of(partition)]
            found = self._member.ends(tps)
        for partition in self._opening:
            known = {
                topic: max(
                    self._answered.get(TopicPartition(topic, partition), 0),
                    self._standby.answered(partition, source),
                )
                for source, topic in self.settings.sources.items()
            }
            self.watch.behind(
                partition, sum(max(found[tp] - known[tp.topic], 0) for tp in self._of(partition))
            )

    def _serve(self, owned: OwnedPartition, records: Sequence[Any], meanwhile: Callable[[], None]) -> None:
        started = time.monotonic()
        try:
            served = owned.serve(records, self._member.consumer.group_metadata(), meanwhile)
        except WriterFenced:
            self._was_fenced(owned.partition)
            raise
        except LOST as error:
            # Whether it was recorded only the log can tell: begin again as on assignment.
            _log.warning("partition given up", partition=owned.partition, code=error.code, reason=str(error))
            self._give_up(owned.partition)
            self._failed(owned.partition, error)
            if self._member.consumer.assignment().issuperset(self._of(owned.partition)):
                self._open(owned.partition)
            return
        self._trials.pop(owned.partition, None)
        self.watch.served(owned.partition, served.outcomes, served.dead, time.monotonic() - started)
        if served.apart:
            self.watch.set_apart(owned.partition, served.apart)

    # --- partitions come and go ---------------------------------------------------------------------------------------

    def _reassign(self) -> None:
        """Gives up what was taken away, and begins to take over what was given."""
        assigned, fresh = self._member.assignment.taken()
        for partition in (set(self._owned) | set(self._opening)) - assigned:
            self.watch.left(partition)
        for partition in set(self._owned) - assigned:
            self._give_up(partition)
        self._opening = {
            partition: since for partition, since in self._opening.items() if partition in assigned
        }
        for partition in fresh:
            self._give_up(partition)
            self._open(partition)
        self._standby.keep(set(range(self._incarnation.partitions)) - set(self._owned))

    def _open(self, partition: int) -> None:
        self._member.consumer.pause(*self._of(partition))
        self._opening.setdefault(partition, time.monotonic())
        self._standby.keep(set(range(self._incarnation.partitions)) - set(self._owned))

    def _take_over(self, partition: int) -> None:
        self._standby.release(partition)
        try:
            owned = OwnedPartition(
                self.settings, self._ids, self._terms, partition, self._incarnation.partitions
            )
        except LOST as error:
            _log.warning("taking over failed", partition=partition, code=error.code, reason=str(error))
            self._failed(partition, error)
            return
        try:
            self._must_have_been_asked(owned)
        except BaseException:
            owned.close()
            raise
        self.watch.taken_over(partition, time.monotonic() - self._opening.pop(partition))
        if owned.recorder.policies_replaced:
            self.watch.policies_replaced(partition)
        self._owned[partition] = owned
        self._orderings[partition] = Ordering()
        for tp in self._of(partition):
            self._member.go_on(tp, owned.next_of(tp.topic))
        _log.info("serving", partition=partition, next_command=owned.next_of(self.settings.commands))
        self.on_serving(partition)

    def _must_have_been_asked(self, owned: OwnedPartition) -> None:
        """Raises LogMismatch where answers tell of commands that the topic does not reach: it was made again."""
        tp = TopicPartition(self.settings.commands, owned.partition)
        end = self._member.ends([tp])[tp]
        answered = owned.next_of(tp.topic)
        if answered > end:
            raise LogMismatch(
                f"partition {owned.partition}: {answered} commands were answered, and {tp.topic} has {end}"
            )

    def _failed(self, partition: int, error: LedgerError) -> None:
        """Counts it, and lets the partition wait. Throws the mirror away, if that is what was wrong."""
        self.watch.given_up(partition, error.code)
        times = self._trials.get(partition, (0, 0.0))[0]
        wait = min(FIRST_PAUSE * 2 ** min(times, 10), LONGEST_PAUSE) if times else 0.0
        self._trials[partition] = (times + 1, time.monotonic() + wait)
        if isinstance(error, mirror.UNUSABLE):
            mirror.remove(self.settings.mirror(partition))

    def _give_up(self, partition: int) -> None:
        owned = self._owned.pop(partition, None)
        self._orderings.pop(partition, None)
        for tp in self._of(partition):
            self._ahead.pop(tp, None)
        if owned is not None:
            with suppress(LedgerError):  # its mirror may be what is wrong
                self._answered |= {tp: owned.next_of(tp.topic) for tp in self._of(partition)}
            owned.close()


def _nothing() -> None:
    """There is something else to do meanwhile."""
