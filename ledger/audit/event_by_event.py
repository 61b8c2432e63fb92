"""What each event follows from: the state of its subject before it, and of the partition that it is in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from hashlib import sha256

from ledger.audit.closed_dues import ClosedDues
from ledger.audit.derived_tables import DerivedTables
from ledger.domain.calendar import NEVER, format_instant
from ledger.domain.events import Event
from ledger.domain.ids import apart_of, subject_of
from ledger.domain.kinds import is_keyed, new_subject
from ledger.domain.money import imbalance
from ledger.domain.partition.events import ClosedThrough, CommandSetApart, LogCreated, TermsPublished
from ledger.domain.subject import DUE, Subject
from ledger.domain.terms_book import Document, TermsBook


class EventByEvent:
    """The events of one partition, folded as they are read, each held against what was so before it."""

    def __init__(
        self, partition: int, partitions: int | None, belongs: Callable[[str], bool], derived: DerivedTables
    ) -> None:
        self._partition = partition
        self._partitions = partitions
        self._belongs = belongs
        self._derived = derived
        self._book = TermsBook()
        self._dues = ClosedDues()
        self.subjects: dict[str, Subject] = {}
        self.broken: set[str] = set()
        """Subjects whose events cannot be folded further."""
        self._told: dict[str, str] = {}
        """By subject, the id of the command that its last event came of."""
        self.closed_through = -NEVER
        self.clock = ""
        """As the partition's first event says; empty until then."""

    def faults(self, event: Event, ordinal: int, id_: str, version: int) -> Iterator[str]:
        """What is wrong with an event, which lies at an ordinal under an id and a version."""
        if event.account != id_ or event.version != version:
            yield f"it says that it is {event.account} version {event.version}"
            return
        for unit, amount in imbalance(event.postings).items():
            yield f"its postings leave {amount} sen of {unit}"
        if event.version == 1 and not self._belongs(id_):
            yield "its subject belongs to another partition"
        if event.effective_at > event.recorded_at:
            yield "it is effective after it was recorded"
        if event.recorded_at <= self.closed_through:
            yield f"it was recorded at or before {format_instant(self.closed_through)}, which was closed"
        if is_keyed(id_):
            yield from self._folded(event)
        else:
            yield from self._of_the_log(event, ordinal)

    def _of_the_log(self, event: Event, ordinal: int) -> Iterator[str]:
        if isinstance(event, LogCreated):
            self.clock = event.clock
            if event.version != 1 or ordinal != 1:
                yield "it is not the first event"
            if None not in (self._partitions, event.partitions) and self._partitions != event.partitions:
                yield f"it says that the log has {event.partitions} partitions; there are {self._partitions}"
        elif isinstance(event, ClosedThrough):
            if event.through <= self.closed_through:
                yield "more was closed before"
            for id_, due in self._dues.unrecorded(event.through):
                if id_ not in self.broken:
                    yield f"what fell due at {format_instant(due)} for {id_} was not recorded before it"
            self.closed_through = max(event.through, self.closed_through)
        elif isinstance(event, CommandSetApart):
            if event.account != apart_of(self._partition):
                yield "it is of another partition"
        elif isinstance(event, TermsPublished):
            if sha256(event.content.encode()).hexdigest() != event.digest:
                yield "the digest of the terms is not that of their content"
            try:
                self._book.publish(Document(event.terms_id, event.content, event.digest))
                self._book[event.terms_id]
            except Exception as error:  # noqa: BLE001 - whatever damaged terms do
                yield f"the terms cannot be read: {error}"
        else:
            yield "its subject is neither a number nor an account"

    def _folded(self, event: Event) -> Iterator[str]:
        """The event follows from the state that was, and leads to one that may be."""
        id_ = subject_of(event.account)
        if id_ in self.broken:
            return
        subject = self.subjects.get(id_)
        if subject is None:
            subject = self.subjects[id_] = new_subject(id_, self._book)
        if event.recorded_at < subject.recorded_at:
            yield "the number has an event before it that was recorded later"
        due = subject.due_at
        if event.command_id.startswith(DUE):
            if due != event.effective_at:
                yield f"nothing fell due at {format_instant(event.effective_at)}"
        elif (
            due <= event.recorded_at and self._told.get(id_) != event.command_id
        ):  # its own events come first
            yield f"what fell due at {format_instant(due)} was not recorded before it"
        try:
            subject.take(event)
        except Exception as error:  # noqa: BLE001 - whatever an event that does not belong does
            self.broken.add(id_)
            yield f"it does not fit the events before it ({type(error).__name__}: {error})"
            return
        self._told[id_] = event.command_id
        self._dues.take(subject)
        yield from subject.faults(event)
        yield from self._derived.faults(subject, event)
