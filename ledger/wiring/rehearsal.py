"""A rehearsal: the log that is set, as a copy in a temporary folder, on which anything may be carried out.

What happens there is what would happen, by the same code; and the log itself is only read, also while a writer writes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ledger.errors import SettingsInvalid
from ledger.store import backup
from ledger.wiring import composition
from ledger.wiring.composition import Opened
from ledger.wiring.settings import Settings


@contextmanager
def rehearsed(settings: Settings) -> Iterator[Opened]:
    """A copy of the log that is set, or a new log where there is none; gone once this ends.

    Files of statements that are taken in go into the same folder, by the key that is set or one of chance. The vault
    is none of it: see `ledger.wiring.persons`. Raises SettingsInvalid on Kafka, or what keeps the log from being read.
    """
    if settings.kafka is not None:
        raise SettingsInvalid(
            "PULSA_KAFKA: a dry run needs a log in a file; try the command on a copy of the log"
        )
    with TemporaryDirectory(prefix="pulsa-dry-run-") as folder:
        copy = Path(folder) / settings.log.name
        if settings.log.exists():
            backup.copy_for_trial(settings.log, copy)
        own: dict[str, Any] = {"log": copy, "evidence": Path(folder) / "evidence", "vault": None}
        if settings.evidence_key is None and settings.evidence_key_file.exists():
            own["evidence_key"] = settings.evidence_key_file
        with composition.opened(settings.changed(**own)) as opened:
            yield opened


@contextmanager
def tried(log: Opened, *, dry_run: bool) -> Iterator[Opened]:
    """What commands are carried out on: a copy of the log that is open, where it is a dry run, else that log itself."""
    if dry_run:
        with rehearsed(log.settings) as copy:
            yield copy
    else:
        yield log
