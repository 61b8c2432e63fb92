"""What the `eventsourcing` library asks of every recorder and factory, asked of the log on Kafka."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from eventsourcing.persistence import (
    AggregateRecorder,
    ApplicationRecorder,
    InfrastructureFactory,
    ProcessRecorder,
    TrackingRecorder,
)
from eventsourcing.tests.persistence import (
    ApplicationRecorderTestCase,
    InfrastructureFactoryTestCase,
    NonInterleavingNotificationIDsBaseCase,
)
from eventsourcing.utils import Environment

from ledger.store.kafka.connection import KafkaSettings
from ledger.store.kafka.factory import Factory
from ledger.store.kafka.recorder import KafkaRecorder
from ledger.store.snapshots import Snapshots
from tests.kafka.registered import told
from tests.servers import KafkaServers

PARTITIONS = 16


class OnKafka:
    """Gives each test a partition that nobody has written to."""

    log: ClassVar[KafkaSettings]
    partitions: ClassVar[Iterator[int]]
    factories: list[Any]

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def a_log(
        cls, kafka_servers: KafkaServers, run_directory: Path, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        log = KafkaSettings(
            kafka_servers.bootstrap_servers,
            kafka_servers.registry_url,
            tmp_path_factory.mktemp("mirrors"),
            prefix=f"{secrets.token_hex(4)}.",
            partitions=PARTITIONS,
            create=True,
        )
        cls.log = told(log, run_directory)
        cls.partitions = iter(range(PARTITIONS))

    @pytest.fixture(autouse=True)
    def closing(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        # The other partitions hold what the library's tests made up: no event of a log that says its clock.
        monkeypatch.setattr("ledger.store.kafka.factory.said_at_first", lambda *_: None)
        self.factories = []
        yield
        for factory in self.factories:
            factory.close()

    def create_recorder(self) -> Any:
        factory = InfrastructureFactory.construct(Environment(env=self.environment()))
        self.factories.append(factory)
        return factory.application_recorder()

    def environment(self) -> dict[str, str]:
        return self.log.environment(next(self.partitions)) | {"ORIGINATOR_ID_TYPE": "uuid"}


class TestApplicationRecorder(OnKafka, ApplicationRecorderTestCase[KafkaRecorder]):
    pass


class TestNotificationIds(OnKafka, NonInterleavingNotificationIDsBaseCase):
    pass


class TestFactory(OnKafka, InfrastructureFactoryTestCase[Factory]):
    def setUp(self) -> None:
        self.env = Environment(env=self.environment())
        super().setUp()

    def expected_factory_class(self) -> type[Factory]:
        return Factory

    def expected_aggregate_recorder_class(self) -> type[AggregateRecorder]:
        return Snapshots

    def expected_application_recorder_class(self) -> type[ApplicationRecorder]:
        return KafkaRecorder

    def expected_tracking_recorder_class(self) -> type[TrackingRecorder]:
        raise NotImplementedError

    def expected_process_recorder_class(self) -> type[ProcessRecorder]:
        raise NotImplementedError

    def tracking_recorder_subclass(self) -> type[TrackingRecorder]:
        raise NotImplementedError

    def test_create_tracking_recorder(self) -> None:
        """Does not apply: a projection keeps its position in its own database, in the transaction of its rows."""
        with pytest.raises(NotImplementedError):
            self.factory.tracking_recorder()

    def test_create_process_recorder(self) -> None:
        """Does not apply: what follows from an event is decided by the writer, in the transaction of its cause."""
        with pytest.raises(NotImplementedError):
            self.factory.process_recorder()
