"""What `pulsa doctor` looks at, one check for each part that has to be well. Nothing is written, and nothing mended.

A check returns in a line what is well, or raises what is not: an error of the ledger with its code, `Amiss`, or
`NotUsed` where the settings have no such part.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple

from ledger.audit.findings import Report
from ledger.audit.verification import verify
from ledger.domain.calendar import DAY, HOUR, format_instant
from ledger.domain.terms_book import TermsBook
from ledger.errors import LogDamaged
from ledger.figures import grouped
from ledger.wiring.amiss import Amiss, NotUsed, must_not_be_behind
from ledger.wiring.composition import known_terms, opened
from ledger.wiring.settings import Settings

if TYPE_CHECKING:
    from projections.engine.database import Database

_ALERTS = "docs/runbook/alerts"
BEHIND = f"{_ALERTS}/ProjectionBehind.md"
STOPPED = f"{_ALERTS}/ClockStopped.md"
FULL = "docs/runbook/log-full.md"
LEAST_ROOM = 64 << 20
"""Bytes that are to be left beside a log: as many as it writes ahead at most."""
CLOSED_WITHIN = DAY + HOUR
"""A log that is idle is closed once a day."""
_READING = 10.0
"""Seconds that the log is read for: a whole one is verified by `pulsa log verify`."""
_CATCHING_UP = 5.0
"""Seconds that whoever keeps projections up is given to take in what was recorded."""
_AGAIN = 0.1


Now = Callable[[], int]
"""The clock of this machine, in UTC microseconds."""


class Check(NamedTuple):
    """A check by name; what it looks at; which others have to be well first; seconds it may take."""

    name: str
    run: Callable[[Settings, Now], str]
    needs: tuple[str, ...] = ("settings",)
    seconds: float = 15.0


class _Enough(Exception):
    """It was read for as long as a check may read."""


def _log(settings: Settings, _now: Now) -> str:
    if settings.kafka is not None:
        from ledger.wiring.checks_on_kafka import log as log_on_kafka  # embedded logs need none of it

        return log_on_kafka(settings)
    with opened(settings) as log:
        path = log.reader().path
    free = shutil.disk_usage(path.parent).free
    if free < LEAST_ROOM:
        raise Amiss("log-full", FULL, f"{path}: {grouped(free)} bytes are left on its disk")
    report, deadline, whole = Report(str(path)), time.monotonic() + _READING, True

    def in_time(_done: int, _total: int) -> None:
        if time.monotonic() > deadline:
            raise _Enough

    try:
        verify(path, in_time, report=report)
    except _Enough:
        whole = False
    if report.damage is not None:
        raise LogDamaged(f"{path}: {report.damage} ({report.found} findings; `pulsa log verify` names them)")
    how_far = "read whole" if whole else "read so far in the time there is; `pulsa log verify` reads all"
    return f"{path}: {grouped(report.events)} events, clean, {how_far}"


def _broker(settings: Settings, _now: Now) -> str:
    if settings.kafka is None:
        raise NotUsed("the log is a file")
    from ledger.wiring.checks_on_kafka import broker  # embedded logs need none of it

    return broker(settings)


def _registry(settings: Settings, _now: Now) -> str:
    if settings.kafka is None:
        raise NotUsed("the log is a file, and holds its schemas")
    from ledger.wiring.checks_on_kafka import registry

    return registry(settings)


def _projections(settings: Settings, _now: Now) -> str:
    from projections.engine.database import Database
    from projections.engine.database_transactions import FileDamaged
    from projections.engine.generations import must_be_readable
    from projections.registry import PROJECTIONS

    where = settings.database or settings.database_file
    with closing(Database(where)) as database:
        if not database.is_prepared():
            if settings.database is None:
                return "none yet; the first question makes them beside the log"
            raise Amiss("projection-behind", BEHIND, f"{database.name}: nothing was ever taken in")
        database.must_know_positions()
        with database.reading() as connection:
            if database.is_sqlite:
                said = connection.run("PRAGMA quick_check(1)").scalar()
                if said != "ok":
                    raise FileDamaged(f"{database.name}: {said}")
            must_be_readable(connection, PROJECTIONS)
        return _kept_up(settings, database)


def _kept_up(settings: Settings, database: Database) -> str:
    from ledger.wiring import read_side
    from projections.engine.lag import status
    from projections.engine.log_identity import must_match

    with read_side.readers(settings) as readers:
        must_match(database, readers)
        if settings.database is None:
            return f"{database.name}: whole; questions take in what is new"
        found = status(database, readers)
        heads = {part.partition: part.head for part in found.partitions}
        deadline = time.monotonic() + _CATCHING_UP
        while behind := [lag for lag in found.lags if lag.position < heads[lag.partition]]:
            if time.monotonic() > deadline:
                most = max(behind, key=lambda lag: lag.events)
                message = f"{most.projection} is {grouped(most.events)} events behind the log, and nobody takes them in"
                raise Amiss("projection-behind", BEHIND, f"{database.name}: {message}")
            time.sleep(_AGAIN)
            found = status(database, readers)
    return f"{database.name}: whole, and up with the log"


def _terms(settings: Settings, _now: Now) -> str:
    files = known_terms(settings)
    if settings.kafka is not None:
        return f"{len(files)} documents are valid; they are held against the log when a writer starts"
    with opened(settings) as log:
        if not settings.log.exists():
            return f"{len(files)} documents are valid"
        with log.reader().snapshot() as snapshot:
            published = snapshot.book.documents()
    TermsBook(files).recall(published)
    return f"{len(files)} documents are valid, and say what {len(published)} published ones do"


def _clock(settings: Settings, now: Now) -> str:
    if settings.kafka is not None:
        from ledger.wiring.checks_on_kafka import clock  # embedded logs need none of it

        return clock(settings, now)
    with opened(settings) as log, log.reader().snapshot() as snapshot:
        if snapshot.created is None:
            return "nothing is recorded yet to hold this machine's clock against"
        if snapshot.created.clock == "played":
            return "the log is played: commands state their time"
        last = snapshot.recorded_last
        must_not_be_behind(now(), last, "the log")
        closed = snapshot.closed_through
    if closed is None:
        return "not behind what is recorded; the log was never closed, so its answers are provisional"
    if now() - closed > CLOSED_WITHIN:
        message = (
            f"the log was closed through {format_instant(closed)} and not since; `pulsa service advance` does"
        )
        raise Amiss("clock-stopped", STOPPED, message)
    return f"not behind what is recorded; answers are final through {format_instant(closed)}"


CHECKS = (
    Check("broker", _broker),
    Check("registry", _registry),
    Check("log", _log, needs=("settings", "broker", "registry"), seconds=30.0),
    Check("projections", _projections, needs=("settings", "log"), seconds=30.0),
    Check("terms", _terms),
    Check("clock", _clock, needs=("settings", "log")),
)
"""Every check, in their order; that of the settings stands before them, for without those nothing can be asked."""


def must_be_usable(settings: Settings) -> None:
    """Raises SettingsInvalid where settings that are valid one by one do not go together, or name what is not there."""
    if settings.kafka is not None:
        from ledger.wiring.kafka_access import kafka_settings  # embedded logs need none of it

        kafka_settings(settings, settings.mirrors_folder)
