"""Plays a log into another number of partitions, in files: every account as it was, where it falls to now.

Events keep account, version, body and digest; a journal entry goes with its subject, so that what is sent again is
answered as before. Positions are new. What is about whole partitions is made anew: their beginning, the terms that they
use, and how far they are closed. What one command brought about on numbers that now lie apart is told by entries of
their own, as if it had been sent from one partition to the other; what fell due at a closing, as if each number had
been advanced.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, NamedTuple, cast

from eventsourcing.persistence import StoredEvent

from ledger.application import policies
from ledger.application.journal import NO_CHAIN, Claim, JournalEntry, NumberHead, journal_digest
from ledger.audit.findings import Report
from ledger.audit.transfers_matched import Transfers
from ledger.audit.verification import verify
from ledger.domain.commands import Command
from ledger.domain.events import EVENT_TYPES, Event, make
from ledger.domain.kinds import is_apart, is_of_line, log_of, subject_of, terms_of
from ledger.domain.line.commands import AdvanceTime
from ledger.domain.partition.commands import CloseThrough
from ledger.domain.partition.events import ClosedThrough, LogCreated, TermsPublished
from ledger.domain.prepaid.commands import ReceiveCreditTransfer
from ledger.domain.refusals import REFUSALS
from ledger.errors import LogDamaged
from ledger.release import RELEASE
from ledger.store.codec import Codec
from ledger.store.copying import CopyRefused, Extent, Row, Source
from ledger.store.sqlite import Factory, Recorder

AT_ONCE = 2000
"""Journal entries that are written at once."""

PartitionOf = Callable[[str, int], int]
Progress = Callable[[int, int], None]
_CLOCK = "clock"


class Said(NamedTuple):
    """A journal entry, and the events that are written with it; `own` counts its own, which begin with the `first`."""

    subject: str
    command: Command
    at: int
    code: str | None
    message: str | None
    rows: list[Row]
    first: int = 0
    own: int = 0
    principal: str | None = None
    state: bytes | None = None
    digest: bytes | None = None


class Repartitioned(NamedTuple):
    """What lies in a partition now."""

    partition: int
    events: int
    entries: int


def repartition(
    sources: Sequence[Source],
    folder: Path,
    partitions: int,
    partition_of: PartitionOf,
    progress: Progress | None = None,
) -> list[Repartitioned]:
    """Makes `partition-0.db` and those that follow it in an empty folder; the sources are only read.

    Raises CopyRefused where the log has something that cannot be played (what is set apart, other subjects), LogDamaged
    where the sources are not what their digests name, or what comes of it does not verify.
    """
    for source in sources:
        source.extent()
    before = _last_digests(sources)
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise CopyRefused(f"{folder}: it is not empty")
    with ExitStack() as stack:
        book = _Book(sources)
        targets = [
            stack.enter_context(closing(_Target(folder, number, partitions, sources, book)))
            for number in range(partitions)
        ]
        total, done = sum(source.events for source in sources), 0
        for parts, count in _played(sources, partitions, partition_of, book.codec):
            for said in parts:
                targets[partition_of(said.subject, partitions)].take(said)
            done += count
            if progress is not None and done % AT_ONCE < count:
                progress(done, total)
        through = _closed_through(sources, book.codec)
        made = [target.finish(through) for target in targets]
    _check(before, folder, partitions, partition_of)
    return made


class _Book:
    """What the sources have in common."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self.codec = Codec()
        self.terms: dict[str, TermsPublished] = {}
        clocks = {source.clock for source in sources if source.events}
        if len(clocks) > 1:
            raise CopyRefused("its partitions have different clocks")
        self.clock = clocks.pop() if clocks else "live"
        for source in sources:
            self.codec.learn(source.schemas)
        for source in sources:
            for _, event in _of_type(source, TermsPublished, self.codec):
                self.terms[event.terms_id] = event


def _of_type(source: Source, wanted: Any, codec: Codec) -> Iterator[tuple[int, Any]]:  # noqa: ANN401 - a type
    statement = "SELECT ordinal, topic, state FROM stored_events WHERE topic=? ORDER BY ordinal"
    for ordinal, topic, state in source.rows(statement, (wanted.TOPIC,)):
        yield ordinal, codec.event(topic, state)


def _closed_through(sources: Sequence[Source], codec: Codec) -> int | None:
    """The earliest instant through which a partition is closed; None where one is not."""
    found: list[int] = []
    for source in sources:
        if source.events:
            closed = [event.through for _, event in _of_type(source, ClosedThrough, codec)]
            if not closed:
                return None
            found.append(closed[-1])
    return min(found, default=None)


