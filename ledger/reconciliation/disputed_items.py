"""Which differences become disputes, and what each of these says: about what, of which account, by which record.

A dispute is about one record. Of a bill its total is disputed, and its parts with it; of what a partner states, use
that the system has recorded itself: all else is settled with the partner. One without a known account stays an item of
the statement.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from ledger.domain.events import Event
from ledger.domain.ids import PartitionOf, event_in, is_account, number_in, subject_of
from ledger.domain.line.disputed_records import ROAMING
from ledger.domain.line.product import PRODUCTS, QUANTITY
from ledger.domain.money import SEN
from ledger.domain.postpaid.events import RoamingMatched
from ledger.domain.postpaid.events_of_bills import BillIssued
from ledger.domain.postpaid.events_of_payments import PaymentReceived, PaymentReversed, PaymentSettled
from ledger.reconciliation.matchables import BALANCE_DIFFERS, DISPUTABLE, UNITS, Item
from ledger.reconciliation.reconciling import Run
from ledger.store.reading import SqliteSnapshot

_WITHOUT_RECORD = {
    "channel": ("top-up", "top-up"),
    "bank": ("payment", "payment"),
    "account": ("top-up", "charge"),
}
"""What is disputed that the system has no record of, by the kind of statement: money that came, and that went."""


class ClaimedDifference(NamedTuple):
    """A difference as a dispute's command says it; `claimed` in sen."""

    item: str
    about: str
    claimed: int
    unit: str
    reason: str
    account: str
    refers_to: str | None


def disputed_items(
    run: Run, logs: Mapping[int, SqliteSnapshot], partition_of: PartitionOf
) -> Iterator[ClaimedDifference]:
    """The open differences of a run that become disputes, in their order."""
    totals = {line["line"] for line in run.statement.lines if line["kind"] == "total"}
    for item in run.items:
        known = item.unit in UNITS or item.abroad is not None
        if not item.is_open or item.outcome not in DISPUTABLE or not known:
            continue
        number = number_in(item.account or "")
        if number is None:
            continue
        own = [found.event for found in logs[partition_of(number)].events_of(number)]
        found = _disputed(run.statement.begun.kind, item, own, totals)
        if found is not None:
            yield found


def _disputed(kind: str, item: Item, own: list[Event], totals: set[int]) -> ClaimedDifference | None:
    """The dispute about an item, by the events of the number that it is of."""
    said = (item.unit, item.outcome)
    claimed = abs(item.stated or 0)
    if not item.records:
        account = _newest(item.account or "", own)
        if account is None or kind not in _WITHOUT_RECORD:
            return None
        about = _WITHOUT_RECORD[kind][(item.stated or 0) < 0]
        return ClaimedDifference(item.id, about, claimed, *said, account, None)
    name, _, part = item.records[0][1:].partition(".")
    stream, version = event_in(name) or ("", 0)
    event = next((one for one in own if one.account == stream and one.version == version), None)
    if event is None:
        return None
    if item.abroad is not None:
        return _abroad(item, event)
    if isinstance(event, BillIssued):
        is_total = item.lines[0] in totals if item.lines else int(part or 0) == len(event.lines) + 2
        return ClaimedDifference(item.id, "bill", claimed, *said, stream, event.bill) if is_total else None
    if item.outcome == BALANCE_DIFFERS:
        return ClaimedDifference(item.id, "balance", claimed, *said, stream, name)
    if isinstance(event, PaymentSettled | PaymentReversed):
        received = (one for one in own if isinstance(one, PaymentReceived) and one.account == stream)
        event = next((one for one in received if one.reference == event.reference), event)
    known = _about(event, item.unit)
    if known is None:
        return None
    return ClaimedDifference(item.id, known, claimed, *said, stream, f"{event.account}/{event.version}")


def _abroad(item: Item, event: Event) -> ClaimedDifference | None:
    """Of use that the system has recorded itself: the amount as he states it, or how much was used."""
    if not isinstance(event, RoamingMatched) or not item.lines or item.abroad is None:
        return None
    own = (item.outcome, event.account, f"{event.account}/{event.version}")
    if (item.stated or 0) < 0:
        return None  # what he gives back is settled with him
    if item.stated != item.system:
        return ClaimedDifference(item.id, ROAMING, item.stated or 0, item.unit, *own)
    if item.abroad.stated is None:
        return None
    return ClaimedDifference(item.id, ROAMING, item.abroad.stated * SEN, QUANTITY, *own)


def _about(event: Event, unit: str) -> str | None:
    """What a dispute about an event of an account is about; None where none can be."""
    for product in PRODUCTS.values():
        for about, by_type in product.disputable.items():
            if unit in by_type.get(type(event), {}):
                return about
    return None


def _newest(named: str, own: list[Event]) -> str | None:
    """The account that a line names, or the newest of its number; None where there is none."""
    accounts = [event.account for event in own if is_account(event.account)]
    if is_account(named):
        return named if named in accounts else None
    of_number = [one for one in accounts if subject_of(one) == named]
    return of_number[-1] if of_number else None
