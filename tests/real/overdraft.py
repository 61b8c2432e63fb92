"""Accounts that run below zero, as contracts with a limit: what comes in is cash, what goes out is use by the sen.

What such an account holds is its advance less all that it owes, billed or not.
"""

from __future__ import annotations

from typing import Any

from ledger.domain.money import format_amount

PARTS = ("advance", "billed", "unbilled")
"""The parts of an account that its balance is the sum of, each with its sign turned."""

Said = tuple[str, dict[str, Any]]
"""A command's name and fields."""


def opened(terms: str, holder: str) -> Said:
    """A contract."""
    own = {"customer": holder, "plan": "overdraft", "terms": terms, "billing_day": 1}
    return "OpenContract", {**own, "registration": "verified"}


def moved(amount: int, reference: str, payer: str, at: str) -> Said:
    """So many sen are paid in, or taken out."""
    if amount > 0:
        paid = {"reference": reference, "amount": format_amount(amount), "method": "cash", "payer": payer}
        return "ReceivePayment", paid
    use = {"service": "data", "direction": "outgoing", "destination": "on-net", "zone": "zone1"}
    return "RecordUsage", {**use, "used_at": at, "quantity": -amount}
