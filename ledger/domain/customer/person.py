"""What a customer's events add up to of the person: fields kept, consents, requests, holds, an erasure under way."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from ledger.domain.calendar import NEVER
from ledger.domain.customer.allowed import PROCESSING
from ledger.domain.customer.events_of_persons import (
    AccessAnswered,
    AccessRequested,
    ConsentGiven,
    ConsentWithdrawn,
    CustomerRectified,
    CustomerRegistered,
    ErasureAnswerNoted,
    ErasureAsked,
    ErasureBlocked,
    ErasureRequested,
    ErasureStarted,
    FieldsErased,
    LimitBreached,
    Objection,
    PersonalDataDisclosed,
    PersonErased,
    PersonHoldLifted,
    PersonHoldSet,
    ProcessingEnded,
    ProcessingRestricted,
    RestrictionLifted,
)
from ledger.domain.events import Event


class OpenRequest(msgspec.Struct, array_like=True):
    """A request for access that was not answered yet."""

    request: str
    limit_at: int
    breached: bool = False


class Erasure(msgspec.Struct):
    """An erasure under way: whom it waits for, who has agreed, and what stands in its way."""

    nth: int = 0
    """How often accounts were asked."""
    waiting: list[str] = []
    """Accounts that were asked and have not answered."""
    agreed: list[str] = []
    """Those that have nothing against it, and take nothing now that could be."""
    free: list[str] = []
    """Those that had agreed when something else stood in the way; what stands in theirs since, they say."""
    objections: dict[str, list[str]] = {}
    """By account, what it has against it, as it said last."""
    said: list[Objection] | None = None
    """What was said to stand in its way; None: nothing yet."""
    begun_at: int | None = None
    """When time began it, and nobody was asked yet."""

    def asked(self, event: ErasureAsked) -> None:
        """Accounts are asked."""
        self.nth, self.waiting, self.begun_at = event.nth, list(event.accounts), None
        self.free = [one for one in self.free if one not in event.accounts]

    def answered(self, event: ErasureAnswerNoted) -> None:
        """An account has answered, or says what has changed since."""
        asked = event.of in self.waiting
        self.forget(event.of)
        if asked:
            self.waiting.remove(event.of)
        if event.objections:
            self.objections[event.of] = list(event.objections)
        else:
            (self.agreed if asked else self.free).append(event.of)

    def blocked(self, event: ErasureBlocked) -> None:
        """Something stands in the way; who agreed is free again."""
        self.free += self.agreed
        self.agreed, self.said, self.begun_at = [], list(event.objections), None

    def forget(self, of: str) -> None:
        """What an account has said holds no more."""
        self.objections.pop(of, None)
        for those in (self.agreed, self.free):
            if of in those:
                those.remove(of)

    def unasked(self, accounts: Iterable[str]) -> list[str]:
        """Those of some accounts that have said nothing that holds."""
        known = {*self.agreed, *self.free, *self.objections}
        return [one for one in accounts if one not in known]


class Person(msgspec.Struct):
    """A registered customer as a person; who that is stands in the vault."""

    terms: str
    """The privacy policy."""
    fields: list[str] = []
    consents: dict[str, bool] = {}
    """By purpose: whether it was given or withdrawn last; not there: neither."""
    restricted: bool = False
    request: OpenRequest | None = None
    since: int = 0
    """When it was registered."""
    disclosures: int = 0
    holds: list[str] = []
    """References of the cases that the data are held for."""
    erasure_request: str | None = None
    """The person's own request for erasure."""
    ends_at: int | None = None
    """When processing ends, consent to it having been withdrawn; None: it was not, or has ended."""
    ended_at: int | None = None
    """When it has."""
    erasure: Erasure | None = None
    erased: bool = False

    @property
    def limit_at(self) -> int:
        """When the open request's limit is breached."""
        request = self.request
        return NEVER if request is None or request.breached else request.limit_at

    @property
    def accounts_end_at(self) -> int | None:
        """When accounts end, consent to processing having been withdrawn; None: they do not."""
        return self.ended_at if self.ends_at is None else self.ends_at

    def agrees(self, purpose: str) -> bool:
        """Whether a purpose is agreed to; to none any more once processing has ended."""
        return self.ended_at is None and self.consents.get(purpose) is True

    def apply(self, event: Event) -> None:
        """Takes an event in."""
        change = _CHANGES.get(type(event))
        if change is not None:
            change(self, event)


def registered(event: CustomerRegistered) -> Person:
    """The person that is registered."""
    return Person(event.terms or "", [kept["field"] for kept in event.fields], since=event.recorded_at)


def _rectified(person: Person, event: CustomerRectified) -> None:
    person.fields += [kept["field"] for kept in event.fields if kept["field"] not in person.fields]


def _fields_erased(person: Person, event: FieldsErased) -> None:
    gone = {kept["field"] for kept in event.fields}
    person.fields = [one for one in person.fields if one not in gone]


def _given(person: Person, event: ConsentGiven) -> None:
    person.consents[event.purpose] = True
    if event.purpose == PROCESSING:
        person.ends_at = None


def _withdrawn(person: Person, event: ConsentWithdrawn) -> None:
    person.consents[event.purpose] = False
    if event.limit_at is not None:
        person.ends_at = event.limit_at


def _ended(person: Person, event: ProcessingEnded) -> None:
    person.ends_at, person.ended_at = None, event.effective_at


def _disclosed(person: Person, _: PersonalDataDisclosed) -> None:
    person.disclosures += 1


def _held(person: Person, event: PersonHoldSet) -> None:
    person.holds.append(event.reference)


def _released(person: Person, event: PersonHoldLifted) -> None:
    person.holds.remove(event.reference)


def _erasure_requested(person: Person, event: ErasureRequested) -> None:
    person.erasure_request = event.request


def _started(person: Person, event: ErasureStarted) -> None:
    begun_at = event.effective_at if event.decided_by is None else None
    person.erasure = Erasure(begun_at=begun_at)


def _asked(person: Person, event: ErasureAsked) -> None:
    if person.erasure is not None:
        person.erasure.asked(event)


def _answered_to(person: Person, event: ErasureAnswerNoted) -> None:
    if person.erasure is not None:
        person.erasure.answered(event)


def _blocked(person: Person, event: ErasureBlocked) -> None:
    if person.erasure is not None:
        person.erasure.blocked(event)


def _erased(person: Person, _: PersonErased) -> None:
    """Nothing of the person is remembered but that there was one, and when accounts end."""
    person.fields, person.consents, person.holds = [], {}, []
    person.request = person.erasure = person.erasure_request = None
    person.erased = True


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
    FieldsErased: _fields_erased,
    ConsentGiven: _given,
    ConsentWithdrawn: _withdrawn,
    ProcessingRestricted: _restricted,
    RestrictionLifted: _lifted,
    AccessRequested: _requested,
    LimitBreached: _breached,
    AccessAnswered: _answered,
    ProcessingEnded: _ended,
    PersonalDataDisclosed: _disclosed,
    PersonHoldSet: _held,
    PersonHoldLifted: _released,
    ErasureRequested: _erasure_requested,
    ErasureStarted: _started,
    ErasureAsked: _asked,
    ErasureAnswerNoted: _answered_to,
    ErasureBlocked: _blocked,
    PersonErased: _erased,
}
