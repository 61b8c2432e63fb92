"""The terms of prepaid credit: denominations and their days, grace and waiting, forfeiture, transfers of credit."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Literal

from pydantic import Field, model_validator

from ledger.domain.calendar import DAY
from ledger.domain.prepaid.validity import ExtensionRule
from ledger.domain.rules import Clause, Count, Day, Days, Money, Period, Rule, Section
from ledger.domain.terms import Clauses, Terms, added


class StarterPack(Rule):
    """`days` of the first active period; none: it has no end (SP23-05)."""

    days: Days | None = None
    expiry_clause: Clause | None = None


class Cap(Rule):
    """From that day on, the rule `cumulative` reaches at most `days` ahead."""

    in_force_from: Day
    days: Days


class Denomination(Section):
    """A denomination and the days that it buys."""

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


class Waiting(Period):
    """The waiting period, and the least top-up that ends it (SP23-19)."""

    minimum: Money = 0


class Forfeiture(Rule):
    """When the credit left is lost: at the restoring top-up (SP23-20) or at the start of waiting (XP25-16)."""

    at: Literal["restoring-top-up", "waiting-start"] = "restoring-top-up"


class Reclaim(Rule):
    """What it costs to ask a number back (SP23-06)."""

    fee: Money = 0


class TransferBand(Section):
    """Transfers of up to `up_to` cost `fee`, and move the recipient's validity by `days` (0: not at all)."""

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


class PrepaidClauses(Clauses):
    """The clauses that prepaid's actions without a rule of their own cite."""

    activation: Clause | None = None
    registration_failed: Clause | None = None
    charge: Clause | None = None
    deactivation: Clause | None = None
    restoration: Clause | None = None


class PrepaidTerms(Terms):
    """One document's rules of prepaid credit."""

    product: Literal["prepaid"] = added("prepaid")
    reversal_days: Days = 30
    starter_pack: StarterPack = StarterPack()
    top_up: TopUpRule = TopUpRule()
    grace: Period = Period(days=0)
    waiting: Waiting = Waiting(days=0)
    forfeiture: Forfeiture = Forfeiture()
    reclaim: Reclaim = Reclaim()
    credit_transfer: CreditTransfer | None = None
    clauses: PrepaidClauses = PrepaidClauses()

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

    def band_of(self, amount: int) -> TransferBand | None:
        """The credit transfer's band for an amount; None above the last."""
        bands = self.credit_transfer.bands if self.credit_transfer else ()
        return next((band for band in bands if amount <= band.up_to), None)
