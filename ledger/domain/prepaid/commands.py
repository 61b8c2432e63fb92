"""What may be asked of a prepaid account."""

from __future__ import annotations

from typing import ClassVar

from ledger.domain.customer.ids_of_customers import told_of
from ledger.domain.line.commands import LineCommand

# --- the number ---------------------------------------------------------------------------------------------------


class IssueStarterPack(LineCommand, frozen=True, kw_only=True, gc=False):
    """Opens the number's next account, inactive, valid to the end of `valid_until`."""

    NUMBER_ITSELF: ClassVar[bool] = True
    terms: str
    printed_credit: int
    valid_until: int


class ReclaimNumber(LineCommand, frozen=True, kw_only=True, gc=False):
    """Gives a free number back to its last holder; `fee_paid` is what was paid, in sen (None: the terms' fee)."""

    NUMBER_ITSELF: ClassVar[bool] = True
    customer: str
    terms: str
    decision: str
    decided_by: str
    fee_paid: int | None


# --- activation and credit ----------------------------------------------------------------------------------------


class Activate(LineCommand, frozen=True, kw_only=True, gc=False):
    """Activates by registration; `registration` is `verified` or `failed`."""

    channel: str
    customer: str
    registration: str

    @property
    def others(self) -> tuple[str, ...]:
        """The customer."""
        return told_of(self.customer)


class TopUp(LineCommand, frozen=True, kw_only=True, gc=False):
    """Sells `credit` for `price` rupiah."""

    credit: int
    price: int
    channel: str


class ReverseTopUp(LineCommand, frozen=True, kw_only=True, gc=False):
    """Takes back what is still there of a top-up, named by its command_id."""

    reverses: str
    reason: str
    approved_by: str


class ChargeCredit(LineCommand, frozen=True, kw_only=True, gc=False):
    """A purchase at a stated price, all or nothing."""

    amount: int
    item: str


class AdjustCredit(LineCommand, frozen=True, kw_only=True, gc=False):
    """A correction, signed, approved by another person; effective at `at` unless an earlier instant is stated."""

    amount: int
    reason: str
    approved_by: str
    effective_at: int | None = None


# --- reservations -------------------------------------------------------------------------------------------------


class ReserveCredit(LineCommand, frozen=True, kw_only=True, gc=False):
    """Holds part of the available credit."""

    reservation: str
    amount: int
    expires_at: int
    service: str | None = None


class CaptureReservation(LineCommand, frozen=True, kw_only=True, gc=False):
    """Takes up to what is held, and frees the rest."""

    reservation: str
    amount: int


class ReleaseReservation(LineCommand, frozen=True, kw_only=True, gc=False):
    """Frees what is held."""

    reservation: str


# --- credit transfers ---------------------------------------------------------------------------------------------


class TransferCredit(LineCommand, frozen=True, kw_only=True, gc=False):
    """Sends credit to another number."""

    NUMBERS: ClassVar[tuple[str, ...]] = ("to_msisdn",)

    to_msisdn: str
    amount: int


class ReceiveCreditTransfer(LineCommand, frozen=True, kw_only=True, gc=False):
    """The receiving half of a credit transfer; said by policy only."""

    INTERNAL: ClassVar[bool] = True
    transfer: str
    from_account: str
    amount: int
    fee: int
    days: int


class ReturnCreditTransfer(LineCommand, frozen=True, kw_only=True, gc=False):
    """Credit that could not be received goes back to the account that sent it; said by policy only."""

    INTERNAL: ClassVar[bool] = True
    OF_ACCOUNT: ClassVar[bool] = True
    transfer: str
    account: str
    to_msisdn: str
    amount: int
    fee: int
    refusal: str
