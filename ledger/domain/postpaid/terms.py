"""The terms of postpaid contracts: one document's rules, and what is reckoned from them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from fractions import Fraction
from functools import cached_property
from typing import Literal

from ledger.domain.calendar import DAY
from ledger.domain.money import SEN
from ledger.domain.postpaid.billing_cycle import Boundary, StepToCome, boundary_of, step_of
from ledger.domain.postpaid.rules_of_contracts import (
    AutoDebit,
    Billing,
    BlockOtherNumbers,
    DepositRule,
    DueRule,
    Dunning,
    LateFine,
    LostCard,
    PackageChange,
    Payments,
    Plan,
    PlanTariff,
    Probation,
    Roaming,
    ServiceUpdate,
    Tax,
    TaxRate,
    Unsubscribing,
)
from ledger.domain.rules import Clause
from ledger.domain.terms import AccountTerms, Clauses

_REMEMBERED = 1024
"""Boundaries, and dates of dunning, that terms have at hand: those of a run of bills are a few."""


class PostpaidClauses(Clauses):
    """The clauses that postpaid's actions without a rule of their own cite."""

    opening: Clause | None = None
    """For a contract that is opened."""
    verification: Clause | None = None
    """For the verification of a customer."""
    commitment: Clause | None = None
    """For the minimum commitment."""
    payment: Clause | None = None
    """For payments."""
    failed_debit: Clause | None = None
    """For a debit that fails."""
    allocation: Clause | None = None
    """For advance that meets bills."""
    contract_period: Clause | None = None
    """For a plan that is asked for within the contract period."""
    renewal: Clause | None = None
    """For the end of the contract period."""
    collection: Clause | None = None
    """For the cost of collection."""
    notes: Clause | None = None
    """For credit and debit notes."""
    roaming_use: Clause | None = None
    """For use abroad."""
    settlement_of_debts: Clause | None = None
    """For the deposit that meets bills at the end."""
    due_at_end: Clause | None = None
    """For bills that the end makes due."""
    obligations_go_on: Clause | None = None
    """For what is owed after the end."""
    penalty: Clause | None = None
    """For leaving within the contract period."""


class PostpaidTerms(AccountTerms):
    """One document's rules of postpaid contracts."""

    product: Literal["postpaid"] = "postpaid"
    """The product that the document is of."""
    tariffs: tuple[PlanTariff, ...] = ()
    """What use costs, oldest tariff first; use that none prices is refused."""
    plans: tuple[Plan, ...]
    """What may be subscribed to."""
    billing: Billing = Billing()
    """Cycles and bills."""
    due: DueRule = DueRule()
    """When bills are due."""
    late_fine: LateFine | None = None
    """What an overdue bill costs; none: nothing."""
    dunning: Dunning = Dunning()
    """What happens to whoever does not pay."""
    payments: Payments = Payments()
    """How payments may be dated and reversed."""
    deposit: DepositRule = DepositRule()
    """What may happen to a deposit."""
    roaming: Roaming = Roaming()
    """Use abroad."""
    unsubscribe: Unsubscribing = Unsubscribing()
    """How a customer leaves."""
    probation: Probation = Probation()
    """Customers who are not verified yet."""
    lost_card: LostCard = LostCard()
    """Whose use with a lost card is."""
    service_update: ServiceUpdate = ServiceUpdate()
    """Moves to other plans by the operator."""
    auto_debit: AutoDebit = AutoDebit()
    """Mandates to debit."""
    tax: Tax = Tax()
    """Tax on bills."""
    block_other_numbers: BlockOtherNumbers | None = None
    """Blocks of a customer's other numbers; none: by command only."""
    package_change: PackageChange = PackageChange()
    """Changes of plan by the customer."""
    clauses: PostpaidClauses = PostpaidClauses()
    """Clauses that are cited where no rule has its own."""

    def must_hold(self) -> None:
        """Raises ValueError where something stands twice, a table is not whole, or days do not ascend."""
        super().must_hold()
        _must_be_once("plans: an id", [plan.id for plan in self.plans])
        _must_be_once("billing.days: a day", self.billing.days)
        _must_be_once("dunning.steps: an action", [step.action for step in self.dunning.steps])
        days = set(self.billing.days)
        tables = [self.due.table, *(step.table for step in self.dunning.steps)]
        for table in filter(None, tables):
            if {row.billing_day for row in table} != days or len(table) != len(days):
                msg = "a table has one row for each billing day"
                raise ValueError(msg)
        known = {plan.id for plan in self.plans}
        if any(not known.issuperset(price.plans) for tariff in self.tariffs for price in tariff.prices):
            msg = "tariffs: a price names a plan that is none of the plans"
            raise ValueError(msg)
        rates, tariffs = self.tax.rates, self.roaming.tariffs
        for dates in ([rate.in_force_from for rate in rates], [tariff.in_force_from for tariff in tariffs]):
            if dates != sorted(set(dates)):
                msg = "tax.rates and roaming.tariffs: must ascend by in_force_from"
                raise ValueError(msg)

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

    @cached_property
    def _boundaries(self) -> dict[tuple[int, int], Boundary]:
        return {}

    def boundary(self, billing_day: int, at: int) -> Boundary:
        """The boundary at an instant, as all bills of it have it."""
        found = self._boundaries.get((billing_day, at))
        if found is None:
            if len(self._boundaries) >= _REMEMBERED:
                self._boundaries.clear()
            found = boundary_of(self.zone, self.due, billing_day, at)
            self._boundaries[billing_day, at] = found
        return found

    @cached_property
    def _steps(self) -> dict[tuple[int, int, int], tuple[StepToCome, ...]]:
        return {}

    def steps(self, billing_day: int, boundary: int, due_until: int) -> tuple[StepToCome, ...]:
        """The steps of dunning of such a bill, in their order."""
        key = (billing_day, boundary, due_until)
        found = self._steps.get(key)
        if found is None:
            if len(self._steps) >= _REMEMBERED:
                self._steps.clear()
            found = self._steps[key] = tuple(
                sorted(self._dunned(*key), key=lambda step: (step.at, step.number))
            )
        return found

    def _dunned(self, billing_day: int, boundary: int, due_until: int) -> Iterator[StepToCome]:
        for number, step in enumerate(self.dunning.steps, 1):
            at = step_of(self.zone, step.table, billing_day, boundary, due_until, step.after_days)
            yield StepToCome(at, number, step.action)

    @cached_property
    def _rates(self) -> dict[int, TaxRate | None]:
        return {}

    def tax_rate(self, at: int) -> TaxRate | None:
        """The tax rate of an instant's local day; None: there is none."""
        if at not in self._rates:
            if len(self._rates) >= _REMEMBERED:
                self._rates.clear()
            self._rates[at] = self._rate_on(self.zone.day(at))
        return self._rates[at]

    def _rate_on(self, day: date) -> TaxRate | None:
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