# --- taking apart -----------------------------------------------------------------------------------------------------


def _played(
    sources: Sequence[Source], partitions: int, partition_of: PartitionOf, codec: Codec
) -> Iterator[tuple[list[Said], int]]:
    """The entries of all sources by their instants, each source's in its order; with how many events each took."""
    each = [_Parts(source, partitions, partition_of, codec).entries() for source in sources]
    for _, _, parts, count in heapq.merge(*each, key=lambda one: one[:2]):
        yield parts, count


class _Parts:
    """Takes the entries of one source apart where their numbers fall to several partitions."""

    def __init__(self, source: Source, partitions: int, partition_of: PartitionOf, codec: Codec) -> None:
        self._source = source
        self._place = (partition_of, partitions)
        self._codec = codec

    def _falls_to(self, subject: str) -> int:
        partition_of, partitions = self._place
        return partition_of(subject, partitions)

    def entries(self) -> Iterator[tuple[int, int, list[Said], int]]:
        """The instant, the source's number, what is told, and how many events it took."""
        for chunk in self._source.chunks(Extent(), AT_ONCE):
            rows, at = list(chunk.rows), 0
            for entry in chunk.entries:
                begin = at
                while at < len(rows) and rows[at][0] <= entry.ordinal:
                    at += 1
                yield entry.at, self._source.partition, list(self._told(entry, rows[begin:at])), at - begin
            if at < len(rows):
                raise CopyRefused("there are events that no journal entry explains")

    def _told(self, entry: JournalEntry, rows: list[Row]) -> Iterator[Said]:
        command = self._codec.command(entry.name, entry.command, entry.at)
        moved = [row for row in rows if is_of_line(row[1])]
        if any(is_apart(row[1]) for row in rows):
            raise CopyRefused("something is set apart: carry it out first, `pulsa dead list` shows it")
        if isinstance(command, CloseThrough):
            yield from self._due(moved)
            return
        if not is_of_line(entry.subject):
            raise CopyRefused(f"the journal has a command of {entry.subject}, which belongs to no number")
        events = {row[0]: self._codec.event(row[3], row[4]) for row in moved}
        concerned = {_number(row) for row in moved}
        concerned |= {after.subject for event in events.values() for after in policies.after_event(event)}
        here = self._falls_to(entry.subject)
        if all(self._falls_to(number) == here for number in concerned):
            yield self._whole(entry, command, moved)
        else:
            yield from self._apart(entry, command, moved, events)

    @staticmethod
    def _whole(entry: JournalEntry, command: Command, rows: list[Row]) -> Said:
        first = next((at for at, row in enumerate(rows) if row[0] == entry.first_event), 0)
        return Said(
            entry.subject,
            command,
            entry.at,
            entry.code,
            entry.message,
            rows,
            first,
            entry.event_count,
            entry.principal,
            entry.command,
            entry.command_digest,
        )

    def _due(self, rows: list[Row]) -> Iterator[Said]:
        """What fell due at a closing: each number is advanced by itself."""
        numbers: dict[str, list[Row]] = {}
        for row in rows:
            numbers.setdefault(_number(row), []).append(row)
        for number, own in numbers.items():
            at = self._codec.event(own[0][3], own[0][4]).recorded_at
            name = f"repartition/{self._source.partition}:{own[0][0]}"
            advance = AdvanceTime(at=at, command_id=name, actor=_CLOCK, msisdn=number)
            yield Said(number, advance, at, None, None, own, 0, len(own))

    def _apart(
        self, entry: JournalEntry, command: Command, rows: list[Row], events: dict[int, Event]
    ) -> Iterator[Said]:
        """The command's own events, and what followed from them as if it had come from another partition."""
        followed: dict[str, list[Row]] = {}
        main: list[Row] = []
        elsewhere: dict[str, list[Row]] = {}
        for row in rows:
            event = events[row[0]]
            if event.command_id.startswith("policy/") and event.command_id != entry.command_id:
                followed[event.command_id] = [*elsewhere.pop(_number(row), []), row]
            elif _number(row) == entry.subject:
                main.append(row)
            else:
                elsewhere.setdefault(_number(row), []).append(row)
        yield self._whole(entry, command, main)
        for row in main:
            for receive in policies.after_event(events[row[0]]):
                yield from self._received(receive, followed, elsewhere, events)
        if followed or elsewhere:
            raise LogDamaged(f"{entry.command_id} has events that do not follow from it")

    def _received(
        self,
        receive: Command,
        followed: dict[str, list[Row]],
        elsewhere: dict[str, list[Row]],
        events: dict[int, Event],
    ) -> Iterator[Said]:
        taken = followed.pop(receive.command_id, None)
        if taken is not None:
            yield self._policy(receive, taken, events)
            return
        for code, refusal in REFUSALS.items():
            for give_back in policies.after_refusal(cast("ReceiveCreditTransfer", receive), refusal()):
                returned = followed.get(give_back.command_id)
                if returned is None or cast("Any", events[returned[-1][0]]).refusal != code:
                    continue
                del followed[give_back.command_id]
                due = elsewhere.pop(receive.subject, [])
                at = events[due[-1][0]].recorded_at if due else receive.at
                yield Said(receive.subject, receive, at, code, refusal().message, due)
                yield self._policy(give_back, returned, events)
                return
        # Neither arrived nor returned here: it was sent to another partition, whose journal tells.

    def _policy(self, command: Command, rows: list[Row], events: dict[int, Event]) -> Said:
        event = events[rows[-1][0]]
        if event.command_digest != self._codec.command_digest(command, self._codec.command_content(command)):
            raise LogDamaged(f"{command.command_id} does not follow from its cause as it stands")
        return Said(command.subject, command, event.recorded_at, None, None, rows, len(rows) - 1, 1)


