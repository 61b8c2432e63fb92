"""Events in bulk, as Arrow columns: pyruhvro decodes all of one type and schema at once.

It knows no `bytes`. Those that stand in an event, the fingerprint before it (8) and the digest of its command (32),
are read as doubles, which nobody looks at: copying every event without its fingerprint would take half as long again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from functools import cache, cached_property
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
from pyruhvro import avro_to_arrow_schema, deserialize_array

from ledger.domain.events import Event
from ledger.domain.kinds import EVENT_TYPES
from ledger.errors import SchemaUnknown
from ledger.store.chains import ByType
from ledger.store.codec import Codec
from ledger.store.schemas import FINGERPRINT_BYTES, RecordSchema, load, plain

POSTING = pa.struct([("account", pa.string()), ("unit", pa.string()), ("amount", pa.int64())])
COMMON = pa.schema(
    [
        ("ordinal", pa.int64()),
        ("type", pa.string()),
        ("effective_at", pa.int64()),
        ("recorded_at", pa.int64()),
        ("terms", pa.string()),
        ("postings", pa.list_(POSTING)),
    ]
)
"""What every event has that sums are made of."""

OneByOne = Callable[[int, str, bytes], Event]
"""Decodes a row, or raises a LedgerError that says where it stands."""

_MARK = "mark"
_BYTES = ["null", "bytes"]
_DIGEST_BYTES = 32
_UNREAD = [_MARK, "command_digest"]
_DIGEST = [
    "null",
    {
        "type": "record",
        "name": "Digest",
        "fields": [
            {"name": "length", "type": "long"},
            *({"name": f"eight_{n}", "type": "double"} for n in range(_DIGEST_BYTES // 8)),
        ],
    },
]


class Placed(NamedTuple):
    """An event with its place in the log."""

    ordinal: int
    event: Event


class Columns:
    """Some events of one partition; `last` is the ordinal of the last of them. Raises what `one_by_one` raises."""

    def __init__(self, by_type: ByType, last: int, codec: Codec, one_by_one: OneByOne) -> None:
        self.last = last
        self._by_type, self._one_by_one = by_type, one_by_one
        self._tables = [
            (topic, _decoded(codec, topic, mark, *group, one_by_one))
            for topic, found in by_type.items()
            for mark, group in _by_schema(*found).items()
        ]

    @cached_property
    def common(self) -> pa.Table:
        """What every event has: the columns `COMMON`. In order of the ordinals only within a type."""
        return pa.concat_tables([table.select(COMMON.names).cast(COMMON) for _, table in self._tables])

    def of(self, topic: str) -> pa.Table | None:
        """The events of a type with all of their fields but the digest; None where there is none."""
        own = [table for name, table in self._tables if name == topic]
        return pa.concat_tables(own, promote_options="default") if own else None

    def events(self, types: Collection[str]) -> list[Placed]:
        """The events of some types one by one, in order."""
        found = [
            Placed(ordinal, self._one_by_one(ordinal, topic, state))
            for topic in self._by_type.keys() & types
            for ordinal, state in zip(*self._by_type[topic], strict=True)
        ]
        return sorted(found, key=lambda placed: placed.ordinal)


def _by_schema(ordinals: list[int], states: list[bytes]) -> dict[bytes, tuple[list[int], list[bytes]]]:
    """The same by the mark of the schema, of which there is but one as a rule."""
    marks = {state[:FINGERPRINT_BYTES] for state in states}
    if len(marks) == 1:
        return {marks.pop(): (ordinals, states)}
    groups: dict[bytes, tuple[list[int], list[bytes]]] = {mark: ([], []) for mark in marks}
    for ordinal, state in zip(ordinals, states, strict=True):
        group = groups[state[:FINGERPRINT_BYTES]]
        group[0].append(ordinal)
        group[1].append(state)
    return groups


def _decoded(  # noqa: PLR0913 - a group of rows, and two ways to decode it
    codec: Codec, topic: str, mark: bytes, ordinals: list[int], states: list[bytes], one_by_one: OneByOne
) -> pa.Table:
    table = _at_once(codec, topic, mark, states)
    if table is None:
        events = [one_by_one(ordinal, topic, state) for ordinal, state in zip(ordinals, states, strict=True)]
        table = pa.Table.from_pylist([event.__dict__ for event in events], _arrow(topic))
    table = table.append_column("ordinal", pa.array(ordinals, pa.int64()))
    return table.append_column("type", pa.repeat(topic, len(ordinals)))


def _at_once(codec: Codec, topic: str, mark: bytes, states: list[bytes]) -> pa.Table | None:
    """The events of one type and schema; None where they have to be looked at one by one."""
    if topic not in EVENT_TYPES:
        return None
    try:
        schema = _readable(codec.schema(mark, topic))
    except SchemaUnknown:
        return None
    if schema is None:
        return None
    try:
        batch = deserialize_array(states, schema)
        batch.validate(full=True)  # text that is no UTF-8
    except ValueError:
        return None
    lengths = pc.struct_field(batch.column("command_digest"), "length")
    if not pc.all(pc.equal(lengths, _DIGEST_BYTES), min_count=0).as_py():
        return None
    return pa.Table.from_batches([batch]).drop_columns(_UNREAD)


@cache
def _readable(schema: RecordSchema) -> str | None:
    """The schema as pyruhvro reads it; None where it cannot."""
    record = plain(json.loads(schema.text))
    for field in record["fields"]:
        if field["name"] == "command_digest" and field["type"] == _BYTES:
            field["type"] = _DIGEST
    record["fields"].insert(0, {"name": _MARK, "type": "double"})
    text = json.dumps(record)
    return None if '"bytes"' in text or '"fixed"' in text else text


@cache
def _arrow(topic: str) -> pa.Schema:
    """The columns of a type: of one that this release does not know, what every event has."""
    schema = load("events").get(topic)
    readable = None if schema is None else _readable(schema)
    if readable is None:
        return pa.schema([field for field in COMMON if field.name not in {"ordinal", "type"}])
    return pa.schema([field for field in avro_to_arrow_schema(readable) if field.name not in _UNREAD])
