"""A file that stands for one partition of a log of several, as a persistence module of `eventsourcing`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from eventsourcing.persistence import ApplicationRecorder

from ledger.store.sqlite import Factory


class PartitionFactory(Factory):
    """Makes the recorders of a file that stands for one partition of a log of several.

    `is_here` tells which subjects belong to it.
    """

    def __init__(self, env: Any, partition: int, partitions: int, is_here: Callable[[str], bool]) -> None:  # noqa: ANN401
        super().__init__(env)
        self._place = (partition, partitions, is_here)

    def application_recorder(self) -> ApplicationRecorder:
        """The recorder, which knows its place."""
        recorder: Any = super().application_recorder()
        recorder.partition, recorder.partitions, recorder.is_here = self._place
        return cast("ApplicationRecorder", recorder)
