"""The Avro schemas of events, commands and outcomes, read from `schemas/`: the source of truth for names and types."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache, cached_property
from importlib.resources import files
from typing import Any

from fastavro import parse_schema
from fastavro.schema import to_parsing_canonical_form

from ledger.store.encoding import Encode, encoder

Schema = dict[str, Any]

FOLDERS = ("events", "commands", "replies")
"""The folders of `schemas/` that hold what is in force."""

FINGERPRINT_BYTES = 8
"""Length of a schema fingerprint: CRC-64-AVRO of the parsing canonical form (Avro specification)."""
_CRC_OF_NOTHING = 0xC15D213AA4D7A795


class RecordSchema:
    """One record type: its text, its fingerprint, and the parsed form that values are written and read with.

    The parsed form knows no logical types, so that instants and days stay the integers they are. What writes its
    records is made when it is first asked for, and once; so are fingerprint and parsed form of a schema of this
    release, of which most processes need few. Of another's it is known at once whether it is a schema.
    """

    def __init__(self, text: str, *, own: bool = False) -> None:
        raw = json.loads(text)
        self.text = json.dumps(raw, separators=(",", ":"), ensure_ascii=False)
        self.text.encode()  # what cannot be written anywhere is no schema of ours
        self.name: str = f"{raw['namespace']}.{raw['name']}"
        self.fields: list[Schema] = raw["fields"]
        self._raw: Schema = raw
        if not own:
            self.fingerprint, self.parsed = fingerprint_of(raw), parse_schema(plain(raw))

    @cached_property
    def fingerprint(self) -> bytes:
        """What names it wherever its records are kept."""
        return fingerprint_of(self._raw)

    @cached_property
    def parsed(self) -> Any:  # noqa: ANN401 - fastavro's
        """What fastavro reads and writes by."""
        return parse_schema(plain(self._raw))

    @cached_property
    def before(self) -> RecordSchema | None:
        """The same without the fields that came after its first release (`added`); None where none did.

        It writes the records that say nothing of these: so their bytes and digests are what they were before.
        """
        first = [field for field in self.fields if not field.get("added")]
        if len(first) == len(self.fields):
            return None
        return RecordSchema(json.dumps({**self._raw, "fields": first}), own=True)

    @cached_property
    def encode(self) -> Encode:
        """Writes a record."""
        return encoder(self.parsed)

    @cached_property
    def encode_content(self) -> Encode:
        """Writes a command's record without its `at`."""
        record = plain(json.loads(self.text))
        record["fields"] = [f for f in record["fields"] if f["name"] != "at"]
        return encoder(parse_schema(record))


def fingerprint_of(schema: Schema) -> bytes:
    """The 8 bytes that name a schema wherever its records are kept.

    Reckoned here: fastavro makes the table anew for each schema, which takes five times as long, and there are
    hundreds to be named before a log is written to.
    """
    table, mark = _crc_table(), _CRC_OF_NOTHING
    for byte in to_parsing_canonical_form(schema).encode():
        mark = (mark >> 8) ^ table[(mark ^ byte) & 0xFF]
    return mark.to_bytes(FINGERPRINT_BYTES, "little")


@cache
def _crc_table() -> list[int]:
    """What each last byte does to CRC-64-AVRO."""
    table = list(range(256))
    for _ in range(8):
        table = [(mark >> 1) ^ (_CRC_OF_NOTHING if mark & 1 else 0) for mark in table]
    return table


def plain(schema: Any) -> Any:  # noqa: ANN401 - any JSON
    """The schema without logical types, and without what only people read."""
    dropped = {"logicalType", "doc", "form", "choices", "internal", "added"}
    if isinstance(schema, dict):
        return {k: plain(v) for k, v in schema.items() if k not in dropped}
    if isinstance(schema, list):
        return [plain(item) for item in schema]
    return schema


@cache
def load(folder: str) -> dict[str, RecordSchema]:
    """The schemas of a folder (`events`, `commands`, `replies`) by full name."""
    texts = (f.read_text("utf-8") for f in (files("schemas") / folder).iterdir() if f.name.endswith(".avsc"))
    schemas = sorted((RecordSchema(text, own=True) for text in texts), key=lambda s: s.name)
    return {schema.name: schema for schema in schemas}


def every(folder: str) -> Iterator[RecordSchema]:
    """All that records of a folder are written with: its schemas, and those without what came later."""
    for schema in load(folder).values():
        yield schema
        if schema.before is not None:
            yield schema.before
