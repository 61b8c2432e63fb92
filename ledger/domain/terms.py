"""Terms: everything that an operator's document leaves to it, as data. Each rule cites its clause.

Nothing in the code knows an operator, a fee, a day count or a denomination; all of it is read from here.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time
from fractions import Fraction
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, model_validator

from ledger.domain.calendar import DAY, Zone, parse_day, zone
from ledger.domain.money import SEN, format_amount, parse_amount
from ledger.domain.prepaid.validity import ExtensionRule
from ledger.domain.rating import Price, PriceList, Tariff
from ledger.errors import TermsChanged

Clause = Annotated[str, Field(pattern=r"^[A-Z]{2,4}[0-9]{0,2}-[0-9]{2}[a-z]?$")]
Code = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=60)]
Days = Annotated[int, Field(strict=True, ge=0, le=36_500)]
Count = Annotated[int, Field(strict=True, ge=0)]
_PRICE = re.compile(r"(?:0|[1-9][0-9]{0,12})(?:\.[0-9]{1,12})?", re.ASCII)


def _money(value: object) -> int:
    if not isinstance(value, str):
        msg = 'money is written as a string, such as "5000"'
        raise ValueError(msg)  # noqa: TRY004 - pydantic turns ValueError into a located error
    return parse_amount(value)


def _price(value: object) -> str:
    """Kept as it is written: prices are exact, and a resolved file shows them as published."""
    if not isinstance(value, str) or not _PRICE.fullmatch(value):
        msg = 'a price is written as a decimal string, such as "18.18"'
        raise ValueError(msg)
    return value


def _day(value: object) -> date:
    if isinstance(value, datetime):
        value = value.date() if value.time() == time() else None
    if isinstance(value, str):
        return parse_day(value)
    if not isinstance(value, date):
        msg = "not a day such as 2023-07-03"
        raise ValueError(msg)  # noqa: TRY004 - pydantic turns ValueError into a located error
    return value


Day = Annotated[date, BeforeValidator(_day)]
Money = Annotated[int, BeforeValidator(_money), PlainSerializer(format_amount, when_used="json"), Field(ge=0)]
PriceText = Annotated[str, BeforeValidator(_price)]


class Rule(BaseModel):
    """A part of the terms: its values, the clause they carry out, and where a value was published."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    clause: Clause | None = None
    source: str = ""


class StarterPack(Rule):
    """`days` of the first active period; none: it has no end (SP23-05)."""

    days: Days | None = None
    expiry_clause: Clause | None = None


class Cap(Rule):
    """From that day on, the rule `cumulative` reaches at most `days` ahead."""

    in_force_from: Day
    days: Days


class Denomination(BaseModel):
    """A denomination and the days that it buys."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    credit: Money
    days: Days


class TopUpRule(Rule):
    """Denominations and their days; without any, credit has no validity and any amount will do (SP23-16)."""

    denominations: tuple[Denomination, ...] = ()
    extension: ExtensionRule = "longest"
    caps: tuple[Cap, ...] = ()

    @model_validator(mode="after")
    def _ascending(self) -> TopUpRule:
        credits_ = [d.credit for d in self.denominations]
        if credits_ != sorted(set(credits_)):
            msg = "denominations must ascend"
            raise ValueError(msg)
        days = [cap.in_force_from for cap in self.caps]
        if len(days) != len(set(days)):
            msg = "two caps are in force from the same day"
            raise ValueError(msg)
        return self


class Period(Rule):
    """A period of whole days counted from the boundary before it."""

    days: Days


class Waiting(Period):
    """The waiting period, and the least top-up that ends it (SP23-19)."""

    minimum: Money = 0


class Forfeiture(Rule):
    """When the credit left is lost: at the restoring top-up (SP23-20) or at the start of waiting (XP25-16)."""

    at: Literal["restoring-top-up", "waiting-start"] = "restoring-top-up"


class Fee(BaseModel):
    """One line of a fee."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Code
    amount: Money


class CardReplacement(Rule):
    """What a new card costs, line by line (SP23-10, TS-06)."""

    fees: tuple[Fee, ...] = ()


class Reclaim(Rule):
    """What it costs to ask a number back (SP23-06)."""

    fee: Money = 0


class TransferBand(BaseModel):
    """Transfers of up to `up_to` cost `fee`, and move the recipient's validity by `days` (0: not at all)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    up_to: Money
    fee: Money
    days: Days = 0


class CreditTransfer(Rule):
    """Who may send credit, how much, and what it costs."""

    bands: tuple[TransferBand, ...]
    minimum: Money = 1
    multiple_of: Annotated[Money, Field(gt=0)] = 1
    sender_keeps: Money = 0
    days_on_network: Days = 0
    daily_count: Count | None = None
    daily_amount: Money | None = None

    @model_validator(mode="after")
    def _ascending(self) -> CreditTransfer:
        ends = [band.up_to for band in self.bands]
        if not ends or ends != sorted(set(ends)):
            msg = "bands must ascend, and there must be one"
            raise ValueError(msg)
        return self


class Ground(Rule):
    """A ground to block or terminate: `requires` the order's reference, or since when it has lasted."""

    code: Code
    title: str
    requires: Literal["reference", "since"] | None = None
    months: Count = 0


