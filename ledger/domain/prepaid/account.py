"""A prepaid account: the state that its events add up to, beside what every account has (`line/account.py`).

What applies an event only assigns, and never fails.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import msgspec

from ledger.domain.calendar import NEVER, zone
from ledger.domain.events import Event
from ledger.domain.line.account import REMEMBERED, SHARED_CHANGES, TERMINATED, Account, count_charge
from ledger.domain.money import Posting
from ledger.domain.prepaid.events import (
    Activated,
    CreditForfeited,
    CreditReserved,
    CreditToppedUp,
    CreditTransferReceived,
    CreditTransferSent,
    Deactivated,
    GraceStarted,
    NumberReclaimed,
    ReservationCaptured,
    ReservationReleased,
    ServiceRestored,
    StarterPackExpired,
    StarterPackIssued,
    TopUpReversed,
    UsageDebited,
    WaitingStarted,
)
from ledger.domain.prepaid.terms import PrepaidTerms
from ledger.domain.prepaid.validity import end_after

PREPAID = "prepaid"
INACTIVE, ACTIVE, GRACE, WAITING = "inactive", "active", "grace", "waiting"
EXPIRED, DEACTIVATED = "expired", "deactivated"
FINAL = frozenset({EXPIRED, DEACTIVATED, TERMINATED})


class Grant(msgspec.Struct):
    """Days bought at an instant (None: no validity), by the rule that held then, and the top-up they came with."""

    command_id: str
    at: int
    days: int | None
    extension: str | None
    cap_days: int | None
    zone: str
    credit: int = 0
    recoverable: int | None = None
    """Sen of the top-up that a reversal may still take; None for days that came with no top-up."""
    reversed: bool = False
    times: int = 1
    """How often in a row, on one local day."""

    def adds_to(self, other: Grant) -> bool:
        """Whether the two are days that came with no top-up, by one rule and on one local day."""
        return (
            self.recoverable is other.recoverable is None
            and (self.days, self.extension, self.cap_days, self.zone)
            == (other.days, other.extension, other.cap_days, other.zone)
            and zone(self.zone).day(self.at) == zone(other.zone).day(other.at)
        )


class Reservation(msgspec.Struct):
    """Sen held until an instant."""

    amount: int
    expires_at: int
    service: str | None


class PrepaidAccount(Account):
    """The state of one prepaid account. Amounts are sen, instants UTC microseconds."""

    PRODUCT: ClassVar[str] = PREPAID

    printed_credit: int = 0
    expires_at: int = NEVER
    activated_at: int | None = None
    active_until: int | None = None
    grace_until: int | None = None
    waiting_until: int | None = None
    forfeits_under: str | None = None
    """The terms by whose rule the top-up that ends this waiting period forfeits the credit left; None: it does not."""
    available: int = 0
    reserved: int = 0
    reservations: dict[str, Reservation] = msgspec.field(default_factory=dict)
    grants: list[Grant] = msgspec.field(default_factory=list)
    granted_before: int | None = None
    """End of validity before the first remembered grant."""
    sent_on: int = 0
    sent_count: int = 0
    sent_amount: int = 0
    reversible_from: int = -NEVER

    @property
    def credit(self) -> int:
        """All credit, what is reserved included."""
        return self.available + self.reserved

    @property
    def credit_name(self) -> str:
        """The ledger account of what is available."""
        return f"{self.id}/credit"

    @property
    def is_final(self) -> bool:
        """Whether the account is expired, deactivated or terminated."""
        return self.state in FINAL

    @property
    def frees_number_at_once(self) -> bool:
        """The number of a pack that was never activated can be issued again at once."""
        return self.state == EXPIRED

    def reversed_from(self, now: int, terms: PrepaidTerms) -> int:
        """The instant from which on a top-up may still be reversed."""
        return max(self.reversible_from, now - terms.reversal_window)

    def reversible(self, now: int, terms: PrepaidTerms) -> list[Grant]:
        """The top-ups that a reversal may still be asked of."""
        since = self.reversed_from(now, terms)
        return [grant for grant in self.grants if grant.recoverable is not None and grant.at >= since]

    def end_without(self, command_id: str) -> int | None:
        """What the end of validity would be without that top-up (None: there is none)."""
        end = self.granted_before
        for grant in self.grants:
            if grant.command_id != command_id and not grant.reversed:
                end = _after(end, grant)
        return end

    def faults(self) -> Iterator[str]:
        """Credit never goes below zero, and what is reserved is what the reservations hold."""
        if self.available < 0 or self.reserved < 0:
            yield "it takes credit below zero"
        if self.reserved != sum(held.amount for held in self.reservations.values()):
            yield "what is reserved is not what the reservations hold"

    def move(self, postings: list[Posting]) -> None:
        """Takes the credit of an event into what is available and what is reserved."""
        credit = self.id + "/credit"
        for posting in postings:
            name = posting["account"]
            if name == credit:
                self.available += posting["amount"]
            elif name == self.id + "/reserved":
                self.reserved += posting["amount"]

    def forget(self, now: int, terms: PrepaidTerms) -> None:
        """Uses may come no later than this, and top-ups be reversed."""
        self.late_from = max(self.late_from, now - terms.late_window)
        self.reversible_from = max(self.reversible_from, now - terms.reversal_window)

    def grant(self, grant: Grant) -> None:
        """Remembers days bought for as long as they, or others before them, may be taken back."""
        if self.grants and grant.adds_to(self.grants[-1]):
            self.grants[-1].times += 1
            return
        self.grants.append(grant)
        while self.grants and self._is_for_good(self.grants[0]):
            oldest = self.grants.pop(0)
            if not oldest.reversed:
                self.granted_before = _after(self.granted_before, oldest)

    def _is_for_good(self, oldest: Grant) -> bool:
        """Whether the oldest days can be taken back no more; a few that are too old cost nothing."""
        too_old = len(self.grants) > REMEMBERED and oldest.at < self.reversible_from
        return too_old or oldest.recoverable is None

    def run_again(self, at: int) -> None:
        """Active once more, after grace or waiting."""
        self.grace_until = self.waiting_until = None
        self.forfeits_under = None
        self.enter(ACTIVE, at)


def prepaid(account: Account) -> PrepaidAccount:
    """The account as one of this product. Raises TypeError where it is of another."""
    if not isinstance(account, PrepaidAccount):
        raise TypeError(f"{account.id} is {account.PRODUCT}")
    return account


def _after(end: int | None, grant: Grant) -> int | None:
    """The end of validity after days that were bought."""

    def extended(end: int | None, days: int | None) -> int | None:
        return end_after(
            zone(grant.zone),
            end=end,
            granted_at=grant.at,
            days=days,
            rule=grant.extension,
            cap_days=grant.cap_days,
        )

    end = extended(end, grant.days)
    if grant.times == 1 or grant.extension != "cumulative":  # else a second time changes nothing
        return end
    return extended(end, (grant.days or 0) * (grant.times - 1))


# --- what each event changes ----------------------------------------------------------------------------------------


def _starter_pack_issued(account: PrepaidAccount, event: StarterPackIssued, _: PrepaidTerms) -> None:
    account.begin(event, INACTIVE)
    account.printed_credit, account.expires_at = event.printed_credit, event.expires_at


def _number_reclaimed(account: PrepaidAccount, event: NumberReclaimed, _: PrepaidTerms) -> None:
    account.begin(event, INACTIVE)
    account.holder = event.customer


def _closed(state: str) -> Callable[[PrepaidAccount, Any, PrepaidTerms], None]:
    def close(account: PrepaidAccount, event: Event, _: PrepaidTerms) -> None:
        account.close(state, event.effective_at)

    return close


def _activated(account: PrepaidAccount, event: Activated, _: PrepaidTerms) -> None:
    account.holder = event.customer
    account.activated_at = event.effective_at
    account.active_until = account.granted_before = event.active_until
    account.enter(ACTIVE, event.effective_at)


def _grace_started(account: PrepaidAccount, event: GraceStarted, _: PrepaidTerms) -> None:
    account.grace_until = event.grace_until
    account.enter(GRACE, event.effective_at)


def _waiting_started(account: PrepaidAccount, event: WaitingStarted, _: PrepaidTerms) -> None:
    account.waiting_until = event.waiting_until
    account.forfeits_under = event.terms if event.forfeiture == "restoring-top-up" else None
    account.enter(WAITING, event.effective_at)


def _extend(account: PrepaidAccount, event: Any) -> None:  # noqa: ANN401
    account.active_until = event.active_until
    if account.state == GRACE:
        account.run_again(event.effective_at)


def _credit_topped_up(account: PrepaidAccount, event: CreditToppedUp, terms: PrepaidTerms) -> None:
    grant = Grant(
        event.command_id, event.effective_at, event.days, event.extension, event.cap_days, terms.zone.name
    )
    grant.credit = grant.recoverable = event.credit
    account.grant(grant)
    _extend(account, event)


def _service_restored(account: PrepaidAccount, event: ServiceRestored, _: PrepaidTerms) -> None:
    account.run_again(event.effective_at)


def _top_up_reversed(account: PrepaidAccount, event: TopUpReversed, _: PrepaidTerms) -> None:
    for grant in account.grants:
        if grant.command_id == event.reverses:
            grant.reversed = True
    account.active_until = event.active_until


def _credit_forfeited(account: PrepaidAccount, _: CreditForfeited, __: PrepaidTerms) -> None:
    for grant in account.grants:
        if grant.recoverable is not None:
            grant.recoverable = 0


def _credit_transfer_received(
    account: PrepaidAccount, event: CreditTransferReceived, terms: PrepaidTerms
) -> None:
    if event.days:
        grant = Grant(
            event.command_id, event.effective_at, event.days, event.extension, event.cap_days, terms.zone.name
        )
        account.grant(grant)
        _extend(account, event)


def _credit_transfer_sent(account: PrepaidAccount, event: CreditTransferSent, _: PrepaidTerms) -> None:
    if event.day != account.sent_on:
        account.sent_on, account.sent_count, account.sent_amount = event.day, 0, 0
    account.sent_count += 1
    account.sent_amount += event.amount


def _credit_reserved(account: PrepaidAccount, event: CreditReserved, _: PrepaidTerms) -> None:
    account.reservations[event.reservation] = Reservation(event.amount, event.expires_at, event.service)


def _reservation_ended(account: PrepaidAccount, event: Any, _: PrepaidTerms) -> None:  # noqa: ANN401
    account.reservations.pop(event.reservation, None)


PrepaidAccount.CHANGES = {
    **SHARED_CHANGES,
    StarterPackIssued: _starter_pack_issued,
    NumberReclaimed: _number_reclaimed,
    StarterPackExpired: _closed(EXPIRED),
    Activated: _activated,
    GraceStarted: _grace_started,
    WaitingStarted: _waiting_started,
    ServiceRestored: _service_restored,
    Deactivated: _closed(DEACTIVATED),
    CreditToppedUp: _credit_topped_up,
    TopUpReversed: _top_up_reversed,
    CreditForfeited: _credit_forfeited,
    CreditReserved: _credit_reserved,
    ReservationCaptured: _reservation_ended,
    ReservationReleased: _reservation_ended,
    CreditTransferSent: _credit_transfer_sent,
    CreditTransferReceived: _credit_transfer_received,
    UsageDebited: count_charge,
}