def _number(row: Row) -> str:
    return subject_of(row[1])


# --- writing ----------------------------------------------------------------------------------------------------------


class _Target:
    """One partition of the new log, in a file."""

    def __init__(
        self, folder: Path, partition: int, partitions: int, sources: Sequence[Source], book: _Book
    ) -> None:
        self.partition, self._partitions, self._sources, self._book = partition, partitions, sources, book
        environment = {
            "SQLITE_DBNAME": str(folder / f"partition-{partition}.db"),
            "ORIGINATOR_ID_TYPE": "text",
        }
        self._factory = Factory(environment)
        self._recorder = cast("Recorder", self._factory.application_recorder())
        self._recorder.set_clock_mode(book.clock)
        schemas = [(s.fingerprint, s.name, s.text) for source in sources for s in source.schemas]
        with self._recorder.datastore.transaction(commit=True) as cursor:
            cursor.executemany("INSERT OR IGNORE INTO schemas VALUES (?,?,?)", schemas)
        self._published: set[str] = set()
        self._chains: dict[str, bytes] = {}
        self._events = self._entries = 0
        self._rows: list[StoredEvent] = []
        self._journal: list[JournalEntry] = []
        self._touched: set[str] = set()
        self._claims: list[Claim] = []

    def close(self) -> None:
        """Closes the file."""
        self._factory.close()

    def take(self, said: Said) -> None:
        """Writes an entry with its events, and before them what has to stand there first."""
        codec, command = self._book.codec, said.command
        content = codec.command_content(command)
        digest = said.digest or codec.command_digest(command, content)
        if said.rows:
            self._begin(said, digest)
        first = self._events + 1 + said.first if said.own else 0
        for row in said.rows:
            self._add(StoredEvent(row[1], row[2], row[3], row[4]))
        state = said.state or codec.command_state(command, content, stated_at=self._book.clock == "played")
        entry = (
            said.subject,
            command.command_id,
            command.name,
            digest,
            state,
            said.at,
            said.code,
            said.message,
        )
        places = (self._events, first, said.own)
        whole = JournalEntry(*entry, *places, NO_CHAIN, said.principal)
        chain = journal_digest(self._chains.get(said.subject, NO_CHAIN), whole)
        self._chains[said.subject] = chain
        self._journal.append(whole._replace(chain=chain))
        self._entries += 1
        self._touched |= {said.subject, *(_number(row) for row in said.rows)}
        if len(self._journal) >= AT_ONCE:
            self._write()

    def finish(self, through: int | None) -> Repartitioned:
        """Closes the partition as far as all that came into it was closed."""
        if through is not None and self._events:
            subject = log_of(self.partition)
            command = CloseThrough(
                at=through,
                command_id=f"repartition/close@{self.partition}",
                actor=_CLOCK,
                msisdn=subject,
                through=through,
            )
            digest = self._book.codec.command_digest(command, self._book.codec.command_content(command))
            closed = self._made(
                ClosedThrough, subject, 2, Said(subject, command, through, None, None, []), digest
            )
            closed.through = through  # type: ignore[attr-defined]
            row = (0, subject, 2, closed.TOPIC, self._book.codec.event_state(closed), b"")
            self.take(Said(subject, command, through, None, None, [row], 0, 1))
        self._write()
        return Repartitioned(self.partition, self._events, self._entries)

    def _begin(self, said: Said, digest: bytes) -> None:
        """As the ledger begins: what the partition is, and the terms that a command names."""
        if self._events == 0:
            created = self._made(LogCreated, log_of(self.partition), 1, said, digest)
            vars(created).update(clock=self._book.clock, partitions=self._partitions, release=RELEASE)
            self._add_event(created)
        terms_id = said.command.terms_named
        if terms_id is not None and said.code is None and terms_id not in self._published:
            was = self._book.terms[terms_id]
            terms = self._made(TermsPublished, terms_of(terms_id, self.partition), 1, said, digest)
            vars(terms).update(terms_id=terms_id, digest=was.digest, content=was.content)
            self._add_event(terms)
            self._published.add(terms_id)

    @staticmethod
    def _made(event_type: type[Event], subject: str, version: int, said: Said, digest: bytes) -> Event:
        return make(
            event_type,
            {
                "account": subject,
                "version": version,
                "effective_at": said.at,
                "recorded_at": said.at,
                "terms": None,
                "clause": None,
                "command_id": said.command.command_id,
                "command_digest": digest,
                "actor": said.command.actor,
                "postings": [],
            },
        )

    def _add_event(self, event: Event) -> None:
        self._add(StoredEvent(event.account, event.version, event.TOPIC, self._book.codec.event_state(event)))

    def _add(self, stored: StoredEvent) -> None:
        self._rows.append(stored)
        self._events += 1
        event_type = EVENT_TYPES.get(stored.topic)
        if event_type is not None and event_type.CLAIMS is not None:
            kind, field = event_type.CLAIMS
            self._claims.append(
                Claim(str(stored.originator_id), kind, self._book.codec.record(stored.state)[field])
            )

    def _write(self) -> None:
        heads = [
            NumberHead(number, self._due_at(number), self._chains.get(number, NO_CHAIN))
            for number in sorted(self._touched)
        ]
        if self._rows or self._journal:
            self._recorder.insert_events(self._rows, journal=self._journal, heads=heads, claims=self._claims)
        self._rows, self._journal, self._claims = [], [], []
        self._touched.clear()

    def _due_at(self, number: str) -> int | None:
        for source in self._sources:
            for (due_at,) in source.rows("SELECT due_at FROM numbers WHERE msisdn=?", (number,)):
                if due_at is not None:
                    return int(due_at)
        return None


