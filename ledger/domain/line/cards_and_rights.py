"""A new card for the account, and a new holder: the number's credit or debt, state and history stay with it."""

from __future__ import annotations

from typing import Any

from ledger.domain.line.account import Account, must_leave_room
from ledger.domain.line.blocking import lift_debts_of_former_holder
from ledger.domain.line.commands import DecideRightsTransfer, ReplaceCard, RequestRightsTransfer
from ledger.domain.line.events import (
    CardReplaced,
    FeeLine,
    RightsTransferred,
    RightsTransferRefused,
    RightsTransferRequested,
)
from ledger.domain.line.line import Line
from ledger.domain.line.product import PRODUCTS
from ledger.domain.refusals import IdentityRequired, NotEligible, UnknownRequest


def replace_card(line: Line, account: Account, command: ReplaceCard) -> None:
    """A new card, against identity only; the fee is taken as the product takes fees."""
    if not command.identity_checked:
        raise IdentityRequired
    rule = line.terms.card_replacement
    postings = PRODUCTS[account.PRODUCT].fees(account, [fee.amount for fee in rule.fees])
    fees = [FeeLine(name=fee.name, amount=fee.amount) for fee in rule.fees]
    line.emit(CardReplaced, clause=rule.clause, postings=postings, iccid=command.iccid, fees=fees)


def request_rights_transfer(line: Line, account: Account, command: RequestRightsTransfer) -> None:
    """Notes who is to hold the number; nothing changes yet."""
    if line.claimed(account.id, "request", command.request):
        raise NotEligible("the request's id has been used before")
    must_leave_room(account.requests)
    _must_be_anothers(account, command.to_customer)
    clause = line.terms.clauses.rights_transfer
    line.emit(
        RightsTransferRequested, clause=clause, request=command.request, to_customer=command.to_customer
    )


def decide_rights_transfer(line: Line, account: Account, command: DecideRightsTransfer) -> None:
    """The operator's word on a request that is open; who holds the number by now is not given it once more."""
    to_customer = account.requests.get(command.request)
    if to_customer is None:
        raise UnknownRequest(command.request)
    if command.decision == "approved":
        _must_be_anothers(account, to_customer)
    clause = line.terms.clauses.rights_transfer
    own: dict[str, Any] = {
        "request": command.request,
        "decided_by": command.decided_by,
        "reason": command.reason,
    }
    if command.decision == "approved":
        line.emit(
            RightsTransferred,
            clause=clause,
            from_customer=account.holder,
            to_customer=to_customer,
            **own,
        )
        lift_debts_of_former_holder(line, account)
    else:
        line.emit(RightsTransferRefused, clause=clause, **own)


def _must_be_anothers(account: Account, to_customer: str) -> None:
    if to_customer == account.holder:
        raise NotEligible("the number is that customer's already")
