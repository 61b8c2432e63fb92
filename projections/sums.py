"""Sums over both time axes without a scan: every entry, and its sums by (effective day, recorded day).

The sum as of T, known at K is that of the whole days before both, and of the single entries of the two days that T
and K lie in. Days are those of UTC. Additions commute, so cells do not depend on the size or order of batches.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ledger.domain.calendar import DAY
from projections.changes import Changes
from projections.prepared import Prepared
from projections.projection import Rows


class Sums:
    """Two tables: `entries`, clustered by the day of recording, and `days`, their sums per partition.

    `keys` name what is summed apart, `values` what is summed; `extra` columns stand in the entries only.
    """

    def __init__(  # noqa: PLR0913 - the parts of two tables
        self,
        metadata: sa.MetaData,
        name: str,
        generation: int,
        *,
        keys: Sequence[str],
        values: Sequence[str],
        extra: Sequence[sa.Column[Any]] = (),
    ) -> None:
        self.keys, self.values = tuple(keys), tuple(values)
        order = ["recorded_day", *keys, "effective_day", "partition", "ordinal", "line"]
        self.entries = sa.Table(
            f"{name}_entries_{generation}",
            metadata,
            sa.Column("recorded_day", sa.Integer),
            *(sa.Column(key, sa.Text) for key in keys),
            *(sa.Column(column, sa.Integer) for column in ("effective_day", "partition")),
            sa.Column("ordinal", sa.BigInteger),
            sa.Column("line", sa.Integer),
            sa.Column("effective_at", sa.BigInteger, nullable=False),
            sa.Column("recorded_at", sa.BigInteger, nullable=False),
            *(sa.Column(value, sa.BigInteger, nullable=False) for value in values),
            *extra,
            sa.PrimaryKeyConstraint(*order),
            sqlite_with_rowid=False,
        )
        self.days = sa.Table(
            f"{name}_days_{generation}",
            metadata,
            *(sa.Column(key, sa.Text) for key in keys),
            *(sa.Column(column, sa.Integer) for column in ("effective_day", "recorded_day", "partition")),
            *(sa.Column(value, sa.BigInteger, nullable=False) for value in values),
            sa.Column("last", sa.BigInteger, nullable=False),
            sa.PrimaryKeyConstraint(*keys, "effective_day", "recorded_day", "partition"),
            sqlite_with_rowid=False,
            info={"merge": {**dict.fromkeys(values, "add"), "last": "max"}},
        )
        self._statements: dict[Any, Prepared] = {}

    def add(  # noqa: PLR0913 - the columns of an entry
        self,
        changes: Changes,
        place: tuple[int, int, int],
        instants: tuple[int, int],
        keys: tuple[str, ...],
        values: tuple[int, ...],
        extra: tuple[Any, ...] = (),
    ) -> None:
        """Takes in an entry: its (partition, ordinal, line), its (effective, recorded) instants."""
        effective_day, recorded_day = instants[0] // DAY, instants[1] // DAY
        row = (recorded_day, *keys, effective_day, *place, *instants, *values, *extra)
        changes.rows(self.entries).append(row)
        self.count(changes, place, (effective_day, recorded_day), keys, values)

    def count(
        self,
        changes: Changes,
        place: tuple[int, int, int],
        days: tuple[int, int],
        keys: tuple[str, ...],
        values: tuple[int, ...],
    ) -> None:
        """Takes values into the sums of (effective day, recorded day) only."""
        cells = changes.cells(self.days)
        key = (*keys, *days, place[0])
        before = cells.get(key)
        if before is None:
            cells[key] = (*values, place[1])
        else:
            *summed, last = before
            now = [one + other for one, other in zip(summed, values, strict=True)]
            cells[key] = (*now, max(last, place[1]))

    # --- in bulk ------------------------------------------------------------------------------------------------------

    def fold_columns(self, partition: int, columns: Mapping[str, Any]) -> Iterator[Rows]:
        """Entries, from columns for keys, values, extra, `ordinal`, `line` and both instants; and their sums."""
        from projections import columnar  # slow to import

        found = columnar.table_of(
            {
                **columns,
                **{key: columnar.in_words(columns[key]) for key in self.keys},
                "effective_day": columnar.days(columns["effective_at"]),
                "recorded_day": columnar.days(columns["recorded_at"]),
                "partition": partition,
                "last": columns["ordinal"],
            }
        )
        entries = columnar.ordered(found, ["recorded_day", *self.keys, "effective_day"])
        yield self.entries, entries
        yield self.days, columnar.merged(entries, self.days)

    # --- asking -------------------------------------------------------------------------------------------------------

    def at(
        self,
        connection: Connection,
        as_of: int,
        known_at: int,
        *,
        by: Sequence[str] = (),
        **only: str | list[str],
    ) -> list[tuple[Any, ...]]:
        """Rows of (`by`…, the sum of each value, the ordinal of the last entry); no row where there is no entry.

        `only` restricts keys: to a value, to several (a list), or to a range (`<key>_from`, `<key>_before`).
        """
        shape = (tuple(by), tuple((name, isinstance(value, list)) for name, value in only.items()))
        statement = self._statements.get(shape)
        if statement is None:
            statement = self._statements[shape] = Prepared(self._statement(*shape))
        moment = {"t": as_of, "k": known_at, "t_day": as_of // DAY, "k_day": known_at // DAY}
        found = statement(connection, **moment, **only)
        return [tuple(row) for row in found if row[-1] is not None]

    def _statement(self, by: tuple[str, ...], only: tuple[tuple[str, bool], ...]) -> sa.Select[Any]:
        days, entries = self.days.c, self.entries.c
        t, k, t_day, k_day = (
            sa.bindparam(name, type_=sa.BigInteger) for name in ("t", "k", "t_day", "k_day")
        )
        joined = sa.and_(
            *(
                days[name] == entries[name]
                for name in (*self.keys, "effective_day", "recorded_day", "partition")
            )
        )
        # Each part is summed by itself, in the order of its key: nothing has to be sorted, nor kept.
        whole = self._summed(days, days.last, by).where(
            days.effective_day < t_day, days.recorded_day < k_day, *_only(days, only)
        )
        day_known = self._summed(entries, entries.ordinal, by).where(
            entries.recorded_day == k_day,
            entries.effective_at <= t,
            entries.recorded_at <= k,
            *_only(entries, only),
        )
        day_effective = (
            self._summed(entries, entries.ordinal, by)
            .select_from(self.days.join(self.entries, joined))
            .where(days.effective_day == t_day, days.recorded_day < k_day, entries.effective_at <= t)
            .where(*_only(days, only))
        )
        parts = sa.union_all(whole, day_known, day_effective).subquery().c
        return self._summed(parts, parts.last, by)

    def _summed(self, columns: Any, last: sa.ColumnElement[int], by: tuple[str, ...]) -> sa.Select[Any]:  # noqa: ANN401 - of a table
        """The sum of each value and the last ordinal, by some keys."""
        groups = [columns[name] for name in by]
        sums = [sa.cast(sa.func.sum(columns[name]), sa.BigInteger).label(name) for name in self.values]
        return sa.select(*groups, *sums, sa.func.max(last).label("last")).group_by(*groups)


def _only(columns: Any, only: tuple[tuple[str, bool], ...]) -> list[sa.ColumnElement[bool]]:  # noqa: ANN401 - of a table
    conditions: list[sa.ColumnElement[bool]] = []
    for name, several in only:
        value: sa.BindParameter[Any] = sa.bindparam(name, expanding=several)
        if name.endswith("_from"):
            conditions.append(columns[name.removesuffix("_from")] >= value)
        elif name.endswith("_before"):
            conditions.append(columns[name.removesuffix("_before")] < value)
        elif several:
            conditions.append(columns[name].in_(value))
        else:
            conditions.append(columns[name] == value)
    return conditions
