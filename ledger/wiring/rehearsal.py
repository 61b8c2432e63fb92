"""A rehearsal: the log that is set, as a copy in a temporary folder, on which anything may be carried out.

What happens there is what would happen, by the same code; and the log itself is only read, also while a writer writes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from ledger.errors import SettingsInvalid
from ledger.store import backup
from ledger.wiring import composition
from ledger.wiring.composition import Opened
from ledger.wiring.settings import Settings


@contextmanager
def rehearsed(settings: Settings) -> Iterator[Opened]:
    """A copy of the log that is set, or a new log where there is none; gone once this ends.

    Raises SettingsInvalid on Kafka, or what keeps the log from being read.
    """
    if settings.kafka is not None:
        raise SettingsInvalid(
            "PULSA_KAFKA: a dry run needs a log in a file; try the command on a copy of the log"
        )
    with TemporaryDirectory(prefix="pulsa-dry-run-") as folder:
        copy = Path(folder) / settings.log.name
        if settings.log.exists():
            backup.backup(settings.log, copy)
        with composition.opened(settings.changed(log=copy)) as opened:
            yield opened
