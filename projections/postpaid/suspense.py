"""Money that no account took: what lies in suspense, where it was assigned, and what went back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ledger.domain.calendar import Instant
from ledger.domain.money import Sen
from projections.engine.answers import Listed
from projections.engine.snapshot import Snapshot
from projections.postpaid.facts import Known
from projections.postpaid.payments import (
    ASSIGNED,
    BANK_COST,
    MEANT_FOR,
    METHOD,
    REFUSED,
    RETURNED,
    SUSPENDED,
    PaymentsMade,
)

LIES = "in-suspense"
_STATES = {SUSPENDED: LIES, REFUSED: LIES, ASSIGNED: ASSIGNED, RETURNED: RETURNED}


class SuspenseSummary(NamedTuple):
    """Money that came for a number and that no account took, in sen.

    `reason` is why none did, `meant_for` the account that was named. It lies there (`in-suspense`), was `assigned` to
    an account (`assigned_to`) that has it or will, or was `returned`; `refused` is why an account did not take it.
    """

    msisdn: str
    reference: str
    state: str
    amount: Sen
    method: str
    payer: str | None
    received_at: Instant
    reason: str
    meant_for: str | None
    assigned_to: str | None
    refused: str | None
    bank_cost: Sen


def suspense(then: Snapshot, msisdn: str | None) -> Listed[SuspenseSummary]:
    """What lies, or lay, in suspense: of a number, or of all. Raises UnknownThen where nothing ever did on it."""
    moment, position = then.whole()
    made = then.of(PaymentsMade)
    items: dict[tuple[str, str], list[Known]] = {}
    for known in made.of_numbers(then.connection, msisdn, then.as_of, then.known_at):
        items.setdefault((known.account, known.fact.subject), []).append(known)
    if msisdn is not None and not items:
        raise then.unknown(f"{msisdn}: money in suspense")
    rows = [_summary(number, reference, known) for (number, reference), known in items.items()]
    return Listed(SuspenseSummary, sorted(rows, key=lambda row: row.received_at), *moment, position)


def _summary(msisdn: str, reference: str, known: Iterable[Known]) -> SuspenseSummary:
    last = {one.fact.what: one.fact for one in known}
    state = next(_STATES[what] for what in reversed([one.fact.what for one in known]) if what in _STATES)
    suspended = last[SUSPENDED]
    assigned, refused = last.get(ASSIGNED), last.get(REFUSED)
    return SuspenseSummary(
        msisdn=msisdn,
        reference=reference,
        state=state,
        amount=suspended.amount,
        method=last[METHOD].other or "",
        payer=suspended.other,
        received_at=suspended.until or 0,
        reason=last[MEANT_FOR].terms or "",
        meant_for=last[MEANT_FOR].other,
        assigned_to=None if assigned is None or state == LIES else assigned.other,
        refused=None if refused is None else refused.other,
        bank_cost=last[BANK_COST].amount if BANK_COST in last else 0,
    )
