"""Avro container files as the target of a copy: each event by its own schema, which stands in the file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import fastavro

from ledger.application.journal import JournalEntry
from ledger.errors import LogDamaged
from ledger.store.chains import EventRow
from ledger.store.copying import CopyRefused, Source
from ledger.store.copying_files import EventProof
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
        pairs = [(schema.before, schema) for schema in self._schemas.values()]
        self._whole = {before.fingerprint: schema for before, schema in pairs if before is not None}

    def events(self, path: Path, rows: Sequence[EventRow]) -> None:
        """Writes events. Raises CopyRefused where two schemas of one type are among them."""
        used: dict[str, RecordSchema] = {}
        for row in rows:
            schema = self._in_files(row[4][:FINGERPRINT_BYTES])
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
                    {
                        "name": "schema",
                        "type": "bytes",
                        "doc": "The CRC-64 of the schema it was recorded by.",
                    },
                    {"name": "event", "type": union},
                ],
            }
        )
        with path.open("wb") as file:
            fastavro.writer(file, envelope, map(self._event, rows), codec="deflate")

    def _in_files(self, fingerprint: bytes) -> RecordSchema:
        """By which schema an event stands in a file: what it says nothing of is null there."""
        return self._whole.get(fingerprint) or self._schemas[fingerprint]

    def _event(self, row: EventRow) -> dict[str, Any]:
        ordinal, _, _, topic, state, digest = row
        fingerprint, body = state[:FINGERPRINT_BYTES], BytesIO(state[FINGERPRINT_BYTES:])
        record = fastavro.schemaless_reader(body, self._schemas[fingerprint].parsed, None)
        return {
            "partition": self._partition,
            "ordinal": ordinal,
            "digest": digest,
            "schema": fingerprint,
            "event": (topic, record),
        }

    def journal(self, path: Path, first: int, entries: Sequence[JournalEntry]) -> None:
        """Writes entries."""
        rows = (
            {"partition": self._partition, "entry": number, **entry._asdict()}
            for number, entry in enumerate(entries, first)
        )
        with path.open("wb") as file:
            fastavro.writer(file, fastavro.parse_schema(dict(_JOURNAL_AVRO)), rows, codec="deflate")

    def read_events(self, path: Path) -> Iterator[EventProof]:
        """What was written, put into the bytes again that its digest is over."""
        written: dict[bytes, Any] = {}
        with path.open("rb") as file:
            for recorded in fastavro.reader(file, return_record_name=True):
                found: Any = recorded
                topic, record = found["event"]
                schema = self._schema_of(topic, record, found.get("schema"))
                if schema.fingerprint not in written:
                    written[schema.fingerprint] = fastavro.parse_schema(json.loads(schema.text))
                out = BytesIO()
                out.write(schema.fingerprint)
                fastavro.schemaless_writer(out, written[schema.fingerprint], record)
                yield record["account"], topic, out.getvalue(), found["digest"]

    def _schema_of(self, topic: str, record: Mapping[str, Any], named: bytes | None) -> RecordSchema:
        """What an event was recorded by; files of former releases do not name it, and have its fields alone."""
        for fingerprint, schema in self._schemas.items():
            fits = named is None and {field["name"] for field in schema.fields} == record.keys()
            if schema.name == topic and (fits or fingerprint == named):
                return schema
        raise LogDamaged(f"an event {topic} is by no schema of the log")

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
