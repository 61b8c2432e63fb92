"""How far the projections are: position, and lag behind the log in events and in seconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ledger.domain.calendar import SECOND, format_instant
from projections.engine.database import GENERATIONS, Database
from projections.engine.generations import ProjectionPosition, positions_by_partition
from projections.engine.partition_facts import PartitionFacts
from projections.engine.reader import LogReader, LogSnapshot
from projections.engine.sql import select


@dataclass(frozen=True, slots=True)
class Lag:
    """A projection in a partition: events that it has not taken in, and for how long the oldest of them has waited.

    `seconds` is the time between the last event taken in and the log's last one.
    """

    projection: str
    partition: int
    position: int
    head: int
    seconds: float

    @property
    def events(self) -> int:
        """Events not taken in yet."""
        return self.head - self.position

    def to_json(self) -> dict[str, Any]:
        """The answer."""
        return {
            "projection": self.projection,
            "partition": self.partition,
            "position": f"{self.partition}:{self.position}",
            "lag_events": self.events,
            "lag_seconds": self.seconds,
        }


@dataclass(frozen=True, slots=True)
class PartitionStatus:
    """A partition of the log."""

    partition: int
    head: int
    clock: str | None
    closed_through: int | None

    def to_json(self) -> dict[str, Any]:
        """The answer."""
        closed = self.closed_through
        return {
            "partition": self.partition,
            "position": f"{self.partition}:{self.head}",
            "clock": self.clock,
            "closed_through": None if closed is None else format_instant(closed),
        }


@dataclass(frozen=True, slots=True)
class Status:
    """The log's partitions, the projections' lags, and events of types that this release does not know."""

    partitions: tuple[PartitionStatus, ...]
    lags: tuple[Lag, ...]
    unknown_types: dict[str, int]

    def to_json(self) -> dict[str, Any]:
        """The answer."""
        return {
            "partitions": [part.to_json() for part in self.partitions],
            "projections": [lag.to_json() for lag in self.lags],
            "unknown_types": self.unknown_types,
        }


def status(database: Database, readers: Sequence[LogReader]) -> Status:
    """Where the log stands, and where the projections do. Raises what keeps the log or the database from being read."""
    positions: dict[int, list[ProjectionPosition]] = {}
    unknown: dict[str, int] = {}
    if database.is_prepared():
        with database.reading() as connection:
            positions = positions_by_partition(connection)
            live = {row[0]: row[1] for row in connection.execute(select(*GENERATIONS.c))}
            if PartitionFacts.name in live:
                unknown = PartitionFacts(live[PartitionFacts.name]).unknown_types(connection)
    parts, lags = [], []
    for reader in readers:
        with reader.snapshot() as log:
            created = log.created
            clock = None if created is None else created.clock
            parts.append(PartitionStatus(log.partition, log.head, clock, log.closed_through))
            lags += [_lag(log, position) for position in sorted(positions.get(log.partition, []))]
    return Status(tuple(parts), tuple(lags), unknown)


def _lag(log: LogSnapshot, position: ProjectionPosition) -> Lag:
    waiting = 0.0
    if position.ordinal < log.head:
        last, taken = _recorded_at(log, log.head), _recorded_at(log, max(position.ordinal, 1))
        waiting = max(last - taken, 0) / SECOND
    return Lag(position.projection, position.partition, position.ordinal, log.head, waiting)


def _recorded_at(log: LogSnapshot, ordinal: int) -> int:
    return next(log.events(ordinal)).event.recorded_at
