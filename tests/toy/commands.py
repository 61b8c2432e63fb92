"""What may be asked of a promise."""

from __future__ import annotations

from typing import ClassVar

from ledger.domain.commands import Command


class PromiseCommand(Command, frozen=True, kw_only=True, gc=False):
    """A command about a promise, `promise/<name>`."""

    promise: str

    @property
    def subject(self) -> str:
        return self.promise


class MakePromise(PromiseCommand, frozen=True, kw_only=True, gc=False):
    """To be kept by an instant; `tells` is who hears when it is not, or when this one hears so of another."""

    until: int
    tells: str | None = None


class KeepPromise(PromiseCommand, frozen=True, kw_only=True, gc=False):
    """It is kept."""


class AdvancePromise(PromiseCommand, frozen=True, kw_only=True, gc=False):
    """Records what fell due."""

    OWN_IS_DUE: ClassVar[bool] = True


class HearOf(PromiseCommand, frozen=True, kw_only=True, gc=False):
    """Another promise was broken; said by policy only."""

    INTERNAL: ClassVar[bool] = True
    MAY_COME_TO_NOTHING: ClassVar[bool] = True
    of: str
    broken_at: int
