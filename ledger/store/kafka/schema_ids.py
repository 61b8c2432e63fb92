"""The registry's ids of schemas: the prefix of every record. Writers register; everybody else looks up and reads."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

from ledger.errors import RegistryMismatch, SchemaUnknown
from ledger.store.kafka.connection import KafkaSettings
from ledger.store.kafka.registry_api import LARGEST_ID, Registry, RegistryAccess
from ledger.store.schemas import FINGERPRINT_BYTES, FOLDERS, RecordSchema, every

_MAGIC = b"\0"
_PREFIX_BYTES = 5
_NAMESPACE = "ledger."
REMEMBERED_SECONDS = 10.0
"""How long an id that the registry does not know is not asked for again: a newer release may register it any time."""
REMEMBERED = 10_000
"""Unknown ids that are remembered at most, the latest of them."""


class SchemaIds:
    """Schema fingerprints ↔ the registry's ids. What was learned once is known for as long as the process runs.

    `monotonic` tells seconds.
    """

    def __init__(self, registry: Registry, monotonic: Callable[[], float]) -> None:
        self._registry = registry
        self._monotonic = monotonic
        self._prefix: dict[tuple[str, bytes], bytes] = {}
        self._schemas: dict[bytes, RecordSchema] = {}
        self._unknown: OrderedDict[bytes, tuple[float, str]] = OrderedDict()
        """Ids that were asked for in vain: until when that counts, and what was said."""
        self._others: OrderedDict[bytes, RecordSchema] = OrderedDict()
        """Schemas that are none of the ledger's, the latest of them."""
        self.foreign: list[RecordSchema] = []
        """Schemas of other releases, in the order in which they were met."""

    def register(self, topics: Iterable[tuple[str, str]]) -> None:
        """Registers every schema of (topic, kind) under `<topic>-<record name>`: only writers may.

        What is not there yet is added one after the other in one order: a registry that was emptied gives the same
        ids again.
        """
        added = self.recall(topics)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda one: self._registry.bind(_subject(*one)), added))
        for topic, schema in added:
            self._learn(topic, schema, self._registry.add(_subject(topic, schema), schema))

    def recall(self, topics: Iterable[tuple[str, str]]) -> list[tuple[str, RecordSchema]]:
        """Learns the ids of those schemas of (topic, kind) that writers have registered; returns the others."""
        wanted = [(topic, schema) for topic, kind in topics for schema in every(kind)]
        missing = []
        with ThreadPoolExecutor(4) as pool:
            ids = pool.map(lambda one: self._registry.look_up(_subject(*one), one[1]), wanted)
            for (topic, schema), id_ in zip(wanted, ids, strict=True):
                if id_ is None:
                    missing.append((topic, schema))
                else:
                    self._learn(topic, schema, id_)
        return missing

    def look_up(self, topic: str, schema: RecordSchema) -> None:
        """Learns the id of a schema that a writer has registered. Raises SchemaUnknown, or what Registry raises."""
        id_ = self._registry.look_up(_subject(topic, schema), schema)
        if id_ is None:
            raise SchemaUnknown(
                f"the registry has no {schema.name} as this release writes it: only writers register schemas,"
                " so start a writer of this release first"
            )
        self._learn(topic, schema, id_)

    def _learn(self, topic: str, schema: RecordSchema, id_: int) -> None:
        prefix = _MAGIC + id_.to_bytes(4, "big")
        self._prefix[topic, schema.fingerprint] = prefix
        self._schemas[prefix] = schema
        self._unknown.pop(prefix, None)

    def to_wire(self, topic: str, state: bytes) -> bytes | None:
        """`fingerprint ‖ body` as `0x00 ‖ id ‖ body`; None where the fingerprint is not a known schema's."""
        prefix = self._prefix.get((topic, state[:FINGERPRINT_BYTES]))
        return None if prefix is None else prefix + state[FINGERPRINT_BYTES:]

    def from_wire(self, value: bytes) -> tuple[RecordSchema, bytes]:
        """The schema of a record, and its `fingerprint ‖ body`. Raises SchemaUnknown, or what Registry raises."""
        prefix = value[:_PREFIX_BYTES]
        schema = self._schemas.get(prefix) or self._others.get(prefix)
        if schema is None:
            schema = self._fetch(prefix)
        return schema, schema.fingerprint + value[_PREFIX_BYTES:]

    def marks(self) -> dict[int, bytes]:
        """The fingerprint that each id stands for, as far as it is known."""
        return {int.from_bytes(prefix[1:], "big"): one.fingerprint for prefix, one in self._schemas.items()}

    def must_be_known(self) -> None:
        """Asks the registry for the largest id that it has given to a schema of this release.

        Raises RegistryMismatch where it knows none, or another schema by it, and what Registry raises.
        """
        prefix = max(self._prefix.values())
        id_, ours = int.from_bytes(prefix[1:], "big"), self._schemas[prefix]
        theirs = self._registry.schema(id_)
        if theirs is None or theirs.fingerprint != ours.fingerprint:
            told = "nothing" if theirs is None else theirs.name
            raise RegistryMismatch(
                f"schema id {id_} stood for {ours.name}; the registry has {told} by it now"
            )

    def _fetch(self, prefix: bytes) -> RecordSchema:
        if len(prefix) < _PREFIX_BYTES or not prefix.startswith(_MAGIC):
            raise SchemaUnknown("the record does not begin with 0x00 and a schema id")
        id_ = int.from_bytes(prefix[1:], "big")
        if id_ > LARGEST_ID:
            raise SchemaUnknown(f"{id_} is no schema id")
        until, said = self._unknown.get(prefix, (0.0, ""))
        if self._monotonic() < until:
            raise SchemaUnknown(said)
        schema = self._registry.schema(id_)
        if schema is None:
            self._remember(prefix, f"schema id {id_}: the registry knows none")
            raise SchemaUnknown(self._unknown[prefix][1])
        if not schema.name.startswith(_NAMESPACE):  # others' schemas are as many as others like
            self._others[prefix] = schema
            if len(self._others) > REMEMBERED:
                self._others.popitem(last=False)
            return schema
        self._schemas[prefix] = schema
        if schema.fingerprint not in _own():
            self.foreign.append(schema)
        return schema

    def _remember(self, prefix: bytes, said: str) -> None:
        self._unknown.pop(prefix, None)
        self._unknown[prefix] = (self._monotonic() + REMEMBERED_SECONDS, said)
        if len(self._unknown) > REMEMBERED:
            self._unknown.popitem(last=False)


