"""A line: a number with its accounts. It is what a command addresses, and the unit of consistency.

Its current account is at hand, a former one where it is needed. It keeps the line's time, emits events (and applies
each at once), and records what fell due: every transition at its exact boundary instant, whoever notices when. What the
account is like, its product knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

import msgspec

from ledger.domain.calendar import NEVER, format_instant
from ledger.domain.events import Draft, Event, make
from ledger.domain.ids import account_of, subject_of
from ledger.domain.line.account import Account
from ledger.domain.line.events import NumberAvailable, NumberQuarantined
from ledger.domain.line.number import ASSIGNED, AVAILABLE, QUARANTINED, Number
from ledger.domain.line.product import PRODUCTS, product_of, rules_of
from ledger.domain.money import Posting
from ledger.domain.subject import (
    NO_RECORDS,
    NOTHING,
    Cause,
    Claimed,
    Records,
    State,
    Streams,
    Subject,
    fell_due,
    nothing_claimed,
)
from ledger.domain.terms import AccountTerms
from ledger.domain.terms_book import TermsBook
from ledger.errors import TermsMissing


class Line(Subject):
    """A number with its accounts, as their events have made them."""

    __slots__ = (
        "_due_at",
        "account",
        "book",
        "claimed",
        "events",
        "former",
        "msisdn",
        "number",
        "records",
    )

    def __init__(  # noqa: PLR0913 - what a line is made of
        self,
        msisdn: str,
        book: TermsBook,
        *,
        number: Number | None = None,
        account: Account | None = None,
        claimed: Claimed = nothing_claimed,
        records: Records = NO_RECORDS,
    ) -> None:
        self.msisdn = msisdn
        self.book = book
        self.number = number or Number(msisdn)
        self.account = account
        self.former: dict[str, Account] = {}
        """Earlier accounts of the number, where they are needed: money may still come back to one."""
        self.claimed = claimed
        self.records = records
        states = [state for state in (self.number, account) if state is not None]
        self.recorded_at = max(state.recorded_at for state in states)
        """The latest instant at which something was recorded for the number or any of its accounts."""
        self._due_at: int | None = None
        self.events: list[Event] = []
        """What was emitted and not collected yet."""
        self.cause = NOTHING

    # --- time -------------------------------------------------------------------------------------------------------

    @property
    def due_at(self) -> int:
        """The next instant at which time alone changes something; NEVER where nothing will."""
        if self._due_at is None:
            self._due_at = self._next_due()
        return self._due_at

    def _next_due(self) -> int:
        due = self._number_due()
        for account in self.accounts():
            next_one = PRODUCTS[account.PRODUCT].due_at(account, self.book)
            if next_one < due:  # noqa: PLR1730 - a call of `min` at each event costs more
                due = next_one
            if account.ending is not None and account.ends_at < due:
                due = account.ends_at
        return due

    def _number_due(self) -> int:
        account, number = self.account, self.number
        if account is not None and account.generation > number.generation:
            due = account.closed_at
        else:
            due = number.available_at
        return NEVER if due is None else due

    def accounts(self) -> list[Account]:
        """The accounts at hand, by generation: an earlier one may still have a life of its own."""
        current = [] if self.account is None else [self.account]
        if not self.former:
            return current
        return [*sorted(self.former.values(), key=lambda account: account.generation), *current]

    def advance(self, until: int) -> None:
        """Emits everything that falls due at or before `until`, each effective at its boundary.

        At one instant: the accounts by generation, each with the end that its holder's withdrawn consent brings about
        behind all else; then the number.
        """
        while (due := self.due_at) <= until:
            self._fall_due(due)

    def _fall_due(self, at: int) -> None:
        before, accounts = len(self.events), self.accounts()
        # Where there is one account, and not the number is due, the account is: it is not asked again.
        only = len(accounts) == 1 and accounts[0].ends_at == NEVER and self._number_due() > at
        for account in accounts:
            product = PRODUCTS[account.PRODUCT]
            if only or product.due_at(account, self.book) <= at:
                drafts = product.falls_due(account, at, self.book)
            elif account.ends_at <= at:
                clause = self.rules(account.terms).clauses.termination
                drafts = product.end_for_holder(account, at, self.book, clause)
            else:
                continue
            for draft in drafts:
                self._record_due(account, account.terms, at, draft)
            break
        else:
            self._free_number(at)
        if len(self.events) == before:
            raise RuntimeError(f"{self.msisdn}: nothing happens at {format_instant(at)}, which is due")

    def _free_number(self, at: int) -> None:
        account, number = self.account, self.number
        own: dict[str, Any]
        if account is None or number.generation >= account.generation:
            own = {"msisdn": self.msisdn, "generation": number.generation, "customer": number.holder}
            self._due_of_number(NumberAvailable, at, self._clause_of_availability(), own)
            return
        own = {"msisdn": self.msisdn, "generation": account.generation, "customer": account.holder}
        if account.frees_number_at_once:
            self._due_of_number(NumberAvailable, at, self._clause_of_availability(), own)
            return
        zone, quarantine = self.terms.zone, self.terms.quarantine
        own["available_at"] = zone.plus_days(zone.next_midnight(at), quarantine.days)
        self._due_of_number(NumberQuarantined, at, quarantine.clause, own)

    def _clause_of_availability(self) -> str | None:
        return None if self.account is None else self.terms.clauses.number_available

    def _due_of_number(
        self, event_type: type[Event], at: int, clause: str | None, own: dict[str, Any]
    ) -> None:
        terms = None if self.account is None else self.account.terms
        self._record_due(self.number, terms, at, Draft(event_type, clause, [], own))

    def _record_due(self, subject: Account | Number, terms: str | None, at: int, draft: Draft) -> None:
        cause = fell_due(subject.id, draft.type, at, self.cause.at, draft.about)
        self.record(cause, draft.type, subject, at, draft.clause, draft.postings, terms, draft.own)

    # --- state ------------------------------------------------------------------------------------------------------

    @property
    def current(self) -> Account:
        """The current account. Raises LookupError where there is none."""
        if self.account is None:
            raise LookupError(self.msisdn)
        return self.account

    @property
    def terms(self) -> AccountTerms:
        """The terms of the current account."""
        return self.rules(self.current.terms)

    def rules(self, terms_id: str) -> AccountTerms:
        """The terms of that id. Raises TermsMissing where they are of no account, and as `TermsBook` does."""
        return self.book.of(AccountTerms, terms_id)

    def named(self, account_id: str) -> Account:
        """The account of that id, the current one or a former one that is at hand. Raises LookupError."""
        account = self.account
        return account if account is not None and account.id == account_id else self.former[account_id]

    def at_hand(self, account_id: str) -> Account | None:
        """The same; None where it is not at hand."""
        account = self.account
        return account if account is not None and account.id == account_id else self.former.get(account_id)

    @property
    def number_state(self) -> str:
        """The number's own state."""
        if self.account is not None and self.account.generation > self.number.generation:
            return ASSIGNED
        return QUARANTINED if self.number.available_at is not None else AVAILABLE

    def take(self, event: Event) -> None:
        """Applies an event that the log holds."""
        if not event.TIMELESS:
            self._due_at = None
        if event.recorded_at > self.recorded_at:  # noqa: PLR1730 - a call of `max` at each event costs more
            self.recorded_at = event.recorded_at
        stream = event.account
        if stream == self.msisdn:
            self.number.apply(event)
            return
        if event.version == 1:
            self._begin(stream, event.terms or "")
        account = self.account
        if account is None or account.id != stream:
            account = self.former[stream]
        rules = self.book[event.terms or account.terms]
        if rules.product != account.PRODUCT or not isinstance(rules, AccountTerms):
            raise TermsMissing(f"{rules.id}: these are terms of {rules.product}")
        account.apply(event, rules)

    def _begin(self, account_id: str, terms_id: str) -> None:
        if self.account is not None:
            if self.account.id == account_id:
                return
            self.former[self.account.id] = self.account
        self.account = product_of(self.book[terms_id]).account(account_id)

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

    def emit_each(
        self, drafts: Iterable[Draft], *, terms: str | None = None, of: Account | None = None
    ) -> None:
        """Records events of the current account or `of` a former one, under other `terms` than its own if any.

        Each is applied before the next one is asked for.
        """
        for draft in drafts:
            self.emit(
                draft.type, clause=draft.clause, postings=draft.postings, terms=terms, of=of, **draft.own
            )

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
        line = Line(
            self.msisdn, self.book, number=_copy(self.number), claimed=self.claimed, records=self.records
        )
        line.account = None if self.account is None else _copy(self.account)
        line.former = {name: _copy(account) for name, account in self.former.items()}
        line.recorded_at = self.recorded_at
        return line

    def open(self, event_type: type[Event], terms: str, clause: str | None, **own: Any) -> None:  # noqa: ANN401
        """Begins the number's next account."""
        generation = max(self.number.generation, self.account.generation if self.account else 0) + 1
        self._begin(account_of(self.msisdn, generation), terms)
        self.emit(event_type, terms=terms, clause=clause, msisdn=self.msisdn, generation=generation, **own)

    def collect(self) -> list[Event]:
        """What was emitted since last asked, in order."""
        events, self.events = self.events, []
        return events

    # --- as a subject -----------------------------------------------------------------------------------------------

    @property
    def id(self) -> str:
        """The number."""
        return self.msisdn

    def lacks(self, stream: str) -> bool:
        """Whether it is an account of the number that is not at hand: money may have come back to an earlier one."""
        return subject_of(stream) == self.msisdn != stream and self.at_hand(stream) is None

    def hold(self, streams: Streams, stream: str) -> None:
        """Loads an earlier account, so that an event of it can be recorded."""
        account = account_in(streams, stream, self.book)
        if account is not None:
            self.former[stream] = account

    def states(self) -> list[State]:
        """The current account."""
        return [] if self.account is None else [self.account]

    def state_of(self, stream: str) -> State | None:
        """The number, its account, or an earlier one."""
        if stream == self.msisdn:
            return self.number
        account = self.account
        return account if account is not None and account.id == stream else self.former.get(stream)

    def faults(self, event: Event) -> Iterator[str]:
        """What the account that it is of says of itself."""
        if event.account != self.msisdn:
            yield from self.named(event.account).faults()


