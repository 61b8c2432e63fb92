"""Parquet and Avro container files as the target of a copy: a folder that any tool reads, and that proves itself.

    FOLDER/events/<partition>-<first ordinal>.parquet    FOLDER/journal/<partition>-<first entry>.parquet

A file is there whole or not at all. In Parquet an event is a row of the fields that every event has, its own fields
as JSON, and `state`, the bytes that its digest is over; in Avro it is a union of the events' own schemas.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, Protocol

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq

from ledger.errors import LogDamaged
from ledger.journal import JournalEntry
from ledger.store.codec import Codec
from ledger.store.copying import Chunk, CopyRefused, Digests, Extent, Row, Source
from ledger.store.schemas import FINGERPRINT_BYTES, RecordSchema

_DIGITS = 15
_HEADER = (
    "account",
    "version",
    "effective_at",
    "recorded_at",
    "terms",
    "clause",
    "command_id",
    "command_digest",
    "actor",
    "postings",
)
_INSTANT = pa.timestamp("us", "UTC")
_POSTING = pa.struct([("account", pa.string()), ("unit", pa.string()), ("amount", pa.int64())])
_EVENTS = pa.schema(
    [
        ("partition", pa.int32()),
        ("ordinal", pa.int64()),
        ("type", pa.string()),
        ("account", pa.string()),
        ("version", pa.int64()),
        ("effective_at", _INSTANT),
        ("recorded_at", _INSTANT),
        ("terms", pa.string()),
        ("clause", pa.string()),
        ("command_id", pa.string()),
        ("command_digest", pa.binary()),
        ("actor", pa.string()),
        ("postings", pa.list_(_POSTING)),
        ("data", pa.string()),
        ("digest", pa.binary()),
        ("state", pa.binary()),
    ]
)
_JOURNAL = pa.schema(
    [
        ("partition", pa.int32()),
        ("entry", pa.int64()),
        ("subject", pa.string()),
        ("command_id", pa.string()),
        ("name", pa.string()),
        ("command_digest", pa.binary()),
        ("command", pa.binary()),
        ("at", _INSTANT),
        ("code", pa.string()),
        ("message", pa.string()),
        ("ordinal", pa.int64()),
        ("first_event", pa.int64()),
        ("event_count", pa.int64()),
        ("chain", pa.binary()),
    ]
)
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
    ],
}

Written = tuple[str, str, bytes, bytes]
"""What proves an event: its account, its type, `fingerprint ‖ body`, its digest."""


class Format(Protocol):
    """How rows are written to a file, and read again."""

    suffix: str

    def events(self, path: Path, rows: Sequence[Row]) -> None:
        """Writes events."""

    def journal(self, path: Path, first: int, entries: Sequence[JournalEntry]) -> None:
        """Writes entries."""

    def read_events(self, path: Path) -> Iterator[Written]:
        """What was written."""

    def read_journal(self, path: Path) -> Iterator[JournalEntry]:
        """What was written."""


class FolderTarget:
    """One partition's files in a folder."""

    def __init__(self, folder: Path, source: Source, format_: Callable[[Source], Format]) -> None:
        self._folder = folder
        self._partition = source.partition
        self._format = format_(source)
        self._entries = 0
        for name in ("events", "journal", "schemas"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        for schema in source.schemas:
            (folder / "schemas" / f"{schema.name}.{schema.fingerprint.hex()}.avsc").write_text(schema.text)

    def extent(self) -> Extent:
        """Reads every file again, and checks it."""
        digests = Digests()
        for path in self._files("events"):
            self._must_follow(path, digests.extent().events)
            for written in self._format.read_events(path):
                digests.event(*written)
        for path in self._files("journal"):
            self._must_follow(path, digests.extent().entries)
            for entry in self._format.read_journal(path):
                digests.entry(entry)
        extent = digests.extent()
        self._entries = extent.entries
        return extent

    def write(self, chunk: Chunk) -> None:
        """A file of entries and one of events, each of which appears once it is whole."""
        if chunk.entries:
            first = self._entries + 1
            entries = chunk.entries
            self._put("journal", first, lambda path: self._format.journal(path, first, entries))
            self._entries += len(entries)
        if chunk.rows:
            self._put("events", chunk.rows[0][0], lambda path: self._format.events(path, chunk.rows))

    def finish(self) -> None:
        """All files are there."""

    def close(self) -> None:
        """Nothing is open."""

    def _files(self, kind: str) -> list[Path]:
        return sorted((self._folder / kind).glob(f"{self._partition}-*.{self._format.suffix}"))

    @staticmethod
    def _must_follow(path: Path, before: int) -> None:
        if int(path.stem.partition("-")[2]) != before + 1:
            raise LogDamaged(f"{path}: a file before it is missing, or it is there twice")

    def _put(self, kind: str, first: int, write: Callable[[Path], None]) -> None:
        path = self._folder / kind / f"{self._partition}-{first:0{_DIGITS}}.{self._format.suffix}"
        part = path.with_name(f".{path.name}.part")
        write(part)
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(path)


class Parquet:
    """Columns for every common field."""

    suffix = "parquet"

    def __init__(self, source: Source) -> None:
        self._partition = source.partition
        self._codec = Codec()
        self._codec.learn(source.schemas)

    def events(self, path: Path, rows: Sequence[Row]) -> None:
        """Writes events."""
        pq.write_table(
            pa.Table.from_pylist([self._event(row) for row in rows], _EVENTS), path, compression="zstd"
        )

    def _event(self, row: Row) -> dict[str, Any]:
        ordinal, _, _, topic, state, digest = row
        record = self._codec.record(state)
        own = {name: value for name, value in record.items() if name not in _HEADER}
        common = {name: record[name] for name in _HEADER}
        place = {"partition": self._partition, "ordinal": ordinal, "type": topic}
        data = json.dumps(own, ensure_ascii=False, default=bytes.hex)
        return {**place, **common, "data": data, "digest": digest, "state": state}

    def journal(self, path: Path, first: int, entries: Sequence[JournalEntry]) -> None:
        """Writes entries."""
        rows = [
            {"partition": self._partition, "entry": number, **entry._asdict()}
            for number, entry in enumerate(entries, first)
        ]
        pq.write_table(pa.Table.from_pylist(rows, _JOURNAL), path, compression="zstd")

    def read_events(self, path: Path) -> Iterator[Written]:
        """What was written."""
        table = pq.read_table(path, columns=["account", "type", "state", "digest"])
        yield from zip(*(column.to_pylist() for column in table.columns), strict=True)

    def read_journal(self, path: Path) -> Iterator[JournalEntry]:
        """What was written."""
        table = pq.read_table(path, columns=list(JournalEntry._fields))
        at = table.schema.get_field_index("at")
        table = table.set_column(at, "at", table.column("at").cast(pa.int64()))
        for row in zip(*(table.column(name).to_pylist() for name in JournalEntry._fields), strict=True):
            yield JournalEntry(*row)


class AvroContainer:
    """Object container files: each carries the schemas of all events that are in it."""

    suffix = "avro"

    def __init__(self, source: Source) -> None:
        self._partition = source.partition
        self._schemas = {schema.fingerprint: schema for schema in source.schemas}

    def events(self, path: Path, rows: Sequence[Row]) -> None:
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

    def _event(self, row: Row, used: dict[str, RecordSchema]) -> dict[str, Any]:
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
            for found in fastavro.reader(file):
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
