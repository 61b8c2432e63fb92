"""The erasure of a person: begun by a decision or by time, put to every account, done once it may be (PM-06).

The customer is asked first: a legal case, and what the law asks to be kept, are known here. Then every account that is
or was his is asked, wherever it lies. One that objects says why, and says it again when that changes. One that does not
has agreed: until the erasure is done or called off nothing comes about there that could be objected. Where all have
agreed the person is erased in the same breath as the last answer; else who agreed is free again (two phases). An
account that joins meanwhile is asked too; one that joins afterwards comes to nothing, which an audit finds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.domain.calendar import NEVER
from ledger.domain.customer.events_of_persons import (
    ErasureAsked,
    ErasureBlocked,
    ErasureStarted,
    FieldKept,
    FieldsErased,
    LimitBreached,
    Objection,
    PersonErased,
    ProcessingEnded,
)
from ledger.domain.customer.ids_of_customers import is_persons
from ledger.domain.customer.person import Person
from ledger.domain.customer.privacy_terms import PrivacyTerms
from ledger.domain.terms_book import TermsBook

if TYPE_CHECKING:
    from ledger.domain.customer.customer import Customer, CustomerState

DECIDED, RETENTION, CONSENT = "decided", "retention", "consent"
"""Why a person is erased; `RETENTION` also stands in the way, where the law asks that something be kept."""
LEGAL_HOLD = "legal-hold"
"""What stands in the way while a legal case runs."""
DEBT = "debt"
"""A bill of the person's time is overdue on an account that is another's by now."""


def _retained_since(state: CustomerState) -> int | None:
    """Since when retention runs: the end of the last account; None while one has not ended."""
    person = state.person
    if person is None or state.lives:
        return None
    if state.accounts or state.former:
        return state.last_end
    return person.since if is_persons(state.id) else None  # else his accounts may not be known


def kept_until(state: CustomerState, rules: PrivacyTerms, *, by_law: bool = False) -> int:
    """Until when a person is kept after the last account has ended, or `by_law` has to be; NEVER while one has not."""
    person, since = state.person, _retained_since(state)
    if person is None or since is None:
        return NEVER
    return rules.zone.plus_days(since, rules.kept_days(person.fields, by_law=by_law))


def field_kept_until(state: CustomerState, rules: PrivacyTerms, field: str) -> int:
    """Until when a field of a person is kept, by the retention of its class; NEVER while an account has not ended."""
    since = _retained_since(state)
    return NEVER if since is None else rules.zone.plus_days(since, rules.retention_of[field])


def _fields_due_at(state: CustomerState, rules: PrivacyTerms) -> int:
    """When the next fields go, before the person does; NEVER where none will, or a legal case holds them.

    Not while accounts are asked, either: the person may be gone with their answers.
    """
    person, since = state.person, _retained_since(state)
    if person is None or since is None or person.holds:
        return NEVER
    asked = person.erasure is not None and bool(person.erasure.waiting)
    days = {rules.retention_of[one] for one in person.fields}
    return rules.zone.plus_days(since, min(days)) if len(days) > 1 and not asked else NEVER


def erase_fields(customer: Customer, *, due_at: int | None = None) -> None:
    """The fields whose retention is over go, where there are some and no legal case holds them."""
    state = customer.state
    person, rules = person_of(customer)
    at = customer.cause.at if due_at is None else due_at
    if _fields_due_at(state, rules) > at:
        return
    last = rules.kept_days(person.fields)
    gone = [
        FieldKept(field=one, of=rules.class_of[one])
        for one in person.fields
        if rules.retention_of[one] < last and field_kept_until(state, rules, one) <= at
    ]
    customer.emit(FieldsErased, due_at=due_at, terms=person.terms, fields=gone)


def due_of_person(state: CustomerState, book: TermsBook) -> int:
    """The next instant at which time alone changes something for the person; NEVER where nothing will."""
    person = state.person
    if person is None or person.erased:
        return NEVER
    rules = book.of(PrivacyTerms, person.terms)
    erasure = person.erasure
    due = NEVER if person.ends_at is None else person.ends_at
    if erasure is None or not erasure.waiting:  # else the request may be gone with the accounts' answers
        due = min(due, person.limit_at)
    fields = _fields_due_at(state, rules)
    if erasure is None:
        last = kept_until(state, rules) if fields == NEVER else fields  # fields go before the person does
        return min(due, last if person.ended_at is None else person.ended_at)
    due = min(due, fields)
    if erasure.begun_at is not None:
        return min(due, erasure.begun_at)
    if not erasure.waiting and any(one["reason"] == RETENTION for one in erasure.said or ()):
        due = min(due, kept_until(state, rules, by_law=True))
    return due


def fall_due_for_person(customer: Customer, at: int) -> None:
    """One event of those that fall due at an instant: a limit, the end of processing, an erasure's next step."""
    state = customer.state
    person, rules = person_of(customer)
    request = person.request
    if request is not None and person.limit_at == at:
        name = request.request
        customer.emit(LimitBreached, due_at=at, due_about=name, terms=person.terms, request=name)
    elif person.ends_at == at:
        clause = rules.processing.clause
        customer.emit(ProcessingEnded, due_at=at, terms=person.terms, clause=clause, accounts=state.living)
    elif _fields_due_at(state, rules) == at:
        erase_fields(customer, due_at=at)
    elif person.erasure is None:
        reason = RETENTION if person.ended_at is None else CONSENT
        customer.emit(
            ErasureStarted,
            due_at=at,
            terms=person.terms,
            reason=reason,
            decided_by=None,
            approved_by=None,
        )
    else:
        consider(customer, due_at=at)


