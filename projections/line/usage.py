"""Use and charge by account, service and day, over both time axes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from ledger.domain.calendar import day_of_number
from ledger.domain.line.events import UsageRecorded, UsageRefused
from ledger.domain.money import Sen
from ledger.domain.postpaid.events import UsageCharged
from ledger.domain.prepaid.events import UsageDebited
from ledger.domain.terms_book import TermsBook
from projections.engine.answers import Listed
from projections.engine.changes import Changes
from projections.engine.database_transactions import Transaction
from projections.engine.local_days import zone_of
from projections.engine.projection import FoldBatch, Projection, Rows
from projections.engine.reader import Columns
from projections.engine.snapshot import Snapshot
from projections.engine.sums import BitemporalSums
from projections.line.asked_number import AskedNumber, accounts

_COLUMNS = ("ordinal", "effective_at", "recorded_at", "account", "service", "day", "granted", "charged")


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
    charged: Sen


class Usage(Projection):
    """Every use: debited or charged, recorded at no charge, or refused."""

    name = "usage"
    version = 6
    one_by_one = frozenset({UsageRefused.TOPIC})

    def __init__(self, generation: int) -> None:
        super().__init__(generation)
        keys, numbers = ("account", "service"), ("day",)
        self.sums = BitemporalSums(
            self.metadata,
            "usage",
            generation,
            keys=keys,
            counts=("uses",),
            amounts=("granted", "charged"),
            numbers=numbers,
        )
        self.refused = BitemporalSums(
            self.metadata, "usage_refused", generation, keys=keys, counts=("refused",), numbers=numbers
        )

    def fold(self, batch: FoldBatch, changes: Changes) -> None:
        """Takes in every use."""
        for found in batch.events:
            event = found.event
            if not isinstance(event, UsageDebited | UsageCharged | UsageRecorded | UsageRefused):
                continue
            keys = (event.account, event.service)
            at = (batch.partition, found.ordinal, event.effective_at, event.recorded_at)
            if isinstance(event, UsageDebited | UsageCharged):
                self.sums.add(changes, keys, *at, 1, event.granted, event.charge, event.day)
            elif isinstance(event, UsageRecorded):
                granted = event.granted if event.direction == "outgoing" else 0
                self.sums.add(changes, keys, *at, 1, granted, 0, event.day)
            else:
                day = zone_of(event.terms, batch.book).day_number(event.effective_at)
                self.refused.add(changes, keys, *at, 1, day)

    def fold_rest(self, batch: FoldBatch, changes: Changes) -> None:
        """What was refused: its day is that of the zone of its terms."""
        refused = [found for found in batch.events if isinstance(found.event, UsageRefused)]
        self.fold(batch._replace(events=refused), changes)

    def fold_columns(self, partition: int, columns: Columns, book: TermsBook) -> Iterator[Rows]:
        """What was granted."""
        import pyarrow as pa  # slow to import
        import pyarrow.compute as pc

        used = []
        for kind in (UsageDebited, UsageCharged, UsageRecorded):
            found = columns.of(kind.TOPIC)
            if found is None:
                continue
            if kind is not UsageRecorded:
                found = found.append_column("charged", found.column("charge"))
            else:
                outgoing = pc.equal(found.column("direction"), "outgoing")
                granted = pc.if_else(outgoing, found.column("granted"), 0)
                found = found.drop_columns(["granted"]).append_column("granted", granted)
                found = found.append_column("charged", pa.repeat(pa.scalar(0, pa.int64()), len(found)))
            used.append(found.select(_COLUMNS))
        if used:
            every = pa.concat_tables(used, promote_options="permissive")
            yield from self.sums.fold_columns(
                partition, {**{name: every.column(name) for name in _COLUMNS}, "uses": 1}
            )

    # --- asking -------------------------------------------------------------------------------------------------------

    def of_each(
        self, connection: Transaction, accounts: list[str], as_of: int, known_at: int
    ) -> dict[tuple[str, str], Used]:
        """Use by (account, service)."""
        asked: dict[str, Any] = {"by": ("account", "service"), "account": accounts}
        found = {
            (account, service): Used(0, 0, last)
            for account, service, _, last in self.refused.at(connection, as_of, known_at, **asked)
        }
        for account, service, _, granted, charged, last in self.sums.at(connection, as_of, known_at, **asked):
            refused = found.get((account, service))
            found[account, service] = Used(granted, charged, max(last, refused.last if refused else last))
        return found

    def by_day(self, connection: Transaction, account: str, as_of: int, known_at: int) -> list[DayOfUse]:
        """An account's use by service and local day."""
        asked: dict[str, Any] = {"by": ("service", "day"), "account": account}
        sums = {
            (day, service): [uses, 0, granted, charged]
            for service, day, uses, granted, charged, _ in self.sums.at(connection, as_of, known_at, **asked)
        }
        for service, day, refused, _ in self.refused.at(connection, as_of, known_at, **asked):
            sums.setdefault((day, service), [0, 0, 0, 0])[1] = refused
        return [
            DayOfUse(account, service, day_of_number(day).isoformat(), *summed)
            for (day, service), summed in sorted(sums.items())
        ]


def uses(then: Snapshot, asked: AskedNumber) -> Listed[DayOfUse]:
    """The use of a number's accounts, or of the one named, by local day and service. Raises UnknownThen."""
    asked_about = accounts(then, asked)
    moment, position = then.of_number(asked.msisdn)
    days = [
        day
        for one in asked_about
        for day in then.of(Usage).by_day(then.connection, one, then.as_of, then.known_at)
    ]
    return Listed(DayOfUse, days, *moment, position)
