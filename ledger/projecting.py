"""The projections of the log that is set: its readers, the database, and what keeps the one up with the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from ledger import bootstrap
from ledger.settings import Settings
from ledger.store.reading import SqliteReader
from projections.database import Database
from projections.queries import Queries
from projections.reader import LogReader
from projections.rebuild import Rebuild
from projections.runner import Runner
from projections.stored import StoredQueries


@contextmanager
def readers(settings: Settings) -> Iterator[Sequence[LogReader]]:
    """A reader of each partition of the log, or of the log in a file. Raises LogMissing, LogUnreachable."""
    if settings.kafka is None:
        own = bootstrap.reader(settings)
        yield [SqliteReader(own.path, unknown_types=True)]
        return
    from ledger.connecting import followed  # embedded logs need none of it

    with followed(settings) as mirrors:
        yield mirrors.readers()


@contextmanager
def database(settings: Settings) -> Iterator[Database]:
    """The projections' database. Raises SettingsInvalid."""
    opened = Database(settings.database_url)
    try:
        yield opened
    finally:
        opened.close()


@contextmanager
def runner(settings: Settings) -> Iterator[Runner]:
    """Keeps the projections up to date with the log."""
    with readers(settings) as logs, database(settings) as opened:
        yield Runner(opened, logs)


@contextmanager
def rebuild(settings: Settings, names: Sequence[str]) -> Iterator[Rebuild]:
    """Makes projections anew from the log."""
    with readers(settings) as logs, database(settings) as opened:
        yield Rebuild(opened, logs, names)


@contextmanager
def stored(
    settings: Settings,
    now: Callable[[], int],
    *,
    log: Callable[[], Queries] | None = None,
    at_least: Mapping[int, int] | None = None,
) -> Iterator[StoredQueries]:
    """Answers from the projections."""
    with database(settings) as opened:
        yield StoredQueries(opened, now, log=log, at_least=at_least)
