"""What is told of a customer, by policies only; and the clock's word."""

from __future__ import annotations

from typing import ClassVar

from ledger.domain.commands import Command


class CustomerCommand(Command, frozen=True, kw_only=True, gc=False):
    """A command about a customer, `customer/<id>`."""

    customer: str

    @property
    def subject(self) -> str:
        """The customer."""
        return self.customer


class AdvanceCustomer(CustomerCommand, frozen=True, kw_only=True, gc=False):
    """Records what fell due."""

    OWN_IS_DUE: ClassVar[bool] = True


class _Told(CustomerCommand, frozen=True, kw_only=True, gc=False):
    """What a policy tells; what is known already comes to nothing."""

    INTERNAL: ClassVar[bool] = True
    MAY_COME_TO_NOTHING: ClassVar[bool] = True


class NoteAccount(_Told, frozen=True, kw_only=True, gc=False):
    """An account is the customer's; `begins`: also of one who was not known."""

    of: str
    begins: bool


class NoteAccountLeft(_Told, frozen=True, kw_only=True, gc=False):
    """It is not any more."""

    of: str


class NoteDebt(_Told, frozen=True, kw_only=True, gc=False):
    """A bill is overdue, and blocks the other accounts at an instant."""

    bill: str
    of: str
    blocks_at: int
    scope: str
    ground: str


class NoteDebtCleared(_Told, frozen=True, kw_only=True, gc=False):
    """It is closed."""

    bill: str


class NoteAccountEnded(_Told, frozen=True, kw_only=True, gc=False):
    """An account of the customer's has ended; money and disputes of it may still go on."""

    of: str
    ended_at: int


class NoteErasureAnswer(_Told, frozen=True, kw_only=True, gc=False):
    """What an account has against the erasure of its holder; nothing: it agrees, once it was asked."""

    of: str
    nth: int
    objections: list[str]
