"""What the ledger refuses: a refusal is an answer, with a code of the language. A class's docstring is its message."""

from __future__ import annotations

from typing import ClassVar

REFUSALS: dict[str, type[Refusal]] = {}
"""Every refusal of the language by its code."""


class Refusal(Exception):
    """The command was refused."""

    code: ClassVar[str] = "refused"

    def __init_subclass__(cls) -> None:
        REFUSALS[cls.code] = cls

    def __init__(self, detail: str = "") -> None:
        message = (type(self).__doc__ or "").strip()
        super().__init__(f"{message} ({detail})" if detail else message)

    @property
    def message(self) -> str:
        """One sentence for a person, with the particulars in brackets."""
        return str(self)


class Repeated(Exception):
    """What was asked under a reference or id has been done before: nothing happens, and it is no refusal."""


class UnknownAccount(Refusal):
    """The number has no account."""

    code = "unknown-account"


class NotActive(Refusal):
    """The account is not activated yet."""

    code = "not-active"


class InGrace(Refusal):
    """The active period is over and the account is in grace: nothing that costs credit."""

    code = "grace"


class InWaiting(Refusal):
    """The account is in its waiting period: no use in either direction."""

    code = "waiting"


class AccountDeactivated(Refusal):
    """The account is deactivated for good."""

    code = "deactivated"


class AccountTerminated(Refusal):
    """The account is terminated."""

    code = "terminated"


class AccountExpired(Refusal):
    """The starter pack expired before it was activated."""

    code = "expired"


class UseBlocked(Refusal):
    """A block stands against it."""

    code = "blocked"


class InsufficientCredit(Refusal):
    """There is not enough credit."""

    code = "insufficient-credit"


class BelowMinimum(Refusal):
    """The amount is below the least that the terms allow."""

    code = "below-minimum"


class AboveMaximum(Refusal):
    """The amount is above the most that is allowed."""

    code = "above-maximum"


class AlreadyActive(Refusal):
    """The account is active already."""

    code = "already-active"


class AlreadyReversed(Refusal):
    """The top-up has been reversed already."""

    code = "already-reversed"


class UnknownTopUp(Refusal):
    """The account has no such top-up."""

    code = "unknown-top-up"


class UnknownReservation(Refusal):
    """No such reservation stands."""

    code = "unknown-reservation"


class ReservationExists(Refusal):
    """The reservation's id has been used before."""

    code = "reservation-exists"


class UnknownBlock(Refusal):
    """No such block stands."""

    code = "unknown-block"


class BlockExists(Refusal):
    """The block's id has been used before."""

    code = "block-exists"


class UnknownRequest(Refusal):
    """No such request is open."""

    code = "unknown-request"


class GroundNotInTerms(Refusal):
    """The account's terms do not know this ground."""

    code = "ground-not-in-terms"


class ReferenceRequired(Refusal):
    """The ground asks for more: the order's reference, or when the event began."""

    code = "reference-required"


class IdentityRequired(Refusal):
    """The person's identity was not checked."""

    code = "identity-required"


class ApprovalRequired(Refusal):
    """Somebody else than the one who asks has to approve it."""

    code = "approval-required"


class NumberNotAvailable(Refusal):
    """The number is not free for this."""

    code = "number-not-available"


class PackExpired(Refusal):
    """The starter pack's date has passed: it can no longer be activated, nor exchanged."""

    code = "pack-expired"


class LimitReached(Refusal):
    """The day's limit is reached."""

    code = "limit-reached"


class TooManyOpen(Refusal):
    """So many of them are open on the account that no other may be opened."""

    code = "too-many-open"


class MustKeepMinimum(Refusal):
    """The sender would keep less credit than the terms demand."""

    code = "must-keep-minimum"


class NotEligible(Refusal):
    """The terms do not provide for it."""

    code = "not-eligible"


class InTheFuture(Refusal):
    """It lies in the future."""

    code = "in-the-future"


class TooLate(Refusal):
    """It comes too late."""

    code = "too-late"


class TooSoon(Refusal):
    """It comes too soon."""

    code = "too-soon"


class InContract(Refusal):
    """The contract period still runs."""

    code = "in-contract"


class UnknownPlan(Refusal):
    """The terms have no such plan."""

    code = "unknown-plan"


class OverLimit(Refusal):
    """Nothing is left of the credit limit."""

    code = "over-limit"


class Outstanding(Refusal):
    """Something is still owed."""

    code = "outstanding"


class GalleryRequired(Refusal):
    """The contract can be ended only where the terms say."""

    code = "gallery-required"


class RoamingActive(Refusal):
    """Roaming is on."""

    code = "roaming-active"


class DuplicateRecord(Refusal):
    """The partner's record has been taken before."""

    code = "duplicate-record"


class UnknownBill(Refusal):
    """The account has no such bill."""

    code = "unknown-bill"


class UnknownPayment(Refusal):
    """The account has no such payment."""

    code = "unknown-payment"


class ReferenceConflict(Refusal):
    """The reference or id was used before, for something else."""

    code = "reference-conflict"


class AlreadySettled(Refusal):
    """The payment is settled already."""

    code = "already-settled"


class AlreadyFailed(Refusal):
    """The payment has failed already."""

    code = "already-failed"


class ConsentRequired(Refusal):
    """The customer has not consented to it."""

    code = "consent-required"


class Erased(Refusal):
    """The person was erased, or is being erased."""

    code = "erased"


class UnknownDeposit(Refusal):
    """No deposit is held."""

    code = "unknown-deposit"


class WindowClosed(Refusal):
    """The time in which it could be asked for is over."""

    code = "window-closed"


class RefundExists(Refusal):
    """The refund has been asked for already."""

    code = "refund-exists"


class RefundNotReady(Refusal):
    """Something still stands in the way of the refund."""

    code = "refund-not-ready"


class AccountSettledAlready(Refusal):
    """The account is settled: nothing is owed or held any more."""

    code = "settled"


class UnknownFine(Refusal):
    """No such fine stands."""

    code = "unknown-fine"


class UnknownSuspense(Refusal):
    """No such money lies in suspense."""

    code = "unknown-suspense"


class ClockBehind(Refusal):
    """Its time is further behind what is recorded already than the clock tolerance allows."""

    code = "clock-behind"


class IdempotencyConflict(Refusal):
    """The same command_id was used for another content."""

    code = "idempotency-conflict"


class Invalid(Refusal):
    """The command is not well formed."""

    code = "invalid"

    def __init__(self, *faults: str) -> None:
        super().__init__("; and ".join(faults))
        self.faults = faults
        """All that is wrong with it, each with the path of its field."""
