"""A customer as of an instant: time brings about what falls due whether anybody has recorded it or not."""

from __future__ import annotations

from collections.abc import Iterable

from ledger.domain.customer.customer import Customer, CustomerState
from ledger.domain.events import Event
from ledger.domain.subject import Cause
from ledger.domain.terms_book import TermsBook

_CLOCK = "clock"


def customer_as_of(id_: str, events: Iterable[Event], book: TermsBook, at: int) -> Customer:
    """The customer that the log's events make, and whatever fell due by an instant (UTC microseconds) since.

    What fell due and is not recorded yet is what it has to collect. What accounts are asked then, they have not
    answered.
    """
    customer = Customer(CustomerState(id_), book)
    for event in events:
        customer.take(event)
    customer.cause = Cause(at, "", None, _CLOCK)
    customer.advance(at)
    return customer
