"""Sections of documents of terms: classes whose fields say by their types what they take, and how it is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple, Never

from ledger.domain.declared import Declared


def _as_it_is(value: Any) -> Any:  # noqa: ANN401 - any value of terms
    return value


class Takes(NamedTuple):
    """What a value has to be, in words that follow "is not", and one such value as a file holds it.

    `read` makes it of what a file says, and raises ValueError: with words of its own, or without, where these say all.
    `write` is how JSON has it.
    """

    words: str
    example: Any
    read: Callable[[Any], Any]
    write: Callable[[Any], Any] = _as_it_is


class Bounds(NamedTuple):
    """The least and the most that a number may be, and what it has to be more than."""

    least: int | None = None
    most: int | None = None
    above: int | None = None

    def hold(self, number: int) -> bool:
        """Whether a number lies within them."""
        least, most, above = self
        return not (
            (least is not None and number < least)
            or (most is not None and number > most)
            or (above is not None and number <= above)
        )


class Named(NamedTuple):
    """The key of a field in files, where its name is another."""

    key: str


class Added(NamedTuple):
    """The default of a field that came after the first release."""

    default: Any


class Section(Declared):
    """A part of a document: nothing stands in it that the ledger does not know, and it does not change."""

    ADDED: ClassVar[frozenset[str]] = frozenset()
    """Fields that are published only where they are other than their defaults."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        added = {name: value.default for name, value in cls.DEFAULTS.items() if isinstance(value, Added)}
        cls.DEFAULTS = {**cls.DEFAULTS, **added}
        cls.ADDED = cls.ADDED.difference(cls.__annotations__).union(added)
        for name, default in added.items():
            setattr(cls, name, default)

    def __init__(self, **values: Any) -> None:  # noqa: ANN401 - the fields' own
        super().__init__(**values)
        self.__dict__["_said"] = frozenset(values)

    @property
    def said(self) -> frozenset[str]:
        """The fields that the document says, and does not leave to their defaults."""
        return self.__dict__["_said"]  # type: ignore[no-any-return]

    def must_hold(self) -> None:
        """Raises ValueError where its values, each of which may be there, contradict one another."""

    def __setattr__(self, name: str, value: object) -> Never:
        raise AttributeError(f"{type(self).__name__}.{name}: terms do not change")

    def __eq__(self, other: object) -> bool:
        return super().__eq__(other)

    def __hash__(self) -> int:
        return hash((type(self), *(getattr(self, name) for name in self.FIELDS)))
