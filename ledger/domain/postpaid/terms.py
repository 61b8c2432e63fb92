"""The terms of postpaid contracts: plans, cycles, due days, fines, dunning, deposit, roaming, leaving, tax."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from fractions import Fraction
from functools import cached_property
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from ledger.domain.calendar import DAY
from ledger.domain.money import SEN
from ledger.domain.rules import Clause, Code, Count, Day, Days, Money, PriceText, Rule, Section
from ledger.domain.tariffs import TariffStep
from ledger.domain.terms import Clauses, Terms

KINDS = ("usage", "roaming", "commitment", "fees", "penalties", "fines", "collection")
"""What a bill's line is of; `usage` and `roaming` count against the minimum commitment."""

_RATIO = re.compile(r"(0|[1-9][0-9]{0,8})/([1-9][0-9]{0,8})", re.ASCII)


def _ratio(value: object) -> str:
    """Kept as it is written: rates are exact, and a resolved file shows them as published."""
    if not isinstance(value, str) or not _RATIO.fullmatch(value):
        msg = 'a rate is written as a fraction, such as "11/100"'
        raise ValueError(msg)
    return value


RatioText = Annotated[str, BeforeValidator(_ratio)]
DayOfMonth = Annotated[int, Field(strict=True, ge=1, le=31)]
Kind = Literal["usage", "roaming", "commitment", "fees", "penalties", "fines", "collection"]
Action = Literal["block-outgoing", "block-all", "terminate"]


class Penalty(Section):
    """What leaving within the contract period costs: a fixed `amount`, or a `share` of the commitment left."""

    rule: Literal["fixed", "remaining"]
    amount: Money = 0
    share: RatioText = "1/1"


class Plan(Rule):
    """A plan: Minkom a month, contract period, limit. Without a contract period there is no Minkom (SE23-06)."""

    id: Code
    title: str
    commitment: Money = 0
    contract_months: Count = 0
    credit_limit: Money
    penalty: Penalty | None = None


class Billing(Rule):
    """Cycles: the days allowed (29 to 31: the last of a shorter month), and what a part of one costs (SE23-08)."""

    days: tuple[DayOfMonth, ...] = tuple(range(1, 32))
    first_cycle: Literal["prorated", "full"] = "prorated"
    final_cycle: Literal["full", "prorated"] = "full"
    hard_copy_fee: Money = 0
    hard_copy: Literal["per_bill", "per_request"] = "per_bill"


class DayByCycle(Section):
    """For contracts of a billing day: a day of the month, so many months after that of the boundary."""

    billing_day: DayOfMonth
    day: DayOfMonth
    months: Count = 0


class Due(Rule):
    """The due day: so many days after the boundary, or by billing day; `inclusive`: it is still in time (SE23-08)."""

    days: Days = 20
    table: tuple[DayByCycle, ...] = ()
    inclusive: bool = True


class LateFine(Rule):
    """A fine on an overdue bill: `percent` of what is open, at least `minimum`, so many times a bill (SE23-10)."""

    percent: PriceText = "5"
    minimum: Money = 500_000
    times: Count = 2


class DunningStep(Section):
    """A step for a bill that is still open: so many days after its due end, or by billing day."""

    after_days: Days = 0
    table: tuple[DayByCycle, ...] = ()
    action: Action


class Dunning(Rule):
    """The steps, each taken once a bill (SE23-19)."""

    ground: Code = "3"
    steps: tuple[DunningStep, ...] = ()


class Payments(Rule):
    """How far back receipt and settlement may be dated, and how long a payment may be reversed (SE23-13)."""

    good_funds_days: Days = 14
    reversal_days: Days = 120


class DepositRule(Rule):
    """When the deposit may be set against what is owed, and how long it may be asked back (SE23-15 to SE23-18)."""

    apply: Literal["discretion", "consent"] = "discretion"
    covers: Literal["owed", "billed"] = "owed"
    refund_months: Count = 12
    refund_working_days: Count = 15
    working_day_categories: tuple[Code, ...] = ("public", "government")


class RoamingZone(Section):
    """Countries of one price."""

    id: Code
    countries: tuple[str, ...]


class RoamingPrice(Section):
    """The price of a service abroad; `attempt` is what a call of no seconds, or one not answered, costs."""

    service: Literal["voice", "sms", "data"]
    directions: tuple[Literal["outgoing", "incoming"], ...] = ("outgoing", "incoming")
    zones: tuple[Code, ...] = ()
    steps: tuple[TariffStep, ...]
    attempt: Money = 0


class RoamingTariff(Rule):
    """Prices abroad, in force from the beginning of a day until the next tariff's."""

    id: Code
    version: str
    in_force_from: Day
    zones: tuple[RoamingZone, ...] = ()
    prices: tuple[RoamingPrice, ...] = ()


class Roaming(Rule):
    """How late use abroad may be billed, and how long after roaming a contract may be left (SE23-03 to SE23-05)."""

    window_months: Count | None = None
    window_at: Literal["bill", "record"] = "bill"
    leave_days: Days = 100
    partner_data: bool = True
    by_default: bool = False
    tariffs: tuple[RoamingTariff, ...] = ()


class Unsubscribing(Rule):
    """Where the customer may end the contract, and who pays the penalty for its early end (SE23-20, SE23-26)."""

    channels: tuple[Code, ...] = ("gallery",)
    penalty_on: Literal["customer", "any"] = "customer"


