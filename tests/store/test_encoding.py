"""What is written by a function made from a schema: whatever the type, and never a value that is not of it."""

from __future__ import annotations

import io
from typing import Any

import fastavro
import pytest

from ledger.store.encoding import LONGS, TEXTS, encoder

LINE = {
    "type": "record",
    "name": "Line",
    "fields": [
        {"name": "unit", "type": "string"},
        {"name": "amount", "type": {"type": "long"}},
        {"name": "notes", "type": {"type": "array", "items": ["null", "bytes"]}},
    ],
}
SCHEMA = {
    "type": "record",
    "name": "Entry",
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "day", "type": ["null", {"type": "int"}]},
        {"name": "final", "type": "boolean"},
        {"name": "digest", "type": ["null", "bytes"]},
        {"name": "lines", "type": {"type": "array", "items": LINE}},
    ],
}
ENTRY: dict[str, Any] = {
    "id": "é",
    "day": -1,
    "final": True,
    "digest": b"\0" * 64,
    "lines": [
        {"unit": "IDR", "amount": 2**63 - 1, "notes": []},
        {"unit": "", "amount": -(2**63), "notes": [None, b"a", b""]},
    ],
}


def by_fastavro(schema: Any, record: dict[str, Any]) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), record)
    return out.getvalue()


def test_what_is_within_what_is_within() -> None:
    assert encoder(SCHEMA)(ENTRY) == by_fastavro(SCHEMA, ENTRY)


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"id": b"bytes"}, TypeError),
        ({"id": None}, TypeError),
        ({"id": "\ud800"}, UnicodeEncodeError),
        ({"day": 2**31}, OverflowError),
        ({"day": 1.0}, TypeError),
        ({"final": None}, KeyError),
        ({"digest": "text"}, TypeError),
        ({"lines": [{"unit": "IDR", "amount": 909.0, "notes": []}]}, TypeError),
        ({"lines": [{"unit": "IDR", "amount": 2**63, "notes": []}]}, OverflowError),
        ({"lines": [{"unit": "IDR", "notes": []}]}, KeyError),
    ],
)
def test_a_value_that_is_not_of_the_type_is_never_written(
    changed: dict[str, Any], error: type[Exception]
) -> None:
    encode = encoder(SCHEMA)
    encode(
        ENTRY | {"lines": [{"unit": "IDR", "amount": 909, "notes": []}], "day": 1}
    )  # 909 and 1 are remembered
    with pytest.raises(error):
        encode(ENTRY | changed)


@pytest.mark.parametrize("kind", ["double", ["null", "string", "long"], ["string", "null"], {"type": "map"}])
def test_a_schema_with_a_type_that_it_does_not_know_fails_at_once(kind: Any) -> None:
    with pytest.raises(ValueError, match="has a"):
        encoder({"type": "record", "name": "Strange", "fields": [{"name": "strange", "type": kind}]})


def test_what_is_remembered_does_not_grow_without_end() -> None:
    encode = encoder(SCHEMA)
    for number in range(120_000):
        assert len(LONGS[number << 20]) < 8
        assert TEXTS[str(number)][1:] == str(number).encode()
    assert max(len(LONGS), len(TEXTS)) <= 8_192
    assert encode(ENTRY) == by_fastavro(SCHEMA, ENTRY)
