"""What a document's rules of postpaid contracts are: plans, cycles, due days, fines, deposit, roaming, leaving, tax."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from ledger.domain.rules import Code, Count, DateKey, Days, Money, PriceText, Rule
from ledger.domain.sections import Bounds, Section, Takes
from ledger.domain.tariffs import DatedTariff, TariffPrice, TariffStep

KINDS = ("usage", "roaming", "commitment", "fees", "penalties", "fines", "collection")
"""What a bill's line is of; `usage` and `roaming` count against the minimum commitment."""

_RATIO = re.compile(r"(0|[1-9][0-9]{0,8})/([1-9][0-9]{0,8})", re.ASCII)


def _ratio(value: object) -> str:
    """Kept as it is written: rates are exact, and a resolved file shows them as published."""
    if not isinstance(value, str) or not _RATIO.fullmatch(value):
        msg = 'a rate is written as a fraction, such as "11/100"'
        raise ValueError(msg)
    return value


RatioText = Annotated[str, Takes('a fraction in a string, such as "11/100"', "11/100", _ratio)]
DayOfMonth = Annotated[int, Bounds(1, 31)]
ChargeKind = Literal["usage", "roaming", "commitment", "fees", "penalties", "fines", "collection"]
Action = Literal["block-outgoing", "block-all", "terminate"]


class Penalty(Section):
    """What leaving within the contract period costs: a fixed `amount`, or a `share` of the commitment left."""

    rule: Literal["fixed", "remaining"]
    """A fixed amount, or a share of the commitment for the months left, those begun included."""
    amount: Money = 0
    """The fixed amount."""
    share: RatioText = "1/1"
    """The share of the commitment left."""


class Plan(Rule):
    """A plan: Minkom a month, contract period, limit. Without a contract period there is no Minkom (SE23-06)."""

    id: Code
    """What commands call the plan."""
    title: str
    """What it is called."""
    commitment: Money = 0
    """The minimum commitment a month (Minkom)."""
    contract_months: Count = 0
    """Months of the contract period, from the opening's local day; 0: none, and no commitment."""
    credit_limit: Money
    """What may be owed and used, billed or not."""
    penalty: Penalty | None = None
    """What leaving within the contract period costs; none: nothing."""


class PlanPrice(TariffPrice):
    """The price of one service, for the destinations, zones, times of day and plans that it names (none: any)."""

    plans: tuple[Code, ...] = ()
    """The plans that it holds for; none: any."""

    @property
    def holders(self) -> frozenset[str] | None:
        """The plans that it holds for; None: any."""
        return frozenset(self.plans) or None


class PlanTariff(DatedTariff):
    """A tariff in force from the beginning of a day until the next one's."""

    prices: tuple[PlanPrice, ...]
    """Its prices; the first that covers a use holds."""


class Billing(Rule):
    """Cycles: the days allowed (29 to 31: the last of a shorter month), and what a part of one costs (SE23-08)."""

    days: tuple[DayOfMonth, ...] = tuple(range(1, 32))
    """Days of the month at whose beginning cycles may begin."""
    first_cycle: Literal["prorated", "full"] = "prorated"
    """Whether the part before the first boundary has its share of the commitment, or all of it."""
    final_cycle: Literal["full", "prorated"] = "full"
    """Whether a cycle that the end cuts short has all of the commitment, or its share."""
    hard_copy_fee: Money = 0
    """What a bill on paper costs."""
    hard_copy: Literal["per_bill", "per_request"] = "per_bill"
    """Whether a standing order has the fee on each bill, or once when it is asked for."""


class DayByCycle(Section):
    """For contracts of a billing day: a day of the month, so many months after that of the boundary."""

    billing_day: DayOfMonth
    """The billing day that the row is for."""
    day: DayOfMonth
    """Day of the month; in a shorter month its last."""
    months: Count = 0
    """Months after that of the boundary."""


class DueRule(Rule):
    """The due day: so many days after the boundary, or by billing day; `inclusive`: it is still in time (SE23-08)."""

    days: Days = 20
    """Days from the boundary to the due day, where there is no table."""
    table: tuple[DayByCycle, ...] = ()
    """The due day by billing day; none: by days."""
    inclusive: bool = True
    """Whether the due day is still in time."""


class LateFine(Rule):
    """A fine on an overdue bill: `percent` of what is open, at least `minimum`, so many times a bill (SE23-10)."""

    percent: PriceText = "5"
    """Percent of what is open but for fines, exact."""
    minimum: Money = 500_000
    """The least fine."""
    times: Count = 2
    """The most fines that a bill gets."""


class DunningStep(Section):
    """A step for a bill that is still open: so many days after its due end, or by billing day."""

    after_days: Days = 0
    """Days from the due end to the step, where there is no table."""
    table: tuple[DayByCycle, ...] = ()
    """The day of the step by billing day; none: by days."""
    action: Action
    """What happens then."""


class Dunning(Rule):
    """The steps, each taken once a bill (SE23-19)."""

    ground: Code = "3"
    """The ground of blocks and of the end, one of the document's."""
    steps: tuple[DunningStep, ...] = ()
    """The steps, each with an action of its own."""


class Payments(Rule):
    """How far back receipt and settlement may be dated, and how long a payment may be reversed (SE23-13)."""

    good_funds_days: Days = 14
    """How far back receipt and settlement may be dated, as so many times 24 hours."""
    reversal_days: Days = 120
    """How long after it was settled a payment may be reversed, as so many times 24 hours."""


