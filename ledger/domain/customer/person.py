"""What a customer's events add up to of the person: fields that are kept, consents, a restriction, an open request."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from ledger.domain.calendar import NEVER
from ledger.domain.customer.events_of_persons import (
    AccessAnswered,
    AccessRequested,
    ConsentGiven,
    ConsentWithdrawn,
    CustomerRectified,
    CustomerRegistered,
    LimitBreached,
    ProcessingRestricted,
    RestrictionLifted,
)
from ledger.domain.events import Event


class OpenRequest(msgspec.Struct, array_like=True):
    """A request for access that was not answered yet."""

    request: str
    limit_at: int
    breached: bool = False


class Person(msgspec.Struct):
    """A registered customer as a person; who that is stands in the vault."""

    terms: str
    """The privacy policy."""
    fields: list[str] = []
    consents: dict[str, bool] = {}
    """By purpose: whether it was given or withdrawn last; not there: neither."""
    restricted: bool = False
    request: OpenRequest | None = None

    @property
    def due_at(self) -> int:
        """When the open request's limit is breached."""
        request = self.request
        return NEVER if request is None or request.breached else request.limit_at

    def apply(self, event: Event) -> None:
        """Takes an event in."""
        change = _CHANGES.get(type(event))
        if change is not None:
            change(self, event)


def registered(event: CustomerRegistered) -> Person:
    """The person that is registered."""
    return Person(event.terms or "", [kept["field"] for kept in event.fields])


def _rectified(person: Person, event: CustomerRectified) -> None:
    person.fields += [kept["field"] for kept in event.fields if kept["field"] not in person.fields]


def _given(person: Person, event: ConsentGiven) -> None:
    person.consents[event.purpose] = True


def _withdrawn(person: Person, event: ConsentWithdrawn) -> None:
    person.consents[event.purpose] = False


def _restricted(person: Person, _: ProcessingRestricted) -> None:
    person.restricted = True


def _lifted(person: Person, _: RestrictionLifted) -> None:
    person.restricted = False


def _requested(person: Person, event: AccessRequested) -> None:
    person.request = OpenRequest(event.request, event.limit_at)


def _breached(person: Person, _: LimitBreached) -> None:
    if person.request is not None:
        person.request.breached = True


def _answered(person: Person, _: AccessAnswered) -> None:
    person.request = None


_CHANGES: dict[type[Event], Callable[[Person, Any], None]] = {
    CustomerRectified: _rectified,
    ConsentGiven: _given,
    ConsentWithdrawn: _withdrawn,
    ProcessingRestricted: _restricted,
    RestrictionLifted: _lifted,
    AccessRequested: _requested,
    LimitBreached: _breached,
    AccessAnswered: _answered,
}
