"""The registry's ids of schemas: all logs and writers of a run would ask for hundreds each, and get the same."""

from __future__ import annotations

import pickle
from pathlib import Path

from ledger.local.process import file_lock
from ledger.store.kafka import schema_ids
from ledger.store.kafka.connection import KafkaSettings
from ledger.store.kafka.registry_api import Registry
from ledger.store.schemas import every

Known = dict[tuple[str, bytes], int]
"""Ids of schemas, by kind and fingerprint: a registry has one for each text, whatever subjects it is under."""


def known(settings: KafkaSettings) -> Known:
    """The registry's ids of the log's schemas, which are registered where they were not."""
    ids = schema_ids.schema_ids(settings)
    return {
        (kind, schema.fingerprint): int.from_bytes(ids._prefix[topic, schema.fingerprint][1:], "big")
        for topic, kind in _topics(settings)
        for schema in every(kind)
    }


def added(settings: KafkaSettings) -> Known:
    """The same of a log that is new: they are added in a writer's order, by a third of its requests."""
    registry = Registry(schema_ids.access(settings))
    return {
        (kind, schema.fingerprint): registry.add(f"{topic}-{schema.name}", schema)
        for topic, kind in _topics(settings)
        for schema in every(kind)
    }


def knowing(settings: KafkaSettings, ids: Known) -> None:
    """What this process does with the log from here on asks the registry for nothing of this release."""
    log = schema_ids._log(settings)
    schema_ids._registered[log] = learned = schema_ids._ids(log)[0]
    for topic, kind in _topics(settings):
        for schema in every(kind):
            learned._learn(topic, schema, ids[kind, schema.fingerprint])


def told(settings: KafkaSettings, folder: Path) -> KafkaSettings:
    """The same log, whose ids this process knows. The first log adds its schemas; the folder is the registry's."""
    file = folder / "schema-ids"
    with file_lock(file.with_suffix(".lock")):
        if not file.exists():
            file.write_bytes(pickle.dumps(added(settings)))
    knowing(settings, pickle.loads(file.read_bytes()))
    return settings


def _topics(settings: KafkaSettings) -> list[tuple[str, str]]:
    return [(settings.events, "events"), (settings.commands, "commands"), (settings.replies, "replies")]
