"""Terms: everything that an operator's document leaves to it, as data. Each rule cites its clause.

Nothing in the code knows an operator, a fee, a day count or a denomination; all of it is read from here. What stands
in this module stands in every document; what only one product has stands in that product's package (`prepaid.terms`).
"""

from __future__ import annotations

import hashlib
import json
from functools import cached_property
from typing import Annotated, Any, Literal, TypeVar, cast

from ledger.domain.calendar import DAY, Zone, zone
from ledger.domain.money import SEN
from ledger.domain.rating import PriceList, Tariff
from ledger.domain.rules import A_TEXT, Clause, Code, Count, DateKey, Days, Money, Period, Rule
from ledger.domain.sections import Added, Named, Section
from ledger.domain.tariffs import DatedTariff, rated
from ledger.domain.terms_keys import json_of

_T = TypeVar("_T")
_A_ZONE = A_TEXT._replace(words="a time zone such as Asia/Jakarta", example="Asia/Jakarta")


def added(default: _T) -> _T:
    """The default of a field that came after the first release: only where a document says otherwise it is published.

    So the digests of documents that do not use it stay what they were, and releases before it read them.
    """
    return cast("_T", Added(default))


class Fee(Section):
    """One line of a fee."""

    name: Code
    """What the line is called."""
    amount: Money
    """What it comes to."""


class CardReplacement(Rule):
    """What a new card costs, line by line (SP23-10, TS-06)."""

    fees: tuple[Fee, ...] = ()
    """The lines of the fee; none: a new card costs nothing."""


class Ground(Rule):
    """A ground to block or terminate: `requires` the order's reference, or since when it has lasted."""

    code: Code
    """What commands and events call it."""
    title: str
    """The document's ground, in short."""
    requires: Literal["reference", "since"] | None = None
    """What a command on this ground must state: an order's reference, or since when the event has lasted."""
    months: Count = 0
    """How many months the event must have lasted."""


class Clauses(Section):
    """The clauses that actions without a rule of their own cite."""

    incoming: Clause | None = None
    """Use that costs nothing: what comes in, and what is free."""
    use: Clause | None = None
    """Use that is charged where the tariff names no clause; use that is refused; credit held for use."""
    unblock: Clause | None = None
    """A block is lifted."""
    rights_transfer: Clause | None = None
    """The number passes to another holder."""
    migration: Clause | None = None
    """An account moves to these terms."""
    termination: Clause | None = None
    """An account is terminated."""
    number_available: Clause | None = None
    """A number can be given out again."""
    disputes: Clause | None = added(None)
    """Where a statement and the system's record differ, the record prevails."""


class Terms(Section):
    """One document's rules, resolved: every default is filled in. See `ledger/terms/` for the files.

    Each product adds what is its own. What a default is, it stays: documents are published that do not say it.
    """

    product: str
    """Whose terms they are: of accounts of which product."""
    id: Code
    """What commands and events call these terms; never given to other values once a log has published them."""
    title: str
    """What people call them."""
    document: str
    """The document that they are: its name, whose it is, its date."""
    operator: str
    """Whose customers they bind."""
    in_force_from: DateKey
    """The first day on which the document is in force."""
    time_zone: Annotated[str, Named("zone"), _A_ZONE]
    """Days begin and end, and times of day are told, in this time zone."""

    def must_hold(self) -> None:
        """Raises ValueError for a zone that is none."""
        try:
            zone(self.time_zone)
        except (KeyError, ValueError, OSError) as error:
            msg = f"zone: no time zone is named {self.time_zone!r}"
            raise ValueError(msg) from error

    @cached_property
    def zone(self) -> Zone:
        """The terms' time zone."""
        return zone(self.time_zone)

    @cached_property
    def content(self) -> str:
        """The resolved values, defaults included, as one canonical JSON text: what the log publishes.

        Where a value was published (`source`) is no rule, and stays in the file.
        """
        values = _without_sources(json_of(self))
        return json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of `content`, in hexadecimal."""
        return hashlib.sha256(self.content.encode()).hexdigest()


class AccountTerms(Terms):
    """The terms of a number's account, of whatever product: what use costs, on which grounds it is blocked or ends."""

    rounding: Literal["sen", "rupiah"] = "sen"
    """What each charge for use is rounded to, once, half up."""
    late_usage_days: Days = 30
    """How long after it a use may still be recorded."""
    dispute_days: Days = added(180)
    """How long after a record somebody may dispute it, in days of 24 hours; and after its decision, reopen it."""
    quarantine: Period = Period(days=180)
    """How long a number rests after its account has ended, before it can be given out again."""
    card_replacement: CardReplacement = CardReplacement()
    """What a new card costs."""
    grounds: tuple[Ground, ...] = ()
    """The grounds on which a number may be blocked, and an account terminated."""
    tariffs: tuple[DatedTariff, ...] = ()
    """What use costs, oldest tariff first; use that none prices is refused."""
    clauses: Clauses = Clauses()
    """The clauses that events without a rule of their own cite."""

    def must_hold(self) -> None:
        """Raises ValueError for tariffs out of order, or two grounds of a code."""
        super().must_hold()
        dates = [t.in_force_from for t in self.tariffs]
        if dates != sorted(set(dates)):
            msg = "tariffs: must ascend by in_force_from"
            raise ValueError(msg)
        codes = [g.code for g in self.grounds]
        if len(codes) != len(set(codes)):
            msg = "grounds: a code stands twice"
            raise ValueError(msg)

    @cached_property
    def late_window(self) -> int:
        """How late a use may come, in microseconds."""
        return self.late_usage_days * DAY

    @cached_property
    def dispute_window(self) -> int:
        """How long after it a record may be disputed, in microseconds."""
        return self.dispute_days * DAY

    def ground(self, code: str) -> Ground | None:
        """The ground of that code, if the terms have it."""
        return next((ground for ground in self.grounds if ground.code == code), None)

    @cached_property
    def rated_tariffs(self) -> tuple[Tariff, ...]:
        """The tariffs, ready to rate with, oldest first."""
        rounding = SEN if self.rounding == "rupiah" else 1
        return tuple(rated(t, self.zone, rounding) for t in self.tariffs)

    def tariff_at(self, instant: int) -> Tariff | None:
        """The tariff in force at an instant."""
        found = None
        for tariff in self.rated_tariffs:
            if tariff.since > instant:
                break
            found = tariff
        return found

    def price_for(
        self, service: str, destination: str, place: str, at: int, plan: str | None = None
    ) -> tuple[Tariff, PriceList] | None:
        """The tariff and price list for a use that begins at `at`; None where nothing is published for it.

        `plan` is the one that the account had then, if its product has plans.
        """
        tariff = self.tariff_at(at)
        if tariff is None:
            return None
        minute = None
        if tariff.has_bands:
            clock = self.zone.local(at)
            minute = clock.hour * 60 + clock.minute
        for price in tariff.prices:
            if price.covers(service, destination, place, minute, plan):
                return tariff, price.prices
        return None


def _without_sources(values: Any) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(values, dict):
        return {key: _without_sources(value) for key, value in values.items() if key != "source"}
    if isinstance(values, list):
        return [_without_sources(value) for value in values]
    return values
