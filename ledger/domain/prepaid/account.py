"""A prepaid account: the state that its events add up to. What applies an event only assigns, and never fails.

Deciding is in `prepaid`, what falls due in `due`. Only what late usage, daily caps and reversals need is remembered,
for as long as the terms allow them, so that a long history costs no more than a short one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from ledger.domain.calendar import DAY, zone
from ledger.domain.events import Event
from ledger.domain.line.events import (
    Blocked,
    RightsTransferred,
    RightsTransferRefused,
    RightsTransferRequested,
    Terminated,
    TermsMigrated,
    Unblocked,
    UsageRecorded,
)
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

INACTIVE, ACTIVE, GRACE, WAITING = "inactive", "active", "grace", "waiting"
EXPIRED, DEACTIVATED, TERMINATED = "expired", "deactivated", "terminated"
FINAL = frozenset({EXPIRED, DEACTIVATED, TERMINATED})
NEVER = 2**62
"""An instant that never comes."""

_REMEMBERED = 32
"""Entries that a list may hold before what is too old to matter is dropped from it."""


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


class Reservation(msgspec.Struct):
    """Sen held until an instant."""

    amount: int
    expires_at: int
    service: str | None


class StandingBlock(msgspec.Struct):
    """A block from `since` (the instant it was set) until it was lifted."""

    block: str
    scope: str
    ground: str
    since: int
    until: int = NEVER


class Usage(msgspec.Struct):
    """Granted outgoing use of the account's whole life, and what it cost in sen."""

    voice: int = 0
    sms: int = 0
    data: int = 0
    charged: int = 0


class Account(msgspec.Struct):
    """The state of one account. Amounts are sen, instants UTC microseconds."""

    id: str
    msisdn: str = ""
    generation: int = 0
    version: int = 0
    recorded_at: int = -NEVER
    opened_at: int = 0
    state: str = INACTIVE
    terms: str = ""
    holder: str | None = None
    printed_credit: int = 0
    expires_at: int = NEVER
    activated_at: int | None = None
    active_until: int | None = None
    grace_until: int | None = None
    waiting_until: int | None = None
    closed_at: int | None = None
    forfeits_under: str | None = None
    """The terms by whose rule the top-up that ends this waiting period forfeits the credit left; None: it does not."""
    available: int = 0
    reserved: int = 0
    usage: Usage = msgspec.field(default_factory=Usage)
    reservations: dict[str, Reservation] = {}
    blocks: dict[str, StandingBlock] = {}
    requests: dict[str, str] = {}
    lifted: list[StandingBlock] = []
    states: list[tuple[int, str]] = []
    terms_since: list[tuple[int, str]] = []
    grants: list[Grant] = []
    granted_before: int | None = None
    """End of validity before the first remembered grant."""
    charged_on: dict[str, int] = {}
    sent_on: int = 0
    sent_count: int = 0
    sent_amount: int = 0
    late_from: int = -NEVER
    """Use before this instant comes too late, whatever the terms say now: it is no longer remembered."""
    reversible_from: int = -NEVER

    @property
    def credit(self) -> int:
        """All credit, what is reserved included."""
        return self.available + self.reserved

    @property
    def is_final(self) -> bool:
        """Whether the account is expired, deactivated or terminated."""
        return self.state in FINAL

    def state_at(self, instant: int) -> str | None:
        """The state at an instant that is still remembered; None before the account began."""
        return _at(self.states, instant)

    def terms_at(self, instant: int) -> str:
        """The terms in force at an instant that is still remembered."""
        return _at(self.terms_since, instant) or self.terms_since[0][1]

    def blocks_at(self, instant: int) -> list[StandingBlock]:
        """The blocks that stood at an instant that is still remembered."""
        standing = [b for b in self.blocks.values() if b.since <= instant]
        return standing + [b for b in self.lifted if b.since <= instant < b.until]

    def charged(self, service: str, zone: str, day: int) -> int:
        """Sen charged for a service in a zone on a local day."""
        return self.charged_on.get(f"{day}/{service}/{zone}", 0)

    def end_without(self, command_id: str) -> int | None:
        """What the end of validity would be without that top-up (None: there is none)."""
        end = self.granted_before
        for grant in self.grants:
            if grant.command_id != command_id and not grant.reversed:
                end = _after(end, grant)
        return end

    def apply(self, event: Event, terms: PrepaidTerms) -> None:
        """Takes an event into the state; `terms` are those that the event names."""
        self.version = event.version
        recorded = event.recorded_at
        self.recorded_at = max(self.recorded_at, recorded)
        if event.postings:
            mine = self.id + "/credit"
            for posting in event.postings:
                name = posting["account"]
                if name == mine:
                    self.available += posting["amount"]
                elif name == self.id + "/reserved":
                    self.reserved += posting["amount"]
        change = _CHANGES.get(type(event))
        if change is not None:
            change(self, event, terms)
        # What time alone brings about may be noticed at any time, so it must not decide what comes too late.
        if event.command_digest is not None and event.terms == self.terms:
            self.late_from = max(self.late_from, recorded - terms.late_window)
            self.reversible_from = max(self.reversible_from, recorded - terms.reversal_window)

    def _enter(self, state: str, at: int) -> None:
        self.state = state
        self.states.append((at, state))
        if len(self.states) > _REMEMBERED:
            self.states = _recent(self.states, self.late_from)

    def _grant(self, grant: Grant) -> None:
        self.grants.append(grant)
        while len(self.grants) > _REMEMBERED and self.grants[0].at < self.reversible_from:
            oldest = self.grants.pop(0)
            if not oldest.reversed:
                self.granted_before = _after(self.granted_before, oldest)


