"""What may be asked about what a customer, or a statement, holds against the system's record (SE23-02)."""

from __future__ import annotations

from typing import ClassVar, TypedDict

from ledger.domain.line.commands import LineCommand
from ledger.domain.money import Sen

ABOUTS = ("bill", "charge", "top-up", "payment", "transfer", "balance", "roaming")
"""What a dispute can be about."""
OVERRIDDEN, CORRECTED, REJECTED, WITHDRAWN = "overridden", "corrected", "rejected", "withdrawn"
KEPT, ELSEWHERE = "evidence-store", "elsewhere"
"""Where the file of what is attached lies."""
DECISIONS = (OVERRIDDEN, CORRECTED, REJECTED, WITHDRAWN)
"""How a dispute can end."""


class RemedyLine(TypedDict):
    """What a bill is corrected by: of which kind, how much, and why."""

    kind: str
    amount: Sen
    text: str


class DisputeCommand(LineCommand, frozen=True, kw_only=True, gc=False):
    """What is asked of any account of the number; `account` names it, where it is a former one."""

    OF_ACCOUNT: ClassVar[bool] = True


class OpenDispute(DisputeCommand, frozen=True, kw_only=True, gc=False):
    """A customer's own dispute, `C-…`: `claimed` sen where the record that it refers to says something else."""

    dispute: str
    about: str
    claimed: int
    unit: str
    reason: str
    opened_by: str
    refers_to: str | None = None
    assignee: str | None = None
    due_on: int | None = None
    account: str | None = None


class RaiseDispute(DisputeCommand, frozen=True, kw_only=True, gc=False):
    """A dispute, `D-…`, that a line of a statement has brought about, which says `claimed`; said by policy only."""

    INTERNAL: ClassVar[bool] = True

    dispute: str
    about: str
    claimed: int
    unit: str
    reason: str
    opened_by: str
    statement: str
    line: int
    account: str
    raw: str | None = None
    refers_to: str | None = None
    assignee: str | None = None
    due_on: int | None = None


class AttachEvidence(DisputeCommand, frozen=True, kw_only=True, gc=False):
    """Evidence that lies elsewhere, by its digest."""

    dispute: str
    digest: str
    media_type: str
    title: str
    account: str | None = None
    lies_in: str | None = None


class DecideDispute(DisputeCommand, frozen=True, kw_only=True, gc=False):
    """How it ends: overridden, corrected (by `amount`, or by the whole difference), rejected or withdrawn."""

    dispute: str
    decision: str
    reason: str
    decided_by: str
    approved_by: str | None = None
    amount: int | None = None
    lines: list[RemedyLine] | None = None
    account: str | None = None


class ReopenDispute(DisputeCommand, frozen=True, kw_only=True, gc=False):
    """Once, on evidence that was not seen before."""

    dispute: str
    reason: str
    digest: str
    account: str | None = None
