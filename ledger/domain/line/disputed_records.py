"""The record that a dispute is about: which of the account's events it is, what they say, and how they are cited."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from ledger.domain.events import Event
from ledger.domain.ids import event_in
from ledger.domain.line.account import Account
from ledger.domain.line.dispute_events import CitedEvent
from ledger.domain.line.disputes import BALANCE, Dispute, corrections_of
from ledger.domain.line.line import Line
from ledger.domain.line.product import PRODUCTS, QUANTITY
from ledger.domain.money import SEN, hundredths
from ledger.domain.refusals import AboveMaximum
from ledger.domain.refusals_of_disputes import UnknownRecord, WrongUnit

BILL = "bill"
"""What is disputed by its own id, which its event holds under this name."""
ROAMING = "roaming"
"""What is disputed by a partner's record (SE23-03)."""
MOST_CITED = 500
"""Events that one decision cites: they are part of one event."""
MOST_LOOKED_AT = 10_000
"""Events that are looked at to find a record, or what a balance was: more than half a year's of any number."""
_AT_ONCE = 500


class DisputedRecord(NamedTuple):
    """What a dispute is about: the events, none where the system has none, and the instant as of which they are so."""

    events: Sequence[Event]
    stood_at: int


def record_of(line: Line, account: Account, about: str, refers_to: str | None, unit: str) -> DisputedRecord:
    """The record that somebody refers to. Raises UnknownRecord, WrongUnit and AboveMaximum."""
    product = PRODUCTS[account.PRODUCT]
    by_type = product.disputable[about]
    if refers_to is None:
        if about == ROAMING:
            raise UnknownRecord("use abroad is disputed by its record")
        known = [*product.balance_parts] if about == BALANCE else [*product.disputed_units]
        if unit not in known:
            raise WrongUnit(f"it is kept in {', '.join(known)}")
        return DisputedRecord((), line.cause.at)
    found = _referred_to(line, account, refers_to)
    if about == BALANCE:
        if not found:
            raise UnknownRecord(refers_to)
        if unit not in product.balance_parts:
            raise WrongUnit(f"a balance is kept in {', '.join(product.balance_parts)}")
        return DisputedRecord(found[-1:], found[-1].effective_at)
    events = [event for event in found if type(event) in by_type]
    if about == ROAMING:
        events = [one for event in events for one in _abroad(line, account, event, unit)]
    if not events:
        raise UnknownRecord(refers_to)
    if any(amount_said(by_type[type(event)], event, unit) is None for event in events):
        raise WrongUnit(f"it is kept in {', '.join(_units(by_type[type(events[0])], events[0]))}")
    if len(events) > MOST_CITED:
        raise AboveMaximum(f"it is {len(events)} events; {MOST_CITED} can be cited")
    return DisputedRecord(events, events[0].effective_at)


def _abroad(line: Line, account: Account, event: Event, unit: str) -> Sequence[Event]:
    """The record of a use abroad: the partner's, or the use that the system has recorded itself, where that tells."""
    product = PRODUCTS[account.PRODUCT]
    own = product.matched_use(event, unit)
    if own is None:
        return [event]
    by_type = product.disputable[ROAMING]
    return [one for one in line.records.of_command(account.id, own) if type(one) in by_type]


def amount_said(fields: Mapping[str, str], event: Event, unit: str) -> int | None:
    """How much an event says in a unit, in hundredths of it (sen); None where it says nothing in that."""
    for named, field in fields.items():
        if (getattr(event, named) if named.islower() else named) == unit:
            said = getattr(event, field)
            if isinstance(said, str):
                return hundredths(said)
            return int(said) * (SEN if named == QUANTITY else 1)
    return None


def _units(fields: Mapping[str, str], event: Event) -> list[str]:
    return [getattr(event, named) if named.islower() else named for named in fields]


def _referred_to(line: Line, account: Account, refers_to: str) -> Sequence[Event]:
    """The account's events that a bill, a command's id, or an event's id names."""
    event = event_in(refers_to)
    if event is not None:
        stream, version = event
        if stream != account.id or version > account.version:
            return ()
        return events_between(line, account, version, version)
    product = PRODUCTS[account.PRODUCT]
    issued = product.document(account, refers_to)
    if issued is not None:
        for found in _backwards(line, account):
            if type(found) in product.disputable[BILL] and getattr(found, BILL) == refers_to:
                return (found,)
            if found.recorded_at < issued:
                break
        return ()
    return line.records.of_command(account.id, refers_to)


def said(line: Line, account: Account, dispute: Dispute) -> int:
    """What the system says of a dispute's record now, in sen: corrections that were made of it are part of that."""
    corrected = sum(one.corrected for one in corrections_of(account, dispute))
    product = PRODUCTS[account.PRODUCT]
    if dispute.about == BALANCE:
        version = dispute.records[-1] if dispute.records else account.version
        return _balance(line, account, version, dispute.stood_at, dispute.unit) + corrected
    by_type = product.disputable[dispute.about]
    events = (one for version in dispute.records for one in events_between(line, account, version, version))
    total = sum(amount_said(by_type[type(event)], event, dispute.unit) or 0 for event in events)
    return total + corrected


def _balance(line: Line, account: Account, version: int, at: int, unit: str) -> int:
    """What was held, or owed, after an event that was so at an instant.

    What was so before that instant counts, and at it what came no later in the stream, or was recorded after it.
    """
    product = PRODUCTS[account.PRODUCT]
    names = {f"{account.id}/{part}" for part in product.balance_parts[unit]}
    total = product.held(account, unit)
    for event in _backwards(line, account):
        if event.version <= version and event.recorded_at <= at:
            break
        counts = event.effective_at < at or (
            event.effective_at == at and (event.version <= version or event.recorded_at > at)
        )
        if not counts:
            total -= sum(one["amount"] for one in event.postings if one["account"] in names)
    return total


def _backwards(line: Line, account: Account) -> Iterator[Event]:
    """The account's events, the last one first. Raises AboveMaximum past so many."""
    last = account.version
    least = max(0, last - MOST_LOOKED_AT)
    while last > least:
        first = max(least, last - _AT_ONCE) + 1
        yield from reversed(events_between(line, account, first, last))
        last = first - 1
    if last:
        raise AboveMaximum(f"more than {MOST_LOOKED_AT} events have come since")


def events_between(line: Line, account: Account, first: int, last: int) -> Sequence[Event]:
    """Events of an account by version, both ends included: those too that are recorded with this command."""
    fresh = [event for event in line.events if event.account == account.id and first <= event.version <= last]
    until = fresh[0].version - 1 if fresh else last
    before = line.records.span(account.id, first, until) if first <= until else ()
    return [*before, *fresh]


def cited(line: Line, account: Account, versions: Sequence[int]) -> list[CitedEvent]:
    """Events of an account, each with the digest that chains it to all before it."""
    fresh = [event for event in line.events if event.account == account.id]
    return [
        {"version": version, "digest": line.records.digest(account.id, version, fresh)}
        for version in versions
    ]
