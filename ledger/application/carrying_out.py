"""Carrying a command out on its subject, which is brought to the command's instant before and after."""

from __future__ import annotations

from ledger.application.memory import Held
from ledger.domain.commands import Command
from ledger.domain.kinds import kind_for
from ledger.domain.refusals import Refusal, Repeated, UnknownAccount
from ledger.domain.subject import Cause, Subject
from ledger.errors import CommandDefect

_LONGEST_REASON = 2000
"""Characters that are kept of what a failing command's exception says."""


def admit(held: Held, command: Command) -> None:
    """Whether there is what the command addresses, whatever its state. Raises a Refusal."""
    kind = kind_for(command)
    if held.kind is not kind:
        raise UnknownAccount(command.subject)
    kind.admit(held.subject, command)


def carry_out(subject: Subject, command: Command, cause: Cause) -> Refusal | Repeated | None:
    """Advances, decides, and advances again for what falls due at once.

    Returns the refusal, if there is one, or that it was done before under another id.
    """
    subject.cause = cause
    at = cause.at
    if subject.due_at <= at:
        subject.advance(at)
    refusal: Refusal | Repeated | None = None
    try:
        decide(subject, command)
    except (Refusal, Repeated) as refused:
        refusal = refused.with_traceback(None)  # which holds this frame, and this frame it: a cycle
    if subject.due_at <= at:
        subject.advance(at)
    return refusal


def decide(subject: Subject, command: Command) -> None:
    """Does what the command asks, by its kind's rules. Raises a Refusal."""
    kind_for(command).decide(subject, command)


def defect(command: Command, error: Exception) -> CommandDefect:
    """What it is where a command makes the code fail."""
    reason = f"{command.name} {command.command_id}: {type(error).__name__}: {error}"
    return CommandDefect(reason.encode("utf-8", "backslashreplace").decode()[:_LONGEST_REASON])
