"""Records of commands: decoded, checked and dated. One that is no command is answered without deciding."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from ledger.application.outcomes import REFUSED, Outcome
from ledger.domain.bounds import LONGEST_COMMAND
from ledger.domain.commands import Command
from ledger.domain.kinds import COMMANDS
from ledger.domain.partition.commands import AdvanceDue, CloseThrough
from ledger.domain.refusals import Invalid
from ledger.entrypoints.forms import must_mean_nothing
from ledger.entrypoints.kafka import avro_forms
from ledger.errors import CommandDefect, LedgerError, RegistryRefused, RegistryUnreachable
from ledger.store.codec import Codec
from ledger.store.kafka.arriving import UNREADABLE
from ledger.store.kafka.connection import POLICIES
from ledger.store.kafka.records import Received, read_wire
from ledger.store.kafka.schema_ids import SchemaIds
from ledger.store.partitioning import partition_of
from ledger.store.schemas import RecordSchema

_NAMESPACE = "ledger.command."
_CLOCKS_WORD = (AdvanceDue, CloseThrough)
"""What the clock says to a whole partition, through an instant that must have come."""
_MILLISECOND = 1000
_UNSTATED = -(2**62)
PORTION = 16 << 20
"""Bytes of keys and values that one transaction decides, unless a single record has more."""
_FLAT = frozenset({"null", "boolean", "int", "long", "float", "double", "bytes", "string", "enum"})
"""Types of which a command's fields may be; an enum states its symbols in the schema, not in the record."""


