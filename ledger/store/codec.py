"""Avro, in and out: events, commands and outcomes as `schema fingerprint ‖ Avro body`.

These bytes are the same in every log.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from io import BytesIO
from typing import Any, cast

import msgspec
from fastavro import schemaless_reader

from ledger.domain.commands import Command
from ledger.domain.events import Event, make
from ledger.domain.kinds import COMMANDS, EVENT_TYPES
from ledger.errors import SchemaUnknown
from ledger.store.encoding import LONGS, Encode
from ledger.store.schemas import FINGERPRINT_BYTES, FOLDERS, RecordSchema, every, load

_OUTCOME = "ledger.reply.Outcome"


_ADDED: Mapping[str, tuple[str, ...]] = {
    "ledger.customer.AccountNoted": ("ends_at",),
    "ledger.customer.ConsentGiven": ("accounts",),
    "ledger.customer.ConsentWithdrawn": ("accounts",),
    "ledger.customer.PersonErased": ("request",),
    "ledger.dispute.EvidenceAttached": ("lies_in",),
    "ledger.log.LogCreated": ("ids",),
    "ledger.prepaid.Blocked": ("basis",),
    "ledger.prepaid.Terminated": ("basis",),
    "ledger.prepaid.TermsMigrated": ("consents",),
    "AttachEvidence": ("lies_in",),
    "Block": ("basis",),
    "EndForHolder": ("ends_at",),
    "Terminate": ("basis",),
    "MigrateTerms": ("consents",),
}
"""The fields that came after a type's first release, by its name: who says none of them is written as before.

