"""Avro container files as the target of a copy: each event by its own schema, which stands in the file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import fastavro

from ledger.application.journal import JournalEntry
from ledger.store.chains import EventRow
from ledger.store.copying import CopyRefused, Source
from ledger.store.copying_files import Written
from ledger.store.schemas import FINGERPRINT_BYTES, RecordSchema

_JOURNAL_AVRO = {
    "type": "record",
    "name": "Entry",
    "namespace": "ledger.copy",
    "fields": [
        {"name": "partition", "type": "int"},
        {"name": "entry", "type": "long"},
        {"name": "subject", "type": "string"},
        {"name": "command_id", "type": "string"},
        {"name": "name", "type": "string"},
        {"name": "command_digest", "type": "bytes"},
        {"name": "command", "type": "bytes"},
        {"name": "at", "type": "long"},
        {"name": "code", "type": ["null", "string"]},
        {"name": "message", "type": ["null", "string"]},
        {"name": "ordinal", "type": "long"},
        {"name": "first_event", "type": "long"},
        {"name": "event_count", "type": "long"},
        {"name": "chain", "type": "bytes"},
        {"name": "principal", "type": ["null", "string"], "default": None},
    ],
}


class AvroContainer:
    """Object container files: each carries the schemas of all events that are in it."""

    suffix = "avro"

    def __init__(self, source: Source) -> None:
        self._partition = source.partition
        self._schemas = {schema.fingerprint: schema for schema in source.schemas}

    def events(self, path: Path, rows: Sequence[EventRow]) -> None:
        """Writes events. Raises CopyRefused where two schemas of one type are among them."""
        used: dict[str, RecordSchema] = {}
        for row in rows:
            schema = self._schemas[row[4][:FINGERPRINT_BYTES]]
            if used.setdefault(schema.name, schema) is not schema:
                raise CopyRefused(
                    f"{schema.name} was written by two schemas: Parquet takes both, this does not"
                )
        seen: set[str] = set()
        union = [_named_once(json.loads(used[name].text), seen, "") for name in sorted(used)]
        envelope = fastavro.parse_schema(
            {
                "type": "record",
                "name": "Recorded",
                "namespace": "ledger.copy",
                "fields": [
                    {"name": "partition", "type": "int"},
                    {"name": "ordinal", "type": "long"},
                    {"name": "digest", "type": "bytes"},
                    {"name": "event", "type": union},
                ],
            }
        )
        with path.open("wb") as file:
            fastavro.writer(file, envelope, (self._event(row, used) for row in rows), codec="deflate")

    def _event(self, row: EventRow, used: dict[str, RecordSchema]) -> dict[str, Any]:
        ordinal, _, _, topic, state, digest = row
        body = BytesIO(state[FINGERPRINT_BYTES:])
        record = fastavro.schemaless_reader(body, used[topic].parsed, None)
        event = (topic, record)
        return {"partition": self._partition, "ordinal": ordinal, "digest": digest, "event": event}

    def journal(self, path: Path, first: int, entries: Sequence[JournalEntry]) -> None:
        """Writes entries."""
        rows = (
            {"partition": self._partition, "entry": number, **entry._asdict()}
            for number, entry in enumerate(entries, first)
        )
        with path.open("wb") as file:
            fastavro.writer(file, fastavro.parse_schema(dict(_JOURNAL_AVRO)), rows, codec="deflate")

    def read_events(self, path: Path) -> Iterator[Written]:
        """What was written, put into the bytes again that its digest is over."""
        named = {schema.name: schema for schema in self._schemas.values()}
        written = {name: fastavro.parse_schema(json.loads(schema.text)) for name, schema in named.items()}
        with path.open("rb") as file:
            for recorded in fastavro.reader(file, return_record_name=True):
                found: Any = recorded
                topic, record = found["event"]
                out = BytesIO()
                out.write(named[topic].fingerprint)
                fastavro.schemaless_writer(out, written[topic], record)
                yield record["account"], topic, out.getvalue(), found["digest"]

    def read_journal(self, path: Path) -> Iterator[JournalEntry]:
        """What was written."""
        with path.open("rb") as file:
            for found in fastavro.reader(file, reader_schema=fastavro.parse_schema(dict(_JOURNAL_AVRO))):
                row: Any = found
                yield JournalEntry(*(row[name] for name in JournalEntry._fields))


def _named_once(schema: Any, seen: set[str], namespace: str) -> Any:  # noqa: ANN401 - any JSON
    """A type that was defined before in the same file stands by its name."""
    if isinstance(schema, list):
        return [_named_once(branch, seen, namespace) for branch in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("type") in ("record", "enum", "fixed"):
        namespace = schema.get("namespace", namespace)
        name = f"{namespace}.{schema['name']}"
        if name in seen:
            return name
        seen.add(name)
    return {
        key: _named_once(value, seen, namespace) if key in _NESTED else value for key, value in schema.items()
    }


_NESTED = frozenset({"fields", "items", "type", "values"})
