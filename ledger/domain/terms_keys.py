"""The keys of a document of terms: which there are, what each takes and what it is where nothing is said.

All of it is read from the model of a product's terms, and of any product alike.
"""

from __future__ import annotations

import types
from collections.abc import Iterator, Sequence
from datetime import time
from functools import cache
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from ledger.domain.rules import A_CLAUSE, A_TEXT, Section, Takes

_PLAIN: dict[Any, Takes] = {
    bool: Takes("true or false", example=True),
    int: Takes("a whole number", 1),
    str: A_TEXT,
    time: Takes("a local time such as 22:00:00", time(22)),
}


class Key(NamedTuple):
    """A key: its name in files, its section, the name of its field there.

    It holds values, or sections with keys of their own (`section`); `many` of them, or one. `one` says what one of them
    has to be, in words after "is not", and `example` is one. `default` is what holds where nothing is said, as JSON.
    """

    name: str
    owner: type[Section]
    field: str
    one: str
    example: Any
    section: type[Section] | None
    many: bool
    required: bool
    default: Any

    @property
    def names_a_clause(self) -> bool:
        """Whether it says nothing but which clause is cited."""
        return self.one == A_CLAUSE.words

    @property
    def takes(self) -> str:
        """What it takes, in words after "is not"."""
        return f"a list, each {self.one}" if self.many else self.one


class Place(NamedTuple):
    """A key and where it stands: `top_up.denominations[].credit`."""

    path: str
    key: Key


@cache
def keys_of(section: type[Section]) -> dict[str, Key]:
    """The keys of a section by name, in the model's order: its own first, then clause and source."""
    found = {}
    for name, field in section.model_fields.items():
        shape = _shape(field.annotation, field.metadata)
        key = field.alias or name
        found[key] = Key(key, section, name, *shape, field.is_required(), _default(section, name, key))
    last = ("clause", "source")
    return dict(sorted(found.items(), key=lambda item: item[0] in last))


def places(section: type[Section], under: str = "") -> Iterator[Place]:
    """Every key of a section and of those in it."""
    for key in keys_of(section).values():
        path = f"{under}{key.name}{'[]' if key.many and key.section else ''}"
        yield Place(path, key)
        if key.section is not None:
            yield from places(key.section, f"{path}.")


def key_at(section: type[Section], keys: Sequence[int | str]) -> Key | None:
    """The key at a place in a document, such as `("grace", "days")`; None where there is none."""
    key: Key | None = None
    within: type[Section] | None = section
    for part in keys:
        if isinstance(part, int):
            continue
        key = None if within is None else keys_of(within).get(part)
        if key is None:
            return None
        within = key.section
    return key


def section_at(section: type[Section], keys: Sequence[int | str]) -> type[Section] | None:
    """The section at a place in a document; None where there is none."""
    key = key_at(section, keys)
    if not any(isinstance(part, str) for part in keys):
        return section
    return None if key is None else key.section


def _default(section: type[Section], name: str, key: str) -> Any:  # noqa: ANN401 - any JSON
    field = section.model_fields[name]
    if field.is_required():
        return None
    default = field.get_default()
    dumped = section.model_construct(**{name: default}).model_dump(mode="json", by_alias=True, include={name})
    return dumped.get(key, default)  # what is published only where it is said is not dumped


def _shape(annotation: Any, metadata: Sequence[Any]) -> tuple[str, Any, type[Section] | None, bool]:  # noqa: ANN401
    """What one of them has to be, an example, the section, and whether there are many."""
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _shape(args[0], (*_spread(args[1:]), *metadata))
    if origin in (Union, types.UnionType):
        (other,) = (arg for arg in args if arg is not type(None))
        return _shape(other, metadata)
    if origin is tuple:
        one, example, section, _ = _shape(args[0], ())
        return one, example, section, True
    if origin is Literal:
        return _choice(args), args[0], None, False
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return f"a section of {', '.join(keys_of(annotation))}", None, annotation, False
    said = next((one for one in metadata if isinstance(one, Takes)), None) or _PLAIN[annotation]
    return *_bounded(said, metadata), None, False


def _choice(choices: Sequence[Any]) -> str:
    return f"one of {', '.join(map(str, choices))}" if len(choices) > 1 else str(choices[0])


def _spread(metadata: Sequence[Any]) -> Iterator[Any]:
    for one in metadata:
        if isinstance(one, FieldInfo):
            yield from one.metadata
        else:
            yield one


def _bounded(said: Takes, metadata: Sequence[Any]) -> tuple[str, Any]:
    """The words with the bounds of a number, and an example that is not below the least."""
    words, example = said.words, said.example
    least, most, above = (_bound(metadata, name) for name in ("ge", "le", "gt"))
    if isinstance(example, int) and least is not None:
        words = f"{words} of at least {least}" if most is None else f"{words} from {least} to {most}"
        example = least if said is _PLAIN[int] else max(example, least)
    if above is not None:
        words = f"{words}, more than {above}"
    return words, example


def _bound(metadata: Sequence[Any], name: str) -> int | None:
    return next((getattr(one, name) for one in metadata if hasattr(one, name)), None)
