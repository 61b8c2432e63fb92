"""A client that sends its commands and awaits the answers beside the test, to be held against an uninterrupted run."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from ledger.application.outcomes import Outcome
from ledger.domain.commands import Command
from ledger.domain.line.commands import AdvanceTime
from ledger.store.kafka.client import KafkaClient
from ledger.store.kafka.connection import POLICIES, KafkaSettings
from ledger.store.partitioning import partition_of
from tests.kafka.running import connected
from tests.kafka.seen import embedded, in_file, seen
from tests.waiting import PATIENCE, until

Pieces = Iterable[Sequence[Command]]
"""The commands in order: what is asked at once, and then what is asked once that is answered."""


class Asking:
    """Commands on their way, all at once or in `pieces`; after each of these `then` is done, if anything is."""

    def __init__(
        self,
        settings: KafkaSettings,
        commands: Sequence[Command],
        folder: Path,
        *,
        pieces: Pieces | None = None,
        then: Callable[[KafkaClient], None] = lambda _: None,
    ) -> None:
        self.commands = commands
        self.outcomes: list[Outcome] = []
        self._settings = settings
        self._file = folder / "uninterrupted.db"
        self._client = connected(settings)
        self._thread = threading.Thread(target=self._ask, args=[pieces or [commands], then], daemon=True)
        self._thread.start()

    def _ask(self, pieces: Pieces, then: Callable[[KafkaClient], None]) -> None:
        with self._client as client:
            for piece in pieces:
                self.outcomes += client.execute(piece)
                then(client)

    @property
    def is_answered(self) -> bool:
        return not self._thread.is_alive()

    def await_answers(self, count: int) -> None:
        """Returns once that many commands have been answered."""
        until(lambda: len(self.outcomes) >= count, lambda: f"{len(self.outcomes)} answers, not {count}")

    def uninterrupted(self) -> tuple[list[Outcome], Path]:
        """What an embedded log answers to the same, and its file; once all is answered here."""
        self._thread.join(PATIENCE)
        assert self.is_answered
        return embedded(self._file, self.commands), self._file

    def check(self) -> None:
        """Every answer, every event and every digest is that of an uninterrupted run."""
        expected, file = self.uninterrupted()
        assert self.outcomes == expected
        assert seen(self._settings).accounts == in_file(file)
        mirror = self._settings.mirror(0)  # it is written once what it mirrors can be seen
        until(lambda: in_file(mirror) == in_file(file), lambda: "the mirror is not what it mirrors")


def arrive(client: KafkaClient, at: int) -> None:
    """Returns once all that was forwarded has been decided, and what was sent back because of it.

    What a transaction forwards lies before whatever is said on that partition's policies after its answer.
    """
    unseen = (f"6999{number:07}" for number in itertools.count())
    somewhere = {partition_of(number, client.partitions): number for number in itertools.islice(unseen, 100)}
    for _ in range(2):
        client.execute(
            [AdvanceTime(at=at, command_id="here", msisdn=number) for number in somewhere.values()],
            source=POLICIES,
        )
