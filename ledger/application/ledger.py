"""The ledger: `execute(commands) -> outcomes` is the only thing that writes.

A batch is one append: every command is checked, its subject advanced to its time, decided and applied; then all events
and the journal are written in one transaction. A refused command is an outcome, and spoils nothing beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, cast

from eventsourcing.application import Repository
from eventsourcing.persistence import EventStore, InfrastructureFactory

from ledger import errors
from ledger.application.batch import Batch
from ledger.application.batch_records import BatchRecords
from ledger.application.carrying_on import Following
from ledger.application.carrying_out import admit, carry_out, defect
from ledger.application.closing import advance_due, close
from ledger.application.ids_of_log import IdsOfLog
from ledger.application.journal import (
    NO_CHAIN,
    Apart,
    JournalEntry,
    LedgerMapper,
    LedgerRecorder,
    PartitionStanding,
    StateSnapshot,
    journal_digest,
)
from ledger.application.memory import Subjects
from ledger.application.outcomes import SET_APART, EventReference, Outcome
from ledger.application.unit_of_work import AT_ONCE, UnitOfWork
from ledger.domain.bounds import LONGEST_ID, LONGEST_OWN_ID
from ledger.domain.calendar import SECOND, is_instant
from ledger.domain.commands import Command
from ledger.domain.events import Event
from ledger.domain.ids import log_of
from ledger.domain.kinds import is_subject
from ledger.domain.partition.commands import AdvanceDue, CloseThrough
from ledger.domain.partition.events import LogCreated
from ledger.domain.partition.partition import Origin, Partition
from ledger.domain.refusals import ClockBehind, IdempotencyConflict, Invalid, Refusal
from ledger.domain.subject import Cause, Subject
from ledger.domain.terms_book import TermsBook
from ledger.release import RELEASE

CLOCK_TOLERANCE = 5 * SECOND
"""How far behind what is recorded already a command may come and still be taken, lifted to that time."""

SNAPSHOT_EVERY = 250
"""Events of a stream between two snapshots of what they add up to."""

_NOT_ADDRESSED = (
    "at, command_id, msisdn: not an instant in whole microseconds,"
    f" a text of 1 to {LONGEST_ID} bytes of UTF-8, and a number's text"
)


class Ledger:
    """The write side over one log, or one partition of it.

    Of the `eventsourcing` library it holds the log's factory (which it closes), recorder, mapper and repository;
    `execute` alone writes.
    `terms` are the terms files known; a file that differs from what the log has published raises TermsChanged.
    `origin` is what a new log says of itself, where that is not this release; `following` carries out what follows.
    `ids` is whether the log has `numbers` or `tokens`, where that is asked for; another one raises IdsMismatch.
    """

    def __init__(
        self,
        terms: TermsBook,
        factory: InfrastructureFactory[Any],
        *,
        origin: Origin | None = None,
        ids: str | None = None,
        following: Callable[[UnitOfWork], Following] = Following,
    ) -> None:
        self.book = terms
        self._factory = factory
        try:
            self._open(origin, ids, following)
            self._recall()
        except BaseException:
            self.close()
            raise

    def _open(
        self, origin: Origin | None, ids: str | None, following: Callable[[UnitOfWork], Following]
    ) -> None:
        factory = self._factory
        mapper: Any = factory.mapper(transcoder=factory.transcoder())
        recorder: Any = factory.application_recorder()
        self.mapper: LedgerMapper = mapper
        self.recorder: LedgerRecorder = recorder
        events: EventStore[str] = factory.event_store(mapper=mapper, recorder=recorder)
        snapshots: EventStore[str] = factory.event_store(
            mapper=mapper, recorder=factory.aggregate_recorder(purpose="snapshots")
        )
        self._events = events
        self.codec = self.mapper.codec
        self.codec.learn(self.recorder.foreign_schemas())
        self.partition = self.recorder.partition
        self.subject = log_of(self.partition)
        """The partition itself, which is closed."""
        clock = self.recorder.clock_mode()
        self._stated_at: bool = clock == "played"
        self._ids = IdsOfLog(ids, self.recorder.ids if origin is None else origin.ids)
        origin = origin or Origin(self.recorder.partitions, RELEASE, self._ids.to_say)
        self._work = UnitOfWork(self.recorder, self.codec, self.book, origin, clock)
        self._subjects = self._work.memory = Subjects(
            Repository(events, snapshot_store=snapshots),
            self.recorder,
            self.book,
            self._work.claimed,
            self.subject,
            BatchRecords(self._work),
        )
        self._following = following(self._work)

    def close(self) -> None:
        """Lets go of the log."""
        self._factory.close()

    def _recall(self) -> None:
        """Reads what the whole partition has in common: its head, what is closed, and the terms published."""
        self._subjects.forget()
        self._ordinal = self.recorder.recall()
        partition = self._work.partition = cast("Partition", self._subjects.get(self.subject).subject)
        if partition.standing.version:
            self._check_created()
        elif self._ordinal:
            raise errors.LogMismatch(f"what is recorded here is not of partition {self.partition}")
        self._ids.must_be_those_asked_for()
        self.book.recall(self.recorder.published_terms())

    def _check_created(self) -> None:
        """Raises TopicMismatch where the log has another number of partitions: subjects would fall to others."""
        here = self.recorder.partitions
        for event in self._events.get(self.subject, lte=1):
            if isinstance(event, LogCreated):
                self._ids.found(event.ids)
            if isinstance(event, LogCreated) and event.partitions not in (None, here):
                message = f"partition {self.partition} is of a log of {event.partitions} partitions; here are {here}"
                raise errors.TopicMismatch(message)

    @property
    def played(self) -> bool:
        """Whether commands state their own time."""
        return self._stated_at

    @property
    def closed_through(self) -> int:
        """The instant that the partition is closed through; -NEVER: it is not."""
        return self._work.closed_through

    @property
    def set_apart(self) -> Sequence[Apart]:
        """What the last batch's commands brought about and could not be carried out."""
        return self._work.batch.apart

    @property
    def position(self) -> str:
        """The position of the last event."""
        return f"{self.partition}:{self._ordinal}"

    def recorded(self, reference: EventReference) -> Event:
        """The event that an outcome names. Raises LookupError where there is none."""
        before = reference.version - 1
        for event in self._events.get(reference.account, gt=before, lte=reference.version):
            return cast("Event", event)
        raise LookupError(reference)

    # --- the one way in -----------------------------------------------------------------------------------------------

    def execute(
        self,
        commands: Sequence[Command],
        contents: Sequence[bytes | None] | None = None,
        *,
        principal: str | None = None,
    ) -> list[Outcome]:
        """Decides commands in order, and writes all that they bring about in one transaction.

        `contents` are what the codec would make of each, None where that is not known: then it makes it. `principal` is
        who sent them all, where the caller knows that by itself: it is journaled, and neither command nor event has it.
        Returns an outcome for each, in order. One that makes the code fail is undone, and answered `defect`; so is
        one that follows from what was recorded and is refused (`policy-refused`).
        Raises LogFull or LogUnreadable; then nothing of the batch is written, and it may be sent again; and ValueError
        where `principal` is no printable text.
        """
        if principal is not None and not (type(principal) is str and principal and principal.isprintable()):
            raise ValueError(f"principal: not a printable text ({principal!r})")
        keys = [_key_of(command) for command in commands]
        known = dict.fromkeys([key for key in keys if key is not None])
        work = self._work
        batch = work.batch = Batch(self.recorder.answered(known), self._ordinal, principal)
        try:
            outcomes: list[Outcome] = []
            asked = list(zip(commands, contents or [None] * len(commands), keys, strict=True))
            for some in (asked[first : first + AT_ONCE] for first in range(0, len(asked), AT_ONCE)):
                work.read_ahead([one for one, _, key in some if key is not None and key not in batch.decided])
                outcomes += [self._answer(*one) for one in some]
            self._write(batch, outcomes)
        except BaseException:
            self._recall()
            raise
        return outcomes

    def _answer(self, command: Command, content: bytes | None, key: tuple[str, str] | None) -> Outcome:
        work = self._work
        batch = work.batch
        batch.index += 1
        if key is None:
            return work.outcome(command, command.at, Invalid(_NOT_ADDRESSED), ())
        batch.at_hand.clear()
        self._following.begin()
        before = work.mark()
        try:
            return self._execute(command, content, key)
        except Refusal as refusal:  # before it was decided: not journaled
            return work.outcome(command, command.at, refusal, ())
        except errors.LedgerError as error:
            if error.code not in SET_APART:
                raise
            failure = error
        except Exception as error:  # noqa: BLE001 - whatever it is, its neighbours go on
            failure = defect(command, error)
        work.undo(before)
        return work.outcome(command, command.at, failure, ())

    def _execute(self, command: Command, content: bytes | None, key: tuple[str, str]) -> Outcome:
        """Raises Invalid, IdempotencyConflict or ClockBehind, which leave no trace."""
        terms_id = command.terms_named
        if terms_id is not None and terms_id not in self.book:
            raise Invalid(f"terms: no terms are named {terms_id!r}")
        self._ids.must_fit(command, key[0])
        if content is None:
            try:
                content = self.codec.command_content(command)
            except (TypeError, ValueError, KeyError, OverflowError) as error:
                raise Invalid(f"a field is of another type: {error}") from None
        digest = self.codec.command_digest(command, content)
        decided = self._work.batch.decided
        before = decided.get(key)
        if before is not None:
            if before[0] != digest:
                raise IdempotencyConflict
            return before[1].repeated()
        if not command.INTERNAL:
            outcome, first = self._decide(command, key[0], terms_id, digest)
        elif isinstance(command, CloseThrough):
            outcome, first = close(self._work, self._following, command, digest)
        elif isinstance(command, AdvanceDue):
            outcome, first = advance_due(self._work, self._following, command, digest)
        elif (ended := self._following.ended(command, digest)) is not None:
            return ended
        else:
            outcome, first = self._following.follow_on(command, digest)
        self._journal(command, key[0], content, digest, outcome, first)
        decided[key] = (digest, outcome)
        return outcome

    def _journal(  # noqa: PLR0913 - an entry has that many parts
        self, command: Command, subject: str, content: bytes, digest: bytes, outcome: Outcome, first: int
    ) -> None:
        batch = self._work.batch
        held = batch.touched.get(subject) or self._work.touch(subject)
        entry = (
            subject,
            command.command_id,
            command.name,
            digest,
            self.codec.command_state(command, content, stated_at=self._stated_at),
            outcome.at,
            outcome.code,
            outcome.message,
            outcome.ordinal,
            first,
            len(outcome.events),
        )
        principal = batch.principal
        held.chain = journal_digest(held.chain, entry if principal is None else (*entry, NO_CHAIN, principal))
        batch.journal.append(JournalEntry(*entry, held.chain, principal))

    # --- deciding -----------------------------------------------------------------------------------------------------

    def _decide(
        self, command: Command, addressed: str, terms_id: str | None, digest: bytes
    ) -> tuple[Outcome, int]:
        """The outcome, and the ordinal of the command's first own event."""
        work = self._work
        held = work.touch(addressed)
        subject = held.subject
        try:
            admit(held, command)
        except Refusal as refused:
            return work.outcome(command, command.at, refused, ()), 0
        if command.stream is not None and subject.lacks(command.stream):
            subject.hold(self._subjects.streams, command.stream)
        at = self._taken_at(command, subject)
        cause = Cause(at, command.command_id, digest, command.actor)
        refusal = carry_out(subject, command, cause)
        emitted = subject.collect()
        if emitted and (work.partition.standing.version == 0 or terms_id is not None):
            work.begin(terms_id if refusal is None else None, cause)
        batch = work.batch
        first = batch.ordinal + 1
        batch.add(emitted)
        own: Sequence[Event]
        if command.OWN_IS_DUE or (len(emitted) == 1 and emitted[0].command_id == command.command_id):
            own = emitted
        else:
            own = [event for event in emitted if event.command_id == command.command_id]
            if own and own[0] is not emitted[0]:
                first += emitted.index(own[0])
        self._following.after(emitted, cause)
        return work.outcome(command, at, refusal, own), first if own else 0

    def _taken_at(self, command: Command, subject: Subject) -> int:
        """The instant at which a command is taken: its own, or lifted within the clock tolerance."""
        at, recorded, closed = command.at, subject.recorded_at, self._work.partition.standing.closed_through
        if at > closed and at >= recorded:
            return at
        if recorded - at > CLOCK_TOLERANCE or closed - at > CLOCK_TOLERANCE:
            raise ClockBehind
        return max(recorded, closed + 1)

    # --- for the clock ------------------------------------------------------------------------------------------------

    def due(self, until: int, limit: int) -> list[str]:
        """Subjects that something falls due for at or before an instant, earliest first."""
        return self.recorder.due(until, limit)

    def standing(self) -> PartitionStanding:
        """Where the partition stands, for the clock."""
        zones = frozenset([self.book[terms_id].zone for terms_id in self.book.published])
        return PartitionStanding(self.closed_through, self.recorder.recorded_last(), zones, self.position)

    # --- keeping ------------------------------------------------------------------------------------------------------

    def _write(self, batch: Batch, outcomes: Sequence[Outcome]) -> None:
        if not batch.events and not batch.journal and not self.recorder.awaits_answers:
            return
        to_stored_event = self.mapper.to_stored_event
        self.recorder.insert_events(
            [to_stored_event(event) for event in batch.events],
            journal=batch.journal,
            heads=batch.heads(),
            claims=list(batch.claims),
            happened=batch.events,
            outcomes=outcomes,
            forwarded=batch.forwarded,
            apart=batch.apart,
        )
        self._ordinal = batch.ordinal
        self._snapshot(batch)
        self._work.let_go()
        self._subjects.trim()

    def _snapshot(self, batch: Batch) -> None:
        """Keeps the state of the streams that have grown past another `SNAPSHOT_EVERY` events."""
        grown = {event.account for event in batch.events if event.version % SNAPSHOT_EVERY == 0}
        if not grown:
            return
        states = [
            StateSnapshot(state)
            for held in batch.touched.values()
            for state in held.subject.states()
            if state.id in grown
        ]
        if states:
            # What was recorded stands without a snapshot too.
            with suppress(errors.LedgerError):
                self.recorder.snapshot([self.mapper.to_stored_event(state) for state in states])


def _key_of(command: Command) -> tuple[str, str] | None:
    """To whom a command is and under which id; None where these or its instant are not known.

    The fields of a Struct need not say it.
    """
    id_, subject = command.command_id, command.subject
    if not (is_instant(command.at) and type(id_) is str and type(subject) is str and is_subject(subject)):
        return None
    length = len(id_) if id_.isascii() and subject.isascii() else _length(id_, subject)
    return (subject, id_) if 0 < length <= (LONGEST_OWN_ID if command.INTERNAL else LONGEST_ID) else None


def _length(text: str, other: str) -> int:
    """Bytes of a text in UTF-8; none where one of them has no form in it."""
    try:
        other.encode()
        return len(text.encode())
    except UnicodeEncodeError:
        return 0
