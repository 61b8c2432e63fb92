"""Who keeps a database of projections up with the log: runners of their own, or whoever asks a question.

A file beside the log is a cache of it: every question first takes in what is new. It is thrown away and made anew where
it is of another log or another release, or damaged; and where it cannot be written, for want of a right or of room, a
question makes one for itself alone, which is gone with it. The answer is the same. On a full disk it is thrown away:
the log needs the room.

Whoever has such a file open holds a lock beside it, together with others; who throws it away holds it alone.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from ledger.errors import (
    DatabaseDamaged,
    DatabaseFormatUnknown,
    DatabaseFull,
    DatabaseUnreachable,
    LedgerError,
    LogMismatch,
    SchemaUnknown,
    SettingsInvalid,
)
from projections.engine.database import Database
from projections.engine.database_transactions import FileDamaged
from projections.engine.generations import live_kinds, must_be_of_this_release, positions_by_partition
from projections.engine.log_identity import mark_seal, must_be_of, must_be_sealed_alike
from projections.engine.meanwhile import Meanwhile
from projections.engine.partition_facts import PartitionFacts
from projections.engine.projection import ProjectionsByName
from projections.engine.reader import BulkReader, Seal
from projections.engine.runner import Runner
from projections.engine.unanswered import ProjectionBehind

_MANY = 20_000
"""Events that take a while: how far it is with them is shown."""
_TRIES = 100
"""How often it is tried again where another process takes in the same events."""
_PATIENCE = 5.0
"""Seconds to wait for others to let go of a file that is of no use to them either."""
_USELESS = (LogMismatch, DatabaseFormatUnknown, DatabaseDamaged, FileDamaged)
"""What is said of a file that is to be made anew."""


class KeptUp(Protocol):
    """A database of projections, and somebody who keeps it up with the log."""

    def caught_up(self) -> Database:
        """The database, to be read. Raises what keeps it from being kept up."""

    def threw_away(self, error: LedgerError) -> bool:
        """Whether it was thrown away because of an error that came up reading it: then it is of use to ask again."""


class KeptByRunners:
    """A database that `pulsa projections run` keeps up; questions only read it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._prepared = False

    def caught_up(self) -> Database:
        """The database, as far as it is. Raises ProjectionBehind where nothing is in it, or DatabaseUnreachable."""
        if not self._prepared:
            self._prepared = self._database.is_prepared()
            if not self._prepared:
                raise ProjectionBehind(
                    f"nothing has been projected into {self._database.name} yet; `pulsa projections run` does"
                )
        return self._database

    def threw_away(self, error: LedgerError) -> bool:
        """Never: it is not the ledger's own."""
        return False


