"""What a batch of commands has brought about so far, to be written in one transaction; and how one is undone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import NamedTuple

from ledger.application.journal import NO_CHAIN, Apart, Claim, JournalEntry, SubjectHead
from ledger.application.memory import Held
from ledger.application.outcomes import Outcome
from ledger.domain.calendar import NEVER
from ledger.domain.commands import Command
from ledger.domain.events import Event
from ledger.domain.ids import subject_of
from ledger.domain.partition.partition import Standing
from ledger.domain.subject import Subject


class Mark(NamedTuple):
    """How much there was before a command: of each list, of the subjects touched; and how the partition stood."""

    events: int
    journal: int
    claims: int
    forwarded: int
    apart: int
    touched: int
    partition: Standing


class Batch:
    """Events and journal entries in order; `decided` are the answers given before, and in this batch."""

    __slots__ = (
        "_by_subject",
        "_indexed",
        "_restored",
        "apart",
        "at_hand",
        "claims",
        "decided",
        "events",
        "forwarded",
        "index",
        "journal",
        "ordinal",
        "passed_by",
        "principal",
        "touched",
    )

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
        self.apart: list[Apart] = []
        self.touched: dict[str, Held] = {}
        self.passed_by: list[str] = []
        """Subjects that are forgotten again once all is written."""
        self.index = -1
        """Which command is at hand, and"""
        self.at_hand: set[str] = set()
        """the subjects that it has touched."""
        self._by_subject: dict[str, list[Event]] = {}
        self._indexed = 0
        self._restored: dict[str, tuple[Subject, int]] = {}

    def add(self, events: Iterable[Event]) -> None:
        """Takes in events in the order in which they happened."""
        for event in events:
            self.events.append(event)
            self.ordinal += 1
            for kind, field in event.CLAIMS:
                self.claims[Claim(event.account, kind, getattr(event, field))] = None

    def cut(self, mark: Mark) -> Sequence[Event]:
        """Takes out what has come since, but for the subjects; returns the events."""
        gone = self.events[mark.events :]
        del self.events[mark.events :]
        self.ordinal -= len(gone)
        del self.journal[mark.journal :]
        del self.forwarded[mark.forwarded :]
        del self.apart[mark.apart :]
        while len(self.claims) > mark.claims:
            self.claims.popitem()
        if self._indexed > mark.events:
            self._by_subject.clear()
            self._restored.clear()
            self._indexed = 0
        return gone

    def untouched(self, mark: Mark) -> list[str]:
        """Takes out the subjects that were touched first since then."""
        fresh = list(islice(reversed(self.touched), len(self.touched) - mark.touched))
        for id_ in fresh:
            del self.touched[id_]
        return fresh

    def since_kept(self, id_: str) -> tuple[Subject | None, Sequence[Event]]:
        """The events of a subject, after the state of it that was kept last, if one was.

        What it costs grows with what has happened since it was asked last, not with the batch.
        """
        subject, taken = self._restored.get(id_, (None, 0))
        return None if subject is None else subject.copy(), self.happened(id_)[taken:]

    def happened(self, id_: str) -> Sequence[Event]:
        """The events of a subject, all of them; it costs as little."""
        for event in self.events[self._indexed :]:
            self._by_subject.setdefault(subject_of(event.account), []).append(event)
        self._indexed = len(self.events)
        return self._by_subject.get(id_, ())

    def keep(self, subject: Subject) -> None:
        """Keeps a subject that holds all its events, to begin with it next time."""
        self._restored[subject.id] = (subject.copy(), len(self._by_subject.get(subject.id, ())))

    def heads(self) -> list[SubjectHead]:
        """Where the touched subjects stand now; of one that nothing was ever recorded of there is nothing to say."""
        return [
            SubjectHead(id_, None if (due := held.subject.due_at) == NEVER else due, held.chain)
            for id_, held in self.touched.items()
            if held.subject.recorded_at != -NEVER or held.chain != NO_CHAIN
        ]
