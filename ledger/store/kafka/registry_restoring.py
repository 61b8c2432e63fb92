"""Fills an empty registry with the schemas of a log again, under the ids that the log's records have.

Which id stands for which schema the records say themselves: by their header, and those of former releases by the digest
of an event or of a journal entry. A registry gives ids in order: fillers take those that are not the log's.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, suppress
from functools import partial
from importlib.resources import files
from io import BytesIO
from typing import Any, NamedTuple

from fastavro import schemaless_reader
from kafka import KafkaConsumer
from kafka.structs import TopicPartition

from ledger.application.journal import NO_CHAIN, event_digest, journal_digest
from ledger.errors import RegistryMismatch, SchemaUnknown
from ledger.progress import Progress
from ledger.store.kafka import arriving
from ledger.store.kafka.connection import KafkaSettings, reported
from ledger.store.kafka.positions import polled_to
from ledger.store.kafka.records import SCHEMA, reply_of
from ledger.store.kafka.registry_api import Registry
from ledger.store.schemas import FINGERPRINT_BYTES, FOLDERS, RecordSchema, every

MOST_FILLERS = 10_000
"""Ids that are not the log's and are passed over at most: a registry that others share is restored from its backup."""
_PREFIX_BYTES = 5
_OUTCOME = "ledger.reply.Outcome"
_Read = Callable[[str, Any, int], None]


class UsedSchema(NamedTuple):
    """An id in a topic's records, and the fingerprint of the schema that they were written by."""

    topic: str
    id: int
    mark: bytes


class Texts:
    """Schemas by fingerprint: this release's, the released ones, and those that copies of the log hold."""

    def __init__(self, copies: Iterable[RecordSchema] = ()) -> None:
        own = [schema for folder in FOLDERS for schema in every(folder)]
        self.by_mark = {schema.fingerprint: schema for schema in [*copies, *_released(), *own]}

    def named(self, name: str) -> list[RecordSchema]:
        """All versions of a type."""
        return [schema for schema in self.by_mark.values() if schema.name == name]


def _released() -> Iterator[RecordSchema]:
    for release in (files("schemas") / "released").iterdir():
        for kind in FOLDERS:
            folder = release / kind
            if folder.is_dir():
                yield from (RecordSchema(file.read_text("utf-8")) for file in folder.iterdir())


def used(settings: KafkaSettings, texts: Texts, progress: Progress | None = None) -> set[UsedSchema]:
    """Every id that records of the log have. Reads all of the topics, and asks no registry. Raises SchemaUnknown."""
    found = _Found(texts)
    done = 0
    readers: list[tuple[str, _Read]] = [(settings.events, found.event), (settings.replies, found.reply)]
    readers += [(topic, partial(found.command, source)) for source, topic in settings.sources.items()]
    subjects = dict.fromkeys(settings.sources.values(), settings.commands)
    for topic, read in readers:
        for record in _records(settings, topic):
            done += 1
            if progress is not None and done % 1000 == 0:
                progress(done, 0)
            if record.value is None or len(record.value) < _PREFIX_BYTES or record.value[0]:
                continue
            read(subjects.get(topic, topic), record, int.from_bytes(record.value[1:_PREFIX_BYTES], "big"))
    return found.used


