"""Use and charge by account, service and day, over both time axes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ledger.domain import events as e
from ledger.domain.calendar import day_of_number
from projections.changes import Changes
from projections.projection import Batch, Projection, Rows
from projections.reader import Columns
from projections.sums import Sums

_COLUMNS = (
    *("ordinal", "effective_at", "recorded_at"),
    *("account", "service", "day", "direction", "destination", "zone", "granted"),
)


class Used(NamedTuple):
    """Granted outgoing use of a service (seconds, messages, bytes), and what it cost in sen."""

    granted: int
    charged: int
    last: int
    """The ordinal of the last event that it rests on."""


class DayOfUse(NamedTuple):
    """What an account used of a service on a local day: uses, those refused, granted outgoing, charged in sen."""

    account: str
    service: str
    day: str
    uses: int
    refused: int
    granted: int
    charged: int


class Usage(Projection):
    """Every use: debited, recorded at no charge, or refused."""

    name = "usage"
    one_by_one = frozenset({e.UsageRefused.TOPIC})

    def __init__(self, generation: int) -> None:
        super().__init__(generation)
        self.sums = Sums(
            self.metadata,
            "usage",
            generation,
            keys=("account", "service"),
            values=("uses", "refused", "granted", "charged"),
            extra=(
                sa.Column("day", sa.Integer),
                sa.Column("direction", sa.Text, nullable=False),
                sa.Column("destination", sa.Text, nullable=False),
                sa.Column("zone", sa.Text, nullable=False),
            ),
        )

    def fold(self, batch: Batch, changes: Changes) -> None:
        """Takes in every use."""
        for found in batch.events:
            event = found.event
            if isinstance(event, e.UsageDebited):
                values, day = (1, 0, event.granted, event.charge), event.day
            elif isinstance(event, e.UsageRecorded):
                outgoing = event.direction == "outgoing"
                values, day = (1, 0, event.granted if outgoing else 0, 0), event.day
            elif isinstance(event, e.UsageRefused):
                zone = batch.book[event.terms].zone if event.terms is not None else None
                local = None if zone is None else zone.day(event.effective_at)
                values = (0, 1, 0, 0)
                day = event.effective_at // 86_400_000_000 if local is None else local.toordinal() - _EPOCH
            else:
                continue
            self.sums.add(
                changes,
                (batch.partition, found.ordinal, 0),
                (event.effective_at, event.recorded_at),
                (event.account, event.service),
                values,
                (day, event.direction, event.destination, event.zone),
            )

    def fold_rest(self, batch: Batch, changes: Changes) -> None:
        """What was refused: its day is that of the zone of its terms."""
        refused = [found for found in batch.events if isinstance(found.event, e.UsageRefused)]
        self.fold(batch._replace(events=refused), changes)

    def fold_columns(self, partition: int, columns: Columns) -> Iterator[Rows]:
        """What was granted."""
        import pyarrow.compute as pc  # slow to import

        for kind in (e.UsageDebited, e.UsageRecorded):
            found = columns.of(kind.TOPIC)
            if found is None:
                continue
            own = {name: found.column(name) for name in _COLUMNS}
            if kind is e.UsageDebited:
                own["charged"] = found.column("charge")
            else:
                outgoing = pc.equal(own["direction"], "outgoing")
                own |= {"charged": 0, "granted": pc.if_else(outgoing, own["granted"], 0)}
            yield from self.sums.fold_columns(partition, {**own, "line": 0, "uses": 1, "refused": 0})

    # --- asking -------------------------------------------------------------------------------------------------------

    def of_each(
        self, connection: Connection, accounts: list[str], as_of: int, known_at: int
    ) -> dict[tuple[str, str], Used]:
        """Use by (account, service)."""
        rows = self.sums.at(connection, as_of, known_at, by=("account", "service"), account=accounts)
        return {
            (account, service): Used(int(granted), int(charged), last)
            for account, service, _, _, granted, charged, last in rows
        }

    def by_day(self, connection: Connection, account: str, as_of: int, known_at: int) -> list[DayOfUse]:
        """An account's use by service and local day."""
        entries, days = self.sums.entries.c, self.sums.days.c
        sums = [sa.func.sum(entries[name]) for name in self.sums.values]
        statement = (
            sa.select(entries.service, entries.day, *sums)
            .where(
                entries.recorded_day.in_(sa.select(days.recorded_day).where(days.account == account)),
                entries.account == account,
                entries.effective_at <= as_of,
                entries.recorded_at <= known_at,
            )
            .group_by(entries.service, entries.day)
            .order_by(entries.day, entries.service)
        )
        return [
            DayOfUse(account, service, day_of_number(day).isoformat(), *(int(one) for one in found))
            for service, day, *found in connection.execute(statement)
        ]


_EPOCH = day_of_number(0).toordinal()
