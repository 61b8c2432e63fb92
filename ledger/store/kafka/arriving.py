"""Batches of a topic that anybody may write to: no sender's codec, size or header keeps the rest from being read.

kafka-python knows gzip alone unless other libraries are there, decompresses whatever size that gives, and takes a
header whose name is not UTF-8 for a broken batch; where it fails, it fails at the same batch for ever. The library is
pinned to 3.0, for this reaches inside it.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import Any

from kafka.record import memory_records
from kafka.record.default_records import DefaultRecord, DefaultRecordBatch
from kafka.record.util import decode_varint

LARGEST_BATCH = 64 << 20
"""Bytes of a batch once it is decompressed; of a larger one no record is looked at."""
UNREADABLE = "ledger_unreadable"
"""A header that the records of a batch have which could not be decompressed: why."""
_XERIAL_HEAD = 16


class TooLarge(ValueError):
    """The batch is larger than 64 MiB once it is decompressed."""


class ArrivedBatch(DefaultRecordBatch):
    """kafka-python's batch; a record that cannot be taken apart is there all the same, with its offset."""

    _unreadable = b""

    def _maybe_uncompress(self) -> None:
        if self._decompressed or self.compression_type == self.CODEC_NONE:
            self._decompressed = True
            return
        try:
            content = decompressed(self.compression_type, bytes(memoryview(self._buffer)[self._pos :]))
            self._buffer, self._pos = bytearray(content), 0
        except Exception as error:  # noqa: BLE001 - whatever a sender calls compressed
            self._unreadable = f"its batch cannot be decompressed: {str(error) or error.__doc__}".encode(
                "utf-8", "replace"
            )
        self._decompressed = True

    def __iter__(self) -> Iterator[Any]:
        self._maybe_uncompress()
        return self._empty() if self._unreadable else self

    def _empty(self) -> Iterator[DefaultRecord]:
        headers = [(UNREADABLE, self._unreadable)]
        for offset in range(self.base_offset, self.next_offset):
            yield DefaultRecord(0, offset, self.max_timestamp, self.timestamp_type, None, None, headers)

    def _read_msg(self, decode: Callable[..., Any] = decode_varint) -> Any:  # noqa: ANN401
        begin = self._pos
        try:
            return super()._read_msg(decode)  # type: ignore[no-untyped-call]
        except UnicodeDecodeError:
            return self._without_headers(begin, decode)

    def _without_headers(self, begin: int, decode: Callable[..., Any]) -> DefaultRecord:
        """The record that begins there, as Kafka's record batch of version 2 has it, up to its headers."""
        length, position = decode(self._buffer, begin)
        end = position + length
        _, position = decode(self._buffer, position + 1)
        offset, position = decode(self._buffer, position)
        key, position = self._part(position, decode)
        value, position = self._part(position, decode)
        self._pos = end
        at = self.base_offset + offset
        return DefaultRecord(length, at, self.max_timestamp, self.timestamp_type, key, value, [])

    def _part(self, position: int, decode: Callable[..., Any]) -> tuple[bytes | None, int]:
        size, begin = decode(self._buffer, position)
        return (None, begin) if size < 0 else (bytes(self._buffer[begin : begin + size]), begin + size)


def install() -> None:
    """Has kafka-python's consumers in this process read such batches."""
    memory_records.DefaultRecordBatch = ArrivedBatch  # type: ignore[attr-defined]


def decompressed(codec: int, content: bytes) -> bytes:
    """What a batch holds. Raises TooLarge, or whatever the codec raises at what is none of its making."""
    if codec == ArrivedBatch.CODEC_GZIP:
        return _gunzipped(content)
    if codec == ArrivedBatch.CODEC_SNAPPY:
        return _of_snappy(content)
    return _streamed({ArrivedBatch.CODEC_LZ4: "lz4", ArrivedBatch.CODEC_ZSTD: "zstd"}[codec], content)


def _gunzipped(content: bytes) -> bytes:
    found = b""
    while content:
        member = zlib.decompressobj(wbits=31)
        found += member.decompress(content, LARGEST_BATCH + 1 - len(found))
        if len(found) > LARGEST_BATCH:
            raise TooLarge
        if not member.eof:
            raise ValueError("the gzip stream is cut off")
        content = member.unused_data
    return found


def _streamed(codec: str, content: bytes) -> bytes:
    import pyarrow as pa  # slow to import, and seldom needed

    with pa.CompressedInputStream(pa.BufferReader(content), codec) as stream:
        found = bytes(stream.read(LARGEST_BATCH + 1))
    if len(found) > LARGEST_BATCH:
        raise TooLarge
    return found


def _of_snappy(content: bytes) -> bytes:
    """Snappy as Java frames it (a head of 16 bytes, then each block behind its size), or one block by itself."""
    if not content.startswith(b"\x82SNAPPY\x00"):
        return _of_snappy_block(content, LARGEST_BATCH)
    found = b""
    position = _XERIAL_HEAD
    while position < len(content):
        size = int.from_bytes(content[position : position + 4], "big")
        position += 4
        found += _of_snappy_block(content[position : position + size], LARGEST_BATCH - len(found))
        position += size
    return found


def _of_snappy_block(block: bytes, room: int) -> bytes:
    """A block begins with its size once it is decompressed, seven bits a byte, the lowest first."""
    import pyarrow as pa  # slow to import, and seldom needed

    size = shift = 0
    for byte in block[:5]:
        size |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:  # noqa: PLR2004 - the last byte has no highest bit
            break
    if size > room:
        raise TooLarge
    return bytes(pa.Codec("snappy").decompress(block, size, asbytes=True))
