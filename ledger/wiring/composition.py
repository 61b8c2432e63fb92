"""The composition root: the only place that knows which log, which terms and which answers go together.

Whoever needs them says for how long: `with opened(settings) as log:`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from ledger import terms
from ledger.application.outcomes import Outcome
from ledger.domain.commands import Command
from ledger.domain.ids import PartitionOf
from ledger.domain.terms import Terms
from ledger.domain.terms_book import TermsBook
from ledger.errors import ClockMismatch, LogDamaged, LogMismatch, LogMissing, SettingsInvalid
from ledger.progress import Progress
from ledger.store.reading import SqliteReader
from ledger.wiring.settings import Settings
from projections.asking.log_itself import LogItself
from projections.asking.questions import Questions
from projections.engine.meanwhile import SILENT, Meanwhile

if TYPE_CHECKING:
    from ledger.application.ledger import Ledger
    from ledger.audit.findings import Report
    from ledger.audit.transparency.checkpointing import Board
    from ledger.store.backup import Copy
    from ledger.store.sqlite import Recorder
    from ledger.wiring.mirrors import Followed, MirrorReader
    from projections.engine.kept_up import KeptUp


class Taker(Protocol):
    """Takes commands, and answers each: the ledger over a log in a file, or a client of the writers on Kafka."""

    @property
    def played(self) -> bool:
        """Whether commands state their own time."""

    @property
    def position(self) -> str:
        """The position of the last event, as far as it is known."""

    def execute(self, commands: Sequence[Command], *, principal: str | None = None) -> list[Outcome]:
        """The outcome of each command, in order; `principal` is who sent them. Kafka does not carry it."""


class Opened:
    """What is open of the log that is set. Nothing is until it is asked for; from then on it is, until this ends.

    One thread's at a time.
    """

    def __init__(self, settings: Settings, until_the_end: ExitStack) -> None:
        self.settings = settings
        self._open = until_the_end
        self._ledger: Ledger | None = None
        self._mirrors: Followed | None = None

    def writer(self) -> Ledger:
        """The ledger over the log that is set, which is created where there is none.

        Raises LogLocked where another process writes to it, ClockMismatch, TermsInvalid, TermsChanged, or what else is
        wrong with the log.
        """
        if self._ledger is None:
            self._ledger = self._open.enter_context(closing(_ledger(self.settings)))
        return self._ledger

    def taker(self) -> Taker:
        """Takes commands for the log that is set. Raises like `writer`, or what keeps Kafka from being reached."""
        if self.settings.kafka is None:
            return self.writer()
        from ledger.wiring.on_kafka import client  # embedded logs need none of it

        return self._open.enter_context(client(self.settings))

    def reader(self) -> SqliteReader:
        """Reads the log that is set. Raises LogMissing, and LogMismatch where it is one partition of several."""
        reader = SqliteReader(self._file())
        with reader.snapshot() as log:
            created = log.created
        partitions = None if created is None else created.partitions
        if partitions not in {None, 1}:
            raise LogMismatch(
                f"{reader.path}: it is partition {reader.partition} of a log of {partitions}:"
                " `pulsa log verify` looks at it alone"
            )
        return reader

    def _file(self) -> Path:
        """The file of the log that is set. Raises LogMissing."""
        _must_be_embedded(self.settings)
        if not self.settings.log.exists():
            raise LogMissing(f"{self.settings.log}: there is no log here; a command or an ingest creates one")
        return self.settings.log

    def journaled(self) -> tuple[Sequence[SqliteReader | MirrorReader], PartitionOf]:
        """Readers of every partition with its journal, and what tells the partition of a subject. Raises LogMissing."""
        if self.settings.kafka is None:
            return [self.reader()], lambda _: 0
        mirrors = self.followed()
        return mirrors.readers(), mirrors.partition_of

    def board(self) -> Board | None:
        """Where checkpoints are put up for everybody; None for an embedded log, whose folder is all there is."""
        if self.settings.kafka is None:
            return None
        from ledger.wiring.on_kafka import checkpoint_topic  # embedded logs need none of it

        return self._open.enter_context(checkpoint_topic(self.settings))

    def followed(self) -> Followed:
        """Mirrors of the log on Kafka that is set. Raises LogMissing, or what else keeps it from being reached."""
        from ledger.wiring.mirrors import followed  # embedded logs need none of it

        if self._mirrors is None:
            self._mirrors = self._open.enter_context(followed(self.settings))
        return self._mirrors

    def questions(
        self,
        now: Callable[[], int],
        *,
        at_least: Mapping[int, int] | None = None,
        meanwhile: Meanwhile = SILENT,
    ) -> Questions:
        """Answers every question about the log that is set; `now` tells the present instant. Raises LogMissing.

        Where a database is set, the projections in it answer, once they have taken in the positions `at_least`
        (ordinals by partition). Raises LogMismatch where they are not of the embedded log that is set. Where none is,
        they lie in a file beside the log, which every question that needs them keeps up.
        """

        def log_itself() -> LogItself:
            return LogItself(*self.journaled(), now)

        settings = self.settings

        @cache
        def words(clause: str) -> str | None:
            return terms.words(settings.terms).get(clause)

        if settings.database is None:
            log = log_itself()
            log.must_have_reached(at_least or {})
            return Questions(
                lambda: self._beside(log, meanwhile), now, log=lambda: log, at_hand=True, words=words
            )
        from projections.engine.database import Database  # slow to import
        from projections.engine.kept_up import KeptByRunners
        from projections.engine.log_identity import must_match

        database = self._open.enter_context(closing(Database(settings.database)))
        if settings.kafka is None and settings.log.exists():
            must_match(database, [SqliteReader(settings.log)])
        return Questions(lambda: KeptByRunners(database), now, log=log_itself, at_least=at_least, words=words)

    def _beside(self, log: LogItself, meanwhile: Meanwhile) -> KeptUp:
        from projections.engine.kept_up import KeptByQuestions  # slow to import
        from projections.registry import PROJECTIONS

        file = self.settings.database_file
        return self._open.enter_context(closing(KeptByQuestions(file, log.readers, PROJECTIONS, meanwhile)))

    def verify(self, now: int, progress: Progress | None = None) -> Report:
        """Re-reads the whole log that is set, and the files of evidence that it names and that are kept at `now`.

        Raises LogMissing, or what else keeps it from being opened.
        """
        from ledger.audit import verification

        if self.settings.kafka is not None:
            from ledger.wiring.on_kafka import verified  # embedded logs need none of it

            report = verified(self.settings, progress)
        else:
            report = verification.verify(self._file(), progress)
        if report.damage is None:
            from ledger.wiring.evidence import check_evidence

            if self.settings.kafka is None:
                reader = SqliteReader(self._file())
                check_evidence(self.settings, [reader], lambda _: reader.partition, now, report)
            else:
                check_evidence(self.settings, *self.journaled(), now, report)
        return report

    def back_up(self, target: Path, *, overwrite: bool = False, progress: Progress | None = None) -> Copy:
        """Copies the log that is set into a file, also while a writer writes. Raises FileExists, or what is wrong."""
        from ledger.store import backup

        return backup.backup(self._file(), target, overwrite=overwrite, progress=progress)


@contextmanager
def opened(settings: Settings) -> Iterator[Opened]:
    """The log that is set, with all that is asked of it meanwhile; closes what that opened."""
    with ExitStack() as until_the_end:
        yield Opened(settings, until_the_end)


def known_terms(settings: Settings) -> list[Terms]:
    """The terms that come with the ledger, and those of the folder that is set. Raises TermsInvalid."""
    return terms.bundled_and(settings.terms)


def create(settings: Settings) -> int:
    """Makes the log that is set; returns how many partitions it has. Raises FileExists where there is one."""
    from ledger.store import backup

    if settings.kafka is not None:
        from ledger.wiring.on_kafka import create as create_on_kafka  # embedded logs need none of it

        return create_on_kafka(settings)
    if settings.log.exists():
        raise backup.FileExists(f"{settings.log}: there is a file already")
    with opened(settings) as log:
        log.writer()
    return 1


def restore(
    settings: Settings, source: Path, *, overwrite: bool = False, progress: Progress | None = None
) -> Copy:
    """Puts a backup in place as the log that is set, once all of it is verified.

    Raises LogLocked while a writer writes, FileExists unless `overwrite` where a log is there, or what is wrong.
    """
    from ledger.store import backup

    _must_be_embedded(settings)
    return backup.restore(source, settings.log, overwrite=overwrite, check=_must_be_clean, progress=progress)


def _must_be_clean(copy: Path) -> None:
    from ledger.audit import verification

    report = verification.verify(copy)
    if report.damage is not None:
        raise LogDamaged(f"the backup is not as it was written, in {report.found} places: {report.damage}")


def _ledger(settings: Settings) -> Ledger:
    from ledger.application.ledger import Ledger
    from ledger.application.library import factory_of
    from ledger.store.sqlite import Factory

    _must_be_embedded(settings)
    environment = {"SQLITE_DBNAME": str(settings.log), "ORIGINATOR_ID_TYPE": "text", Factory.WRITER_LOCK: "y"}
    book = TermsBook(known_terms(settings))
    factory = factory_of(environment)
    try:
        _settle_clock(settings, cast("Recorder", factory.application_recorder()))
    except BaseException:
        factory.close()
        raise
    return Ledger(book, factory, ids=settings.ids_asked)


def _settle_clock(settings: Settings, recorder: Recorder) -> None:
    """Gives a new log its clock, and checks that of one that is there."""
    recorder.set_clock_mode(settings.clock)
    mode = recorder.clock_mode()
    if settings.clock_is_stated and mode != settings.clock:
        raise ClockMismatch(f"{settings.log} was created {mode}, and {settings.clock} was asked for")


def _must_be_embedded(settings: Settings) -> None:
    if settings.kafka is not None:
        raise SettingsInvalid(
            "PULSA_KAFKA: this is for a log in a file; leave it unset, or say `pulsa log copy`"
        )


def positions_of(text: str) -> Iterator[tuple[int, int]]:
    """The (partition, ordinal) pairs of a position such as `0:120` or `0:120,1:98`. Raises ValueError."""
    for part in text.split(","):
        partition, _, ordinal = part.partition(":")
        if not (part.isascii() and partition.isdecimal() and ordinal.isdecimal()):
            raise ValueError(f"{part!r} is no position such as 0:120")
        yield int(partition), int(ordinal)
