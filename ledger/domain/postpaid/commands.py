"""What may be asked of a postpaid account."""

from __future__ import annotations

from typing import ClassVar

from ledger.domain.customer.ids_of_customers import told_of
from ledger.domain.line.commands import LineCommand
from ledger.domain.postpaid.events_of_bills import NoteLine


class AccountCommand(LineCommand, frozen=True, kw_only=True, gc=False):
    """What is asked of an account also after its end: `account` names it, where it is a former one of the number."""

    OF_ACCOUNT: ClassVar[bool] = True


# --- the contract -------------------------------------------------------------------------------------------


class OpenContract(LineCommand, frozen=True, kw_only=True, gc=False):
    """Opens the number's next account: a contract on a plan."""

    NUMBER_ITSELF: ClassVar[bool] = True

    customer: str
    plan: str
    terms: str
    billing_day: int
    registration: str
    upfront_payment: int = 0
    reference: str | None = None
    consents: list[str] | None = None

    @property
    def others(self) -> tuple[str, ...]:
        """The customer."""
        return told_of(self.customer)


class RecordVerification(LineCommand, frozen=True, kw_only=True, gc=False):
    """The verification of the customer passed or failed."""

    result: str
    reference: str | None = None


class ChangePackage(LineCommand, frozen=True, kw_only=True, gc=False):
    """Another plan, from the next boundary on."""

    plan: str
    channel: str


class UpdateService(LineCommand, frozen=True, kw_only=True, gc=False):
    """Another plan by the operator, from the next boundary on."""

    plan: str
    reason: str
    approved_by: str


class SetCreditLimit(LineCommand, frozen=True, kw_only=True, gc=False):
    """Sets the credit limit."""

    amount: int
    approved_by: str


class RequestHardCopy(LineCommand, frozen=True, kw_only=True, gc=False):
    """Asks for bills on paper: of one bill, or of each from now on."""

    bill: str | None = None


class StopHardCopy(LineCommand, frozen=True, kw_only=True, gc=False):
    """Asks for bills on paper no more."""


class SetAutoDebit(LineCommand, frozen=True, kw_only=True, gc=False):
    """Sets a mandate to debit, from a day on."""

    mandate: str
    effective_on: int
    initiated_by: str


class RemoveAutoDebit(LineCommand, frozen=True, kw_only=True, gc=False):
    """Removes the mandate to debit."""


# --- use abroad ---------------------------------------------------------------------------------------------


class ActivateRoaming(LineCommand, frozen=True, kw_only=True, gc=False):
    """Turns roaming on."""


class DeactivateRoaming(LineCommand, frozen=True, kw_only=True, gc=False):
    """Turns roaming off."""


class RecordRoaming(AccountCommand, frozen=True, kw_only=True, gc=False):
    """A partner's record of use abroad: `quantity` is seconds, messages or bytes, 0 for a call of none."""

    partner: str
    record: str
    service: str
    direction: str
    answered: bool
    country: str
    used_at: int
    quantity: int
    partner_amount: str
    partner_currency: str
    matches: str | None = None
    account: str | None = None


# --- payments -----------------------------------------------------------------------------------------------


class ReceivePayment(AccountCommand, frozen=True, kw_only=True, gc=False):
    """A payment came in; where no account takes it, it lies in suspense."""

    NUMBER_ITSELF: ClassVar[bool] = True

    reference: str
    amount: int
    method: str
    payer: str
    received_at: int | None = None
    account: str | None = None


class SettlePayment(AccountCommand, frozen=True, kw_only=True, gc=False):
    """The money of a payment is good."""

    reference: str
    settled_at: int | None = None
    account: str | None = None


class FailPayment(AccountCommand, frozen=True, kw_only=True, gc=False):
    """A payment came to nothing."""

    reference: str
    reason: str
    account: str | None = None


class ReversePayment(AccountCommand, frozen=True, kw_only=True, gc=False):
    """A settled payment is taken back."""

    reference: str
    reason: str
    approved_by: str
    account: str | None = None


class RefundAdvance(AccountCommand, frozen=True, kw_only=True, gc=False):
    """What is left of advance was paid out, less the bank's cost."""

    bank_cost: int
    reference: str
    account: str | None = None


