"""What a batch of commands has brought about so far, to be written in one transaction."""

from __future__ import annotations

from collections.abc import Iterable

from ledger.domain.account import NEVER
from ledger.domain.commands import Command
from ledger.domain.events import Event
from ledger.journal import Claim, JournalEntry, NumberHead
from ledger.lines import Held
from ledger.outcomes import Outcome


class Batch:
    """Events and journal entries in order; `decided` are the answers given before, and in this batch."""

    __slots__ = ("claims", "decided", "events", "forwarded", "journal", "ordinal", "principal", "touched")

    def __init__(
        self,
        decided: dict[tuple[str, str], tuple[bytes, Outcome]],
        ordinal: int,
        principal: str | None = None,
    ) -> None:
        self.decided = decided
        self.principal = principal
        """Who sent it, where that is known."""
        self.ordinal = ordinal
        """The ordinal of the last event so far."""
        self.events: list[Event] = []
        self.journal: list[JournalEntry] = []
        self.claims: dict[Claim, None] = {}
        self.forwarded: list[Command] = []
        """Policies' commands for other partitions."""
        self.touched: dict[str, Held] = {}

    def add(self, events: Iterable[Event]) -> None:
        """Takes in events in the order in which they happened."""
        for event in events:
            self.events.append(event)
            self.ordinal += 1
            if event.CLAIMS is not None:
                kind, field = event.CLAIMS
                self.claims[Claim(event.account, kind, getattr(event, field))] = None

    def heads(self) -> list[NumberHead]:
        """Where the touched numbers stand now."""
        return [
            NumberHead(msisdn, None if (due := held.line.due_at) == NEVER else due, held.chain)
            for msisdn, held in self.touched.items()
        ]