def portions(records: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """A poll's records in pieces that a transaction holds in time, whatever they have been decompressed to."""
    begin = size = 0
    for number, record in enumerate(records):
        more = len(record.key or b"") + len(record.value or b"")
        if size and size + more > PORTION:
            yield records[begin:number]
            begin, size = number, 0
        size += more
    yield records[begin:]


class Taken(NamedTuple):
    """A record, the command that is to be decided, if there is one, and the content that the codec makes of it."""

    received: Received
    command: Command | None = None
    content: bytes | None = None


class Intake:
    """What a writer makes of the records of one partition. `played` logs take a command's own time, and any customer.

    `sources` are the topics that records come from, and how answers name them.
    """

    def __init__(
        self,
        ids: SchemaIds,
        codec: Codec,
        partition: int,
        partitions: int,
        sources: Mapping[str, str],
        *,
        played: bool,
    ) -> None:
        self.sources = sources
        self._ids = ids
        self._codec = codec
        self._partition = partition
        self._partitions = partitions
        self._played = played
        self._names: dict[bytes, str] = {}

    def take(self, record: Any, head: int) -> Taken:  # noqa: ANN401 - kafka-python's
        """What a record holds, whatever that is.

        Raises RegistryUnreachable or RegistryRefused where nobody knows what that is.
        """
        key = record.key or b""
        subject = key[:LONGEST_COMMAND].decode("utf-8", "replace")
        source = self.sources[record.topic]
        received = Received(record.offset, record.key, record.value, subject, None, source=source)
        command_id = ""
        appended = record.timestamp * _MILLISECOND
        try:
            command, content = self._decode(record)
            command_id = command.command_id
            self._check(command, key, record.partition, source)
            return Taken(received, self._dated(command, appended), content)
        except Invalid as refusal:
            outcome = self._refused(command_id, refusal.code, refusal.message, head, appended)
            return Taken(received._replace(outcome=outcome).bounded())
        except (RegistryUnreachable, RegistryRefused):
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it is no command
            return self.defect(
                received, command_id, f"cannot be decoded: {type(error).__name__}: {error}", head
            )

    def defect(self, received: Received, command_id: str, reason: str, head: int) -> Taken:
        """The record as one that goes to the dead topic."""
        outcome = self._refused(command_id, CommandDefect.code, reason, head, 0)
        return Taken(received._replace(outcome=outcome, dead=reason).bounded())

    def _refused(self, command_id: str, code: str, message: str, head: int, at: int) -> Outcome:
        return Outcome(command_id, REFUSED, code, message, (), self._partition, head, at)

    def _decode(self, record: Any) -> tuple[Command, bytes]:  # noqa: ANN401
        value = record.value
        if value is None:
            reasons = [content for name, content in record.headers if name == UNREADABLE]
            raise ValueError(
                str(reasons[0] or b"", "utf-8", "replace") if reasons else "the record has no value"
            )
        if len(value) > LONGEST_COMMAND:
            raise ValueError(f"{len(value)} bytes; a command has {LONGEST_COMMAND} at most")
        schema, state = read_wire(self._ids, value, record.headers)
        name = self._names.get(schema.fingerprint) or self._learned(schema)
        return self._codec.command_and_content(name, state, _UNSTATED)

    def _learned(self, schema: RecordSchema) -> str:
        """The name of the command whose schema it is, as this release or another has it. Raises LedgerError."""
        name = schema.name.removeprefix(_NAMESPACE)
        if name not in COMMANDS or name == schema.name:
            raise LedgerError(f"{schema.name} is no command of this release")
        for field in schema.fields:
            if not _is_flat(field["type"]):
                raise LedgerError(f"{schema.name}: no command has a field such as {field['name']}")
        self._codec.learn([schema])
        self._names[schema.fingerprint] = name
        return name

    def _dated(self, command: Command, appended: int) -> Command:
        """The command at the instant at which it is taken: on a live log its record's LogAppendTime. Raises Invalid."""
        if self._played:
            if command.at == _UNSTATED:
                raise Invalid("at: is missing, and this log is played")
            avro_forms.check_instant("at", command.at)
            return command
        at = appended
        if command.INTERNAL and not isinstance(command, _CLOCKS_WORD):
            if command.at != _UNSTATED:
                avro_forms.check_instant("at", command.at)
            at = max(command.at, appended)
        elif command.at != _UNSTATED:
            raise Invalid("at: a live log takes its broker's time, so none may be stated")
        if isinstance(command, _CLOCKS_WORD) and command.through > at:
            raise Invalid("through: lies in the future")
        return msgspec.structs.replace(command, at=at)

    def _check(self, command: Command, key: bytes, partition: int, source: str) -> None:
        """Raises Invalid."""
        if source == POLICIES:
            if not (command.INTERNAL or command.OWN_IS_DUE):
                raise Invalid(f"{command.name}: the ledger itself does not say it, and nobody else may here")
        elif command.INTERNAL:
            raise Invalid(f"{command.name}: only the ledger itself says it")
        if key != command.subject.encode():
            raise Invalid(f"the record's key is not its subject, {command.subject}")
        avro_forms.check(command)
        if not self._played:
            must_mean_nothing(command)
        if command.INTERNAL:
            avro_forms.check_subject(command)
        if partition_of(command.subject, self._partitions) != partition:
            raise Invalid(f"{command.subject} belongs to another partition than {partition}")


def _is_flat(kind: Any) -> bool:  # noqa: ANN401 - any schema
    """Whether values of a type take no more time and room than their bytes: not so a list of nulls, or of itself."""
    if isinstance(kind, list):
        return all(map(_is_flat, kind))
    if isinstance(kind, dict):
        if kind.get("type") == "array":
            return _takes_room(kind.get("items"))
        return kind.get("type") in _FLAT
    return kind in _FLAT


def _takes_room(kind: Any) -> bool:  # noqa: ANN401 - any schema
    """Whether each item of a list takes a byte at least: texts, and flat records that begin with one, or a number."""
    if isinstance(kind, dict) and kind.get("type") == "record":
        fields = kind.get("fields") or [{}]
        begins: bool = fields[0].get("type") in ("string", "long") and all(
            _is_flat(one.get("type")) for one in fields
        )
        return begins
    return bool(kind == "string")
