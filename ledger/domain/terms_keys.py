"""The keys of a document of terms: which there are, what each takes and what it is where nothing is said.

All of it is read from the model of a product's terms, and of any product alike.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator, Sequence
from datetime import time
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

from ledger.domain.rules import A_CLAUSE, A_CLOCK, A_FLAG, A_NUMBER, A_PRICE, A_TEXT, AN_AMOUNT
from ledger.domain.sections import Bounds, Named, Section, Takes

_PLAIN: dict[Any, Takes] = {bool: A_FLAG, int: A_NUMBER, str: A_TEXT, time: A_CLOCK}


class Key(NamedTuple):
    """A key: its name in files, its section, the name of its field there.

    It holds values, or sections with keys of their own (`section`); `many` of them, or one. `one` says what one of them
    has to be, in words after "is not", and `example` is one. `default` is what holds where nothing is said, as JSON.

    `read` makes a value of what a file says, as `Takes` has it, and `write` is how JSON has it.
    """

    name: str
    owner: type[Section]
    field: str
    one: str
    example: Any
    section: type[Section] | None
    many: bool
    optional: bool
    required: bool
    default: Any
    read: Callable[[Any], Any]
    write: Callable[[Any], Any]

    @property
    def names_a_clause(self) -> bool:
        """Whether it says nothing but which clause is cited."""
        return self.one == A_CLAUSE.words

    @property
    def is_money(self) -> bool:
        """Whether it holds amounts or prices."""
        return self.one.startswith((AN_AMOUNT.words, A_PRICE.words))

    @property
    def takes(self) -> str:
        """What it takes, in words after "is not"."""
        return f"a list, each {self.one}" if self.many else self.one


class Place(NamedTuple):
    """A key and where it stands: `top_up.denominations[].credit`."""

    path: str
    key: Key


_KEYS: dict[type[Section], dict[str, Key]] = {}


def keys_of(section: type[Section]) -> dict[str, Key]:
    """The keys of a section by name, in the model's order: its own first, then clause and source."""
    if section not in _KEYS:
        _KEYS[section] = _keys(section)
    return _KEYS[section]


def _keys(section: type[Section]) -> dict[str, Key]:
    hints = get_type_hints(section, include_extras=True)
    found = {}
    for name in section.FIELDS:
        shape = _shape(hints[name], ())
        key = next((one.key for one in shape.metadata if isinstance(one, Named)), name)
        required = name not in section.DEFAULTS
        default = None if required else _json(section.DEFAULTS[name], shape.takes.write)
        takes = shape.takes
        found[key] = Key(
            key,
            section,
            name,
            takes.words,
            takes.example,
            shape.section,
            shape.many,
            shape.optional,
            required,
            default,
            takes.read,
            takes.write,
        )
    last = ("clause", "source")
    return dict(sorted(found.items(), key=lambda item: item[0] in last))


def json_of(section: Section) -> dict[str, Any]:
    """The values of a section by key, defaults included, as JSON has them.

    What came after the first release is there only where it is other than its default.
    """
    found = {}
    for key in keys_of(type(section)).values():
        value = getattr(section, key.field)
        if key.field not in section.ADDED or value != section.DEFAULTS[key.field]:
            found[key.name] = _json(value, key.write)
    return found


def _json(value: Any, write: Callable[[Any], Any]) -> Any:  # noqa: ANN401 - any value of terms
    if value is None:
        return None
    if isinstance(value, Section):
        return json_of(value)
    return [_json(one, write) for one in value] if isinstance(value, tuple) else write(value)


def places(section: type[Section], under: str = "") -> Iterator[Place]:
    """Every key of a section and of those in it."""
    for key in keys_of(section).values():
        path = f"{under}{key.name}{'[]' if key.many and key.section else ''}"
        yield Place(path, key)
        if key.section is not None:
            yield from places(key.section, f"{path}.")


class _Shape(NamedTuple):
    """What an annotation says: what one takes, the section, whether there are many, or there may be none."""

    takes: Takes
    section: type[Section] | None
    many: bool
    optional: bool
    metadata: Sequence[Any]


def _shape(annotation: Any, metadata: Sequence[Any]) -> _Shape:  # noqa: ANN401 - any type
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _shape(args[0], (*args[1:], *metadata))
    if origin in (Union, types.UnionType):
        (other,) = (arg for arg in args if arg is not type(None))
        return _shape(other, metadata)._replace(optional=True)
    if origin is tuple:
        return _shape(args[0], ())._replace(many=True, metadata=metadata)
    if origin is Literal:
        return _Shape(_choice(args), None, many=False, optional=False, metadata=metadata)
    if isinstance(annotation, type) and issubclass(annotation, Section):
        takes = Takes(f"a section of {', '.join(keys_of(annotation))}", None, _unread)
        return _Shape(takes, annotation, many=False, optional=False, metadata=metadata)
    said = next((one for one in metadata if isinstance(one, Takes)), None) or _PLAIN[annotation]
    return _Shape(_bounded(said, metadata), None, many=False, optional=False, metadata=metadata)


def _unread(_: object) -> Any:  # noqa: ANN401 - as `Takes.read`
    """A section is read key by key."""
    raise ValueError


def _choice(choices: Sequence[Any]) -> Takes:
    def read(value: object) -> object:
        if not isinstance(value, str) or value not in choices:
            raise ValueError
        return value

    words = f"one of {', '.join(map(str, choices))}" if len(choices) > 1 else str(choices[0])
    return Takes(words, choices[0], read)


def _bounded(said: Takes, metadata: Sequence[Any]) -> Takes:
    """The same within the bounds of a number, in words too, and with an example that is not below the least."""
    bounds = [one for one in metadata if isinstance(one, Bounds)]
    if not bounds:
        return said
    least, most, above = (
        next((bound[n] for bound in bounds if bound[n] is not None), None) for n in range(len(Bounds._fields))
    )
    words, example = said.words, said.example
    if isinstance(example, int) and least is not None:
        words = f"{words} of at least {least}" if most is None else f"{words} from {least} to {most}"
        example = least if said is A_NUMBER else max(example, least)
    if above is not None:
        words = f"{words}, more than {above}"

    def read(value: object) -> object:
        found = said.read(value)
        if not all(bound.hold(found) for bound in bounds):
            raise ValueError
        return found

    return said._replace(words=words, example=example, read=read)
