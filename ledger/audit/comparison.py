"""What a replay changes: two logs of the same commands compared, account by account and in total."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ledger.domain.calendar import format_instant
from ledger.domain.events import Event
from ledger.domain.ids import is_operators, part_of
from ledger.domain.line.line import Line
from ledger.domain.money import format_amount
from ledger.domain.prepaid.account import PrepaidAccount
from projections.engine.reader import LogSnapshot
from projections.line.lines_as_of import AccountOfProduct, accounts_in, advanced

Amounts = dict[tuple[str, str], int]
"""Sen by (ledger account, unit)."""


@dataclass(frozen=True, slots=True)
class AccountEnd:
    """An account at the end: what it holds in sen, its state, until when its credit is valid, and whose it is."""

    credit: int
    state: str
    active_until: int | None
    holder: str | None

    def to_json(self) -> dict[str, Any]:
        """The answer."""
        until = self.active_until
        return {
            "credit": format_amount(self.credit),
            "state": self.state,
            "active_until": None if until is None else format_instant(until),
        }


@dataclass(frozen=True, slots=True)
class Difference:
    """An account that would be another: as it was, and as it would be (None: it would not be, or was not)."""

    account: str
    was: AccountEnd | None
    would_be: AccountEnd | None

    @property
    def credit(self) -> int:
        """What it would have more, in sen."""
        was, would_be = self.was, self.would_be
        return (0 if would_be is None else would_be.credit) - (0 if was is None else was.credit)

    @property
    def customer(self) -> str | None:
        """Who holds it at the end, or would; None: nobody."""
        ends = [end for end in (self.was, self.would_be) if end is not None]
        return next((end.holder for end in ends if end.holder is not None), None)

    def to_json(self) -> dict[str, Any]:
        """The answer."""
        return {
            "account": self.account,
            "customer": self.customer,
            "was": None if self.was is None else self.was.to_json(),
            "would_be": None if self.would_be is None else self.would_be.to_json(),
            "credit_difference": format_amount(self.credit),
        }


@dataclass(frozen=True, slots=True)
class DifferingEvent:
    """An event that is not the same in both logs, or stands in one of them only."""

    position: str
    account: str
    version: int

    def to_json(self) -> dict[str, Any]:
        """The answer."""
        return {"position": self.position, "account": self.account, "version": self.version}


@dataclass(slots=True)
class Answered:
    """Commands that were answered one way, and would be another; the first of them stands for all."""

    entry: str
    """Its journal entry, by partition and number."""
    subject: str
    command_id: str
    commands: int = 0

    def to_json(self) -> dict[str, Any]:
        """The answer."""
        first = {"entry": self.entry, "subject": self.subject, "command_id": self.command_id}
        return {"commands": self.commands, "first": first}


@dataclass(slots=True)
class Comparison:
    """Differences per account, and in total by ledger account (customers' summed): as it was, as it would be.

    The totals are of the numbers with other events alone.
    """

    until: int
    commands: int = 0
    first: list[DifferingEvent] = field(default_factory=list)
    """The first event of each partition that differs or is missing."""
    others: list[str] = field(default_factory=list)
    """Numbers with other events than before."""
    answered: dict[tuple[str, str], Answered] = field(default_factory=dict)
    """Commands with another answer than before, by both answers: `accepted`, or the refusal's code."""
    refused: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Refused commands by code, where their count differs."""
    differences: list[Difference] = field(default_factory=list)
    totals: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)

    @property
    def empty(self) -> bool:
        """Whether the same commands gave the same events and the same refusals."""
        return not (self.first or self.others or self.answered)

    def sum_up(self, before: Amounts, after: Amounts) -> None:
        """Takes over the sums that are not the same."""
        for key in sorted(before.keys() | after.keys()):
            pair = (before.get(key, 0), after.get(key, 0))
            if pair[0] != pair[1]:
                self.totals[key] = pair

    def to_json(self) -> dict[str, Any]:
        """The report."""
        return {
            "commands": self.commands,
            "until": format_instant(self.until),
            "numbers": len(self.others),
            "numbers_with_other_events": self.others,
            "empty": self.empty,
            "first_events": [place.to_json() for place in self.first],
            "answered": [
                {"was": was, "would_be": now, **found.to_json()}
                for (was, now), found in self.answered.items()
            ],
            "refused": {code: {"was": was, "would_be": now} for code, (was, now) in self.refused.items()},
            "accounts": [difference.to_json() for difference in self.differences],
            "totals": [
                {
                    "account": account,
                    "unit": unit,
                    "was": format_amount(was),
                    "would_be": format_amount(now),
                    "difference": format_amount(now - was),
                }
                for (account, unit), (was, now) in self.totals.items()
            ],
        }


def compare(  # noqa: PLR0913 - two logs, and what to look at
    found: Comparison,
    sums: tuple[Amounts, Amounts],
    numbers: Iterable[str],
    was: LogSnapshot,
    last: int,
    would_be: LogSnapshot,
) -> None:
    """Puts into a comparison how numbers differ at its end; of the first log only events up to `last` count.

    Their postings go into the sums of what was, and of what would be.
    """
    before, after = sums
    for msisdn in numbers:
        found.others.append(msisdn)
        known = (r.event for r in was.events_of(msisdn) if r.ordinal <= last)
        old = _accounts(msisdn, known, was, found.until, before)
        new = _accounts(msisdn, (r.event for r in would_be.events_of(msisdn)), would_be, found.until, after)
        for account in sorted(old.keys() | new.keys()):
            difference = Difference(account, old.get(account), new.get(account))
            if difference.was != difference.would_be:
                found.differences.append(difference)


def _accounts(
    msisdn: str, events: Iterator[Event], log: LogSnapshot, until: int, sums: Amounts
) -> dict[str, AccountEnd]:
    """Every account of a number at the end, what falls due by then folded in; its postings go into the sums."""
    line = Line(msisdn, log.book)
    for event in events:
        line.take(event)
        _add(sums, event)
    for event in advanced(line, until):
        _add(sums, event)
    return {id_: _end_of(one) for id_, one in accounts_in(line).items()}


def _end_of(account: AccountOfProduct) -> AccountEnd:
    """Of a contract what is owed stands as credit below zero, and the contract period as the active one."""
    if isinstance(account, PrepaidAccount):
        return AccountEnd(account.credit, account.state, account.active_until, account.holder)
    return AccountEnd(-account.owed, account.state, account.contract_until, account.holder)


def _add(sums: Amounts, event: Event) -> None:
    for posting in event.postings:
        name = posting["account"]
        key = (name if is_operators(name) else f"accounts/{part_of(name)}", posting["unit"])
        sums[key] = sums.get(key, 0) + posting["amount"]
