"""Statements that are compiled once, and given to the driver: for what is asked most, the way there takes longest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

_Key = tuple[str | int, ...]


class Prepared:
    """A statement with named parameters, lists among them; its rows come as the driver gives them."""

    def __init__(self, statement: sa.Select[Any] | sa.CompoundSelect[Any]) -> None:
        self._statement = statement
        self._compiled: dict[_Key, tuple[str, Sequence[str] | None, dict[str, Any]]] = {}

    def __call__(self, connection: Connection, **values: Any) -> Sequence[Any]:  # noqa: ANN401 - any parameters
        """What the statement answers for some values."""
        lists = [name for name, value in values.items() if isinstance(value, list)]
        key: _Key = (connection.dialect.name, *(len(values[name]) for name in lists))
        text, order, constant = self._compiled.get(key) or self._compile(key, connection, values)
        given = {**constant, **values}
        for name in lists:
            given.update((f"{name}_{count}", value) for count, value in enumerate(given.pop(name), 1))
        parameters: Any = given if order is None else tuple([given[name] for name in order])
        return run(connection, text, parameters)

    def _compile(
        self, key: _Key, connection: Connection, values: dict[str, Any]
    ) -> tuple[str, Sequence[str] | None, dict[str, Any]]:
        found: Any = self._statement.compile(dialect=connection.dialect).construct_expanded_state(values)
        made = self._compiled[key] = (found.statement, found.positiontup, found.parameters)
        return made


def run(connection: Connection, text: str, parameters: Any) -> Sequence[Any]:  # noqa: ANN401 - as the driver wants them
    """Gives a statement to the driver; raises what SQLAlchemy would."""
    with translated(connection, text, parameters), closing(connection.connection.cursor()) as cursor:
        cursor.execute(text, parameters)
        return cursor.fetchall() if cursor.description else ()


@contextmanager
def translated(connection: Connection, text: str, parameters: Any = None) -> Iterator[None]:  # noqa: ANN401
    """Raises what SQLAlchemy would, where the driver itself is told to do something."""
    dialect = connection.dialect
    kind = dialect.loaded_dbapi.Error
    try:
        yield
    except kind as error:
        raise sa.exc.DBAPIError.instance(text, parameters, error, kind, dialect=dialect) from error
