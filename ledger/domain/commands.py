"""The commands: what may be asked of the ledger.

Their Avro schemas, with the form of each field, are in `schemas/commands/`; a test holds these classes against them.
Amounts are sen, instants UTC microseconds, days counted since 1970-01-01.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec


class Command(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What every command says: who asks, when (`at`), under which id, about which number."""

    NUMBER_ITSELF: ClassVar[bool] = False
    """Whether it addresses the number: then no account needs to be there."""
    INTERNAL: ClassVar[bool] = False
    """Whether only the ledger itself may say it."""
    OWN_IS_DUE: ClassVar[bool] = False
    """Whether what it brings about is what fell due."""

    at: int
    command_id: str
    actor: str = "system"
    msisdn: str

    @property
    def name(self) -> str:
        """The command's name, such as `TopUp`."""
        return type(self).__name__

    @property
    def terms_named(self) -> str | None:
        """The terms that the command names, if it names any."""
        return None

    @property
    def subject(self) -> str:
        """What the command is about, and within which its id is unique."""
        return self.msisdn


class IssueStarterPack(Command, frozen=True, kw_only=True, gc=False):
    """Opens the number's next account, inactive, valid to the end of `valid_until`."""

    NUMBER_ITSELF: ClassVar[bool] = True
    terms: str
    printed_credit: int
    valid_until: int

    @property
    def terms_named(self) -> str:
        """The terms that hold from now on."""
        return self.terms


class Activate(Command, frozen=True, kw_only=True, gc=False):
    """Activates by registration; `registration` is `verified` or `failed`."""

    channel: str
    customer: str
    registration: str


class TopUp(Command, frozen=True, kw_only=True, gc=False):
    """Sells `credit` for `price` rupiah."""

    credit: int
    price: int
    channel: str


class ReverseTopUp(Command, frozen=True, kw_only=True, gc=False):
    """Takes back what is still there of a top-up, named by its command_id."""

    reverses: str
    reason: str
    approved_by: str


class ChargeCredit(Command, frozen=True, kw_only=True, gc=False):
    """A purchase at a stated price, all or nothing."""

    amount: int
    item: str


class RecordUsage(Command, frozen=True, kw_only=True, gc=False):
    """Use of a service: `quantity` is seconds, messages or bytes."""

    service: str
    direction: str
    destination: str
    zone: str
    used_at: int
    quantity: int


class ReserveCredit(Command, frozen=True, kw_only=True, gc=False):
    """Holds part of the available credit."""

    reservation: str
    amount: int
    expires_at: int
    service: str | None = None


class CaptureReservation(Command, frozen=True, kw_only=True, gc=False):
    """Takes up to what is held, and frees the rest."""

    reservation: str
    amount: int


class ReleaseReservation(Command, frozen=True, kw_only=True, gc=False):
    """Frees what is held."""

    reservation: str


class Block(Command, frozen=True, kw_only=True, gc=False):
    """Sets a block of its own id and scope, on a ground of the terms."""

    block: str
    scope: str
    ground: str
    reference: str | None = None
    since: int | None = None


class Unblock(Command, frozen=True, kw_only=True, gc=False):
    """Lifts that block only."""

    block: str


class ReplaceCard(Command, frozen=True, kw_only=True, gc=False):
    """A new card, against identity."""

    iccid: str
    identity_checked: bool


class RequestRightsTransfer(Command, frozen=True, kw_only=True, gc=False):
    """Asks that the number pass to another holder."""

    request: str
    to_customer: str


class DecideRightsTransfer(Command, frozen=True, kw_only=True, gc=False):
    """The operator's word on such a request: `approved` or `refused`."""

    request: str
    decision: str
    decided_by: str
    reason: str | None = None


class TransferCredit(Command, frozen=True, kw_only=True, gc=False):
    """Sends credit to another number."""

    to_msisdn: str
    amount: int


class AdjustCredit(Command, frozen=True, kw_only=True, gc=False):
    """A correction, signed, approved by another person; effective at `at` unless an earlier instant is stated."""

    amount: int
    reason: str
    approved_by: str
    effective_at: int | None = None


class MigrateTerms(Command, frozen=True, kw_only=True, gc=False):
    """Moves the account to other terms."""

    terms: str

    @property
    def terms_named(self) -> str:
        """The terms that hold from now on."""
        return self.terms


class ReclaimNumber(Command, frozen=True, kw_only=True, gc=False):
    """Gives a free number back to its last holder; `fee_paid` is what was paid, in sen (None: the terms' fee)."""

    NUMBER_ITSELF: ClassVar[bool] = True
    customer: str
    terms: str
    decision: str
    decided_by: str
    fee_paid: int | None

    @property
    def terms_named(self) -> str:
        """The terms that hold from now on."""
        return self.terms


class Terminate(Command, frozen=True, kw_only=True, gc=False):
    """Ends the account on a ground of the terms."""

    ground: str
    reference: str | None = None
    since: int | None = None


class AdvanceTime(Command, frozen=True, kw_only=True, gc=False):
    """Records what fell due."""

    NUMBER_ITSELF: ClassVar[bool] = True
    OWN_IS_DUE: ClassVar[bool] = True


class ReceiveCreditTransfer(Command, frozen=True, kw_only=True, gc=False):
    """The receiving half of a credit transfer; said by policy only."""

    INTERNAL: ClassVar[bool] = True
    transfer: str
    from_account: str
    amount: int
    fee: int
    days: int


class ReturnCreditTransfer(Command, frozen=True, kw_only=True, gc=False):
    """Credit that could not be received goes back to the account that sent it; said by policy only."""

    INTERNAL: ClassVar[bool] = True
    NUMBER_ITSELF: ClassVar[bool] = True
    transfer: str
    account: str
    to_msisdn: str
    amount: int
    fee: int
    refusal: str


class CloseThrough(Command, frozen=True, kw_only=True, gc=False):
    """Advances every account of the partition to `through` and closes it; said by the clock only.

    `msisdn` is the partition's own subject, `log@<partition>`.
    """

    INTERNAL: ClassVar[bool] = True
    NUMBER_ITSELF: ClassVar[bool] = True
    through: int


COMMANDS: dict[str, type[Command]] = {cls.__name__: cls for cls in Command.__subclasses__()}
"""Every command by its name."""

SERVICES = ("voice", "sms", "data")
DIRECTIONS = ("outgoing", "incoming")
DESTINATIONS = ("on-net", "off-net", "international", "free")
SCOPES = ("outgoing", "all", *SERVICES)
