"""What the streams of a log hold by now: what is recorded, and what the batch under way has brought about since."""

from __future__ import annotations

from collections.abc import Sequence

from ledger.application.journal import event_digest
from ledger.application.unit_of_work import UnitOfWork
from ledger.domain.events import Event
from ledger.domain.ids import subject_of


class BatchRecords:
    """The records that rules ask for."""

    def __init__(self, work: UnitOfWork) -> None:
        self._work = work

    def span(self, stream: str, first: int, last: int) -> Sequence[Event]:
        """The events of a stream by version, both ends included."""
        fresh = [event for event in self._happened(stream) if first <= event.version <= last]
        until = fresh[0].version - 1 if fresh else last
        recorded = self._work.memory.streams.events(stream, first, until) if first <= until else ()
        return [*recorded, *fresh]

    def of_command(self, stream: str, command_id: str) -> Sequence[Event]:
        """Those that a command of that id has brought about there, as far as it is journaled."""
        key = (subject_of(stream), command_id)
        found = self._work.batch.decided.get(key) or self._work.recorder.answered([key]).get(key)
        references = () if found is None else found[1].events
        return [
            event
            for one in references
            if one.account == stream
            for event in self.span(stream, one.version, one.version)
        ]

    def digest(self, stream: str, version: int, fresh: Sequence[Event]) -> bytes:
        """The digest that chains an event to all before it; `fresh` come after what is in the batch by now."""
        unwritten = [event for event in (*self._happened(stream), *fresh) if event.version <= version]
        digest = self._work.recorder.digest_at(stream, version - len(unwritten))
        for event in unwritten:
            digest = event_digest(digest, event.TOPIC, self._work.codec.event_state(event))
        return digest

    def _happened(self, stream: str) -> list[Event]:
        return [event for event in self._work.batch.happened(subject_of(stream)) if event.account == stream]
