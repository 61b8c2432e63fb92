"""The audit replay: the journaled commands decided again, on a log of their own that is thrown away afterwards.

Nothing is written to the log that is replayed. Under the terms that it has published the events must be the same, to
the last byte: that audits the code. Under other terms the difference is what those would have changed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

from ledger.application import Ledger
from ledger.domain.account import NEVER
from ledger.domain.commands import Command
from ledger.domain.terms import Terms, TermsBook
from ledger.errors import TermsMissing
from ledger.store.reading import SqliteReader, SqliteSnapshot
from ledger.store.sqlite import Factory
from projections.partitions import PartitionOf
from projections.replay import Comparison, Sums, compare

BATCH = 1000

Progress = Callable[[int, int], None]


class Reader(Protocol):
    """Reads a partition with its journal."""

    def snapshot(self) -> AbstractContextManager[SqliteSnapshot]:
        """The partition as it stands now."""


class ReplayBook(TermsBook):
    """Terms of which some can be replaced while commands are replayed."""

    __slots__ = ()

    def replace(self, terms: Terms) -> None:
        """From now on these hold under their id."""
        self._terms[terms.id] = terms
        self._digests[terms.id] = terms.digest


def replay(  # noqa: PLR0913 - what is decided again, under which terms, and from when to when
    readers: Sequence[Reader],
    known: Sequence[Terms],
    *,
    partition_of: PartitionOf = lambda _: 0,
    terms: Sequence[Terms] = (),
    since: int | None = None,
    until: int | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Decides the journaled commands again, in their order up to the first that was taken at `until` or later.

    `known` are the terms files: a command may name terms, and be refused before the log has published them.
    What comes of it is compared with the log. From `since` on (from the first command on, where it is None) `terms`
    hold in place of those of the same ids; a command taken earlier is decided under the terms as they were.
    Of a log of several partitions each is decided by itself: what another one sent to it came as it was recorded.
    Raises TermsMissing where the log knows no terms of that id.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="pulsa-replay-")))
        logs = [stack.enter_context(reader.snapshot()) for reader in readers]
        for one in terms:
            if all(one.id not in log.book for log in logs):
                raise TermsMissing(
                    f"{one.id}: the log has published no terms of this id; nothing was under them"
                )
        head, done = sum(log.head for log in logs), 0
        runs = []
        for log in logs:
            run = _Run(log, folder, known, partition_of)
            for last in run.through(terms, since, until):
                if progress is not None:
                    progress(done + last, head)
            done += log.head
            runs.append(run)
        found = Comparison(max(run.end for run in runs) if until is None else until)
        found.commands = sum(run.commands for run in runs)
        found.refused = _refused(runs)
        before: Sums = {}
        after: Sums = {}
        for run in runs:
            with SqliteReader(run.path, run.log.partition).snapshot() as again:
                compare(found, (before, after), _other(run, again), run.log, run.last, again)
        found.sum_up(before, after)
        return found


class _Again(Ledger):
    """The ledger over a log that is thrown away, in the place of a partition."""

    def __init__(
        self, terms: TermsBook, env: dict[str, str], partition: int, partition_of: PartitionOf
    ) -> None:
        self._place = (partition, partition_of)
        super().__init__(terms, env)

    def construct_recorder(self) -> Any:  # noqa: ANN401 - the library's
        """A recorder that knows which subjects are the partition's."""
        recorder: Any = super().construct_recorder()
        recorder.partition, partition_of = self._place
        recorder.is_here = lambda subject: partition_of(subject) == recorder.partition
        return recorder


class _Run:
    """A partition's commands, decided again. `last` is the partition's ordinal after the last of them."""

    def __init__(
        self, log: SqliteSnapshot, folder: Path, known: Sequence[Terms], partition_of: PartitionOf
    ) -> None:
        self.log = log
        self.path = folder / f"replay-{log.partition}.db"
        self.commands = self.last = self.end = 0
        published = {one.id: one for one in log.book}
        self._book = ReplayBook(({one.id: one for one in known} | published).values())
        self._partition_of = partition_of

    def through(self, terms: Sequence[Terms], since: int | None, until: int | None) -> Iterator[int]:
        """Runs them, and tells how far it is."""
        others, begin = list(terms), -NEVER if since is None else since
        entries = _entries(self.log, until)
        ledger = self._ledger()
        try:
            while batch := list(islice(entries, BATCH)):
                commands = [command for _, _, command in batch]
                changed = next((n for n, (_, at, _) in enumerate(batch) if at >= begin), len(batch))
                if others and changed < len(batch):
                    ledger.execute(commands[:changed])
                    for one in others:
                        self._book.replace(one)
                    others.clear()
                    commands = commands[changed:]
                ledger.execute(commands)
                self.last = batch[-1][0]
                self.commands += len(batch)
                self.end = max(self.end, *(at for _, at, _ in batch))
                yield self.last
        finally:
            ledger.close()

    def _ledger(self) -> Ledger:
        environment = {"SQLITE_DBNAME": str(self.path), "ORIGINATOR_ID_TYPE": "text"}
        factory = Factory(environment)
        recorder: Any = factory.application_recorder()
        recorder.set_clock_mode("live" if self.log.created is None else self.log.created.clock)
        factory.close()
        return _Again(self._book, environment, self.log.partition, self._partition_of)


def _entries(log: SqliteSnapshot, until: int | None) -> Iterator[tuple[int, int, Command]]:
    """The journal in order: the log's head after each command, the instant that it was taken at, the command."""
    statement = "SELECT ordinal, at, name, command FROM journal ORDER BY entry"
    for ordinal, at, name, state in log.connection.execute(statement):
        if until is not None and at >= until:
            return
        yield ordinal, at, log.codec.command(name, state, at)


def _refused(runs: Sequence[_Run]) -> dict[str, tuple[int, int]]:
    """How many commands were refused by code, and would be, where any partition has another number of them."""
    statement = (
        "SELECT code, count(*) FROM (SELECT code FROM journal ORDER BY entry LIMIT ?)"
        " WHERE code IS NOT NULL GROUP BY code"
    )
    counts: dict[str, tuple[int, int]] = {}
    differing = set()
    for run in runs:
        was = dict(run.log.connection.execute(statement, (run.commands,)).fetchall())
        with closing(sqlite3.connect(run.path)) as connection:
            now = dict(connection.execute(statement, (run.commands,)).fetchall())
        for code in was.keys() | now.keys():
            one, other = counts.get(code, (0, 0))
            counts[code] = (one + was.get(code, 0), other + now.get(code, 0))
            if was.get(code, 0) != now.get(code, 0):
                differing.add(code)
    return {code: counts[code] for code in sorted(differing)}


def _other(run: _Run, again: SqliteSnapshot) -> list[str]:
    """Numbers whose events are not the same: an account's last digest stands for all of them."""
    was, now = _last_digests(run.log, run.last), _last_digests(again, NEVER)
    differing = {id_ for id_ in was.keys() | now.keys() if was.get(id_) != now.get(id_)}
    return sorted({id_.partition("#")[0] for id_ in differing if id_[0].isdigit()})


def _last_digests(log: SqliteSnapshot, last: int) -> dict[str, bytes]:
    statement = (
        "SELECT originator_id, digest, max(originator_version) FROM stored_events"
        " WHERE ordinal<=? GROUP BY originator_id"
    )
    return {row[0]: row[1] for row in log.connection.execute(statement, (last,))}