class KeptByQuestions:
    """A file beside the log, kept up by whoever asks; one thread's at a time, and to be closed in the end."""

    def __init__(
        self, file: Path, readers: Sequence[BulkReader], projections: ProjectionsByName, meanwhile: Meanwhile
    ) -> None:
        self._file = file
        self._readers = readers
        self._projections = projections
        self._meanwhile = meanwhile
        self._for_one_question = False
        self._open = ExitStack()
        self._runner: Runner | None = None

    def caught_up(self) -> Database:
        """The database, with all that was recorded before this was asked.

        Raises what keeps the log from being read, SchemaUnknown where a later release has written to it; DatabaseFull
        or DatabaseUnreachable where there is no room for projections anywhere; ProjectionBehind where others do not
        let it come to an end.
        """
        try:
            return self._caught_up()
        except _USELESS as error:
            if self.threw_away(error):
                try:
                    return self._caught_up()
                except DatabaseFull as full:
                    self._throw_away(full)
                except (DatabaseUnreachable, *_USELESS):
                    pass
        except DatabaseFull as full:
            if self._for_one_question:
                raise
            self._throw_away(full)  # what room there is, the log needs
        except (DatabaseUnreachable, SettingsInvalid):  # the latter: it is another program's
            if self._for_one_question:
                raise
        self.close()
        self._for_one_question = True
        return self._caught_up()

    def threw_away(self, error: LedgerError) -> bool:
        """Whether it was thrown away because of an error that came up reading it: then it is of use to ask again."""
        if self._for_one_question or not isinstance(error, _USELESS):
            return False
        return self._throw_away(error)

    def _throw_away(self, error: LedgerError) -> bool:
        """Whether nobody else has it open, so that it is gone."""
        found = _identity(self._file)
        self.close()
        with _alone(self._file) as alone:
            if (
                alone and found is not None and found == _identity(self._file)
            ):  # nobody has replaced it meanwhile
                try:
                    for name in (f"{self._file}-wal", f"{self._file}-shm", str(self._file)):
                        Path(name).unlink(missing_ok=True)
                except OSError:
                    return False
                self._meanwhile.made_anew(error)
            return alone

    def close(self) -> None:
        """Lets go of the file."""
        self._runner = None
        self._open.close()

    # --- catching up --------------------------------------------------------------------------------------------------

    def _caught_up(self) -> Database:
        runner = self._opened()
        database = runner.database
        heads: dict[int, tuple[int, Seal | None]] = {}
        behind = self._behind(database, heads)
        if behind:
            with self._meanwhile.counting() if behind >= _MANY else nullcontext() as progress:
                for _ in range(_TRIES):
                    runner.catch_up(progress)
                    if not self._behind(database, heads):
                        self._mark(database, heads)
                        return database
            raise ProjectionBehind(f"{database.name}: other processes take in the same events; ask again")
        return database

    def _opened(self) -> Runner:
        if self._runner is None:
            file = self._file
            if self._for_one_question:
                file = Path(self._open.enter_context(TemporaryDirectory(prefix="pulsa-")), file.name)
            else:
                self._open.enter_context(together(file))
            database = Database(file)
            self._open.callback(database.close)
            self._runner = Runner(database, self._readers, self._projections)
        return self._runner

    def _mark(self, database: Database, heads: Mapping[int, tuple[int, Seal | None]]) -> None:
        with suppress(DatabaseFull, DatabaseUnreachable), database.writing() as connection:
            for partition, (_, seal) in heads.items():
                if seal is not None:
                    mark_seal(connection, partition, seal)

    def _behind(self, database: Database, heads: dict[int, tuple[int, Seal | None]]) -> int:
        """How many events are not taken in yet of those that there were at first.

        `heads` then keeps the ordinal of the last of them, and the seal over all of them, by partition.

        Raises what makes the file useless.
        """
        reached = self._reached(database)
        if not heads:
            for reader in self._readers:
                with reader.snapshot() as log, database.reading() as connection:
                    heads[log.partition] = log.head, log.seal()
                    if log.partition in reached:
                        must_be_of(connection, reader, log)
                        must_be_sealed_alike(connection, reader, log)
        return sum(max(head - reached.get(partition, -1), 0) for partition, (head, _) in heads.items())

    def _reached(self, database: Database) -> dict[int, int]:
        """How far every projection is, by partition; a partition that one of them has not begun is not in it."""
        if not database.is_prepared():
            return {}
        with database.reading() as connection:
            live = live_kinds(connection)
            if live.keys() < self._projections.keys():
                return {}
            for name, kind in self._projections.items():
                must_be_of_this_release(kind, live[name].version)
            for name, count in (
                PartitionFacts(live[PartitionFacts.name].generation).unknown_types(connection).items()
            ):
                raise SchemaUnknown(
                    f"{count} events are of the type {name}, which a later release has brought"
                )
            return {
                partition: min(one.ordinal for one in found)
                for partition, found in positions_by_partition(connection).items()
                if len({one.projection for one in found} & self._projections.keys()) == len(self._projections)
            }


# --- the lock beside it ---------------------------------------------------------------------------------------------


@contextmanager
def together(file: Path) -> Iterator[None]:
    """Nobody throws the file away meanwhile. Raises DatabaseUnreachable where there can be no lock beside it."""
    with _lock_of(file) as handle:
        fcntl.flock(handle, fcntl.LOCK_SH)
        yield


@contextmanager
def _alone(file: Path) -> Iterator[bool]:
    """Whether nobody else has the file open; then nobody opens it meanwhile."""
    try:
        with _lock_of(file) as handle:
            yield _taken(handle)
    except DatabaseUnreachable:
        yield False


def _taken(handle: int) -> bool:
    deadline = time.monotonic() + _PATIENCE
    while True:
        with suppress(BlockingIOError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)


@contextmanager
def _lock_of(file: Path) -> Iterator[int]:
    path = f"{file}.lock"
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise DatabaseUnreachable(f"{path}: {error.strerror}") from error
    try:
        yield handle
    finally:
        os.close(handle)


def _identity(file: Path) -> tuple[int, int] | None:
    """Which file it is that stands there; None where there is none."""
    with suppress(OSError):
        status = file.stat()
        return status.st_dev, status.st_ino
    return None
