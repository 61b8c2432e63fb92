"""The log on Kafka as the settings say: commands go to its writers, questions are answered from mirrors of it.

Each process has mirrors of its own, in the first folder that no other process is using.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

from kafka import KafkaConsumer
from kafka.errors import SaslAuthenticationFailedError
from kafka.structs import TopicPartition

from ledger.audit.findings import Finding, Report
from ledger.audit.transfers_matched import Transfers
from ledger.audit.verification import verify
from ledger.domain.prepaid.events import CreditTransferSent
from ledger.errors import ClockMismatch, LogDamaged, LogLocked, LogUnreachable, SettingsInvalid
from ledger.store import private
from ledger.store.copying import CopyRefused, Source
from ledger.store.copying_kafka import fence, must_await_nothing
from ledger.store.kafka import mirror, topics
from ledger.store.kafka.client import KafkaClient
from ledger.store.kafka.connection import TOKEN_FILE, KafkaSettings, TokenFile, reported
from ledger.store.kafka.follower import Follower
from ledger.store.kafka.mirror import Mirror
from ledger.store.kafka.origin import created
from ledger.store.kafka.registry import access, known_ids, schema_ids
from ledger.store.kafka.registry_api import Registry
from ledger.store.kafka.registry_restoring import Texts, restore, used
from ledger.store.lock import WriterLock
from ledger.store.partitioning import partition_of
from ledger.store.reading import SqliteReader, SqliteSnapshot
from ledger.store.schemas import RecordSchema
from ledger.wiring.settings import Settings

_FILES = (
    "kafka_ca",
    "kafka_certificate",
    "kafka_key",
    "kafka_token_file",
    "registry_ca",
    "registry_certificate",
    "registry_key",
)
"""Settings that name files, which have to be there."""
_SLICE = 0.2
"""Seconds that mirrors read on before progress is told."""

_UNDER_WAY = 15.0
"""Seconds after which a transaction that was under way has surely ended, or is none that anybody was told of."""

Progress = Callable[[int, int], None]
"""Told how many records are read, of how many."""


def kafka_settings(settings: Settings, mirrors: Path) -> KafkaSettings:
    """Where the log is and how to connect, with mirrors in a folder of this process's own. Raises SettingsInvalid."""
    if settings.kafka is None:
        raise SettingsInvalid("PULSA_KAFKA: is not set; it names the brokers of a log on Kafka")
    if settings.registry is None:
        raise SettingsInvalid("PULSA_REGISTRY: is not set; a log on Kafka needs its schema registry")
    if urlsplit(settings.registry).scheme not in ("http", "https"):
        raise SettingsInvalid("PULSA_REGISTRY: not an address that begins with http:// or https://")
    for name in _FILES:
        path = getattr(settings, name)
        if path is not None and not path.is_file():
            raise SettingsInvalid(f"PULSA_{name.upper()}: there is no file {path}")
    return KafkaSettings(
        settings.kafka,
        settings.registry,
        mirrors,
        prefix=settings.kafka_prefix,
        partitions=settings.kafka_partitions,
        clock=settings.clock if settings.clock_is_stated else None,
        replication=settings.kafka_replication,
        client=_client_arguments(settings),
        registry_client=_registry_arguments(settings),
    )


def _client_arguments(settings: Settings) -> dict[str, Any]:
    """What kafka-python's clients are told of TLS and passwords."""
    security = settings.kafka_security
    arguments: dict[str, Any] = {}
    if security != "PLAINTEXT":
        arguments["security_protocol"] = security
    if security.startswith("SASL_") and settings.kafka_mechanism == "OAUTHBEARER":
        if settings.kafka_token_file is None:
            raise SettingsInvalid("PULSA_KAFKA_TOKEN_FILE: OAUTHBEARER needs the file that holds its token")
        try:
            TokenFile(settings.kafka_token_file).token()
        except SaslAuthenticationFailedError as error:
            raise SettingsInvalid(f"PULSA_KAFKA_TOKEN_FILE: {error}") from error
        arguments |= {"sasl_mechanism": "OAUTHBEARER", TOKEN_FILE: str(settings.kafka_token_file)}
    elif security.startswith("SASL_"):
        if settings.kafka_user is None or settings.kafka_password is None:
            raise SettingsInvalid(f"PULSA_KAFKA_USER, PULSA_KAFKA_PASSWORD: {security} needs both")
        arguments["sasl_mechanism"] = settings.kafka_mechanism
        arguments["sasl_plain_username"] = settings.kafka_user
        arguments["sasl_plain_password"] = settings.kafka_password.get_secret_value()
    elif settings.kafka_user is not None:
        raise SettingsInvalid(f"PULSA_KAFKA_USER: {security} knows no users; set PULSA_KAFKA_SECURITY")
    if security.endswith("SSL"):
        files = (
            ("ssl_cafile", settings.kafka_ca),
            ("ssl_certfile", settings.kafka_certificate),
            ("ssl_keyfile", settings.kafka_key),
        )
        arguments |= {name: str(path) for name, path in files if path is not None}
    return arguments


