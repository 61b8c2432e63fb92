"""What happens to a promise."""

from __future__ import annotations

from dataclasses import dataclass

from ledger.domain.events import Event, named

_toy = named("toy.promise")


@_toy
@dataclass(kw_only=True)
class PromiseMade(Event):
    """It is to be kept by an instant."""

    until: int
    tells: str | None


@_toy
@dataclass(kw_only=True)
class PromiseKept(Event):
    """It was kept in time."""


@_toy
@dataclass(kw_only=True)
class PromiseBroken(Event):
    """It was not, by the instant that it was to be kept by."""

    tells: str | None


@_toy
@dataclass(kw_only=True)
class BrokenHeardOf(Event):
    """Another one was broken."""

    of: str
    broken_at: int
    tells: str | None