class DepositRule(Rule):
    """When the deposit may be set against what is owed, and how long it may be asked back (SE23-15 to SE23-18)."""

    apply: Literal["discretion", "consent"] = "discretion"
    """Whether the operator decides, or the customer must have consented."""
    covers: Literal["owed", "billed"] = "owed"
    """Whether it covers all that is owed, or what is billed only, while the contract runs."""
    refund_months: Count = 12
    """Months from the request to unsubscribe, or the end, in which it may be asked back."""
    refund_working_days: Count = 15
    """Working days in which it is paid back."""
    working_day_categories: tuple[Code, ...] = ("public", "government")
    """Which holidays are no working days: public, and government for joint leave."""


class RoamingZone(Section):
    """Countries of one price."""

    id: Code
    """What prices call it."""
    countries: tuple[str, ...]
    """The countries in it, as partners' records name them."""


class RoamingPrice(Section):
    """The price of a service abroad; `attempt` is what a call of no seconds, or one not answered, costs."""

    service: Literal["voice", "sms", "data"]
    """What is used: voice by the second, messages, data by the byte."""
    directions: tuple[Literal["outgoing", "incoming"], ...] = ("outgoing", "incoming")
    """Whether it goes out or comes in."""
    zones: tuple[Code, ...] = ()
    """The zones it holds in; none: any of the tariff's."""
    steps: tuple[TariffStep, ...]
    """What so many units cost, laid end to end."""
    attempt: Money = 0
    """What a call of no seconds, or one not answered, costs."""


class RoamingTariff(Rule):
    """Prices abroad, in force from the beginning of a day until the next tariff's."""

    id: Code
    """What events call the tariff."""
    version: str
    """Which edition of it this is."""
    in_force_from: DateKey
    """The first local day of use that it prices."""
    zones: tuple[RoamingZone, ...] = ()
    """Its zones; a country that is in none has no price."""
    prices: tuple[RoamingPrice, ...] = ()
    """Its prices; the first that covers a use holds."""


class Roaming(Rule):
    """How late use abroad may be billed, and how long after roaming a contract may be left (SE23-03 to SE23-05)."""

    window_months: Count | None = None
    """Months after the day of use within which it may be billed; none: no end."""
    window_at: Literal["bill", "record"] = "bill"
    """Whether the bill that would carry it counts, or when it is recorded."""
    leave_days: Days = 100
    """Days after roaming was turned off until the contract may be left."""
    partner_data: bool = True
    """Whether a record that the system has none for is charged on the partner's quantity."""
    by_default: bool = False
    """Whether roaming is on from the opening."""
    tariffs: tuple[RoamingTariff, ...] = ()
    """Prices abroad, ascending by day."""


class Unsubscribing(Rule):
    """Where the customer may end the contract, and who pays the penalty for its early end (SE23-20, SE23-26)."""

    channels: tuple[Code, ...] = ("gallery",)
    """Where the customer may ask for it."""
    penalty_on: Literal["customer", "any"] = "customer"
    """Whether only the customer's leaving costs the penalty, or any end."""


class Probation(Rule):
    """Service up to the up-front payment until the customer is verified; then the end or a block (SE23-22, XE25-07)."""

    days: Days = 30
    """Whole days after that of the opening."""
    end: Literal["terminate", "block-all"] = "terminate"
    """What happens to whoever was not verified by then."""
    ground: Code = "12"
    """The ground of that end or block, one of the document's."""


class LostCard(Rule):
    """Whose use with a lost card is: the customer's, or until it is blocked only (SE23-01, XE25-10)."""

    use: Literal["customer", "until-blocked"] = "customer"
    """Whether the customer answers for all use, or for none after the card is blocked as lost."""


class ServiceUpdate(Rule):
    """Whether the operator may move contracts to other plans (XE25-09)."""

    by_operator: bool = False
    """Whether the operator may, also within the contract period."""


class AutoDebit(Rule):
    """Notice of a change of mandate, and whether the bank is asked to debit (SE23-11, SE23-31)."""

    notice_days: Days = 14
    """Days ahead that a customer's change of mandate must be told."""
    after_bill_days: Days = 0
    """Days after the bill at which the debit is asked for."""
    request: bool = True
    """Whether the ledger asks for it."""


class TaxRate(Section):
    """The rate from a day on; `nominal` and `base` are how documents write it, such as 12/100 of 11/12."""

    in_force_from: DateKey
    """The first day of bills that it holds for."""
    rate: RatioText
    """The rate, exact."""
    nominal: RatioText | None = None
    """The rate as documents write it, where that differs."""
    base: RatioText | None = None
    """The part of the price that the written rate is of."""


class Tax(Rule):
    """The tax on a bill: that of the bill's date; prices exclude it or include it."""

    rates: tuple[TaxRate, ...] = ()
    """The rates, ascending by day; before the first there is no tax."""
    prices: Literal["exclude", "include"] = "exclude"
    """Whether prices exclude the tax, or include it."""
    taxable: tuple[ChargeKind, ...] = ("usage", "roaming", "commitment", "fees", "penalties")
    """The kinds of lines that are taxed."""


class BlockOtherNumbers(Rule):
    """After how many days a bill of one number that is overdue blocks the customer's others (SE23-19, ground 11)."""

    ground: Code = "11"
    """The ground of those blocks, one of the document's."""
    after_days: Days = 1
    """Days from a bill's due end to the block."""
    scope: Literal["outgoing", "all"] = "outgoing"
    """What is blocked of the others."""


class PackageChange(Rule):
    """Where a customer may ask for another plan (SE23-07, XE25-12)."""

    channels: tuple[Code, ...] = ("gallery",)
    """Where it may be asked for."""