class Probation(Rule):
    """Service up to the up-front payment until the customer is verified; then the end or a block (SE23-22, XE25-07)."""

    days: Days = 30
    end: Literal["terminate", "block-all"] = "terminate"
    ground: Code = "12"


class LostCard(Rule):
    """Whose use with a lost card is: the customer's, or until it is blocked only (SE23-01, XE25-10)."""

    use: Literal["customer", "until-blocked"] = "customer"


class ServiceUpdate(Rule):
    """Whether the operator may move contracts to other plans (XE25-09)."""

    by_operator: bool = False


class AutoDebit(Rule):
    """Notice of a change of mandate, and whether the bank is asked to debit (SE23-11, SE23-31)."""

    notice_days: Days = 14
    after_bill_days: Days = 0
    request: bool = True


class TaxRate(Section):
    """The rate from a day on; `nominal` and `base` are how documents write it, such as 12/100 of 11/12."""

    in_force_from: Day
    rate: RatioText
    nominal: RatioText | None = None
    base: RatioText | None = None


class Tax(Rule):
    """The tax on a bill: that of the bill's date; prices exclude it or include it."""

    rates: tuple[TaxRate, ...] = ()
    prices: Literal["exclude", "include"] = "exclude"
    taxable: tuple[Kind, ...] = ("usage", "roaming", "commitment", "fees", "penalties")


class BlockOtherNumbers(Rule):
    """After how many days a bill of one number that is overdue blocks the customer's others (SE23-19, ground 11)."""

    ground: Code = "11"
    after_days: Days = 1


class PackageChange(Rule):
    """Where a customer may ask for another plan (SE23-07, XE25-12)."""

    channels: tuple[Code, ...] = ("gallery",)


class PostpaidClauses(Clauses):
    """The clauses that postpaid's actions without a rule of their own cite."""

    opening: Clause | None = None
    verification: Clause | None = None
    commitment: Clause | None = None
    payment: Clause | None = None
    failed_debit: Clause | None = None
    allocation: Clause | None = None
    contract_period: Clause | None = None
    renewal: Clause | None = None
    collection: Clause | None = None
    notes: Clause | None = None
    roaming_use: Clause | None = None
    settlement_of_debts: Clause | None = None
    due_at_end: Clause | None = None
    obligations_go_on: Clause | None = None
    penalty: Clause | None = None


class PostpaidTerms(Terms):
    """One document's rules of postpaid contracts."""

    product: Literal["postpaid"] = "postpaid"
    plans: tuple[Plan, ...]
    billing: Billing = Billing()
    due: Due = Due()
    late_fine: LateFine | None = None
    dunning: Dunning = Dunning()
    payments: Payments = Payments()
    deposit: DepositRule = DepositRule()
    roaming: Roaming = Roaming()
    unsubscribe: Unsubscribing = Unsubscribing()
    probation: Probation = Probation()
    lost_card: LostCard = LostCard()
    service_update: ServiceUpdate = ServiceUpdate()
    auto_debit: AutoDebit = AutoDebit()
    tax: Tax = Tax()
    block_other_numbers: BlockOtherNumbers | None = None
    package_change: PackageChange = PackageChange()
    clauses: PostpaidClauses = PostpaidClauses()

    @model_validator(mode="after")
    def _whole(self) -> PostpaidTerms:
        _must_be_once("plans: an id", [plan.id for plan in self.plans])
        _must_be_once("billing.days: a day", self.billing.days)
        days = set(self.billing.days)
        tables = [self.due.table, *(step.table for step in self.dunning.steps)]
        for table in filter(None, tables):
            if {row.billing_day for row in table} != days or len(table) != len(days):
                msg = "a table has one row for each billing day"
                raise ValueError(msg)
        rates, tariffs = self.tax.rates, self.roaming.tariffs
        for dates in ([rate.in_force_from for rate in rates], [tariff.in_force_from for tariff in tariffs]):
            if dates != sorted(set(dates)):
                msg = "tax.rates and roaming.tariffs: must ascend by in_force_from"
                raise ValueError(msg)
        return self

    @cached_property
    def good_funds_window(self) -> int:
        """How far back a payment may be dated, in microseconds."""
        return self.payments.good_funds_days * DAY

    @cached_property
    def reversal_window(self) -> int:
        """How long after it was settled a payment may be reversed, in microseconds."""
        return self.payments.reversal_days * DAY

    @cached_property
    def unit(self) -> int:
        """What amounts are rounded to, in sen."""
        return SEN if self.rounding == "rupiah" else 1

    @cached_property
    def _plans(self) -> dict[str, Plan]:
        return {plan.id: plan for plan in self.plans}

    def plan(self, id_: str) -> Plan | None:
        """The plan of that id, if the terms have it."""
        return self._plans.get(id_)

    def tax_rate(self, day: date) -> TaxRate | None:
        """The tax rate of a local day; None: there is none."""
        found = None
        for rate in self.tax.rates:
            if rate.in_force_from > day:
                break
            found = rate
        return found

    @cached_property
    def fine_share(self) -> Fraction:
        """The part of what is open that a late fine is."""
        return Fraction(0) if self.late_fine is None else Fraction(self.late_fine.percent) / 100


def _must_be_once(what: str, values: Iterable[object]) -> None:
    found = list(values)
    if len(found) != len(set(found)):
        msg = f"{what} stands twice"
        raise ValueError(msg)
