"""What FULL_TRANSITIVE compatibility asks of two versions of a schema, beyond what the `avro` library sees."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import avro.schema
import fastavro
from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType

Schema = dict[str, Any]

SCHEMAS = Path(__file__).resolve().parents[1] / "schemas"
RELEASED = SCHEMAS / "released"
KINDS = ("events", "commands", "replies")


def files(folder: Path) -> dict[str, Path]:
    """The schema files below a folder of `events/`, `commands/` and `replies/`, by kind and name."""
    found = (path for kind in KINDS for path in sorted((folder / kind).glob("*.avsc")))
    return {f"{path.parent.name}/{path.stem}": path for path in found}


def releases() -> list[Path]:
    """The folders of released versions, oldest first."""
    return sorted(
        (path for path in RELEASED.iterdir() if path.name.isdigit()), key=lambda path: int(path.name)
    )


def faults(one: str, other: str) -> list[str]:
    """Why records written by one of two schemas could not be read by the other, or would mean something else."""
    first, second = parsed(one), parsed(other)
    found = [
        f"{direction}: {message}"
        for direction, reader, writer in (("backward", first, second), ("forward", second, first))
        for message in _unreadable(reader, writer)
    ]
    return found + list(_changed(json.loads(one), json.loads(other), ""))


def parsed(text: str) -> avro.schema.Schema:
    """A schema that both libraries take: each refuses what the other lets pass."""
    fastavro.parse_schema(json.loads(text))
    return avro.schema.parse(text)


def _unreadable(reader: avro.schema.Schema, writer: avro.schema.Schema) -> list[str]:
    checker: Any = ReaderWriterCompatibilityChecker  # it has no annotations
    result = checker().get_compatibility(reader, writer)
    if result.compatibility is SchemaCompatibilityType.compatible:
        return []
    return sorted(result.messages) or ["incompatible"]


def _changed(one: Any, other: Any, path: str) -> Iterator[str]:
    """Names, logical types and their parameters that differ between what both schemas have."""
    if isinstance(one, list) and isinstance(other, list):
        for left, right in zip(one, other, strict=False):
            yield from _changed(left, right, path)
    elif isinstance(one, dict) and isinstance(other, dict):
        for key in ("name", "namespace", "logicalType", "precision", "scale"):
            if one.get(key) != other.get(key):
                yield f"{path or 'record'}: {key} is {one.get(key)!r} here and {other.get(key)!r} there"
        for key in ("type", "items", "values"):
            yield from _changed(one.get(key), other.get(key), path)
        theirs = {field["name"]: field for field in other.get("fields", [])}
        for field in one.get("fields", []):
            if field["name"] in theirs:
                yield from _changed(field, theirs[field["name"]], f"{path}.{field['name']}".lstrip("."))
    elif _logical(one) != _logical(other):
        yield f"{path}: {_logical(one)} here and {_logical(other)} there"


def _logical(schema: Any) -> Any:
    return schema.get("logicalType") if isinstance(schema, dict) else None
