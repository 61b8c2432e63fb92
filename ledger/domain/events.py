"""The events: what happened, as it is written for ever. Their Avro schemas are in `schemas/events/`.

Every event begins with the same header and carries its whole money effect as postings, so that anyone rebuilds
every balance without knowing the rules. Amounts are sen, instants UTC microseconds, days counted since 1970-01-01.
A test holds these classes against the schemas.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from ledger.domain.calendar import datetime_of
from ledger.domain.money import Posting


@dataclass(kw_only=True, eq=True)
class Event:
    """The header that every event shares.

    `account` is the account (`<msisdn>#<generation>`), the number, or the subject of an event of no one account;
    `version` counts its events from 1. `terms` and `clause` say what it was done under, where something was.
    """

    TOPIC: ClassVar[str] = ""
    CLAIMS: ClassVar[tuple[str, str] | None] = None
    """The kind of an id that may be used once only, and the field that holds it."""

    account: str
    version: int
    effective_at: int
    recorded_at: int
    terms: str | None
    clause: str | None
    command_id: str
    command_digest: bytes | None
    actor: str
    postings: list[Posting]

    @property
    def originator_id(self) -> str:
        """The name under which the `eventsourcing` library knows the account."""
        return self.account

    @property
    def originator_version(self) -> int:
        """The name under which the `eventsourcing` library knows the version."""
        return self.version

    @property
    def timestamp(self) -> datetime:
        """When the event was recorded."""
        return datetime_of(self.recorded_at)

    @property
    def name(self) -> str:
        """The type without its namespace, such as `CreditToppedUp`."""
        return type(self).__name__


HEADER = tuple(name for name, kind in Event.__annotations__.items() if not kind.startswith("ClassVar"))
"""The fields that every event shares, in the order of the schemas."""


def make(event_type: type[Event], record: dict[str, Any]) -> Event:
    """The event of a type with exactly these fields; the record becomes its own, and is not checked here."""
    event = object.__new__(event_type)
    event.__dict__ = record
    return event


class UnknownEvent(Event):
    """An event of a type that a later release has brought: its header, its postings, and whatever else it holds.

    `TOPIC` is its own.
    """


EVENT_TYPES: dict[str, type[Event]] = {}
"""Every event class by its stable type name."""


def _named(namespace: str) -> Any:  # noqa: ANN401 - a class decorator that keeps the class's type
    def name(cls: type[Event]) -> type[Event]:
        cls.TOPIC = f"{namespace}.{cls.__name__}"
        EVENT_TYPES[cls.TOPIC] = cls
        return cls

    return name


_prepaid = _named("ledger.prepaid")
_number = _named("ledger.number")
_log = _named("ledger.log")


# --- the log itself -----------------------------------------------------------------------------------------------


@_log
@dataclass(kw_only=True)
class LogCreated(Event):
    """The first event of a partition: `clock` is `live` or `played`, and stays so, as the number of partitions does.

    Logs of former releases say neither that nor by which release they were made.
    """

    clock: str
    partitions: int | None = None
    release: str | None = None


@_log
@dataclass(kw_only=True)
class ClosedThrough(Event):
    """No event recorded after this one has `recorded_at` at or before `through`."""

    through: int


@_log
@dataclass(kw_only=True)
class TermsPublished(Event):
    """The resolved values of terms, defaults included, at their first use; `digest` is SHA-256 in hexadecimal."""

    terms_id: str
    digest: str
    content: str


@_log
@dataclass(kw_only=True)
class CommandSetApart(Event):
    """What had to follow from a recorded event could not be carried out (`code`, `reason`), and waits to be sent again.

    `apart_id` is its command_id, `subject` what it is about, `content` the command in Avro after its schema's mark.
    """

    command: str
    apart_id: str
    subject: str
    content: bytes
    code: str
    reason: str


# --- the life of an account ---------------------------------------------------------------------------------------


@_prepaid
@dataclass(kw_only=True)
class StarterPackIssued(Event):
    """A number's next account begins, inactive; it expires unactivated at `expires_at`."""

    msisdn: str
    generation: int
    printed_credit: int
    expires_at: int


@_prepaid
@dataclass(kw_only=True)
class NumberReclaimed(Event):
    """A number back to its last holder: its next account begins, inactive and without credit."""

    msisdn: str
    generation: int
    customer: str
    decided_by: str
    fee: int


@_prepaid
@dataclass(kw_only=True)
class StarterPackExpired(Event):
    """The pack was not activated in time; its printed credit is lost."""

    printed_credit: int


@_prepaid
@dataclass(kw_only=True)
class Activated(Event):
    """The account is active; `active_until` is None where credit has no validity."""

    channel: str
    customer: str
    credit: int
    active_until: int | None


@_prepaid
@dataclass(kw_only=True)
class RegistrationFailed(Event):
    """The registration was not verified; nothing else changes."""

    channel: str
    customer: str


@_prepaid
@dataclass(kw_only=True)
class GraceStarted(Event):
    """The active period ended."""

    grace_until: int


@_prepaid
@dataclass(kw_only=True)
class WaitingStarted(Event):
    """Grace ended; `forfeiture` is the rule that holds for this waiting period, whatever terms come."""

    waiting_until: int
    forfeiture: str


@_prepaid
@dataclass(kw_only=True)
class ServiceRestored(Event):
    """A top-up ended the waiting period."""

    active_until: int | None


@_prepaid
@dataclass(kw_only=True)
class Deactivated(Event):
    """The waiting period ended: the account is closed for good."""


@_prepaid
@dataclass(kw_only=True)
class Terminated(Event):
    """The account was ended on a ground of the terms."""

    ground: str
    reference: str | None
    since: int | None


