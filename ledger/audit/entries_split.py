"""Splits the journal entries of partitions, for another number of them to be played into.

What one command brought about on subjects that now lie apart is told by entries of their own, as if it had been sent
from one partition to the other; what fell due at a closing, as if each subject had been advanced.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from ledger.application.journal import JournalEntry
from ledger.domain.commands import Command
from ledger.domain.ids import is_apart, subject_of
from ledger.domain.kinds import advancing, after_event, after_refusal, is_keyed
from ledger.domain.partition.commands import AdvanceDue, CloseThrough
from ledger.domain.partition.events import CommandSetApart
from ledger.domain.refusals import REFUSALS, Refusal
from ledger.domain.subject import DUE
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
    each = [Parts(source, len(sources), partitions, codec).entries() for source in sources]
    for _, _, parts, count in heapq.merge(*each, key=lambda one: one[:2]):
        yield parts, count


class Parts:
    """Takes the entries of one source, of so many, apart where their subjects fall to several partitions."""

    def __init__(self, source: Source, sources: int, partitions: int, codec: Codec) -> None:
        self._source = source
        self._sources = sources
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
        for row in rows:
            if is_apart(row[1]):
                self._must_be_mended(row)
        moved = [row for row in rows if is_keyed(row[1])]
        if isinstance(command, CloseThrough | AdvanceDue):
            yield from self._taken(moved).advanced(entry.command_id)
            return
        if not is_keyed(entry.subject):
            raise CopyRefused(f"the journal has a command of {entry.subject}, which belongs to no number")
        concerned = {subject_in(row) for row in moved}
        for row in moved:
            concerned |= {after.subject for after in after_event(self._codec.event(row[3], row[4]))}
        here = self._falls_to(entry.subject)
        if all(self._falls_to(subject) == here for subject in concerned):
            yield _whole(entry, command, moved)
        else:
            yield from self._taken(moved).apart(entry, command)

    def _taken(self, rows: Sequence[EventRow]) -> TakenApart:
        return TakenApart(self._source, self._sources, self._codec, rows)

    def _must_be_mended(self, row: EventRow) -> None:
        """What was set apart and was carried out since has an entry of its own. Raises CopyRefused where it was not."""
        event = self._codec.event(row[3], row[4])
        if (
            isinstance(event, CommandSetApart)
            and _answered(self._source, event.subject, event.apart_id) is None
        ):
            raise CopyRefused(
                "something is set apart: carry it out first, `pulsa dead-letters list` shows it"
            )


class TakenApart:
    """The events of one entry, read in their order as the ledger writes them: what follows comes after its cause."""

    def __init__(self, source: Source, sources: int, codec: Codec, rows: Sequence[EventRow]) -> None:
        self._source, self._sources, self._codec = source, sources, codec
        self._rows = deque(rows)
        self._events = {row[0]: codec.event(row[3], row[4]) for row in rows}

    def advanced(self, closing: str) -> Iterator[Said]:
        """What fell due for the clock, at a closing or before: each subject is advanced by itself."""
        while self._rows:
            subject = subject_in(self._rows[0])
            taken = self._next_of(subject, None)
            if not taken:
                raise LogDamaged(f"{closing} has events that do not follow from it")
            at = self._events[taken[0][0]].recorded_at
            advance = advancing(subject, at, f"repartition/{self._source.partition}:{taken[0][0]}")
            yield Said(subject, advance, at, None, None, taken, 0, len(taken))
            yield from self._after(taken)

    def apart(self, entry: JournalEntry, command: Command) -> Iterator[Said]:
        """The command's own events, and what followed from them as if it had come from another partition."""
        taken = self._next_of(entry.subject, entry.command_id)
        yield _whole(entry, command, taken)
        yield from self._after(taken)
        if entry.code in REFUSALS:
            yield from self._each(after_refusal(command, REFUSALS[entry.code]()))
        if self._rows:
            raise LogDamaged(f"{entry.command_id} has events that do not follow from it")

    def _next_of(self, subject: str, command_id: str | None) -> list[EventRow]:
        """The next events, as far as they are of a subject and of a command, or fell due."""
        taken: list[EventRow] = []
        while self._rows and subject_in(self._rows[0]) == subject:
            of = self._events[self._rows[0][0]].command_id
            if of != command_id and not of.startswith(DUE):
                break
            taken.append(self._rows.popleft())
        return taken

    def _after(self, rows: Iterable[EventRow]) -> Iterator[Said]:
        for row in rows:
            yield from self._each(after_event(self._events[row[0]]))

    def _each(self, commands: Iterable[Command]) -> Iterator[Said]:
        for command in commands:
            elsewhere = partition_of(command.subject, self._sources) != self._source.partition
            if not elsewhere and _answered(self._source, command.subject, command.command_id) is None:
                yield from self._policy(command)

    def _policy(self, command: Command) -> Iterator[Said]:
        """A policy's command that was carried out at once after its cause, and what followed from it."""
        taken = self._next_of(command.subject, command.command_id)
        own = [row for row in taken if self._events[row[0]].command_id == command.command_id]
        digest = self._digest(command)
        if any(self._events[row[0]].command_digest != digest for row in own):
            raise LogDamaged(f"{command.command_id} does not follow from its cause as it stands")
        following = list(self._after(taken))
        refusal = None if own else self._refusal_of(command)
        if own or refusal is not None or command.MAY_COME_TO_NOTHING:
            at = self._events[taken[-1][0]].recorded_at if taken else command.at
            code, message = (None, None) if refusal is None else (refusal.code, refusal.message)
            first = taken.index(own[0]) if own else 0
            yield Said(command.subject, command, at, code, message, taken, first, len(own))
        elif taken:
            raise LogDamaged(f"{command.command_id} has come to nothing, which it may not")
        yield from following
        if refusal is not None:
            yield from self._each(after_refusal(command, refusal))

    def _refusal_of(self, command: Command) -> Refusal | None:
        """By which refusal a policy's command came to what happened instead; None: it was not refused."""
        for kind in REFUSALS.values():
            for instead in after_refusal(command, kind()):
                digest = _answered(self._source, instead.subject, instead.command_id) or next(
                    (
                        self._events[row[0]].command_digest
                        for row in self._rows
                        if subject_in(row) == instead.subject
                        and self._events[row[0]].command_id == instead.command_id
                    ),
                    None,
                )
                if digest == self._digest(instead):
                    return kind()
        return None

    def _digest(self, command: Command) -> bytes:
        return self._codec.command_digest(command, self._codec.command_content(command))


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


def _answered(source: Source, subject: str, command_id: str) -> bytes | None:
    """The digest of a command that has an entry of its own; None where it has none."""
    found = source.rows(
        "SELECT command_digest FROM journal WHERE subject=? AND command_id=?", (subject, command_id)
    )
    return next((bytes(digest) for (digest,) in found), None)


def subject_in(row: EventRow) -> str:
    """The subject that an event's row is about."""
    return subject_of(row[1])
