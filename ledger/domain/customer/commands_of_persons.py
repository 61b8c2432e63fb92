"""What may be asked about a customer as a person. No value stands in a command: it names fields, and a digest of them.

The `digest` of fields is HMAC-SHA256 of their values under the person's own key, in hexadecimal: nobody without the key
can guess them.
"""

from __future__ import annotations

from ledger.domain.customer.commands import CustomerCommand


class RegisterCustomer(CustomerCommand, frozen=True, kw_only=True, gc=False):
    """Registers a person as a customer, under a privacy policy (PS-01, PM-01)."""

    terms: str
    fields: list[str]
    digest: str
    source: str


class RectifyCustomer(CustomerCommand, frozen=True, kw_only=True, gc=False):
    """Corrects or adds fields (PM-03)."""

    fields: list[str]
    digest: str


class GiveConsent(CustomerCommand, frozen=True, kw_only=True, gc=False):
    """Gives consent to a purpose, or gives it again (TS-20, SP23-25, SE23-32)."""

    purpose: str
    channel: str


class WithdrawConsent(CustomerCommand, frozen=True, kw_only=True, gc=False):
    """Withdraws it, or refuses beforehand, free of charge (TS-20, PM-04)."""

    purpose: str
    channel: str


class Disclose(CustomerCommand, frozen=True, kw_only=True, gc=False):
    """Releases fields to somebody, on a ground of the policy (PS-03, PM-02); handed out once this is recorded."""

    to: str
    ground: str
    fields: list[str]
    approved_by: str
    reference: str | None = None


class RequestAccess(CustomerCommand, frozen=True, kw_only=True, gc=False):
    """Asks for everything that is kept about the person (PM-03)."""

    request: str
    channel: str


class AnswerAccess(CustomerCommand, frozen=True, kw_only=True, gc=False):
    """It was handed over; `digest` is SHA-256 of what was, in hexadecimal."""

    request: str
    digest: str


class RestrictProcessing(CustomerCommand, frozen=True, kw_only=True, gc=False):
    """The person is neither shown nor disclosed nor made offers until this is lifted; money goes on."""

    channel: str


class LiftRestriction(CustomerCommand, frozen=True, kw_only=True, gc=False):
    """The reverse."""

    channel: str


class RequestErasure(CustomerCommand, frozen=True, kw_only=True, gc=False):
    """Asks that what is kept about the person be destroyed (PM-06, PS-02)."""

    request: str
    channel: str


class ErasePerson(CustomerCommand, frozen=True, kw_only=True, gc=False):
    """Begins the erasure of a person, decided by one and approved by another: each account is asked first (PS-02)."""

    decided_by: str
    approved_by: str


class SetPersonHold(CustomerCommand, frozen=True, kw_only=True, gc=False):
    """Holds the person's data for a legal case: nothing is erased until this is lifted (PM-06)."""

    reference: str


class LiftPersonHold(CustomerCommand, frozen=True, kw_only=True, gc=False):
    """Lifts that hold, and no other."""

    reference: str
