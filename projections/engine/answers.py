"""What an answer is: fields that say by their type how they are written, the two instants, finality and position.

An answer says whether it is final, and the position of the last event that it rests on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Generic, NamedTuple, TypeVar, get_args, get_type_hints, is_typeddict

from ledger.domain.calendar import Instant, format_instant
from ledger.domain.money import format_amount

FieldForm = Callable[[Any], Any]


class Moment(NamedTuple):
    """The two instants of a question, and whether nothing can change its answer any more."""

    as_of: int
    known_at: int
    final: bool


def position(ordinals: Mapping[int, int]) -> str:
    """Ordinals by partition, as answers have them: `0:120`, or `0:120,1:98`."""
    return ",".join(f"{partition}:{ordinal}" for partition, ordinal in sorted(ordinals.items()))


def forms(kind: type) -> dict[str, FieldForm]:
    """How each field of a class is written, as its type says."""
    found = _FORMS.get(kind)
    if found is None:
        hints = get_type_hints(kind, include_extras=True)
        found = _FORMS[kind] = {name: _form(hint) for name, hint in hints.items()}
    return found


def instants_of(kind: type) -> frozenset[str]:
    """The fields of a class that hold instants."""
    return _written_by(format_instant, kind)


def amounts_of(kind: type) -> frozenset[str]:
    """The fields of a class that hold amounts, in sen."""
    return _written_by(format_amount, kind)


def counts_of(kind: type) -> frozenset[str]:
    """The fields of a class that hold whole numbers."""
    return frozenset(name for name, hint in get_type_hints(kind, include_extras=True).items() if hint is int)


def _written_by(write: FieldForm, kind: type) -> frozenset[str]:
    hints = get_type_hints(kind, include_extras=True)
    return frozenset(
        name
        for name, hint in hints.items()
        if any(write in getattr(one, "__metadata__", ()) for one in (hint, *get_args(hint)))
    )


_FORMS: dict[type, dict[str, FieldForm]] = {}
"""Of each class of answers, once it was asked for."""


def _form(hint: Any) -> FieldForm:  # noqa: ANN401 - a type
    for one in (hint, *get_args(hint)):
        for write in getattr(one, "__metadata__", ()):
            return lambda value: None if value is None else write(value)
        if is_typeddict(one):
            return lambda lines: [written(one, line) for line in lines]
    return _plain


def written(kind: type, record: Mapping[str, Any]) -> dict[str, Any]:
    """A record as the fields of a class say that it is written."""
    write = forms(kind)
    return {name: write[name](value) for name, value in record.items()}


def _plain(value: Any) -> Any:  # noqa: ANN401 - any field of an answer
    if isinstance(value, Answer):
        return value.to_json()
    if isinstance(value, bytes):
        return value.hex()
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


@dataclass(frozen=True, slots=True)
class Answer:
    """What answers have in common: each of their fields as the language writes it."""

    def to_json(self) -> dict[str, Any]:
        """The answer as the language has it."""
        return written(type(self), {field.name: getattr(self, field.name) for field in fields(self)})


_R = TypeVar("_R", bound=NamedTuple)


@dataclass(frozen=True, slots=True)
class Listed(Answer, Generic[_R]):
    """An answer of many rows, all of one `kind`."""

    kind: type[_R]
    rows: list[_R]
    as_of: Instant
    known_at: Instant
    final: bool
    position: str

    @property
    def columns(self) -> list[str]:
        """What each row tells."""
        return [*self.kind._fields, *_THEN]

    def to_rows(self) -> list[dict[str, Any]]:
        """Each row as the language writes it, with the moment that it is true of."""
        then = written(Listed, {name: getattr(self, name) for name in _THEN})
        return [written(self.kind, row._asdict()) | then for row in self.rows]


_THEN = ("as_of", "known_at", "final", "position")
