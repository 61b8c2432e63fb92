"""Every ledger account's balance, customers' and the operator's, over both time axes; and the movements behind it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ledger.domain.calendar import DAY
from projections.changes import Changes
from projections.projection import Batch, Projection, Rows
from projections.reader import Columns
from projections.sums import Sums

OPERATOR = "operator/"
CUSTOMERS = "accounts/"
"""What customers' accounts are summed as: `accounts/credit`, `accounts/reserved`, `accounts/in-transit`."""


class Movement(NamedTuple):
    """One posting: sen into a ledger account (negative: out of it), by the event at a position."""

    partition: int
    ordinal: int
    account: str
    unit: str
    amount: int
    effective_at: int
    recorded_at: int


class Balances(Projection):
    """The postings of every event, whatever its type."""

    name = "balances"
    one_by_one = frozenset[str]()

    def __init__(self, generation: int) -> None:
        super().__init__(generation)
        self.sums = Sums(self.metadata, "balances", generation, keys=("account", "unit"), values=("amount",))

    def fold(self, batch: Batch, changes: Changes) -> None:
        """Takes in every posting."""
        partition = batch.partition
        entries, cells = changes.rows(self.sums.entries), changes.cells(self.sums.days)
        for found in batch.events:
            event = found.event
            if not event.postings:
                continue
            ordinal = found.ordinal
            effective, recorded = event.effective_at, event.recorded_at
            effective_day, recorded_day = effective // DAY, recorded // DAY
            for line, posting in enumerate(event.postings):
                account, unit, amount = posting["account"], posting["unit"], posting["amount"]
                entries.append(
                    (
                        recorded_day,
                        account,
                        unit,
                        effective_day,
                        partition,
                        ordinal,
                        line,
                        effective,
                        recorded,
                        amount,
                    )
                )
                key = (account, unit, effective_day, recorded_day, partition)
                before = cells.get(key)
                cells[key] = (amount if before is None else before[0] + amount, ordinal)
                if account[0] != "o":
                    key = (class_of(account), unit, effective_day, recorded_day, partition)
                    before = cells.get(key)
                    cells[key] = (amount if before is None else before[0] + amount, ordinal)

    def fold_rest(self, batch: Batch, changes: Changes) -> None:
        """Columns give everything."""

    def fold_columns(self, partition: int, columns: Columns) -> Iterator[Rows]:
        """Every posting."""
        from projections import columnar  # slow to import

        for table, rows in self.sums.fold_columns(partition, columnar.postings(columns.common)):
            yield table, rows
            if table is self.sums.days:
                customers = columnar.reworded(rows, "account", _customers_class)
                yield table, columnar.merged(customers, table)

    # --- asking -------------------------------------------------------------------------------------------------------

    def of(
        self, connection: Connection, account: str, as_of: int, known_at: int
    ) -> dict[str, tuple[int, int]]:
        """The sum in sen by unit of one ledger account, with the ordinal of the last event that it rests on."""
        rows = self.sums.at(connection, as_of, known_at, by=("unit",), account=account)
        return {unit: (int(amount), last) for unit, amount, last in rows}

    def of_each(
        self, connection: Connection, accounts: list[str], as_of: int, known_at: int
    ) -> dict[str, tuple[int, int]]:
        """The same by account, for accounts that hold one unit."""
        rows = self.sums.at(connection, as_of, known_at, by=("account",), account=accounts)
        return {account: (int(amount), last) for account, amount, last in rows}

    def everything(self, connection: Connection, as_of: int, known_at: int) -> dict[tuple[str, str], int]:
        """Every ledger account's sum by (account, unit)."""
        found: dict[tuple[str, str], int] = {}
        for low, high in (("0", ":"), (OPERATOR, "operator0")):
            rows = self.sums.at(
                connection, as_of, known_at, by=("account", "unit"), account_from=low, account_before=high
            )
            found.update({(account, unit): int(amount) for account, unit, amount, _ in rows})
        return found

    def summed(self, connection: Connection, as_of: int, known_at: int) -> dict[tuple[str, str], int]:
        """The operator's accounts one by one, the customers' summed, by (account, unit)."""
        rows = self.sums.at(
            connection,
            as_of,
            known_at,
            by=("account", "unit"),
            account_from=OPERATOR,
            account_before="operator0",
        )
        found = {(account, unit): int(amount) for account, unit, amount, _ in rows}
        found.update(self._customers(connection, as_of, known_at))
        return found

    def _customers(self, connection: Connection, as_of: int, known_at: int) -> dict[tuple[str, str], int]:
        days, entries = self.sums.days.c, self.sums.entries.c
        t_day, k_day = as_of // DAY, known_at // DAY
        is_sum = sa.and_(days.account >= CUSTOMERS, days.account < "accounts0")
        whole = sa.select(days.account, days.unit, days.amount).where(
            is_sum, days.effective_day < t_day, days.recorded_day < k_day
        )
        recorded = sa.select(days.recorded_day).where(
            is_sum, days.effective_day == t_day, days.recorded_day < k_day
        )
        single = sa.select(entries.account, entries.unit, entries.amount).where(
            entries.account < ":",
            entries.effective_at <= as_of,
            entries.recorded_at <= known_at,
            sa.or_(
                entries.recorded_day == k_day,
                sa.and_(entries.effective_day == t_day, entries.recorded_day.in_(recorded)),
            ),
        )
        sums: dict[tuple[str, str], int] = {}
        for statement in (whole, _by_class(single)):
            for account, unit, amount in connection.execute(statement):
                key = (account, unit)
                sums[key] = sums.get(key, 0) + int(amount)
        return sums

    def movements(
        self, connection: Connection, account: str, as_of: int, known_at: int
    ) -> Iterable[Movement]:
        """The postings of one ledger account, in the order of recording."""
        entries = self.sums.entries.c
        columns = (getattr(entries, name) for name in Movement._fields)
        statement = (
            sa.select(*columns)
            .where(
                entries.account == account,
                entries.recorded_day.in_(
                    sa.select(self.sums.days.c.recorded_day).where(self.sums.days.c.account == account)
                ),
                entries.effective_at <= as_of,
                entries.recorded_at <= known_at,
            )
            .order_by(entries.partition, entries.ordinal, entries.line)
        )
        for row in connection.execute(statement):
            yield Movement(*row)


def _by_class(single: sa.Select[Any]) -> sa.Select[Any]:
    """The entries of customers' accounts summed by what stands behind their last slash."""
    found = single.subquery()
    kinds: Sequence[tuple[str, str]] = [("%/credit", "credit"), ("%/reserved", "reserved")]
    name = sa.case(
        *((found.c.account.like(pattern), CUSTOMERS + kind) for pattern, kind in kinds),
        else_=CUSTOMERS + "in-transit",
    )
    amount = sa.cast(sa.func.sum(found.c.amount), sa.BigInteger)
    return sa.select(name, found.c.unit, amount).group_by(name, found.c.unit)


def _customers_class(account: str) -> str | None:
    return None if account[0] == "o" else class_of(account)


def class_of(account: str) -> str:
    """What a customer's account is summed as."""
    return CUSTOMERS + account.rpartition("/")[2]
