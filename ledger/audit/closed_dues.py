"""What is due when a partition is closed: by then all of it has to be recorded, each boundary its bill among them."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heappop, heappush

from ledger.domain.calendar import NEVER
from ledger.domain.subject import Subject


class ClosedDues:
    """When each subject falls due next, as its events say so far. What that takes grows with the subjects."""

    def __init__(self) -> None:
        self._due_at: dict[str, int] = {}
        self._coming: list[tuple[int, str]] = []
        """Soonest first; one that is not as `_due_at` has it is over."""

    def take(self, subject: Subject) -> None:
        """Notes when a subject falls due after its last event."""
        due, id_ = subject.due_at, subject.id
        if self._due_at.get(id_) != due:
            self._due_at[id_] = due
            if due < NEVER:
                heappush(self._coming, (due, id_))

    def unrecorded(self, through: int) -> Iterator[tuple[str, int]]:
        """The subjects that fell due by an instant, and when; each is told once."""
        while self._coming and self._coming[0][0] <= through:
            due, id_ = heappop(self._coming)
            if self._due_at.get(id_) == due:
                yield id_, due
