"""What a dispute about a contract can refer to, and how a correction is made good (SE23-02, SE23-03, XE25-01).

A bill is corrected by a note, which on a settled account is refundable advance; what is not billed yet is charged back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ledger.domain.events import Event
from ledger.domain.line.account import ChangesByEvent
from ledger.domain.line.dispute_commands import DecideDispute
from ledger.domain.line.dispute_events import SystemCorrected
from ledger.domain.line.disputed_records import ROAMING, events_between
from ledger.domain.line.disputes import DISPUTE_CHANGES, Dispute
from ledger.domain.line.events import UsageRecorded
from ledger.domain.line.line import Line
from ledger.domain.line.product import QUANTITY, Disputable, Remedy
from ledger.domain.money import IDR, format_amount, revenue, transfer
from ledger.domain.postpaid.account import CYCLE, PostpaidAccount
from ledger.domain.postpaid.commands import IssueCreditNote, IssueDebitNote
from ledger.domain.postpaid.crediting import total_of
from ledger.domain.postpaid.events import (
    CollectionCostCharged,
    PenaltyCharged,
    RoamingCharged,
    RoamingMatched,
    UsageCharged,
)
from ledger.domain.postpaid.events_of_bills import BillIssued, DebitNoteIssued, LateFineCharged
from ledger.domain.postpaid.events_of_payments import PaymentReceived
from ledger.domain.postpaid.noting import credit, credit_note, debit, must_debit
from ledger.domain.postpaid.terms import PostpaidTerms
from ledger.domain.refusals import AboveMaximum, NotEligible
from ledger.domain.refusals_of_disputes import UnknownRecord

DISPUTABLE: Disputable = {
    "bill": {BillIssued: {IDR: "total"}},
    "charge": {
        UsageCharged: {IDR: "charge"},
        RoamingCharged: {IDR: "charge"},
        LateFineCharged: {IDR: "amount"},
        PenaltyCharged: {IDR: "amount"},
        CollectionCostCharged: {IDR: "amount"},
        DebitNoteIssued: {IDR: "total"},
    },
    "payment": {PaymentReceived: {IDR: "amount"}},
    "balance": {},
    ROAMING: {
        RoamingMatched: {"partner_currency": "partner_amount"},
        RoamingCharged: {"partner_currency": "partner_amount", QUANTITY: "quantity"},
        UsageCharged: {QUANTITY: "granted"},
        UsageRecorded: {QUANTITY: "granted"},
    },
}
_KINDS: dict[type[Any], str] = {
    UsageCharged: "usage",
    RoamingCharged: "roaming",
    PenaltyCharged: "penalties",
    CollectionCostCharged: "collection",
}
"""The kinds of charges that are charged back; a fine is waived, a note has a note against it."""


def matched_use(event: Event, unit: str) -> str | None:
    """How much was used the system says itself, where it has recorded the use that a partner tells of.

    Raises UnknownRecord of a use that no partner told of: it is disputed as a charge.
    """
    if isinstance(event, UsageCharged | UsageRecorded):
        raise UnknownRecord("use abroad is disputed by the partner's record")
    return event.matches if isinstance(event, RoamingMatched) and unit == QUANTITY else None


def must_override(dispute: Dispute, records: Sequence[Event]) -> None:
    """Raises NotEligible where the only record came from the partner himself: it cannot prevail over him (SE23-03)."""
    if dispute.about == ROAMING and any(isinstance(event, RoamingCharged) for event in records):
        raise NotEligible("the record is the partner's own: what differs is settled with the partner")


def remedy_of_debt(
    line: Line, account: PostpaidAccount, dispute: Dispute, command: DecideDispute, amount: int
) -> Remedy:
    """A note about the bill, or a charge that the next bill carries no more."""
    if dispute.about == "bill" and dispute.refers_to is not None:
        return _noted(line, account, dispute, command, amount)
    if command.lines is not None:
        raise NotEligible("only a bill has lines")
    if dispute.about != "charge" or not dispute.records:
        raise NotEligible(f"what the system says of a {dispute.about} is corrected where it is recorded")
    return _charged_back(line, account, dispute, amount)


def _noted(
    line: Line, account: PostpaidAccount, dispute: Dispute, command: DecideDispute, amount: int
) -> Remedy:
    """A credit note for less, a debit note for more; its lines, and their tax, come to the amount."""
    if not command.lines:
        raise NotEligible("say by which lines of the bill")
    said: dict[str, Any] = {
        "at": line.cause.at,
        "command_id": command.command_id,
        "actor": command.actor,
        "msisdn": command.msisdn,
        "note": f"{dispute.id}/{len(dispute.corrections) + 1}",
        "bill": dispute.refers_to,
        "lines": command.lines,
        "reason": command.reason,
        "approved_by": command.approved_by,
    }
    if amount > 0:
        debit_note = IssueDebitNote(**said)
        must_debit(line, account, debit_note)
        _must_come_to(sum(one["amount"] for one in command.lines), amount)
        return Remedy([], moved=True, then=lambda: debit(line, account, debit_note))
    note = credit_note(line, account, IssueCreditNote(**said))
    _must_come_to(total_of(note, line.book.of(PostpaidTerms, note.bill.terms)), -amount)
    return Remedy([], moved=True, then=lambda: credit(line, account, note))


def _must_come_to(total: int, amount: int) -> None:
    if total != amount:
        raise NotEligible(
            f"the lines come to {format_amount(total)}, tax included, not {format_amount(amount)}"
        )


def _charged_back(line: Line, account: PostpaidAccount, dispute: Dispute, amount: int) -> Remedy:
    """The next bill carries so much more, or less, of a kind; what it carries never falls below zero."""
    version = dispute.records[0]
    if version <= account.billed_version:
        raise NotEligible("it is billed: the bill is what is disputed")
    [record] = events_between(line, account, version, version)
    kind = _KINDS.get(type(record))
    if kind is None:
        raise NotEligible("a fine is waived, a note has a note against it")
    if account.charges.get(f"{CYCLE}/{kind}", 0) + amount < 0:
        raise AboveMaximum("less is unbilled of it")
    postings = transfer(IDR, revenue(kind), account.name("unbilled"), amount)
    return Remedy(postings, moved=True, then=lambda: None, kind=kind)


# --- what it changes ------------------------------------------------------------------------------------------------


def _corrected(account: PostpaidAccount, event: SystemCorrected, terms: PostpaidTerms) -> None:
    DISPUTE_CHANGES[SystemCorrected](account, event, terms)
    if event.kind is not None:
        account.charge(event.kind, event.amount)


CHANGES: ChangesByEvent = {SystemCorrected: _corrected}
