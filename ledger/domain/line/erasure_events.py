"""What an account says to the erasure of its holder."""

from __future__ import annotations

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
