"""What is under way in one batch: its subjects as they stand by now, what has come of it, and how a part is undone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ledger import errors
from ledger.application.batch import Batch, Mark
from ledger.application.journal import Apart, Claim, CommandCodec, LedgerRecorder
from ledger.application.memory import Held, Subjects
from ledger.application.outcomes import ACCEPTED, REFUSED, REPEATED, EventReference, Outcome
from ledger.domain.commands import Command
from ledger.domain.events import Event
from ledger.domain.ids import subject_of
from ledger.domain.kinds import EVENT_TYPES
from ledger.domain.partition.partition import Origin, Partition
from ledger.domain.refusals import Refusal, Repeated
from ledger.domain.subject import Cause
from ledger.domain.terms_book import TermsBook

AT_ONCE = 100
"""Subjects that are read at once."""


class UnitOfWork:
    """All that deciding reads and writes, until the batch is written."""

    def __init__(
        self, recorder: LedgerRecorder, codec: CommandCodec, book: TermsBook, origin: Origin, clock: str
    ) -> None:
        self.recorder = recorder
        self.codec = codec
        self.book = book
        self.batch = Batch({}, 0)
        self.memory: Subjects
        self.partition: Partition
        self._origin = origin
        self._clock = clock

    def touch(self, id_: str) -> Held:
        """A subject that something may happen to now."""
        batch = self.batch
        batch.at_hand.add(id_)
        held = batch.touched.get(id_)
        if held is None:
            held = batch.touched[id_] = self.memory.get(id_)
        return held

    def read_ahead(self, commands: Sequence[Command]) -> None:
        """Reads at once whom commands are about to be decided for, and whom what follows may concern (`AT_ONCE`)."""
        if len(commands) > 1:
            here = self.recorder.is_here
            others = [other for command in commands for other in command.others if here(other)]
            self.memory.gather([command.subject for command in commands] + others)

    def pass_by(self, ids: Sequence[str]) -> None:
        """Touches subjects that need not be kept in memory when they were not there before."""
        for some in (ids[first : first + AT_ONCE] for first in range(0, len(ids), AT_ONCE)):
            self.memory.gather(some)
            for id_ in some:
                if id_ not in self.memory:
                    self.batch.passed_by.append(id_)
                self.touch(id_)

    def let_go(self) -> None:
        """Forgets who was passed by, once all is written."""
        passed = set(self.batch.passed_by)
        for id_ in passed:
            self.memory.drop(id_)
        if passed:
            streams = {event.account for event in self.batch.events}
            self.recorder.let_go([stream for stream in streams if subject_of(stream) in passed])

    def claimed(self, account: str, kind: str, id_: str) -> bool:
        """Whether the account has used that id, recorded or by now.

        Of an event's type (`kind`) it is asked whether a command of that id has brought one about.
        """
        if kind in EVENT_TYPES:
            key = (subject_of(account), id_)
            found = self.batch.decided.get(key) or self.recorder.answered([key]).get(key)
            return found is not None and any(one[:2] == (kind, account) for one in found[1].events)
        return Claim(account, kind, id_) in self.batch.claims or self.recorder.claimed(account, kind, id_)

    @property
    def closed_through(self) -> int:
        """The instant that the partition is closed through; -NEVER: it is not."""
        return self.partition.standing.closed_through

    # --- the partition's own events -----------------------------------------------------------------------------------

    def begin(self, terms_id: str | None, cause: Cause) -> None:
        """Puts in what has to stand in the log before a command's own events: its beginning, and the terms used."""
        self.partition.begin(cause, self._clock, self._origin)
        if terms_id is not None and terms_id not in self.book.published:
            self.partition.publish(self.book.document(terms_id), cause)
        self.batch.add(self.partition.collect())

    def set_apart(self, command: Command, failure: errors.LedgerError, cause: Cause) -> None:
        """Records that a policy's command could not be carried out; it can be sent again as it stands there."""
        self.begin(None, cause)
        try:
            content = self.codec.command_state(command, self.codec.command_content(command), stated_at=True)
        except Exception:  # noqa: BLE001 - that may be what failed
            content = b""
        self.partition.set_apart(command, content, failure.code, str(failure), cause)
        self.batch.add(self.partition.collect())
        self.batch.apart.append(Apart(self.batch.index, command, str(failure)))

    # --- undoing ------------------------------------------------------------------------------------------------------

    def mark(self) -> tuple[Any, ...]:
        """How things stand before something that may have to be undone: what makes a `Mark`."""
        batch = self.batch
        return (
            len(batch.events),
            len(batch.journal),
            len(batch.claims),
            len(batch.forwarded),
            len(batch.apart),
            len(batch.touched),
            self.partition.standing,
        )

    def undo(self, before: tuple[Any, ...]) -> None:
        """Restores what was before, and the subjects that were touched since; their neighbours stand.

        A subject that the batch had touched before is the log's with the batch's events of it. What this costs does
        not grow with the batch: one that was restored is kept, and the next time only what came since is taken.
        """
        batch, own, mark = self.batch, self.partition.id, Mark(*before)
        self.partition.undo(mark.partition, batch.cut(mark))
        for id_ in batch.untouched(mark):
            batch.at_hand.discard(id_)
            if id_ != own:
                self.memory.drop(id_)
        for id_ in batch.at_hand:
            if id_ == own:
                continue
            kept, events = batch.since_kept(id_)
            subject = self.memory.fresh(id_) if kept is None else kept
            for event in events:
                if event.version > 1 and subject.lacks(event.account):
                    subject.hold(self.memory.streams, event.account)
                subject.take(event)
            batch.keep(subject)
            batch.touched[id_].subject = subject

    # --- answering ----------------------------------------------------------------------------------------------------

    def outcome(
        self,
        command: Command,
        at: int,
        refusal: Refusal | Repeated | errors.LedgerError | None,
        own: Sequence[Event],
    ) -> Outcome:
        """The answer to a command that is done."""
        events: tuple[EventReference, ...] = ()
        for event in own:
            events += (EventReference(event.TOPIC, event.account, event.version),)
        partition, ordinal = self.recorder.partition, self.batch.ordinal
        if refusal is None or isinstance(refusal, Repeated):
            status = ACCEPTED if refusal is None else REPEATED
            return Outcome(command.command_id, status, None, None, events, partition, ordinal, at)
        code, message = refusal.code, str(refusal)
        return Outcome(command.command_id, REFUSED, code, message, events, partition, ordinal, at)
