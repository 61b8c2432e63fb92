"""What happens to a postpaid account: its contract, what it is charged, its end."""

from __future__ import annotations

from ledger.domain.calendar import Day, Instant
from ledger.domain.events import Event, named
from ledger.domain.money import Sen

_postpaid = named("ledger.postpaid")

# --- the contract -------------------------------------------------------------------------------------------


@_postpaid
class ContractOpened(Event):
    """A number's next account begins: a contract on a plan. It is active, or in probation until `probation_until`."""

    msisdn: str
    generation: int
    customer: str
    plan: str
    commitment: Sen
    contract_months: int
    credit_limit: Sen
    billing_day: int
    registration: str
    consents: list[str]
    roaming: bool
    next_bill_at: Instant
    contract_until: Instant | None
    probation_until: Instant | None


@_postpaid
class VerificationPassed(Event):
    """The customer was verified: the contract is active, with its plan's limit."""

    reference: str | None
    credit_limit: Sen


@_postpaid
class VerificationFailed(Event):
    """The customer was not verified: in probation until `probation_until`, and with no limit."""

    reference: str | None
    probation_until: Instant | None


@_postpaid
class ContractPeriodEnded(Event):
    """The contract period is over; the contract goes on from month to month."""

    plan: str


@_postpaid
class PackageChangeRequested(Event):
    """Another plan is asked for, from a boundary on; the last request wins."""

    plan: str
    by: str
    channel: str | None
    reason: str | None
    approved_by: str | None
    takes_effect_at: Instant


@_postpaid
class PackageChanged(Event):
    """Another plan holds from now on."""

    from_plan: str
    to_plan: str
    by: str
    commitment: Sen
    contract_months: int
    credit_limit: Sen
    contract_until: Instant | None


@_postpaid
class CreditLimitSet(Event):
    """Another credit limit holds from now on."""

    credit_limit: Sen
    approved_by: str


@_postpaid
class HardCopyRequested(Event):
    """Bills on paper are asked for: of one bill, or of each from now on."""

    bill: str | None
    fee: Sen
    fee_per_bill: Sen


@_postpaid
class HardCopyStopped(Event):
    """Bills come on paper no more."""


@_postpaid
class AutoDebitSet(Event):
    """A mandate to debit holds from `takes_effect_at` on."""

    mandate: str
    takes_effect_at: Instant
    initiated_by: str


@_postpaid
class AutoDebitChanged(Event):
    """A mandate to debit that was set before holds from now on."""

    mandate: str


@_postpaid
class AutoDebitRemoved(Event):
    """No mandate to debit holds any more, nor comes."""

    mandate: str


@_postpaid
class AutoDebitRequested(Event):
    """The bank is asked to debit what is open on a bill."""

    bill: str
    mandate: str
    amount: Sen


# --- use and charges ----------------------------------------------------------------------------------------


@_postpaid
class UsageCharged(Event):
    """Use that cost `charge`; `granted` of what was `asked` (seconds, messages, bytes). `day` is its local day."""

    service: str
    direction: str
    destination: str
    zone: str
    asked: int
    granted: int
    charge: Sen
    tariff: str
    tariff_version: str
    day: Day


@_postpaid
class RoamingActivated(Event):
    """Roaming is on."""


@_postpaid
class RoamingDeactivated(Event):
    """Roaming is off; the contract may be left from `leave_at` on."""

    leave_at: Instant


@_postpaid
class RoamingCharged(Event):
    """Use abroad, by a partner's record, that was charged by our tariff."""

    CLAIMS = (("roaming-record", "record_key"),)

    partner: str
    record: str
    record_key: str
    service: str
    direction: str
    answered: bool
    country: str
    quantity: int
    zone: str
    charge: Sen
    tariff: str
    tariff_version: str
    day: Day
    partner_amount: str
    partner_currency: str


@_postpaid
class RoamingMatched(Event):
    """A partner's record of use that the system has recorded itself.

    Ours stands, both are kept, nothing is charged again.
    """

    CLAIMS = (("roaming-record", "record_key"),)

    partner: str
    record: str
    record_key: str
    service: str
    direction: str
    answered: bool
    country: str
    quantity: int
    matches: str
    day: Day
    partner_amount: str
    partner_currency: str


@_postpaid
class RoamingRefused(Event):
    """A partner's record that was not charged, with the refusal's code.

    `used_at` is the time of use as it was stated.
    """

    SAYS_REFUSAL = True

    partner: str
    record: str
    service: str
    direction: str
    answered: bool
    country: str
    quantity: int
    matches: str | None
    used_at: Instant
    refusal: str
    bill_on: Day | None
    latest_on: Day | None
    partner_amount: str
    partner_currency: str


@_postpaid
class PenaltyCharged(Event):
    """The customer leaves before the contract period is over."""

    amount: Sen
    plan: str
    months_left: int


@_postpaid
class CollectionCostCharged(Event):
    """What it cost to collect is charged."""

    amount: Sen
    reference: str
    approved_by: str


# --- the end ------------------------------------------------------------------------------------------------


@_postpaid
class UnsubscribeRequested(Event):
    """The customer ends the contract; the deposit may be asked for until `refund_until`."""

    channel: str
    refund_until: Instant


@_postpaid
class AccountSettled(Event):
    """Nothing is owed or held any more, and nothing can come: the account is closed for good."""

    customer: str | None
