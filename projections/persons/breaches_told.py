"""Breaches of personal data, and who was told of them by when (UU 27/2022, article 46)."""

from __future__ import annotations

from typing import NamedTuple

from ledger.domain.calendar import Instant
from ledger.domain.customer.breach import NOTIFIED, PREFIX_OF_BREACHES
from projections.engine.answers import Listed
from projections.engine.snapshot import Snapshot
from projections.persons import privacy
from projections.persons.privacy import Privacy
from projections.postpaid.facts import Known, known_of

AUTHORITY, PERSONS = NOTIFIED
"""Who has to be told."""


class BreachTold(NamedTuple):
    """Personal data were exposed: of how many persons, which fields; who was told when, and whether that is overdue.

    `scope` is the query that names the persons. Notices are overdue from `limit_at` on, recorded or not.
    """

    breach: str
    discovered_at: Instant
    recorded_at: Instant
    scope: str
    fields: list[str]
    persons: int
    limit_at: Instant
    authority_told_at: Instant | None
    persons_told_at: Instant | None
    overdue: bool


def breaches(then: Snapshot, *, only_open: bool = False) -> Listed[BreachTold]:
    """Every breach, the one due first on top; or those of which somebody has still to be told."""
    moment, position = then.whole()
    subjects = then.of(Privacy).subjects(then.connection, PREFIX_OF_BREACHES)
    known = known_of(then, Privacy, subjects, ())
    found = [_breach(subject, own, then.as_of) for subject, own in known.items() if own]
    rows = [row for row in found if not only_open or None in (row.authority_told_at, row.persons_told_at)]
    rows.sort(key=lambda row: (row.limit_at, row.breach))
    return Listed(BreachTold, rows, *moment, position)


def _breach(subject: str, known: list[Known], as_of: int) -> BreachTold:
    first = known[0]
    _, _, persons, limit_at, scope, _ = first.fact
    discovered_at, fields = first.since, list[str]()
    told: dict[str, int] = {}
    for one in known[1:]:
        about, what, _, until, _, _ = one.fact
        if what == privacy.DISCOVERED:
            discovered_at = until or first.since
        elif what == privacy.EXPOSED:
            fields.append(about)
        else:
            told.setdefault(about, one.since)
    limit = limit_at or 0
    ends = [told.get(one, as_of + 1) for one in NOTIFIED]
    overdue = limit <= as_of and any(end >= limit for end in ends)
    return BreachTold(
        subject.removeprefix(PREFIX_OF_BREACHES),
        discovered_at,
        first.since,
        scope or "",
        fields,
        persons,
        limit,
        told.get(AUTHORITY),
        told.get(PERSONS),
        overdue,
    )
