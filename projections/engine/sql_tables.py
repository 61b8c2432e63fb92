"""Tables: their columns and keys, how they are made, and what writes rows of them by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from projections.engine.sql import SqlStatement
from projections.engine.sql_expressions import Column, ColumnsByName, Expression, RowSource
from projections.engine.sql_text import Dialect, Text

if TYPE_CHECKING:
    from projections.engine.database_transactions import Transaction


class PrimaryKeyConstraint:
    """The columns of a key, in an order of its own."""

    def __init__(self, *names: str) -> None:
        self.names = names


class Index:
    """An index of some columns of a table."""

    def __init__(self, name: str, *columns: str) -> None:
        self.name, self.columns = name, columns


class MetaData:
    """Tables that belong together."""

    def __init__(self) -> None:
        self.tables: dict[str, Table] = {}

    @property
    def sorted_tables(self) -> list[Table]:
        """The tables by name."""
        return [table for _, table in sorted(self.tables.items())]

    def create_all(self, connection: Transaction) -> None:
        """Makes the tables that are not there; of those that are, nothing is locked."""
        there = connection.table_names()
        for table in self.sorted_tables:
            if table.name not in there:
                table.create(connection)


class Table(RowSource):
    """A table. `info` says what becomes of rows that are there already (`projections.engine.changes`)."""

    def __init__(
        self,
        name: str,
        metadata: MetaData,
        *items: Column | PrimaryKeyConstraint | Index,
        sqlite_with_rowid: bool = True,
        info: Mapping[str, Any] | None = None,
    ) -> None:
        self.name, self.info = name, dict(info or {})
        self.c = self.columns = ColumnsByName(one for one in items if isinstance(one, Column))
        keys = [one.names for one in items if isinstance(one, PrimaryKeyConstraint)]
        self.key = keys[0] if keys else tuple(column.name for column in self.c if column.primary_key)
        """The names of the key's columns."""
        self._indexes = [one for one in items if isinstance(one, Index)]
        self._with_rowid = sqlite_with_rowid
        for column in self.c:
            column.table = self
        metadata.tables[name] = self

    def also_by(self, name: str, *columns: str) -> None:
        """Adds an index."""
        self._indexes.append(Index(name, *columns))

    def from_(self, text: Text) -> str:
        """Its name."""
        return text.called(self)

    def create(self, connection: Transaction) -> None:
        """Makes it, and its indexes, where it is not there."""
        for text in self._made(connection.dialect):
            connection.run(text)

    def drop(self, connection: Transaction) -> None:
        """Drops it."""
        connection.run(f'DROP TABLE "{self.name}"')

    def _made(self, dialect: Dialect) -> list[str]:
        columns = [
            f'"{column.name}" {getattr(column.type, dialect)}'
            + ("" if column.nullable and column.name not in self.key else " NOT NULL")
            for column in self.c
        ]
        if self.key:
            columns.append(f"PRIMARY KEY ({_named(self.key)})")
        behind = "" if self._with_rowid or dialect != "sqlite" else " WITHOUT ROWID"
        return [
            f'CREATE TABLE IF NOT EXISTS "{self.name}" ({", ".join(columns)}){behind}',
            *(
                f'CREATE INDEX IF NOT EXISTS "{one.name}" ON "{self.name}" ({_named(one.columns)})'
                for one in self._indexes
            ),
        ]


class Insert(SqlStatement):
    """One row, by the names of its columns."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._values: dict[str, Any] = {}
        self._else: tuple[str, ...] | None = None
        self._changed: dict[str, Any] = {}
        self._where: Expression | None = None

    def values(self, **values: Any) -> Insert:  # noqa: ANN401 - whatever a driver takes
        """What stands in it."""
        self._values |= values
        return self

    def on_conflict_do_nothing(self) -> Insert:
        """Unless there is one of its key."""
        self._else = ()
        return self

    def on_conflict_do_update(
        self, *, index_elements: Sequence[str], set_: Mapping[str, Any], where: Expression
    ) -> Insert:
        """Where there is one of its key, that gets other values, if it meets a condition."""
        self._else, self._changed, self._where = tuple(index_elements), dict(set_), where
        return self

    def sql(self, text: Text) -> str:
        """Its text."""
        places = ",".join([text.value(value) for value in self._values.values()])
        said = f"INSERT INTO {text.called(self._table)} ({_named(self._values)}) VALUES ({places})"  # noqa: S608 - our own names
        if self._else is None:
            return said
        if self._where is None:
            return f"{said} ON CONFLICT DO NOTHING"
        changed = _set(text, self._changed)
        return (
            f"{said} ON CONFLICT ({_named(self._else)}) DO UPDATE SET {changed} WHERE {self._where.sql(text)}"
        )


class Update(SqlStatement):
    """Other values in the rows that meet conditions."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._values: dict[str, Any] = {}
        self._where: tuple[Expression, ...] = ()

    def values(self, **values: Any) -> Update:  # noqa: ANN401 - whatever a driver takes
        """What stands in them then."""
        self._values |= values
        return self

    def where(self, *conditions: Expression) -> Update:
        """Only in these."""
        self._where += conditions
        return self

    def sql(self, text: Text) -> str:
        """Its text."""
        table, changed = text.called(self._table), _set(text, self._values)
        return f"UPDATE {table} SET {changed}{_where(text, self._where)}"  # noqa: S608 - our own names


class Delete(SqlStatement):
    """Takes away the rows that meet conditions."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._where: tuple[Expression, ...] = ()

    def where(self, *conditions: Expression) -> Delete:
        """Only these."""
        self._where += conditions
        return self

    def sql(self, text: Text) -> str:
        """Its text."""
        table = text.called(self._table)
        return f"DELETE FROM {table}{_where(text, self._where)}"  # noqa: S608 - our own names


def insert(table: Table) -> Insert:
    """Puts a row into a table."""
    return Insert(table)


def update(table: Table) -> Update:
    """Changes rows of a table."""
    return Update(table)


def delete(table: Table) -> Delete:
    """Takes rows away from a table."""
    return Delete(table)


def _named(names: Sequence[str] | Mapping[str, Any]) -> str:
    return ",".join(f'"{name}"' for name in names)


def _set(text: Text, values: Mapping[str, Any]) -> str:
    return ",".join([f'"{name}"={text.value(value)}' for name, value in values.items()])


def _where(text: Text, conditions: Sequence[Expression]) -> str:
    return f" WHERE {' AND '.join([one.sql(text) for one in conditions])}" if conditions else ""
