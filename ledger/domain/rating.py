"""Rating: what a use costs, by the tariff in force when it began (SP23-13, TS-08).

Use is cut into increments laid end to end; each begun increment is charged whole, at the price of the step that
its start lies in. Prices are exact rationals of a sen; a charge is rounded once, half up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from typing import NamedTuple


class Step(NamedTuple):
    """Until so many units of use (None: all), each begun `increment` units cost `numerator / denominator` sen."""

    until: int | None
    increment: int
    numerator: int


class Rated(NamedTuple):
    """What was granted of a use (seconds, messages or bytes) and what it costs (sen)."""

    granted: int
    charge: int


@dataclass(frozen=True, slots=True)
class PriceList:
    """The steps of one price, over one common denominator, rounded to `rounding` sen; the cap is in sen a day."""

    steps: tuple[Step, ...]
    denominator: int
    rounding: int
    daily_cap: int | None = None

    @classmethod
    def of(
        cls, steps: Sequence[tuple[int, int, Fraction]], *, rounding: int, daily_cap: int | None = None
    ) -> PriceList:
        """From (from, increment, price in sen) triples; the first must begin at 0 and they must ascend."""
        denominator = lcm(*(price.denominator for _, _, price in steps))
        ends = [*(start for start, _, _ in steps[1:]), None]
        scaled = tuple(
            Step(end, increment, price.numerator * (denominator // price.denominator))
            for end, (_, increment, price) in zip(ends, steps, strict=True)
        )
        return cls(scaled, denominator, rounding, daily_cap)

    def charge(self, quantity: int) -> int:
        """Sen for that much use, rounded, before any cap."""
        position, total = 0, 0
        for until, increment, price in self.steps:
            end = quantity if until is None or quantity < until else until
            if position < end:
                count = -(-(end - position) // increment)
                total += count * price
                position += count * increment
        return self._rounded(total)

    def rate(self, asked: int, available: int, charged_today: int) -> Rated:
        """Grants what `available` sen pay for, in whole increments; never more than asked (SP23-13).

        `charged_today` is what this (service, zone) was charged already on the local day, for the cap.
        """
        left = None if self.daily_cap is None else max(0, self.daily_cap - charged_today)
        charge = self.charge(asked)
        if left is not None and charge > left:
            charge = left
        if charge <= available:
            return Rated(asked, charge)
        granted = self._affordable(asked, available)
        return Rated(granted, self.charge(granted)) if granted else Rated(0, 0)

    def _affordable(self, asked: int, available: int) -> int:
        """The most use, ending with a whole increment, whose rounded charge `available` sen pay for."""
        position, total = 0, 0
        for until, increment, price in self.steps:
            end = asked if until is None or asked < until else until
            if position >= end:
                continue
            count = -(-(end - position) // increment)
            fits = self._most_increments(total, price, count, available)
            total += fits * price
            position += fits * increment
            if fits < count:
                break
        return min(position, asked)

    def _most_increments(self, total: int, price: int, count: int, available: int) -> int:
        low, high = 0, count
        while low < high:
            middle = (low + high + 1) // 2
            if self._rounded(total + middle * price) <= available:
                low = middle
            else:
                high = middle - 1
        return low

    def _rounded(self, total: int) -> int:
        unit = self.denominator * self.rounding
        return (2 * total + unit) // (2 * unit) * self.rounding


@dataclass(frozen=True, slots=True)
class Price:
    """What a price list applies to: `None` is any destination, zone, time of day (minutes of the day) or plan."""

    service: str
    destinations: frozenset[str] | None
    zones: frozenset[str] | None
    band: tuple[int, int] | None
    prices: PriceList
    plans: frozenset[str] | None = None

    def covers(
        self, service: str, destination: str, zone: str, minute: int | None, plan: str | None = None
    ) -> bool:
        """Whether this price is the one for that use; `minute` is needed only where a band is set."""
        if service != self.service:
            return False
        if self.destinations is not None and destination not in self.destinations:
            return False
        if self.zones is not None and zone not in self.zones:
            return False
        if self.plans is not None and plan not in self.plans:
            return False
        if self.band is None or minute is None:
            return self.band is None
        start, end = self.band
        return start <= minute < end if start < end else minute >= start or minute < end


@dataclass(frozen=True, slots=True)
class Tariff:
    """A dated price list: in force from the instant `since` until the next one begins."""

    id: str
    version: str
    since: int
    clause: str
    prices: tuple[Price, ...]
    has_bands: bool
