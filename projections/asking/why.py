"""Why a ledger account holds what it holds: the changes that made it, with their causes, clauses and what was refused.

It is told of one ledger account of a number, from the number's own events, in the order of recording: like a history,
and unlike the sums that a balance rests on, so that the two can be held against each other.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

from ledger.domain.calendar import Instant, Zone
from ledger.domain.events import Event
from ledger.domain.line.line import Line
from ledger.domain.money import Sen
from ledger.domain.terms_book import TermsBook
from ledger.errors import QueryRefused
from projections.asking import MOST_CHANGES
from projections.engine.answers import Answer, Moment, written
from projections.engine.instants import When
from projections.engine.local_days import zone_of
from projections.engine.reader import Decided, LogSnapshot, Recorded
from projections.engine.unanswered import UnknownThen, unknown
from projections.line.lines_as_of import advanced
from projections.money.ledger_accounts import IN_TRANSIT, LedgerAccount

COMMAND, TIME, POLICY = "command", "time", "policy"
"""What brings a change about: see `ChangeCause`."""
MOST_REFUSALS = 3
"""Refused commands that are told before a change: the last ones."""


class WantedChanges(NamedTuple):
    """Which changes are told: `most` of them, the newest first, or the `largest`.

    With `amount` (sen, whichever its sign) only those of so much. With `at`, a day: only those of that local day; an
    instant: only the last one by then.
    """

    most: int = 8
    largest: bool = False
    amount: int | None = None
    at: When = None


NEWEST = WantedChanges()
"""The last changes, newest first."""


class RefusedBefore(NamedTuple):
    """A command that was refused since the change before."""

    command_id: str
    command: str
    at: Instant
    code: str
    message: str | None
    position: str


class ChangeCause(NamedTuple):
    """What brought a change about: `command`, `time` (a period ended, or began), or `policy` (it followed elsewhere).

    `actor` is who the command says, `principal` who sent it, as far as the entry point knew. Of time there is nothing
    more to say.
    """

    kind: str
    command_id: str | None
    command: str | None
    actor: str | None
    principal: str | None


class BalanceChange(NamedTuple):
    """A change: sen into the ledger account (negative: out of it), and what it held `after` it.

    `position`, `recorded_at` and `digest` are None for what has fallen due and is not recorded yet.
    """

    position: str | None
    type: str
    effective_at: Instant
    recorded_at: Instant | None
    amount: Sen
    after: Sen
    clause: str | None
    words: str | None
    """The clause in words, where the terms' register has some."""
    terms: str | None
    cause: ChangeCause
    refused: tuple[RefusedBefore, ...]
    digest: str | None
    counterparty: str | None
    """The account that credit came from, or the number that it was sent to; None of all other changes."""


@dataclass(frozen=True, slots=True)
class Why(Answer):
    """A balance in sen, the state of its account (None: it is a former one), and changes of it.

    `changes` is how many changes there were in all, `told` those that are wanted. `digest` is the chain's of the
    number's last event known.
    """

    account: str
    unit: str
    amount: Sen
    state: str | None
    terms: str | None
    changes: int
    told: tuple[BalanceChange, ...]
    digest: str | None
    as_of: Instant
    known_at: Instant
    final: bool
    position: str

    def to_json(self) -> dict[str, Any]:
        """The answer as the language has it."""
        told = [
            {
                **written(BalanceChange, change._asdict()),
                "cause": change.cause._asdict(),
                "refused": [written(RefusedBefore, one._asdict()) for one in change.refused],
            }
            for change in self.told
        ]
        return {**Answer.to_json(self), "told": told}


def why(  # noqa: PLR0913 - the log, what is asked about it, and how
    log: LogSnapshot,
    moment: Moment,
    asked: LedgerAccount,
    wanted: WantedChanges,
    zone: Zone | None,
    words: Callable[[str], str | None],
) -> Why:
    """Why a ledger account of a number holds what it holds. Raises UnknownThen."""
    customer = asked.customer
    if customer is None or customer.part == IN_TRANSIT:
        raise UnknownThen(f"{asked.name}: why is told of what a number's own events move, such as …/credit")
    line = Line(customer.msisdn, log.book)
    told = _Told(wanted, zone, log.book)
    refusals = _Refusals(log, customer.msisdn, moment)
    amount, unit, changes = 0, asked.unit, 0
    last: Recorded | None = None
    for found, event in _events(log, line, moment):
        last = found or last
        before = refusals.before(found)
        moved = [posting for posting in event.postings if posting["account"] == asked.name]
        if not moved:
            continue
        change = sum(posting["amount"] for posting in moved)
        amount, unit, changes = amount + change, moved[-1]["unit"], changes + 1
        told.take(_change(log, found, event, change, amount, before), event)
        refusals.forget()
    accounts = {account.id: account for account in (*line.former.values(), line.account) if account}
    if customer.account not in accounts or last is None:
        raise unknown(customer.account, moment)
    account = accounts[customer.account]
    return Why(
        asked.name,
        unit,
        amount,
        account.state,
        account.terms,
        changes,
        _explained(log, customer.msisdn, told.all(asked.name), words),
        last.digest.hex(),
        *moment,
        position=f"{log.partition}:{last.ordinal}",
    )