def _subject(topic: str, schema: RecordSchema) -> str:
    return f"{topic}-{schema.name}"


@cache
def _own() -> frozenset[bytes]:
    return frozenset(schema.fingerprint for folder in FOLDERS for schema in every(folder))


_Log = tuple[RegistryAccess, str, str, str]
"""A log's registry, and its topics of events, commands and replies."""

_registered: dict[_Log, SchemaIds] = {}
"""The ids of each log to which this process writes."""


def _ids(log: _Log) -> tuple[SchemaIds, list[tuple[str, str]]]:
    """Ids of which none is known yet, and the log's topics, each with its kind of schemas."""
    access, events, commands, replies = log
    topics = [(events, "events"), (commands, "commands"), (replies, "replies")]
    return SchemaIds(Registry(access), time.monotonic), topics


@cache
def _recalled(log: _Log) -> SchemaIds:
    ids, topics = _ids(log)
    ids.recall(topics)
    return ids


def _log(settings: KafkaSettings) -> _Log:
    return access(settings), settings.events, settings.commands, settings.replies


def access(settings: KafkaSettings) -> RegistryAccess:
    """How the log's registry is reached."""
    return RegistryAccess(settings.registry, **settings.registry_client)


def schema_ids(settings: KafkaSettings) -> SchemaIds:
    """The ids of all schemas of this release, for a writer: it registers them, once a process.

    Raises RegistryUnreachable or RegistryRefused.
    """
    log = _log(settings)
    if log not in _registered:
        ids, topics = _ids(log)
        ids.register(topics)
        _registered[log] = ids
    return _registered[log]


def known_ids(settings: KafkaSettings) -> SchemaIds:
    """The ids as far as they are registered, for whoever only asks or sends; others are learned as they are met.

    Raises RegistryUnreachable or RegistryRefused.
    """
    log = _log(settings)
    return _registered.get(log) or _recalled(log)
