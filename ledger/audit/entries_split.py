"""Splits the journal entries of partitions, for another number of them to be played into.

What one command brought about on numbers that now lie apart is told by entries of their own, as if it had been sent
from one partition to the other; what fell due at a closing, as if each number had been advanced.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, cast

from ledger.application.journal import JournalEntry
from ledger.domain.commands import Command
from ledger.domain.events import Event
from ledger.domain.kinds import (
    POLICY_IDS,
    advancing,
    after_event,
    after_refusal,
    is_apart,
    is_keyed,
    subject_of,
)
from ledger.domain.partition.commands import AdvanceDue, CloseThrough
from ledger.domain.prepaid.commands import ReceiveCreditTransfer
from ledger.domain.refusals import REFUSALS
from ledger.errors import LogDamaged
from ledger.store.chains import EventRow
from ledger.store.codec import Codec
from ledger.store.copying import CopyRefused, Extent, Source
from ledger.store.partitioning import partition_of

AT_ONCE = 2000
"""Journal entries that are written at once."""


class Said(NamedTuple):
    """A journal entry, and the events that are written with it; `own` counts its own, which begin with the `first`."""

    subject: str
    command: Command
    at: int
    code: str | None
    message: str | None
    rows: list[EventRow]
    first: int = 0
    own: int = 0
    principal: str | None = None
    state: bytes | None = None
    digest: bytes | None = None


def played(sources: Sequence[Source], partitions: int, codec: Codec) -> Iterator[tuple[list[Said], int]]:
    """The entries of all sources by their instants, each source's in its order; with how many events each took."""
    each = [Parts(source, partitions, codec).entries() for source in sources]
    for _, _, parts, count in heapq.merge(*each, key=lambda one: one[:2]):
        yield parts, count


class Parts:
    """Takes the entries of one source apart where their numbers fall to several partitions."""

    def __init__(self, source: Source, partitions: int, codec: Codec) -> None:
        self._source = source
        self._partitions = partitions
        self._codec = codec

    def _falls_to(self, subject: str) -> int:
        return partition_of(subject, self._partitions)

    def entries(self) -> Iterator[tuple[int, int, list[Said], int]]:
        """The instant, the source's number, what is told, and how many events it took."""
        for chunk in self._source.chunks(Extent(), AT_ONCE):
            rows, at = list(chunk.rows), 0
            for entry in chunk.entries:
                begin = at
                while at < len(rows) and rows[at][0] <= entry.ordinal:
                    at += 1
                yield entry.at, self._source.partition, list(self._told(entry, rows[begin:at])), at - begin
            if at < len(rows):
                raise CopyRefused("there are events that no journal entry explains")

    def _told(self, entry: JournalEntry, rows: list[EventRow]) -> Iterator[Said]:
        command = self._codec.command(entry.name, entry.command, entry.at)
        moved = [row for row in rows if is_keyed(row[1])]
        if any(is_apart(row[1]) for row in rows):
            raise CopyRefused(
                "something is set apart: carry it out first, `pulsa dead-letters list` shows it"
            )
        if isinstance(command, CloseThrough | AdvanceDue):
            yield from self._due(entry.command_id, moved)
            return
        if not is_keyed(entry.subject):
            raise CopyRefused(f"the journal has a command of {entry.subject}, which belongs to no number")
        events = {row[0]: self._codec.event(row[3], row[4]) for row in moved}
        concerned = {number_of(row) for row in moved}
        concerned |= {after.subject for event in events.values() for after in after_event(event)}
        here = self._falls_to(entry.subject)
        if all(self._falls_to(number) == here for number in concerned):
            yield self._whole(entry, command, moved)
        else:
            yield from self._apart(entry, command, moved, events)

    @staticmethod
    def _whole(entry: JournalEntry, command: Command, rows: list[EventRow]) -> Said:
        first = next((at for at, row in enumerate(rows) if row[0] == entry.first_event), 0)
        return Said(
            entry.subject,
            command,
            entry.at,
            entry.code,
            entry.message,
            rows,
            first,
            entry.event_count,
            entry.principal,
            entry.command,
            entry.command_digest,
        )

    def _due(self, closing: str, rows: list[EventRow]) -> Iterator[Said]:
        """What fell due for the clock, at a closing or before: each number is advanced by itself."""
        numbers: dict[str, list[EventRow]] = {}
        for row in rows:
            numbers.setdefault(number_of(row), []).append(row)
        for number, own in numbers.items():
            events = [self._codec.event(row[3], row[4]) for row in own]
            if any(event.command_id.startswith(POLICY_IDS) for event in events):
                raise CopyRefused(f"what followed when the clock said {closing} cannot be taken apart")
            at = events[0].recorded_at
            name = f"repartition/{self._source.partition}:{own[0][0]}"
            advance = advancing(number, at, name)
            yield Said(number, advance, at, None, None, own, 0, len(own))

    def _apart(
        self, entry: JournalEntry, command: Command, rows: list[EventRow], events: dict[int, Event]
    ) -> Iterator[Said]:
        """The command's own events, and what followed from them as if it had come from another partition."""
        followed: dict[str, list[EventRow]] = {}
        main: list[EventRow] = []
        elsewhere: dict[str, list[EventRow]] = {}
        for row in rows:
            event = events[row[0]]
            if event.command_id.startswith(POLICY_IDS) and event.command_id != entry.command_id:
                followed[event.command_id] = [*elsewhere.pop(number_of(row), []), row]
            elif number_of(row) == entry.subject:
                main.append(row)
            else:
                elsewhere.setdefault(number_of(row), []).append(row)
        yield self._whole(entry, command, main)
        for row in main:
            for receive in after_event(events[row[0]]):
                yield from self._received(receive, followed, elsewhere, events)
        if followed or elsewhere:
            raise LogDamaged(f"{entry.command_id} has events that do not follow from it")

    def _received(
        self,
        receive: Command,
        followed: dict[str, list[EventRow]],
        elsewhere: dict[str, list[EventRow]],
        events: dict[int, Event],
    ) -> Iterator[Said]:
        taken = followed.pop(receive.command_id, None)
        if taken is not None:
            yield self._policy(receive, taken, events)
            for row in taken:
                for following in after_event(events[row[0]]):
                    yield from self._received(following, followed, elsewhere, events)
            return
        for code, refusal in REFUSALS.items():
            for give_back in after_refusal(cast("ReceiveCreditTransfer", receive), refusal()):
                returned = followed.get(give_back.command_id)
                if returned is None or cast("Any", events[returned[-1][0]]).refusal != code:
                    continue
                del followed[give_back.command_id]
                due = elsewhere.pop(receive.subject, [])
                at = events[due[-1][0]].recorded_at if due else receive.at
                yield Said(receive.subject, receive, at, code, refusal().message, due)
                yield self._policy(give_back, returned, events)
                return
        # Neither arrived nor returned here: it was sent to another partition, whose journal tells.

    def _policy(self, command: Command, rows: list[EventRow], events: dict[int, Event]) -> Said:
        event = events[rows[-1][0]]
        if event.command_digest != self._codec.command_digest(command, self._codec.command_content(command)):
            raise LogDamaged(f"{command.command_id} does not follow from its cause as it stands")
        return Said(command.subject, command, event.recorded_at, None, None, rows, len(rows) - 1, 1)


def number_of(row: EventRow) -> str:
    """The number that an event's row is about."""
    return subject_of(row[1])
