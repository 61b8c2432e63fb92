"""The composition root: the only place that knows which log, which terms and which answers go together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from ledger import terms, verification
from ledger.application import Ledger
from ledger.domain.terms import Terms, TermsBook
from ledger.errors import ClockMismatch, LogDamaged, LogMissing, SettingsInvalid
from ledger.settings import Settings
from ledger.store import backup
from ledger.store.backup import Copy
from ledger.store.reading import SqliteReader
from ledger.store.sqlite import Factory, Recorder
from ledger.verification import Progress, Report
from projections.direct import DirectQueries
from projections.queries import Queries


def known_terms(settings: Settings) -> list[Terms]:
    """The terms that come with the ledger, and those of the folder that is set. Raises TermsInvalid."""
    return terms.bundled_and(settings.terms)


@contextmanager
def writer(settings: Settings) -> Iterator[Ledger]:
    """The ledger over the log that is set, which is created where there is none.

    Raises LogLocked where another process writes to it, ClockMismatch, TermsInvalid, TermsChanged, or what else is
    wrong with the log.
    """
    _must_be_embedded(settings)
    environment = {"SQLITE_DBNAME": str(settings.log), "ORIGINATOR_ID_TYPE": "text", Factory.WRITER_LOCK: "y"}
    book = TermsBook(known_terms(settings))
    _settle_clock(settings, environment)
    ledger = Ledger(book, environment)
    try:
        yield ledger
    finally:
        ledger.close()


def is_played(ledger: Ledger) -> bool:
    """Whether commands state their own time."""
    return ledger.ledger_recorder.clock_mode() == "played"


def reader(settings: Settings) -> SqliteReader:
    """Reads the log that is set. Raises LogMissing."""
    _must_be_embedded(settings)
    if not settings.log.exists():
        raise LogMissing(f"{settings.log}: there is no log here; a command or an ingest creates one")
    return SqliteReader(settings.log)


def queries(settings: Settings, now: Callable[[], int]) -> Queries:
    """Answers every question about the log that is set; `now` tells the present instant. Raises LogMissing."""
    return DirectQueries(reader(settings), now)


def verify(settings: Settings, progress: Progress | None = None) -> Report:
    """Re-reads the whole log that is set. Raises LogMissing, or what else keeps it from being opened."""
    return verification.verify(reader(settings).path, progress)


def back_up(
    settings: Settings, target: Path, *, overwrite: bool = False, progress: Progress | None = None
) -> Copy:
    """Copies the log that is set into a file, also while a writer writes. Raises FileExists, or what is wrong."""
    return backup.backup(reader(settings).path, target, overwrite=overwrite, progress=progress)


def restore(
    settings: Settings, source: Path, *, overwrite: bool = False, progress: Progress | None = None
) -> Copy:
    """Puts a backup in place as the log that is set, once all of it is verified.

    Raises LogLocked while a writer writes, FileExists unless `overwrite` where a log is there, or what is wrong.
    """
    _must_be_embedded(settings)
    return backup.restore(source, settings.log, overwrite=overwrite, check=_must_be_clean, progress=progress)


def _must_be_clean(copy: Path) -> None:
    report = verification.verify(copy)
    if not report.clean:
        raise LogDamaged(
            f"the backup is not as it was written, in {report.found} places: {report.findings[0]}"
        )


def _settle_clock(settings: Settings, environment: dict[str, str]) -> None:
    """Gives a new log its clock, and checks that of one that is there."""
    factory = Factory(environment)
    try:
        recorder = cast("Recorder", factory.application_recorder())
        recorder.set_clock_mode(settings.clock)
        mode = recorder.clock_mode()
    finally:
        factory.close()
    if settings.clock_is_stated and mode != settings.clock:
        raise ClockMismatch(f"{settings.log} was created {mode}, and {settings.clock} was asked for")


def _must_be_embedded(settings: Settings) -> None:
    if settings.kafka is not None:
        raise SettingsInvalid("PULSA_KAFKA: this release keeps its log in a file only; leave it unset")
