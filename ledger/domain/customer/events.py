"""What happens to a customer: accounts come and go, debts come and are cleared, other accounts are blocked for them."""

from __future__ import annotations

from typing import TypedDict

from ledger.domain.calendar import Instant
from ledger.domain.events import Event, named

_customer = named("ledger.customer")


class DebtBlock(TypedDict):
    """A block that a debt on another account asks for: its id and scope, on a ground of the terms."""

    block: str
    scope: str
    ground: str


@_customer
class AccountNoted(Event):
    """An account is the customer's from now on; `blocks` are those of debts that stand already."""

    of: str
    blocks: list[DebtBlock]
    ends_at: Instant | None


@_customer
class AccountLeft(Event):
    """An account is the customer's no more, or has ended."""

    of: str


@_customer
class DebtNoted(Event):
    """A bill of one of the accounts is overdue; the others are blocked at `blocks_at` unless it is closed before."""

    bill: str
    of: str
    blocks_at: Instant
    block: str
    scope: str
    ground: str


@_customer
class OthersBlocked(Event):
    """The customer's other accounts are to be blocked for a debt."""

    bill: str
    accounts: list[str]
    block: str
    scope: str
    ground: str


@_customer
class DebtCleared(Event):
    """A bill that was overdue is closed; the blocks for it are to be lifted on `accounts`."""

    bill: str
    block: str
    accounts: list[str]


@_customer
class AccountEnded(Event):
    """An account of the customer's has ended at `ended_at`; money and disputes of it may still go on."""

    of: str
    ended_at: Instant
