"""What every product's account has in common: the state that its events add up to.

What applies an event only assigns, and never fails. Only what late usage, daily caps and reversals need is remembered,
for as long as the terms allow them, so that a long history costs no more than a short one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, ClassVar

import msgspec

from ledger.domain.bounds import LARGEST_TOTAL, MOST_CHARGED, MOST_OPEN
from ledger.domain.calendar import DAY, NEVER
from ledger.domain.events import Event
from ledger.domain.line.disputes import DISPUTE_CHANGES, Dispute
from ledger.domain.line.erasures import ERASURE_CHANGES, ComingEnd, ErasureAsk
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
from ledger.domain.money import Posting
from ledger.domain.refusals import AboveMaximum, TooManyOpen
from ledger.domain.terms import AccountTerms

TERMINATED = "terminated"

REMEMBERED = 32
"""Entries that a list may hold before what is too old to matter is dropped from it."""

ChangesByEvent = Mapping[type[Event], Callable[[Any, Any, Any], None]]
"""What each event changes: (account, event, the terms that it names)."""


class StandingBlock(msgspec.Struct):
    """A block from `since` (the instant it was set) until it was lifted."""

    block: str
    scope: str
    ground: str
    since: int
    until: int = NEVER


def must_leave_room(
    opened: Collection[object], *, lately: Collection[object] = (), so: str = "are", most: int | None = None
) -> None:
    """Raises TooManyOpen where no other may be opened, beside those that are and those that were `lately`.

    `most` may be open, where that is not `MOST_OPEN`.
    """
    most = MOST_OPEN if most is None else most
    if len(opened) >= most:
        raise TooManyOpen(f"{len(opened)} are")
    if len(opened) + len(lately) >= most:
        raise TooManyOpen(f"{len(opened) + len(lately)} {so}")


class UsageTotals(msgspec.Struct):
    """Granted outgoing use of the account's whole life, and what it cost in sen."""

    voice: int = 0
    sms: int = 0
    data: int = 0
    charged: int = 0


class Account(msgspec.Struct):
    """The state of one account. Amounts are sen, instants UTC microseconds."""

    PRODUCT: ClassVar[str] = ""
    """The product that it is of, as its terms name it."""
    CHANGES: ClassVar[ChangesByEvent] = {}

    id: str
    msisdn: str = ""
    generation: int = 0
    version: int = 0
    recorded_at: int = -NEVER
    opened_at: int = 0
    state: str = ""
    terms: str = ""
    holder: str | None = None
    closed_at: int | None = None
    """When the account ended, and the number with it became the operator's again."""
    usage: UsageTotals = msgspec.field(default_factory=UsageTotals)
    blocks: dict[str, StandingBlock] = {}
    requests: dict[str, str] = {}
    lifted: list[StandingBlock] = []
    states: list[tuple[int, str]] = []
    terms_since: list[tuple[int, str]] = []
    charged_on: dict[str, int] = {}
    disputes: dict[str, Dispute] = {}
    disputable_from: int = -NEVER
    """Records from before this instant are disputed no more, whatever the terms say now."""
    erasure: ErasureAsk | None = None
    ending: ComingEnd | None = None
    late_from: int = -NEVER
    """Use before this instant comes too late, whatever the terms say now: it is no longer remembered."""

    @property
    def ends_at(self) -> int:
        """When it ends because its holder withdrew consent to processing; NEVER: it does not, or has ended."""
        ending = self.ending
        return NEVER if ending is None or self.closed_at is not None else ending.at

    @property
    def frees_number_at_once(self) -> bool:
        """Whether the number needs no quarantine after the account."""
        return False

    def state_at(self, instant: int) -> str | None:
        """The state at an instant that is still remembered; None before the account began."""
        since, state = self.states[-1]
        return state if since <= instant else at_instant(self.states, instant)

    def terms_at(self, instant: int) -> str:
        """The terms in force at an instant that is still remembered."""
        since, terms = self.terms_since[-1]
        return terms if since <= instant else at_instant(self.terms_since, instant) or self.terms_since[0][1]

    def blocks_at(self, instant: int) -> list[StandingBlock]:
        """The blocks that stood at an instant that is still remembered."""
        standing = [b for b in self.blocks.values() if b.since <= instant]
        return standing + [b for b in self.lifted if b.since <= instant < b.until]

    def use_from(self, now: int, terms: AccountTerms) -> int:
        """The instant from which on use may still come."""
        return max(self.late_from, now - terms.late_window)

    def lifted_lately(self, now: int, terms: AccountTerms) -> list[StandingBlock]:
        """The lifted blocks that use which may still come is judged by."""
        return [block for block in self.lifted if block.until > self.use_from(now, terms)]

    def charged(self, service: str, zone: str, day: int) -> int:
        """Sen charged for a service in a zone on a local day."""
        return self.charged_on.get(f"{day}/{service}/{zone}", 0)

    def faults(self) -> Iterator[str]:
        """What no account may be, said to whoever verifies a log."""
        yield from ()

    def must_count(self, service: str, granted: int, charge: int) -> None:
        """Raises AboveMaximum where so much more use is beyond what an account counts."""
        usage = self.usage
        if getattr(usage, service) + granted > LARGEST_TOTAL or usage.charged + charge > LARGEST_TOTAL:
            raise AboveMaximum(f"all use of the account: {LARGEST_TOTAL} of a service, and sen")

    def must_remember(self, service: str, zone: str, day: int, now: int, terms: AccountTerms) -> None:
        """Raises AboveMaximum where what a use costs is of one day, service or zone too many to be remembered."""
        charged = self.charged_on
        if len(charged) < MOST_CHARGED or f"{day}/{service}/{zone}" in charged:
            return
        if len(_charged_since(charged, self.use_from(now, terms))) >= MOST_CHARGED:
            raise AboveMaximum(f"{MOST_CHARGED} days, services and zones of use that was charged")

    # --- changes ----------------------------------------------------------------------------------------------------

    def apply(self, event: Event, terms: Any) -> None:  # noqa: ANN401 - its product's terms
        """Takes an event into the state; `terms` are those that the event names."""
        self.version = event.version
        recorded = event.recorded_at
        if recorded > self.recorded_at:  # noqa: PLR1730 - a call of `max` at each event costs more
            self.recorded_at = recorded
        if event.postings:
            self.move(event.postings)
        change = self.CHANGES.get(type(event))
        if change is not None:
            change(self, event, terms)
        # What time alone brings about may be noticed at any time, so it must not decide what comes too late.
        if event.command_digest is not None and event.terms == self.terms:
            self.forget(recorded, terms)

    def move(self, postings: list[Posting]) -> None:
        """Takes the money of an event into the account's balances."""
        raise NotImplementedError

    def forget(self, now: int, terms: Any) -> None:  # noqa: ANN401 - its product's terms
        """Moves on to `now` the instants before which nothing needs to be remembered any more."""
        self.late_from = max(self.late_from, now - terms.late_window)

    def begin(self, event: Any, state: str) -> None:  # noqa: ANN401 - an event that opens an account
        """The account's first event."""
        self.msisdn, self.generation = event.msisdn, event.generation
        self.opened_at = event.effective_at
        self.terms = event.terms
        self.terms_since.append((event.effective_at, event.terms))
        self.enter(state, event.effective_at)

    def enter(self, state: str, at: int) -> None:
        """Another state from an instant on."""
        self.state = state
        self.states.append((at, state))
        if len(self.states) > REMEMBERED:
            self.states = _recent(self.states, self.late_from)

    def close(self, state: str, at: int) -> None:
        """The account ends, in one of its final states."""
        self.closed_at = at
        self.enter(state, at)


