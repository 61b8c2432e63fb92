"""Statements of SQL as the projections ask them: written once, as text for SQLite and for PostgreSQL.

The names are those of SQLAlchemy Core, and mean the same; what is here is what the projections need of it. A statement
knows nothing of a database: `compiled` makes its text, with places for parameters, and what stands in them. A FROM is
made of the tables of what is selected, and of what is joined to them: a condition brings no table in, so that one
within `exists` may speak of the statement around it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from projections.engine.sql_expressions import Expression, RowSource, Subquery
from projections.engine.sql_text import Compiled, Dialect, Text


class SqlStatement:
    """What a connection carries out."""

    def sql(self, text: Text) -> str:
        """Its text."""
        raise NotImplementedError

    def selected(self) -> Sequence[Expression]:
        """The columns of what it finds."""
        return ()

    def compiled(self, dialect: Dialect, lengths: Mapping[str, int] | None = None) -> Compiled:
        """Its text for a database, where lists of parameters have so many values."""
        text = Text(dialect, lengths or {})
        said = self.sql(text)
        return Compiled(said, tuple(text.given))

    def flags(self) -> tuple[int, ...]:
        """Which columns of what it finds are true or false."""
        return tuple(index for index, one in enumerate(self.selected()) if one.is_flag)


class Compound(SqlStatement):
    """What two statements find, put together."""

    def __init__(self, word: str, parts: Sequence[Select]) -> None:
        self._word, self._parts = word, parts

    def sql(self, text: Text) -> str:
        """One behind the other."""
        return f" {self._word} ".join([part.sql(text) for part in self._parts])

    def selected(self) -> Sequence[Expression]:
        """Those of the first."""
        return self._parts[0].selected()

    def subquery(self) -> Subquery:
        """The same, to be asked like a table."""
        return Subquery(self)


class Select(SqlStatement):
    """A question. Each of its methods gives another one."""

    def __init__(self, columns: Sequence[Expression]) -> None:
        self._columns = tuple(columns)
        self._from: RowSource | None = None
        self._where: tuple[Expression, ...] = ()
        self._groups: tuple[Expression, ...] = ()
        self._having: tuple[Expression, ...] = ()
        self._order: tuple[Expression, ...] = ()
        self._limit = self._distinct = self._locks = 0

    def _with(self, **changed: Any) -> Select:  # noqa: ANN401 - its own
        other = Select(self._columns)
        other.__dict__ |= self.__dict__ | changed
        return other

    def select_from(self, source: RowSource) -> Select:
        """From there."""
        return self._with(_from=source)

    def where(self, *conditions: Expression) -> Select:
        """Only what meets these, too."""
        return self._with(_where=(*self._where, *conditions))

    def group_by(self, *groups: Expression) -> Select:
        """One row for each."""
        return self._with(_groups=groups)

    def having(self, *conditions: Expression) -> Select:
        """Only such groups."""
        return self._with(_having=conditions)

    def order_by(self, *order: Expression) -> Select:
        """In that order."""
        return self._with(_order=order)

    def limit(self, most: int) -> Select:
        """So many rows at most."""
        return self._with(_limit=most)

    def distinct(self) -> Select:
        """Each row once."""
        return self._with(_distinct=1)

    def with_for_update(self) -> Select:
        """Locks the rows: PostgreSQL alone."""
        return self._with(_locks=1)

    def subquery(self) -> Subquery:
        """The same, to be asked like a table."""
        return Subquery(self)

    def scalar_subquery(self) -> Expression:
        """Its one value."""
        return _OfSelect("({})", self)

    def exists(self) -> Expression:
        """Whether it finds anything."""
        return _OfSelect("EXISTS ({})", self)

    def selected(self) -> Sequence[Expression]:
        """Its columns."""
        return self._columns

    def sql(self, text: Text) -> str:
        """Its text."""
        parts = ["SELECT DISTINCT " if self._distinct else "SELECT "]
        parts.append(",".join([column.sql(text) for column in self._columns]))
        if self._from is not None:
            parts.append(f" FROM {self._from.from_(text)}")
        else:
            sources = dict.fromkeys(source for column in self._columns for source in column.sources())
            parts.append(" FROM " + ",".join([source.from_(text) for source in sources]))
        for word, some, between in (
            ("WHERE", self._where, " AND "),
            ("GROUP BY", self._groups, ","),
            ("HAVING", self._having, " AND "),
            ("ORDER BY", self._order, ","),
        ):
            if some:
                parts.append(f" {word} {between.join([one.sql(text) for one in some])}")
        if self._limit:
            parts.append(f" LIMIT {self._limit}")
        if self._locks:
            parts.append(" FOR UPDATE")
        return "".join(parts)


class _OfSelect(Expression):
    """What is so of a question; its tables are its own."""

    def __init__(self, form: str, statement: Select) -> None:
        self._form, self._statement = form, statement

    def sql(self, text: Text) -> str:
        return self._form.format(self._statement.sql(text))


def select(*columns: Expression) -> Select:
    """Asks for columns."""
    return Select(columns)


def union_all(*parts: Select) -> Compound:
    """The rows of all of them."""
    return Compound("UNION ALL", parts)


def except_(*parts: Select) -> Compound:
    """The rows of the first that the second has not."""
    return Compound("EXCEPT", parts)
