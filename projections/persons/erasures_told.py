"""Erasures of persons, and what stands in their way; and the holds of legal cases (PS-02, PM-06)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, TypedDict

from ledger.domain.calendar import Instant
from ledger.domain.customer.ids_of_customers import PREFIX
from projections.engine.answers import Listed
from projections.engine.snapshot import Snapshot
from projections.persons import privacy
from projections.persons.privacy import known_customers
from projections.postpaid.facts import Known

STARTED, BLOCKED, ERASED = "started", "blocked", "erased"
"""How far an erasure is."""


class InItsWay(TypedDict):
    """What stands in the way of an erasure: an account, or the customer, and why."""

    of: str
    reason: str


class ErasureTold(NamedTuple):
    """An erasure: why it began, and how far it is since when; `objections` is what stands in its way.

    `reason`: `decided` by somebody, `retention` is over, `consent` was withdrawn. One that falls due by time
    begins when the clock says so.
    """

    customer: str
    reason: str
    started_at: Instant
    decided_by: str | None
    approved_by: str | None
    state: str
    since: Instant
    objections: list[InItsWay]


class HoldTold(NamedTuple):
    """The person's data are, or were, held for a legal case."""

    customer: str
    reference: str
    set_at: Instant
    lifted_at: Instant | None


def erasures(then: Snapshot, customer: str | None, *, only_blocked: bool = False) -> Listed[ErasureTold]:
    """Erasures that have begun, of everybody or of the customer that is named; those done below. Raises UnknownThen."""
    moment, position = then.whole()
    found = [
        row
        for subject, own in known_customers(then, customer).items()
        if (row := _erasure(subject.removeprefix(PREFIX), own)) is not None
        and (row.state == BLOCKED or not only_blocked)
    ]
    found.sort(key=lambda row: (row.state == ERASED, row.started_at, row.customer))
    return Listed(ErasureTold, found, *moment, position)


def holds(then: Snapshot, customer: str | None) -> Listed[HoldTold]:
    """The holds of legal cases, of everybody or of the customer that is named. Raises UnknownThen."""
    moment, position = then.whole()
    found: list[HoldTold] = []
    for subject, own in sorted(known_customers(then, customer).items()):
        standing: dict[str, int] = {}
        for one in own:
            reference, what, *_ = one.fact
            if what == privacy.HOLD:
                standing[reference] = len(found)
                found.append(HoldTold(subject.removeprefix(PREFIX), reference, one.since, None))
            elif what == privacy.RELEASED and reference in standing:
                at = standing.pop(reference)
                found[at] = found[at]._replace(lifted_at=one.since)
    return Listed(HoldTold, found, *moment, position)


def _erasure(customer: str, known: Iterable[Known]) -> ErasureTold | None:
    told: ErasureTold | None = None
    for one in known:
        about, what, _, _, other, _ = one.fact
        if what == privacy.ERASING:
            told = ErasureTold(customer, other or "", one.since, None, None, STARTED, one.since, [])
        elif told is None:
            continue
        elif what == privacy.DECIDED:
            told = told._replace(decided_by=about, approved_by=other)
        elif what == privacy.BLOCKED:
            told = told._replace(state=BLOCKED, since=one.since, objections=[])
        elif what == privacy.OBJECTION:
            told.objections.append({"of": about, "reason": other or ""})
        elif what == privacy.ERASED:
            told = told._replace(state=ERASED, since=one.since, objections=[])
    return told
