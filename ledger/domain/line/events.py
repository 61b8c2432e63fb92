"""What happens to a number, and to its account whatever its product: use, blocks, cards, rights, terms, its end.

The log knows what befalls an account by `ledger.prepaid.…`, as the first product wrote it: a name is kept for ever.
"""

from __future__ import annotations

from typing import TypedDict

from ledger.domain.calendar import Day, Instant
from ledger.domain.events import Event, named
from ledger.domain.money import Sen

_account = named("ledger.prepaid")
_number = named("ledger.number")
_suspense = named("ledger.suspense")


# --- use ----------------------------------------------------------------------------------------------------------


@_account
class UsageRecorded(Event):
    """Use at no charge: incoming, free, or beyond the day's cap."""

    TIMELESS = True

    service: str
    direction: str
    destination: str
    zone: str
    asked: int
    granted: int
    tariff: str | None
    tariff_version: str | None
    day: Day


@_account
class UsageRefused(Event):
    """Use that was not granted, with the refusal's code. `used_at` is the time of use as it was stated."""

    TIMELESS = True
    SAYS_REFUSAL = True

    service: str
    direction: str
    destination: str
    zone: str
    asked: int
    used_at: Instant
    refusal: str


# --- blocks, cards, rights ----------------------------------------------------------------------------------------


@_account
class Blocked(Event):
    """A block began to stand; `since` is when the event that is its ground began, where the terms ask for it."""

    CLAIMS = (("block", "block"),)

    block: str
    scope: str
    ground: str
    reference: str | None
    since: Instant | None
    basis: str | None


@_account
class Unblocked(Event):
    """That block was lifted, and no other."""

    block: str


class FeeLine(TypedDict):
    """What was taken for what."""

    name: str
    amount: Sen


@_account
class CardReplaced(Event):
    """A new card for the same account, against identity; each fee line in sen."""

    iccid: str
    fees: list[FeeLine]


@_account
class RightsTransferRequested(Event):
    """The holder asks that the number pass to another; nothing changes yet."""

    CLAIMS = (("request", "request"),)

    request: str
    to_customer: str


@_account
class RightsTransferred(Event):
    """The operator agreed: the holder is another from now on."""

    request: str
    from_customer: str
    to_customer: str
    decided_by: str
    reason: str | None


@_account
class RightsTransferRefused(Event):
    """The operator did not agree; the holder stays answerable."""

    request: str
    decided_by: str
    reason: str | None


# --- terms, and the end -------------------------------------------------------------------------------------------


@_account
class TermsMigrated(Event):
    """From now on other terms hold; running periods keep their ends."""

    from_terms: str
    to_terms: str
    consents: list[str] | None


@_account
class Terminated(Event):
    """The account was ended on a ground of the terms."""

    ground: str
    reference: str | None
    since: Instant | None
    basis: str | None


# --- the number ---------------------------------------------------------------------------------------------------


@_number
class NumberQuarantined(Event):
    """The number's account ended; nobody gets the number before `available_at`, but its last holder may ask it back."""

    msisdn: str
    generation: int
    customer: str | None
    available_at: Instant


@_number
class NumberAvailable(Event):
    """The number may be issued again."""

    msisdn: str
    generation: int
    customer: str | None


# --- money in suspense --------------------------------------------------------------------------------------------


@_suspense
class SuspenseReceived(Event):
    """Money came for a number of which no account could take it, with the code of why; it lies on the number."""

    TIMELESS = True
    CLAIMS = (("suspense", "reference"), ("suspense-content", "content"))

    reference: str
    amount: Sen
    method: str
    payer: str
    received_at: Instant
    meant_for: str | None
    reason: str
    content: str


@_suspense
class SuspenseAssigned(Event):
    """Money in suspense is on its way to an account; `assignment` names that way."""

    TIMELESS = True

    reference: str
    amount: Sen
    method: str
    payer: str
    received_at: Instant
    content: str
    assignment: str
    to_account: str
    approved_by: str


@_suspense
class SuspenseRefused(Event):
    """The account did not take it, with the refusal's code: it lies in suspense again."""

    TIMELESS = True

    reference: str
    amount: Sen
    method: str
    payer: str
    received_at: Instant
    content: str
    assignment: str
    to_account: str
    refusal: str


@_suspense
class SuspenseReturned(Event):
    """Money in suspense went back to who paid, less the bank's cost."""

    TIMELESS = True

    reference: str
    amount: Sen
    bank_cost: Sen
    payer: str
    approved_by: str
