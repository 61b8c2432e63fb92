"""The composition root: the only place that knows which log, which terms and which answers go together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ledger import terms
from ledger.application import Ledger
from ledger.domain.terms import Terms, TermsBook
from ledger.errors import ClockMismatch, LogMissing, SettingsInvalid
from ledger.settings import Settings
from ledger.store.sqlite import Factory


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


def _settle_clock(settings: Settings, environment: dict[str, str]) -> None:
    """Gives a new log its clock, and checks that of one that is there."""
    factory = Factory(environment)
    try:
        recorder = factory.application_recorder()
        recorder.set_clock_mode(settings.clock)
        mode = recorder.clock_mode()
    finally:
        factory.close()
    if settings.clock_is_stated and mode != settings.clock:
        raise ClockMismatch(f"{settings.log} was created {mode}, and {settings.clock} was asked for")


def _must_be_embedded(settings: Settings) -> None:
    if settings.kafka is not None:
        raise SettingsInvalid("PULSA_KAFKA: this release keeps its log in a file only; leave it unset")


def _must_exist(settings: Settings) -> None:
    _must_be_embedded(settings)
    if not settings.log.exists():
        raise LogMissing(f"{settings.log}: there is no log here; a command or an ingest creates one")
