"""Sums over both time axes without a scan: every entry, and its sums by (effective day, recorded day).

The sum as of T, known at K is that of the whole days before both, and of the single entries of the two days that T
and K lie in. These days are those of UTC: they are where sums are cut, and nobody is told them. Local days, which
people ask for, are numbers that sums are kept apart by. Additions commute, so sums do not depend on the size or order
of batches.

Single entries are asked for by the day, never one by one, so they lie packed: those with the same key, recorded on
one day within one block of ordinals, are one row. Postgres and SQLite take such a row in as fast as an entry.

An amount fits into 8 bytes, and its sum need not: a sum is kept as whole `LARGE`s and the rest, in two columns that are
each added up. Neither comes near its end within some 90,000 million entries of the largest amount that a command names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from struct import Struct
from typing import Any

from ledger.domain.calendar import DAY
from projections.engine.changes import Changes
from projections.engine.database_transactions import Transaction
from projections.engine.local_days import days
from projections.engine.prepared import Prepared
from projections.engine.projection import Rows
from projections.engine.sql import Select, select, union_all
from projections.engine.sql_expressions import (
    TEXT,
    BigInteger,
    Column,
    Expression,
    Integer,
    LargeBinary,
    Parameter,
    and_,
    bindparam,
    func,
)
from projections.engine.sql_tables import MetaData, PrimaryKeyConstraint, Table

LARGE = 10**8
"""Amounts below it (a million rupiah) have nothing in the column of the large ones, which then costs nothing."""
BLOCK_BITS = 12
"""Entries of 4,096 ordinals lie in one segment: what is appended to it is written together with what it has."""

PackedEntry = tuple[int, ...]
"""(ordinal, effective_at, recorded_at, values…, numbers…)"""


class BitemporalSums:
    """Two tables: `segments`, the entries packed in their order; and `days`, their sums per partition.

    `keys` (texts) and `numbers` name what is summed apart, `counts` and `amounts` what is summed: of counts, an entry
    has one more or less. Numbers stand in the entries, too. An entry is so many numbers of 8 bytes, least byte first.
    """

    def __init__(  # noqa: PLR0913 - the parts of two tables
        self,
        metadata: MetaData,
        name: str,
        generation: int,
        *,
        keys: Sequence[str],
        counts: Sequence[str] = (),
        amounts: Sequence[str] = (),
        numbers: Sequence[str] = (),
    ) -> None:
        self.keys, self.values, self.numbers = tuple(keys), (*counts, *amounts), tuple(numbers)
        self._counts, self._amounts = len(counts), tuple(amounts)
        self._columns = (*counts, *(column for name in amounts for column in _columns_of(name)))
        self._packed = ("ordinal", "effective_at", "recorded_at", *self.values, *numbers)
        self._entry = Struct(f"<{len(self._packed)}q")
        self.segments = Table(
            f"{name}_segments_{generation}",
            metadata,
            Column("recorded_day", Integer),
            *(Column(key, TEXT) for key in keys),
            Column("partition", Integer),
            Column("block", BigInteger),
            Column("entries", LargeBinary, nullable=False),
            PrimaryKeyConstraint("recorded_day", *keys, "partition", "block"),
            sqlite_with_rowid=False,
            info={"merge": {"entries": "append"}},
        )
        self.days = Table(
            f"{name}_days_{generation}",
            metadata,
            *(Column(key, TEXT) for key in keys),
            *(Column(column, Integer) for column in (*numbers, "effective_day", "recorded_day", "partition")),
            *(Column(column, BigInteger, nullable=False) for column in self._columns),
            Column("last", BigInteger, nullable=False),
            PrimaryKeyConstraint(*keys, *numbers, "effective_day", "recorded_day", "partition"),
            sqlite_with_rowid=False,
            info={"merge": {**dict.fromkeys(self._columns, "add"), "last": "max"}},
        )
        self._statements: dict[Any, tuple[Prepared, Prepared]] = {}

    # --- taking in ----------------------------------------------------------------------------------------------------

    def add(self, changes: Changes, keys: tuple[str, ...], partition: int, *entry: int) -> None:
        """Takes in an entry: its ordinal, effective and recorded instant, values, numbers. Ordinals never descend."""
        ordinal, effective_at, recorded_at, *rest = entry
        recorded_day = recorded_at // DAY
        segments = changes.cells(self.segments)
        segment = (recorded_day, *keys, partition, block_of(ordinal))
        before = segments.get(segment)
        if before is None:
            segments[segment] = (bytearray(self._entry.pack(*entry)),)
        else:
            before[0].extend(self._entry.pack(*entry))
        values, numbers = rest[: len(self.values)], rest[len(self.values) :]
        days = (*numbers, effective_at // DAY, recorded_day)
        self.count(changes, keys, days, (partition, ordinal), values)

    def count(
        self,
        changes: Changes,
        keys: tuple[str, ...],
        days: tuple[int, ...],
        position: tuple[int, int],
        values: Sequence[int],
    ) -> None:
        """Takes values at (partition, ordinal) into the sums of (numbers…, effective day, recorded day) only."""
        cells = changes.cells(self.days)
        partition, ordinal = position
        cell = (*keys, *days, partition)
        before = cells.get(cell)
        columns: Iterable[int] = values[: self._counts]
        for amount in values[self._counts :]:
            columns = (*columns, *_split(amount))
        if before is not None:
            columns = map(int.__add__, before, columns)
        cells[cell] = (*columns, ordinal)

    def fold_columns(self, partition: int, columns: Mapping[str, Any]) -> Iterator[Rows]:
        """Entries, from columns for keys, values, numbers, `ordinal` and both instants; and their sums."""
        from projections.engine import columnar  # slow to import

        found = columnar.table_of(
            {
                **columns,
                **{key: columnar.in_words(columns[key]) for key in self.keys},
                "effective_day": days(columns["effective_at"]),
                "recorded_day": days(columns["recorded_at"]),
                "partition": partition,
                "block": columnar.blocks(columns["ordinal"], BLOCK_BITS),
                "last": columns["ordinal"],
                **dict(self._split_columns(columns)),
            }
        )
        if not len(found):
            return
        yield self.segments, columnar.packed(found, self.segments, self._packed)
        yield self.days, columnar.merged(found, self.days)

    def _split_columns(self, columns: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
        from projections.engine import columnar  # slow to import

        for name in self._amounts:
            yield from zip(_columns_of(name), columnar.split(columns[name], LARGE), strict=True)

    # --- asking -------------------------------------------------------------------------------------------------------

    def at(
        self,
        connection: Transaction,
        as_of: int,
        known_at: int,
        *,
        by: Sequence[str] = (),
        **only: str | list[str],
    ) -> list[tuple[Any, ...]]:
        """Rows of (`by`…, the sum of each value, the ordinal of the last entry); no row where there is no entry.

        `by` names keys and then numbers. `only` restricts keys: to a value, to several (a list), or to a range
        (`<key>_from`, `<key>_before`).
        """
        shape = (tuple(by), tuple((name, isinstance(value, list)) for name, value in only.items()))
        statements = self._statements.get(shape)
        if statements is None:
            statements = self._statements[shape] = self._parts(*shape)
        whole, single = statements
        moment = {"t_day": as_of // DAY, "k_day": known_at // DAY}
        sums = {
            tuple(row[: len(by)]): (*self._joined(row[len(by) : -1]), int(row[-1]))
            for row in whole(connection, **moment, **only)
            if row[-1] is not None
        }
        indices = [1 + self.keys.index(name) for name in by if name in self.keys]
        numbers = [self._packed.index(name) for name in by if name in self.numbers]
        for row in single(connection, **moment, **only):
            key = tuple([row[index] for index in indices])
            entries = self._chosen(row, as_of, known_at)
            for one, some in _apart(key, numbers, entries):
                sums[one] = self._summed(sums.get(one), some)
        return [(*key, *summed) for key, summed in sums.items() if summed]

    def whole_days(self, connection: Transaction, *conditions: Expression) -> Iterator[tuple[Any, ...]]:
        """Sums of whole days, by conditions on `self.days`: (key…, number…, value…)."""
        days, width = self.days.c, len(self.keys) + len(self.numbers)
        names = (*self.keys, *self.numbers, *self._columns)
        for row in connection.execute(select(*[days[name] for name in names]).where(*conditions)):
            yield (*row[:width], *self._joined(row[width:]))

    def single(
        self, connection: Transaction, segments: Select, as_of: int, known_at: int
    ) -> Iterator[tuple[Any, ...]]:
        """Of chosen segments (`self.segments`' own columns) those of the two days: (key…, value…, number…)."""
        for row in connection.execute(segments):
            keys = row[1 : 1 + len(self.keys)]
            for entry in self._chosen(row, as_of, known_at):
                yield (*keys, *entry[3:])

    def entries(self, segment: bytes) -> Iterator[PackedEntry]:
        """The entries of a segment, in the order of recording."""
        return self._entry.iter_unpack(segment)

    def _joined(self, columns: Sequence[Any]) -> Iterator[int]:
        """The values of columns of sums."""
        yield from map(int, columns[: self._counts])
        for column in range(self._counts, len(columns), 2):
            yield int(columns[column]) * LARGE + int(columns[column + 1])

    def _chosen(self, row: Any, as_of: int, known_at: int) -> list[PackedEntry]:  # noqa: ANN401 - a row of segments
        """The entries that whole days leave: those of K's day of recording; of days before, those of T's day."""
        entries = self._entry.iter_unpack(row[-1])
        if row[0] == known_at // DAY:
            return [entry for entry in entries if entry[1] <= as_of and entry[2] <= known_at]
        begin = as_of // DAY * DAY
        return [entry for entry in entries if begin <= entry[1] <= as_of]

    def _summed(self, before: tuple[int, ...] | None, entries: list[PackedEntry]) -> tuple[int, ...]:
        """The sum of each value and the last ordinal, with what there was before; nothing where there is nothing."""
        if not entries:
            return before or ()
        values = range(3, 3 + len(self.values))
        sums = [*(sum([entry[index] for entry in entries]) for index in values), entries[-1][0]]
        if not before:
            return tuple(sums)
        *values_before, last = before
        return (*map(int.__add__, values_before, sums), max(last, sums[-1]))

    def _parts(self, by: tuple[str, ...], only: tuple[tuple[str, bool], ...]) -> tuple[Prepared, Prepared]:
        """The sums of whole days, and the segments that the rest is in."""
        days, segments = self.days.c, self.segments.c
        t_day, k_day = (bindparam(name) for name in ("t_day", "k_day"))
        groups = [days[name] for name in by]
        sums = [func.sum(days[name]) for name in self._columns]
        whole = (
            select(*groups, *sums, func.max(days.last))
            .where(days.effective_day < t_day, days.recorded_day < k_day, *_only(days, only))
            .group_by(*groups)
        )
        of_day = select(*segments).where(segments.recorded_day == k_day, *_only(segments, only))
        names = (*self.keys, "recorded_day", "partition")
        late = (
            select(*(days[name] for name in names))
            .distinct()  # sums are kept apart by numbers, too
            .where(days.effective_day == t_day, days.recorded_day < k_day, *_only(days, only))
            .subquery()
        )
        joined = [late.c[name] == segments[name] for name in names]
        earlier = select(*segments).select_from(late.join(self.segments, and_(*joined)))
        return Prepared(whole), Prepared(union_all(of_day, earlier))


def _apart(
    key: tuple[Any, ...], numbers: list[int], entries: list[PackedEntry]
) -> Iterable[tuple[tuple[Any, ...], list[PackedEntry]]]:
    """The entries of a key apart by the numbers at some indices."""
    if not numbers:
        return [(key, entries)]
    apart: dict[tuple[Any, ...], list[PackedEntry]] = {}
    for entry in entries:
        apart.setdefault((*key, *[entry[index] for index in numbers]), []).append(entry)
    return apart.items()


def block_of(ordinal: int) -> int:
    """The block of ordinals that an entry is packed within."""
    return ordinal - 1 >> BLOCK_BITS


def _columns_of(amount: str) -> tuple[str, str]:
    """The columns that a sum is kept in."""
    return f"{amount}_large", f"{amount}_rest"


def _split(amount: int) -> tuple[int, int]:
    """Whole `LARGE`s, and the rest; both have the amount's sign."""
    if -LARGE < amount < LARGE:
        return 0, amount
    large = amount // LARGE if amount > 0 else -(-amount // LARGE)
    return large, amount - large * LARGE


def _only(columns: Any, only: tuple[tuple[str, bool], ...]) -> list[Expression]:  # noqa: ANN401 - of a table
    conditions: list[Expression] = []
    for name, several in only:
        value: Parameter = bindparam(name, expanding=several)
        if name.endswith("_from"):
            conditions.append(columns[name.removesuffix("_from")] >= value)
        elif name.endswith("_before"):
            conditions.append(columns[name.removesuffix("_before")] < value)
        elif several:
            conditions.append(columns[name].in_(value))
        else:
            conditions.append(columns[name] == value)
    return conditions