@_prepaid
@dataclass(kw_only=True)
class TermsMigrated(Event):
    """From now on other terms hold; running periods keep their ends."""

    from_terms: str
    to_terms: str


# --- credit -------------------------------------------------------------------------------------------------------


@_prepaid
@dataclass(kw_only=True)
class CreditToppedUp(Event):
    """Credit was sold for `price` rupiah; `days` is None where credit has no validity."""

    CLAIMS = ("top-up", "command_id")

    credit: int
    price: int
    channel: str
    days: int | None
    extension: str | None
    cap_days: int | None
    active_until: int | None


@_prepaid
@dataclass(kw_only=True)
class TopUpReversed(Event):
    """`taken` of a top-up's credit was taken back; `not_taken` was not there any more."""

    reverses: str
    reason: str
    approved_by: str
    taken: int
    not_taken: int
    active_until: int | None


@_prepaid
@dataclass(kw_only=True)
class CreditForfeited(Event):
    """Credit was lost to the operator; `cause` says by what."""

    amount: int
    cause: str


@_prepaid
@dataclass(kw_only=True)
class CreditCharged(Event):
    """A purchase at a stated price."""

    amount: int
    item: str


@_prepaid
@dataclass(kw_only=True)
class CreditAdjusted(Event):
    """A person's correction, approved by another; signed."""

    amount: int
    reason: str
    approved_by: str


@_prepaid
@dataclass(kw_only=True)
class CreditReserved(Event):
    """Credit held until `expires_at`."""

    CLAIMS = ("reservation", "reservation")

    reservation: str
    amount: int
    expires_at: int
    service: str | None


@_prepaid
@dataclass(kw_only=True)
class ReservationCaptured(Event):
    """`amount` of what was held was taken; `freed` is credit again."""

    reservation: str
    amount: int
    freed: int


@_prepaid
@dataclass(kw_only=True)
class ReservationReleased(Event):
    """What was held is credit again; `cause` is `asked`, `expired`, `grace` or `terminated`."""

    reservation: str
    amount: int
    cause: str


@_prepaid
@dataclass(kw_only=True)
class CreditTransferSent(Event):
    """`amount` is on its way to `to_msisdn`; `fee` was paid, `days` is what it does to the recipient's validity."""

    transfer: str
    to_msisdn: str
    amount: int
    fee: int
    days: int
    day: int


@_prepaid
@dataclass(kw_only=True)
class CreditTransferReceived(Event):
    """What `from_account` sent has arrived."""

    transfer: str
    from_account: str
    amount: int
    days: int
    extension: str | None
    cap_days: int | None
    active_until: int | None


@_prepaid
@dataclass(kw_only=True)
class CreditTransferReturned(Event):
    """The recipient could not take it (`refusal`): amount and fee came back, or went to breakage."""

    transfer: str
    to_msisdn: str
    amount: int
    fee: int
    refusal: str
    to_breakage: bool


# --- use ----------------------------------------------------------------------------------------------------------


@_prepaid
@dataclass(kw_only=True)
class UsageDebited(Event):
    """Use that cost `charge`; `granted` of what was `asked` (seconds, messages, bytes). `day` is its local day."""

    service: str
    direction: str
    destination: str
    zone: str
    asked: int
    granted: int
    charge: int
    tariff: str
    tariff_version: str
    day: int


@_prepaid
@dataclass(kw_only=True)
class UsageRecorded(Event):
    """Use at no charge: incoming, free, or beyond the day's cap."""

    service: str
    direction: str
    destination: str
    zone: str
    asked: int
    granted: int
    tariff: str | None
    tariff_version: str | None
    day: int


@_prepaid
@dataclass(kw_only=True)
class UsageRefused(Event):
    """Use that was not granted, with the refusal's code. `used_at` is the time of use as it was stated."""

    service: str
    direction: str
    destination: str
    zone: str
    asked: int
    used_at: int
    refusal: str


# --- blocks, cards, rights ----------------------------------------------------------------------------------------


@_prepaid
@dataclass(kw_only=True)
class Blocked(Event):
    """A block began to stand; `since` is when the event that is its ground began, where the terms ask for it."""

    CLAIMS = ("block", "block")

    block: str
    scope: str
    ground: str
    reference: str | None
    since: int | None


@_prepaid
@dataclass(kw_only=True)
class Unblocked(Event):
    """That block was lifted, and no other."""

    block: str


@_prepaid
@dataclass(kw_only=True)
class CardReplaced(Event):
    """A new card for the same account, against identity; each fee line in sen."""

    iccid: str
    fees: list[dict[str, Any]]


@_prepaid
@dataclass(kw_only=True)
class RightsTransferRequested(Event):
    """The holder asks that the number pass to another; nothing changes yet."""

    CLAIMS = ("request", "request")

    request: str
    to_customer: str


@_prepaid
@dataclass(kw_only=True)
class RightsTransferred(Event):
    """The operator agreed: the holder is another from now on."""

    request: str
    from_customer: str
    to_customer: str
    decided_by: str
    reason: str | None


@_prepaid
@dataclass(kw_only=True)
class RightsTransferRefused(Event):
    """The operator did not agree; the holder stays answerable."""

    request: str
    decided_by: str
    reason: str | None


# --- the number ---------------------------------------------------------------------------------------------------


@_number
@dataclass(kw_only=True)
class NumberQuarantined(Event):
    """The number's account ended; nobody gets the number before `available_at`, but its last holder may ask it back."""

    msisdn: str
    generation: int
    customer: str | None
    available_at: int


@_number
@dataclass(kw_only=True)
class NumberAvailable(Event):
    """The number may be issued again."""

    msisdn: str
    generation: int
    customer: str | None
