"""A number: it belongs to the operator and has a life of its own, apart from its accounts (SP23-04, SP23-12)."""

from __future__ import annotations

import msgspec

from ledger.domain.calendar import NEVER
from ledger.domain.events import Event
from ledger.domain.line.events import (
    NumberAvailable,
    NumberQuarantined,
    SuspenseAssigned,
    SuspenseReceived,
    SuspenseRefused,
    SuspenseReturned,
)

AVAILABLE, ASSIGNED, QUARANTINED = "available", "assigned", "quarantined"


class Suspense(msgspec.Struct, array_like=True, frozen=True):
    """Money that no account took: sen, how and by whom it was paid, when it came in, and what was said of it."""

    amount: int
    method: str
    payer: str
    received_at: int
    content: str


class Number(msgspec.Struct):
    """What the number's own events add up to: the last account that it was freed of, and whether it may be issued.

    A number never seen is available.
    """

    id: str
    version: int = 0
    recorded_at: int = -NEVER
    generation: int = 0
    """The account that ended last, as far as the number knows; the next one has this plus one."""
    holder: str | None = None
    """Who held the number last; a pack that was never activated had no holder."""
    available_at: int | None = None
    """When a quarantine ends; None where none runs."""
    suspense: dict[str, Suspense] = {}
    """What lies in suspense, by reference."""

    def apply(self, event: Event) -> None:
        """Takes an event of the number into the state."""
        self.version = event.version
        self.recorded_at = max(self.recorded_at, event.recorded_at)
        if isinstance(event, SuspenseReceived | SuspenseRefused):
            held = (event.amount, event.method, event.payer, event.received_at, event.content)
            self.suspense[event.reference] = Suspense(*held)
        elif isinstance(event, SuspenseAssigned | SuspenseReturned):
            self.suspense.pop(event.reference, None)
        if not isinstance(event, NumberQuarantined | NumberAvailable):
            return
        self.generation = event.generation
        self.holder = event.customer or self.holder
        self.available_at = event.available_at if isinstance(event, NumberQuarantined) else None
