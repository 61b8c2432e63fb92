"""The projections of the log that is set: its readers, the database, and what keeps the one up with the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import Protocol

from ledger.domain.calendar import DAY
from ledger.store.reading import SqliteReader
from ledger.vault.backed_up import last_backup_at
from ledger.wiring import composition
from ledger.wiring.metrics_of_persons import Watched
from ledger.wiring.settings import Settings
from projections.engine.database import Database
from projections.engine.instants import Asked
from projections.engine.kept_up import together
from projections.engine.lag import Status, status
from projections.engine.reader import BulkReader
from projections.engine.rebuild import Rebuild
from projections.engine.runner import Runner
from projections.engine.snapshot import Present, Snapshot
from projections.persons import breaches_told, erasures_told, privacy
from projections.persons.held_by_nobody import held_by_nobody
from projections.registry import PROJECTIONS, tables


class FileReader(BulkReader, Protocol):
    """Reads a partition that is kept, or mirrored, in a file."""

    @property
    def path(self) -> Path:
        """The file."""

    @property
    def partition(self) -> int:
        """The partition's number."""


@contextmanager
def readers(settings: Settings) -> Iterator[Sequence[FileReader]]:
    """A reader of each partition of the log, or of the log in a file. Raises LogMissing, LogUnreachable."""
    if settings.kafka is None:
        with composition.opened(settings) as log:
            yield [SqliteReader(log.reader().path, unknown_types=True)]
        return
    from ledger.wiring.mirrors import followed_events  # embedded logs need none of it

    with followed_events(settings) as mirrors:
        yield mirrors.readers(unknown_types=True)


@contextmanager
def database(settings: Settings) -> Iterator[Database]:
    """The projections' database. Raises SettingsInvalid."""
    with closing(Database(settings.database or settings.database_file)) as opened:
        yield opened


@contextmanager
def _to_write(settings: Settings) -> Iterator[Database]:
    """The same, where no question throws it away meanwhile. Raises DatabaseUnreachable."""
    own = nullcontext() if settings.database is not None else together(settings.database_file)
    with own, database(settings) as opened:
        yield opened


@contextmanager
def runner(settings: Settings) -> Iterator[tuple[Runner, Callable[[], Status]]]:
    """Keeps the projections up to date with the log; and what tells from any thread how far they are behind it.

    The log is there as far as this process has read it.
    """
    with readers(settings) as logs, _to_write(settings) as opened:
        files = [SqliteReader(log.path, log.partition, unknown_types=True) for log in logs]
        yield Runner(opened, logs, PROJECTIONS), lambda: status(opened, files)


def persons_watched(settings: Settings, kept: Database, now: int) -> Watched:
    """What there is to watch over of persons, as far as the projections are. Raises QueryRefused, VaultUnreachable."""
    with kept.reading() as connection:
        then = Snapshot(connection, tables(), Asked(), Present(now, {}))
        late = privacy.requests(then, privacy.WantedRequests(only_open=True, only_breached=True)).rows
        untold = [one for one in breaches_told.breaches(then, only_open=True).rows if one.overdue]
        blocked = erasures_told.erasures(then, None, only_blocked=True).rows
        of_nobody = [one for one in held_by_nobody(then) if one.is_due(now, DAY)]
    return Watched(
        breached=[*(one.kind for one in late), *("notice" for _ in untold)],
        blocked_by=[one.objections[0]["reason"] if one.objections else "" for one in blocked],
        of_nobody=[one.why for one in of_nobody],
        backed_up_at=last_backup_at(settings.vault_url),
    )


@contextmanager
def rebuild(settings: Settings, names: Sequence[str], archive: Path | None = None) -> Iterator[Rebuild]:
    """Makes projections anew from the log, or from an archive of it in Parquet as far as that goes."""
    with readers(settings) as logs, _to_write(settings) as opened:
        if archive is None:
            yield Rebuild(opened, logs, PROJECTIONS, names)
            return
        from ledger.store.archive import archives  # slow to import

        yield Rebuild(opened, logs, PROJECTIONS, names, archives=archives(archive))
