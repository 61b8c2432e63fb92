"""A client that has sent everything and awaits the answers beside the test, to be held against an uninterrupted run."""

from __future__ import annotations

import threading
from contextlib import closing
from pathlib import Path

from ledger.outcomes import Outcome
from ledger.store.kafka.client import KafkaClient
from ledger.store.kafka.connection import KafkaSettings
from tests.kafka.running import PATIENCE
from tests.kafka.seen import embedded, in_file, population, seen


class Asking:
    """The commands of a population, on their way."""

    def __init__(self, settings: KafkaSettings, subscribers: int, months: int, folder: Path) -> None:
        self.commands = population(subscribers, months)
        self.outcomes: list[Outcome] = []
        self._settings = settings
        self._file = folder / "uninterrupted.db"
        self._client = KafkaClient(settings, stated_at=True, timeout=120)
        self._thread = threading.Thread(target=self._ask)
        self._thread.start()

    def _ask(self) -> None:
        with closing(self._client):
            self.outcomes = self._client.execute(self.commands)

    @property
    def is_answered(self) -> bool:
        return not self._thread.is_alive()

    def check(self) -> None:
        """Every answer, every event and every digest is that of an uninterrupted run."""
        self._thread.join(2 * PATIENCE)
        assert self.is_answered
        assert self.outcomes == embedded(self._file, self.commands)
        assert seen(self._settings).accounts == in_file(self._file) == in_file(self._settings.mirror(0))
