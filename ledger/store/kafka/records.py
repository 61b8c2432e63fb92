"""Events and answers as Kafka records, and back: the wire format, the headers, and the rows of a mirror."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any, NamedTuple

from ledger.application.journal import JournalEntry, SubjectHead
from ledger.application.outcomes import EventReference, Outcome
from ledger.domain.bounds import LONGEST_ID, cut
from ledger.domain.calendar import format_instant
from ledger.domain.events import Event
from ledger.domain.ids import subject_of
from ledger.errors import LogDamaged, RegistryMismatch, SchemaUnknown
from ledger.store.chains import EventRow
from ledger.store.codec import Codec
from ledger.store.kafka.connection import COMMANDS, POLICIES
from ledger.store.kafka.schema_ids import SchemaIds
from ledger.store.schemas import FINGERPRINT_BYTES, RecordSchema, load

Header = tuple[str, bytes]

_SPEC = ("ce_specversion", b"1.0")
_AVRO = ("content-type", b"application/vnd.confluent.avro")
_BYTES = ("content-type", b"application/octet-stream")
DUE = "ledger_due"
"""On a number's last event of a transaction: when it falls due next, in microseconds; empty for never."""

SCHEMA = "ledger_schema"
"""On every record: the fingerprint of its schema, so that a registry which has other ids is not believed."""


def schema_header(state: bytes) -> Header:
    """Names the schema of `fingerprint ‖ body`."""
    return (SCHEMA, state[:FINGERPRINT_BYTES])


def read_wire(ids: SchemaIds, value: bytes, headers: Iterable[Header]) -> tuple[RecordSchema, bytes]:
    """The schema of a record, and its `fingerprint ‖ body`.

    Raises SchemaUnknown, RegistryMismatch where its header names another schema than the registry gives for its id, or
    what Registry raises.
    """
    try:
        schema, state = ids.from_wire(value)
    except SchemaUnknown as error:
        for name, stated in headers:
            if name == SCHEMA:
                raise RegistryMismatch(
                    f"{error}; the record was written by the schema {stated.hex()}"
                ) from error
        raise
    for name, stated in headers:  # records of former releases have no such header
        if name == SCHEMA and stated != schema.fingerprint:
            raise RegistryMismatch(
                f"for id {int.from_bytes(value[1:5], 'big')} the registry gives {schema.name}"
                f" ({schema.fingerprint.hex()}); the record was written by the schema {stated.hex()}"
            )
    return schema, state


_LONGEST_REASON = 1_000
"""Bytes of why a record cannot be decided."""
_LONGEST_COPY = 16_384
"""Bytes of a value that the dead topic holds: more than any command that is well formed takes."""
MOST_NAMED = 1_000
"""Events that an answer names: as many fall due at once as there are reservations, and a broker takes a megabyte."""
EVENTS = "ledger_events"
"""On an answer that names only the first of its command's events: how many there are, one behind the other."""
TOPIC = "ledger_topic"
"""On an answer: the id of the topic that it answers; one that is made anew begins at offset 0 again.

Every answer to a record of `ledger.policies` has it, and of a transaction's to `ledger.commands` the first.
"""
FOLLOWS = "ledger_follows"
"""On a dead command that the ledger itself had to say, because of the command at that position."""
CUT = "ledger_cut"
"""On an answer or a dead command: a part of which only the beginning is there, its size in bytes, and its SHA-256."""


def cut_off(part: str, content: bytes | None, longest: int) -> tuple[bytes | None, list[Header]]:
    """So many bytes of a part at most, and where there were more the header that says so."""
    if content is None or len(content) <= longest:
        return content, []
    whole = f"{part} {len(content)} {sha256(content).hexdigest()}"
    return content[:longest], [(CUT, whole.encode())]


class Outgoing(NamedTuple):
    """A record to be sent."""

    key: bytes
    value: bytes
    headers: list[Header]


