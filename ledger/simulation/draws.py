"""Chance, from a seed. Whole numbers only, so that every machine draws the same."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from random import Random  # noqa: TID251 - made-up subscribers live by chance; the ledger never draws
from typing import Generic, TypeVar

_Choice = TypeVar("_Choice")

IN_ALL = 100_000
"""What a chance is out of."""


class Weighted(Generic[_Choice]):
    """Choices with whole weights."""

    __slots__ = ("_bounds", "_choices")

    def __init__(self, *choices: tuple[int, _Choice]) -> None:
        self._choices = [choice for _, choice in choices]
        self._bounds = list(accumulate(weight for weight, _ in choices))

    def at(self, drawn: int) -> _Choice:
        """The choice that a number below `total` falls on."""
        return self._choices[bisect_right(self._bounds, drawn)]

    @property
    def total(self) -> int:
        """The sum of the weights."""
        return self._bounds[-1]


class Draws:
    """One sequence of draws."""

    __slots__ = ("_random",)

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)  # noqa: S311 - nothing secret

    def below(self, bound: int) -> int:
        """A whole number from 0 to below the bound."""
        return self._random.randrange(bound)

    def between(self, least: int, most: int) -> int:
        """A whole number, both ends included."""
        return least + self._random.randrange(most - least + 1)

    def chance(self, in_all: int) -> bool:
        """True that many times in 100,000."""
        return self._random.randrange(IN_ALL) < in_all

    def pick(self, choices: Sequence[_Choice]) -> _Choice:
        """One of them, all alike."""
        return choices[self._random.randrange(len(choices))]

    def weighted(self, choices: Weighted[_Choice]) -> _Choice:
        """One of them by weight."""
        return choices.at(self._random.randrange(choices.total))
