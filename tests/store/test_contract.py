"""What the `eventsourcing` library asks of every recorder and factory, asked of the embedded log."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from eventsourcing.persistence import (
    AggregateRecorder,
    ApplicationRecorder,
    InfrastructureFactory,
    ProcessRecorder,
    TrackingRecorder,
)
from eventsourcing.sqlite import SQLiteProcessRecorder, SQLiteTrackingRecorder
from eventsourcing.tests.persistence import (
    AggregateRecorderTestCase,
    ApplicationRecorderTestCase,
    InfrastructureFactoryTestCase,
    NonInterleavingNotificationIDsBaseCase,
)
from eventsourcing.utils import Environment

from ledger.store.snapshots import Snapshots
from ledger.store.sqlite import Factory, Recorder


class OnAFile:
    """Gives each test a log in a file of its own, with ids of the type that a subclass says."""

    ID_TYPE = "uuid"

    factories: list[Any]
    folder: Path

    @pytest.fixture(autouse=True)
    def a_folder(self, tmp_path: Path) -> Iterator[None]:
        self.folder, self.factories = tmp_path, []
        before = set(threading.enumerate())
        yield
        for thread in set(threading.enumerate()) - before:
            thread.join(30)  # the library tells its readers to stop, and does not wait until they have
        for factory in self.factories:
            factory.close()

    def environment(self) -> dict[str, str]:
        return {
            "PERSISTENCE_MODULE": "ledger.store.sqlite",
            "SQLITE_DBNAME": str(self.folder / f"{len(self.factories)}.db"),
            "ORIGINATOR_ID_TYPE": self.ID_TYPE,
            "WRITER_LOCK": "y",
        }

    def create_factory(self) -> Any:
        factory = InfrastructureFactory.construct(Environment(env=self.environment()))
        self.factories.append(factory)
        return factory

    def create_recorder(self) -> Any:
        return self.create_factory().application_recorder()


class TestApplicationRecorder(OnAFile, ApplicationRecorderTestCase[Recorder]):
    pass


class TestApplicationRecorderWithTextIds(OnAFile, ApplicationRecorderTestCase[Recorder]):
    """Ids as the ledger has them: accounts, numbers, and what is about no one account."""

    ID_TYPE = "text"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.generations = count(1)

    def new_originator_id(self) -> str:
        return f"6288112345678#{next(self.generations)}"


class TestNotificationIds(OnAFile, NonInterleavingNotificationIDsBaseCase):
    pass


class TestSnapshots(OnAFile, AggregateRecorderTestCase):
    """Snapshots are kept in the log's file."""

    def create_recorder(self) -> Any:
        factory = self.create_factory()
        factory.application_recorder()
        return factory.aggregate_recorder(purpose="snapshots")


class TrackingRecorderOfOurOwn(SQLiteTrackingRecorder):
    """No use is made of such recorders here: a projection keeps its position in its own database."""


class TestFactory(OnAFile, InfrastructureFactoryTestCase[Factory]):
    def setUp(self) -> None:
        self.env = Environment(env=self.environment())
        super().setUp()

    def expected_factory_class(self) -> type[Factory]:
        return Factory

    def expected_aggregate_recorder_class(self) -> type[AggregateRecorder]:
        return Snapshots

    def expected_application_recorder_class(self) -> type[ApplicationRecorder]:
        return Recorder

    def expected_tracking_recorder_class(self) -> type[TrackingRecorder]:
        return SQLiteTrackingRecorder

    def expected_process_recorder_class(self) -> type[ProcessRecorder]:
        return SQLiteProcessRecorder

    def tracking_recorder_subclass(self) -> type[TrackingRecorder]:
        return TrackingRecorderOfOurOwn

    def test_the_recorder_of_a_log_is_one_however_often_it_is_asked_for(self) -> None:
        assert self.factory.application_recorder() is self.factory.application_recorder()
