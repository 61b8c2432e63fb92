"""What may be asked of a number, whatever the product of its account."""

from __future__ import annotations

from typing import ClassVar

from ledger.domain.commands import Command

ESTABLISHED = "established"
"""The basis of a ground that is no suspicion: what the ledger itself blocks and ends has none other."""
SERVICES = ("voice", "sms", "data")
"""What a use is of; a block of one of these, of all, or of what goes out."""


class LineCommand(Command, frozen=True, kw_only=True, gc=False):
    """What is asked of a number, or of an account of it."""

    NUMBER_ITSELF: ClassVar[bool] = False
    """Whether it addresses the number: then no account needs to be there."""

    msisdn: str

    @property
    def subject(self) -> str:
        """The number."""
        return self.msisdn


class AdvanceTime(LineCommand, frozen=True, kw_only=True, gc=False):
    """Records what fell due."""

    NUMBER_ITSELF: ClassVar[bool] = True
    OWN_IS_DUE: ClassVar[bool] = True


class RecordUsage(LineCommand, frozen=True, kw_only=True, gc=False):
    """Use of a service: `quantity` is seconds, messages or bytes."""

    service: str
    direction: str
    destination: str
    zone: str
    used_at: int
    quantity: int


class Block(LineCommand, frozen=True, kw_only=True, gc=False):
    """Sets a block of its own id and scope, on a ground of the terms."""

    block: str
    scope: str
    ground: str
    reference: str | None = None
    since: int | None = None
    basis: str | None = None


class Unblock(LineCommand, frozen=True, kw_only=True, gc=False):
    """Lifts that block only."""

    block: str


class _OfDebt(LineCommand, frozen=True, kw_only=True, gc=False):
    """What a debt on another account of the customer brings about on this one."""

    INTERNAL: ClassVar[bool] = True
    MAY_COME_TO_NOTHING: ClassVar[bool] = True
    OF_ACCOUNT: ClassVar[bool] = True

    account: str
    block: str


class BlockForDebt(_OfDebt, frozen=True, kw_only=True, gc=False):
    """Blocks it, where it can be blocked and is still the customer's."""

    customer: str
    scope: str
    ground: str


class LiftDebtBlock(_OfDebt, frozen=True, kw_only=True, gc=False):
    """Lifts that block, where it still stands."""


class ReplaceCard(LineCommand, frozen=True, kw_only=True, gc=False):
    """A new card, against identity."""

    iccid: str
    identity_checked: bool


class RequestRightsTransfer(LineCommand, frozen=True, kw_only=True, gc=False):
    """Asks that the number pass to another holder."""

    request: str
    to_customer: str


class DecideRightsTransfer(LineCommand, frozen=True, kw_only=True, gc=False):
    """The operator's word on such a request: `approved` or `refused`."""

    request: str
    decision: str
    decided_by: str
    reason: str | None = None


class MigrateTerms(LineCommand, frozen=True, kw_only=True, gc=False):
    """Moves the account to other terms."""

    terms: str
    consents: list[str] | None = None


class Terminate(LineCommand, frozen=True, kw_only=True, gc=False):
    """Ends the account on a ground of the terms."""

    ground: str
    reference: str | None = None
    since: int | None = None
    basis: str | None = None