def is_time_to_forget(remembered: Collection[object], most: int = REMEMBERED) -> bool:
    """Whether what is too old is to be dropped from what has just grown by one: not each time, for all is looked at."""
    size = len(remembered)
    return size > most and size % REMEMBERED == 0


def at_instant(line: list[tuple[int, str]], instant: int) -> str | None:
    """What held at an instant, of what holds from some instant on each; None before the first."""
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


# --- what each event changes ----------------------------------------------------------------------------------------


def _usage_recorded(account: Account, event: UsageRecorded, _: AccountTerms) -> None:
    if event.direction == "outgoing":
        usage = account.usage
        setattr(usage, event.service, getattr(usage, event.service) + event.granted)


def count_charge(account: Account, event: Any, _: AccountTerms) -> None:  # noqa: ANN401 - use that cost, by its product's event
    """Counts granted use, and what it cost on its day."""
    usage, key = account.usage, f"{event.day}/{event.service}/{event.zone}"
    setattr(usage, event.service, getattr(usage, event.service) + event.granted)
    usage.charged += event.charge
    charged = account.charged_on
    before = charged.get(key)
    charged[key] = (before or 0) + event.charge
    if before is None and is_time_to_forget(charged, 4 * REMEMBERED):
        account.charged_on = _charged_since(charged, account.late_from)


def _charged_since(charged: dict[str, int], since: int) -> dict[str, int]:
    """What was charged on days that use may still come of."""
    oldest = since // DAY - 1
    return {key: sen for key, sen in charged.items() if int(key.partition("/")[0]) >= oldest}


def _blocked(account: Account, event: Blocked, _: AccountTerms) -> None:
    account.blocks[event.block] = StandingBlock(event.block, event.scope, event.ground, event.effective_at)


def _unblocked(account: Account, event: Unblocked, _: AccountTerms) -> None:
    block = account.blocks.pop(event.block, None)
    if block is not None:
        block.until = event.effective_at
        account.lifted.append(block)
    if len(account.lifted) > REMEMBERED:
        account.lifted = [b for b in account.lifted if b.until > account.late_from]


def _rights_transfer_requested(account: Account, event: RightsTransferRequested, _: AccountTerms) -> None:
    account.requests[event.request] = event.to_customer


def _rights_transferred(account: Account, event: RightsTransferred, _: AccountTerms) -> None:
    account.requests.pop(event.request, None)
    account.holder, account.ending = event.to_customer, None


def _rights_transfer_refused(account: Account, event: RightsTransferRefused, _: AccountTerms) -> None:
    account.requests.pop(event.request, None)


def _terms_migrated(account: Account, event: TermsMigrated, _: AccountTerms) -> None:
    account.terms = event.to_terms
    account.terms_since.append((event.effective_at, event.to_terms))
    if len(account.terms_since) > REMEMBERED:
        account.terms_since = _recent(account.terms_since, account.late_from)


def _terminated(account: Account, event: Terminated, _: AccountTerms) -> None:
    account.close(TERMINATED, event.effective_at)


SHARED_CHANGES: ChangesByEvent = {
    UsageRecorded: _usage_recorded,
    Blocked: _blocked,
    Unblocked: _unblocked,
    RightsTransferRequested: _rights_transfer_requested,
    RightsTransferred: _rights_transferred,
    RightsTransferRefused: _rights_transfer_refused,
    TermsMigrated: _terms_migrated,
    Terminated: _terminated,
    **DISPUTE_CHANGES,
    **ERASURE_CHANGES,
}
"""What the events change that all products have."""