# --- checking ---------------------------------------------------------------------------------------------------------

_LAST = (
    "SELECT originator_id, max(originator_version), digest FROM stored_events"
    " WHERE substr(originator_id, 1, 1) BETWEEN '0' AND '9' GROUP BY originator_id"
)


def _last_digests(sources: Sequence[Source]) -> dict[str, tuple[Any, ...]]:
    """The last version and digest of every account and number. Raises LogDamaged where one lies in two partitions."""
    found: dict[str, tuple[Any, ...]] = {}
    for source in sources:
        for name, *last in source.rows(_LAST):
            if name in found:
                raise LogDamaged(f"{name} lies in two partitions")
            found[name] = tuple(last)
    return found


def _check(
    before: dict[str, tuple[Any, ...]], folder: Path, partitions: int, partition_of: PartitionOf
) -> None:
    """Raises LogDamaged unless every account ends with the digest that it had, and each partition verifies."""
    transfers, whole = Transfers(), Report(str(folder))
    for number in range(partitions):
        path = folder / f"partition-{number}.db"
        with closing(Source(path, number)) as made:
            for name, *last in made.rows(_LAST):
                if before.pop(name, None) != tuple(last):
                    raise LogDamaged(f"{name} is not what it was")
        report = verify(
            path,
            partition=number,
            partitions=partitions,
            is_here=lambda subject, here=number: partition_of(subject, partitions) == here,  # type: ignore[misc]
            transfers=transfers,
        )
        whole.join(report)
    transfers.settle(whole)
    if not whole.clean:
        raise LogDamaged(f"{folder} does not verify: {whole.findings[0]}")
    if before:
        raise LogDamaged(f"{next(iter(before))} is missing")