def _events(log: LogSnapshot, line: Line, moment: Moment) -> Iterator[tuple[Recorded | None, Event]]:
    """A number's events then, in the order of recording, which the line takes; at the end what fell due unrecorded."""
    for found in log.events_of(line.msisdn):
        event = found.event
        if event.effective_at <= moment.as_of and event.recorded_at <= moment.known_at:
            line.take(event)
            yield found, event
    if line.account is not None:
        for event in advanced(line, moment.as_of):
            yield None, event


class _Refusals:
    """A number's refused commands, in their places among its events."""

    def __init__(self, log: LogSnapshot, msisdn: str, moment: Moment) -> None:
        self._coming = (
            (decided.ordinal, _refused(log, decided))
            for decided in log.decided(msisdn)
            if decided.code is not None and decided.at <= min(moment.as_of, moment.known_at)
        )
        self._next = next(self._coming, None)
        self._since: deque[RefusedBefore] = deque(maxlen=MOST_REFUSALS)

    def before(self, found: Recorded | None) -> tuple[RefusedBefore, ...]:
        """The last ones between the change before and an event (None: one that is not recorded)."""
        while self._next is not None and (found is None or self._next[0] < found.ordinal):
            self._since.append(self._next[1])
            self._next = next(self._coming, None)
        return tuple(self._since)

    def forget(self) -> None:
        """The event was a change."""
        self._since.clear()


def _refused(log: LogSnapshot, decided: Decided) -> RefusedBefore:
    position = f"{log.partition}:{decided.ordinal}"
    code = decided.code or ""
    return RefusedBefore(decided.command_id, decided.name, decided.at, code, decided.message, position)


def _change(  # noqa: PLR0913 - an event, and what it did
    log: LogSnapshot,
    found: Recorded | None,
    event: Event,
    change: int,
    after: int,
    refused: tuple[RefusedBefore, ...],
) -> BalanceChange:
    kind = {"clock": TIME, "policy": POLICY}.get(event.actor, COMMAND)
    id_, actor = (None, None) if kind == TIME else (event.command_id, event.actor)
    return BalanceChange(
        None if found is None else f"{log.partition}:{found.ordinal}",
        event.TOPIC,
        event.effective_at,
        None if found is None else event.recorded_at,
        change,
        after,
        event.clause,
        None,
        event.terms,
        ChangeCause(kind, id_, None, actor, None),
        refused,
        None if found is None else found.digest.hex(),
        getattr(event, "from_account", getattr(event, "to_msisdn", None)),
    )


class _Told:
    """The changes that are wanted, as many as are told."""

    def __init__(self, wanted: WantedChanges, zone: Zone | None, book: TermsBook) -> None:
        self._wanted, self._zone, self._book = wanted, zone, book
        self._one = wanted.at is not None and not isinstance(wanted.at, date)
        self._most = 1 if self._one else max(1, min(wanted.most, MOST_CHANGES))
        self._kept: list[
            tuple[int, int, BalanceChange]
        ] = []  # (how large, in which order, change): least first
        self._count = 0

    def take(self, change: BalanceChange, event: Event) -> None:
        """Takes the next change."""
        self._count += 1
        if not self._is_wanted(change, event):
            return
        one = (abs(change.amount) if self._wanted.largest else 0, self._count, change)
        if len(self._kept) < self._most:
            heapq.heappush(self._kept, one)
        else:
            heapq.heappushpop(self._kept, one)

    def _is_wanted(self, change: BalanceChange, event: Event) -> bool:
        wanted, at = self._wanted, self._wanted.at
        if wanted.amount is not None and abs(change.amount) != abs(wanted.amount):
            return False
        if isinstance(at, date):
            return (self._zone or zone_of(event.terms, self._book)).day(change.effective_at) == at
        return at is None or change.effective_at <= at

    def all(self, name: str) -> list[BalanceChange]:
        """The largest or newest first. Raises QueryRefused where one was looked for, and there is none."""
        looked_for = self._wanted.amount is not None or self._wanted.at is not None
        if looked_for and not self._kept:
            raise QueryRefused(f"{name}: no such change among {self._count}")
        return [change for *_, change in sorted(self._kept, key=lambda one: one[:2], reverse=True)]


def _explained(
    log: LogSnapshot, msisdn: str, told: list[BalanceChange], words: Callable[[str], str | None]
) -> tuple[BalanceChange, ...]:
    """The same changes with the commands behind them, and the words of their clauses."""
    ids = {change.cause.command_id for change in told}
    decided = {one.command_id: one for one in log.decided(msisdn) if one.command_id in ids}
    explained = []
    for change in told:
        cause, one = change.cause, decided.get(change.cause.command_id or "")
        if one is not None:
            cause = cause._replace(command=one.name, principal=one.principal)
        clause = change.clause
        explained.append(change._replace(cause=cause, words=None if clause is None else words(clause)))
    return tuple(explained)
