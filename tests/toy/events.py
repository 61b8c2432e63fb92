"""What happens to a promise."""

from __future__ import annotations

from ledger.domain.events import Event, named

_toy = named("toy.promise")


@_toy
class PromiseMade(Event):
    """It is to be kept by an instant."""

    until: int
    tells: str | None


@_toy
class PromiseKept(Event):
    """It was kept in time."""


@_toy
class PromiseBroken(Event):
    """It was not, by the instant that it was to be kept by."""

    tells: str | None


@_toy
class BrokenHeardOf(Event):
    """Another one was broken."""

    of: str
    broken_at: int
    tells: str | None
