"""Avro's binary encoding (Avro specification, "Binary Encoding") by functions that are made once from a schema.

A log spends more on writing Avro than on deciding. Such a function knows the fields beforehand, and remembers how
the texts and numbers that come again and again are written. What it makes is what fastavro makes, byte for byte,
except that it takes no float for a number.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import index
from typing import Any

Encode = Callable[[Mapping[str, Any]], bytes]
"""From the fields of a record to its bytes. Raises KeyError, TypeError or OverflowError where one is missing or bad."""

_REMEMBERED = 8_192
"""Few enough for a processor to have them at hand: what comes once drives the rest out sooner than it costs."""
_PAIRS = [bytes((pair & 0x7F | 0x80, pair >> 7 | 0x80)) for pair in range(1 << 14)]
"""Fourteen bits as the two bytes that they are where more follow, and"""
_LAST = [
    bytes((last,)) if last < 1 << 7 else bytes((last & 0x7F | 0x80, last >> 7)) for last in range(1 << 14)
]
"""the bytes that they are where none do."""


class _Numbers(dict[int, bytes]):
    """How whole numbers of so many bits are written: zigzag, seven bits a byte, the lowest first."""

    def __init__(self, bits: int) -> None:
        super().__init__()
        self._bits = bits

    def __missing__(self, number: int) -> bytes:
        if number.bit_length() >= self._bits and number != -1 << (self._bits - 1):
            raise OverflowError(f"{number} is no number of {self._bits} bits")
        left = number << 1 if number >= 0 else ~(number << 1)
        if left >> 28:
            out = b""
            while left >> 14:
                out += _PAIRS[left & 0x3FFF]
                left >>= 14
            out += _LAST[left]
        else:  # as amounts are
            out = _PAIRS[left & 0x3FFF] + _LAST[left >> 14] if left >> 14 else _LAST[left]
        if len(self) >= _REMEMBERED:
            self.clear()
        self[number] = out
        return out


class _Texts(dict[str, bytes]):
    """How texts are written: the length of their UTF-8, and that."""

    def __missing__(self, text: str) -> bytes:
        if not isinstance(text, str):
            raise TypeError(f"{text!r} is no text")
        utf8 = text.encode()
        if len(self) >= _REMEMBERED:
            self.clear()
        written = self[text] = LONGS[len(utf8)] + utf8
        return written


def whole(number: Any) -> int:  # noqa: ANN401 - of any type
    """A whole number of another type than int. Raises TypeError where it is none, or is true or false."""
    if isinstance(number, bool):
        raise TypeError(f"{number} is no number")
    return index(number)


LONGS = _Numbers(64)
"""The bytes of a long, by its value."""
TEXTS = _Texts()
"""The bytes of a string, by its value."""
_GIVEN = {
    "whole": whole,
    "longs": LONGS,
    "ints": _Numbers(32),
    "texts": TEXTS,
    "booleans": {False: b"\0", True: b"\1"},
    "join": b"".join,
}
_PLAIN = {
    "long": "longs[{1} if type({1} := {0}) is int else whole({1})]",
    "int": "ints[{1} if type({1} := {0}) is int else whole({1})]",
    "string": "texts[{0}]",
    "boolean": "booleans[{0}]",
}


def encoder(schema: Any) -> Encode:  # noqa: ANN401 - a record's schema, parsed
    """The function that writes a schema's records. Raises ValueError at a type that no record of the ledger's has."""
    made: dict[str, Any] = dict(_GIVEN)
    exec(f"def encode(record):\n    return {_fields(schema['fields'], 'record', 0)}", made)  # noqa: S102 - of a schema's own names
    return made["encode"]  # type: ignore[no-any-return]


def _expression(kind: Any, value: str, depth: int) -> str:  # noqa: ANN401 - any schema
    """What writes a value, as an expression of Python; `depth` keeps the names of what is within apart."""
    name = f"value{depth}"
    match kind:
        case ["null", other]:
            given = _expression(other, name, depth + 1)
            return f"(b'\\0' if ({name} := {value}) is None else b'\\2' + {given})"
        case {"type": "array", "items": items}:
            item = _expression(items, f"item{depth}", depth + 1)
            written = f"join([{item} for item{depth} in {name}])"
            return f"(longs[len({name})] + {written} + b'\\0' if ({name} := {value}) else b'\\0')"
        case {"type": "record", "fields": fields}:
            return _fields(fields, value, depth)
        case "bytes":
            return f"longs[len({name} := {value})] + {name}"
        case str() if kind in _PLAIN:
            return _PLAIN[kind].format(value, f"number{depth}")
        case {"type": str(plain)} if plain in {*_PLAIN, "bytes"}:
            return _expression(plain, value, depth)
    raise ValueError(f"no record of the ledger's has a {kind}")


def _fields(fields: Any, value: str, depth: int) -> str:  # noqa: ANN401 - of any schema
    parts = [_expression(field["type"], f"{value}[{field['name']!r}]", depth) for field in fields]
    return f"join(({''.join(f'{part}, ' for part in parts)}))"
