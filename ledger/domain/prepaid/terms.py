"""The terms of prepaid credit: denominations and their days, grace and waiting, forfeiture, transfers of credit."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Literal

from ledger.domain.calendar import DAY
from ledger.domain.prepaid.validity import ExtensionRule
from ledger.domain.rules import Clause, Count, DateKey, Days, Money, Period, Rule
from ledger.domain.sections import Bounds, Section
from ledger.domain.terms import AccountTerms, Clauses, added


class StarterPack(Rule):
    """`days` of the first active period; none: it has no end (SP23-05)."""

    days: Days | None = None
    """Days of the first active period, from activation."""
    expiry_clause: Clause | None = None
    """The clause by which a pack that was never activated is lost."""


class Cap(Rule):
    """From that day on, the rule `cumulative` reaches at most `days` ahead."""

    in_force_from: DateKey
    """The first local day of top-ups that the cap holds for."""
    days: Days
    """How far ahead of the day of the top-up validity may reach."""


class Denomination(Section):
    """A denomination and the days that it buys."""

    credit: Money
    """The least credit that buys these days."""
    days: Days
    """Whole days after that of the top-up."""


class TopUpRule(Rule):
    """Denominations and their days; without any, credit has no validity and any amount will do (SP23-16)."""

    denominations: tuple[Denomination, ...] = ()
    """What is sold, ascending; a top-up has the days of the largest that it reaches."""
    extension: ExtensionRule = "longest"
    """How the days meet a validity that is running: the later end, both together, or the new one."""
    caps: tuple[Cap, ...] = ()
    """How far the rule `cumulative` may reach, from which day on."""

    def must_hold(self) -> None:
        """Raises ValueError unless denominations ascend, and caps are of different days."""
        credits_ = [d.credit for d in self.denominations]
        if credits_ != sorted(set(credits_)):
            msg = "denominations must ascend"
            raise ValueError(msg)
        days = [cap.in_force_from for cap in self.caps]
        if len(days) != len(set(days)):
            msg = "two caps are in force from the same day"
            raise ValueError(msg)


class Waiting(Period):
    """The waiting period, and the least top-up that ends it (SP23-19)."""

    minimum: Money = 0
    """The least top-up that restores service."""


class Forfeiture(Rule):
    """When the credit left is lost: at the restoring top-up (SP23-20) or at the start of waiting (XP25-16)."""

    at: Literal["restoring-top-up", "waiting-start"] = "restoring-top-up"
    """The moment at which it is lost."""


class Reclaim(Rule):
    """What it costs to ask a number back (SP23-06)."""

    fee: Money = 0
    """The fee, in rupiah."""


class TransferBand(Section):
    """Transfers of up to `up_to` cost `fee`, and move the recipient's validity by `days` (0: not at all)."""

    up_to: Money
    """The largest amount of the band."""
    fee: Money
    """What the sender pays besides."""
    days: Days = 0
    """Days by which the recipient's validity moves; 0: it does not."""


class CreditTransfer(Rule):
    """Who may send credit, how much, and what it costs."""

    bands: tuple[TransferBand, ...]
    """Fees by amount, ascending; above the last nothing is sent."""
    minimum: Money = 1
    """The least amount."""
    multiple_of: Annotated[Money, Bounds(above=0)] = 1
    """Amounts are whole multiples of this."""
    sender_keeps: Money = 0
    """What the sender must have left after it."""
    days_on_network: Days = 0
    """How long the sender must have been active."""
    daily_count: Count | None = None
    """Transfers a local day; none: any number."""
    daily_amount: Money | None = None
    """Credit sent a local day; none: any amount."""

    def must_hold(self) -> None:
        """Raises ValueError unless bands ascend, and there is one."""
        ends = [band.up_to for band in self.bands]
        if not ends or ends != sorted(set(ends)):
            msg = "bands must ascend, and there must be one"
            raise ValueError(msg)


class PrepaidClauses(Clauses):
    """The clauses that prepaid's actions without a rule of their own cite."""

    activation: Clause | None = None
    """An account is activated."""
    registration_failed: Clause | None = None
    """A registration fails."""
    charge: Clause | None = None
    """Something is bought from credit."""
    deactivation: Clause | None = None
    """An account ends at the end of waiting."""
    restoration: Clause | None = None
    """A top-up ends waiting."""


class PrepaidTerms(AccountTerms):
    """One document's rules of prepaid credit."""

    product: Literal["prepaid"] = added("prepaid")
    reversal_days: Days = 30
    """How long after it a top-up may be reversed."""
    starter_pack: StarterPack = StarterPack()
    """The first active period."""
    top_up: TopUpRule = TopUpRule()
    """What credit is sold in, and how long it is valid."""
    grace: Period = Period(days=0)
    """After the end of validity: no use that costs credit, and any top-up restores it."""
    waiting: Waiting = Waiting(days=0)
    """After grace: no use at all, and a top-up of the minimum restores service; at its end the account ends."""
    forfeiture: Forfeiture = Forfeiture()
    """When the credit left is lost."""
    reclaim: Reclaim = Reclaim()
    """What a former holder pays to have a number back."""
    credit_transfer: CreditTransfer | None = None
    """Sending credit to another number; none: it cannot be sent."""
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
