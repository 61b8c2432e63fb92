"""The rules of a customer as a person: each command a wall of guards, then one event."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ledger.domain.approval import must_be_another
from ledger.domain.bounds import MOST_OPEN
from ledger.domain.commands import Command
from ledger.domain.customer.allowed import PROCESSING
from ledger.domain.customer.commands_of_persons import (
    AnswerAccess,
    Disclose,
    ErasePerson,
    GiveConsent,
    LiftPersonHold,
    LiftRestriction,
    RectifyCustomer,
    RegisterCustomer,
    RequestAccess,
    RequestErasure,
    RestrictProcessing,
    SetPersonHold,
    WithdrawConsent,
)
from ledger.domain.customer.customer import Customer
from ledger.domain.customer.events_of_persons import (
    AccessAnswered,
    AccessRequested,
    ConsentGiven,
    ConsentWithdrawn,
    CustomerRectified,
    CustomerRegistered,
    ErasureRequested,
    ErasureStarted,
    FieldKept,
    PersonalDataDisclosed,
    PersonHoldLifted,
    PersonHoldSet,
    ProcessingRestricted,
    RestrictionLifted,
)
from ledger.domain.customer.forgetting import DECIDED, consider, erase_fields, field_kept_until
from ledger.domain.customer.person import Person
from ledger.domain.customer.privacy_terms import DataClass, PrivacyTerms
from ledger.domain.customer.refusals_of_persons import (
    AlreadyRequested,
    CustomerExists,
    ErasureIsBlocked,
    NoPurpose,
    Restricted,
    UnknownCustomer,
    UnknownHold,
)
from ledger.domain.refusals import (
    ConsentRequired,
    Erased,
    GroundNotInTerms,
    NotEligible,
    ReferenceRequired,
    Repeated,
    TooManyOpen,
    UnknownRequest,
)


def register(customer: Customer, command: RegisterCustomer) -> None:
    """A person is a customer from now on."""
    person = customer.state.person
    if person is not None:
        raise Erased if person.erased else CustomerExists
    rules = customer.book[command.terms]
    if not isinstance(rules, PrivacyTerms):
        raise NotEligible(f"not under terms that are {rules.product}")
    kept = _with_purpose(rules, command.fields)
    customer.emit(
        CustomerRegistered,
        terms=rules.id,
        clause=_clause(rules, kept),
        fields=kept,
        digest=command.digest,
        source=command.source,
    )


def rectify(customer: Customer, command: RectifyCustomer) -> None:
    """Fields are corrected, or come to the others."""
    person, rules = _known(customer)
    kept = _with_purpose(rules, command.fields)
    at = customer.cause.at
    if over := [one for one in command.fields if field_kept_until(customer.state, rules, one) <= at]:
        raise NoPurpose(over[0])
    customer.emit(
        CustomerRectified,
        terms=person.terms,
        clause=_clause(rules, kept),
        fields=kept,
        digest=command.digest,
    )


def give_consent(customer: Customer, command: GiveConsent) -> None:
    """A purpose is agreed to."""
    person, _ = _processed(customer)
    if person.consents.get(command.purpose) is True:
        raise Repeated
    goes_on = command.purpose == PROCESSING and person.ends_at is not None
    customer.emit(
        ConsentGiven,
        terms=person.terms,
        purpose=command.purpose,
        channel=command.channel,
        accounts=(customer.state.known or None) if goes_on else None,
    )


def withdraw_consent(customer: Customer, command: WithdrawConsent) -> None:
    """A purpose is agreed to no more, or never was."""
    person, rules = _processed(customer)
    if person.consents.get(command.purpose) is False:
        raise Repeated
    ends = command.purpose == PROCESSING
    customer.emit(
        ConsentWithdrawn,
        terms=person.terms,
        clause=rules.processing.clause if ends else None,
        purpose=command.purpose,
        channel=command.channel,
        limit_at=customer.cause.at + rules.processing_limit if ends else None,
        accounts=(customer.state.known or None) if ends else None,
    )


def disclose(customer: Customer, command: Disclose) -> None:
    """Fields are released, on a ground, approved by another person."""
    must_be_another(command.approved_by, command.actor)
    person, rules = _known(customer)
    if person.restricted:
        raise Restricted
    ground = rules.ground_of(command.ground)
    if ground is None:
        raise GroundNotInTerms(command.ground)
    if ground.requires == "reference" and command.reference is None:
        raise ReferenceRequired
    if ground.consent is not None and not person.agrees(ground.consent):
        raise ConsentRequired(ground.consent)
    kept = _with_purpose(rules, command.fields)
    if lost := [one for one in command.fields if one not in person.fields]:
        raise NotEligible(f"{lost[0]} is not kept of this customer")
    customer.emit(
        PersonalDataDisclosed,
        terms=person.terms,
        clause=ground.clause,
        to=command.to,
        ground=command.ground,
        fields=kept,
        approved_by=command.approved_by,
        reference=command.reference,
    )


def request_access(customer: Customer, command: RequestAccess) -> None:
    """The limit to answer runs from now on."""
    person, rules = _known(customer)
    if person.request is not None:
        raise AlreadyRequested(person.request.request)
    customer.emit(
        AccessRequested,
        terms=person.terms,
        clause=rules.access.clause,
        request=command.request,
        channel=command.channel,
        limit_at=customer.cause.at + rules.access_limit,
    )


def answer_access(customer: Customer, command: AnswerAccess) -> None:
    """The open request is answered, late or not."""
    person, rules = _known(customer)
    if person.request is None or person.request.request != command.request:
        raise UnknownRequest(command.request)
    customer.emit(
        AccessAnswered,
        terms=person.terms,
        clause=rules.access.clause,
        request=command.request,
        digest=command.digest,
    )


def restrict_processing(customer: Customer, command: RestrictProcessing) -> None:
    """From now on the person is neither shown, nor disclosed, nor made offers."""
    person, _ = _known(customer)
    if person.restricted:
        raise Repeated
    customer.emit(ProcessingRestricted, terms=person.terms, channel=command.channel)


def lift_restriction(customer: Customer, command: LiftRestriction) -> None:
    """The reverse."""
    person, _ = _known(customer)
    if not person.restricted:
        raise NotEligible("nothing is restricted")
    customer.emit(RestrictionLifted, terms=person.terms, channel=command.channel)


def request_erasure(customer: Customer, command: RequestErasure) -> None:
    """The person's own word; whether and when, the operator decides."""
    person, _ = _processed(customer)
    if person.erasure_request is not None:
        raise AlreadyRequested(person.erasure_request)
    customer.emit(ErasureRequested, terms=person.terms, request=command.request, channel=command.channel)


