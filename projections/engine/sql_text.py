"""The text of a statement while it is made: its places for parameters, and what stands in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

Dialect = Literal["sqlite", "postgresql"]


class Given(NamedTuple):
    """What stands in a place: a value, or what is said by `name` later; of a list, what is `at` that place of it."""

    name: str | None
    at: int | None
    value: Any


class Compiled(NamedTuple):
    """The text of a statement, and what stands in its places, in order."""

    text: str
    given: tuple[Given, ...]

    def bound(self, values: Mapping[str, Any]) -> list[Any]:
        """What is given to the driver."""
        return [
            one.value
            if one.name is None
            else values[one.name]
            if one.at is None
            else values[one.name][one.at]
            for one in self.given
        ]


class Text:
    """The text for one database; `lengths` are those of parameters that are lists."""

    def __init__(self, dialect: Dialect, lengths: Mapping[str, int]) -> None:
        self.dialect = dialect
        self.given: list[Given] = []
        self._lengths = lengths
        self._place = "?" if dialect == "sqlite" else "%s"
        self._called: dict[Any, str] = {}

    def value(self, value: Any) -> str:  # noqa: ANN401 - whatever a driver takes
        """A place for a value."""
        self.given.append(Given(None, None, value))
        return self._place

    def named(self, name: str) -> str:
        """A place for what is said later."""
        self.given.append(Given(name, None, None))
        return self._place

    def places(self, name: str) -> str:
        """Places for a list that is said later."""
        count = self._lengths[name]
        self.given += [Given(name, index, None) for index in range(count)]
        return ",".join([self._place] * count) or "NULL"

    def called(self, source: Any) -> str:  # noqa: ANN401 - a table, or what a statement finds
        """What a table is called; what a statement finds gets a name."""
        name = getattr(source, "name", None)
        if name is not None:
            return f'"{name}"'
        if source not in self._called:
            self._called[source] = f"found_{len(self._called) + 1}"
        return self._called[source]
