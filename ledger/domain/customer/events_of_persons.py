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
class ConsentGiven(Event):
    """A person agrees to a purpose: `offers`, `partners` or `credit-bureau`."""

    purpose: str
    channel: str


@_customer
class ConsentWithdrawn(Event):
    """A person agrees no more, or refuses; messages on the account and on transactions go on."""

    purpose: str
    channel: str


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
