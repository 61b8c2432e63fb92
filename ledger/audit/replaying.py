"""The audit replay: the journaled commands decided again, on a log of their own that is thrown away afterwards.

Nothing is written to the log that is replayed. Under the terms that it has published the events must be the same, to
the last byte (or, where an earlier release wrote them by its own schema, to the last field), and every command must be
answered as it was: that audits the code. Under other terms the difference is
what those would have changed. A log that is not whole, or not what its digests name, is compared with nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from ledger.application.outcomes import ACCEPTED
from ledger.audit.comparison import Amounts, Comparison, compare
from ledger.audit.deciding_again import Rerun
from ledger.audit.row_by_row import answered_otherwise, first_unlike, is_the_same
from ledger.audit.wholeness import must_be_whole
from ledger.domain.calendar import NEVER, format_instant
from ledger.domain.ids import PartitionOf, is_of_line, subject_of
from ledger.domain.terms import Terms
from ledger.errors import LedgerError, LogDamaged, QueryRefused, TermsMissing
from ledger.progress import Progress
from ledger.store.layout import intelligible
from ledger.store.reading import SqliteReader, SqliteSnapshot
from projections.engine.unanswered import BeforeTheLog

_TAKEN = (
    "SELECT EXISTS (SELECT 1 FROM journal WHERE at>=? AND"
    " entry<ifnull((SELECT min(entry) FROM journal WHERE at>=?), 9223372036854775807))"
)


class JournalReader(Protocol):
    """Reads a partition with its journal."""

    def snapshot(self) -> AbstractContextManager[SqliteSnapshot]:
        """The partition as it stands now."""


def replay(  # noqa: PLR0913 - what is decided again, under which terms, and from when to when
    readers: Sequence[JournalReader],
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
    Raises TermsMissing where the log knows no terms of that id, QueryRefused where they are of another product,
    BeforeTheLog or QueryRefused where there is no command to decide, and LogDamaged, with the position, where the log
    is not whole or not what its digests name.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="pulsa-replay-")))
        logs = [stack.enter_context(reader.snapshot()) for reader in readers]
        for log in logs:
            stack.enter_context(_or_damaged(log))
            _must_have_all_that_is_sealed(log)
        _must_have_commands(logs, since if terms else None, until)
        for one in terms:
            _must_stand_in(one, logs)
        head, done = sum(log.head for log in logs), 0
        runs = []
        for log in logs:
            run = Rerun(log, folder, known, partition_of)
            for last in run.through(terms, since, until):
                if progress is not None:
                    progress(done + last, head)
            done += log.head
            runs.append(run)
        found = Comparison(max(run.end for run in runs) if until is None else until)
        found.commands = sum(run.commands for run in runs)
        before: Amounts = {}
        after: Amounts = {}
        for run in runs:
            if is_the_same(run):
                continue
            must_be_whole(log := run.log, run.last, run.commands)
            found.first += first_unlike(run, terms)
            answered_otherwise(run, found.answered)
            with SqliteReader(run.path, log.partition).snapshot() as again:
                compare(found, (before, after), _other(run, again), log, run.last, again)
        found.others.sort()
        found.sum_up(before, after)
        found.refused = _refused(runs, found)
        return found


def _must_stand_in(terms: Terms, logs: Sequence[SqliteSnapshot]) -> None:
    """Raises TermsMissing or QueryRefused where the log has no terms of their id, or of another product."""
    published = next((log.book[terms.id] for log in logs if terms.id in log.book), None)
    if published is None:
        raise TermsMissing(f"{terms.id}: the log has published no terms of this id; nothing was under them")
    if published.product != terms.product:
        message = (
            f"{terms.id}: its accounts are {published.product}, and the other terms are of {terms.product}"
        )
        raise QueryRefused(message)


def _must_have_commands(logs: Sequence[SqliteSnapshot], since: int | None, until: int | None) -> None:
    """Raises BeforeTheLog or QueryRefused where no command was taken from then to then: that would prove nothing."""

    def taken(begin: int, end: int) -> bool:
        found = False
        for log in logs:
            with intelligible(log.path):
                found = found or bool(log.connection.execute(_TAKEN, (begin, end)).fetchone()[0])
        return found

    end = NEVER if until is None else until
    if not taken(-NEVER, NEVER):
        raise BeforeTheLog("nothing has been recorded yet")
    if not taken(-NEVER, end):
        raise BeforeTheLog(f"no command was taken before {format_instant(end)}")
    if since is not None and not taken(since, end):
        before = "" if until is None else f" and before {format_instant(until)}"
        message = (
            f"no command was taken from {format_instant(since)} on{before}: none is under the other terms"
        )
        raise QueryRefused(message)


def _must_have_all_that_is_sealed(log: SqliteSnapshot) -> None:
    """Raises LogDamaged where there are fewer or more events or journal entries than were written."""
    counts = (
        "SELECT (SELECT count(*) FROM stored_events), (SELECT count(*) FROM journal),"
        " ifnull((SELECT events FROM seals ORDER BY seal DESC LIMIT 1), 0),"
        " ifnull((SELECT entries FROM seals ORDER BY seal DESC LIMIT 1), 0)"
    )
    with intelligible(log.path):
        events, entries, *sealed = log.connection.execute(counts).fetchone()
    if [events, entries] != sealed:
        must_be_whole(log, log.head, NEVER)
        message = f"{log.path}: it ends at {log.partition}:{events} and journal entry {entries}"
        raise LogDamaged(f"{message}, and was sealed at {log.partition}:{sealed[0]} and {sealed[1]}")


@contextmanager
def _or_damaged(log: SqliteSnapshot) -> Iterator[None]:
    """Where something cannot be done because the log is damaged, it says so: LogDamaged, with the position."""
    try:
        yield
    except (QueryRefused, TermsMissing):
        raise
    except LedgerError:
        must_be_whole(log, log.head, NEVER)
        raise


def _refused(runs: Sequence[Rerun], found: Comparison) -> dict[str, tuple[int, int]]:
    """How many commands were refused by code, and would be, where that is another number of them."""
    if not found.answered:
        return {}
    statement = "SELECT code, count(*) FROM main.journal WHERE entry<=? AND code IS NOT NULL GROUP BY code"
    was: Counter[str] = Counter()
    for run in runs:
        was.update(dict(run.log.connection.execute(statement, (run.commands,)).fetchall()))
    now = was.copy()
    for (one, other), answered in found.answered.items():
        now[one] -= answered.commands
        now[other] += answered.commands
    codes = sorted((was.keys() | now.keys()) - {ACCEPTED})
    return {code: (was[code], now[code]) for code in codes if was[code] != now[code]}


def _other(run: Rerun, again: SqliteSnapshot) -> list[str]:
    """Numbers whose events are not the same: in a log that is whole an account's last digest stands for all of them."""
    was, now = _last_digests(run.log, run.last), _last_digests(again, NEVER)
    differing = {id_ for id_ in was.keys() | now.keys() if was.get(id_) != now.get(id_)}
    return sorted({subject_of(id_) for id_ in differing if is_of_line(id_)})


def _last_digests(log: SqliteSnapshot, last: int) -> dict[str, bytes]:
    statement = (
        "SELECT originator_id, digest, max(originator_version) FROM main.stored_events"
        " WHERE ordinal<=? GROUP BY originator_id"
    )
    return {row[0]: row[1] for row in log.connection.execute(statement, (last,))}
