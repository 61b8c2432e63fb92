"""What an account remembers of the erasure of its holder: when it was asked, what it said, whether it has agreed.

And when it ends, its holder having withdrawn consent to processing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from ledger.domain.events import Event
from ledger.domain.line.erasure_events import EndAnnounced, EndCalledOff, ErasureAnswered, ErasureCalledOff

_CUSTOMER = "customer/"


class ErasureAsk(msgspec.Struct, array_like=True):
    """An erasure of the holder that the account was asked about, and what it has said last."""

    customer: str
    nth: int
    objections: list[str]
    agreed: bool
    """Whether it has agreed: then nothing comes about here any more that could be objected."""


class ComingEnd(msgspec.Struct, array_like=True):
    """When processing ends for an account's holder, who withdrew consent to it (PM-05), and the account with it.

    It stays with the account that has ended: from then on nothing begins there again for that holder.
    """

    customer: str
    at: int


class Erasable(Protocol):
    """An account, as far as its holder's erasure goes."""

    holder: str | None
    erasure: ErasureAsk | None
    ending: ComingEnd | None


def is_held_by(holder: str | None, customer: str) -> bool:
    """Whether a holder is that customer, who is named as a subject."""
    return holder is not None and f"{_CUSTOMER}{holder}" == customer


def _answered(account: Erasable, event: ErasureAnswered, _: Any) -> None:  # noqa: ANN401 - as `Changes` has it
    asked, held = account.erasure, is_held_by(account.holder, event.customer)
    first = asked is None or asked.customer != event.customer or event.nth > asked.nth
    agreed = first and not event.objections
    account.erasure = ErasureAsk(event.customer, event.nth, list(event.objections), agreed) if held else None


def _called_off(account: Erasable, _: ErasureCalledOff, __: Any) -> None:  # noqa: ANN401 - as `Changes` has it
    if account.erasure is not None:
        account.erasure.agreed = False


def _end_announced(account: Erasable, event: EndAnnounced, _: Any) -> None:  # noqa: ANN401 - as `Changes` has it
    account.ending = ComingEnd(event.customer, event.ends_at)


def _end_called_off(account: Erasable, _: EndCalledOff, __: Any) -> None:  # noqa: ANN401 - as `Changes` has it
    account.ending = None


ERASURE_CHANGES: Mapping[type[Event], Any] = {
    ErasureAnswered: _answered,
    ErasureCalledOff: _called_off,
    EndAnnounced: _end_announced,
    EndCalledOff: _end_called_off,
}
"""What the events of an erasure change on an account."""
