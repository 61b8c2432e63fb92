"""The audit replay: the journaled commands decided again, on a log of their own that is thrown away afterwards.

Nothing is written to the log that is replayed. Under the terms that it has published the events must be the same, to
the last byte: that audits the code. Under other terms the difference is what those would have changed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ledger.application import Ledger
from ledger.domain.account import NEVER
from ledger.domain.commands import Command
from ledger.domain.terms import Terms, TermsBook
from ledger.errors import TermsMissing
from ledger.store.codec import Codec
from ledger.store.reading import SqliteReader, SqliteSnapshot
from ledger.store.sqlite import Factory
from projections.replay import Comparison, compare

BATCH = 1000

Progress = Callable[[int, int], None]


class ReplayBook(TermsBook):
    """Terms of which some can be replaced while commands are replayed."""

    __slots__ = ()

    def replace(self, terms: Terms) -> None:
        """From now on these hold under their id."""
        self._terms[terms.id] = terms
        self._digests[terms.id] = terms.digest


def replay(  # noqa: PLR0913 - what is decided again, under which terms, and from when to when
    reader: SqliteReader,
    known: Sequence[Terms],
    *,
    terms: Sequence[Terms] = (),
    since: int | None = None,
    until: int | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Decides the journaled commands again, in their order up to the first that was taken at `until` or later.

    `known` are the terms files: a command may name terms, and be refused before the log has published them.
    What comes of it is compared with the log. From `since` on (from the first command on, where it is None) `terms`
    hold in place of those of the same ids; a command taken earlier is decided under the terms as they were.
    Raises TermsMissing where the log knows no terms of that id.
    """
    with TemporaryDirectory(prefix="pulsa-replay-") as folder, reader.snapshot() as log:
        for one in terms:
            if one.id not in log.book:
                raise TermsMissing(
                    f"{one.id}: the log has published no terms of this id; nothing was under them"
                )
        path = Path(folder) / "replay.db"
        published = {one.id: one for one in log.book}
        book = ReplayBook(({one.id: one for one in known} | published).values())
        ledger = _ledger(path, book, "live" if log.created is None else log.created.clock)
        run = _Run(ledger, reader.codec, book, terms, since)
        try:
            last = run.through(log, until, progress)
        finally:
            ledger.close()
        end = run.end if until is None else until
        found = Comparison(end, commands=run.commands, refused=_refused(log, path, run.commands))
        with SqliteReader(path).snapshot() as again:
            compare(found, _other(log, last, again), log, last, again)
        return found


def _ledger(path: Path, book: TermsBook, clock: str) -> Ledger:
    environment = {"SQLITE_DBNAME": str(path), "ORIGINATOR_ID_TYPE": "text"}
    factory = Factory(environment)
    recorder: Any = factory.application_recorder()
    recorder.set_clock_mode(clock)
    factory.close()
    return Ledger(book, environment)


class _Run:
    """Hands the commands to the ledger."""

    def __init__(
        self, ledger: Ledger, codec: Codec, book: ReplayBook, terms: Sequence[Terms], since: int | None
    ) -> None:
        self._ledger = ledger
        self._codec = codec
        self._book = book
        self._terms = list(terms)
        self._since = -NEVER if since is None else since
        self.commands = 0
        self.end = 0

    def through(self, log: SqliteSnapshot, until: int | None, progress: Progress | None) -> int:
        """Runs them; returns the log's ordinal after the last of them."""
        last = 0
        entries = _entries(log, self._codec, until)
        while batch := list(islice(entries, BATCH)):
            commands = [command for _, _, command in batch]
            changed = next((n for n, (_, at, _) in enumerate(batch) if at >= self._since), len(batch))
            if self._terms and changed < len(batch):
                self._execute(commands[:changed])
                for one in self._terms:
                    self._book.replace(one)
                self._terms.clear()
                commands = commands[changed:]
            self._execute(commands)
            last = batch[-1][0]
            self.commands += len(batch)
            self.end = max(self.end, *(at for _, at, _ in batch))
            if progress is not None:
                progress(last, log.head)
        return last

    def _execute(self, commands: list[Command]) -> None:
        if commands:
            self._ledger.execute(commands)


def _entries(log: SqliteSnapshot, codec: Codec, until: int | None) -> Iterator[tuple[int, int, Command]]:
    """The journal in order: the log's head after each command, the instant that it was taken at, the command."""
    statement = "SELECT ordinal, at, name, command FROM journal ORDER BY entry"
    for ordinal, at, name, state in log.connection.execute(statement):
        if until is not None and at >= until:
            return
        yield ordinal, at, codec.command(name, state, at)


def _refused(log: SqliteSnapshot, path: Path, commands: int) -> dict[str, tuple[int, int]]:
    statement = (
        "SELECT code, count(*) FROM (SELECT code FROM journal ORDER BY entry LIMIT ?)"
        " WHERE code IS NOT NULL GROUP BY code"
    )
    was = dict(log.connection.execute(statement, (commands,)).fetchall())
    connection = sqlite3.connect(path)
    try:
        now = dict(connection.execute(statement, (commands,)).fetchall())
    finally:
        connection.close()
    codes = sorted(was.keys() | now.keys())
    return {c: (was.get(c, 0), now.get(c, 0)) for c in codes if was.get(c, 0) != now.get(c, 0)}


def _other(log: SqliteSnapshot, last: int, again: SqliteSnapshot) -> list[str]:
    """Numbers whose events are not the same: an account's last digest stands for all of them."""
    was, now = _last_digests(log, last), _last_digests(again, NEVER)
    differing = {id_ for id_ in was.keys() | now.keys() if was.get(id_) != now.get(id_)}
    return sorted({id_.partition("#")[0] for id_ in differing if id_[0].isdigit()})


def _last_digests(log: SqliteSnapshot, last: int) -> dict[str, bytes]:
    statement = (
        "SELECT originator_id, digest, max(originator_version) FROM stored_events"
        " WHERE ordinal<=? GROUP BY originator_id"
    )
    return {row[0]: row[1] for row in log.connection.execute(statement, (last,))}
