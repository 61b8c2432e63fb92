"""Whom other terms would have given more, and whom less: a replay's differences, customer by customer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ledger.audit.comparison import Difference
from ledger.domain.money import format_amount

NAMED = 10
"""Customers who are named on each side."""


@dataclass(slots=True)
class Effect:
    """A customer's credit in sen, over all accounts that would end otherwise: as it is, and as it would be.

    `customer` is the account's id where nobody holds it: a starter pack that was never activated.
    """

    customer: str
    accounts: list[str] = field(default_factory=list)
    was: int = 0
    would_be: int = 0

    @property
    def difference(self) -> int:
        """What the customer would have more, in sen."""
        return self.would_be - self.was

    def to_json(self) -> dict[str, Any]:
        """The answer."""
        return {
            "customer": self.customer,
            "accounts": self.accounts,
            "was": format_amount(self.was),
            "would_be": format_amount(self.would_be),
            "difference": format_amount(self.difference),
        }


@dataclass(frozen=True, slots=True)
class Side:
    """Everybody who would gain, or lose: how many, what they have and would have together, and whom it is most for."""

    customers: int
    was: int
    would_be: int
    most: Sequence[Effect]

    @property
    def difference(self) -> int:
        """What they would have more together, in sen."""
        return self.would_be - self.was

    def to_json(self) -> dict[str, Any]:
        """The answer."""
        return {
            "customers": self.customers,
            "was": format_amount(self.was),
            "would_be": format_amount(self.would_be),
            "difference": format_amount(self.difference),
            "most": [effect.to_json() for effect in self.most],
        }


@dataclass(frozen=True, slots=True)
class Effects:
    """Who would have more and who less. Others may have the same credit in another state, or for longer."""

    gain: Side
    lose: Side

    def to_json(self) -> dict[str, Any]:
        """The answer."""
        return {"gain": self.gain.to_json(), "lose": self.lose.to_json()}


def effects_of(differences: Iterable[Difference]) -> Effects:
    """What accounts that would end otherwise come to for their customers."""
    found: dict[str, Effect] = {}
    for one in differences:
        customer = one.customer or one.account
        effect = found.setdefault(customer, Effect(customer))
        effect.accounts.append(one.account)
        effect.was += 0 if one.was is None else one.was.credit
        effect.would_be += 0 if one.would_be is None else one.would_be.credit
    most_first = sorted(found.values(), key=lambda effect: (-abs(effect.difference), effect.customer))
    return Effects(
        _side([effect for effect in most_first if effect.difference > 0]),
        _side([effect for effect in most_first if effect.difference < 0]),
    )


def _side(effects: Sequence[Effect]) -> Side:
    was, would_be = sum(effect.was for effect in effects), sum(effect.would_be for effect in effects)
    return Side(len(effects), was, would_be, effects[:NAMED])
