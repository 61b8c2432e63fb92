"""What happens to a customer as a person. Who that is, no event says: the vault has the values."""

from __future__ import annotations

from typing import TypedDict

from ledger.domain.calendar import Instant
from ledger.domain.events import Event, named

_customer = named("ledger.customer")


class FieldKept(TypedDict):
    """A field that is kept of a person, and its class, which has its purpose and retention in the policy."""

    field: str
    of: str


@_customer
class CustomerRegistered(Event):
    """A person is a customer from now on; `digest` is HMAC-SHA256 of the values under the person's key."""

    fields: list[FieldKept]
    digest: str
    source: str


@_customer
class CustomerRectified(Event):
    """Fields of a person were corrected or added."""

    fields: list[FieldKept]
    digest: str


@_customer
class FieldsErased(Event):
    """Fields are kept no more, the retention of their classes being over; the person's other fields are."""

    fields: list[FieldKept]


@_customer
class ConsentGiven(Event):
    """A person agrees to a purpose: `offers`, `partners`, `credit-bureau` or `processing`."""

    purpose: str
    channel: str
    accounts: list[str] | None


@_customer
class ConsentWithdrawn(Event):
    """A person agrees no more, or refuses; messages on the account and on transactions go on.

    Of `processing` it may be taken back until `limit_at`; then all accounts end.
    """

    purpose: str
    channel: str
    limit_at: Instant | None
    accounts: list[str] | None


@_customer
class PersonalDataDisclosed(Event):
    """Fields of a person were released to somebody, on a ground of the policy."""

    to: str
    ground: str
    fields: list[FieldKept]
    approved_by: str
    reference: str | None


@_customer
class AccessRequested(Event):
    """A person asks for what is kept; it has to be answered by `limit_at`."""

    request: str
    channel: str
    limit_at: Instant


@_customer
class AccessAnswered(Event):
    """It was handed over, with this digest."""

    request: str
    digest: str


@_customer
class LimitBreached(Event):
    """A request was not answered in time."""

    request: str


@_customer
class ProcessingRestricted(Event):
    """The person is neither shown nor disclosed nor made offers until this is lifted."""

    channel: str


@_customer
class RestrictionLifted(Event):
    """The reverse."""

    channel: str


@_customer
class ProcessingEnded(Event):
    """Consent to processing was withdrawn and not given again in time: the accounts are brought to their end."""

    accounts: list[str]


@_customer
class PersonHoldSet(Event):
    """The person's data are held for a legal case: nothing is erased until this is lifted."""

    reference: str


@_customer
class PersonHoldLifted(Event):
    """That hold was lifted, and no other."""

    reference: str


@_customer
class ErasureRequested(Event):
    """A person asks that what is kept be destroyed."""

    request: str
    channel: str


@_customer
class ErasureStarted(Event):
    """A person is to be erased: because it was `decided`, for `retention` being over, or for `consent` withdrawn."""

    reason: str
    decided_by: str | None
    approved_by: str | None


@_customer
class ErasureAsked(Event):
    """Accounts are asked, for the nth time, whether they object to the erasure of their holder."""

    nth: int
    accounts: list[str]


@_customer
class ErasureAnswerNoted(Event):
    """What an account has said to the nth asking, or since then: what it has against it; nothing: it agrees."""

    of: str
    nth: int
    objections: list[str]


class Objection(TypedDict):
    """What stands in the way of an erasure: an account, or the customer himself, and why."""

    of: str
    reason: str


@_customer
class ErasureBlocked(Event):
    """Something stands in the way of the erasure; those that `agreed` are free again."""

    nth: int
    objections: list[Objection]
    agreed: list[str]


@_customer
class PersonErased(Event):
    """Nothing stood in the way: who this was is forgotten. Counts of what there was, and no values."""

    accounts: int
    fields: int
    consents: int
    disclosures: int
    request: str | None
