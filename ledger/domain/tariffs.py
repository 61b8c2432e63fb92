"""Tariffs as documents publish them: prices by service, destination, zone and time of day, in force from a day on."""

from __future__ import annotations

from datetime import time
from fractions import Fraction
from typing import Annotated, Literal

from ledger.domain.calendar import Zone
from ledger.domain.money import SEN
from ledger.domain.rating import Price, PriceList, Tariff
from ledger.domain.rules import Code, DateKey, Money, PriceText, Rule
from ledger.domain.sections import Bounds, Named, Section


class TariffStep(Section):
    """From `from` units on, each begun `increment` costs `price` (rupiah of credit, exact)."""

    start: Annotated[int, Named("from"), Bounds(0)]
    """Units from which on the step holds, seconds, messages or bytes; that of the first is 0."""
    increment: Annotated[int, Bounds(1)]
    """Units that are charged together, once they are begun."""
    price: PriceText
    """What each of them costs, exact."""


class Band(Section):
    """Local times of day: from `start` until before `end`, over midnight where `end` is not later."""

    start: Annotated[time, Named("from")]
    """The first minute of it."""
    end: Annotated[time, Named("to")]
    """The first minute after it."""

    def must_hold(self) -> None:
        """Raises ValueError unless it is of whole minutes."""
        if any(t.second or t.microsecond or t.tzinfo for t in (self.start, self.end)):
            msg = "a band begins and ends on a whole minute of local time"
            raise ValueError(msg)


class TariffPrice(Section):
    """The price of one service, for the destinations, zones and times of day it names (none: any)."""

    service: Literal["voice", "sms", "data"]
    """What is used: voice by the second, messages, data by the byte."""
    destinations: tuple[Code, ...] = ()
    """Where it goes to: on-net, off-net, international, free; none: anywhere."""
    zones: tuple[Code, ...] = ()
    """The tariff zones it is used in; none: any."""
    band: Band | None = None
    """The time of day at which it begins; none: any."""
    steps: tuple[TariffStep, ...]
    """What so many units cost, laid end to end."""
    daily_cap: Money | None = None
    """The most that a local day of this service in these zones costs."""
    source: str = ""
    """Where the price was published; no rule, and not recorded in the log."""

    @property
    def holders(self) -> frozenset[str] | None:
        """The plans that it holds for, by the product that has some; None: any."""
        return None

    def must_hold(self) -> None:
        """Raises ValueError unless its steps begin at 0 and ascend."""
        starts = [step.start for step in self.steps]
        if not starts or starts[0] != 0 or starts != sorted(set(starts)):
            msg = "steps must begin at 0 and ascend"
            raise ValueError(msg)


class DatedTariff(Rule):
    """A tariff in force from the beginning of a day until the next one's."""

    id: Code
    """What events call the tariff."""
    version: str
    """Which edition of it this is, as it was published."""
    in_force_from: DateKey
    """The first local day of use that it prices."""
    prices: tuple[TariffPrice, ...]
    """Its prices; the first that covers a use holds."""


def rated(dated: DatedTariff, in_zone: Zone, rounding: int) -> Tariff:
    """The tariff, ready to rate with; charges are rounded to whole multiples of `rounding` sen."""
    prices = tuple(
        Price(
            p.service,
            frozenset(p.destinations) or None,
            frozenset(p.zones) or None,
            (_minute(p.band.start), _minute(p.band.end)) if p.band else None,
            PriceList.of(
                [(s.start, s.increment, Fraction(s.price) * SEN) for s in p.steps],
                rounding=rounding,
                daily_cap=p.daily_cap,
            ),
            p.holders,
        )
        for p in dated.prices
    )
    since = in_zone.midnight(dated.in_force_from)
    return Tariff(dated.id, dated.version, since, dated.clause or "", prices, any(p.band for p in prices))


def _minute(clock: time) -> int:
    return clock.hour * 60 + clock.minute
