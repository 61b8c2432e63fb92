"""What an account is told when its holder withdraws consent, or is to be erased; said by policies only."""

from __future__ import annotations

from typing import ClassVar

from ledger.domain.line.commands import LineCommand


class OfHolder(LineCommand, frozen=True, kw_only=True, gc=False):
    """What concerns an account because of its holder; what is another's by now comes to nothing, or agrees."""

    INTERNAL: ClassVar[bool] = True
    MAY_COME_TO_NOTHING: ClassVar[bool] = True
    OF_ACCOUNT: ClassVar[bool] = True

    account: str
    customer: str


class AskForErasure(OfHolder, frozen=True, kw_only=True, gc=False):
    """Whether the account objects to the erasure of its holder, asked for the nth time."""

    nth: int


class CallOffErasure(OfHolder, frozen=True, kw_only=True, gc=False):
    """Something else stood in the way: who agreed is free again."""

    nth: int


class EndForHolder(OfHolder, frozen=True, kw_only=True, gc=False):
    """Ends the account as its holder would, who has withdrawn consent to processing (PM-05).

    At `ends_at`, unless it is called off before; None: at once.
    """

    ends_at: int | None = None


class CallOffEnd(OfHolder, frozen=True, kw_only=True, gc=False):
    """Consent to processing was given again: the account goes on."""
