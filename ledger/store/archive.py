"""An archive in Parquet, read again: what `ledger.store.copying_files` writes of a log, without the log.

Sums are made of its columns alone; an event that is asked for by itself is decoded from its bytes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ledger.domain.events import Event
from ledger.errors import LogDamaged, LogMissing, LogUnreadable
from ledger.store.codec import Codec
from ledger.store.columns import COMMON, Columns, OneByOne, Placed
from ledger.store.decoding import decoded
from ledger.store.reading import Recorded
from ledger.store.schemas import RecordSchema

_ROW = ["ordinal", "type", "state"]


class _File(NamedTuple):
    """A file, and its events from `first` through `last`."""

    path: Path
    first: int
    last: int


def archives(place: Path) -> list[Archive]:
    """The partitions of an archive: a folder that a log was copied to, or one file of it.

    Raises LogMissing where there is none, LogDamaged where a file is missing between others.
    """
    paths = [place] if place.is_file() else sorted((place / "events").glob("*-*.parquet"))
    if not paths:
        raise LogMissing(f"{place}: there is no archive in Parquet here")
    partitions: dict[int, list[_File]] = {}
    for path in paths:
        number, _, first = path.stem.partition("-")
        if path.suffix != ".parquet" or not number.isdecimal() or not first.isdecimal():
            raise LogMissing(f"{path}: a file of an archive is named PARTITION-ORDINAL.parquet")
        files = partitions.setdefault(int(number), [])
        if int(first) != (files[-1].last + 1 if files else 1):
            raise LogDamaged(f"{path}: a file before it is missing, or it is there twice")
        files.append(_File(path, int(first), int(first) + _rows(path) - 1))
    return [Archive(place, number, files) for number, files in sorted(partitions.items())]


class Archive:
    """One partition of an archive; what is in it does not change, so it is its own snapshot."""

    def __init__(self, place: Path, partition: int, files: Sequence[_File]) -> None:
        self.place = place
        self.partition = partition
        self.head = files[-1].last
        """The ordinal of the last event."""
        self._files = files
        self._codec = Codec()
        schemas = (files[0].path.parent.parent / "schemas").glob("*.avsc")
        self._codec.learn(RecordSchema(path.read_text("utf-8")) for path in schemas)

    @contextmanager
    def snapshot(self) -> Iterator[Archive]:
        """The archive."""
        yield self

    def events(self, start: int = 1, *, types: Collection[str] | None = None) -> Iterator[Recorded]:
        """The events from an ordinal on, in order; with `types` only those. Raises LogDamaged, SchemaUnknown."""
        for file in self._files:
            if file.last < start:
                continue
            for ordinal, topic, state, digest in _picked(file.path, [*_ROW, "digest"], start, types):
                yield Recorded(ordinal, digest, self._decode(ordinal, topic, state))

    def columns(self, start: int, end: int, size: int) -> Iterator[ArchivedColumns]:
        """The events from one ordinal through another, as many files at once as hold about so many."""
        files: list[_File] = []
        for file in self._files:
            if file.last < start or file.first > end:
                continue
            files.append(file)
            if file.last - files[0].first >= size:
                yield ArchivedColumns(files, start, end, self._codec, self._decode)
                files = []
        if files:
            yield ArchivedColumns(files, start, end, self._codec, self._decode)

    def _decode(self, ordinal: int, topic: str, state: bytes) -> Event:
        place = (str(self.place), self.partition, ordinal)
        return decoded(self._codec, place, topic, state, unknown_types=True)


class ArchivedColumns:
    """Events of some files, from one ordinal through another."""

    def __init__(self, files: Sequence[_File], start: int, end: int, codec: Codec, decode: OneByOne) -> None:
        self.first, self.last = max(files[0].first, start), min(files[-1].last, end)
        self._files = files
        self._codec = codec
        self._decode = decode
        table = pa.concat_tables([_read(file.path, COMMON.names) for file in files]).cast(COMMON)
        self.common = table.slice(self.first - files[0].first, self.last - self.first + 1)
        """What every event has: the columns `COMMON`."""

    def of(self, topic: str) -> pa.Table | None:
        """The events of a type with all of their fields but the digest; None where there is none."""
        rows = [(ordinal, state) for ordinal, _, state in self._rows([topic])]
        if not rows:
            return None
        ordinals, states = (list(column) for column in zip(*rows, strict=True))
        return Columns({topic: (ordinals, states)}, self.last, self._codec, self._decode).of(topic)

    def events(self, types: Collection[str]) -> list[Placed]:
        """The events of some types one by one, in order."""
        return [Placed(ordinal, self._decode(ordinal, *row)) for ordinal, *row in self._rows(types)]

    def _rows(self, types: Collection[str]) -> Iterator[tuple[Any, ...]]:
        wanted = pa.array(types, pa.string())
        if not pc.any(pc.is_in(self.common.column("type"), wanted)).as_py():
            return
        for file in self._files:
            for row in _picked(file.path, _ROW, self.first, types):
                if row[0] <= self.last:
                    yield row


def _picked(
    path: Path, columns: list[str], start: int, types: Collection[str] | None
) -> Iterator[tuple[Any, ...]]:
    """The rows from an ordinal on, of some types; where there is none, no more is read than to see that."""
    found = _read(path, ["ordinal", "type"])
    wanted = pc.greater_equal(found.column("ordinal"), start)
    if types is not None:
        wanted = pc.and_(wanted, pc.is_in(found.column("type"), pa.array(types, pa.string())))
    if pc.any(wanted).as_py():
        rows = _read(path, columns).filter(wanted)
        yield from zip(*(column.to_pylist() for column in rows.columns), strict=True)


def _read(path: Path, columns: list[str]) -> pa.Table:
    with _intelligible(path):
        return pq.read_table(path, columns=columns, partitioning=None)


def _rows(path: Path) -> int:
    with _intelligible(path):
        return int(pq.read_metadata(path).num_rows)


@contextmanager
def _intelligible(path: Path) -> Iterator[None]:
    """Turns what is said of a file into the ledger's own errors."""
    try:
        yield
    except pa.ArrowException as error:
        raise LogDamaged(f"{path}: {error}") from error
    except OSError as error:
        raise LogUnreadable(f"{path}: {error}") from error