def _registry_arguments(settings: Settings) -> dict[str, str]:
    """What the registry's client is told of passwords and certificates."""
    password = settings.registry_password
    if (settings.registry_user is None) != (password is None):
        raise SettingsInvalid(
            "PULSA_REGISTRY_USER, PULSA_REGISTRY_PASSWORD: one is of no use without the other"
        )
    if settings.registry_key is not None and settings.registry_certificate is None:
        raise SettingsInvalid("PULSA_REGISTRY_KEY: is of no use without PULSA_REGISTRY_CERTIFICATE")
    found = {
        "user": settings.registry_user,
        "password": None if password is None else password.get_secret_value(),
        "ca": settings.registry_ca,
        "certificate": settings.registry_certificate,
        "key": settings.registry_key,
    }
    return {name: str(value) for name, value in found.items() if value is not None}


@contextmanager
def own_mirrors(settings: Settings, kind: str, *, create: bool = False) -> Iterator[KafkaSettings]:
    """The settings with the first folder of a kind (`writer`, `reader`, `projector`) that no other process is using.

    `create` says that a log may be made where there is none.
    """
    folder = settings.mirrors_folder
    kafka_settings(settings, folder)  # what is wrong with the settings is said before anything is made
    private.make_folder(folder)
    for number in itertools.count():
        place = folder / f"{kind}-{number}"
        lock = WriterLock(str(place))
        try:
            lock.acquire()
        except LogLocked:
            continue
        try:
            with _hinting(settings):
                yield replace(kafka_settings(settings, place), create=create)
        finally:
            lock.release()
        return


@contextmanager
def _hinting(settings: Settings) -> Iterator[None]:
    """Says by which protocol no broker answers: one that speaks another answers nothing at all."""
    try:
        yield
    except LogUnreachable as error:
        if "no broker answers" not in str(error):
            raise
        raise LogUnreachable(f"{error} by {settings.kafka_security} (PULSA_KAFKA_SECURITY)") from error


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
    with _hinting(settings):
        connected = Client(log, stated_at=is_played(settings, log), timeout=settings.timeout)
    with closing(connected):
        yield connected


def is_played(settings: Settings, log: KafkaSettings) -> bool:
    """Whether the log is played: as it says itself, or as is set while nothing is recorded yet."""
    clock = clock_of(log)
    if clock is not None and settings.clock_is_stated and clock != settings.clock:
        raise ClockMismatch(f"the log was created {clock}, and {settings.clock} was asked for")
    return (clock or settings.clock) == "played"


def clock_of(log: KafkaSettings) -> str | None:
    """`live` or `played`, as the first event of any partition says; None where nothing is recorded yet."""
    place, ids = topics.ensure(log, create=False), known_ids(log)
    with reported(f"Kafka at {log.bootstrap}"):
        consumer = KafkaConsumer(
            **log.arguments(), isolation_level="read_committed", enable_auto_commit=False, group_id=None
        )
        with closing(consumer):
            found = created(consumer, log, place, ids)
    return None if found is None else str(found["clock"])


def create(settings: Settings) -> int:
    """Makes the log that is set, with its schemas; returns how many partitions it has. Raises FileExists."""
    log = kafka_settings(settings, settings.mirrors_folder)
    with _hinting(settings):
        place = topics.create(log)
        schema_ids(log)
    return place.partitions


def records_of(log: KafkaSettings, topic: str) -> Iterator[Any]:
    """The committed records of a topic up to its end, partition by partition. Raises LogUnreachable."""
    partitions = topics.ensure(log, create=False).partitions
    with reported(f"the topic {topic}"):
        consumer = KafkaConsumer(
            **log.arguments(), isolation_level="read_committed", enable_auto_commit=False, group_id=None
        )
        with closing(consumer):
            for tp in [TopicPartition(topic, partition) for partition in range(partitions)]:
                consumer.assign([tp])
                end = consumer.end_offsets([tp])[tp]
                consumer.seek(tp, 0)
                while consumer.position(tp) < end:
                    yield from consumer.poll(timeout_ms=200).get(tp, ())


