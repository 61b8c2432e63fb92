"""What others see of a log on Kafka: a consumer of committed records, which knows nothing of mirrors."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from kafka import KafkaConsumer
from kafka.structs import TopicPartition

from ledger.application.journal import NO_CHAIN, event_digest
from ledger.application.outcomes import Outcome
from ledger.domain.commands import Command
from ledger.domain.prepaid.commands import TransferCredit
from ledger.domain.terms import Terms
from ledger.entrypoints.forms import CommandReader
from ledger.simulation import commands
from ledger.store.codec import Codec
from ledger.store.kafka.connection import KafkaSettings
from ledger.store.kafka.schema_ids import schema_ids
from tests.given import BUNDLED, ledger_on

Accounts = dict[str, list[tuple[int, str, bytes, bytes]]]
"""Each account's events: version, type, `fingerprint ‖ body`, digest."""


def population(
    subscribers: int, months: int, seed: int = 1, *, contracts: int = 0, registered: int = 0
) -> list[Command]:
    """The commands of a simulated population, in order."""
    import msgspec

    reader = CommandReader(played=True, now=None)
    said = commands(subscribers, months, seed, contracts=contracts, registered=registered)
    return [reader.from_json(msgspec.json.encode(record)) for record in said]


def committed(settings: KafkaSettings, topic: str) -> Iterator[Any]:
    """The committed records of a topic, partition by partition, from where it begins to its end."""
    consumer = KafkaConsumer(
        bootstrap_servers=settings.bootstrap,
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="none",
    )
    try:
        for partition in sorted(consumer.partitions_for_topic(topic)):
            tp = TopicPartition(topic, partition)
            consumer.assign([tp])
            consumer.seek_to_beginning(tp)
            end = consumer.end_offsets([tp])[tp]
            while consumer.position(tp) < end:
                for record in consumer.poll(timeout_ms=500).get(tp, ()):
                    if record.offset < end:
                        yield record
    finally:
        consumer.close()


def end_of(settings: KafkaSettings, topic: str) -> int:
    """How much has been committed to a topic by now: its records, and the ends of transactions."""
    consumer = KafkaConsumer(
        bootstrap_servers=settings.bootstrap, isolation_level="read_committed", enable_auto_commit=False
    )
    with closing(consumer):
        tps = [TopicPartition(topic, partition) for partition in consumer.partitions_for_topic(topic)]
        return sum(consumer.end_offsets(tps).values())


def all_answered(settings: KafkaSettings) -> bool:
    """Whether nothing awaits an answer: no command, and nothing that writers have told each other since.

    The answers are counted first: what follows from one that comes meanwhile then counts as asked.
    """
    answered = sum(1 for _ in committed(settings, settings.replies))
    return answered == sum(1 for topic in settings.sources.values() for _ in committed(settings, topic))


class Seen(NamedTuple):
    """What a consumer saw: events by account, and the postings' balances by ledger account and unit."""

    accounts: Accounts
    balances: dict[tuple[str, str], int]
    events: int


def seen(settings: KafkaSettings) -> Seen:
    """Every event exactly once, in sequence, with the digest that chains it: or the test fails here."""
    ids, codec = schema_ids(settings), Codec()
    accounts: Accounts = defaultdict(list)
    balances: dict[tuple[str, str], int] = defaultdict(int)
    ordinals: dict[int, int] = defaultdict(int)
    for record in committed(settings, settings.events):
        headers = dict(record.headers)
        ordinals[record.partition] += 1
        assert headers["ledger_position"].decode() == f"{record.partition}:{ordinals[record.partition]}"
        account, _, version = headers["ce_id"].decode().rpartition("/")
        topic = headers["ce_type"].decode()
        schema, state = ids.from_wire(record.value)
        assert schema.name == topic
        events = accounts[account]
        assert int(version) == len(events) + 1, f"{account}: version {version} after {len(events)}"
        assert event_digest(events[-1][3] if events else NO_CHAIN, topic, state) == headers["ledger_digest"]
        events.append((int(version), topic, state, headers["ledger_digest"]))
        for posting in codec.record(state)["postings"]:
            balances[posting["account"], posting["unit"]] += posting["amount"]
    assert not any(_per_unit(balances).values())
    return Seen(dict(accounts), {k: v for k, v in balances.items() if v}, sum(ordinals.values()))


def _per_unit(balances: dict[tuple[str, str], int]) -> dict[str, int]:
    sums: dict[str, int] = defaultdict(int)
    for (_, unit), amount in balances.items():
        sums[unit] += amount
    return sums


def embedded(
    path: Path,
    commands: Sequence[Command],
    terms: Iterable[Terms] = BUNDLED.values(),
    *,
    principal: str | None = None,
) -> list[Outcome]:
    """The outcomes of the same commands on an embedded log, which names who sent them where that is known."""
    with ledger_on(path, terms) as ledger:
        chunks = in_chunks(commands, 500)
        return [outcome for chunk in chunks for outcome in ledger.execute(chunk, principal=principal)]


def in_file(path: Path) -> Accounts:
    """The same of an embedded log, or of a mirror."""
    accounts: Accounts = defaultdict(list)
    connection = sqlite3.connect(path)
    rows = connection.execute(
        "SELECT originator_id, originator_version, topic, state, digest FROM stored_events ORDER BY ordinal"
    )
    for account, *event in rows:
        accounts[account].append(tuple(event))
    connection.close()
    return dict(accounts)


def table(path: Path, name: str, order: str) -> list[tuple[Any, ...]]:
    """The rows of a table of a log's file."""
    connection = sqlite3.connect(path)
    rows = connection.execute(f"SELECT * FROM {name} ORDER BY {order}").fetchall()
    connection.close()
    return rows


def of_accounts(accounts: Accounts) -> Accounts:
    """Without what is about whole partitions."""
    return {name: events for name, events in accounts.items() if not name.startswith(("log@", "terms/"))}


def in_chunks(items: Sequence[Command], size: int) -> Iterator[Sequence[Command]]:
    """The items, some at a time."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def up_to_transfers(commands: Iterable[Command]) -> Iterator[list[Command]]:
    """The commands in pieces that end with a transfer."""
    piece: list[Command] = []
    for command in commands:
        piece.append(command)
        if isinstance(command, TransferCredit):
            yield piece
            piece = []
    yield piece