class TariffStep(BaseModel):
    """From `from` units on, each begun `increment` costs `price` (rupiah of credit, exact)."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    start: Annotated[int, Field(alias="from", ge=0, strict=True)]
    increment: Annotated[int, Field(ge=1, strict=True)]
    price: PriceText


class Band(BaseModel):
    """Local times of day: from `start` until before `end`, over midnight where `end` is not later."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    start: Annotated[time, Field(alias="from")]
    end: Annotated[time, Field(alias="to")]

    @model_validator(mode="after")
    def _whole_minutes(self) -> Band:
        if any(t.second or t.microsecond or t.tzinfo for t in (self.start, self.end)):
            msg = "a band begins and ends on a whole minute of local time"
            raise ValueError(msg)
        return self


class TariffPrice(BaseModel):
    """The price of one service, for the destinations, zones and times of day it names (none: any)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    service: Literal["voice", "sms", "data"]
    destinations: tuple[Code, ...] = ()
    zones: tuple[Code, ...] = ()
    band: Band | None = None
    steps: tuple[TariffStep, ...]
    daily_cap: Money | None = None
    source: str = ""

    @model_validator(mode="after")
    def _steps_ascend(self) -> TariffPrice:
        starts = [step.start for step in self.steps]
        if not starts or starts[0] != 0 or starts != sorted(set(starts)):
            msg = "steps must begin at 0 and ascend"
            raise ValueError(msg)
        return self


class DatedTariff(Rule):
    """A tariff in force from the beginning of a day until the next one's."""

    id: Code
    version: str
    in_force_from: Day
    prices: tuple[TariffPrice, ...]


class Clauses(BaseModel):
    """The clauses that actions without a rule of their own cite."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    activation: Clause | None = None
    registration_failed: Clause | None = None
    incoming: Clause | None = None
    use: Clause | None = None
    charge: Clause | None = None
    unblock: Clause | None = None
    rights_transfer: Clause | None = None
    migration: Clause | None = None
    termination: Clause | None = None
    deactivation: Clause | None = None
    restoration: Clause | None = None
    number_available: Clause | None = None


class Terms(BaseModel):
    """One document's rules, resolved: every default is filled in. See `ledger/terms/` for the files."""

    model_config = ConfigDict(frozen=True, extra="forbid", ignored_types=(cached_property,))

    id: Code
    title: str
    document: str
    operator: str
    in_force_from: Day
    time_zone: Annotated[str, Field(alias="zone")]
    rounding: Literal["sen", "rupiah"] = "sen"
    late_usage_days: Days = 30
    reversal_days: Days = 30
    starter_pack: StarterPack = StarterPack()
    top_up: TopUpRule = TopUpRule()
    grace: Period = Period(days=0)
    waiting: Waiting = Waiting(days=0)
    forfeiture: Forfeiture = Forfeiture()
    quarantine: Period = Period(days=180)
    reclaim: Reclaim = Reclaim()
    card_replacement: CardReplacement = CardReplacement()
    credit_transfer: CreditTransfer | None = None
    grounds: tuple[Ground, ...] = ()
    tariffs: tuple[DatedTariff, ...] = ()
    clauses: Clauses = Clauses()

    @model_validator(mode="after")
    def _consistent(self) -> Terms:
        try:
            zone(self.time_zone)
        except (KeyError, ValueError, OSError) as error:
            msg = f"zone: no time zone is named {self.time_zone!r}"
            raise ValueError(msg) from error
        dates = [t.in_force_from for t in self.tariffs]
        if dates != sorted(set(dates)):
            msg = "tariffs: must ascend by in_force_from"
            raise ValueError(msg)
        codes = [g.code for g in self.grounds]
        if len(codes) != len(set(codes)):
            msg = "grounds: a code stands twice"
            raise ValueError(msg)
        return self

    @cached_property
    def zone(self) -> Zone:
        """The terms' time zone."""
        return zone(self.time_zone)

    @cached_property
    def content(self) -> str:
        """The resolved values, defaults included, as one canonical JSON text: what the log publishes.

        Where a value was published (`source`) is no rule, and stays in the file.
        """
        values = _without_sources(self.model_dump(mode="json", by_alias=True))
        return json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of `content`, in hexadecimal."""
        return hashlib.sha256(self.content.encode()).hexdigest()

    @cached_property
    def late_window(self) -> int:
        """How late a use may come, in microseconds."""
        return self.late_usage_days * DAY

    @cached_property
    def reversal_window(self) -> int:
        """How long after it a top-up may be reversed, in microseconds."""
        return self.reversal_days * DAY

    @cached_property
    def has_validity(self) -> bool:
        """Whether credit ends at all under these terms."""
        return bool(self.top_up.denominations) or self.starter_pack.days is not None

    def days_of(self, credit: int) -> int | None:
        """Days that a top-up of `credit` sen buys; None where it is below the smallest denomination."""
        days = None
        for denomination in self.top_up.denominations:
            if denomination.credit > credit:
                break
            days = denomination.days
        return days

    def cap_days(self, instant: int) -> int | None:
        """The cap of the rule `cumulative` at an instant."""
        if not self.top_up.caps:
            return None
        today = self.zone.day(instant)
        return max(
            ((cap.in_force_from, cap.days) for cap in self.top_up.caps if cap.in_force_from <= today),
            default=(None, None),
        )[1]

    def ground(self, code: str) -> Ground | None:
        """The ground of that code, if the terms have it."""
        return next((ground for ground in self.grounds if ground.code == code), None)

    def band_of(self, amount: int) -> TransferBand | None:
        """The credit transfer's band for an amount; None above the last."""
        bands = self.credit_transfer.bands if self.credit_transfer else ()
        return next((band for band in bands if amount <= band.up_to), None)

    @cached_property
    def rated_tariffs(self) -> tuple[Tariff, ...]:
        """The tariffs, ready to rate with, oldest first."""
        rounding = SEN if self.rounding == "rupiah" else 1
        return tuple(_tariff(t, self.zone, rounding) for t in self.tariffs)

    def tariff_at(self, instant: int) -> Tariff | None:
        """The tariff in force at an instant."""
        found = None
        for tariff in self.rated_tariffs:
            if tariff.since > instant:
                break
            found = tariff
        return found

    def price_for(
        self, service: str, destination: str, place: str, at: int
    ) -> tuple[Tariff, PriceList] | None:
        """The tariff and price list for a use that begins at `at`; None where nothing is published for it."""
        tariff = self.tariff_at(at)
        if tariff is None:
            return None
        minute = None
        if tariff.has_bands:
            clock = self.zone.local(at)
            minute = clock.hour * 60 + clock.minute
        for price in tariff.prices:
            if price.covers(service, destination, place, minute):
                return tariff, price.prices
        return None


