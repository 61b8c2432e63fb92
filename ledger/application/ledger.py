"""The ledger: `execute(commands) -> outcomes` is the only thing that writes.

A batch is one append: every command is checked, its line advanced to its time, decided and applied; then all events
and the journal are written in one transaction. A refused command is an outcome, and spoils nothing beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any, cast

from eventsourcing.application import Repository
from eventsourcing.persistence import EventStore, InfrastructureFactory

from ledger import errors
from ledger.application import policies
from ledger.application.batch import Batch, Mark
from ledger.application.journal import (
    NO_CHAIN,
    Apart,
    Claim,
    JournalEntry,
    LedgerMapper,
    LedgerRecorder,
    Snapshot,
    Standing,
    journal_digest,
)
from ledger.application.memory import Held, Lines
from ledger.application.outcomes import ACCEPTED, REFUSED, SET_APART, EventReference, Outcome
from ledger.domain import refusals
from ledger.domain.calendar import NEVER, SECOND, is_instant
from ledger.domain.commands import Command
from ledger.domain.events import Event
from ledger.domain.kinds import apart_of, is_of_line, is_subject, log_of, terms_of
from ledger.domain.line.commands import LineCommand
from ledger.domain.line.deciding import admit, decide
from ledger.domain.line.line import Cause, Line
from ledger.domain.partition.commands import CloseThrough
from ledger.domain.partition.events import ClosedThrough, CommandSetApart, LogCreated, TermsPublished
from ledger.domain.prepaid.credit_transfers import Following, answer_of, endings, numbers_of
from ledger.domain.terms_book import TermsBook
from ledger.release import RELEASE

CLOCK_TOLERANCE = 5 * SECOND
"""How far behind what is recorded already a command may come and still be taken, lifted to that time."""

_LONGEST_REASON = 2000
"""Characters that are kept of what a failing command's exception says."""

SNAPSHOT_EVERY = 250
"""Events of an account between two snapshots of its state."""

DUE_AT_CLOSING = 50_000
"""Numbers that a closing itself advances at most, for they are one transaction; the clock has advanced them before."""


_NOT_ADDRESSED = "at, command_id, msisdn: not an instant in whole microseconds, a text, and a number's text"