_State = TypeVar("_State", Account, Number)


def _copy(state: _State) -> _State:
    return msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=type(state))


def fold(msisdn: str, events: Iterable[Event], book: TermsBook) -> Line:
    """The line that the events of a number and its accounts, in log order, add up to."""
    line = Line(msisdn, book)
    for event in events:
        line.take(event)
    return line


def account_in(streams: Streams, stream: str, book: TermsBook) -> Account | None:
    """An account as the log has it; None where it has no such one."""

    def begin(first: Event) -> Account:
        return product_of(book[first.terms or ""]).account(stream)

    known: dict[str, AccountTerms] = {}

    def apply(account: Account, event: Event) -> None:
        terms_id = event.terms or account.terms
        rules = known.get(terms_id)
        if rules is None:
            rules = known[terms_id] = rules_of(account, terms_id, book)
        account.apply(event, rules)

    return streams.state(stream, begin, apply)


def line_in(streams: Streams, msisdn: str, book: TermsBook, claimed: Claimed = nothing_claimed) -> Line:
    """A line as the log has it; the number need not have been seen before."""
    number = streams.state(msisdn, lambda first: Number(first.account), Number.apply)
    generation = number.generation if number is not None else 0
    account = account_in(streams, account_of(msisdn, generation + 1), book)
    if account is None and generation:
        account = account_in(streams, account_of(msisdn, generation), book)
    line = Line(msisdn, book, number=number, account=account, claimed=claimed, records=streams.records)
    for former in range(1, generation + 1):  # money may have come back to one since, or its time goes on
        stream = account_of(msisdn, former)
        last = streams.last(stream)
        if last is None:
            continue
        line.recorded_at = max(line.recorded_at, last.recorded_at)
        if line.lacks(stream) and product_of(book[last.terms or ""]).lives_on:
            line.hold(streams, stream)
    return line
