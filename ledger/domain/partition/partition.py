"""A partition as a subject: how it began, how far it is closed, which terms it uses, what waits there to be mended."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from ledger.domain.calendar import NEVER
from ledger.domain.commands import Command
from ledger.domain.events import Event
from ledger.domain.ids import apart_of, log_of, partition_named, terms_of
from ledger.domain.partition.commands import CloseThrough
from ledger.domain.partition.events import ClosedThrough, CommandSetApart, LogCreated, TermsPublished
from ledger.domain.subject import NOTHING, Cause, Streams, Subject, make_event
from ledger.domain.terms_book import Document, TermsBook


class Origin(NamedTuple):
    """What a new log says of itself: how many partitions it has, which release made it, and what numbers are there."""

    partitions: int | None
    release: str | None
    ids: str | None = None


class Standing(NamedTuple):
    """What of a partition commands change: versions of its streams, and the instant that it is closed through."""

    version: int = 0
    apart: int = 0
    closed_through: int = -NEVER


class Partition(Subject):
    """What all subjects of a partition have in common. `book` takes the terms that it publishes."""

    __slots__ = ("_book", "_events", "number", "standing")

    def __init__(self, number: int, book: TermsBook) -> None:
        self.number = number
        self.cause = NOTHING
        self.recorded_at = -NEVER
        self.standing = Standing()
        self._book = book
        self._events: list[Event] = []

    @property
    def id(self) -> str:
        """Such as `log@0`."""
        return log_of(self.number)

    @property
    def due_at(self) -> int:
        """Never: it is closed when the clock says so."""
        return NEVER

    def advance(self, until: int) -> None:
        """Nothing falls due."""

    def take(self, event: Event) -> None:
        """Applies an event of one of its streams."""
        standing = self.standing
        if isinstance(event, CommandSetApart):
            self.standing = standing._replace(apart=event.version)
        elif isinstance(event, TermsPublished):
            self._book.publish(Document(event.terms_id, event.content, event.digest))
        else:
            through = event.through if isinstance(event, ClosedThrough) else standing.closed_through
            self.standing = standing._replace(version=event.version, closed_through=through)

    def collect(self) -> list[Event]:
        """What was emitted since last asked."""
        events, self._events = self._events, []
        return events

    def copy(self) -> Partition:
        """The partition as it stands."""
        other = Partition(self.number, self._book)
        other.standing = self.standing
        return other

    def undo(self, standing: Standing, gone: Iterable[Event]) -> None:
        """Stands again as it stood before these events of its log, of which some may be its own."""
        self.standing = standing
        self._events.clear()
        for event in gone:
            if isinstance(event, TermsPublished):
                self._book.withdraw(event.terms_id)

    # --- what happens to it -----------------------------------------------------------------------------------------

    def begin(self, cause: Cause, clock: str, origin: Origin) -> None:
        """Its first event, before anything else is recorded; where it has begun, nothing."""
        if self.standing.version == 0:
            self._emit(make_event(LogCreated, self.id, 1, cause, {"clock": clock, **origin._asdict()}))

    def publish(self, document: Document, cause: Cause) -> None:
        """Terms are used for the first time."""
        stream = terms_of(document.terms_id, self.number)
        self._emit(make_event(TermsPublished, stream, 1, cause, document._asdict()))

    def set_apart(self, command: Command, content: bytes, code: str, reason: str, cause: Cause) -> None:
        """A policy's command could not be carried out."""
        own: dict[str, Any] = {
            "command": command.name,
            "apart_id": command.command_id,
            "subject": command.subject,
            "content": content,
            "code": code,
            "reason": reason,
        }
        version = self.standing.apart + 1
        self._emit(make_event(CommandSetApart, apart_of(self.number), version, cause, own))

    def close(self, through: int) -> None:
        """Closes it through an instant, to which everything there has come; where more is closed, nothing."""
        if through > self.standing.closed_through:
            version = self.standing.version + 1
            self._emit(make_event(ClosedThrough, self.id, version, self.cause, {"through": through}))

    def _emit(self, event: Event) -> None:
        self._events.append(event)
        self.take(event)


def partition_in(streams: Streams, id_: str, book: TermsBook) -> Partition:
    """A partition as the log has it: its last events say all. The terms that it has published are not looked at."""
    number = partition_named(id_)
    if number is None:
        raise ValueError(f"{id_!r} is no partition")
    partition = Partition(number, book)
    for stream in (log_of(number), apart_of(number)):
        last = streams.last(stream)
        if last is not None:
            partition.take(last)
    return partition


def decide(partition: Partition, command: CloseThrough) -> None:
    """Closes it: the ledger has advanced everything there."""
    partition.close(command.through)
