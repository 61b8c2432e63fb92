"""A copy of a log that names no number: its commands decided once more under other names, and held against it.

So the copy is a log like any other: its chains, postings, causes and states hold, it can be verified and asked. What
sent the commands is not in it. Instants, amounts and positions are those of the log.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from msgspec.structs import asdict, replace

from ledger.application.ledger import Ledger
from ledger.audit.deciding_again import JournaledCommand, Rerun
from ledger.audit.verification import verify
from ledger.domain.commands import Command
from ledger.domain.ids import POLICY_IDS, PartitionOf, apart_of, beginning_with
from ledger.domain.partition.events import CommandSetApart
from ledger.domain.pseudonyms import Pseudonyms
from ledger.domain.statement.events import StatementBegun
from ledger.domain.statement.stated import PREFIX, statement_of
from ledger.domain.terms import Terms
from ledger.errors import LogDamaged
from ledger.progress import Progress
from ledger.store.backup import FileExists
from ledger.store.copying import CopyRefused
from ledger.store.of_types import events_of_types
from ledger.store.reading import Recorded, SqliteReader, SqliteSnapshot

_HEX = re.compile(r"((?=[0-9]*[a-f])[0-9a-f]{32,})", re.ASCII)
"""Digests, and ids that are made of them, name nobody, and stay; digits alone are none."""


def pseudonymised(
    log: SqliteReader,
    target: Path,
    names: Pseudonyms,
    known: Sequence[Terms],
    progress: Progress | None = None,
) -> int:
    """Makes the copy, whole or not at all; returns its events. `known` are the terms files.

    Raises FileExists, CopyRefused where the log has something that cannot be decided again, or another thing comes of
    it, and LogDamaged where it is not whole.
    """
    if target.exists():
        raise FileExists(f"{target}: there is a file of that name already")
    with log.snapshot() as source, TemporaryDirectory(dir=target.parent, prefix=".pulsa-copy-") as folder:
        _must_be_alone(source)
        others = OtherNames(names, source)
        run = _Renamed(source, Path(folder), known, lambda _: 0, others)
        for done in run.through((), None, None):
            if progress is not None:
                progress(done, source.head)
        with SqliteReader(run.path).snapshot() as made:
            _must_be_the_same(source, made, others)
            events = made.head
        report = verify(run.path)
        if report.damage is not None:
            raise LogDamaged(f"the copy does not verify: {report.damage}")
        run.path.rename(target)
    return events


class _Renamed(Rerun):
    """The commands of a log, decided again under other names."""

    def __init__(
        self,
        log: SqliteSnapshot,
        folder: Path,
        known: Sequence[Terms],
        partition_of: PartitionOf,
        names: OtherNames,
    ) -> None:
        super().__init__(log, folder, known, partition_of)
        self._names = names
        policies = "SELECT subject, command_id FROM main.journal WHERE command_id >= ? AND command_id < ?"
        self._journaled = {
            (names.of(subject), names.of(command_id))
            for subject, command_id in log.connection.execute(policies, beginning_with(POLICY_IDS))
        }

        self._said: dict[tuple[str, str], Command] = {}
        """What has followed, and has an entry that comes yet: the digests in it are those of the copy."""

    def journaled(self, command: Command) -> bool:
        key = (command.subject, command.command_id)
        if key not in self._journaled:
            return False
        self._said[key] = command
        return True

    def _execute(self, ledger: Ledger, batch: Sequence[JournaledCommand]) -> None:
        waiting: list[JournaledCommand] = []
        for one in batch:
            named = replace(one.command, **self._names.within(asdict(one.command)))
            if named.command_id.startswith(POLICY_IDS):
                super()._execute(ledger, waiting)  # of which it may follow
                waiting = []
                said = self._said.pop((named.subject, named.command_id), named)
                named = replace(said, at=named.at)
            waiting.append(one._replace(command=named, principal=None))
        super()._execute(ledger, waiting)


class OtherNames:
    """What numbers, and statements, whose ids are made of what they are of, are called in a copy of a log."""

    def __init__(self, numbers: Pseudonyms, log: SqliteSnapshot | None = None) -> None:
        """Of the statements of a log, if of any."""
        self._numbers = numbers
        self._statements: dict[str, str] = {}
        for found in () if log is None else events_of_types(log, (StatementBegun.TOPIC,)):
            begun = found.event
            if isinstance(begun, StatementBegun) and begun.number is not None:
                own = [self.within(one) for one in (begun.kind, begun.of, begun.number, begun.sequence)]
                other = statement_of(*own, begun.since_on, begun.until_on)
                self._statements[begun.account.removeprefix(PREFIX)] = other.removeprefix(PREFIX)

    def of(self, text: str) -> str:
        """A text with every number and every statement in it under its other name."""
        parts = _HEX.split(text)
        return "".join(
            self._statements.get(part, part) if n % 2 else self._numbers.of(part)
            for n, part in enumerate(parts)
        )

    def within(self, value: Any) -> Any:  # noqa: ANN401 - any field of a command
        """A value with every text in it under its other names."""
        if isinstance(value, str):
            return self.of(value)
        if isinstance(value, dict):
            return {name: self.within(part) for name, part in value.items()}
        if isinstance(value, list):
            return [self.within(part) for part in value]
        return value


def _must_be_alone(log: SqliteSnapshot) -> None:
    created = log.created
    if created is not None and created.partitions not in (None, 1):
        raise CopyRefused(
            f"{log.path}: it is one of {created.partitions} partitions; a copy under other names has one"
        )
    for found in log.events_of(apart_of(log.partition)):
        if isinstance(found.event, CommandSetApart):
            raise CopyRefused(
                f"{log.path}: what was set apart at {log.partition}:{found.ordinal} cannot be decided again"
            )


def _must_be_the_same(log: SqliteSnapshot, made: SqliteSnapshot, names: OtherNames) -> None:
    for one, other in zip_longest(log.events(), made.events()):
        place = log.head if one is None else one.ordinal
        if one is None or other is None or _told(one, names) != _told(other, None):
            raise CopyRefused(
                f"{log.path}: another thing comes of it at {log.partition}:{place}; nothing is copied"
            )


def _told(found: Recorded, names: OtherNames | None) -> Any:  # noqa: ANN401 - to be compared
    event = found.event
    said = (event.TOPIC, event.account, event.version, event.effective_at, event.recorded_at)
    postings = [(one["account"], one["unit"], one["amount"]) for one in event.postings]
    if names is None:
        return (*said, postings)
    account = names.of(event.account)
    return (
        event.TOPIC,
        account,
        *said[2:],
        [(names.of(name), unit, amount) for name, unit, amount in postings],
    )
