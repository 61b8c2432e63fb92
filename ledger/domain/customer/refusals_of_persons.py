"""What is refused of persons."""

from __future__ import annotations

from ledger.domain.refusals import Refusal


class UnknownCustomer(Refusal):
    """Nobody is registered as this customer."""

    code = "unknown-customer"


class CustomerExists(Refusal):
    """Somebody is registered as this customer."""

    code = "customer-exists"


class NoPurpose(Refusal):
    """The privacy policy has no purpose for this field: it is not taken."""

    code = "no-purpose"


class Restricted(Refusal):
    """The person's data are restricted."""

    code = "restricted"


class AlreadyRequested(Refusal):
    """A request of this kind is open."""

    code = "already-requested"


class ErasureIsBlocked(Refusal):
    """An erasure has begun, and something stands in its way."""

    code = "erasure-blocked"


class UnknownHold(Refusal):
    """The person's data are not held for this case."""

    code = "unknown-hold"


class UnknownBreach(Refusal):
    """No breach of this id is recorded."""

    code = "unknown-breach"