def restore_registry(settings: Settings, copies: Sequence[Path], progress: Progress | None = None) -> int:
    """Fills an empty registry with the log's schemas, under the ids of its records; returns how many there were not.

    `copies` are logs in files that hold schemas which this release does not have: copies, or mirrors. Raises what
    `registry_restoring.restore` does.
    """
    held: list[RecordSchema] = []
    for path in copies:
        with closing(Source(path)) as copy:
            held += copy.schemas
    log = kafka_settings(settings, settings.mirrors_folder)
    with _hinting(settings):
        topics.ensure(log, create=False)
        texts = Texts(held)
        return restore(Registry(access(log)), used(log, texts, progress), texts.by_mark)


class Followed:
    """Mirrors of every partition, which read on whenever they are asked; without `answers` they have events only."""

    def __init__(self, log: KafkaSettings, *, answers: bool = True) -> None:
        self.settings = log
        self._answers = answers
        self._place = topics.ensure(log, create=False)
        self._ids = known_ids(log)
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
        return self._place.partitions

    @property
    def policies(self) -> str:
        """The id of the topic of policies; empty for whoever may not see it."""
        return self._place.policies

    def partition_of(self, subject: str) -> int:
        """The partition of a subject."""
        return partition_of(subject, self.partitions)

    def catch_up(self, progress: Progress | None = None, *, only: int | None = None) -> None:
        """Reads all that was committed before this was asked, even where that does not show yet.

        `only` is one partition, where the others are not asked for. A mirror that is unlike its topic is made again.
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
        log, place = self.settings, self._place
        for partition in range(self.partitions):
            self.mirrors[partition] = mirror.opened(log, place, partition, Mirror)
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
            done += follower.advance(_SLICE)
            if time.monotonic() > until:
                written = {}
            if progress is not None:
                progress(done, 0)


class MirrorReader:
    """Reads the mirror of one partition, after it has read all that is committed."""

    def __init__(self, followed: Followed, partition: int, *, unknown_types: bool = False) -> None:
        self.partition = partition
        self._followed = followed
        file = followed.settings.mirror(partition)
        self._reader = SqliteReader(file, partition, unknown_types=unknown_types)

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
def at_rest(settings: Settings) -> Iterator[Followed]:
    """Mirrors of a log whose writers are fenced, and which has answered all that was asked of it.

    Raises CopyRefused where commands wait, and at the end where something was written meanwhile.
    """
    with own_mirrors(settings, "reader") as log, closing(Followed(log)) as mirrors:
        for partition in range(mirrors.partitions):
            fence(log, partition)
        mirrors.catch_up()
        reached = {partition: kept.progress for partition, kept in mirrors.mirrors.items()}
        for partition, progress in reached.items():
            must_await_nothing(log, partition, progress.on(mirrors.policies))
        yield mirrors
        mirrors.catch_up()
        for partition, kept in mirrors.mirrors.items():
            must_await_nothing(log, partition, kept.progress.on(mirrors.policies))
            if kept.progress != reached[partition]:
                raise CopyRefused(f"partition {partition} was written meanwhile: stop all writers first")


@contextmanager
def followed_events(settings: Settings) -> Iterator[Followed]:
    """Mirrors that have the events alone, which is all that projections are made of. Raises like `followed`."""
    with own_mirrors(settings, "projector") as log, closing(Followed(log, answers=False)) as mirrors:
        yield mirrors


def verified(settings: Settings, progress: Progress | None = None) -> Report:
    """Reads the topics from their beginning into fresh mirrors, and verifies every partition."""
    with TemporaryDirectory(prefix="pulsa-verify-") as folder, _hinting(settings):
        log = kafka_settings(settings, Path(folder))
        with closing(Followed(log)) as mirrors:
            mirrors.catch_up(progress)
            transfers = Transfers()
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


def _sent_since(mirrors: Followed, reports: Sequence[Report], transfers: Transfers) -> list[Finding]:
    """Takes in what was sent since its partition was read, where it had ended in another one that was read later."""
    if not transfers.unmatched:
        return []
    found: list[Finding] = []
    for report, reader in zip(reports, mirrors.readers(), strict=True):
        with reader.snapshot() as log:
            for sent in log.events(report.events + 1, types=(CreditTransferSent.TOPIC,)):
                found += transfers.take(sent.event, f"{log.partition}:{sent.ordinal}")
    return found
