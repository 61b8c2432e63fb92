"""Schemas in the registry (Confluent's REST API), and the ids that it gives them: the prefix of every record."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from typing import Any

from ledger.errors import RegistryRefused, RegistryUnreachable, SchemaUnknown
from ledger.store.kafka.connection import KafkaSettings
from ledger.store.schemas import FINGERPRINT_BYTES, RecordSchema, load

_TIMEOUT = 8.0
_TYPE = "application/vnd.schemaregistry.v1+json"
_NOT_FOUND = 404
_CONFLICT = 409
_MAGIC = b"\0"
_PREFIX_BYTES = 5


class RegistryConflict(RegistryRefused):
    """The setting is there already."""


class Registry:
    """The registry's API, as far as the log needs it. Raises RegistryUnreachable or RegistryRefused."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    def register(self, subject: str, schema: RecordSchema) -> int:
        """The id of a schema under a subject that is FULL_TRANSITIVE before its first version is there."""
        name = urllib.parse.quote(subject, safe="")
        body = {"schema": schema.text}
        known = self._call("POST", f"/subjects/{name}", body, missing_is_none=True)
        if known is None:
            with suppress(RegistryConflict):  # another process starts at the same moment, and says the same
                self._call("PUT", f"/config/{name}", {"compatibility": "FULL_TRANSITIVE"})
            known = self._call("POST", f"/subjects/{name}/versions", body)
        return int(known["id"])

    def schema(self, id_: int) -> RecordSchema:
        """The schema of an id."""
        found = self._call("GET", f"/schemas/ids/{id_}", missing_is_none=True)
        if found is None:
            raise SchemaUnknown(f"{self.url} knows no schema of id {id_}")
        return RecordSchema(found["schema"])

    def _call(
        self, method: str, path: str, body: dict[str, Any] | None = None, *, missing_is_none: bool = False
    ) -> Any:  # noqa: ANN401 - any JSON
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310 - the address is a setting
            self.url + path, data, {"Content-Type": _TYPE, "Accept": _TYPE}, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer:  # noqa: S310
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                if missing_is_none and error.code == _NOT_FOUND:
                    return None
                message = error.read(500).decode("utf-8", "replace")
            refused = RegistryConflict if error.code == _CONFLICT and method == "PUT" else RegistryRefused
            raise refused(f"{method} {self.url}{path}: {error.code} {message}") from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise RegistryUnreachable(f"{self.url}: {error}") from error


class SchemaIds:
    """Schema fingerprints ↔ the registry's ids. What was learned once is known for as long as the process runs."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._prefix: dict[tuple[str, bytes], bytes] = {}
        self._schemas: dict[bytes, RecordSchema] = {}
        self.foreign: list[RecordSchema] = []
        """Schemas of other releases, in the order in which they were met."""

    def register(self, topics: Iterable[tuple[str, str]]) -> None:
        """Registers every schema of (topic, kind) under `<topic>-<record name>`."""
        wanted = [(topic, schema) for topic, kind in topics for schema in load(kind).values()]
        with ThreadPoolExecutor(4) as pool:
            ids = pool.map(lambda w: self._registry.register(f"{w[0]}-{w[1].name}", w[1]), wanted)
            for (topic, schema), id_ in zip(wanted, ids, strict=True):
                prefix = _MAGIC + id_.to_bytes(4, "big")
                self._prefix[topic, schema.fingerprint] = prefix
                self._schemas[prefix] = schema

    def to_wire(self, topic: str, state: bytes) -> bytes | None:
        """`fingerprint ‖ body` as `0x00 ‖ id ‖ body`; None where the fingerprint is not a known schema's."""
        prefix = self._prefix.get((topic, state[:FINGERPRINT_BYTES]))
        return None if prefix is None else prefix + state[FINGERPRINT_BYTES:]

    def from_wire(self, value: bytes) -> tuple[RecordSchema, bytes]:
        """The schema of a record, and its `fingerprint ‖ body`. Raises SchemaUnknown, or what Registry raises."""
        prefix = value[:_PREFIX_BYTES]
        schema = self._schemas.get(prefix)
        if schema is None:
            schema = self._fetch(prefix)
        return schema, schema.fingerprint + value[_PREFIX_BYTES:]

    def marks(self) -> dict[int, bytes]:
        """The fingerprint that each id stands for, as far as it is known."""
        return {int.from_bytes(prefix[1:], "big"): one.fingerprint for prefix, one in self._schemas.items()}

    def _fetch(self, prefix: bytes) -> RecordSchema:
        if len(prefix) < _PREFIX_BYTES or not prefix.startswith(_MAGIC):
            raise SchemaUnknown("the record does not begin with 0x00 and a schema id")
        schema = self._registry.schema(int.from_bytes(prefix[1:], "big"))
        self._schemas[prefix] = schema
        self.foreign.append(schema)
        return schema


@cache
def _known(url: str, events: str, commands: str, replies: str) -> SchemaIds:
    ids = SchemaIds(Registry(url))
    ids.register([(events, "events"), (commands, "commands"), (replies, "replies")])
    return ids


def schema_ids(settings: KafkaSettings) -> SchemaIds:
    """The ids of all schemas of this release: registered once by a process, and known to it from then on."""
    return _known(settings.registry, settings.events, settings.commands, settings.replies)
