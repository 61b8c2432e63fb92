"""What may be said of a breach of personal data, `breach/<id>`."""

from __future__ import annotations

from typing import ClassVar

from ledger.domain.commands import Command


class BreachCommand(Command, frozen=True, kw_only=True, gc=False):
    """A command about a breach."""

    breach: str

    @property
    def subject(self) -> str:
        """The breach."""
        return self.breach


class AdvanceBreach(BreachCommand, frozen=True, kw_only=True, gc=False):
    """Records what fell due."""

    OWN_IS_DUE: ClassVar[bool] = True


class RecordBreach(BreachCommand, frozen=True, kw_only=True, gc=False):
    """Records that personal data were exposed; whose, the scope's query says, and how many that were then."""

    terms: str
    discovered_at: int
    scope: str
    fields: list[str]
    persons: int


class NotifyBreach(BreachCommand, frozen=True, kw_only=True, gc=False):
    """The authority, or the persons, were told of it."""

    to: str
    reference: str
