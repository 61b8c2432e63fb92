"""What the log has recorded that a statement could speak of: by the statement's kind, events as system records.

A bill speaks of bills: what each charges, its tax and total. A bank speaks of payments by when they settled, of
deposits and refunds; a channel of top-ups, their reversals, and payments; a partner of use abroad, as he stated it; a
list of movements of everything that moved an account's credit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from ledger.domain.events import Event
from ledger.domain.ids import part_of, subject_of
from ledger.domain.money import CASH, IDR, PULSA, hundredths
from ledger.domain.postpaid.events import RoamingCharged, RoamingMatched
from ledger.domain.postpaid.events_of_bills import BillIssued
from ledger.domain.postpaid.events_of_payments import (
    AdvanceRefunded,
    DepositReceived,
    DepositRefunded,
    PaymentReversed,
    PaymentSettled,
)
from ledger.domain.prepaid.events import CreditToppedUp, TopUpReversed
from ledger.reconciliation.matchables import SystemRecord
from ledger.reconciliation.readers.stated_file import of_partner

_OWN_PARTS = {PULSA: frozenset({"credit"}), IDR: frozenset({"billed", "unbilled"})}
"""What of an account a list of its movements tells, by unit."""


class Statable(NamedTuple):
    """What an event says that a statement could speak of: the part of the event (0: all of it), and how it is told."""

    part: int
    reference: str | None
    kind: str
    amount: int
    unit: str
    quantity: int | None = None


_Says = Mapping[type[Event], Callable[[Any], Iterable[Statable]]]


def _bill(event: BillIssued) -> Iterator[Statable]:
    charged = [(f"{line['kind']}/{line['source']}", line["amount"]) for line in event.lines]
    for part, (kind, amount) in enumerate([*charged, ("tax", event.tax), ("total", event.total)], 1):
        yield Statable(part, f"{event.bill}/{kind}", kind, amount, IDR)


def _cash(event: Event, reference: str) -> Iterator[Statable]:
    amount = sum(one["amount"] for one in event.postings if one["account"] == CASH)
    if amount:
        yield Statable(0, reference, event.name, amount, IDR)


def _topped_up(event: CreditToppedUp) -> Iterator[Statable]:
    yield Statable(0, event.command_id, event.name, event.price, IDR)
    yield Statable(0, event.command_id, event.name, event.credit, PULSA)


def _top_up_reversed(event: TopUpReversed) -> Iterator[Statable]:
    yield Statable(0, event.reverses, event.name, -event.taken, PULSA)


def _settled(event: PaymentSettled | PaymentReversed) -> Iterator[Statable]:
    yield from _cash(event, event.reference)


def _deposited(event: DepositReceived) -> Iterator[Statable]:
    yield from _cash(event, event.deposit)


def _refunded(event: DepositRefunded | AdvanceRefunded) -> Iterator[Statable]:
    yield from _cash(event, event.reference)


def _roamed(event: RoamingCharged | RoamingMatched) -> Iterator[Statable]:
    reference = of_partner(event.partner, event.record)
    stated = hundredths(event.partner_amount)
    yield Statable(0, reference, event.name, stated, event.partner_currency, event.quantity)


SAYS: Mapping[str, _Says] = {
    "bill": {BillIssued: _bill},
    "bank": {
        PaymentSettled: _settled,
        PaymentReversed: _settled,
        DepositReceived: _deposited,
        DepositRefunded: _refunded,
        AdvanceRefunded: _refunded,
    },
    "channel": {
        CreditToppedUp: _topped_up,
        TopUpReversed: _top_up_reversed,
        PaymentSettled: _settled,
        PaymentReversed: _settled,
    },
    "partner": {RoamingCharged: _roamed, RoamingMatched: _roamed},
}
"""What each type of events says, by the kind of statement."""


def topics_of(kind: str) -> frozenset[str] | None:
    """The types of events that a kind of statement could speak of; None: of any that moves credit."""
    says = SAYS.get(kind)
    return None if says is None else frozenset(event.TOPIC for event in says)


def said_by(event: Event, kind: str) -> Iterable[Statable]:
    """What an event says that a statement of a kind could speak of."""
    says = SAYS.get(kind)
    if says is not None:
        found = says.get(type(event))
        return () if found is None else found(event)
    return _moved(event)


def _moved(event: Event) -> Iterator[Statable]:
    own = f"{event.account}/"
    for unit, parts in _OWN_PARTS.items():
        moved = [
            one["amount"]
            for one in event.postings
            if one["unit"] == unit and one["account"].startswith(own) and part_of(one["account"]) in parts
        ]
        if moved and sum(moved):
            yield Statable(0, event.command_id, event.name, sum(moved), unit)


EventWithDigest = tuple[Event, str]
"""An event and its digest in hex."""


def system_records(
    events: Iterable[EventWithDigest],
    kind: str,
    units: frozenset[str],
    known_at: int,
    day_of: Callable[[Event], int],
) -> list[SystemRecord]:
    """What events say that a statement of a kind could speak of, as known at an instant; with running balances.

    The events of one account come in the order of their versions.
    """
    found: list[tuple[int, SystemRecord]] = []
    for event, digest in events:
        if event.recorded_at > known_at:
            continue
        for said in said_by(event, kind):
            if said.unit not in units:
                continue
            name = f"E{event.account}/{event.version}" + (f".{said.part}" if said.part else "")
            own = (
                said.reference,
                said.kind,
                said.amount,
                said.unit,
                day_of(event),
                None,
                digest,
                said.quantity,
            )
            record = SystemRecord(name, event.account, subject_of(event.account), event.version, *own)
            found.append((event.effective_at, record))
    if kind != "account":
        return [record for _, record in found]
    found.sort(key=lambda one: (one[1].account, one[1].unit, one[0], one[1].version))
    balances: dict[tuple[str, str], int] = {}
    with_balance = []
    for _, record in found:
        key = (record.account, record.unit)
        balances[key] = balances.get(key, 0) + record.amount
        with_balance.append(record._replace(balance=balances[key]))
    return with_balance