def _at(line: list[tuple[int, str]], instant: int) -> str | None:
    for since, value in reversed(line):
        if since <= instant:
            return value
    return None


def _recent(line: list[tuple[int, str]], since: int) -> list[tuple[int, str]]:
    """Drops what ended before `since`, keeping the entry in force then."""
    first = 0
    while first + 1 < len(line) and line[first + 1][0] <= since:
        first += 1
    return line[first:]


def _after(end: int | None, grant: Grant) -> int | None:
    return end_after(
        zone(grant.zone),
        end=end,
        granted_at=grant.at,
        days=grant.days,
        rule=grant.extension,
        cap_days=grant.cap_days,
    )


# --- what each event changes ----------------------------------------------------------------------------------------


def _opened(account: Account, event: Any, _: PrepaidTerms) -> None:  # noqa: ANN401
    account.msisdn, account.generation = event.msisdn, event.generation
    account.opened_at = event.effective_at
    account.terms = event.terms
    account.terms_since.append((event.effective_at, event.terms))
    account._enter(INACTIVE, event.effective_at)  # noqa: SLF001


def _starter_pack_issued(account: Account, event: StarterPackIssued, terms: PrepaidTerms) -> None:
    _opened(account, event, terms)
    account.printed_credit, account.expires_at = event.printed_credit, event.expires_at


def _number_reclaimed(account: Account, event: NumberReclaimed, terms: PrepaidTerms) -> None:
    _opened(account, event, terms)
    account.holder = event.customer


def _closed(state: str) -> Callable[[Account, Any, PrepaidTerms], None]:
    def close(account: Account, event: Event, _: PrepaidTerms) -> None:
        account.closed_at = event.effective_at
        account._enter(state, event.effective_at)  # noqa: SLF001

    return close


def _activated(account: Account, event: Activated, _: PrepaidTerms) -> None:
    account.holder = event.customer
    account.activated_at = event.effective_at
    account.active_until = account.granted_before = event.active_until
    account._enter(ACTIVE, event.effective_at)  # noqa: SLF001


def _grace_started(account: Account, event: GraceStarted, _: PrepaidTerms) -> None:
    account.grace_until = event.grace_until
    account._enter(GRACE, event.effective_at)  # noqa: SLF001


def _waiting_started(account: Account, event: WaitingStarted, _: PrepaidTerms) -> None:
    account.waiting_until = event.waiting_until
    account.forfeits_under = event.terms if event.forfeiture == "restoring-top-up" else None
    account._enter(WAITING, event.effective_at)  # noqa: SLF001


def _extend(account: Account, event: Any) -> None:  # noqa: ANN401
    account.active_until = event.active_until
    if account.state == GRACE:
        _run_again(account, event.effective_at)


def _run_again(account: Account, at: int) -> None:
    account.grace_until = account.waiting_until = None
    account.forfeits_under = None
    account._enter(ACTIVE, at)  # noqa: SLF001


def _credit_topped_up(account: Account, event: CreditToppedUp, terms: PrepaidTerms) -> None:
    grant = Grant(
        event.command_id, event.effective_at, event.days, event.extension, event.cap_days, terms.zone.name
    )
    grant.credit = grant.recoverable = event.credit
    account._grant(grant)  # noqa: SLF001
    _extend(account, event)


def _service_restored(account: Account, event: ServiceRestored, _: PrepaidTerms) -> None:
    _run_again(account, event.effective_at)


def _top_up_reversed(account: Account, event: TopUpReversed, _: PrepaidTerms) -> None:
    for grant in account.grants:
        if grant.command_id == event.reverses:
            grant.reversed = True
    account.active_until = event.active_until


