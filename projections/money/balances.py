"""Every ledger account's balance, customers' and the operator's, over both time axes; and the movements behind it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from heapq import merge
from itertools import chain, groupby
from typing import Any, NamedTuple

from ledger.domain.calendar import DAY, Instant, Zone
from ledger.domain.events import Event
from ledger.domain.ids import OF_CUSTOMERS, OF_OPERATOR, OF_SUSPENSE, is_operators, suspense_in
from ledger.domain.money import Sen
from ledger.domain.terms_book import TermsBook
from projections.engine.answers import Listed, Moment
from projections.engine.changes import Changes
from projections.engine.database_transactions import Transaction
from projections.engine.local_days import zone_of
from projections.engine.projection import FoldBatch, Projection, Rows
from projections.engine.reader import Columns
from projections.engine.snapshot import Snapshot
from projections.engine.sql import select
from projections.engine.sql_expressions import Expression, and_, or_
from projections.engine.sums import BitemporalSums
from projections.money.ledger_accounts import (
    CUSTOMERS,
    IN_TRANSIT,
    Balance,
    LedgerAccount,
    class_of,
)

_AT_ONCE = 1000
"""Rows that are held at once where all are gone through."""


class Movement(NamedTuple):
    """One posting: sen into a ledger account (negative: out of it), by the event at an ordinal."""

    partition: int
    ordinal: int
    account: str
    unit: str
    amount: int
    effective_at: int
    recorded_at: int


class Balances(Projection):
    """The postings of every event, whatever its type, each with its local day."""

    name = "balances"
    version = 5
    one_by_one = frozenset[str]()

    def __init__(self, generation: int) -> None:
        super().__init__(generation)
        self.sums = BitemporalSums(
            self.metadata,
            "balances",
            generation,
            keys=("account", "unit"),
            amounts=("amount",),
            numbers=("day",),
        )

    def fold(self, batch: FoldBatch, changes: Changes) -> None:
        """Takes in every posting."""
        partition, add, count = batch.partition, self.sums.add, self.sums.count
        for found in batch.events:
            event, ordinal = found.event, found.ordinal
            if not event.postings:
                continue
            effective_at, recorded_at = event.effective_at, event.recorded_at
            day = zone_of(event.terms, batch.book).day_number(effective_at)
            days = (day, effective_at // DAY, recorded_at // DAY)
            for posting in event.postings:
                account, unit, amount = posting["account"], posting["unit"], posting["amount"]
                add(changes, (account, unit), partition, ordinal, effective_at, recorded_at, amount, day)
                if not is_operators(account):
                    count(changes, (class_of(account), unit), days, (partition, ordinal), (amount,))

    def fold_rest(self, batch: FoldBatch, changes: Changes) -> None:
        """Columns give everything."""

    def fold_columns(self, partition: int, columns: Columns, book: TermsBook) -> Iterator[Rows]:
        """Every posting."""
        from projections.engine import columnar  # slow to import

        for table, rows in self.sums.fold_columns(partition, columnar.postings(columns.common, book)):
            yield table, rows
            if table is self.sums.days:
                customers = columnar.reworded(rows, "account", _customers_class)
                yield table, columnar.merged(customers, table)

    # --- asking -------------------------------------------------------------------------------------------------------

    def of(
        self, connection: Transaction, account: str, as_of: int, known_at: int
    ) -> dict[str, tuple[int, int]]:
        """The sum in sen by unit of one ledger account, with the ordinal of the last event that it rests on."""
        rows = self.sums.at(connection, as_of, known_at, by=("unit",), account=account)
        return {unit: (amount, last) for unit, amount, last in rows}

    def of_each(
        self, connection: Transaction, accounts: list[str], as_of: int, known_at: int
    ) -> dict[str, tuple[int, int]]:
        """The same by account, for accounts that hold one unit."""
        rows = self.sums.at(connection, as_of, known_at, by=("account",), account=accounts)
        return {account: (amount, last) for account, amount, last in rows}

    def everything(self, connection: Transaction, as_of: int, known_at: int) -> dict[tuple[str, str], int]:
        """Every ledger account's sum by (account, unit)."""
        found: dict[tuple[str, str], int] = {}
        for low, high in (OF_CUSTOMERS, OF_OPERATOR, OF_SUSPENSE):
            rows = self.sums.at(
                connection, as_of, known_at, by=("account", "unit"), account_from=low, account_before=high
            )
            found.update({(account, unit): amount for account, unit, amount, _ in rows})
        return found

    def summed(self, connection: Transaction, as_of: int, known_at: int) -> dict[tuple[str, str], int]:
        """The operator's accounts one by one, the customers' summed, by (account, unit)."""
        return self._summed(connection, as_of, known_at, ("account", "unit"))

    def by_day(self, connection: Transaction, as_of: int, known_at: int) -> dict[tuple[str, str, int], int]:
        """The same by (account, unit, local day)."""
        return self._summed(connection, as_of, known_at, ("account", "unit", "day"))

    def _summed(
        self, connection: Transaction, as_of: int, known_at: int, by: tuple[str, ...]
    ) -> dict[tuple[Any, ...], int]:
        only = {"account_from": OF_OPERATOR[0], "account_before": OF_OPERATOR[1]}
        rows = self.sums.at(connection, as_of, known_at, by=by, **only)
        sums = {tuple(key): int(amount) for *key, amount, _ in rows}
        days = self.sums.days.c
        whole = self.sums.whole_days(
            connection,
            *_customers_sums(days),
            days.effective_day < as_of // DAY,
            days.recorded_day < known_at // DAY,
        )
        single = self._single(connection, as_of, known_at)
        for account, unit, day, amount in chain(whole, single):
            key = (account, unit, day)[: len(by)]
            sums[key] = sums.get(key, 0) + amount
        return sums

    def _single(
        self, connection: Transaction, as_of: int, known_at: int
    ) -> Iterator[tuple[str, str, int, int]]:
        """Customers' entries that the sums of whole days leave: (what it is summed as, unit, local day, sen).

        All that is summed is in a customers' sum: so these say on which days to look.
        """
        days, segments = self.sums.days.c, self.sums.segments.c
        late = select(days.recorded_day).where(
            *_customers_sums(days), days.effective_day == as_of // DAY, days.recorded_day < known_at // DAY
        )
        found = select(*segments).where(
            or_(
                segments.account < OF_CUSTOMERS[1],
                and_(segments.account >= OF_SUSPENSE[0], segments.account < OF_SUSPENSE[1]),
            ),
            or_(segments.recorded_day == known_at // DAY, segments.recorded_day.in_(late)),
        )
        for account, unit, amount, day in self.sums.single(connection, found, as_of, known_at):
            yield class_of(account), unit, day, amount

    def by_day_of(
        self, connection: Transaction, as_of: int, known_at: int, zone: Zone
    ) -> dict[tuple[str, str, int], int]:
        """The same by the days of one zone, whatever terms say: from every single entry."""
        sums: dict[tuple[str, str, int], int] = {}
        segments = self.sums.segments.c
        day_number = zone.day_number
        found = select(segments.account, segments.unit, segments.entries).where(
            segments.recorded_day <= known_at // DAY
        )
        for account, unit, packed in connection.execute(found, at_once=_AT_ONCE):
            shown = account if is_operators(account) else class_of(account)
            for _, effective_at, recorded_at, amount, _ in self.sums.entries(packed):
                if effective_at <= as_of and recorded_at <= known_at:
                    key = (shown, unit, day_number(effective_at))
                    sums[key] = sums.get(key, 0) + amount
        return sums

    def movements(
        self, connection: Transaction, account: str, as_of: int, known_at: int
    ) -> Iterator[Movement]:
        """The postings of one ledger account, in the order of recording."""
        segments, days = self.sums.segments.c, self.sums.days.c
        found = (
            select(*segments)
            .where(
                segments.account == account,
                segments.recorded_day.in_(select(days.recorded_day).where(days.account == account)),
            )
            .order_by(segments.partition, segments.block)
        )
        for _, some in groupby(connection.execute(found), lambda row: (row[3], row[4])):
            apart = [
                [Movement(partition, entry[0], name, unit, entry[3], *entry[1:3]) for entry in entries]
                for _, name, unit, partition, _, packed in some
                for entries in [self.sums.entries(packed)]
            ]
            for moved in merge(*apart, key=lambda moved: moved.ordinal):
                if moved.effective_at <= as_of and moved.recorded_at <= known_at:
                    yield moved


def _customers_sums(days: Any) -> tuple[Expression, ...]:  # noqa: ANN401 - the columns of a table
    return days.account >= CUSTOMERS, days.account < "accounts0"


def _customers_class(account: str) -> str | None:
    return None if is_operators(account) else class_of(account)


# --- the questions --------------------------------------------------------------------------------------------------


class Moved(NamedTuple):
    """Money into a ledger account (negative: out of it), and what the account `held` after it, both in sen.

    `event_position` is the event's; None, like `recorded_at`, for what fell due unrecorded.
    """

    account: str
    unit: str
    amount: Sen
    held: Sen
    effective_at: Instant
    recorded_at: Instant | None
    event_position: str | None


def balance(then: Snapshot, asked: LedgerAccount) -> list[Balance]:
    """The balance of a ledger account, one for each unit that it holds: what was posted to it, and what fell due."""
    found = then.of(Balances).of(then.connection, asked.name, then.as_of, then.known_at)
    moment, position = _rests_on(then, asked, max((last for _, last in found.values()), default=0))
    if not found and suspense_in(asked.name) is not None:
        raise then.unknown(asked.name)
    amounts = Counter({unit: amount for unit, (amount, _) in found.items()})
    for event in _unrecorded(then, asked):
        for posting in event.postings:
            if posting["account"] == asked.name:
                amounts[posting["unit"]] += posting["amount"]
    units = sorted(amounts) or [asked.unit]
    return [Balance(asked.name, unit, amounts[unit], *moment, position) for unit in units]


def movements(then: Snapshot, asked: LedgerAccount) -> Listed[Moved]:
    """The movements behind a balance, as recorded; at the end those among what fell due."""
    moment, position = _rests_on(then, asked)
    rows: list[Moved] = []
    held: Counter[str] = Counter()

    def add(unit: str, amount: int, effective_at: int, recorded_at: int | None, at: str | None) -> None:
        held[unit] += amount
        rows.append(Moved(asked.name, unit, amount, held[unit], effective_at, recorded_at, at))

    for m in then.of(Balances).movements(then.connection, asked.name, then.as_of, then.known_at):
        add(m.unit, m.amount, m.effective_at, m.recorded_at, f"{m.partition}:{m.ordinal}")
    if not rows and suspense_in(asked.name) is not None:
        raise then.unknown(asked.name)
    for event in _unrecorded(then, asked):
        for posting in event.postings:
            if posting["account"] == asked.name:
                add(posting["unit"], posting["amount"], event.effective_at, None, None)
    return Listed(Moved, rows, *moment, position)


def _rests_on(then: Snapshot, asked: LedgerAccount, last: int = 0) -> tuple[Moment, str]:
    """What an answer about a ledger account rests on; `last` is the ordinal of what was posted to it last.

    Credit in transit is taken off by the number that it arrives at, which may lie in another partition.
    """
    customer = asked.customer
    if customer is None:
        return then.whole()
    if customer.account not in then.accounts_of(customer.msisdn):
        raise then.unknown(customer.account)
    if customer.part != IN_TRANSIT:
        return then.of_number(customer.msisdn)
    if len(then.positions) > 1:
        return then.whole()
    partition, own = then.last_of(customer.msisdn)
    return then.moment(partition), f"{partition}:{max(own, last)}"


def _unrecorded(then: Snapshot, asked: LedgerAccount) -> Iterator[Event]:
    return then.unrecorded(None if asked.customer is None else asked.customer.msisdn)