class Received(NamedTuple):
    """A record of a topic of commands (`source` names it).

    `outcome` is there where it needs no deciding; `dead` says why it cannot be.
    """

    offset: int
    key: bytes | None
    value: bytes | None
    subject: str
    outcome: Outcome | None
    dead: str | None = None
    cuts: Sequence[Header] = ()
    """A header for each part that was too long, and of which this has only the beginning."""
    source: str = COMMANDS
    follows: bool = False
    """Whether this is what had to follow from the record at that offset, and no sender's word."""

    def bounded(self) -> Received:
        """The same with no part that is too long, for the topics of answers and of the dead."""
        key, cuts = cut_off("key", self.key, LONGEST_ID)
        value, of_value = cut_off("value", self.value, _LONGEST_COPY)
        outcome = self.outcome
        of_id: list[Header] = []
        if outcome is not None:
            command_id = outcome.command_id.encode("utf-8", "replace")
            _, of_id = cut_off("command_id", command_id, LONGEST_ID)
            outcome = outcome._replace(
                command_id=cut(outcome.command_id, LONGEST_ID),
                message=cut(outcome.message or "", _LONGEST_REASON),
            )
        return self._replace(
            key=key,
            value=value,
            subject=cut(self.subject, LONGEST_ID),
            outcome=outcome,
            dead=None if self.dead is None else cut(self.dead, _LONGEST_REASON),
            cuts=[*self.cuts, *cuts, *of_value, *of_id],
        )


def dead_copy(partition: int, received: Received) -> tuple[bytes, bytes | None, list[Header]]:
    """Key, value and headers of a record on the dead topic: why it could not be decided, and where it lies."""
    headers: list[Header] = [
        ("ledger_reason", (received.dead or "").encode()),
        ("ledger_command_position", b"%d:%d" % (partition, received.offset)),
        ("ledger_source", received.source.encode()),
        *([(FOLLOWS, b"")] if received.follows else []),
        *received.cuts,
    ]
    return received.key or b"", received.value, headers


class EventRecords:
    """The records of the events topic."""

    def __init__(self, topic: str, partition: int, ids: SchemaIds) -> None:
        self._topic = topic
        self._partition = f"{partition}:"
        self._source = ("ce_source", f"{topic}/{partition}".encode())
        self._ids = ids
        self._types: dict[str, Header] = {}
        self._schemas: dict[bytes, Header] = {}

    def outgoing(
        self, rows: Sequence[EventRow], happened: Sequence[Event], heads: Sequence[SubjectHead]
    ) -> list[Outgoing]:
        """The record of each row. `happened` are the events themselves, where the ledger wrote them."""
        dues = dict(self._dues(rows, heads))
        records = []
        for index, (ordinal, account, version, topic, state, digest) in enumerate(rows):
            value = self._ids.to_wire(self._topic, state)
            kind = self._types.get(topic)
            if kind is None:
                kind = self._types[topic] = ("ce_type", topic.encode())
            name = account.encode()
            headers = [
                _SPEC,
                ("ce_id", name + b"/%d" % version),
                self._source,
                kind,
                ("ce_subject", name),
                _BYTES if value is None else _AVRO,
                ("ledger_position", (self._partition + str(ordinal)).encode()),
                ("ledger_digest", digest),
            ]
            if value is not None:
                mark = state[:FINGERPRINT_BYTES]
                headers.append(self._schemas.get(mark) or self._schemas.setdefault(mark, (SCHEMA, mark)))
            if happened:
                headers.append(("ce_time", format_instant(happened[index].recorded_at).encode()))
            due = dues.get(index)
            if due is not None:
                headers.append((DUE, due))
            records.append(Outgoing(subject_of(account).encode(), state if value is None else value, headers))
        return records

    @staticmethod
    def _dues(rows: Sequence[EventRow], heads: Sequence[SubjectHead]) -> Iterable[tuple[int, bytes]]:
        """The header of each number's last event, by its index."""
        left = {head.subject: head.due_at for head in heads}
        for index in range(len(rows) - 1, -1, -1):
            if not left:
                return
            number = subject_of(rows[index][1])
            if number in left:
                due = left.pop(number)
                yield index, b"" if due is None else b"%d" % due

    def row(self, value: bytes, headers: Mapping[str, bytes]) -> EventRow:
        """The row that a record was made of. Raises LogDamaged where it was not made here, or what `read_wire` does."""
        try:
            account, _, version = headers["ce_id"].decode().rpartition("/")
            ordinal = int(headers["ledger_position"].partition(b":")[2])
            topic, digest = headers["ce_type"].decode(), headers["ledger_digest"]
            is_avro = headers["content-type"] == _AVRO[1]
        except (KeyError, ValueError) as error:
            raise LogDamaged(f"a record of {self._topic} is no event of the ledger: {error!r}") from error
        state = read_wire(self._ids, value, headers.items())[1] if is_avro else value
        return (ordinal, account, int(version), topic, state, digest)


