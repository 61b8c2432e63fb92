"""Commands that could not be carried out: what they say, why, and what has become of them since.

On Kafka they are the records of the dead topic; in a file the log itself says what followed and was set apart.
Who asked something of a log in a file was told that it could not be done, and asks again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import msgspec

from ledger.application.outcomes import ACCEPTED, Outcome
from ledger.domain.commands import Command
from ledger.domain.ids import POLICY_IDS, apart_of
from ledger.domain.kinds import COMMANDS as BY_NAME
from ledger.domain.partition.events import CommandSetApart
from ledger.entrypoints.principal import of_this_process
from ledger.errors import QueryRefused, SchemaUnknown
from ledger.store.codec import Codec
from ledger.wiring.composition import Opened

POLICIES = "policies"
"""The topic of what only the ledger itself says, as answers name it."""
MOST_LISTED = 1000
"""Dead commands that are listed at most: the latest."""
_SHOWN_BYTES = 512
_MICROSECONDS = 1000
_UNSTATED = -(2**62)


class Dead(NamedTuple):
    """A command that could not be carried out. `position` is where it lies: in the dead topic, or in a file's log.

    `at` is when it was set apart; `cause` the command that failed or that it had to follow, as `partition:offset` in
    the topic `source`, or by its id. `answer` is what it was answered since, `accepted` or the refusal's code.
    """

    position: str
    subject: str
    reason: str
    at: int
    source: str
    cause: str
    value: bytes
    command: Command | None
    answer: str | None
    follows: bool = True
    """Whether the ledger itself said it, or had to: on Kafka anybody may send what looks so."""

    def to_json(self) -> dict[str, Any]:
        """What a list says of it."""
        command = self.command
        return {
            "position": self.position,
            "command": None if command is None else command.name,
            "command_id": None if command is None else command.command_id,
            "subject": self.subject,
            "reason": self.reason,
            "at": self.at,
            "source": self.source,
            "cause": self.cause,
            "answer": self.answer,
        }

    def content(self) -> dict[str, Any]:
        """All that it says, in sen and microseconds; where it cannot be read, its length and first bytes."""
        if self.command is None:
            return {"bytes": len(self.value), "begins": self.value[:_SHOWN_BYTES].hex()}
        fields = msgspec.structs.asdict(self.command)
        return {name: value for name, value in fields.items() if value != _UNSTATED}


def dead(opened: Opened) -> list[Dead]:
    """The latest `MOST_LISTED` of them, partition by partition. Raises what keeps the log from being read."""
    found = _in_file(opened) if opened.settings.kafka is None else _on_kafka(opened)
    return list(deque(found, maxlen=MOST_LISTED))


def at_position(opened: Opened, position: str) -> Dead:
    """The one at a position. Raises QueryRefused where there is none."""
    found = _in_file(opened) if opened.settings.kafka is None else _on_kafka(opened)
    for one in found:
        if one.position == position:
            return one
    raise QueryRefused(
        f"{position}: nothing was set apart there; `pulsa dead-letters list` has the positions"
    )


def awaited(opened: Opened) -> dict[int, int]:
    """By partition of a log on Kafka, the offset of its first dead letter that has still to follow from an event.

    Nobody but the ledger says it, and from there alone it can be said again. Raises what keeps the log from being read.
    """
    found: dict[int, int] = {}
    for one in _on_kafka(opened):
        command = one.command
        if one.follows and one.answer is None and command and command.command_id.startswith(POLICY_IDS):
            partition, _, offset = one.position.partition(":")
            found.setdefault(int(partition), int(offset))
    return found


def resend(opened: Opened, one: Dead, now: int) -> Outcome:
    """Sends it again, under its own id: what was decided meanwhile is answered as it was, and nothing happens twice.

    What only the ledger says goes to the policies' topic, which only writers may write. Raises QueryRefused where it
    cannot be read, or only looks like what the ledger says, or what keeps it from being sent.
    """
    command = one.command
    if command is None:
        raise QueryRefused(f"{one.position}: it cannot be read as a command, and so not be sent again")
    if command.INTERNAL and not one.follows:
        raise QueryRefused(
            f"{one.position}: {command.name} is the ledger's own word, and this came from a sender;"
            " `pulsa dead-letters resend --in-transit` says what is really missing"
        )
    return say_again(opened, [command], now, source=POLICIES if command.INTERNAL else one.source)[0]


def say_again(
    opened: Opened, commands: Sequence[Command], now: int, *, source: str = POLICIES
) -> list[Outcome]:
    """Carries commands out on a log in a file, or sends them to the topic `source`. Raises what keeps it from that."""
    if not commands:
        return []
    if opened.settings.kafka is None:
        ledger = opened.writer()
        dated = [
            one if ledger.played else msgspec.structs.replace(one, at=max(one.at, now)) for one in commands
        ]
        return ledger.execute(dated, principal=of_this_process())
    from ledger.wiring.on_kafka import client  # embedded logs need none of it

    with client(opened.settings) as sender:
        return sender.execute(commands, source=source)


def _in_file(opened: Opened) -> Iterator[Dead]:
    log_reader, codec = opened.reader(), Codec()
    with log_reader.snapshot() as log:
        for found in log.events_of(apart_of(log.partition)):
            event = found.event
            if not isinstance(event, CommandSetApart):
                continue
            yield Dead(
                f"{log.partition}:{found.ordinal}",
                event.subject,
                event.reason,
                event.recorded_at,
                POLICIES,
                event.command_id,
                event.content,
                _command(codec, event.command, event.content),
                _answer(log, event.subject, event.apart_id),
            )


def _on_kafka(opened: Opened) -> Iterator[Dead]:
    from ledger.store.kafka.records import FOLLOWS
    from ledger.store.kafka.schema_ids import known_ids
    from ledger.wiring.kafka_access import kafka_settings
    from ledger.wiring.on_kafka import records_of

    log = kafka_settings(opened.settings, opened.settings.mirrors_folder)
    ids, codec = known_ids(log), Codec()
    readers, _ = opened.journaled()
    for record in records_of(log, log.dead):
        headers = dict(record.headers)
        subject = (record.key or b"").decode("utf-8", "replace")
        value = record.value or b""
        command = None
        with suppress(SchemaUnknown):  # the registry answers, and has none of that id
            schema, state = ids.from_wire(value)
            codec.learn([schema])
            command = _command(codec, schema.name.rpartition(".")[2], state)
        answer = None
        if command is not None:
            with readers[record.partition].snapshot() as there:
                answer = _answer(there, subject, command.command_id)
        source = _text(headers, "ledger_source") or "commands"
        yield Dead(
            f"{record.partition}:{record.offset}",
            subject,
            _text(headers, "ledger_reason"),
            record.timestamp * _MICROSECONDS,
            source,
            _text(headers, "ledger_command_position"),
            value,
            command,
            answer,
            follows=source == POLICIES or FOLLOWS in headers,
        )


def _text(headers: dict[str, bytes], name: str) -> str:
    return (headers.get(name) or b"").decode("utf-8", "replace")


def _command(codec: Codec, name: str, state: bytes) -> Command | None:
    """The command that those bytes hold, if they do."""
    try:
        return codec.command(name, state, _UNSTATED) if name in BY_NAME else None
    except Exception:  # noqa: BLE001 - whatever bytes that are no command do
        return None


def _answer(log: Any, subject: str, command_id: str) -> str | None:  # noqa: ANN401 - a snapshot with its journal
    decided = log.decision(subject, command_id)
    return None if decided is None else decided.code or ACCEPTED