class _Found:
    """What was found out so far."""

    def __init__(self, texts: Texts) -> None:
        self.used: set[UsedSchema] = set()
        self._texts = texts
        self._known: dict[tuple[str, int], bytes] = {}
        self._digests: dict[bytes, bytes] = {}
        self._chains: dict[str, bytes] = {}
        self._contents: dict[tuple[str, int, int], bytes] = {}
        """The fingerprint of a journaled command, by its topic, partition and offset."""

    def event(self, topic: str, record: Any, id_: int) -> None:  # noqa: ANN401 - kafka-python's
        """By its header, or by its digest."""
        headers = dict(record.headers)
        account, digest = headers["ce_id"].rpartition(b"/")[0], headers["ledger_digest"]
        before, self._digests[account] = self._digests.get(account, NO_CHAIN), digest
        if not self._note(topic, id_, headers.get(SCHEMA)):
            name, body = headers["ce_type"].decode(), record.value[_PREFIX_BYTES:]
            for schema in self._texts.named(name):
                if event_digest(before, name, schema.fingerprint + body) == digest:
                    self._note(topic, id_, schema.fingerprint)

    def reply(self, topic: str, record: Any, id_: int) -> None:  # noqa: ANN401 - kafka-python's
        """By its header, or by the digest of the entry that it journals; which tells of the command, too."""
        body = record.value[_PREFIX_BYTES:]
        if self._note(topic, id_, dict(record.headers).get(SCHEMA)):
            candidates = [self._known[topic, id_]]
        else:
            candidates = [schema.fingerprint for schema in self._texts.named(_OUTCOME)]
        for mark in candidates:
            with suppress(KeyError, EOFError, ValueError, IndexError):  # it was written by another schema
                fields = BytesIO(body)
                answer: Any = schemaless_reader(fields, self._texts.by_mark[mark].parsed)
                if fields.tell() != len(body):
                    continue
                reply = reply_of(answer, record.headers)
                entry = reply.entry
                if entry is None:
                    continue
                before = self._chains.get(entry.subject, NO_CHAIN)
                if journal_digest(before, entry) == entry.chain:
                    self._chains[entry.subject] = entry.chain
                    self._contents[reply.source, record.partition, reply.offset] = entry.command[
                        :FINGERPRINT_BYTES
                    ]
                    self._note(topic, id_, mark)
                    return

    def command(self, source: str, topic: str, record: Any, id_: int) -> None:  # noqa: ANN401 - kafka-python's
        """By its header where it was journaled: then that was held against the registry; else anybody may say anything.

        What was journaled is written as the ledger writes it, which need not be the schema that it was sent by.
        """
        kept = self._contents.get((source, record.partition, record.offset))
        if kept is not None:
            self._note(topic, id_, dict(record.headers).get(SCHEMA) or self._sent_by(kept, record.value))

    def _sent_by(self, kept: bytes, value: bytes) -> bytes:
        """The version by which all of a command can be read; first the one that it is kept by."""
        known, body = self._texts.by_mark.get(kept), value[_PREFIX_BYTES:]
        for schema in () if known is None else (known, *self._texts.named(known.name)):
            with suppress(KeyError, EOFError, ValueError, IndexError):
                fields = BytesIO(body)
                schemaless_reader(fields, schema.parsed)
                if fields.tell() == len(body):
                    return schema.fingerprint
        return kept

    def _note(self, topic: str, id_: int, mark: bytes | None) -> bool:
        known = self._known.get((topic, id_))
        if mark is None or known is not None:
            if None not in (mark, known) and mark != known:
                raise RegistryMismatch(
                    f"{topic}: id {id_} stands for two schemas; records by two registries are there"
                )
            return known is not None
        self._known[topic, id_] = mark
        self.used.add(UsedSchema(topic, id_, mark))
        return True


def _records(settings: KafkaSettings, topic: str) -> Iterator[Any]:
    arriving.install()
    with reported(topic):
        consumer = KafkaConsumer(
            **settings.arguments(),
            isolation_level="read_committed",
            auto_offset_reset="earliest",  # the beginning may be deleted meanwhile
            enable_auto_commit=False,
            group_id=None,
        )
        with closing(consumer):
            for partition in sorted(consumer.partitions_for_topic(topic) or ()):
                tp = TopicPartition(topic, partition)
                consumer.assign([tp])
                consumer.seek_to_beginning(tp)
                end = consumer.end_offsets([tp])[tp]
                for polled in polled_to(consumer, tp, end):
                    yield from polled


def restore(registry: Registry, wanted: Iterable[UsedSchema], texts: Mapping[bytes, RecordSchema]) -> int:
    """Registers what is not there yet; returns how many ids that were.

    Raises SchemaUnknown where a schema's text is nowhere, and RegistryMismatch where the registry has given an id to
    another schema: before anything is registered, as far as the registry tells it.
    """
    by_id: dict[int, bytes] = {}
    for one in wanted:
        if one.mark not in texts:
            raise SchemaUnknown(
                f"{one.mark.hex()}, of {one.topic}: name a copy of the log that holds it (--from)"
            )
        if by_id.setdefault(one.id, one.mark) != one.mark:
            raise RegistryMismatch(f"id {one.id} stands for two schemas in the log")
    missing = [id_ for id_, mark in sorted(by_id.items()) if not _is_there(registry, id_, mark)]
    subjects: dict[int, list[str]] = {}
    for one in sorted(wanted):
        subjects.setdefault(one.id, []).append(f"{one.topic}-{texts[one.mark].name}")
    last: int | None = None if missing and missing[0] > 1 else 0
    fillers = 0
    for id_ in missing:
        while last != id_ - 1:
            last = _filled(registry, fillers)
            fillers += 1
            if last >= id_ or fillers > MOST_FILLERS:
                raise RegistryMismatch(
                    f"the registry gives {last} next, and cannot give {id_}: it has to be empty"
                )
        last = registry.register(subjects[id_][0], texts[by_id[id_]])
        if last != id_:
            raise RegistryMismatch(f"the registry gave {last} where the log has {id_}: it has to be empty")
    for id_, names in subjects.items():  # the same text again may use an id up
        for name in names:
            registry.register(name, texts[by_id[id_]])
    return len(missing)


def _is_there(registry: Registry, id_: int, mark: bytes) -> bool:
    found = registry.schema(id_)
    if found is not None and found.fingerprint != mark:
        raise RegistryMismatch(f"the registry has {found.name} under id {id_}, and the log another schema")
    return found is not None


def _filled(registry: Registry, number: int) -> int:
    """Uses the next id up, whatever it is."""
    filler = {"type": "record", "name": f"Filler{number}", "namespace": "ledger.filler", "fields": []}
    return registry.register(f"ledger-filler-{number}", RecordSchema(json.dumps(filler)))
