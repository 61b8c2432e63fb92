"""What a hostile sender puts on the commands topic: each kind of record, and the answers that it may get."""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ledger.application.outcomes import NOT_JOURNALED, Outcome
from ledger.domain.commands import Command
from ledger.domain.line.commands import AdvanceTime, MigrateTerms
from ledger.domain.partition.commands import CloseThrough
from ledger.domain.prepaid.commands import (
    AdjustCredit,
    IssueStarterPack,
    ReceiveCreditTransfer,
    ReturnCreditTransfer,
    TopUp,
)
from ledger.store.codec import Codec
from ledger.store.kafka.connection import KafkaSettings
from ledger.store.kafka.records import SCHEMA
from ledger.store.kafka.registry_api import Registry, RegistryAccess
from ledger.store.kafka.schema_ids import SchemaIds, schema_ids
from ledger.store.partitioning import partition_of
from ledger.store.schemas import RecordSchema, load
from tests.given import SP23, day

MINE = "62870000"
"""How the hostile sender's own numbers begin: nobody else has such."""
DEFECT, INVALID = frozenset({"defect"}), frozenset({"invalid"})
CONFLICT = frozenset({"idempotency-conflict"})
TAKEN: frozenset[str | None] = frozenset({None})
MEGABYTE = 1 << 20


class Hostile(NamedTuple):
    """A record, and the codes with which it may be answered (None: accepted, or repeated). `huge`: sent gzipped."""

    kind: str
    key: bytes | None
    value: bytes | None
    partition: int
    codes: frozenset[Any]
    huge: bool = False
    headers: tuple[tuple[str, bytes], ...] = ()


Asked = tuple[Command, Outcome]
"""A good command, and the answer that it got."""


