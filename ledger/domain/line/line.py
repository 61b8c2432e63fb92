"""A line: a number together with its current account. It is what a command addresses, and the unit of consistency.

It keeps the line's time, emits events (and applies each at once), and records what fell due: every transition at
its exact boundary instant, whoever notices when.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, TypeVar

import msgspec

from ledger.domain.calendar import format_instant
from ledger.domain.events import Event, make
from ledger.domain.kinds import account_of
from ledger.domain.line.events import NumberAvailable, NumberQuarantined, UsageRecorded, UsageRefused
from ledger.domain.line.number import ASSIGNED, AVAILABLE, QUARANTINED, Number
from ledger.domain.money import BREAKAGE, PULSA, Posting, transfer
from ledger.domain.prepaid.account import ACTIVE, GRACE, INACTIVE, NEVER, WAITING, Account
from ledger.domain.prepaid.events import (
    CreditAdjusted,
    CreditCharged,
    CreditForfeited,
    Deactivated,
    GraceStarted,
    ReservationReleased,
    StarterPackExpired,
    UsageDebited,
    WaitingStarted,
)
from ledger.domain.prepaid.terms import PrepaidTerms
from ledger.domain.terms_book import TermsBook


class Cause(NamedTuple):
    """What events are recorded for: the instant, and the command with its digest and actor."""

    at: int
    command_id: str
    command_digest: bytes | None
    actor: str


Claimed = Callable[[str, str, str], bool]
"""Whether (account, kind, id) was used before."""


def nothing_claimed(_account: str, _kind: str, _id: str) -> bool:
    """For a fold in memory, which never asks."""
    return False


_TIMELESS = frozenset({UsageDebited, UsageRecorded, UsageRefused, CreditCharged, CreditAdjusted})
"""Events that change nothing of what falls due."""


class Line:
    """A number and its current account, as their events have made them."""

    __slots__ = (
        "_due_at",
        "account",
        "book",
        "cause",
        "claimed",
        "events",
        "former",
        "msisdn",
        "number",
        "recorded_at",
    )

    def __init__(
        self,
        msisdn: str,
        book: TermsBook,
        *,
        number: Number | None = None,
        account: Account | None = None,
        claimed: Claimed = nothing_claimed,
    ) -> None:
        self.msisdn = msisdn
        self.book = book
        self.number = number or Number(msisdn)
        self.account = account
        self.former: dict[str, Account] = {}
        """Earlier accounts of the number, where they are needed: money may still come back to one."""
        self.claimed = claimed
        states = [state for state in (self.number, account) if state is not None]
        self.recorded_at = max(state.recorded_at for state in states)
        """The latest instant at which something was recorded for the number or any of its accounts."""
        self._due_at: int | None = None
        self.events: list[Event] = []
        """What was emitted and not collected yet."""
        self.cause = Cause(-NEVER, "", None, "")

    # --- time -------------------------------------------------------------------------------------------------------

    @property
    def due_at(self) -> int:
        """The next instant at which time alone changes something; NEVER where nothing will."""
        if self._due_at is None:
            self._due_at = self._next_due()
        return self._due_at

    def _next_due(self) -> int:
        account = self.account
        if account is None:
            return _or_never(self.number.available_at)
        state = account.state
        if state == ACTIVE:
            due = _or_never(account.active_until)
            for reservation in account.reservations.values():
                due = min(due, reservation.expires_at)
            return due
        if state == INACTIVE:
            return account.expires_at
        if state == GRACE:
            return _or_never(account.grace_until)
        if state == WAITING:
            return _or_never(account.waiting_until)
        if self.number.generation < account.generation:
            return _or_never(account.closed_at)
        return _or_never(self.number.available_at)

    def advance(self, until: int) -> None:
        """Emits everything that falls due at or before `until`, each effective at its boundary."""
        while (due := self.due_at) <= until:
            self._fall_due(due)

    def _fall_due(self, at: int) -> None:
        account = self.account
        if account is None or account.is_final:
            self._free_number(at)
            return
        terms = self.terms
        if account.state == ACTIVE:
            self._release_due(at)
            if account.active_until is not None and account.active_until <= at:
                end = terms.zone.plus_days(at, terms.grace.days)
                self._due(GraceStarted, at, clause=terms.grace.clause, grace_until=end)
        elif account.state == INACTIVE:
            clause = terms.starter_pack.expiry_clause or terms.starter_pack.clause
            self._due(StarterPackExpired, at, clause=clause, printed_credit=account.printed_credit)
        elif account.state == GRACE:
            self._start_waiting(at, terms)
        else:
            clause = terms.clauses.deactivation
            self.forfeit(at, "deactivated", clause, due=True)
            self._due(Deactivated, at, clause=clause)

    def _release_due(self, at: int) -> None:
        account = self.current
        ends = account.active_until is not None and account.active_until <= at
        for name, held in sorted(account.reservations.items(), key=lambda r: (r[1].expires_at, r[0])):
            if held.expires_at <= at or ends:
                cause = "expired" if held.expires_at <= at else "grace"
                self.release(name, cause, at, due=True)

    def _start_waiting(self, at: int, terms: PrepaidTerms) -> None:
        rule = terms.forfeiture
        if rule.at == "waiting-start":
            self.forfeit(at, "waiting-started", rule.clause, due=True)
        end = terms.zone.plus_days(at, terms.waiting.days)
        self._due(WaitingStarted, at, clause=terms.waiting.clause, waiting_until=end, forfeiture=rule.at)

    def _free_number(self, at: int) -> None:
        account, number = self.account, self.number
        if account is None or number.generation == account.generation:
            self._due(
                NumberAvailable,
                at,
                of_number=True,
                clause=self._number_clause(account),
                msisdn=self.msisdn,
                generation=number.generation,
                customer=number.holder,
            )
            return
        own: dict[str, Any] = {
            "msisdn": self.msisdn,
            "generation": account.generation,
            "customer": account.holder,
        }
        if account.state == "expired":
            clause = self._number_clause(account)
            self._due(NumberAvailable, at, of_number=True, clause=clause, **own)
        else:
            quarantine = self.terms.quarantine
            end = self.terms.zone.plus_days(self.terms.zone.next_midnight(at), quarantine.days)
            self._due(
                NumberQuarantined, at, of_number=True, clause=quarantine.clause, available_at=end, **own
            )

    def _number_clause(self, account: Account | None) -> str | None:
        return self.book[account.terms].clauses.number_available if account is not None else None

    # --- state ------------------------------------------------------------------------------------------------------

    @property
    def current(self) -> Account:
        """The current account. Raises LookupError where there is none."""
        if self.account is None:
            raise LookupError(self.msisdn)
        return self.account

    @property
    def terms(self) -> PrepaidTerms:
        """The terms of the current account."""
        return self.book.of(PrepaidTerms, self.current.terms)

    @property
    def number_state(self) -> str:
        """The number's own state."""
        if self.account is not None and self.account.generation > self.number.generation:
            return ASSIGNED
        return QUARANTINED if self.number.available_at is not None else AVAILABLE

    def take(self, event: Event) -> None:
        """Applies an event that the log holds."""
        if type(event) not in _TIMELESS:
            self._due_at = None
        self.recorded_at = max(self.recorded_at, event.recorded_at)
        if event.account == self.msisdn:
            self.number.apply(event)
            return
        if event.version == 1:
            self._begin(event.account)
        account = self.account
        if account is None or account.id != event.account:
            account = self.former[event.account]
        account.apply(event, self.book.of(PrepaidTerms, event.terms or account.terms))

    def _begin(self, account_id: str) -> None:
        if self.account is not None:
            if self.account.id == account_id:
                return
            self.former[self.account.id] = self.account
        self.account = Account(account_id)

    # --- emitting ---------------------------------------------------------------------------------------------------

    def emit(  # noqa: PLR0913 - the parts of an event that are not the line's own
        self,
        event_type: type[Event],
        *,
        effective_at: int | None = None,
        clause: str | None = None,
        postings: list[Posting] | None = None,
        terms: str | None = None,
        of: Account | None = None,
        **own: Any,  # noqa: ANN401 - the event type's own fields; its schema checks them
    ) -> None:
        """Records an event of the current account (or `of` a former one), caused by the command at hand."""
        subject = of or self.current
        self.record(self.cause, event_type, subject, effective_at, clause, postings or [], terms, own)

    def _due(
        self,
        event_type: type[Event],
        at: int,
        *,
        clause: str | None,
        postings: list[Posting] | None = None,
        of_number: bool = False,
        **own: Any,  # noqa: ANN401
    ) -> None:
        subject = self.number if of_number else self.current
        name = f"due/{subject.id}/{event_type.__name__}/{format_instant(at)}"
        cause = Cause(self.cause.at, name, None, "clock")
        terms = self.account.terms if self.account is not None else None
        self.record(cause, event_type, subject, at, clause, postings or [], terms, own)

    def record(  # noqa: PLR0913 - the header of an event
        self,
        cause: Cause,
        event_type: type[Event],
        subject: Account | Number,
        effective_at: int | None,
        clause: str | None,
        postings: list[Posting],
        terms: str | None,
        own: dict[str, Any],
    ) -> None:
        """Emits an event with all its parts named, and applies it."""
        at, command_id, command_digest, actor = cause
        event = make(
            event_type,
            {
                "account": subject.id,
                "version": subject.version + 1,
                "effective_at": at if effective_at is None else effective_at,
                "recorded_at": at,
                "terms": terms if terms is not None or isinstance(subject, Number) else subject.terms,
                "clause": clause,
                "command_id": command_id,
                "command_digest": command_digest,
                "actor": actor,
                "postings": postings,
                **own,
            },
        )
        self.events.append(event)
        self.take(event)

    def copy(self) -> Line:
        """The line as it stands; what was emitted is not part of it."""
        line = Line(self.msisdn, self.book, number=_copy(self.number), claimed=self.claimed)
        line.account = None if self.account is None else _copy(self.account)
        line.former = {name: _copy(account) for name, account in self.former.items()}
        line.recorded_at = self.recorded_at
        return line

    def open(self, event_type: type[Event], terms: str, clause: str | None, **own: Any) -> None:  # noqa: ANN401
        """Begins the number's next account."""
        generation = max(self.number.generation, self.account.generation if self.account else 0) + 1
        self._begin(account_of(self.msisdn, generation))
        self.emit(event_type, terms=terms, clause=clause, msisdn=self.msisdn, generation=generation, **own)

    def forfeit(
        self, at: int, cause: str, clause: str | None, *, due: bool = False, terms: str | None = None
    ) -> None:
        """All credit left is lost to the operator, under `terms` other than the account's where they are named.

        Nothing happens where none is left.
        """
        account = self.current
        amount = account.available
        if amount <= 0:
            return
        postings = transfer(PULSA, f"{account.id}/credit", BREAKAGE, amount)
        if due:
            self._due(CreditForfeited, at, clause=clause, postings=postings, amount=amount, cause=cause)
        else:
            self.emit(
                CreditForfeited, clause=clause, postings=postings, terms=terms, amount=amount, cause=cause
            )

    def release(self, reservation: str, cause: str, at: int, *, due: bool = False) -> None:
        """What a reservation holds becomes credit again."""
        account = self.current
        amount = account.reservations[reservation].amount
        postings = transfer(PULSA, f"{account.id}/reserved", f"{account.id}/credit", amount)
        own: dict[str, Any] = {"reservation": reservation, "amount": amount, "cause": cause}
        if due:
            self._due(ReservationReleased, at, clause=None, postings=postings, **own)
        else:
            self.emit(ReservationReleased, postings=postings, **own)

    def collect(self) -> list[Event]:
        """What was emitted since last asked, in order."""
        events, self.events = self.events, []
        return events


_State = TypeVar("_State", Account, Number)


def _copy(state: _State) -> _State:
    return msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=type(state))


def _or_never(instant: int | None) -> int:
    return NEVER if instant is None else instant


def fold(msisdn: str, events: Iterable[Event], book: TermsBook) -> Line:
    """The line that the events of a number and its accounts, in log order, add up to."""
    line = Line(msisdn, book)
    for event in events:
        line.take(event)
    return line