class Reply(NamedTuple):
    """An answer: the outcome, the offset of its command, and the journal's entry where there is one.

    `source` names the topic that the command came from, `commands` or `policies`, and `topic` is its id, where it is
    said.
    """

    outcome: Outcome
    subject: str
    offset: int
    entry: JournalEntry | None
    source: str = COMMANDS
    topic: str = ""


class ReplyRecords:
    """The records of the replies topic."""

    def __init__(self, topic: str, ids: SchemaIds, codec: Codec) -> None:
        self._topic = topic
        self._ids = ids
        self._codec = codec
        self.headers: list[Header] = [(SCHEMA, load("replies")["ledger.reply.Outcome"].fingerprint)]
        """Of every answer."""
        self.policies = self.commands = ""
        """The ids of the topics of policies and of commands, for whoever answers what lies there."""

    def value(self, reply: Reply) -> bytes:
        """The bytes of an answer."""
        outcome, entry = reply.outcome, reply.entry
        record = outcome.record()
        record["subject"] = reply.subject
        record["command_offset"] = reply.offset
        record["source"] = reply.source
        record["command"] = entry and entry.name
        record["command_digest"] = entry and entry.command_digest
        record["content"] = entry and entry.command
        record["first_event"] = entry.first_event if entry is not None else 0
        record["chain"] = entry and entry.chain
        record["principal"] = entry and entry.principal
        value = self._ids.to_wire(self._topic, self._codec.outcome_state(record))
        if value is None:
            raise SchemaUnknown("the schema of answers is not registered")
        return value

    def outgoing(
        self, received: Received, outcome: Outcome, entry: JournalEntry | None, *, names_topic: bool = True
    ) -> Outgoing:
        """The record that answers one of a topic of commands."""
        reply = Reply(outcome, received.subject, received.offset, entry, received.source)
        more = received.cuts
        topic = self.policies if received.source == POLICIES else self.commands
        if names_topic and topic:
            more = [*more, (TOPIC, topic.encode())]
        return self.record(received.key or b"", reply, more)

    def record(self, key: bytes, reply: Reply, more: Sequence[Header] = ()) -> Outgoing:
        """The record of an answer, which names so many events at most, and else says how many there are."""
        headers = [*self.headers, *more] if more else self.headers
        events = reply.outcome.events
        if len(events) > MOST_NAMED:
            headers = [*headers, (EVENTS, b"%d" % len(events))]
            reply = reply._replace(outcome=reply.outcome._replace(events=events[:MOST_NAMED]))
        return Outgoing(key, self.value(reply), headers)

    def read(self, value: bytes, headers: Sequence[Header]) -> Reply:
        """The answer that those bytes hold, by whatever release's schema. Raises what `read_wire` raises."""
        schema, state = read_wire(self._ids, value, headers)
        if not self._codec.knows(schema.fingerprint):
            self._codec.learn([schema])
        return reply_of(self._codec.record(state), headers)


def reply_of(record: dict[str, Any], headers: Sequence[Header]) -> Reply:
    """The answer of these fields and headers."""
    events = tuple([EventReference(**reference) for reference in record["events"]])
    count = next((int(stated) for name, stated in headers if name == EVENTS), len(events))
    outcome = Outcome(
        record["command_id"],
        record["status"],
        record["code"],
        record["message"],
        events,
        record["partition"],
        record["ordinal"],
        record["at"],
    )
    entry = None
    if record["chain"] is not None:
        entry = JournalEntry(
            record["subject"],
            record["command_id"],
            record["command"],
            record["command_digest"],
            record["content"],
            record["at"],
            record["code"],
            record["message"],
            record["ordinal"],
            record["first_event"],
            count,
            record["chain"],
            record.get("principal"),
        )
    source = record.get("source", COMMANDS)  # answers of the first release do not say
    topic = next((str(said, "ascii") for name, said in headers if name == TOPIC), "")
    return Reply(outcome, record["subject"], record["command_offset"], entry, source, topic)
