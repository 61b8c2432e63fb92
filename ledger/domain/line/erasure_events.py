"""What an account says to the erasure of its holder, and to the holder's consent being withdrawn."""

from __future__ import annotations

from ledger.domain.calendar import Instant
from ledger.domain.events import Event, named

_customer = named("ledger.customer")


@_customer
class ErasureAnswered(Event):
    """What an account has against the erasure of its holder; nothing: it agrees, once it was asked."""

    customer: str
    nth: int
    objections: list[str]


@_customer
class ErasureCalledOff(Event):
    """The erasure did not come about: the account is as before it agreed."""

    customer: str
    nth: int


@_customer
class EndAnnounced(Event):
    """The holder has withdrawn consent to processing: at `ends_at` the account ends, unless that is taken back.

    One that has ended already is told so that its number is not reclaimed from then on.
    """

    customer: str
    ends_at: Instant


@_customer
class EndCalledOff(Event):
    """The holder has given consent to processing again in time: the account goes on, or is as it was."""

    customer: str
