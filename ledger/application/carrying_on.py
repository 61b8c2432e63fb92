"""What follows from what has happened: policies' commands, carried out at once after their cause, or sent on.

Every event is looked at, also what fell due, whoever noticed it. What follows is `INTERNAL`: a command that only the
ledger says. It is not journaled here, for it follows from its cause; one that fails is set apart, and its cause stands.
"""

from __future__ import annotations

from collections.abc import Iterable

from ledger import errors
from ledger.application.carrying_out import admit, carry_out, defect
from ledger.application.outcomes import SET_APART, Outcome
from ledger.application.unit_of_work import UnitOfWork
from ledger.domain.commands import Command
from ledger.domain.events import Event
from ledger.domain.ids import links_of
from ledger.domain.kinds import PartitionHistory, after_event, after_refusal, ended, is_keyed
from ledger.domain.refusals import Refusal
from ledger.domain.subject import Cause

LONGEST_CHAIN = 8
"""Commands of policies that follow one from the other, in one partition, or as their ids say across several."""
MOST_FOLLOWING = 50_000
"""Commands of policies that one command, or one subject's time, brings about at once: they are one transaction.

The largest customer's accounts, each brought to its end, asked, answering, and called off, bring about fewer.
"""


class Following:
    """Carries out what follows in the batch under way."""

    def __init__(self, work: UnitOfWork) -> None:
        self._work = work
        self._links = self._count = 0

    def begin(self) -> None:
        """Something new has happened, from which things may follow."""
        self._links = self._count = 0

    @property
    def count(self) -> int:
        """How much has followed since."""
        return self._count

    def after(self, events: Iterable[Event], cause: Cause) -> None:
        """Does what follows from events, which are in the batch already. What cannot be done is set apart."""
        for event in events:
            for command in after_event(event):
                self.pass_on(command, cause)

    def pass_on(self, command: Command, cause: Cause) -> None:
        """Carries out a policy's command, or sends it to the partition that it is for."""
        work = self._work
        batch = work.batch
        never = _not_internal(command) or self._endless(command)
        if never is not None:
            work.set_apart(command, never, cause)
            return
        self._count += 1
        if not work.recorder.is_here(command.subject):
            batch.forwarded.append(command)
            return
        mark, before = work.mark(), batch.at_hand
        batch.at_hand = set()
        self._links += 1
        try:
            self.carry_on(command)
        except errors.LedgerError as error:
            if error.code not in SET_APART:
                raise
            failure = error
        except Exception as error:  # noqa: BLE001 - whatever it is, the cause stands
            failure = defect(command, error)
        else:
            batch.at_hand |= before
            return
        finally:
            self._links -= 1
        work.undo(mark)
        batch.at_hand |= before
        work.set_apart(command, failure, cause)

    def carry_on(self, command: Command) -> None:
        """Carries out a policy's command at once after its cause."""
        codec = self._work.codec
        self._follow(command, codec.command_digest(command, codec.command_content(command)))

    def follow_on(self, command: Command, digest: bytes) -> tuple[Outcome, int]:
        """Carries out a policy's command that came from another partition: it is journaled like any.

        Returns the outcome, and the ordinal of the command's first own event.
        """
        work = self._work
        first, before = work.batch.ordinal + 1, len(work.batch.events)
        at, refusal = self._follow(command, digest)
        since = work.batch.events[before:]
        own = [event for event in since if event.command_id == command.command_id and is_keyed(event.account)]
        if own:
            first += since.index(own[0])
        return work.outcome(command, at, refusal, own), first if own else 0

    def ended(self, command: Command, digest: bytes) -> Outcome | None:
        """The answer to what was carried out at once after its cause, and so is not journaled; None: it was not."""
        work = self._work
        recorded = PartitionHistory(work.recorder.is_here, work.memory.streams.events, work.batch.happened)
        found = ended(command, digest, recorded)
        if found is None:
            return None
        event, refusal = found
        own = [event] if refusal is None else []
        return work.outcome(command, event.recorded_at, refusal, own).repeated()

    def _endless(self, command: Command) -> errors.PolicyEndless | None:
        if max(self._links, links_of(command.command_id) - 1) >= LONGEST_CHAIN:
            return errors.PolicyEndless(
                f"policy {command.command_id}: more than {LONGEST_CHAIN} follow one from the other"
            )
        if self._count >= MOST_FOLLOWING:
            return errors.PolicyEndless(
                f"policy {command.command_id}: more than {MOST_FOLLOWING} follow at once"
            )
        return None

    def _follow(self, command: Command, digest: bytes) -> tuple[int, Refusal | None]:
        """The instant at which a policy's command is taken, lifted without limit, and its refusal."""
        work = self._work
        held = work.touch(command.subject)
        subject = held.subject
        if command.stream is not None and subject.lacks(command.stream):
            subject.hold(work.memory.streams, command.stream)
        at = max(command.at, subject.recorded_at, work.closed_through + 1)
        cause = Cause(at, command.command_id, digest, command.actor)
        refusal: Refusal | None = None
        try:
            admit(held, command)
        except Refusal as refused:
            refusal = refused
        else:
            found = carry_out(subject, command, cause)
            refusal = found if isinstance(found, Refusal) else None
            emitted = subject.collect()
            if emitted and work.partition.standing.version == 0:
                work.begin(None, cause)
            work.batch.add(emitted)
            self.after(emitted, cause)
        if refusal is None:
            return at, None
        following = after_refusal(command, refusal)
        if not following:
            message = f"policy {command.command_id} was refused: {refusal.message}"
            raise errors.PolicyRefused(message)
        for next_command in following:
            self.pass_on(next_command, cause)
        return at, refusal


def _not_internal(command: Command) -> errors.CommandDefect | None:
    """What others say too has rules of its own for its id and its instant, and no partition takes it from a policy."""
    if command.INTERNAL:
        return None
    return errors.CommandDefect(
        f"policy {command.command_id}: {command.name} is not INTERNAL, so it cannot follow"
    )
