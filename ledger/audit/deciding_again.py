"""The journaled commands of a partition, decided once more on a log of their own.

It stands in the partition's place; other terms may hold from some instant on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby, islice
from pathlib import Path
from typing import Any, NamedTuple

from ledger.application.carrying_on import Following
from ledger.application.ledger import Ledger
from ledger.application.library import environment
from ledger.application.outcomes import NOT_JOURNALED
from ledger.application.unit_of_work import UnitOfWork
from ledger.domain.calendar import NEVER
from ledger.domain.commands import Command
from ledger.domain.ids import PartitionOf, apart_of
from ledger.domain.partition.events import CommandSetApart
from ledger.domain.partition.partition import Origin
from ledger.domain.subject import Cause
from ledger.domain.terms import Terms
from ledger.domain.terms_book import Document, TermsBook
from ledger.errors import CommandDefect, LedgerError, LogDamaged, PolicyEndless, PolicyRefused
from ledger.store.layout import intelligible, principal_column
from ledger.store.partition_file import PartitionFactory
from ledger.store.reading import SqliteSnapshot

BATCH = 1000

_COMMANDS = "SELECT entry, ordinal, at, name, command"


class JournaledCommand(NamedTuple):
    """An entry of the journal: the log's head after the command, the instant that it was taken at, who sent it."""

    ordinal: int
    at: int
    command: Command
    principal: str | None


def journaled_commands(log: SqliteSnapshot, until: int | None) -> Iterator[JournaledCommand]:
    """The journal in order.

    It goes as far as the events do, which a mirror may have read less far than the journal. Raises LogDamaged where
    an entry is missing, or cannot be read.
    """
    with intelligible(log.path):
        principals = principal_column(log.connection)
        rows = log.connection.execute(f"{_COMMANDS}, {principals} FROM journal ORDER BY entry")
        for expected, (entry, ordinal, at, name, state, principal) in enumerate(rows, 1):
            if entry != expected:
                raise LogDamaged(f"{log.path}: the journal entry {log.partition}:{expected} is missing")
            try:
                if ordinal > log.head or (until is not None and at >= until):
                    return
                command = log.codec.command(name, state, at)
            except LedgerError:
                raise
            except Exception as error:
                message = f"{log.path}: the journal entry {log.partition}:{entry} cannot be read: {error!r}"
                raise LogDamaged(message) from error
            yield JournaledCommand(ordinal, at, command, principal)


class ReplayBook(TermsBook):
    """Terms of which some can be replaced while commands are replayed."""

    __slots__ = ()

    def replace(self, terms: Terms) -> None:
        """From now on these hold under their id."""
        self.offer(Document.of(terms))
        self._rules[terms.id] = terms


class FollowingAgain(Following):
    """What followed in a log, carried out once more on one that is thrown away.

    `journaled` says whether a command has an entry of its own in the log's journal.
    """

    def __init__(self, work: UnitOfWork, log: SqliteSnapshot, journaled: Callable[[Command], bool]) -> None:
        super().__init__(work)
        self._journaled = journaled
        self._not_followed = {
            found.event.apart_id: found.event
            for found in log.events_of(apart_of(log.partition))
            if isinstance(found.event, CommandSetApart)
        }

    def carry_on(self, command: Command) -> None:
        """What could not be carried out then is not carried out now: how it was mended comes later in the journal."""
        then = self._not_followed.get(command.command_id)
        if then is not None:
            raise _FAILURES.get(then.code, CommandDefect)(then.reason)
        super().carry_on(command)

    def pass_on(self, command: Command, cause: Cause) -> None:
        """What has an entry of its own came from what was another partition then, and comes by itself."""
        if command.command_id in self._not_followed or not self._journaled(command):
            super().pass_on(command, cause)

    def ended(self, command: Command, digest: bytes) -> None:
        """What the journal has was carried out then; halves that came from several partitions come in any order."""


_FAILURES: dict[str, type[LedgerError]] = {one.code: one for one in (PolicyRefused, PolicyEndless)}


class Rerun:
    """A partition's commands, decided again. `last` is the partition's ordinal after the last of them."""

    def __init__(
        self, log: SqliteSnapshot, folder: Path, known: Sequence[Terms], partition_of: PartitionOf
    ) -> None:
        self.log = log
        self.path = folder / f"replay-{log.partition}.db"
        self.commands = self.last = self.end = 0
        self.not_journaled: dict[tuple[str, str], str] = {}
        """The refusals that keep no id, by subject and command_id."""
        self._book = ReplayBook(known)
        for document in log.book.documents():
            self._book.offer(document)
        self._partition_of = partition_of

    def through(self, terms: Sequence[Terms], since: int | None, until: int | None) -> Iterator[int]:
        """Runs them, and tells how far it is."""
        others, begin = list(terms), -NEVER if since is None else since
        entries = journaled_commands(self.log, until)
        ledger = self._ledger()
        try:
            while batch := list(islice(entries, BATCH)):
                left = batch
                changed = next((n for n, said in enumerate(batch) if said.at >= begin), len(batch))
                if others and changed < len(batch):
                    self._execute(ledger, batch[:changed])
                    for one in others:
                        self._book.replace(one)
                    others.clear()
                    left = batch[changed:]
                self._execute(ledger, left)
                self.last = batch[-1].ordinal
                self.commands += len(batch)
                self.end = max(self.end, *(said.at for said in batch))
                yield self.last
        finally:
            ledger.close()

    def _execute(self, ledger: Ledger, batch: Sequence[JournaledCommand]) -> None:
        for principal, said in groupby(batch, lambda one: one.principal):
            commands = [one.command for one in said]
            outcomes = ledger.execute(commands, principal=principal)
            for command, outcome in zip(commands, outcomes, strict=True):
                if outcome.code in NOT_JOURNALED:
                    self.not_journaled[command.subject, command.command_id] = outcome.code or ""

    def journaled(self, command: Command) -> bool:
        """Whether what follows has an entry in the journal."""
        entry = "SELECT 1 FROM main.journal WHERE subject=? AND command_id=?"
        key = (command.subject, command.command_id)
        return self.log.connection.execute(entry, key).fetchone() is not None

    def _ledger(self) -> Ledger:
        log, partition_of = self.log, self._partition_of
        factory = PartitionFactory(
            environment({"SQLITE_DBNAME": str(self.path)}),
            log.partition,
            1,
            lambda subject: partition_of(subject) == log.partition,
        )
        recorder: Any = factory.application_recorder()
        recorder.set_clock_mode("live" if log.created is None else log.created.clock)
        created = log.created
        origin = (
            Origin(None, None)
            if created is None
            else Origin(created.partitions, created.release, created.ids)
        )
        return Ledger(
            self._book,
            factory,
            origin=origin,
            following=lambda work: FollowingAgain(work, log, self.journaled),
        )
