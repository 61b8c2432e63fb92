"""Files as the target of a copy: a folder that any tool reads, and that proves itself. Parquet is one form of it.

    FOLDER/events/<partition>-<first ordinal>.parquet    FOLDER/journal/<partition>-<first entry>.parquet

A file is there whole or not at all. In Parquet an event is a row of the fields that every event has, its own fields
as JSON, and `state`, the bytes that its digest is over.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from ledger.application.journal import JournalEntry
from ledger.domain.events import HEADER
from ledger.errors import LogDamaged
from ledger.store import private
from ledger.store.chains import EventRow
from ledger.store.codec import Codec
from ledger.store.copying import Chunk, Digests, Extent, Source

_DIGITS = 15
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
        ("principal", pa.string()),
    ]
)
EventProof = tuple[str, str, bytes, bytes]
"""What proves an event: its account, its type, `fingerprint ‖ body`, its digest."""


class Format(Protocol):
    """How rows are written to a file, and read again."""

    suffix: str

    def events(self, path: Path, rows: Sequence[EventRow]) -> None:
        """Writes events."""

    def journal(self, path: Path, first: int, entries: Sequence[JournalEntry]) -> None:
        """Writes entries."""

    def read_events(self, path: Path) -> Iterator[EventProof]:
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
            private.make_folder(folder / name)
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

    def events(self, path: Path, rows: Sequence[EventRow]) -> None:
        """Writes events."""
        pq.write_table(
            pa.Table.from_pylist([self._event(row) for row in rows], _EVENTS), path, compression="zstd"
        )

    def _event(self, row: EventRow) -> dict[str, Any]:
        ordinal, _, _, topic, state, digest = row
        record = self._codec.record(state)
        own = {name: value for name, value in record.items() if name not in HEADER}
        common = {name: record[name] for name in HEADER}
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

    def read_events(self, path: Path) -> Iterator[EventProof]:
        """What was written."""
        table = pq.read_table(path, columns=["account", "type", "state", "digest"])
        yield from zip(*(column.to_pylist() for column in table.columns), strict=True)

    def read_journal(self, path: Path) -> Iterator[JournalEntry]:
        """What was written."""
        table = pq.read_table(path)
        if "principal" not in table.column_names:  # it was copied by an earlier release
            table = table.append_column("principal", pa.nulls(len(table), pa.string()))
        at = table.schema.get_field_index("at")
        table = table.set_column(at, "at", table.column("at").cast(pa.int64()))
        for row in zip(*(table.column(name).to_pylist() for name in JournalEntry._fields), strict=True):
            yield JournalEntry(*row)
