"""A number as of an instant, as known at another, with what fell due folded in: as its events in a log make it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from ledger.domain.calendar import Instant
from ledger.domain.events import Event
from ledger.domain.line.account import Account
from ledger.domain.line.line import Line
from ledger.domain.money import Sen
from ledger.domain.postpaid.account import PostpaidAccount
from ledger.domain.prepaid.account import PrepaidAccount
from ledger.domain.subject import Cause
from ledger.errors import QueryRefused
from projections.engine.answers import Answer, Moment
from projections.engine.reader import LogSnapshot

AccountOfProduct = PrepaidAccount | PostpaidAccount
"""The accounts that are told of."""


@dataclass(frozen=True, slots=True)
class BlockAnswer(Answer):
    """A block that stands since an instant."""

    block: str
    scope: str
    ground: str
    since: Instant

    @classmethod
    def of(cls, account: Account) -> tuple[BlockAnswer, ...]:
        """Those that stand on an account."""
        return tuple(cls(b.block, b.scope, b.ground, b.since) for b in account.blocks.values())


@dataclass(frozen=True, slots=True)
class UsageAnswer(Answer):
    """An account's granted outgoing use of its whole life; `charged` in sen."""

    voice_seconds: int
    sms: int
    data_bytes: int
    charged: Sen

    @classmethod
    def of(cls, account: Account) -> UsageAnswer:
        """That of an account."""
        usage = account.usage
        return cls(usage.voice, usage.sms, usage.data, usage.charged)


class States(NamedTuple):
    """The states of a number's accounts, and its own."""

    accounts: list[str]
    number: str


class LineAsOf(NamedTuple):
    """A number at a moment, and the position of its last event known; what fell due unrecorded stands in `due`."""

    line: Line
    due: list[Event]
    recorded: States
    """Its states before that."""
    moment: Moment
    position: str

    @property
    def accounts(self) -> dict[str, AccountOfProduct]:
        """Every account that the number has had."""
        return accounts_in(self.line)

    @property
    def current(self) -> AccountOfProduct | None:
        """The number's account then."""
        return None if self.line.account is None else told_in(self.line.account)

    @property
    def states(self) -> States:
        """Its states then."""
        return states_of(self.line)


def told_in(account: Account) -> AccountOfProduct:
    """The account as one that is told of. Raises QueryRefused where it is of a product that is not."""
    if not isinstance(account, AccountOfProduct):
        raise QueryRefused(f"{account.id} is {account.PRODUCT}, of which nothing can be told")
    return account


def accounts_in(line: Line) -> dict[str, AccountOfProduct]:
    """Every account that a number has had."""
    current = [] if line.account is None else [line.account]
    return {account.id: told_in(account) for account in (*line.former.values(), *current)}


def states_of(line: Line) -> States:
    """The states of a number's accounts, and its own."""
    return States([account.state for account in accounts_in(line).values()], line.number_state)


def advanced(line: Line, until: int) -> list[Event]:
    """Folds in what falls due by an instant, and returns it."""
    line.cause = Cause(until, "", None, "clock")
    line.advance(until)
    return line.collect()


def line_in(log: LogSnapshot, msisdn: str, moment: Moment) -> LineAsOf:
    """A number as its events in a log make it; one that is not known has no account."""
    line, last = Line(msisdn, log.book), 0
    for found in log.events_of(msisdn):
        event = found.event
        if event.effective_at <= moment.as_of and event.recorded_at <= moment.known_at:
            line.take(event)
            last = found.ordinal
    recorded = states_of(line)
    return LineAsOf(line, advanced(line, moment.as_of), recorded, moment, f"{log.partition}:{last}")
