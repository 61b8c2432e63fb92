"""Whose an account is, as its events tell."""

from __future__ import annotations

from ledger.domain.events import Event
from ledger.domain.line.events import RightsTransferred
from ledger.domain.postpaid.events import ContractOpened
from ledger.domain.prepaid.events import Activated, NumberReclaimed


def holder_after(event: Event) -> str | None:
    """The id of the customer whose the account is from an event on; None where that does not change."""
    if isinstance(event, RightsTransferred):
        return event.to_customer
    if isinstance(event, Activated | ContractOpened | NumberReclaimed):
        return event.customer
    return None
