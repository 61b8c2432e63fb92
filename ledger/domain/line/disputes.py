"""The disputes of an account: what is remembered of each, and what their events change.

A decided one is remembered for as long as it can be opened again, and while another about the same record is open.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from ledger.domain.events import Event
from ledger.domain.line.dispute_commands import CORRECTED, OVERRIDDEN, REJECTED, WITHDRAWN
from ledger.domain.line.dispute_events import (
    DisputeOpened,
    DisputeRejected,
    DisputeReopened,
    DisputeWithdrawn,
    EvidenceAttached,
    StatementOverridden,
    SystemCorrected,
)
from ledger.domain.terms import AccountTerms

BALANCE = "balance"
"""What a dispute is about whose record is an event after which a balance stood."""
_REMEMBERED = 32
"""Disputes that may be there before what is too old to matter is dropped."""


class Dispute(msgspec.Struct, array_like=True):
    """A dispute, open while nothing has decided it. Amounts are sen, instants UTC microseconds."""

    id: str
    about: str
    refers_to: str | None
    records: list[int]
    """Versions of the account's events that are the record that it is about."""
    stood_at: int
    claimed: int
    unit: str
    opened_by: str
    statement: str | None
    line: int | None
    evidence: list[str] = []
    """Digests that it has seen."""
    decided_at: int | None = None
    decision: str | None = None
    reopened: bool = False
    corrected: int = 0
    """Sen by which what its record says was corrected, as far as no posting says so by itself."""
    corrections: list[int] = []
    """Versions of the events that did."""

    @property
    def is_open(self) -> bool:
        """Whether it is to be decided."""
        return self.decided_at is None

    def shares(self, other: Dispute) -> bool:
        """Whether what corrects one corrects the other."""
        if self is other:
            return True
        same = (self.about, self.unit, self.records) == (other.about, other.unit, other.records)
        return bool(self.records) and same


class Disputed(Protocol):
    """An account, as far as its disputes go."""

    disputes: dict[str, Dispute]
    disputable_from: int


def open_disputes(account: Disputed) -> bool:
    """Whether one is to be decided."""
    return any(dispute.is_open for dispute in account.disputes.values())


def corrections_of(account: Disputed, dispute: Dispute) -> list[Dispute]:
    """The disputes whose corrections what its record says now holds, itself among them."""
    return [one for one in account.disputes.values() if one.shares(dispute)]


def remembered(account: Disputed, since: int) -> dict[str, Dispute]:
    """Those that are open or share the record of one that is, and those decided since an instant."""
    still = [dispute for dispute in account.disputes.values() if dispute.is_open]
    return {
        id_: dispute
        for id_, dispute in account.disputes.items()
        if dispute.decided_at is None
        or dispute.decided_at >= since
        or any(one.shares(dispute) for one in still)
    }


# --- what each event changes ----------------------------------------------------------------------------------------


def _opened(account: Disputed, event: DisputeOpened, terms: AccountTerms) -> None:
    account.disputes[event.dispute] = Dispute(
        event.dispute,
        event.about,
        event.refers_to,
        [cited["version"] for cited in event.records],
        event.stood_at,
        event.claimed,
        event.unit,
        event.opened_by,
        event.statement,
        event.line,
    )
    if len(account.disputes) > _REMEMBERED:
        since = event.recorded_at - terms.dispute_window
        account.disputes = remembered(account, since)
        account.disputable_from = max(account.disputable_from, since)


def _evidence(account: Disputed, event: EvidenceAttached, _: AccountTerms) -> None:
    dispute = account.disputes.get(event.dispute)
    if dispute is not None:
        dispute.evidence.append(event.digest)


def _decided(decision: str) -> Any:  # noqa: ANN401 - what applies an event
    def decide(account: Disputed, event: Any, _: AccountTerms) -> None:  # noqa: ANN401
        dispute = account.disputes.get(event.dispute)
        if dispute is not None:
            dispute.decision, dispute.decided_at = decision, event.recorded_at

    return decide


def _corrected(account: Disputed, event: SystemCorrected, _: AccountTerms) -> None:
    dispute = account.disputes.get(event.dispute)
    if dispute is not None:
        dispute.decision, dispute.decided_at = CORRECTED, event.recorded_at
        dispute.corrections.append(event.version)
        if not (event.about == BALANCE and event.remedied):
            dispute.corrected += event.amount


def _reopened(account: Disputed, event: DisputeReopened, _: AccountTerms) -> None:
    dispute = account.disputes.get(event.dispute)
    if dispute is not None:
        dispute.evidence.append(event.digest)
        dispute.decision = dispute.decided_at = None
        dispute.reopened = True


DISPUTE_CHANGES: Mapping[type[Event], Any] = {
    DisputeOpened: _opened,
    EvidenceAttached: _evidence,
    StatementOverridden: _decided(OVERRIDDEN),
    SystemCorrected: _corrected,
    DisputeRejected: _decided(REJECTED),
    DisputeWithdrawn: _decided(WITHDRAWN),
    DisputeReopened: _reopened,
}
