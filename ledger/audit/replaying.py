"""The audit replay: the journaled commands decided again, on a log of their own that is thrown away afterwards.

Nothing is written to the log that is replayed. Under the terms that it has published the events must be the same, to
the last byte (or, where an earlier release wrote them by its own schema, to the last field), and every command must be
answered as it was: that audits the code. Under other terms the difference is
what those would have changed. A log that is not whole, or not what its digests name, is compared with nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from itertools import groupby, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple, Protocol

from ledger.application.batch import Batch
from ledger.application.ledger import Ledger
from ledger.application.library import environment
from ledger.application.outcomes import ACCEPTED, NOT_JOURNALED
from ledger.audit.wholeness import must_be_whole
from ledger.domain.calendar import format_instant
from ledger.domain.commands import Command
from ledger.domain.kinds import apart_of, is_of_line, subject_of, terms_of
from ledger.domain.line.line import Cause
from ledger.domain.partition.events import CommandSetApart
from ledger.domain.prepaid.account import NEVER
from ledger.domain.terms import Terms, TermsBook
from ledger.errors import CommandDefect, LedgerError, LogDamaged, PolicyRefused, QueryRefused, TermsMissing
from ledger.store.layout import intelligible, principal_column
from ledger.store.partition_file import PartitionFactory
from ledger.store.reading import SqliteReader, SqliteSnapshot
from ledger.store.schemas import FINGERPRINT_BYTES
from ledger.store.sqlite import Factory
from projections.asking.comparison import Amounts, Answered, Comparison, DifferingEvent, compare
from projections.asking.partitions import PartitionOf
from projections.asking.queries import BeforeTheLog

BATCH = 1000

_EVENT = "originator_id, originator_version, topic"
_ENTRY = (
    "subject, command_id, name, command_digest, command, at, code, message, ordinal, first_event, event_count,"
    " chain"
)
_COMMANDS = "SELECT entry, ordinal, at, name, command"


def _unlike(columns: str) -> str:
    """That a row is not the same in both logs, to the last byte, or is not in both of them."""
    was, now = (", ".join(f"{log}.{name}" for name in columns.split(", ")) for log in ("was", "now"))
    return f"({was}) IS NOT ({now})"


_EVENTS = (
    "SELECT now.ordinal, now.originator_id, now.originator_version FROM again.stored_events AS now"
    " LEFT JOIN main.stored_events AS was ON was.ordinal=now.ordinal"
)
_EVENT_UNLIKE_TO_THE_BYTE = f"{_EVENTS} WHERE {_unlike(f'{_EVENT}, state, digest')} LIMIT 1"
_EVENT_UNLIKE = (
    f"{_EVENTS} WHERE ({_unlike(_EVENT)}"
    " OR (was.state IS NOT now.state AND NOT same_by_another_schema(now.topic, was.state, now.state)))"
)
"""But for the schemas that they were written by, and for digests, which follow from those."""
_EVENT_NO_MORE = (
    "SELECT ordinal, originator_id, originator_version FROM main.stored_events"
    " WHERE ordinal>(SELECT ifnull(max(ordinal), 0) FROM again.stored_events) AND ordinal<=?"
)
_ENTRY_UNLIKE = (
    "SELECT 1 FROM main.journal AS was LEFT JOIN again.journal AS now ON now.entry=was.entry"  # noqa: S608 - columns
    f" WHERE was.entry<=? AND {_unlike(_ENTRY)} LIMIT 1"
)
_ANSWERED_UNLIKE = (
    "SELECT was.entry, was.subject, was.command_id, was.code, now.entry IS NULL, now.code FROM main.journal AS was"
    " LEFT JOIN again.journal AS now ON now.subject=was.subject AND now.command_id=was.command_id"
    " WHERE was.entry<=? AND (now.entry IS NULL OR was.code IS NOT now.code) ORDER BY was.entry"
)
_TAKEN = (
    "SELECT EXISTS (SELECT 1 FROM journal WHERE at>=? AND"
    " entry<ifnull((SELECT min(entry) FROM journal WHERE at>=?), 9223372036854775807))"
)

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
    Raises TermsMissing where the log knows no terms of that id, BeforeTheLog or QueryRefused where there is no command
    to decide, and LogDamaged, with the position, where the log is not whole or not what its digests name.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="pulsa-replay-")))
        logs = [stack.enter_context(reader.snapshot()) for reader in readers]
        for log in logs:
            stack.enter_context(_or_damaged(log))
            _must_have_all_that_is_sealed(log)
        _must_have_commands(logs, since if terms else None, until)
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
        before: Amounts = {}
        after: Amounts = {}
        for run in runs:
            if run.is_the_same():
                continue
            must_be_whole(log := run.log, run.last, run.commands)
            found.first += run.first_unlike(terms)
            run.answered_otherwise(found.answered)
            with SqliteReader(run.path, log.partition).snapshot() as again:
                compare(found, (before, after), _other(run, again), log, run.last, again)
        found.others.sort()
        found.sum_up(before, after)
        found.refused = _refused(runs, found)
        return found


class _Again(Ledger):
    """The ledger over a log that is thrown away, in the place of a partition."""

    def __init__(self, terms: TermsBook, factory: Factory, log: SqliteSnapshot) -> None:
        self._log = log
        self._not_followed = {
            found.event.apart_id: found.event
            for found in log.events_of(apart_of(log.partition))
            if isinstance(found.event, CommandSetApart)
        }
        super().__init__(terms, factory)

    def _carry_on(self, command: Command, batch: Batch) -> None:
        """What could not be carried out then is not carried out now: how it was mended comes later in the journal."""
        then = self._not_followed.get(command.command_id)
        if then is not None:
            raise (PolicyRefused if then.code == PolicyRefused.code else CommandDefect)(then.reason)
        super()._carry_on(command, batch)

    def _pass_on(self, command: Command, cause: Cause, batch: Batch) -> None:
        """What has an entry of its own came from what was another partition then, and comes by itself."""
        entry = "SELECT 1 FROM main.journal WHERE subject=? AND command_id=?"
        key = (command.subject, command.command_id)
        if (
            command.command_id in self._not_followed
            or not self._log.connection.execute(entry, key).fetchone()
        ):
            super()._pass_on(command, cause, batch)

    def _ended(self, command: Command, digest: bytes, batch: Batch) -> None:
        """What the journal has was carried out then; halves that came from several partitions come in any order."""


class _Run:
    """A partition's commands, decided again. `last` is the partition's ordinal after the last of them."""

    def __init__(
        self, log: SqliteSnapshot, folder: Path, known: Sequence[Terms], partition_of: PartitionOf
    ) -> None:
        self.log = log
        self.path = folder / f"replay-{log.partition}.db"
        self.commands = self.last = self.end = 0
        self._not_journaled: dict[tuple[str, str], str] = {}
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

    def is_the_same(self) -> bool:
        """Whether every event and every journal entry is the same in both logs: compared row by row, by SQLite.

        Raises LogDamaged where what an earlier release wrote is not what its digests name.
        """
        with intelligible(self.log.path):
            connection = self.log.connection
            connection.create_function("same_by_another_schema", 3, self._same_by_another_schema)
            connection.execute("ATTACH ? AS again", (self.path.resolve().as_uri() + "?mode=ro",))
        if (
            self._row(f"{_EVENT_UNLIKE} LIMIT 1")
            or self._row(f"{_EVENT_NO_MORE} LIMIT 1", self.last)
            or self._row(_ENTRY_UNLIKE, self.commands)
        ):
            return False
        if self._row(_EVENT_UNLIKE_TO_THE_BYTE):
            must_be_whole(self.log, self.last, self.commands)
        return True

    def _same_by_another_schema(self, topic: str, was: bytes | None, now: bytes) -> bool:
        """Whether two events say the same, the former by the schema of an earlier release."""
        if was is None or was[:FINGERPRINT_BYTES] == now[:FINGERPRINT_BYTES]:
            return False
        former, again = (self.log.codec.event(topic, state).__dict__ for state in (was, now))
        return bool(former == again)

    def first_unlike(self, terms: Sequence[Terms]) -> Iterator[DifferingEvent]:
        """The first event that differs or is missing, if there is one; that other terms are published is none."""
        published = [terms_of(one.id, self.log.partition) for one in terms]
        known = f"now.originator_id NOT IN ({','.join('?' * len(published))})"
        row = self._row(f"{_EVENT_UNLIKE} AND {known} ORDER BY now.ordinal LIMIT 1", *published)
        row = row or self._row(f"{_EVENT_NO_MORE} ORDER BY ordinal LIMIT 1", self.last)
        if row is not None:
            yield DifferingEvent(f"{self.log.partition}:{row[0]}", *row[1:])

    def answered_otherwise(self, found: dict[tuple[str, str], Answered]) -> None:
        """Puts in which commands have another answer, one by one."""
        with intelligible(self.log.path):
            rows = self.log.connection.execute(_ANSWERED_UNLIKE, (self.commands,))
            for entry, subject, command_id, was, left_out, now in rows:
                would_be = self._not_journaled[subject, command_id] if left_out else now
                pair = (was or ACCEPTED, would_be or ACCEPTED)
                place = f"{self.log.partition}:{entry}"
                found.setdefault(pair, Answered(place, subject, command_id)).commands += 1

    def _row(self, statement: str, *parameters: object) -> Any:  # noqa: ANN401 - a row or None
        with intelligible(self.log.path):
            return self.log.connection.execute(statement, parameters).fetchone()

    def _execute(self, ledger: Ledger, batch: Sequence[_Said]) -> None:
        for principal, said in groupby(batch, lambda one: one.principal):
            commands = [one.command for one in said]
            outcomes = ledger.execute(commands, principal=principal)
            for command, outcome in zip(commands, outcomes, strict=True):
                if outcome.code in NOT_JOURNALED:
                    self._not_journaled[command.subject, command.command_id] = outcome.code or ""

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
        ledger = _Again(self._book, factory, log)
        created = self.log.created
        ledger.origin = (None, None) if created is None else (created.partitions, created.release)
        return ledger


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


class _Said(NamedTuple):
    """An entry of the journal: the log's head after the command, the instant that it was taken at, who sent it."""

    ordinal: int
    at: int
    command: Command
    principal: str | None


def _entries(log: SqliteSnapshot, until: int | None) -> Iterator[_Said]:
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
            yield _Said(ordinal, at, command, principal)


def _refused(runs: Sequence[_Run], found: Comparison) -> dict[str, tuple[int, int]]:
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


def _other(run: _Run, again: SqliteSnapshot) -> list[str]:
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
