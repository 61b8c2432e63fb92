"""Subjects whose events lie in one stream, that of their own id: what they all have."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import Any, Generic, Protocol, Self, TypeVar

import msgspec

from ledger.domain.events import Event
from ledger.domain.subject import NOTHING, State, Streams, Subject, fell_due, make_event


class Folded(State, Protocol):
    """A state that takes events in; made of an id alone, it is that of a subject to which nothing has happened."""

    def __init__(self, id_: str, /) -> None: ...

    def apply(self, event: Event) -> None:
        """Takes an event in."""


F = TypeVar("F", bound=Folded)


class OneStream(Subject, Generic[F]):
    """A subject by the state that its stream adds up to."""

    __slots__ = ("_events", "_state")

    def __init__(self, state: F) -> None:
        self._state = state
        self._events: list[Event] = []
        self.cause = NOTHING
        self.recorded_at = state.recorded_at

    @property
    def id(self) -> str:
        """Its stream."""
        return self._state.id

    @property
    def state(self) -> F:
        """What its events add up to."""
        return self._state

    def take(self, event: Event) -> None:
        """Applies an event that the log holds."""
        self._state.apply(event)
        self.recorded_at = self._state.recorded_at

    def emit(  # noqa: PLR0913 - the parts of an event that are not its type's own
        self,
        event_type: type[Event],
        *,
        due_at: int | None = None,
        due_about: str | None = None,
        effective_at: int | None = None,
        terms: str | None = None,
        clause: str | None = None,
        **own: Any,  # noqa: ANN401 - the type's own fields
    ) -> None:
        """Records an event for the command at hand; with `due_at`, what fell due then, of which `due_about` says which.

        `terms` and `clause` are those of the event, where some apply.
        """
        cause = self.cause
        if due_at is not None:
            effective_at = due_at
            cause = fell_due(self.id, event_type, due_at, cause.at, due_about)
        state = self._state
        event = make_event(
            event_type,
            state.id,
            state.version + 1,
            cause,
            own,
            effective_at=effective_at,
            terms=terms,
            clause=clause,
        )
        self._events.append(event)
        self.take(event)

    def collect(self) -> list[Event]:
        """What was emitted since last asked, in order."""
        events, self._events = self._events, []
        return events

    def copy(self) -> Self:
        """The subject as it stands."""
        other = copy(self)
        state: F = msgspec.msgpack.decode(msgspec.msgpack.encode(self._state), type=type(self._state))
        other._state, other._events, other.cause = state, [], NOTHING  # noqa: SLF001 - its own kind
        return other

    def states(self) -> Sequence[State]:
        """What snapshots are kept of."""
        return [self._state]

    def state_of(self, stream: str) -> State | None:
        """What its stream adds up to."""
        return self._state if stream == self.id else None


def state_in(streams: Streams, id_: str, of: type[F]) -> F:
    """What the log holds of a subject; it need not have been seen before."""
    return streams.state(id_, lambda first: of(first.account), of.apply) or of(id_)
