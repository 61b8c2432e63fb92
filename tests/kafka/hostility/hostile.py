"""A sender who means ill: whatever a client can put on the commands topic, at any moment, in any order."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple, Self

from kafka import KafkaProducer
from kafka.errors import KafkaError

from ledger.store.kafka.connection import KafkaSettings, let_go
from tests.kafka.hostility.records import HEAVY, KINDS, Asked, Author, Hostile
from tests.waiting import until

_BOMB = 64 << 20
_PACE = 0.02
"""Seconds between two records, until there was one of each kind."""
_PACE_AFTERWARDS = 0.1


class Sent(NamedTuple):
    """A hostile record that the broker has taken, and where it lies."""

    record: Hostile
    partition: int
    offset: int


class HostileSender:
    """Sends in a thread of its own until it is stopped; each kind of record once before any comes again."""

    def __init__(
        self,
        settings: KafkaSettings,
        author: Author,
        chance: random.Random,
        answered: Callable[[], Sequence[Asked]],
    ) -> None:
        self.sent: list[Sent] = []
        self.kinds: Counter[str] = Counter()
        """How many records of each kind the broker has taken."""
        self.may_send = threading.Event()
        self.may_send.set()
        self.left_out: set[str] = set()
        """Kinds that are not sent now."""
        self._settings = settings
        self._author = author
        self._chance = chance
        self._answered = answered
        self._stopped = threading.Event()
        self._turn = threading.Lock()
        """Held while a record is chosen and sent."""
        self._failed: list[BaseException] = []
        self._thread = threading.Thread(target=self._run, name="hostile sender", daemon=True)

    def leave_out(self, kinds: set[str]) -> None:
        """Sends none of these from here on: whatever of them the broker has taken by now is among what was sent."""
        with self._turn:
            self.left_out |= kinds

    def stop(self) -> None:
        """Sends no more, once there was a record of each kind; raises what went wrong."""
        until(lambda: not self._missing() or not self._thread.is_alive(), self._missing)
        self._stopped.set()
        self.may_send.set()
        self._thread.join()
        if self._failed:
            raise self._failed[0]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self.may_send.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            while not self._stopped.is_set():
                with suppress(KafkaError):
                    self._send_until_it_fails()
        except BaseException as error:  # noqa: BLE001 - the test raises it
            self._failed.append(error)

    def _send_until_it_fails(self) -> None:
        common = {
            "bootstrap_servers": self._settings.bootstrap,
            "delivery_timeout_ms": 10_000,
            "request_timeout_ms": 5_000,
            "max_block_ms": 5_000,
            "reconnect_backoff_max_ms": 500,
            "bootstrap_timeout_ms": 5_000,
            "acks": "all",
        }
        plain = KafkaProducer(**common, max_request_size=2 << 20)
        gzipped = KafkaProducer(**common, max_request_size=_BOMB, compression_type="gzip")
        try:
            while not self._stopped.wait(_PACE if self._missing() else _PACE_AFTERWARDS):
                self.may_send.wait()
                with self._turn:
                    record = self._next()
                    if record is not None:
                        self._send(gzipped if record.huge else plain, record)
        finally:
            for producer in (plain, gzipped):
                let_go(producer, 1)

    def _send(self, producer: KafkaProducer, record: Hostile) -> None:
        future = producer.send(
            self._settings.commands, record.value, record.key, list(record.headers), record.partition
        )
        taken = future.get(15)
        self.sent.append(Sent(record, taken.partition, taken.offset))
        self.kinds[record.kind] += 1

    def _missing(self) -> list[str]:
        """The kinds of which there was no record yet."""
        return [kind for kind in KINDS if kind not in self.left_out and not self.kinds[kind]]

    def _next(self) -> Hostile | None:
        missing = self._missing()
        if missing:
            kind = self._chance.choice(missing)
        else:
            kinds = [kind for kind in KINDS if kind not in self.left_out]
            kind = self._chance.choices(kinds, [1 if kind in HEAVY else 10 for kind in kinds])[0]
        return self._author.write(kind, self._chance, self._answered())
