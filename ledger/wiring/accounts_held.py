"""What the log has of one person: what happened to the customer, and to each account for as long as it was his."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ledger.domain.account_holders import holder_after
from ledger.domain.customer.events import AccountNoted
from ledger.domain.customer.ids_of_customers import PREFIX
from ledger.domain.events import Event
from ledger.domain.ids import subject_of
from ledger.domain.line.erasure_events import ErasureAnswered, ErasureCalledOff
from ledger.domain.line.events import RightsTransferred, Terminated
from ledger.domain.prepaid.events import Deactivated
from ledger.wiring.composition import Opened
from projections.asking.log_answers import HistoryEvent, HistoryOfContract, HistoryRefusal
from projections.asking.questions import Questions

HistoryHeld = HistoryEvent | HistoryOfContract
"""An event of an account, and what the account holds after it."""


class AccountHeld(NamedTuple):
    """An account while it was the customer's: what it held when it became his, and what happened to it since."""

    account: str
    opening: HistoryHeld | None
    """The event before, with what the account held then; None: it began as his."""
    lines: list[HistoryHeld]
    since: int
    """UTC microseconds."""
    until: int | None


def ended_at(held: AccountHeld) -> int | None:
    """When it ended for good while it was the customer's; what names the number alone means another account then."""
    events = (line.line.event for line in held.lines)
    return next((one.effective_at for one in events if isinstance(one, Terminated | Deactivated)), None)


def events_of_customer(opened: Opened, customer: str) -> list[Event]:
    """What happened to a customer, in order."""
    readers, partition_of = opened.journaled()
    with readers[partition_of(customer)].snapshot() as log:
        return [found.event for found in log.events_of(customer)]


def accounts_held(asked: Questions, events: Iterable[Event], customer: str) -> Iterator[AccountHeld]:
    """The accounts that were the customer's, each from when it became his until it was another's (SP23-11)."""
    accounts = dict.fromkeys(event.of for event in events if isinstance(event, AccountNoted))
    own = customer.removeprefix(PREFIX)
    for account in accounts:
        yield from _held(_lines_of(asked, account), account, own)


def _lines_of(asked: Questions, account: str) -> Iterator[HistoryHeld]:
    for line in asked.history(subject_of(account)):
        if not isinstance(line, HistoryRefusal) and line.line.event.account == account:
            yield line


def _held(lines: Iterator[HistoryHeld], account: str, own: str) -> Iterator[AccountHeld]:
    """Where it was his, became another's and his again, each time by itself."""
    found: AccountHeld | None = None
    before: HistoryHeld | None = None
    for line in lines:
        event = line.line.event
        holder = holder_after(event)
        if holder == own and found is None:
            opening = before if isinstance(event, RightsTransferred) else None
            found = AccountHeld(account, opening, [], event.effective_at, None)
        if found is not None and not _is_anothers(event, own):
            found.lines.append(line)
            if holder not in (None, own):
                yield found._replace(until=event.effective_at)
                found = None
        before = line
    if found is not None:
        yield found


def _is_anothers(event: Event, own: str) -> bool:
    """Whether it is about somebody who had the account before: that he is forgotten, or was not to be."""
    return isinstance(event, ErasureAnswered | ErasureCalledOff) and event.customer != f"{PREFIX}{own}"
