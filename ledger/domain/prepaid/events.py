"""What happens to a prepaid account: its pack, its validity, its credit."""

from __future__ import annotations

from ledger.domain.calendar import Day, Instant
from ledger.domain.events import Event, named
from ledger.domain.money import Sen

_prepaid = named("ledger.prepaid")


# --- the life of an account ---------------------------------------------------------------------------------------


@_prepaid
class StarterPackIssued(Event):
    """A number's next account begins, inactive; it expires unactivated at `expires_at`."""

    msisdn: str
    generation: int
    printed_credit: Sen
    expires_at: Instant


@_prepaid
class NumberReclaimed(Event):
    """A number back to its last holder: its next account begins, inactive and without credit."""

    msisdn: str
    generation: int
    customer: str
    decided_by: str
    fee: Sen


@_prepaid
class StarterPackExpired(Event):
    """The pack was not activated in time; its printed credit is lost."""

    printed_credit: Sen


@_prepaid
class Activated(Event):
    """The account is active; `active_until` is None where credit has no validity."""

    channel: str
    customer: str
    credit: Sen
    active_until: Instant | None


@_prepaid
class RegistrationFailed(Event):
    """The registration was not verified; nothing else changes."""

    channel: str
    customer: str


@_prepaid
class GraceStarted(Event):
    """The active period ended."""

    grace_until: Instant


@_prepaid
class WaitingStarted(Event):
    """Grace ended; `forfeiture` is the rule that holds for this waiting period, whatever terms come."""

    waiting_until: Instant
    forfeiture: str


@_prepaid
class ServiceRestored(Event):
    """A top-up ended the waiting period."""

    active_until: Instant | None


@_prepaid
class Deactivated(Event):
    """The waiting period ended: the account is closed for good."""


# --- credit -------------------------------------------------------------------------------------------------------


@_prepaid
class CreditToppedUp(Event):
    """Credit was sold for `price` rupiah; `days` is None where credit has no validity."""

    CLAIMS = (("top-up", "command_id"),)

    credit: Sen
    price: Sen
    channel: str
    days: int | None
    extension: str | None
    cap_days: int | None
    active_until: Instant | None


@_prepaid
class TopUpReversed(Event):
    """`taken` of a top-up's credit was taken back; `not_taken` was not there any more."""

    reverses: str
    reason: str
    approved_by: str
    taken: Sen
    not_taken: Sen
    active_until: Instant | None


@_prepaid
class CreditForfeited(Event):
    """Credit was lost to the operator; `cause` says by what."""

    amount: Sen
    cause: str


@_prepaid
class CreditCharged(Event):
    """A purchase at a stated price."""

    TIMELESS = True

    amount: Sen
    item: str


@_prepaid
class CreditAdjusted(Event):
    """A person's correction, approved by another; signed."""

    TIMELESS = True

    amount: Sen
    reason: str
    approved_by: str


@_prepaid
class UsageDebited(Event):
    """Use that cost `charge`; `granted` of what was `asked` (seconds, messages, bytes). `day` is its local day."""

    TIMELESS = True

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


# --- reservations -------------------------------------------------------------------------------------------------


@_prepaid
class CreditReserved(Event):
    """Credit held until `expires_at`."""

    CLAIMS = (("reservation", "reservation"),)

    reservation: str
    amount: Sen
    expires_at: Instant
    service: str | None


@_prepaid
class ReservationCaptured(Event):
    """`amount` of what was held was taken; `freed` is credit again."""

    reservation: str
    amount: Sen
    freed: Sen


@_prepaid
class ReservationReleased(Event):
    """What was held is credit again; `cause` is `asked`, `expired`, `grace` or `terminated`."""

    reservation: str
    amount: Sen
    cause: str


# --- credit transfers ---------------------------------------------------------------------------------------------


@_prepaid
class CreditTransferSent(Event):
    """`amount` is on its way to `to_msisdn`; `fee` was paid, `days` is what it does to the recipient's validity."""

    transfer: str
    to_msisdn: str
    amount: Sen
    fee: Sen
    days: int
    day: Day


@_prepaid
class CreditTransferReceived(Event):
    """What `from_account` sent has arrived."""

    transfer: str
    from_account: str
    amount: Sen
    days: int
    extension: str | None
    cap_days: int | None
    active_until: Instant | None


@_prepaid
class CreditTransferReturned(Event):
    """The recipient could not take it (`refusal`): amount and fee came back, or went to breakage."""

    transfer: str
    to_msisdn: str
    amount: Sen
    fee: Sen
    refusal: str
    to_breakage: bool