def person_of(customer: Customer) -> tuple[Person, PrivacyTerms]:
    """The person, and the policy. Raises LookupError where there is none."""
    person = customer.state.person
    if person is None:
        raise LookupError(customer.id)
    return person, customer.book.of(PrivacyTerms, person.terms)


def consider(customer: Customer, *, due_at: int | None = None) -> None:
    """The next step of an erasure under way, if there is one: accounts are asked, it is blocked, or it is done."""
    state, person = customer.state, customer.state.person
    erasure = None if person is None else person.erasure
    if person is None or erasure is None or erasure.waiting:
        return
    at = customer.cause.at if due_at is None else due_at
    own = _own_objections(customer, at)
    accounts = state.known
    asked = [] if own else erasure.unasked(accounts)
    if not own and not asked and not erasure.objections:
        asked = list(erasure.free)
    if asked:
        customer.emit(
            ErasureAsked, due_at=due_at, terms=person.terms, nth=erasure.nth + 1, accounts=sorted(asked)
        )
        return
    objections = own + [
        Objection(of=of, reason=reason)
        for of in sorted(erasure.objections)
        for reason in erasure.objections[of]
    ]
    if not objections:
        customer.emit(
            PersonErased,
            due_at=due_at,
            terms=person.terms,
            accounts=len(accounts),
            fields=len(person.fields),
            consents=len(person.consents),
            disclosures=person.disclosures,
            request=None if person.request is None else person.request.request,
        )
    elif objections != erasure.said or erasure.agreed:
        customer.emit(
            ErasureBlocked,
            due_at=due_at,
            terms=person.terms,
            nth=erasure.nth,
            objections=objections,
            agreed=sorted(erasure.agreed),
        )


def _own_objections(customer: Customer, at: int) -> list[Objection]:
    person, rules = person_of(customer)
    found = [LEGAL_HOLD] if person.holds else []
    until = kept_until(customer.state, rules, by_law=True)
    if rules.kept_days(person.fields, by_law=True) and at < until < NEVER:
        found.append(RETENTION)
    left_behind = {debt.of for debt in customer.state.debts.values()}.difference(customer.state.accounts)
    return [
        *(Objection(of=customer.id, reason=reason) for reason in found),
        *(Objection(of=account, reason=DEBT) for account in sorted(left_behind)),
    ]