def _credit_forfeited(account: Account, _: CreditForfeited, __: PrepaidTerms) -> None:
    for grant in account.grants:
        if grant.recoverable is not None:
            grant.recoverable = 0


def _credit_transfer_received(account: Account, event: CreditTransferReceived, terms: PrepaidTerms) -> None:
    if event.days:
        grant = Grant(
            event.command_id, event.effective_at, event.days, event.extension, event.cap_days, terms.zone.name
        )
        account._grant(grant)  # noqa: SLF001
        _extend(account, event)


def _credit_transfer_sent(account: Account, event: CreditTransferSent, _: PrepaidTerms) -> None:
    if event.day != account.sent_on:
        account.sent_on, account.sent_count, account.sent_amount = event.day, 0, 0
    account.sent_count += 1
    account.sent_amount += event.amount


def _usage_debited(account: Account, event: UsageDebited, _: PrepaidTerms) -> None:
    usage, key = account.usage, f"{event.day}/{event.service}/{event.zone}"
    setattr(usage, event.service, getattr(usage, event.service) + event.granted)
    usage.charged += event.charge
    charged = account.charged_on
    charged[key] = charged.get(key, 0) + event.charge
    if len(charged) > 4 * _REMEMBERED:
        oldest = account.late_from // DAY - 1
        account.charged_on = {k: v for k, v in charged.items() if int(k.partition("/")[0]) >= oldest}


def _usage_recorded(account: Account, event: UsageRecorded, _: PrepaidTerms) -> None:
    if event.direction == "outgoing":
        usage = account.usage
        setattr(usage, event.service, getattr(usage, event.service) + event.granted)


def _credit_reserved(account: Account, event: CreditReserved, _: PrepaidTerms) -> None:
    account.reservations[event.reservation] = Reservation(event.amount, event.expires_at, event.service)


def _reservation_ended(account: Account, event: Any, _: PrepaidTerms) -> None:  # noqa: ANN401
    account.reservations.pop(event.reservation, None)


def _blocked(account: Account, event: Blocked, _: PrepaidTerms) -> None:
    account.blocks[event.block] = StandingBlock(event.block, event.scope, event.ground, event.effective_at)


def _unblocked(account: Account, event: Unblocked, _: PrepaidTerms) -> None:
    block = account.blocks.pop(event.block, None)
    if block is not None:
        block.until = event.effective_at
        account.lifted.append(block)
    if len(account.lifted) > _REMEMBERED:
        account.lifted = [b for b in account.lifted if b.until > account.late_from]


def _rights_transfer_requested(account: Account, event: RightsTransferRequested, _: PrepaidTerms) -> None:
    account.requests[event.request] = event.to_customer


def _rights_transferred(account: Account, event: RightsTransferred, _: PrepaidTerms) -> None:
    account.requests.pop(event.request, None)
    account.holder = event.to_customer


def _rights_transfer_refused(account: Account, event: RightsTransferRefused, _: PrepaidTerms) -> None:
    account.requests.pop(event.request, None)


def _terms_migrated(account: Account, event: TermsMigrated, _: PrepaidTerms) -> None:
    account.terms = event.to_terms
    account.terms_since.append((event.effective_at, event.to_terms))
    if len(account.terms_since) > _REMEMBERED:
        account.terms_since = _recent(account.terms_since, account.late_from)


_CHANGES: dict[type[Event], Callable[[Account, Any, PrepaidTerms], None]] = {
    StarterPackIssued: _starter_pack_issued,
    NumberReclaimed: _number_reclaimed,
    StarterPackExpired: _closed(EXPIRED),
    Activated: _activated,
    GraceStarted: _grace_started,
    WaitingStarted: _waiting_started,
    ServiceRestored: _service_restored,
    Deactivated: _closed(DEACTIVATED),
    Terminated: _closed(TERMINATED),
    TermsMigrated: _terms_migrated,
    CreditToppedUp: _credit_topped_up,
    TopUpReversed: _top_up_reversed,
    CreditForfeited: _credit_forfeited,
    CreditReserved: _credit_reserved,
    ReservationCaptured: _reservation_ended,
    ReservationReleased: _reservation_ended,
    CreditTransferSent: _credit_transfer_sent,
    CreditTransferReceived: _credit_transfer_received,
    UsageDebited: _usage_debited,
    UsageRecorded: _usage_recorded,
    Blocked: _blocked,
    Unblocked: _unblocked,
    RightsTransferRequested: _rights_transfer_requested,
    RightsTransferred: _rights_transferred,
    RightsTransferRefused: _rights_transfer_refused,
}