def erase_person(customer: Customer, command: ErasePerson) -> None:
    """The erasure begins: the customer himself is asked first, then his accounts."""
    must_be_another(command.approved_by, command.actor)
    must_be_another(command.approved_by, command.decided_by)
    person, _ = _known(customer, asked=True)
    erasure = person.erasure
    if erasure is not None and (erasure.waiting or erasure.said is None):
        raise AlreadyRequested("an erasure is under way")
    if erasure is not None:
        raise ErasureIsBlocked(", ".join(f"{one['of']}: {one['reason']}" for one in erasure.said or ()))
    customer.emit(
        ErasureStarted,
        terms=person.terms,
        reason=DECIDED,
        decided_by=command.decided_by,
        approved_by=command.approved_by,
    )
    consider(customer)


def set_person_hold(customer: Customer, command: SetPersonHold) -> None:
    """Nothing is erased while it stands; an erasure under way is blocked by it, too."""
    person, _ = _known(customer, asked=True)
    if command.reference in person.holds:
        raise Repeated
    if len(person.holds) >= MOST_OPEN:
        raise TooManyOpen(f"{len(person.holds)} are")
    customer.emit(PersonHoldSet, terms=person.terms, reference=command.reference)
    consider(customer)


def lift_person_hold(customer: Customer, command: LiftPersonHold) -> None:
    """That case is over; an erasure that it blocked goes on."""
    person, _ = _known(customer, asked=True)
    if command.reference not in person.holds:
        raise UnknownHold(command.reference)
    customer.emit(PersonHoldLifted, terms=person.terms, reference=command.reference)
    erase_fields(customer)
    consider(customer)


def _known(customer: Customer, *, asked: bool = False) -> tuple[Person, PrivacyTerms]:
    """The person, and the policy. Raises UnknownCustomer; Erased, also while accounts are asked, unless `asked`."""
    person = customer.state.person
    if person is None:
        raise UnknownCustomer
    erasure = person.erasure
    if person.erased or (erasure is not None and erasure.waiting and not asked):
        raise Erased
    return person, customer.book.of(PrivacyTerms, person.terms)


def _processed(customer: Customer) -> tuple[Person, PrivacyTerms]:
    """The same, and Erased from the end of processing on: the erasure falls due then, whoever carries it out when."""
    person, rules = _known(customer)
    if person.ended_at is not None:
        raise Erased
    return person, rules


def _with_purpose(rules: PrivacyTerms, fields: Sequence[str]) -> list[FieldKept]:
    """The fields with their classes. Raises NoPurpose, and NotEligible where none is named."""
    if not fields:
        raise NotEligible("no field is named")
    if lost := [one for one in fields if one not in rules.class_of]:
        raise NoPurpose(lost[0])
    return [{"field": one, "of": rules.class_of[one]} for one in fields]


def _clause(rules: PrivacyTerms, kept: Sequence[FieldKept]) -> str | None:
    """The clause of the first field's class."""
    found: list[DataClass] = [one for one in rules.classes if one.name == kept[0]["of"]]
    return found[0].clause


RULES_OF_PERSONS: Mapping[type[Command], Callable[[Customer, Any], None]] = {
    RegisterCustomer: register,
    RectifyCustomer: rectify,
    GiveConsent: give_consent,
    WithdrawConsent: withdraw_consent,
    Disclose: disclose,
    RequestAccess: request_access,
    AnswerAccess: answer_access,
    RestrictProcessing: restrict_processing,
    LiftRestriction: lift_restriction,
    RequestErasure: request_erasure,
    ErasePerson: erase_person,
    SetPersonHold: set_person_hold,
    LiftPersonHold: lift_person_hold,
}
