"""A sender who means well: it asks again until it is answered, and never asks twice of a number at once.

So what becomes of every command is what becomes of it in one uninterrupted run, whatever happens meanwhile.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from kafka import KafkaProducer
from kafka.errors import KafkaError

from ledger.application.outcomes import ACCEPTED, REFUSED, REPEATED, Outcome
from ledger.domain.commands import Command
from ledger.domain.line.commands import RecordUsage
from ledger.domain.prepaid.commands import Activate, TransferCredit
from ledger.store.codec import Codec
from ledger.store.kafka.connection import KafkaSettings, let_go
from ledger.store.kafka.records import schema_header
from ledger.store.kafka.schema_ids import schema_ids
from ledger.store.partitioning import partition_of
from tests.kafka.hostility.answers import Answers
from tests.kafka.seen import population
from tests.waiting import PATIENCE

RUPIAH = 100
NOBODY = "6281999999999"


def workload(chance: random.Random, subscribers: int, months: int) -> list[Command]:
    """A population with little use and many transfers, among its numbers and to nobody."""
    everything = population(subscribers, months, chance.randrange(2**31))
    numbers = sorted({command.msisdn for command in everything if isinstance(command, Activate)})
    chosen: list[Command] = []
    for index, command in enumerate(everything):
        if isinstance(command, RecordUsage) and chance.random() > 0.12:
            continue
        chosen.append(command)
        if chance.random() < 0.15:
            sender, receiver = chance.sample(numbers, 2)
            if chance.random() < 0.3:
                receiver = NOBODY
            amount = chance.choice([1000, 5000]) * RUPIAH
            chosen.append(
                TransferCredit(
                    at=command.at,
                    command_id=f"more-{index}",
                    msisdn=sender,
                    to_msisdn=receiver,
                    amount=amount,
                )
            )
    return chosen


def waves(commands: Iterable[Command]) -> Iterator[list[Command]]:
    """The commands in pieces of which each has nothing to do with the others: their order does not matter."""
    wave: list[Command] = []
    touched: set[str] = set()
    for command in commands:
        numbers = {command.subject}
        if isinstance(command, TransferCredit):
            numbers.add(command.to_msisdn)
        if numbers & touched:
            yield wave
            wave, touched = [], set()
        wave.append(command)
        touched |= numbers
    yield wave


class Good:
    """Sends the commands wave by wave, in a thread of its own; `outcomes` grow as they are answered.

    A wave is over once the credit that it sent to other partitions has arrived, or come back.
    """

    def __init__(
        self, settings: KafkaSettings, commands: Sequence[Command], partitions: int, answers: Answers
    ) -> None:
        self.commands = commands
        self.outcomes: list[Outcome] = []
        self.may_send = threading.Event()
        self.may_send.set()
        self.arrived = self.returned = 0
        """Transfers to other partitions, by how they ended."""
        self._settings = settings
        self._partitions = partitions
        self._answers = answers
        self._codec = Codec()
        self._ids = schema_ids(settings)
        self._producer: KafkaProducer | None = None
        self._failed: list[BaseException] = []
        self._thread = threading.Thread(target=self._run, name="good sender", daemon=True)

    def start(self) -> None:
        """Begins to send."""
        self._thread.start()

    def await_answers(self, count: int) -> None:
        """Returns once that many commands have been answered."""
        while len(self.outcomes) < count and self._thread.is_alive():
            self._thread.join(0.02)
        if self._failed:
            raise self._failed[0]

    def _run(self) -> None:
        try:
            for wave in waves(self.commands):
                self.may_send.wait()
                self.outcomes += self._wave(wave)
        except BaseException as error:  # noqa: BLE001 - the test raises it
            self._failed.append(error)
        finally:
            if self._producer is not None:
                let_go(self._producer, 1)

    def _wave(self, wave: Sequence[Command]) -> list[Outcome]:
        """The answers; of a repeat the first: what a broker took without saying so was sent again.

        Another command under the same id has an answer of its own.
        """
        places = self._sent(wave)
        self._answers.until(lambda: all(self._answers.at(*place) for place in places), wave)
        outcomes = [self._answered(command, place) for command, place in zip(wave, places, strict=True)]
        for command, outcome in zip(wave, outcomes, strict=True):
            if isinstance(command, TransferCredit) and outcome.status == ACCEPTED:
                self._await_arrival(command, outcome)
        return outcomes

    def _answered(self, command: Command, place: tuple[int, int]) -> Outcome:
        found = self._answers.at(*place)
        assert found is not None
        return self._first(command.subject, command.command_id) if found.status == REPEATED else found

    def _await_arrival(self, command: TransferCredit, outcome: Outcome) -> None:
        here, there = (partition_of(n, self._partitions) for n in (command.msisdn, command.to_msisdn))
        if here == there:
            return
        transfer = f"{outcome.events[0].account}/{command.command_id}"
        received = self._first(command.to_msisdn, f"policy/{transfer}")
        if received.status == REFUSED:
            self._first(command.msisdn, f"policy/return/{transfer}")
            self.returned += 1
        else:
            self.arrived += 1

    def _first(self, subject: str, command_id: str) -> Outcome:
        self._answers.until(lambda: self._answers.first(subject, command_id) is not None, command_id)
        found = self._answers.first(subject, command_id)
        assert found is not None
        return found

    def _sent(self, wave: Sequence[Command]) -> list[tuple[int, int]]:
        """The place of each command's record; whatever the broker does, they are sent until they are taken."""
        deadline = time.monotonic() + PATIENCE
        places: dict[int, tuple[int, int]] = {}
        while left := [(index, command) for index, command in enumerate(wave) if index not in places]:
            assert time.monotonic() < deadline, "the broker takes no commands"
            with suppress(KafkaError):
                places |= self._try(left)
        return [places[index] for index in range(len(wave))]

    def _try(self, commands: Sequence[tuple[int, Command]]) -> dict[int, tuple[int, int]]:
        """The places of those that the broker has taken; after a failure the next try has a producer of its own."""
        producer, self._producer = self._producer or self._new_producer(), None
        places = {}
        try:
            sent = [(index, self._send(producer, command)) for index, command in commands]
            for index, future in sent:
                with suppress(KafkaError):
                    taken = future.get(15)
                    places[index] = (taken.partition, taken.offset)
        finally:
            if len(places) == len(commands):
                self._producer = producer
            else:
                let_go(producer, 1)
        return places

    def _new_producer(self) -> KafkaProducer:
        return KafkaProducer(
            bootstrap_servers=self._settings.bootstrap,
            acks="all",
            delivery_timeout_ms=10_000,
            request_timeout_ms=5_000,
            max_block_ms=5_000,
            reconnect_backoff_max_ms=500,
            bootstrap_timeout_ms=5_000,
        )

    def _send(self, producer: KafkaProducer, command: Command) -> Any:
        content = self._codec.command_content(command)
        state = self._codec.command_state(command, content, stated_at=True)
        value = self._ids.to_wire(self._settings.commands, state)
        partition = partition_of(command.subject, self._partitions)
        key, headers = command.subject.encode(), [schema_header(state)]
        return producer.send(self._settings.commands, value, key, headers, partition)
