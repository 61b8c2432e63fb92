"""A customer as a subject: debts that stand for a while block the other accounts, and are lifted when they are cleared.

And the person: registered, agreeing or not, asking for what is kept, forgotten (`person.py`, `deciding_of_persons.py`,
`forgetting.py`).

Ground 11 (SE23-19) looks across a customer's accounts: a bill that is overdue on one of them is a ground to block the
others. The debt is told by the account, the blocks are told to the accounts, all by policies.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from ledger.domain.calendar import NEVER
from ledger.domain.commands import Command
from ledger.domain.customer.commands import NoteAccount, NoteAccountEnded, NoteAccountLeft
from ledger.domain.customer.events import (
    AccountEnded,
    AccountLeft,
    AccountNoted,
    DebtBlock,
    DebtCleared,
    DebtNoted,
    OthersBlocked,
)
from ledger.domain.customer.events_of_persons import CustomerRegistered
from ledger.domain.customer.forgetting import due_of_person, fall_due_for_person
from ledger.domain.customer.person import Person, registered
from ledger.domain.events import Event
from ledger.domain.line.blocking import block_of_debt
from ledger.domain.one_stream import OneStream, state_in
from ledger.domain.subject import Streams
from ledger.domain.terms_book import TermsBook

MOST_ACCOUNTS = 5_000
"""Accounts of one customer that are noted; further ones come to nothing."""
_MOST_REMEMBERED = 1_000
"""Bills of which it is remembered how often they were overdue."""


class Debt(msgspec.Struct, array_like=True):
    """A bill that is overdue: of which account, when it blocks the others, by which block, and whom it has blocked."""

    of: str
    blocks_at: int
    block: DebtBlock
    stands: bool = False
    blocked: list[str] = []


class CustomerState(msgspec.Struct):
    """What a customer's events add up to."""

    id: str
    version: int = 0
    recorded_at: int = -NEVER
    accounts: list[str] = []
    """Those that are his."""
    ended: dict[str, int] = {}
    """When those of them have ended that have; what is owed or held may be there still."""
    former: list[str] = []
    """Those that were his: settled, or another's by now."""
    last_end: int = -NEVER
    """When the last of those that were his has ended for him."""
    debts: dict[str, Debt] = {}
    """By bill."""
    times: dict[str, int] = {}
    """How often a bill was overdue: a block's id is used once."""
    person: Person | None = None
    """None: nobody is registered."""

    def apply(self, event: Event) -> None:
        """Takes an event in."""
        self.version = event.version
        self.recorded_at = max(self.recorded_at, event.recorded_at)
        if isinstance(event, AccountNoted):
            if self.person is not None and self.person.erased:
                return  # it is told that it ends, and is nobody's
            self._noted(event.of)
            for block in event.blocks:
                for debt in self.debts.values():
                    if debt.block["block"] == block_of_debt(block["block"]):
                        debt.blocked.append(event.of)
        elif isinstance(event, AccountEnded):
            self.ended[event.of] = event.ended_at
            self._changed(event.of, event.ended_at)
        elif isinstance(event, AccountLeft):
            self.accounts.remove(event.of)
            self.former.append(event.of)
            if len(self.former) > MOST_ACCOUNTS:
                self.former.pop(0)
            self._changed(event.of, self.ended.pop(event.of, event.recorded_at))
        elif isinstance(event, DebtNoted):
            own: DebtBlock = {"block": event.block, "scope": event.scope, "ground": event.ground}
            self.debts[event.bill] = Debt(event.of, event.blocks_at, own)
            self.times[event.bill] = self.times.pop(event.bill, 0) + 1
            if len(self.times) > _MOST_REMEMBERED:
                self.times.pop(next(iter(self.times)))
        elif isinstance(event, OthersBlocked):
            debt = self.debts[event.bill]
            debt.stands, debt.blocked = True, list(event.accounts)
        elif isinstance(event, DebtCleared):
            self.debts.pop(event.bill, None)
        elif isinstance(event, CustomerRegistered):
            self.person = registered(event)
        elif self.person is not None:
            self.person.apply(event)

    @property
    def debts_due_at(self) -> int:
        """When the next debt blocks the other accounts."""
        if not self.debts:
            return NEVER
        return min((debt.blocks_at for debt in self.debts.values() if not debt.stands), default=NEVER)

    def _noted(self, account: str) -> None:
        self.accounts.append(account)
        if account in self.former:
            self.former.remove(account)
        if self.person is not None and self.person.erasure is not None:
            self.person.erasure.forget(account)

    def _changed(self, account: str, ended_at: int) -> None:
        self.last_end = max(self.last_end, ended_at)
        if self.person is not None and self.person.erasure is not None:
            self.person.erasure.forget(account)

    @property
    def known(self) -> list[str]:
        """The accounts that are his or were, in their order."""
        return sorted((*self.accounts, *self.former))

    @property
    def living(self) -> list[str]:
        """The accounts that have not ended."""
        return [one for one in self.accounts if one not in self.ended]

    @property
    def lives(self) -> bool:
        """Whether one of the accounts has not ended."""
        return len(self.ended) < len(self.accounts)


class Customer(OneStream[CustomerState]):
    """A customer, `customer/<id>`."""

    __slots__ = ("_due_at", "_due_of", "book")

    def __init__(self, state: CustomerState, book: TermsBook) -> None:
        super().__init__(state)
        self.book = book
        self._due_at, self._due_of = NEVER, -1

    @property
    def due_at(self) -> int:
        """When the next debt blocks the other accounts, or time changes something for the person."""
        state = self._state
        if self._due_of != state.version:  # asked three times for each command
            self._due_at = min(state.debts_due_at, due_of_person(state, self.book))
            self._due_of = state.version
        return self._due_at

    def advance(self, until: int) -> None:
        """Debts that have stood long enough block the others, the oldest first; then what falls due for the person."""
        while (at := self.due_at) <= until:
            if at < self._state.debts_due_at:
                fall_due_for_person(self, at)
                continue
            waiting = sorted(
                bill for bill, debt in self._state.debts.items() if not debt.stands and debt.blocks_at == at
            )
            debt = self._state.debts[waiting[0]]
            others = sorted(account for account in self._state.accounts if account != debt.of)
            own: dict[str, Any] = {"bill": waiting[0], "accounts": others, **debt.block}
            self.emit(OthersBlocked, due_at=at, due_about=waiting[0], **own)

    def amiss(self, command: Command) -> Iterator[tuple[str, str]]:
        """An account that is given to somebody who is erased, and then ends for them or is taken from them."""
        state = self._state
        if state.person is None or not state.person.erased:
            return
        if isinstance(command, NoteAccount):
            yield command.of, f"{command.of} was given to {self.id}, who is erased"
        known = (*state.accounts, *state.former)
        if isinstance(command, NoteAccountEnded | NoteAccountLeft) and command.of not in known:
            what = "has ended for" if isinstance(command, NoteAccountEnded) else "was taken from"
            yield command.of, f"{command.of} {what} {self.id}, who is erased"


def customer_in(streams: Streams, id_: str, book: TermsBook) -> Customer:
    """A customer as the log has him; he need not have been seen before."""
    return Customer(state_in(streams, id_, CustomerState), book)
