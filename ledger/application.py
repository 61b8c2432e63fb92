"""The ledger: `execute(commands) -> outcomes` is the only thing that writes.

A batch is one append: every command is checked, its line advanced to its time, decided and applied; then all events
and the journal are written in one transaction. A refused command is an outcome, and spoils nothing beside it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar, cast

from eventsourcing.application import AggregateNotFoundError, Application

from ledger import errors, policies
from ledger.domain import events as e
from ledger.domain.account import NEVER, Account
from ledger.domain.calendar import SECOND
from ledger.domain.commands import CloseThrough, Command
from ledger.domain.line import Cause, Line
from ledger.domain.number import Number
from ledger.domain.prepaid import decide
from ledger.domain.terms import TermsBook
from ledger.journal import (
    Claim,
    JournalEntry,
    LedgerMapper,
    LedgerRecorder,
    NumberHead,
    Snapshot,
    journal_digest,
)
from ledger.outcomes import ACCEPTED, REFUSED, EventReference, Outcome

_State = TypeVar("_State", Account, Number)

CLOCK_TOLERANCE = 5 * SECOND
"""How far behind what is recorded already a command may come and still be taken, lifted to that time."""

SNAPSHOT_EVERY = 250
"""Events of an account between two snapshots of its state."""

CACHED_LINES = 100_000
"""Lines kept in memory."""


class _Held:
    """A line in memory, with the last digest of its journal."""

    __slots__ = ("chain", "line")

    def __init__(self, line: Line, chain: bytes) -> None:
        self.line = line
        self.chain = chain


class _Batch:
    """What a batch has brought about so far, to be written at once."""

    def __init__(self, answered: dict[tuple[str, str], tuple[bytes, bytes]], ordinal: int) -> None:
        self.answered = answered
        self.decided: dict[tuple[str, str], tuple[bytes, Outcome]] = {}
        self.events: list[e.Event] = []
        self.journal: list[JournalEntry] = []
        self.claims: dict[Claim, None] = {}
        self.touched: dict[str, _Held] = {}
        self.ordinal = ordinal

    def add(self, events: Iterable[e.Event]) -> None:
        for event in events:
            self.events.append(event)
            self.ordinal += 1
            if event.CLAIMS is not None:
                kind, field = event.CLAIMS
                self.claims[Claim(event.account, kind, getattr(event, field))] = None


class Ledger(Application[str]):
    """The write side over one log, or one partition of it.

    `terms` are the terms files known; a file that differs from what the log has published raises TermsChanged.
    """

    name = "Ledger"
    env = {  # noqa: RUF012 - the library's way
        "PERSISTENCE_MODULE": "ledger.store.sqlite",
        "MAPPER_TOPIC": "ledger.store.codec:AvroMapper",
        "ORIGINATOR_ID_TYPE": "text",
        "IS_SNAPSHOTTING_ENABLED": "y",
    }

    def __init__(self, terms: TermsBook, env: Mapping[str, str] | None = None) -> None:
        super().__init__(env)
        self.book = terms
        self.ledger_recorder = cast("LedgerRecorder", self.recorder)
        self.codec = cast("LedgerMapper", self.mapper).codec
        self.partition = self.ledger_recorder.partition
        self.subject = f"log@{self.partition}"
        self._stated_at = self.ledger_recorder.clock_mode() == "played"
        self._lines: OrderedDict[str, _Held] = OrderedDict()
        self._batch = _Batch({}, 0)
        self._recall()

    def _recall(self) -> None:
        """Reads what the whole partition has in common: its head, what is closed, and the terms published."""
        self._lines.clear()
        self._ordinal = self.ledger_recorder.max_notification_id() or 0
        self._log_version, self.closed_through = 0, -NEVER
        for event in self.events.get(self.subject, desc=True, limit=1):
            self._log_version = event.originator_version
            if isinstance(event, e.ClosedThrough):
                self.closed_through = event.through
        for terms in list(self.book):
            for event in self.events.get(self._terms_subject(terms.id)):
                if isinstance(event, e.TermsPublished):
                    self.book.publish(event.content, event.digest)

    def _terms_subject(self, terms_id: str) -> str:
        return f"terms/{terms_id}@{self.partition}"

    # --- the one way in -----------------------------------------------------------------------------------------------

    def execute(self, commands: Sequence[Command]) -> list[Outcome]:
        """Decides commands in order, and writes all that they bring about in one transaction.

        Returns an outcome for each, in order. Raises LogFull, LogUnreadable or CommandDefect (a command made the
        code fail); then nothing of the batch is written, and it may be sent again.
        """
        keys = dict.fromkeys((command.subject, command.command_id) for command in commands)
        batch = self._batch = _Batch(self.ledger_recorder.answered(keys), self._ordinal)
        try:
            outcomes = [self._answer(command, batch) for command in commands]
            self._write(batch)
        except BaseException:
            self._recall()
            raise
        return outcomes

    def _answer(self, command: Command, batch: _Batch) -> Outcome:
        try:
            return self._execute(command, batch)
        except errors.Refusal as refusal:  # of its form: not journaled
            return self._outcome(command, command.at, refusal, (), batch)
        except Exception as error:
            message = f"{command.name} {command.command_id}: {type(error).__name__}: {error}"
            raise errors.CommandDefect(message) from error

    def _execute(self, command: Command, batch: _Batch) -> Outcome:
        self._check_form(command)
        content = self.codec.command_content(command)
        digest = self.codec.command_digest(command, content)
        key = (command.subject, command.command_id)
        before = self._decided(key, batch)
        if before is not None:
            if before[0] != digest:
                raise errors.IdempotencyConflict
            return before[1].repeated()
        outcome = self._decide(command, digest, batch)
        if outcome.code in errors.NOT_JOURNALED:
            return outcome
        self._journal(command, content, digest, outcome, batch)
        return outcome

    def _check_form(self, command: Command) -> None:
        terms = getattr(command, "terms", None)
        if terms is not None and terms not in self.book:
            raise errors.Invalid(f"terms: no terms are named {terms!r}")

    def _decided(self, key: tuple[str, str], batch: _Batch) -> tuple[bytes, Outcome] | None:
        known = batch.decided.get(key)
        if known is None and key in batch.answered:
            digest, state = batch.answered[key]
            known = batch.decided[key] = (digest, self.codec.outcome(state))
        return known

    def _journal(
        self, command: Command, content: bytes, digest: bytes, outcome: Outcome, batch: _Batch
    ) -> None:
        state = self.codec.command_state(command, content, stated_at=self._stated_at)
        answer = self.codec.outcome_state(outcome)
        held = self._touch(command.subject, batch)
        held.chain = journal_digest(held.chain, command.name, state, answer)
        batch.journal.append(
            JournalEntry(
                command.subject, command.command_id, command.name, digest, state, answer, held.chain
            )
        )
        batch.decided[command.subject, command.command_id] = (digest, outcome)

    # --- deciding -----------------------------------------------------------------------------------------------------

    def _decide(self, command: Command, digest: bytes, batch: _Batch) -> Outcome:
        if isinstance(command, CloseThrough):
            return self._close(command, digest, batch)
        line = self._touch(command.msisdn, batch).line
        if line.account is None and not command.NUMBER_ITSELF:
            return self._outcome(command, command.at, errors.UnknownAccount(command.msisdn), (), batch)
        try:
            at = self._taken_at(command, line)
        except errors.ClockBehind as refusal:
            return self._outcome(command, command.at, refusal, (), batch)
        self._begin_log(command, at, digest, batch)
        refusal_of_it = self._carry_out(line, command, Cause(at, command.command_id, digest, command.actor))
        emitted = line.collect()
        batch.add(emitted)
        for event in emitted:
            for following in policies.after_event(event):
                self._follow(following, batch)
        own = emitted if command.name == "AdvanceTime" else [
            event for event in emitted if event.command_id == command.command_id
        ]
        return self._outcome(command, at, refusal_of_it, own, batch)

    def _carry_out(self, line: Line, command: Command, cause: Cause) -> errors.Refusal | None:
        """Advances, decides, and advances again for what falls due at once."""
        line.cause = cause
        line.advance(cause.at)
        refusal = None
        try:
            decide(line, command)
        except errors.Refusal as refused:
            refusal = refused
        line.advance(cause.at)
        return refusal

    def _follow(self, command: Command, batch: _Batch) -> None:
        """Carries out a policy's command: it is not journaled, for it follows from its cause."""
        line = self._touch(command.msisdn, batch).line
        at = max(command.at, line.recorded_at, self.closed_through + 1)
        digest = self.codec.command_digest(command, self.codec.command_content(command))
        refusal: errors.Refusal | None
        if line.account is None:
            refusal = errors.UnknownAccount(command.msisdn)
        else:
            refusal = self._carry_out(line, command, Cause(at, command.command_id, digest, command.actor))
            batch.add(line.collect())
        if refusal is None:
            return
        following = policies.after_refusal(command, refusal)
        if not following:
            message = f"policy {command.command_id} was refused: {refusal.message}"
            raise RuntimeError(message)
        for next_command in following:
            self._follow(next_command, batch)

    def _taken_at(self, command: Command, line: Line) -> int:
        """The instant at which a command is taken: its own, or lifted within the clock tolerance."""
        at, recorded, closed = command.at, line.recorded_at, self.closed_through
        if recorded - at > CLOCK_TOLERANCE or closed - at > CLOCK_TOLERANCE:
            raise errors.ClockBehind
        return max(at, recorded, closed + 1)

    def _close(self, command: CloseThrough, digest: bytes, batch: _Batch) -> Outcome:
        """Closes the partition once every account there is advanced to that instant."""
        through = command.through
        if through <= self.closed_through:
            return self._outcome(command, command.at, None, (), batch)
        self._begin_log(command, through, digest, batch)
        for msisdn, held in [*batch.touched.items()]:
            if held.line.due_at <= through:
                self._advance(msisdn, through, batch)
        for msisdn in self.ledger_recorder.due(through, 1_000_000_000):
            self._advance(msisdn, through, batch)
        self._emit(
            e.ClosedThrough,
            self.subject,
            self._log_version + 1,
            Cause(max(command.at, through), command.command_id, digest, command.actor),
            batch,
            through=through,
        )
        self._log_version += 1
        self.closed_through = through
        return self._outcome(command, command.at, None, batch.events[-1:], batch)

    def _advance(self, msisdn: str, until: int, batch: _Batch) -> None:
        line = self._touch(msisdn, batch).line
        line.cause = Cause(max(until, line.recorded_at), "", None, "clock")
        line.advance(until)
        batch.add(line.collect())

    def _begin_log(self, command: Command, at: int, digest: bytes, batch: _Batch) -> None:
        """Writes what has to stand in the log before a command's own events: its beginning, and the terms used."""
        cause = Cause(at, command.command_id, digest, command.actor)
        if self._log_version == 0:
            mode = "played" if self._stated_at else "live"
            self._emit(e.LogCreated, self.subject, 1, cause, batch, clock=mode)
            self._log_version = 1
        terms_id = getattr(command, "terms", None)
        if terms_id is not None and terms_id not in self.book.published:
            terms = self.book[terms_id]
            content, published = terms.content, terms.digest
            self._emit(
                e.TermsPublished,
                self._terms_subject(terms_id),
                1,
                cause,
                batch,
                terms_id=terms_id,
                digest=published,
                content=content,
            )
            self.book.publish(content, published)

    def _emit(
        self,
        event_type: type[e.Event],
        subject: str,
        version: int,
        cause: Cause,
        batch: _Batch,
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

    def _outcome(
        self,
        command: Command,
        at: int,
        refusal: errors.Refusal | None,
        events: Sequence[e.Event],
        batch: _Batch,
    ) -> Outcome:
        return Outcome(
            command_id=command.command_id,
            status=ACCEPTED if refusal is None else REFUSED,
            code=None if refusal is None else refusal.code,
            message=None if refusal is None else refusal.message,
            events=tuple([EventReference(event.TOPIC, event.account, event.version) for event in events]),
            partition=self.partition,
            ordinal=batch.ordinal,
            at=at,
        )

    # --- lines --------------------------------------------------------------------------------------------------------

    def _touch(self, msisdn: str, batch: _Batch) -> _Held:
        held = batch.touched.get(msisdn)
        if held is None:
            held = self._lines.get(msisdn)
            if held is None:
                held = self._lines[msisdn] = self._load(msisdn)
            else:
                self._lines.move_to_end(msisdn)
            batch.touched[msisdn] = held
        return held

    def _load(self, msisdn: str) -> _Held:
        number = self._state(Number, msisdn)
        generation = number.generation if number is not None else 0
        account = self._state(Account, f"{msisdn}#{generation + 1}")
        if account is None and generation:
            account = self._state(Account, f"{msisdn}#{generation}")
        line = Line(msisdn, self.book, number=number, account=account, claimed=self._claimed)
        return _Held(line, self.ledger_recorder.chain_of(msisdn))

    def _claimed(self, account: str, kind: str, id_: str) -> bool:
        return Claim(account, kind, id_) in self._batch.claims or self.ledger_recorder.claimed(
            account, kind, id_
        )

    def _state(self, kind: type[_State], id_: str) -> _State | None:
        """The state of an account or number from its latest snapshot and the events since; None where it has none."""

        def project(_: Any, events: Iterable[Any]) -> _State | None:  # noqa: ANN401
            state: Any = None
            for event in events:
                if isinstance(event, Snapshot):
                    state = event.state
                    continue
                if state is None:
                    state = kind(id_)
                if isinstance(state, Account):
                    state.apply(event, self.book[event.terms or state.terms])
                else:
                    state.apply(event)
            return cast("_State | None", state)

        try:
            return self.repository.get(id_, projector_func=project)  # type: ignore[type-var]
        except AggregateNotFoundError:
            return None

    def _write(self, batch: _Batch) -> None:
        if not batch.events and not batch.journal:
            return
        heads = [
            NumberHead(msisdn, None if (due := held.line.due_at) == NEVER else due, held.chain)
            for msisdn, held in batch.touched.items()
            if held.line.account is not None or held.line.number.version
        ]
        self.ledger_recorder.insert_events(
            [self.mapper.to_stored_event(event) for event in batch.events],
            journal=batch.journal,
            heads=heads,
            claims=list(batch.claims),
        )
        self._ordinal = batch.ordinal
        self._snapshot(batch)
        while len(self._lines) > CACHED_LINES:
            self._lines.popitem(last=False)

    def _snapshot(self, batch: _Batch) -> None:
        """Keeps the state of the accounts that have grown past another `SNAPSHOT_EVERY` events."""
        grown = {event.account for event in batch.events if event.version % SNAPSHOT_EVERY == 0}
        states = [
            held.line.account
            for held in batch.touched.values()
            if held.line.account is not None and held.line.account.id in grown
        ]
        if states:
            self.ledger_recorder.snapshot([self.mapper.to_stored_event(Snapshot(state)) for state in states])

    def due(self, until: int, limit: int) -> list[str]:
        """Numbers that something falls due for at or before an instant, earliest first."""
        return self.ledger_recorder.due(until, limit)


