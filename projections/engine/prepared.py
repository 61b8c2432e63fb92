"""Statements whose text is made once: for what is asked most, making it takes longer than the answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from projections.engine.database_transactions import Transaction
from projections.engine.sql import SqlStatement
from projections.engine.sql_text import Compiled

_Key = tuple[str | int, ...]


class Prepared:
    """A statement with named parameters, lists among them; its rows come as the driver gives them."""

    def __init__(self, statement: SqlStatement) -> None:
        self._statement = statement
        self._compiled: dict[_Key, Compiled] = {}

    def __call__(self, connection: Transaction, **values: Any) -> Sequence[Any]:  # noqa: ANN401 - any parameters
        """What the statement answers for some values."""
        lengths = {name: len(value) for name, value in values.items() if isinstance(value, list)}
        key: _Key = (connection.dialect, *lengths.values())
        compiled = self._compiled.get(key)
        if compiled is None:
            compiled = self._compiled[key] = self._statement.compiled(connection.dialect, lengths)
        return connection.fetched(compiled.text, compiled.bound(values))
