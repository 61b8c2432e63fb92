"""What is done with a log on Kafka: commands go to its writers; it is made, verified, its registry filled again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from kafka import KafkaConsumer
from kafka.structs import TopicPartition

from ledger.application.ledger import Ledger
from ledger.application.library import factory_of
from ledger.audit.findings import Finding, Report
from ledger.audit.transfer_halves import BEGINNINGS, TransferHalves
from ledger.audit.verification import verify
from ledger.domain.calendar import DAY
from ledger.domain.terms import Terms
from ledger.domain.terms_book import TermsBook
from ledger.errors import ClockMismatch
from ledger.progress import Progress
from ledger.store.copying import Source
from ledger.store.kafka import deleting, topics
from ledger.store.kafka.checkpoint_topic import CheckpointTopic
from ledger.store.kafka.client import KafkaClient
from ledger.store.kafka.connection import KafkaSettings, reported
from ledger.store.kafka.deleting import Beginning
from ledger.store.kafka.origin import said_at_first
from ledger.store.kafka.positions import polled_to
from ledger.store.kafka.preference_topic import PreferenceTopic
from ledger.store.kafka.registry_api import Registry
from ledger.store.kafka.registry_restoring import Texts, UsedSchema, restore, used
from ledger.store.kafka.schema_ids import access, known_ids, schema_ids
from ledger.store.schemas import RecordSchema
from ledger.wiring.kafka_access import hinting, kafka_settings
from ledger.wiring.mirrors import Followed
from ledger.wiring.settings import Settings


class Client(KafkaClient):
    """Sends commands to the writers, and awaits their answers."""

    position = "0:0"
    """Stands where a command was refused before it was sent."""

    @property
    def played(self) -> bool:
        """Whether commands state their own time."""
        return self._stated_at


@contextmanager
def client(settings: Settings) -> Iterator[Client]:
    """A client of the log that is set. Raises LogUnreachable, LogMissing, ClockMismatch or SettingsInvalid."""
    log = kafka_settings(settings, settings.mirrors_folder)
    with hinting(settings):
        connected = Client(log, stated_at=_is_played(settings, log), timeout=settings.timeout)
    with closing(connected):
        yield connected


def _is_played(settings: Settings, log: KafkaSettings) -> bool:
    """Whether the log is played: as it says itself, or as is set while nothing is recorded yet."""
    created = said_at_first(log, topics.ensure(log, create=False), known_ids(log))
    clock = None if created is None else created["clock"]
    if clock is not None and settings.clock_is_stated and clock != settings.clock:
        raise ClockMismatch(f"the log was created {clock}, and {settings.clock} was asked for")
    return (clock or settings.clock) == "played"


@contextmanager
def checkpoint_topic(settings: Settings) -> Iterator[CheckpointTopic]:
    """The topic of checkpoints, which this process alone writes from here on."""
    log = kafka_settings(settings, settings.mirrors_folder)
    with hinting(settings), closing(CheckpointTopic(log)) as topic:
        yield topic


@contextmanager
def preference_topic(settings: Settings) -> Iterator[PreferenceTopic]:
    """The topic of preferences, which this process alone writes from here on."""
    log = kafka_settings(settings, settings.mirrors_folder)
    with hinting(settings), closing(PreferenceTopic(log)) as topic:
        yield topic


def owned(log: KafkaSettings, terms: Iterable[Terms], partition: int) -> Ledger:
    """The ledger over a partition, which this process owns from here on; whoever owned it before is fenced.

    Raises what `ledger.store.kafka.factory.Factory.application_recorder` raises.
    """
    return Ledger(TermsBook(terms), factory_of(log.environment(partition)), ids=log.ids)


def create(settings: Settings) -> int:
    """Makes the log that is set, with its schemas; returns how many partitions it has. Raises FileExists."""
    log = kafka_settings(settings, settings.mirrors_folder)
    with hinting(settings):
        topics.must_be_none(log)
        # Schemas first: topics of which no schema can be registered are a log that is there, and of no use.
        schema_ids(log)
        return topics.create(log).partitions


def records_of(log: KafkaSettings, topic: str) -> Iterator[Any]:
    """The committed records of a topic up to its end, partition by partition. Raises LogUnreachable."""
    partitions = topics.ensure(log, create=False).partitions
    with reported(f"the topic {topic}"):
        consumer = KafkaConsumer(
            **log.arguments(),
            isolation_level="read_committed",
            auto_offset_reset="earliest",  # the beginning may be deleted meanwhile
            enable_auto_commit=False,
            group_id=None,
        )
        with closing(consumer):
            for tp in [TopicPartition(topic, partition) for partition in range(partitions)]:
                consumer.assign([tp])
                end = consumer.end_offsets([tp])[tp]
                consumer.seek_to_beginning(tp)
                for polled in polled_to(consumer, tp, end):
                    yield from polled


def delete_answered(
    settings: Settings, mirrors: Followed, awaited: Mapping[int, int], now: int
) -> Iterator[Beginning]:
    """Deletes answered commands of `commands_days` days before `now` and longer ago; and dead letters as old.

    `now` is in UTC microseconds of the brokers' clocks, whatever the log's own is. `awaited` and errors are those of
    `ledger.store.kafka.deleting.delete_answered`.
    """
    log = kafka_settings(settings, settings.mirrors_folder)
    with hinting(settings):
        before = now - settings.commands_days * DAY
        yield from deleting.delete_answered(log, mirrors.answered(), awaited, before)


def restore_registry(
    settings: Settings,
    copies: Sequence[Path],
    prefixes: Sequence[str] = (),
    progress: Progress | None = None,
) -> int:
    """Fills an empty registry with the log's schemas, under the ids of its records; returns how many there were not.

    `copies` are logs in files that hold schemas which this release does not have: copies, or mirrors. `prefixes` are of
    other logs in the same registry: an id that only one of them uses must not go to a filler. Raises what
    `registry_restoring.restore` does.
    """
    held: list[RecordSchema] = []
    for path in copies:
        with closing(Source(path)) as copy:
            held += copy.schemas
    log = kafka_settings(settings, settings.mirrors_folder)
    with hinting(settings):
        texts = Texts(held)
        wanted: set[UsedSchema] = set()
        for one in [log, *(replace(log, prefix=prefix) for prefix in prefixes)]:
            topics.ensure(replace(one, partitions=None), create=False)
            wanted |= used(one, texts, progress)
        return restore(Registry(access(log)), wanted, texts.by_mark)


def verified(settings: Settings, progress: Progress | None = None) -> Report:
    """Reads the topics from their beginning into fresh mirrors, and verifies every partition."""
    with TemporaryDirectory(prefix="pulsa-verify-") as folder, hinting(settings):
        log = kafka_settings(settings, Path(folder))
        with closing(Followed(log)) as mirrors:
            mirrors.catch_up(progress)
            transfers = TransferHalves()
            reports = [
                verify(
                    log.mirror(number),
                    progress,
                    partition=number,
                    partitions=mirrors.partitions,
                    is_here=lambda subject, here=number: mirrors.partition_of(subject) == here,  # type: ignore[misc]
                    transfers=transfers,
                )
                for number in range(mirrors.partitions)
            ]
            late = _sent_since(mirrors, reports, transfers)
    whole = Report(f"{log.bootstrap} {log.events}", closed_through=reports[0].closed_through)
    for report in reports:
        whole.join(report)
    if len(reports) == 1:
        whole.seal = reports[0].seal
    for finding in late:
        whole.add(finding)
    transfers.settle(whole)
    return whole


def _sent_since(mirrors: Followed, reports: Sequence[Report], transfers: TransferHalves) -> list[Finding]:
    """Takes in what was sent since its partition was read, where it had ended in another one that was read later."""
    if not transfers.lacks_beginnings:
        return []
    found: list[Finding] = []
    for report, reader in zip(reports, mirrors.readers(), strict=True):
        with reader.snapshot() as log:
            for sent in log.events(report.events + 1, types=BEGINNINGS):
                found += transfers.take(sent.event, f"{log.partition}:{sent.ordinal}")
    return found
