"""The rules played in memory: subjects that decide, and what follows from their events. No log, no batch, no journal.

It holds each subject against a second one, to which its events came as a log would give them back: as Avro bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ledger.application.journal import NO_CHAIN, event_digest
from ledger.application.ledger import CLOCK_TOLERANCE
from ledger.application.outcomes import ACCEPTED, REFUSED, REPEATED, EventReference, Outcome
from ledger.domain import refusals
from ledger.domain.commands import Command
from ledger.domain.events import Event
from ledger.domain.ids import is_of_line, subject_of
from ledger.domain.kinds import EVENT_TYPES, after_event, after_refusal, kind_for, kind_of
from ledger.domain.line.line import Line
from ledger.domain.subject import Cause, NoStreams, Subject
from ledger.domain.terms import Terms
from ledger.domain.terms_book import TermsBook
from ledger.store.codec import Codec

_CODEC = Codec()


class Deciding:
    """What is decided on some subjects, each command on its own and once."""

    def __init__(self, terms: Iterable[Terms]) -> None:
        self.book = TermsBook(terms)
        self._happened: list[Event] = []
        self._subjects: dict[str, tuple[Subject, Subject]] = {}
        self._claims: set[tuple[str, str, str]] = set()

    def reopen(self) -> None:
        """Goes on with the subjects that the events alone have made."""
        for id_ in self._subjects:
            again = self._new(id_)
            for event in self._happened:
                if subject_of(event.account) == id_:
                    for subject in again:
                        subject.take(event)
            self._subjects[id_] = again

    def close(self) -> None:
        """Nothing is open."""

    def head(self) -> int:
        """How many events there are."""
        return len(self._happened)

    def events(self, after: int) -> list[Event]:
        """What happened after so many events, in its order, as it was read back."""
        return self._happened[after:]

    def execute(self, command: Command) -> Outcome:
        """What becomes of a command."""
        at = command.at
        own: list[Event] = []
        refusal: refusals.Refusal | refusals.Repeated | None
        try:
            at = self._taken_at(command)
            refusal, own = self._carry_out(command, at, _digest(command))
        except refusals.Refusal as refused:
            refusal = refused
        named = tuple(EventReference(event.TOPIC, event.account, event.version) for event in own)
        status, code, message = ACCEPTED, None, None
        if isinstance(refusal, refusals.Repeated):
            status = REPEATED
        elif refusal is not None:
            status, code, message = REFUSED, refusal.code, refusal.message
        return Outcome(command.command_id, status, code, message, named, 0, self.head(), at)

    def _taken_at(self, command: Command) -> int:
        if command.terms_named is not None and command.terms_named not in self.book:
            raise refusals.Invalid(f"terms: no terms are named {command.terms_named!r}")
        line, _ = self._pair(command.subject)
        kind_for(command).admit(line, command)
        if line.recorded_at - command.at > CLOCK_TOLERANCE:
            raise refusals.ClockBehind
        return max(command.at, line.recorded_at)

    def _carry_out(
        self, command: Command, at: int, digest: bytes
    ) -> tuple[refusals.Refusal | refusals.Repeated | None, list[Event]]:
        """The refusal if it was one, and the events that are the command's own; what follows is done too."""
        line, twin = self._pair(command.subject)
        refusal: refusals.Refusal | refusals.Repeated | None = None
        line.cause = Cause(at, command.command_id, digest, command.actor)
        line.advance(at)
        try:
            kind_for(command).decide(line, command)
        except (refusals.Refusal, refusals.Repeated) as refused:
            refusal = refused
        line.advance(at)
        happened = line.collect()
        for event in happened:
            self._record(event, twin)
        assert _state(line) == _state(twin), "its events add up to something else"
        own = [event for event in happened if command.OWN_IS_DUE or event.command_id == command.command_id]
        following = [one for event in happened for one in after_event(event)]
        if isinstance(refusal, refusals.Refusal):
            following += after_refusal(command, refusal)
        for one in following:
            self._follow(one)
        return refusal, own

    def _follow(self, command: Command) -> None:
        """A policy's command, which is taken however late it comes."""
        line, _ = self._pair(command.subject)
        try:
            kind_for(command).admit(line, command)
        except refusals.Refusal as refusal:
            for one in after_refusal(command, refusal):
                self._follow(one)
        else:
            self._carry_out(command, max(command.at, line.recorded_at), _digest(command))

    def _record(self, event: Event, twin: Subject) -> None:
        read = _CODEC.event(event.TOPIC, _CODEC.event_state(event))
        assert read == event
        self._happened.append(read)
        twin.take(read)
        for kind, field in event.CLAIMS:
            self._claims.add((event.account, kind, getattr(event, field)))

    def _claimed(self, account: str, kind: str, id_: str) -> bool:
        if kind in EVENT_TYPES:
            asked = (account, kind, id_)
            return any((one.account, one.TOPIC, one.command_id) == asked for one in self._happened)
        return (account, kind, id_) in self._claims

    # --- as what rules ask of the past ------------------------------------------------------------------------------

    def span(self, stream: str, first: int, last: int) -> list[Event]:
        """The events of a stream by version, both ends included."""
        return [one for one in self._happened if one.account == stream and first <= one.version <= last]

    def of_command(self, stream: str, command_id: str) -> list[Event]:
        """Those that a command of that id has brought about there."""
        return [one for one in self._happened if (one.account, one.command_id) == (stream, command_id)]

    def digest(self, stream: str, version: int, fresh: Sequence[Event]) -> bytes:
        """The digest that chains an event to all before it."""
        digest = NO_CHAIN
        for one in (*self.span(stream, 1, version), *fresh):
            if one.version <= version:
                digest = event_digest(digest, one.TOPIC, _CODEC.event_state(one))
        return digest

    def _pair(self, id_: str) -> tuple[Subject, Subject]:
        found = self._subjects.get(id_)
        if found is None:
            found = self._subjects[id_] = self._new(id_)
        return found

    def _new(self, id_: str) -> tuple[Subject, Subject]:
        if is_of_line(id_):
            line, twin = (Line(id_, self.book, claimed=self._claimed, records=self) for _ in range(2))
            return line, twin
        kind = kind_of(id_)
        if kind is None:
            raise LookupError(f"no subject has an id like {id_!r}")
        streams = NoStreams()
        streams.records = self
        own, same = (kind.load(id_, streams, self.book, self._claimed) for _ in range(2))
        return own, same


def _digest(command: Command) -> bytes:
    return _CODEC.command_digest(command, _CODEC.command_content(command))


def _state(subject: Subject) -> tuple[object, ...]:
    own = (subject.number, subject.account, subject.former) if isinstance(subject, Line) else subject.states()
    return own, subject.recorded_at, subject.due_at
