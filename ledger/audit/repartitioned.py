"""One partition of a log that is played into another number of them: a file, and what stands in it.

What is about whole partitions is made anew: their beginning, the terms that they use, and how far they are closed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

from eventsourcing.persistence import StoredEvent

from ledger.application.journal import NO_CHAIN, Claim, JournalEntry, SubjectHead, journal_digest
from ledger.audit.entries_split import AT_ONCE, Said, subject_in
from ledger.domain.events import Event, make
from ledger.domain.ids import log_of, terms_of
from ledger.domain.kinds import EVENT_TYPES
from ledger.domain.partition.commands import CloseThrough
from ledger.domain.partition.events import ClosedThrough, LogCreated, TermsPublished
from ledger.domain.subject import CLOCK
from ledger.release import RELEASE
from ledger.store.codec import Codec
from ledger.store.copying import CopyRefused, Source
from ledger.store.sqlite import Factory, Recorder


class Repartitioned(NamedTuple):
    """What lies in a partition now."""

    partition: int
    events: int
    entries: int


class Sources:
    """What the sources have in common."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self.codec = Codec()
        self.terms: dict[str, TermsPublished] = {}
        ids = {source.ids for source in sources if source.events}
        if len(ids) > 1:
            raise CopyRefused("its partitions have different ids")
        self.ids = ids.pop() if ids else None
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


def closed_through(sources: Sequence[Source], codec: Codec) -> int | None:
    """The earliest instant through which a partition is closed; None where one is not."""
    found: list[int] = []
    for source in sources:
        if source.events:
            closed = [event.through for _, event in _of_type(source, ClosedThrough, codec)]
            if not closed:
                return None
            found.append(closed[-1])
    return min(found, default=None)


class NewPartition:
    """One partition of the new log, in a file."""

    def __init__(
        self, folder: Path, partition: int, partitions: int, sources: Sequence[Source], book: Sources
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
        self._touched |= {said.subject, *(subject_in(row) for row in said.rows)}
        if len(self._journal) >= AT_ONCE:
            self._write()

    def finish(self, through: int | None) -> Repartitioned:
        """Closes the partition as far as all that came into it was closed."""
        if through is not None and self._events:
            subject = log_of(self.partition)
            command = CloseThrough(
                at=through,
                command_id=f"repartition/close@{self.partition}",
                actor=CLOCK,
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
            vars(created).update(
                clock=self._book.clock, partitions=self._partitions, release=RELEASE, ids=self._book.ids
            )
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
        if event_type is not None and event_type.CLAIMS:
            record = self._book.codec.record(stored.state)
            self._claims += [
                Claim(str(stored.originator_id), kind, record[field]) for kind, field in event_type.CLAIMS
            ]

    def _write(self) -> None:
        heads = [
            SubjectHead(number, self._due_at(number), self._chains.get(number, NO_CHAIN))
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