def _without_sources(values: Any) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(values, dict):
        return {key: _without_sources(value) for key, value in values.items() if key != "source"}
    if isinstance(values, list):
        return [_without_sources(value) for value in values]
    return values


def _tariff(dated: DatedTariff, in_zone: Zone, rounding: int) -> Tariff:
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
        )
        for p in dated.prices
    )
    since = in_zone.midnight(dated.in_force_from)
    return Tariff(dated.id, dated.version, since, dated.clause or "", prices, any(p.band for p in prices))


def _minute(clock: time) -> int:
    return clock.hour * 60 + clock.minute


class TermsBook:
    """The terms known by id, each with the digest under which they hold.

    Those that the log has published stand for good; those of the files are there to be published at their first use.
    """

    __slots__ = ("_digests", "_terms", "published")

    def __init__(self, files: Iterable[Terms] = ()) -> None:
        files = tuple(files)
        self._terms = {terms.id: terms for terms in files}
        self._digests = {terms.id: terms.digest for terms in files}
        self.published: set[str] = set()
        """Ids that the log holds."""

    def __getitem__(self, terms_id: str) -> Terms:
        return self._terms[terms_id]

    def __contains__(self, terms_id: object) -> bool:
        return terms_id in self._terms

    def __iter__(self) -> Iterator[Terms]:
        return iter(self._terms.values())

    def digest(self, terms_id: str) -> str:
        """The digest of the terms: as published, where they were."""
        return self._digests[terms_id]

    def has_published(self, terms_id: str, digest: str) -> bool:
        """Whether the log has published the terms, with this digest."""
        return terms_id in self.published and self._digests[terms_id] == digest

    def publish(self, content: str, digest: str) -> None:
        """Takes over what the log has published.

        Raises TermsChanged where a file of the same id says otherwise: two rules under one name would make the past
        ambiguous.
        """
        terms = Terms.model_validate_json(content)
        of_file = self._terms.get(terms.id)
        if of_file is not None and of_file.content != terms.content:
            raise TermsChanged(changed_values(terms, of_file))
        self._terms[terms.id] = terms
        self._digests[terms.id] = digest
        self.published.add(terms.id)

    def withdraw(self, terms_id: str) -> None:
        """Undoes what was published last: it was not recorded."""
        self.published.discard(terms_id)


def changed_values(published: Terms, of_file: Terms) -> str:
    """Names the terms and the values in which a file differs from what was published."""
    before, after = json.loads(published.content), json.loads(of_file.content)
    names = sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))
    return f"terms {published.id} are published in this log with other values: {', '.join(names)}"