class Author:
    """Writes hostile records."""

    def __init__(self, settings: KafkaSettings, partitions: int, at: int) -> None:
        self._partitions = partitions
        self._codec = Codec()
        self._topic = settings.commands
        self._ids: SchemaIds = schema_ids(settings)
        self._at = at
        self._later = _of_a_later_release(settings)
        self._foreign = _of_no_command(settings)

    def write(self, kind: str, chance: random.Random, answered: Sequence[Asked]) -> Hostile | None:
        """A record of a kind; None where there is nothing yet to make it of."""
        made = KINDS[kind](self, chance, answered)
        return None if made is None else made._replace(kind=kind)

    # --- what they are made of ----------------------------------------------------------------------------------------

    def _wire(self, command: Command) -> bytes:
        state = self._codec.command_state(command, self._codec.command_content(command), stated_at=True)
        value = self._ids.to_wire(self._topic, state)
        assert value is not None
        return value

    def _own(self, chance: random.Random, kind: type[Command] = AdvanceTime, **fields: Any) -> Command:
        said: dict[str, Any] = {
            "at": self._at,
            "command_id": f"h-{chance.randrange(2**40)}",
            "msisdn": f"{MINE}{chance.randrange(40):04}",
        }
        return kind(**(said | fields))

    def _right(self, command: Command, codes: frozenset[Any], value: bytes | None = None) -> Hostile:
        """A record with the key and in the partition that it should have."""
        place = partition_of(command.subject, self._partitions)
        return Hostile("", command.subject.encode(), value or self._wire(command), place, codes)

    def _anywhere(self, chance: random.Random, value: bytes | None, key: bytes | None = b"") -> Hostile:
        return Hostile("", key, value, chance.randrange(self._partitions), DEFECT)

    # --- kinds --------------------------------------------------------------------------------------------------------

    def rubbish(self, chance: random.Random, _: Sequence[Asked]) -> Hostile:
        key = chance.choice([None, b"", b"log@x", b"terms/x@y", b"\xff\xfe", chance.randbytes(20)])
        return self._anywhere(chance, chance.randbytes(chance.randrange(1, 400)), key)

    def nothing(self, chance: random.Random, _: Sequence[Asked]) -> Hostile:
        value, key = chance.choice([(None, b""), (None, b"log@9"), (b"", None), (b"", b""), (b"", b"log@9")])
        return self._anywhere(chance, value, key)

    def torn(self, chance: random.Random, _: Sequence[Asked]) -> Hostile:
        command = self._own(chance, TopUp, credit=500_000, price=0, channel="web")
        value = self._wire(command)
        cut = chance.choice([value[: chance.randrange(1, len(value))], value + b"\0", b"\1" + value[1:]])
        return self._right(command, DEFECT, cut)

    def unknown_schema(self, chance: random.Random, _: Sequence[Asked]) -> Hostile:
        id_ = chance.choice([7_000_001, 7_000_002, 2**31 - 1])
        command = self._own(chance)
        return self._right(command, DEFECT, b"\0" + struct.pack(">I", id_) + self._wire(command)[5:])

    def no_command(self, chance: random.Random, _: Sequence[Asked]) -> Hostile:
        return self._right(self._own(chance), DEFECT, self._foreign + chance.randbytes(40))

    def later_release(self, chance: random.Random, _: Sequence[Asked]) -> Hostile:
        command = self._own(chance)
        body = self._wire(command)[5:] + b"\x06new"  # a text of three bytes
        return self._right(command, TAKEN, self._later + body)

    def accepted(self, chance: random.Random, _: Sequence[Asked]) -> Hostile:
        return self._right(self._own(chance), TAKEN)

    def repeat(self, chance: random.Random, answered: Sequence[Asked]) -> Hostile | None:
        if not answered:
            return None
        command, outcome = chance.choice(answered)
        return self._right(command, frozenset({outcome.code}))

    def conflict(self, chance: random.Random, answered: Sequence[Asked]) -> Hostile | None:
        journaled = [command for command, outcome in answered if outcome.code not in NOT_JOURNALED]
        if not journaled:
            return None
        one = chance.choice(journaled)
        named = {"command_id": one.command_id, "msisdn": one.subject}
        other = self._own(chance, TopUp, **named, credit=10**9, price=0, channel="web")
        return self._right(other, CONFLICT)

    def forged(self, chance: random.Random, answered: Sequence[Asked]) -> Hostile | None:
        if not answered:
            return None
        victim = chance.choice(answered)[0].subject
        id_ = chance.choice([f"policy/{MINE}0001#1/x{chance.randrange(9)}", f"h-{chance.randrange(99)}"])
        forged = chance.choice(
            [
                self._own(
                    chance, ReceiveCreditTransfer, command_id=id_, msisdn=victim, transfer="t",
                    from_account=f"{MINE}0001#1", amount=10**14, fee=0, days=chance.choice([30, 10**9]),
                ),
                self._own(
                    chance, ReturnCreditTransfer, command_id=id_, msisdn=victim, transfer="t",
                    account=f"{victim}#1", to_msisdn=MINE, amount=10**12, fee=0, refusal="grace",
                ),
                self._own(
                    chance, CloseThrough, msisdn=f"log@{chance.randrange(self._partitions)}",
                    through=self._at + 10**15,
                ),
            ]
        )  # fmt: skip
        return self._right(forged, INVALID)

    def wrong_key(self, chance: random.Random, _: Sequence[Asked]) -> Hostile:
        right = self._right(self._own(chance), INVALID)
        key = chance.choice([None, b"6287000099999", b"log@0", b"log@x", b"terms/x@y", b"\xff"])
        return right._replace(key=key)

    def wrong_partition(self, chance: random.Random, _: Sequence[Asked]) -> Hostile:
        right = self._right(self._own(chance), INVALID)
        return right._replace(partition=(right.partition + 1) % self._partitions)

    def wrong_mark(self, chance: random.Random, _: Sequence[Asked]) -> Hostile:
        """Its header names another schema than it was written by."""
        mark = chance.choice([b"", chance.randbytes(8), chance.randbytes(5000)])
        return self._right(self._own(chance), DEFECT)._replace(headers=((SCHEMA, mark),))

    def strange_headers(self, chance: random.Random, _: Sequence[Asked]) -> Hostile:
        headers = tuple(
            (chance.choice(["", "x", "ce_id", "ledger_digest", "é"]), chance.randbytes(9)) for _ in range(9)
        )
        return self._right(self._own(chance), TAKEN)._replace(headers=headers)

    def wrong_values(self, chance: random.Random, _: Sequence[Asked]) -> Hostile:
        bad = chance.choice(
            [
                self._own(chance, TopUp, credit=-5, price=0, channel="web"),
                self._own(chance, TopUp, credit=2**62, price=0, channel="web"),
                self._own(chance, AdjustCredit, amount=0, reason="r", approved_by="staff-2"),
                self._own(chance, TopUp, command_id="due/1", credit=5, price=0, channel="web"),
                self._own(chance, TopUp, command_id="policy/1", credit=5, price=0, channel="web"),
                self._own(chance, at=2**60),
                self._own(chance, MigrateTerms, terms="unheard-of"),
                self._own(chance, IssueStarterPack, terms=SP23, printed_credit=1, valid_until=2**31 - 1),
            ]
        )
        return self._right(bad, INVALID)

    def wrong_number(self, chance: random.Random, _: Sequence[Asked]) -> Hostile:
        named = chance.choice(["", "0881", "log@x", "log@-1", "terms/x@y", "terms/x@1", "\0", "é"])
        command = self._own(chance, msisdn=named)
        key = named.encode()
        return Hostile("", key, self._wire(command), chance.randrange(self._partitions), INVALID)

    def oversize(self, chance: random.Random, _: Sequence[Asked]) -> Hostile:
        rest = chance.randrange(200, 4000)
        value = chance.randbytes(MEGABYTE - rest)
        return self._anywhere(chance, value, chance.choice([b"", None]))

    def large_key(self, chance: random.Random, _: Sequence[Asked]) -> Hostile:
        return self._anywhere(chance, chance.randbytes(20), bytes(600_000))

    def large_id(self, chance: random.Random, _: Sequence[Asked]) -> Hostile:
        size, codes = chance.choice([(201, INVALID), (500_000, DEFECT)])
        return self._right(self._own(chance, command_id="i" * size), codes)

    def large_text(self, chance: random.Random, _: Sequence[Asked]) -> Hostile:
        size, codes = chance.choice([(3_000, INVALID), (600_000, DEFECT)])
        reason = self._own(chance, TopUp, credit=500_000, price=0, channel="c" * size)
        return self._right(reason, codes)

    def bomb(self, chance: random.Random, _: Sequence[Asked]) -> Hostile:
        size = chance.choice([5, 20]) * MEGABYTE
        return self._anywhere(chance, bytes(size))._replace(huge=True)

    def bomb_of_an_id(self, chance: random.Random, _: Sequence[Asked]) -> Hostile:
        long = self._own(chance, command_id="i" * 5 * MEGABYTE)
        return self._right(long, DEFECT)._replace(huge=True)

    def pack(self, chance: random.Random, _: Sequence[Asked]) -> Hostile:
        """A command that is taken, or refused as any other's: the sender has numbers of its own."""
        opened = self._own(
            chance, IssueStarterPack, terms=SP23, printed_credit=1, valid_until=day("2190-12-31")
        )
        return self._right(opened, frozenset({None, "number-not-available"}))


