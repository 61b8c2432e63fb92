"""A promise: kept by an instant, or broken at it by itself; then others hear of it."""

from __future__ import annotations

from typing import Any

import msgspec

from ledger.domain.calendar import NEVER
from ledger.domain.commands import Command
from ledger.domain.events import Event
from ledger.domain.one_stream import OneStream, state_in
from ledger.domain.refusals import NotEligible, UnknownAccount
from ledger.domain.subject import Streams
from tests.toy.commands import AdvancePromise, HearOf, KeepPromise, MakePromise
from tests.toy.events import BrokenHeardOf, PromiseBroken, PromiseKept, PromiseMade


class PromiseState(msgspec.Struct):
    """What its events add up to."""

    id: str
    version: int = 0
    recorded_at: int = -NEVER
    until: int = NEVER
    tells: str | None = None
    heard: list[str] = []

    def apply(self, event: Event) -> None:
        self.version = event.version
        self.recorded_at = max(self.recorded_at, event.recorded_at)
        if isinstance(event, PromiseMade):
            self.until, self.tells = event.until, event.tells
        elif isinstance(event, BrokenHeardOf):
            self.heard.append(event.of)
        else:
            self.until = NEVER


class Promise(OneStream[PromiseState]):
    """A promise as a subject."""

    __slots__ = ()

    @property
    def due_at(self) -> int:
        return self._state.until

    @property
    def tells(self) -> str | None:
        return self._state.tells

    @property
    def heard(self) -> list[str]:
        return self._state.heard

    def advance(self, until: int) -> None:
        while (at := self.due_at) <= until:
            self.emit(PromiseBroken, due_at=at, tells=self.tells)


def promise_in(streams: Streams, id_: str) -> Promise:
    """A promise as the log has it."""
    return Promise(state_in(streams, id_, PromiseState))


def admit(promise: Promise, command: Command) -> None:
    """There has to be one, unless it is made or only looked at."""
    if promise.recorded_at == -NEVER and not isinstance(command, MakePromise | AdvancePromise):
        raise UnknownAccount(promise.id)


def decide(promise: Promise, command: Command) -> None:
    """What each command does."""
    if isinstance(command, MakePromise):
        if promise.recorded_at != -NEVER:
            raise NotEligible("it was made before")
        promise.emit(PromiseMade, until=command.until, tells=command.tells)
    elif isinstance(command, KeepPromise):
        if promise.due_at == NEVER:
            raise NotEligible("it is kept or broken already")
        promise.emit(PromiseKept)
    elif isinstance(command, HearOf) and command.of != promise.id:
        own: dict[str, Any] = {"of": command.of, "broken_at": command.broken_at, "tells": promise.tells}
        promise.emit(BrokenHeardOf, **own)