class Ledger:
    """The write side over one log, or one partition of it.

    Of the `eventsourcing` library it holds the log's factory (which it closes), recorder, mapper and repository;
    `execute` alone writes.
    `terms` are the terms files known; a file that differs from what the log has published raises TermsChanged.
    """

    def __init__(self, terms: TermsBook, factory: InfrastructureFactory[Any]) -> None:
        self.book = terms
        self._factory = factory
        try:
            self._open()
            self._recall()
        except BaseException:
            self.close()
            raise

    def _open(self) -> None:
        factory = self._factory
        mapper: Any = factory.mapper(transcoder=factory.transcoder())
        recorder: Any = factory.application_recorder()
        self.mapper: LedgerMapper = mapper
        self.recorder: LedgerRecorder = recorder
        self._events: EventStore[str] = factory.event_store(mapper=mapper, recorder=recorder)
        snapshots: EventStore[str] = factory.event_store(
            mapper=mapper, recorder=factory.aggregate_recorder(purpose="snapshots")
        )
        self.codec = self.mapper.codec
        self.codec.learn(self.recorder.foreign_schemas())
        self.partition = self.recorder.partition
        self.subject = log_of(self.partition)
        """What the events of the whole partition are about."""
        self.origin: tuple[int | None, str | None] = (self.recorder.partitions, RELEASE)
        """What a new log says of itself: how many partitions it has, and which release made it."""
        self._apart = apart_of(self.partition)
        """What those are about that could not be carried out."""
        self._stated_at: bool = self.recorder.clock_mode() == "played"
        repository = Repository(self._events, snapshot_store=snapshots)
        self._lines = Lines(repository, self.recorder, self.book, self._claimed)
        self._batch = Batch({}, 0)

    def close(self) -> None:
        """Lets go of the log."""
        self._factory.close()

    def _recall(self) -> None:
        """Reads what the whole partition has in common: its head, what is closed, and the terms published."""
        self._lines.forget()
        self._ordinal = self.recorder.recall()
        self._log_version, self.closed_through = 0, -NEVER
        for event in self._events.get(self.subject, desc=True, limit=1):
            self._log_version = event.originator_version
            if isinstance(event, ClosedThrough):
                self.closed_through = event.through
        if self._log_version:
            self._check_partitions()
        last = next(iter(self._events.get(self._apart, desc=True, limit=1)), None)
        self._apart_version = 0 if last is None else last.originator_version
        self.book.recall(self.recorder.published_terms())

    def _check_partitions(self) -> None:
        """Raises TopicMismatch where the log has another number of partitions: subjects would fall to others."""
        here = self.recorder.partitions
        for event in self._events.get(self.subject, lte=1):
            if isinstance(event, LogCreated) and event.partitions not in (None, here):
                message = f"partition {self.partition} is of a log of {event.partitions} partitions; here are {here}"
                raise errors.TopicMismatch(message)

    @property
    def played(self) -> bool:
        """Whether commands state their own time."""
        return self._stated_at

    @property
    def set_apart(self) -> Sequence[Apart]:
        """What the last batch's commands brought about and could not be carried out."""
        return self._batch.apart

    @property
    def position(self) -> str:
        """The position of the last event."""
        return f"{self.partition}:{self._ordinal}"

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
        addressed = [_is_addressed(command) for command in commands]
        keys = dict.fromkeys(
            [
                (command.subject, command.command_id)
                for command, known in zip(commands, addressed, strict=True)
                if known
            ]
        )
        batch = self._batch = Batch(self.recorder.answered(keys), self._ordinal, principal)
        try:
            outcomes = [
                self._answer(command, content, batch, known=known)
                for command, content, known in zip(
                    commands, contents or [None] * len(commands), addressed, strict=True
                )
            ]
            self._write(batch, outcomes)
        except BaseException:
            self._recall()
            raise
        return outcomes

    def _answer(self, command: Command, content: bytes | None, batch: Batch, *, known: bool) -> Outcome:
        batch.index += 1
        if not known:
            return self._outcome(command, command.at, refusals.Invalid(_NOT_ADDRESSED), (), batch)
        batch.at_hand.clear()
        mark = self._mark(batch)
        try:
            return self._execute(command, content, batch)
        except refusals.Refusal as refusal:  # before it was decided: not journaled
            return self._outcome(command, command.at, refusal, (), batch)
        except errors.LedgerError as error:
            if error.code not in SET_APART:
                raise
            failure = error
        except Exception as error:  # noqa: BLE001 - whatever it is, its neighbours go on
            failure = _defect(command, error)
        self._undo(batch, Mark(*mark))
        return self._outcome(command, command.at, failure, (), batch)

    def _execute(self, command: Command, content: bytes | None, batch: Batch) -> Outcome:
        """Raises Invalid, IdempotencyConflict or ClockBehind, which leave no trace."""
        terms_id = command.terms_named
        if terms_id is not None and terms_id not in self.book:
            raise refusals.Invalid(f"terms: no terms are named {terms_id!r}")
        if content is None:
            try:
                content = self.codec.command_content(command)
            except (TypeError, ValueError, KeyError, OverflowError) as error:
                raise refusals.Invalid(f"a field is of another type: {error}") from None
        digest = self.codec.command_digest(command, content)
        key = (command.subject, command.command_id)
        before = batch.decided.get(key)
        if before is not None:
            if before[0] != digest:
                raise refusals.IdempotencyConflict
            return before[1].repeated()
        if isinstance(command, CloseThrough):
            outcome, first = self._close(command, digest, batch)
        elif (ended := self._ended(command, digest, batch)) is not None:
            return ended
        elif command.INTERNAL:
            outcome, first = self._follow_on(cast("LineCommand", command), digest, batch)
        else:
            outcome, first = self._decide(cast("LineCommand", command), terms_id, digest, batch)
        self._journal(command, content, digest, outcome, first, batch)
        batch.decided[key] = (digest, outcome)
        return outcome

    def _journal(  # noqa: PLR0913 - an entry has that many parts
        self, command: Command, content: bytes, digest: bytes, outcome: Outcome, first: int, batch: Batch
    ) -> None:
        subject = command.subject
        held = batch.touched.get(subject) or self._touch(subject, batch)
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
        self, command: LineCommand, terms_id: str | None, digest: bytes, batch: Batch
    ) -> tuple[Outcome, int]:
        """The outcome, and the ordinal of the command's first own event."""
        line = self._touch(command.subject, batch).line
        try:
            admit(line, command)
        except refusals.Refusal as refusal:
            return self._outcome(command, command.at, refusal, (), batch), 0
        at = self._taken_at(command, line)
        cause = Cause(at, command.command_id, digest, command.actor)
        refused = self._carry_out(line, command, cause)
        emitted = line.collect()
        if emitted and (self._log_version == 0 or terms_id is not None):
            self._begin(terms_id if refused is None else None, cause, batch)
        first = batch.ordinal + 1
        batch.add(emitted)
        if command.OWN_IS_DUE:
            own = emitted
        else:
            own = [event for event in emitted if event.command_id == command.command_id]
            if own and own[0] is not emitted[0]:
                first += emitted.index(own[0])
        for event in own:
            for following in policies.after_event(event):
                self._pass_on(following, cause, batch)
        return self._outcome(command, at, refused, own, batch), first if own else 0

    def _taken_at(self, command: Command, line: Line) -> int:
        """The instant at which a command is taken: its own, or lifted within the clock tolerance."""
        at, recorded, closed = command.at, line.recorded_at, self.closed_through
        if recorded - at > CLOCK_TOLERANCE or closed - at > CLOCK_TOLERANCE:
            raise refusals.ClockBehind
        return max(at, recorded, closed + 1)

    def _carry_out(self, line: Line, command: LineCommand, cause: Cause) -> refusals.Refusal | None:
        """Advances, decides, and advances again for what falls due at once."""
        line.cause = cause
        at = cause.at
        if line.due_at <= at:
            line.advance(at)
        refusal = None
        try:
            decide(line, command)
        except refusals.Refusal as refused:
            refusal = refused
        if line.due_at <= at:
            line.advance(at)
        return refusal

    def _pass_on(self, command: Command, cause: Cause, batch: Batch) -> None:
        """Carries out a policy's command, or sends it to the partition that it is for.

        Here it is not journaled, for it follows from its cause. One that fails is set apart; its cause stands.
        """
        if not self.recorder.is_here(command.subject):
            batch.forwarded.append(command)
            return
        mark, before = self._mark(batch), set(batch.at_hand)
        batch.at_hand.clear()
        try:
            self._carry_on(command, batch)
        except errors.LedgerError as error:
            if error.code not in SET_APART:
                raise
            failure = error
        except Exception as error:  # noqa: BLE001 - whatever it is, the cause stands
            failure = _defect(command, error)
        else:
            batch.at_hand |= before
            return
        self._undo(batch, Mark(*mark))
        batch.at_hand |= before
        self._set_apart(command, failure, cause, batch)

    def _carry_on(self, command: Command, batch: Batch) -> None:
        """Carries out a policy's command at once after its cause."""
        digest = self.codec.command_digest(command, self.codec.command_content(command))
        self._follow(cast("LineCommand", command), digest, batch)

    def _follow_on(self, command: LineCommand, digest: bytes, batch: Batch) -> tuple[Outcome, int]:
        """Carries out a policy's command that came from another partition: it is journaled like any."""
        first = batch.ordinal + 1
        before = len(batch.events)
        at, refusal = self._follow(command, digest, batch)
        own = [
            event
            for event in batch.events[before:]
            if event.command_id == command.command_id and is_of_line(event.account)
        ]
        if own:
            first += batch.events[before:].index(own[0])
        return self._outcome(command, at, refusal, own, batch), first if own else 0

    def _ended(self, command: Command, digest: bytes, batch: Batch) -> Outcome | None:
        """The answer to half of a transfer that was carried out at once after its cause, and so is not journaled.

        Only what has both its numbers here is ever carried out so; the journal knows all others.
        """
        if not isinstance(command, Following) or not all(map(self.recorder.is_here, numbers_of(command))):
            return None
        recorded = cast("Callable[[str], Iterable[Event]]", self._events.get)
        for event in endings(command, recorded, batch.happened):
            refusal = answer_of(command, digest, event)
            own = [event] if refusal is None else []
            return self._outcome(command, event.recorded_at, refusal, own, batch).repeated()
        return None

    def _follow(
        self, command: LineCommand, digest: bytes, batch: Batch
    ) -> tuple[int, refusals.Refusal | None]:
        """The instant at which a policy's command is taken, lifted without limit, and its refusal."""
        line = self._touch(command.subject, batch).line
        if (named := command.account_named) is not None and line.current.id != named:
            self._lines.former(line, named)
        at = max(command.at, line.recorded_at, self.closed_through + 1)
        cause = Cause(at, command.command_id, digest, command.actor)
        refusal: refusals.Refusal | None
        try:
            admit(line, command)
        except refusals.Refusal as refused:
            refusal = refused
        else:
            refusal = self._carry_out(line, command, cause)
            batch.add(line.collect())
        if refusal is None:
            return at, None
        following = policies.after_refusal(command, refusal)
        if not following:
            message = f"policy {command.command_id} was refused: {refusal.message}"
            raise errors.PolicyRefused(message)
        for next_command in following:
            self._pass_on(next_command, cause, batch)
        return at, refusal

    def _set_apart(self, command: Command, failure: errors.LedgerError, cause: Cause, batch: Batch) -> None:
        """Records that a policy's command could not be carried out; it can be sent again as it stands there."""
        self._begin(None, cause, batch)
        try:
            content = self.codec.command_state(command, self.codec.command_content(command), stated_at=True)
        except Exception:  # noqa: BLE001 - that may be what failed
            content = b""
        self._apart_version += 1
        own = {
            "command": command.name,
            "apart_id": command.command_id,
            "subject": command.subject,
            "content": content,
            "code": failure.code,
            "reason": str(failure),
        }
        self._emit(CommandSetApart, self._apart, self._apart_version, cause, batch, **own)
        batch.apart.append(Apart(batch.index, command, str(failure)))

    # --- undoing one command ------------------------------------------------------------------------------------------

    def _mark(self, batch: Batch) -> tuple[int, ...]:
        """What makes a `Mark`, which is needed only where a command is undone."""
        return (
            len(batch.events),
            len(batch.journal),
            len(batch.claims),
            len(batch.forwarded),
            len(batch.apart),
            len(batch.touched),
            self._log_version,
            self._apart_version,
            self.closed_through,
        )

    def _undo(self, batch: Batch, mark: Mark) -> None:
        """Restores what was before a command, and the lines that it has touched; its neighbours stand.

        A line that the batch had touched before is the log's with the batch's events of its number. What this costs
        does not grow with the batch: a line that was restored is kept, and the next time only what came since is taken.
        """
        for event in batch.cut(mark):
            if isinstance(event, TermsPublished):
                self.book.withdraw(event.terms_id)
        self._log_version, self._apart_version = mark.log_version, mark.apart_version
        self.closed_through = mark.closed_through
        for number in batch.untouched(mark):
            batch.at_hand.discard(number)
            self._lines.drop(number)
        for number in batch.at_hand:
            kept, events = batch.of_number(number)
            line = self._lines.fresh(number) if kept is None else kept
            for event in events:
                account = event.account
                known = {number, *line.former, line.account.id if line.account is not None else number}
                if account not in known and event.version > 1:
                    self._lines.former(line, account)
                line.take(event)
            batch.keep(line)
            batch.touched[number].line = line

    # --- the partition ------------------------------------------------------------------------------------------------

    def _close(self, command: CloseThrough, digest: bytes, batch: Batch) -> tuple[Outcome, int]:
        """Closes the partition once every account there is advanced to that instant."""
        through = command.through
        if through <= self.closed_through:
            return self._outcome(command, command.at, None, (), batch), 0
        cause = Cause(max(command.at, through), command.command_id, digest, command.actor)
        self._begin(None, cause, batch)
        due = self.recorder.due(through, DUE_AT_CLOSING + 1)
        if len(due) > DUE_AT_CLOSING:
            too_many = refusals.LimitReached(
                f"more than {DUE_AT_CLOSING} numbers are due: advance them first"
            )
            return self._outcome(command, command.at, too_many, (), batch), 0
        numbers = {*batch.touched, *due}
        behind = [line for msisdn in numbers if (line := self._touch(msisdn, batch).line).due_at <= through]
        for line in sorted(behind, key=lambda line: (line.due_at, line.msisdn)):
            line.cause = Cause(max(through, line.recorded_at), "", None, "clock")
            line.advance(through)
            batch.add(line.collect())
        self._emit(ClosedThrough, self.subject, self._log_version + 1, cause, batch, through=through)
        self._log_version += 1
        self.closed_through = through
        return self._outcome(command, command.at, None, batch.events[-1:], batch), batch.ordinal

    def _begin(self, terms_id: str | None, cause: Cause, batch: Batch) -> None:
        """Writes what has to stand in the log before a command's own events: its beginning, and the terms used."""
        if self._log_version == 0:
            mode = "played" if self._stated_at else "live"
            partitions, release = self.origin
            own = {"clock": mode, "partitions": partitions, "release": release}
            self._emit(LogCreated, self.subject, 1, cause, batch, **own)
            self._log_version = 1
        if terms_id is not None and terms_id not in self.book.published:
            document = self.book.document(terms_id)
            own = document._asdict()
            self._emit(TermsPublished, terms_of(terms_id, self.partition), 1, cause, batch, **own)
            self.book.publish(document)

    def _emit(
        self,
        event_type: type[Event],
        subject: str,
        version: int,
        cause: Cause,
        batch: Batch,
        /,
        **own: Any,  # noqa: ANN401 - the event type's own fields
    ) -> None:
        event = event_type(
            account=subject,
            version=version,
            effective_at=cause.at,
            recorded_at=cause.at,
            terms=None,
            clause=None,
            command_id=cause.command_id,
            command_digest=cause.command_digest,
            actor=cause.actor,
            postings=[],
            **own,
        )
        batch.add([event])

    def due(self, until: int, limit: int) -> list[str]:
        """Numbers that something falls due for at or before an instant, earliest first."""
        return self.recorder.due(until, limit)

    def standing(self) -> Standing:
        """Where the partition stands, for the clock."""
        zones = tuple([self.book[terms_id].zone for terms_id in sorted(self.book.published)])
        return Standing(self.closed_through, self.recorder.recorded_last(), zones, self.position)

    # --- keeping ------------------------------------------------------------------------------------------------------

    def _outcome(
        self,
        command: Command,
        at: int,
        refusal: refusals.Refusal | errors.LedgerError | None,
        own: Sequence[Event],
        batch: Batch,
    ) -> Outcome:
        events = tuple([EventReference(event.TOPIC, event.account, event.version) for event in own])
        if refusal is None:
            return Outcome(
                command.command_id, ACCEPTED, None, None, events, self.partition, batch.ordinal, at
            )
        code, message = refusal.code, str(refusal)
        return Outcome(command.command_id, REFUSED, code, message, events, self.partition, batch.ordinal, at)

    def _touch(self, msisdn: str, batch: Batch) -> Held:
        batch.at_hand.add(msisdn)
        held = batch.touched.get(msisdn)
        if held is None:
            held = batch.touched[msisdn] = self._lines.get(msisdn)
        return held

    def _claimed(self, account: str, kind: str, id_: str) -> bool:
        claim = Claim(account, kind, id_)
        return claim in self._batch.claims or self.recorder.claimed(account, kind, id_)

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
        self._lines.trim()

    def _snapshot(self, batch: Batch) -> None:
        """Keeps the state of the accounts that have grown past another `SNAPSHOT_EVERY` events."""
        grown = {event.account for event in batch.events if event.version % SNAPSHOT_EVERY == 0}
        if not grown:
            return
        accounts = [held.line.account for held in batch.touched.values() if held.line.account is not None]
        states = [Snapshot(account) for account in accounts if account.id in grown]
        if states:
            # What was recorded stands without a snapshot too.
            with suppress(errors.LedgerError):
                self.recorder.snapshot([self.mapper.to_stored_event(state) for state in states])


def _is_addressed(command: Command) -> bool:
    """Whether it is known when it comes, under which id and to whom, which the fields of a Struct need not say."""
    id_, subject = command.command_id, command.subject
    if not (is_instant(command.at) and type(id_) is str and type(subject) is str and is_subject(subject)):
        return False
    return (id_.isascii() and subject.isascii()) or _is_text(id_ + subject)


def _is_text(text: str) -> bool:
    """Whether it has a form in UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _defect(command: Command, error: Exception) -> errors.CommandDefect:
    reason = f"{command.name} {command.command_id}: {type(error).__name__}: {error}"
    return errors.CommandDefect(reason.encode("utf-8", "backslashreplace").decode()[:_LONGEST_REASON])
