"""The schemas that a log's file holds: each text is what it was when it was put there.

A fingerprint says nothing of `doc`, `logicalType` and defaults, which whoever reads the file without this program goes
by; so a digest of the whole text is kept beside it, in the table `meta`. Files of earlier releases lack it: there the
text of a schema that was released has to be as it was released.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from ledger.domain.ids import beginning_with
from ledger.errors import LogDamaged
from ledger.store.schemas import FOLDERS, RecordSchema, every

if TYPE_CHECKING:
    from eventsourcing.sqlite import SQLiteCursor

_NAMED = "schema/"


def keep(cursor: SQLiteCursor, schemas: Iterable[RecordSchema]) -> None:
    """Puts schemas into the file that it does not hold yet."""
    cursor.execute("SELECT fingerprint FROM schemas")
    held = {row[0] for row in cursor.fetchall()}
    new = {schema.fingerprint: schema for schema in schemas if schema.fingerprint not in held}
    rows = [(mark, schema.name, schema.text) for mark, schema in new.items()]
    cursor.executemany("INSERT INTO schemas VALUES (?,?,?)", rows)
    named = [(_NAMED + mark.hex(), _digest(text)) for mark, _, text in rows]
    cursor.executemany("INSERT OR IGNORE INTO meta VALUES (?,?)", named)


def read(text: str) -> RecordSchema:
    """The schema of a text that a log holds; one of this release is there already. Raises what a damaged text does."""
    own = _own_by_text().get(text)
    return RecordSchema(text) if own is None else own


def must_be_as_kept(cursor: SQLiteCursor) -> None:
    """Raises LogDamaged where a schema is not as it was put into the file; from here on its digest is there."""
    digests = digests_kept(cursor)
    cursor.execute("SELECT fingerprint, name, schema FROM schemas")
    rows = [tuple(row) for row in cursor.fetchall()]
    for mark, name, text in rows:
        if as_kept(mark, name, text, digests) is None:
            raise LogDamaged(f"the schema {name} is not the one that was put into the log")
        if _NAMED + mark.hex() not in digests:
            cursor.execute("INSERT INTO meta VALUES (?,?)", (_NAMED + mark.hex(), _digest(text)))
    for named in digests.keys() - {_NAMED + mark.hex() for mark, _, _ in rows}:
        raise LogDamaged(f"the schema {named.removeprefix(_NAMED)} is missing in the log")


def digests_kept(cursor: SQLiteCursor) -> dict[str, str]:
    """What the table `meta` says of schemas: the digest of each, by `schema/` and its fingerprint."""
    cursor.execute("SELECT name, value FROM meta WHERE name>=? AND name<?", beginning_with(_NAMED))
    return {row[0]: row[1] for row in cursor.fetchall()}


def as_kept(mark: Any, name: Any, text: Any, digests: Mapping[str, str]) -> RecordSchema | None:  # noqa: ANN401 - whatever a damaged file holds
    """The schema of a row that is as it was put into the file; `digests` as from `digests_kept`."""
    if not isinstance(mark, bytes) or not isinstance(text, str):
        return None
    kept = digests.get(_NAMED + mark.hex())
    if kept is not None:
        if kept != _digest(text):
            return None
    elif digests or (mark in _known() and text not in _known()[mark]):  # each was kept with its own
        return None
    try:
        schema = read(text)
    except Exception:  # noqa: BLE001 - whatever a damaged text does
        return None
    return schema if (schema.fingerprint, schema.name) == (mark, name) else None


def foreign(marks: Iterable[Any], digests: Mapping[str, str]) -> list[Any]:
    """Those of a file's fingerprints that are of no schema of this release; `digests` as for `as_kept`.

    A text that is this release's has its fingerprint, which takes longer to reckon than to compare a digest of it.
    """
    if not digests:
        own_marks = {schema.fingerprint for schema in _own_by_text().values()}
        return [mark for mark in marks if mark not in own_marks]
    own = _own_digests()
    return [
        mark for mark in marks if not isinstance(mark, bytes) or digests.get(_NAMED + mark.hex()) not in own
    ]


@cache
def _own_digests() -> frozenset[str]:
    return frozenset(_digest(schema.text) for schema in _of_this_release())


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


@cache
def _own_by_text() -> dict[str, RecordSchema]:
    """Every schema of this release."""
    return {schema.text: schema for schema in _of_this_release()}


@cache
def _known() -> dict[bytes, set[str]]:
    """The texts of every schema of this release, and of those released before, by fingerprint."""
    known: dict[bytes, set[str]] = {}
    for schema in (*_of_this_release(), *_released()):
        known.setdefault(schema.fingerprint, set()).add(schema.text)
    return known


def _of_this_release() -> Iterator[RecordSchema]:
    for kind in FOLDERS:
        yield from every(kind)


def _released() -> Iterator[RecordSchema]:
    folder = files("schemas") / "released"
    for release in folder.iterdir() if folder.is_dir() else ():
        for kind in FOLDERS:
            for file in (release / kind).iterdir() if (release / kind).is_dir() else ():
                if file.name.endswith(".avsc"):
                    yield RecordSchema(json.dumps(json.loads(file.read_text("utf-8"))))