def _registered(settings: KafkaSettings, schema: RecordSchema) -> bytes:
    """The prefix of records of a schema that somebody has registered beside ours."""
    id_ = Registry(RegistryAccess(settings.registry)).register(f"{settings.commands}-{schema.name}", schema)
    return b"\0" + struct.pack(">I", id_)


def _of_a_later_release(settings: KafkaSettings) -> bytes:
    """`AdvanceTime` with a field more, at its end."""
    raw = json.loads(load("commands")["ledger.command.AdvanceTime"].text)
    raw["fields"].append({"name": "later", "type": "string", "default": ""})
    return _registered(settings, RecordSchema(json.dumps(raw)))


def _of_no_command(settings: KafkaSettings) -> bytes:
    """A type that is none of ours, in our namespace."""
    raw = {"type": "record", "name": "Gift", "namespace": "ledger.command", "fields": []}
    return _registered(settings, RecordSchema(json.dumps(raw)))


KINDS: dict[str, Callable[[Author, random.Random, Sequence[Asked]], Hostile | None]] = {
    "rubbish": Author.rubbish,
    "nothing": Author.nothing,
    "torn": Author.torn,
    "unknown schema": Author.unknown_schema,
    "no command": Author.no_command,
    "later release": Author.later_release,
    "accepted": Author.accepted,
    "pack": Author.pack,
    "repeat": Author.repeat,
    "conflict": Author.conflict,
    "forged": Author.forged,
    "wrong key": Author.wrong_key,
    "wrong partition": Author.wrong_partition,
    "wrong mark": Author.wrong_mark,
    "strange headers": Author.strange_headers,
    "wrong values": Author.wrong_values,
    "wrong number": Author.wrong_number,
    "oversize": Author.oversize,
    "large key": Author.large_key,
    "large id": Author.large_id,
    "large text": Author.large_text,
    "bomb": Author.bomb,
    "bomb of an id": Author.bomb_of_an_id,
}
"""Every kind of record by name."""

HEAVY = frozenset({"oversize", "large key", "large id", "large text", "bomb", "bomb of an id"})
"""Kinds of which a few are enough: a record is a megabyte or more."""
