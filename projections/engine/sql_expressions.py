"""What statements of SQL are made of: expressions, columns, and what rows come from."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

from projections.engine.sql_text import Text


class Asks(Protocol):
    """A question within an expression, or one that is asked like a table."""

    def sql(self, text: Text) -> str:
        """Its text."""

    def selected(self) -> Sequence[Expression]:
        """Its columns."""


# --- expressions ------------------------------------------------------------------------------------------------------


class Expression:
    """Anything that has a value."""

    label_: str | None = None
    """What it is called among columns of a statement."""
    is_flag = False

    def sql(self, text: Text) -> str:
        """Its text."""
        raise NotImplementedError

    def sources(self) -> Iterator[RowSource]:
        """The tables that it is of."""
        yield from ()

    def label(self, name: str) -> Expression:
        """The same under a name."""
        return _Labelled(self, name)

    def desc(self) -> Expression:
        """The same, the greatest first."""
        return _Made("{} DESC", (self,))

    def in_(self, values: Collection[Any] | Parameter | Asks) -> Expression:
        """Whether it is one of them."""
        if isinstance(values, Collection):
            return _Among(self, tuple(values))
        return _Made("{} IN ({})", (self, values))

    def contains(self, some: str) -> Expression:
        """Whether it has that text in it."""
        return _Contains(self, some)

    def __eq__(self, other: object) -> Expression:  # type: ignore[override]
        return _Made("{}={}", (self, _expression(other)))

    def __ne__(self, other: object) -> Expression:  # type: ignore[override]
        return _Made("{}<>{}", (self, _expression(other)))

    def __lt__(self, other: object) -> Expression:
        return _Made("{}<{}", (self, _expression(other)))

    def __le__(self, other: object) -> Expression:
        return _Made("{}<={}", (self, _expression(other)))

    def __gt__(self, other: object) -> Expression:
        return _Made("{}>{}", (self, _expression(other)))

    def __ge__(self, other: object) -> Expression:
        return _Made("{}>={}", (self, _expression(other)))

    def __invert__(self) -> Expression:
        return _Made("NOT ({})", (self,))

    def __hash__(self) -> int:
        return id(self)


class Parameter(Expression):
    """What is said when the statement is asked: one value, or a list of them (`expanding`)."""

    def __init__(self, name: str, *, expanding: bool = False) -> None:
        self.name, self.expanding = name, expanding

    def sql(self, text: Text) -> str:
        """Its place, or places."""
        return text.places(self.name) if self.expanding else text.named(self.name)


class _Value(Expression):
    def __init__(self, value: Any) -> None:  # noqa: ANN401 - whatever a driver takes
        self._value = value

    def sql(self, text: Text) -> str:
        return text.value(self._value)


class _Made(Expression):
    """Text around other expressions, from left to right."""

    def __init__(self, form: str, parts: Sequence[Expression | Asks]) -> None:
        self._form, self._parts = form, parts

    def sql(self, text: Text) -> str:
        return self._form.format(*[part.sql(text) for part in self._parts])

    def sources(self) -> Iterator[RowSource]:
        for part in self._parts:
            if isinstance(part, Expression):
                yield from part.sources()


class _Labelled(Expression):
    def __init__(self, one: Expression, name: str) -> None:
        self._one, self.label_, self.is_flag = one, name, one.is_flag

    def sql(self, text: Text) -> str:
        return f'{self._one.sql(text)} AS "{self.label_}"'

    def sources(self) -> Iterator[RowSource]:
        return self._one.sources()


class _Among(Expression):
    def __init__(self, one: Expression, values: tuple[Any, ...]) -> None:
        self._one, self._values = one, values

    def sql(self, text: Text) -> str:
        one = self._one.sql(text)
        return f"{one} IN ({','.join(map(text.value, self._values)) or 'NULL'})"


class _Contains(Expression):
    def __init__(self, one: Expression, some: str) -> None:
        self._one, self._some = one, some

    def sql(self, text: Text) -> str:
        function = "instr" if text.dialect == "sqlite" else "strpos"
        return f"{function}({self._one.sql(text)},{text.value(self._some)})>0"


class _All(Expression):
    def __init__(self, word: str, parts: Sequence[Expression]) -> None:
        self._word, self._parts = word, parts

    def sql(self, text: Text) -> str:
        return "(" + f" {self._word} ".join([part.sql(text) for part in self._parts]) + ")"


def _expression(value: object) -> Expression:
    return value if isinstance(value, Expression) else _Value(value)


def bindparam(name: str, *, expanding: bool = False) -> Parameter:
    """A parameter by name."""
    return Parameter(name, expanding=expanding)


def and_(*conditions: Expression) -> Expression:
    """All of them."""
    return _All("AND", conditions)


def or_(*conditions: Expression) -> Expression:
    """One of them at least."""
    return _All("OR", conditions)


class func:  # noqa: N801 - the name that it has everywhere
    """Functions of SQL."""

    @staticmethod
    def sum(one: Expression) -> Expression:
        """The sum; of large integers PostgreSQL makes decimals."""
        return _Made("sum({})", (one,))

    @staticmethod
    def max(one: Expression) -> Expression:
        """The greatest."""
        return _Made("max({})", (one,))

    @staticmethod
    def min(one: Expression) -> Expression:
        """The least."""
        return _Made("min({})", (one,))

    @staticmethod
    def count() -> Expression:
        """How many rows."""
        return _Made("count(*)", ())

    @staticmethod
    def coalesce(one: Expression, other: Expression) -> Expression:
        """The first of two that is there."""
        return _Made("coalesce({},{})", (one, other))


# --- what is selected from --------------------------------------------------------------------------------------------


class Type(NamedTuple):
    """A column's type, as each database calls it."""

    sqlite: str
    postgresql: str


