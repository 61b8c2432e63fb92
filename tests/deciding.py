"""The rules played in memory: lines that decide, and what follows from their events. No log, no batch, no journal.

It holds each line against a second one, to which its events came as a log would give them back: as Avro bytes.
"""

from __future__ import annotations

from collections.abc import Iterable

from ledger.application.ledger import CLOCK_TOLERANCE
from ledger.application.outcomes import ACCEPTED, REFUSED, REPEATED, EventReference, Outcome
from ledger.domain import refusals
from ledger.domain.commands import Command
from ledger.domain.events import Event
from ledger.domain.kinds import EVENT_TYPES, after_event, after_refusal, kind_for, subject_of
from ledger.domain.line.commands import LineCommand
from ledger.domain.line.deciding import admit
from ledger.domain.line.line import Line
from ledger.domain.subject import Cause
from ledger.domain.terms import Terms
from ledger.domain.terms_book import TermsBook
from ledger.store.codec import Codec

_CODEC = Codec()


class Deciding:
    """What is decided on some numbers, each command on its own and once."""

    def __init__(self, terms: Iterable[Terms]) -> None:
        self.book = TermsBook(terms)
        self._happened: list[Event] = []
        self._lines: dict[str, tuple[Line, Line]] = {}
        self._claims: set[tuple[str, str, str]] = set()

    def reopen(self) -> None:
        """Goes on with the lines that the events alone have made."""
        for msisdn in self._lines:
            again = [Line(msisdn, self.book, claimed=self._claimed) for _ in range(2)]
            for event in self._happened:
                if subject_of(event.account) == msisdn:
                    for line in again:
                        line.take(event)
            self._lines[msisdn] = (again[0], again[1])

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
        assert isinstance(command, LineCommand)
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

    def _taken_at(self, command: LineCommand) -> int:
        if command.terms_named is not None and command.terms_named not in self.book:
            raise refusals.Invalid(f"terms: no terms are named {command.terms_named!r}")
        line, _ = self._pair(command.subject)
        admit(line, command)
        if line.recorded_at - command.at > CLOCK_TOLERANCE:
            raise refusals.ClockBehind
        return max(command.at, line.recorded_at)

    def _carry_out(
        self, command: LineCommand, at: int, digest: bytes
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
        assert isinstance(command, LineCommand)
        line, _ = self._pair(command.subject)
        try:
            admit(line, command)
        except refusals.Refusal as refusal:
            for one in after_refusal(command, refusal):
                self._follow(one)
        else:
            self._carry_out(command, max(command.at, line.recorded_at), _digest(command))

    def _record(self, event: Event, twin: Line) -> None:
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

    def _pair(self, msisdn: str) -> tuple[Line, Line]:
        found = self._lines.get(msisdn)
        if found is None:
            found = Line(msisdn, self.book, claimed=self._claimed), Line(msisdn, self.book)
            self._lines[msisdn] = found
        return found


def _digest(command: LineCommand) -> bytes:
    return _CODEC.command_digest(command, _CODEC.command_content(command))


def _state(line: Line) -> tuple[object, ...]:
    return line.number, line.account, line.former, line.recorded_at, line.due_at
