"""Accounts that live on under a person who is nobody here: never registered, or erased.

What a policy tells such a customer comes to nothing, so no consent, request or erasure reaches the account. Ids that
persons are not given say nothing: logs had them before there were persons.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ledger.domain.calendar import Instant
from ledger.domain.customer.ids_of_customers import is_persons
from ledger.domain.ids import subject_of
from projections.engine.snapshot import Snapshot
from projections.engine.sql import select
from projections.engine.sql_expressions import func, or_
from projections.persons.preferences import ENDED, ERASED, HELD, REGISTERED, Preferences
from projections.postpaid.facts import AT_ONCE

UNKNOWN = "unknown"
"""Why a holder is nobody: never registered; or `ERASED`."""


class HeldByNobody(NamedTuple):
    """An account that has not ended, whose it is, why that is nobody, and since when; the event is at `position`."""

    account: str
    customer: str
    why: str
    since: Instant
    position: str

    def is_due(self, now: int, grace: int) -> bool:
        """Whether it is told by now: at once of who is erased, else once there was time to register (microseconds)."""
        return self.why != UNKNOWN or self.since + grace <= now


def held_by_nobody(then: Snapshot) -> list[HeldByNobody]:
    """All of them, those of erased persons first; as recorded by now."""
    facts = then.of(Preferences).facts.c
    first, last = facts.other >= "C", facts.other < "D"  # as the ids of persons begin
    one, other = func.min(facts.what), func.max(facts.what)  # in their order: erased, held, registered
    said = (
        select(facts.other, one.label("one"))
        .where(first, last, facts.what.in_((ERASED, HELD, REGISTERED)))
        .group_by(facts.other)
        .having(or_(one == ERASED, other == HELD))
        .order_by(facts.other)
    )
    nobody: dict[str, list[str]] = {ERASED: [], HELD: []}
    for customer, what in then.connection.execute(said):
        if is_persons(customer):
            nobody[what].append(customer)
    found: list[HeldByNobody] = []
    for why, customers in ((ERASED, nobody[ERASED]), (UNKNOWN, nobody[HELD])):
        for at in range(0, len(customers), AT_ONCE):
            found += _held(then, customers[at : at + AT_ONCE], why)
    return found


def _held(then: Snapshot, customers: Sequence[str], why: str) -> Iterator[HeldByNobody]:
    """The accounts of some customers that are theirs still, and have not ended."""
    facts = then.of(Preferences).facts.c
    ever = select(facts.account).where(facts.what == HELD, facts.other.in_(customers)).distinct()
    accounts = sorted(account for (account,) in then.connection.execute(ever))
    nobody = set(customers)
    for first in range(0, len(accounts), AT_ONCE):
        some = accounts[first : first + AT_ONCE]
        numbers = sorted({subject_of(account) for account in some})
        over = select(facts.subject).where(facts.account.in_(numbers), facts.what == ENDED)
        ended = {account for (account,) in then.connection.execute(over)}
        holders = (
            select(facts.account, facts.other, facts.effective_at, facts.partition, facts.ordinal)
            .where(facts.account.in_(some), facts.what == HELD)
            .order_by(facts.account, facts.ordinal)
        )
        last = {account: held for account, *held in then.connection.execute(holders)}
        for account, (customer, since, partition, ordinal) in last.items():
            if customer in nobody and account not in ended:
                yield HeldByNobody(account, customer, why, since, f"{partition}:{ordinal}")