# --- suspense ----------------------------------------------------------------------------------------------


class AssignSuspense(LineCommand, frozen=True, kw_only=True, gc=False):
    """Sends money that lies in suspense to the account that it was meant for, of this number or another."""

    NUMBER_ITSELF: ClassVar[bool] = True

    reference: str
    account: str
    approved_by: str


class ReturnSuspense(LineCommand, frozen=True, kw_only=True, gc=False):
    """Money that lay in suspense was paid back, less the bank's cost."""

    NUMBER_ITSELF: ClassVar[bool] = True

    reference: str
    bank_cost: int
    approved_by: str


class TakeSuspense(AccountCommand, frozen=True, kw_only=True, gc=False):
    """Money from suspense arrives at an account; said by policy only."""

    INTERNAL: ClassVar[bool] = True
    NUMBER_ITSELF: ClassVar[bool] = True

    account: str
    assignment: str
    from_msisdn: str
    reference: str
    amount: int
    method: str
    payer: str
    received_at: int
    content: str


class ReopenSuspense(LineCommand, frozen=True, kw_only=True, gc=False):
    """Money that an account did not take lies in suspense again; said by policy only."""

    INTERNAL: ClassVar[bool] = True
    NUMBER_ITSELF: ClassVar[bool] = True

    assignment: str
    to_account: str
    reference: str
    amount: int
    method: str
    payer: str
    received_at: int
    content: str
    refusal: str


# --- notes --------------------------------------------------------------------------------------------------


class IssueCreditNote(AccountCommand, frozen=True, kw_only=True, gc=False):
    """Takes back part of a bill, by a document of its own."""

    note: str
    bill: str
    lines: list[NoteLine]
    reason: str
    approved_by: str
    account: str | None = None


class IssueDebitNote(AccountCommand, frozen=True, kw_only=True, gc=False):
    """Charges something more for a bill, by a document of its own."""

    note: str
    bill: str
    lines: list[NoteLine]
    reason: str
    approved_by: str
    account: str | None = None


class WaiveFine(AccountCommand, frozen=True, kw_only=True, gc=False):
    """Waives a fine."""

    fine: str
    reason: str
    approved_by: str
    account: str | None = None


class ChargeCollectionCost(AccountCommand, frozen=True, kw_only=True, gc=False):
    """Charges what it cost to collect."""

    amount: int
    reference: str
    approved_by: str
    account: str | None = None


class WriteOff(AccountCommand, frozen=True, kw_only=True, gc=False):
    """Gives up what is open on a bill, or part of it."""

    bill: str
    amount: int
    reason: str
    approved_by: str
    account: str | None = None


# --- deposits -----------------------------------------------------------------------------------------------


class ReceiveDeposit(LineCommand, frozen=True, kw_only=True, gc=False):
    """A deposit came in, and its money is good."""

    deposit: str
    amount: int
    purpose: str
    payer: str


class ApplyDeposit(AccountCommand, frozen=True, kw_only=True, gc=False):
    """Sets the deposit against what is owed."""

    decided_by: str
    amount: int | None = None
    account: str | None = None


class RequestDepositRefund(AccountCommand, frozen=True, kw_only=True, gc=False):
    """Asks for the deposit that is left."""

    payee: str
    reference: str
    account: str | None = None


class ConfirmRefundRequirements(AccountCommand, frozen=True, kw_only=True, gc=False):
    """What else a refund of the deposit needs is there."""

    decided_by: str
    account: str | None = None


class PayDepositRefund(AccountCommand, frozen=True, kw_only=True, gc=False):
    """The deposit left was paid out, less the bank's cost."""

    bank_cost: int
    reference: str
    account: str | None = None


class SetLegalHold(AccountCommand, frozen=True, kw_only=True, gc=False):
    """Sets a legal hold: the deposit is not forfeited meanwhile."""

    reference: str
    account: str | None = None


class LiftLegalHold(AccountCommand, frozen=True, kw_only=True, gc=False):
    """Lifts the legal hold."""

    reference: str
    account: str | None = None


# --- the end ------------------------------------------------------------------------------------------------


class RequestUnsubscribe(LineCommand, frozen=True, kw_only=True, gc=False):
    """The customer ends the contract."""

    channel: str
