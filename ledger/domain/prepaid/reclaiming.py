"""Reclaiming: a number that nobody has yet goes back to its last holder, as a new account (SP23-06)."""

from __future__ import annotations

from ledger.domain.line.erasing import must_be_reclaimable
from ledger.domain.line.line import Line
from ledger.domain.line.number import ASSIGNED
from ledger.domain.money import CASH, FEES, IDR, format_amount, transfer
from ledger.domain.prepaid.commands import ReclaimNumber
from ledger.domain.prepaid.events import NumberReclaimed
from ledger.domain.prepaid.terms import PrepaidTerms
from ledger.domain.refusals import (
    AboveMaximum,
    ApprovalRequired,
    BelowMinimum,
    NotEligible,
    NumberNotAvailable,
)


def reclaim_number(line: Line, command: ReclaimNumber) -> None:
    """Opens the next account, inactive and without credit, where the operator agrees and the fee is paid."""
    if line.number_state == ASSIGNED:
        raise NumberNotAvailable(ASSIGNED)
    if line.number.holder is None or line.number.holder != command.customer:
        raise NotEligible("only its last holder may ask for it")
    if line.account is not None:
        must_be_reclaimable(line, line.account)
    if command.decision != "approved":
        raise ApprovalRequired("the operator did not agree")
    rule = line.book.of(PrepaidTerms, command.terms).reclaim
    if command.fee_paid is not None and command.fee_paid < rule.fee:
        raise BelowMinimum(f"the fee is {format_amount(rule.fee)}")
    if command.fee_paid is not None and command.fee_paid > rule.fee:
        raise AboveMaximum(f"the fee is {format_amount(rule.fee)}")
    line.open(
        NumberReclaimed,
        command.terms,
        rule.clause,
        postings=transfer(IDR, FEES, CASH, rule.fee),
        customer=command.customer,
        decided_by=command.decided_by,
        fee=rule.fee,
    )