A test holds it against the schemas.
"""
_BEFORE = "/before"
_NAMES_BEFORE = {name: name + _BEFORE for name in _ADDED}
"""Made once: a text that is made anew is hashed anew."""


def _as_written(name: str, record: Mapping[str, Any]) -> str:
    """Under which name what writes a record is kept."""
    for field in _ADDED.get(name, ()):
        if record.get(field) is not None:
            return name
    return _NAMES_BEFORE.get(name, name)


def _schema(folder: str, name: str) -> RecordSchema:
    """The schema of such a name. Raises KeyError."""
    schema = load(folder)[name.removesuffix(_BEFORE)]
    before = schema.before if name.endswith(_BEFORE) else None
    return before or schema


_Written = tuple[bytes, Any, Encode]
"""How records of one type are written: their fingerprint, their parsed schema, and what writes them."""


class _Events(dict[str, _Written]):
    """How events are written, by their type, each from when it is first asked for."""

    def __missing__(self, topic: str) -> _Written:
        schema = _schema("events", topic)
        self[topic] = written = (schema.fingerprint, schema.parsed, schema.encode)
        return written


class _Commands(dict[str, tuple[bytes, Any, Encode, bytes]]):
    """How commands are written, without their `at`, and what their digest begins with; by their name."""

    def __missing__(self, name: str) -> tuple[bytes, Any, Encode, bytes]:
        schema = _schema("commands", f"ledger.command.{name}")
        mark = schema.fingerprint
        self[name] = written = (mark, schema.parsed, schema.encode_content, schema.name.encode() + mark)
        return written


_WITH_LISTS = frozenset(
    {
        "AcceptMatch",
        "AddStatementLines",
        "AdvanceDue",
        "DecideDispute",
        "Disclose",
        "IssueCreditNote",
        "IssueDebitNote",
        "MigrateTerms",
        "NoteErasureAnswer",
        "OpenContract",
        "RecordBreach",
        "RecordRun",
        "RectifyCustomer",
        "RegisterCustomer",
    }
)
"""The commands that hold lists; a test holds it against their schemas."""


class Codec:
    """Writes by the schemas of this release, and reads by whatever schema a record was written with."""

    def __init__(self) -> None:
        self._events = _Events()
        self._commands = _Commands()
        self._outcome = load("replies")[_OUTCOME]
        self._by_fingerprint: dict[bytes, RecordSchema] = {}
        self._has_own = False

    def learn(self, schemas: Iterable[RecordSchema]) -> None:
        """Takes in schemas that a log holds, so that what they wrote can be read."""
        for schema in schemas:
            self._by_fingerprint.setdefault(schema.fingerprint, schema)

    def knows(self, mark: bytes) -> bool:
        """Whether records with this fingerprint can be read."""
        return self._of(mark) is not None

    def _of(self, mark: bytes) -> RecordSchema | None:
        """The schema of a fingerprint; those of this release are looked through once one is asked for in vain."""
        found = self._by_fingerprint.get(mark)
        if found is None and not self._has_own:
            self._has_own = True
            self._by_fingerprint |= {s.fingerprint: s for kind in FOLDERS for s in every(kind)}
            found = self._by_fingerprint.get(mark)
        return found

    # --- events -----------------------------------------------------------------------------------------------------

    def event_state(self, event: Event) -> bytes:
        """`fingerprint ‖ body` of an event."""
        topic = event.TOPIC
        if topic in _ADDED:
            topic = _as_written(topic, event.__dict__)
        mark, _, encode = self._events[topic]
        return mark + encode(event.__dict__)

    def event(self, topic: str, state: bytes) -> Event:
        """The event of a type that this release knows. Raises SchemaUnknown."""
        event_type = EVENT_TYPES.get(topic)
        if event_type is None:
            raise SchemaUnknown(topic)
        mark, parsed, _ = self._events[topic]
        body = BytesIO(state)
        body.seek(FINGERPRINT_BYTES)
        if state.startswith(mark):
            record: Any = schemaless_reader(body, parsed)
        else:
            record = schemaless_reader(body, self.schema(state[:FINGERPRINT_BYTES]).parsed, parsed)
        return make(event_type, record)

    def record(self, state: bytes) -> dict[str, Any]:
        """The fields of any record, by the schema that it was written with. Raises SchemaUnknown."""
        body = BytesIO(state)
        body.seek(FINGERPRINT_BYTES)
        record: Any = schemaless_reader(body, self.schema(state[:FINGERPRINT_BYTES]).parsed)
        return cast("dict[str, Any]", record)

    def schema(self, mark: bytes, topic: str = "") -> RecordSchema:
        """The schema that a fingerprint names, as a rule this release's of an event. Raises SchemaUnknown."""
        own = load("events").get(topic)
        if own is not None and own.fingerprint == mark:
            return own
        schema = self._of(mark)
        if schema is None:
            raise SchemaUnknown(mark.hex())
        return schema

    # --- commands and outcomes --------------------------------------------------------------------------------------

    def command_content(self, command: Command) -> bytes:
        """The Avro body of a command without its `at`, which comes first in the whole form."""
        name, record = command.name, msgspec.structs.asdict(command)
        return self._commands[name if name not in _ADDED else _as_written(name, record)][2](record)

    def _written_by(self, command: Command) -> tuple[bytes, Any, Encode, bytes]:
        """How a command is written to which fields were added."""
        return self._commands[_as_written(command.name, msgspec.structs.asdict(command))]

    def command_digest(self, command: Command, content: bytes) -> bytes:
        """SHA-256 that names what a command asks, whenever it asks."""
        name = command.name
        written = self._written_by(command) if name in _ADDED else self._commands[name]
        return hashlib.sha256(written[3] + content).digest()

    def command_state(self, command: Command, content: bytes, *, stated_at: bool) -> bytes:
        """`fingerprint ‖ body` of a command as it came: with its `at` only where one was stated."""
        name = command.name
        written = self._written_by(command) if name in _ADDED else self._commands[name]
        return written[0] + (b"\x02" + LONGS[command.at] if stated_at else b"\x00") + content

    def command(self, name: str, state: bytes, at: int) -> Command:
        """A command as it was taken: `at` fills in where none was stated."""
        return COMMANDS[name](**self._command_record(name, state, at))

    def command_and_content(self, name: str, state: bytes, at: int) -> tuple[Command, bytes]:
        """The same with what `command_content` gives for it, however its bytes were written.

        Raises ValueError where its lists are not written in one block each: Avro has many ways, and the digest one.
        """
        record = self._command_record(name, state, at)
        mark, _, encode, _ = self._commands[_as_written(name, record)]
        content = encode(record)
        by_these = name in _WITH_LISTS and state.startswith(mark)
        if by_these and instant_and_content(state)[1] != content:
            raise ValueError("its lists are not written in one block each")
        return COMMANDS[name](**record), content

    def _command_record(self, name: str, state: bytes, at: int) -> dict[str, Any]:
        mark, parsed, _, _ = self._commands[name]
        body = BytesIO(state)
        body.seek(FINGERPRINT_BYTES)
        writer = parsed if state.startswith(mark) else self.schema(state[:FINGERPRINT_BYTES]).parsed
        record: Any = schemaless_reader(body, writer, None if writer is parsed else parsed)
        if body.tell() != len(state):
            raise ValueError("there are bytes after the command")
        if record["at"] is None:
            record["at"] = at
        return cast("dict[str, Any]", record)

    def outcome_state(self, record: dict[str, Any]) -> bytes:
        """`fingerprint ‖ body` of an outcome's record."""
        return self._outcome.fingerprint + self._outcome.encode(record)


def instant_and_content(state: bytes) -> tuple[bytes | None, bytes]:
    """The instant that a command stated, as Avro writes it, if it stated one; and the rest of its Avro body.

    `at` is the first field, a union of null and long. Raises ValueError or IndexError where the bytes are no command.
    """
    branch, begin = state[FINGERPRINT_BYTES], FINGERPRINT_BYTES + 1
    if branch == 0:
        return None, state[begin:]
    if branch != 2:  # noqa: PLR2004 - the union's second branch, as Avro writes it
        raise ValueError("neither null nor an instant")
    end = begin
    while state[end] & 0x80:
        end += 1
    return state[begin : end + 1], state[end + 1 :]