Integer = Type("INTEGER", "INTEGER")
BigInteger = Type("BIGINT", "BIGINT")
LargeBinary = Type("BLOB", "BYTEA")
Boolean = Type("BOOLEAN", "BOOLEAN")
TEXT = Type("TEXT", 'TEXT COLLATE "C"')
"""Text in the order of its characters' numbers, as Python has it, whatever order the database has for words."""


class Column(Expression):
    """A column of a table, or of what a statement finds."""

    table: RowSource

    def __init__(
        self,
        name: str,
        type_: Type = TEXT,
        *,
        primary_key: bool = False,
        nullable: bool = True,
    ) -> None:
        self.name, self.type, self.label_ = name, type_, name
        self.primary_key, self.nullable = primary_key, nullable
        self.is_flag = type_ is Boolean

    def sql(self, text: Text) -> str:
        """Its name, with its table's."""
        return f'{text.called(self.table)}."{self.name}"'

    def sources(self) -> Iterator[RowSource]:
        """Its table."""
        yield self.table


class ColumnsByName:
    """Columns by name, in order."""

    def __init__(self, columns: Iterable[Column]) -> None:
        self._columns = {column.name: column for column in columns}

    def __getattr__(self, name: str) -> Column:
        try:
            return self._columns[name]
        except KeyError:
            raise AttributeError(name) from None

    def __getitem__(self, name: str) -> Column:
        return self._columns[name]

    def __iter__(self) -> Iterator[Column]:
        return iter(self._columns.values())

    def __len__(self) -> int:
        return len(self._columns)

    def keys(self) -> Collection[str]:
        """The names."""
        return self._columns.keys()


class RowSource:
    """What rows come from: a table, what a statement finds, or several joined."""

    c: ColumnsByName

    def from_(self, text: Text) -> str:
        """Its text behind FROM."""
        raise NotImplementedError

    def join(self, other: RowSource, on: Expression) -> RowSource:
        """Rows of both that meet a condition."""
        return _Joined(self, other, on, "JOIN")

    def outerjoin(self, other: RowSource, on: Expression) -> RowSource:
        """The same; where none of the other meets it, its columns are empty."""
        return _Joined(self, other, on, "LEFT JOIN")


class _Joined(RowSource):
    def __init__(self, one: RowSource, other: RowSource, on: Expression, how: str) -> None:
        self._one, self._other, self._on, self._how = one, other, on, how

    def from_(self, text: Text) -> str:
        one, other = self._one.from_(text), self._other.from_(text)
        return f"{one} {self._how} {other} ON {self._on.sql(text)}"


class Subquery(RowSource):
    """What a statement finds, to be asked like a table."""

    def __init__(self, statement: Asks) -> None:
        self._statement = statement
        self.c = ColumnsByName(Column(one.label_) for one in statement.selected() if one.label_ is not None)
        for column in self.c:
            column.table = self

    def from_(self, text: Text) -> str:
        """The statement, and what it is called."""
        return f"({self._statement.sql(text)}) AS {text.called(self)}"
