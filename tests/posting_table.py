"""The posting table of the language, written down a second time: what every event moves, from its own fields.

It knows nothing of how the ledger makes its postings, and is held against every event that a test brings about.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from ledger.domain.events import Event
from ledger.domain.line.dispute_events import SystemCorrected
from ledger.domain.line.events import CardReplaced
from ledger.domain.money import imbalance
from ledger.domain.prepaid.events import (
    Activated,
    CreditAdjusted,
    CreditCharged,
    CreditForfeited,
    CreditReserved,
    CreditToppedUp,
    CreditTransferReceived,
    CreditTransferReturned,
    CreditTransferSent,
    NumberReclaimed,
    ReservationCaptured,
    ReservationReleased,
    TopUpReversed,
    UsageDebited,
)
from tests.posting_table_of_contracts import IDR, OF_CONTRACTS, Moves, moves_of_contracts, moves_of_suspense

PULSA = "PULSA"


def moves_of(event: Event) -> Moves:
    """What the posting table says of an event."""
    x: Any = event
    credit, reserved, in_transit = (f"{x.account}/{name}" for name in ("credit", "reserved", "in-transit"))
    if isinstance(event, Activated):
        return _pulsa({credit: x.credit, "operator/credit-issued": -x.credit})
    if isinstance(event, CreditToppedUp):
        rupiah = {("operator/cash", IDR): x.price, ("operator/credit-sales", IDR): -x.price}
        return _pulsa({credit: x.credit, "operator/credit-issued": -x.credit}) | rupiah
    if isinstance(event, TopUpReversed):
        return _pulsa({credit: -x.taken, "operator/credit-issued": x.taken})
    if isinstance(event, UsageDebited):
        return _pulsa({credit: -x.charge, "operator/usage": x.charge})
    if isinstance(event, CreditCharged):
        return _pulsa({credit: -x.amount, "operator/charges": x.amount})
    if event.TOPIC.startswith("ledger.postpaid."):
        return moves_of_contracts(event)
    if event.TOPIC.startswith("ledger.suspense."):
        return moves_of_suspense(event)
    if isinstance(event, CardReplaced):
        fees = sum(fee["amount"] for fee in x.fees)
        if event.terms in OF_CONTRACTS:
            return {(f"{x.account}/unbilled", IDR): fees, ("operator/revenue/fees", IDR): -fees}
        return _pulsa({credit: -fees, "operator/fees": fees})
    if isinstance(event, CreditReserved):
        return _pulsa({credit: -x.amount, reserved: x.amount})
    if isinstance(event, ReservationCaptured):
        return _pulsa({reserved: -x.amount - x.freed, "operator/usage": x.amount, credit: x.freed})
    if isinstance(event, ReservationReleased):
        return _pulsa({reserved: -x.amount, credit: x.amount})
    if isinstance(event, CreditForfeited):
        return _pulsa({credit: -x.amount, "operator/breakage": x.amount})
    if isinstance(event, CreditTransferSent):
        return _pulsa({credit: -x.amount - x.fee, in_transit: x.amount, "operator/fees": x.fee})
    if isinstance(event, CreditTransferReceived):
        return _pulsa({f"{x.from_account}/in-transit": -x.amount, credit: x.amount})
    if isinstance(event, CreditTransferReturned):
        taker = "operator/breakage" if x.to_breakage else credit
        return _pulsa({in_transit: -x.amount, "operator/fees": -x.fee, taker: x.amount + x.fee})
    if isinstance(event, SystemCorrected) and event.kind is not None:
        return {(f"{x.account}/unbilled", IDR): x.amount, (f"operator/revenue/{x.kind}", IDR): -x.amount}
    if isinstance(event, CreditAdjusted):
        return _pulsa({credit: x.amount, "operator/adjustments": -x.amount})
    if isinstance(event, NumberReclaimed):
        return {("operator/cash", IDR): x.fee, ("operator/fees", IDR): -x.fee}
    return {}


def _pulsa(amounts: dict[str, int]) -> Moves:
    return {(account, PULSA): amount for account, amount in amounts.items()}


def check_event(event: Event) -> None:
    """An event's postings balance per unit, and are what the table says; none is of nothing."""
    assert imbalance(event.postings) == {}, event
    moved: Counter[tuple[str, str]] = Counter()
    for posting in event.postings:
        assert posting["amount"] != 0, event
        moved[posting["account"], posting["unit"]] += posting["amount"]
    said = {place: amount for place, amount in moves_of(event).items() if amount}
    assert dict(moved) == said, event
