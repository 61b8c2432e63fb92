"""Which of a log's movements are wanted: by both time axes, by local days, ledger accounts and types; or a sample.

What fell due and is not recorded yet is not among them; the clock records it.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Collection, Iterator, Sequence
from datetime import date
from typing import NamedTuple

from ledger.domain.calendar import NEVER, Zone
from ledger.domain.events import Event
from ledger.domain.ids import number_in, part_in, subject_of
from ledger.domain.money import Posting
from ledger.domain.terms_book import TermsBook
from ledger.errors import LogDamaged
from projections.engine.event_types import event_topic
from projections.engine.instants import Asked, When, own_zone, zones_of
from projections.engine.local_days import UTC, zone_of
from projections.engine.reader import LogSnapshot, Recorded
from projections.engine.unanswered import UnknownThen
from projections.money.ledger_accounts import ledger_account

MOST_SAMPLED = 100_000
"""Transactions of a sample, which are held in memory."""


class WantedMovements(NamedTuple):
    """What is asked for: instants or local days, of the zone that is named or of the terms'; None: no bound.

    `since` and `until` bound when a movement was effective, both included: a day from its beginning, or to its end.
    `accounts` are ledger accounts, accounts or numbers; `types` those of events, by their short or their full name.
    """

    as_of: When = None
    known_at: When = None
    since: When = None
    until: When = None
    accounts: Collection[str] = ()
    types: Collection[str] = ()
    zone: Zone | None = None


class Sample(NamedTuple):
    """So many transactions, chosen by a seed: those whose SHA-256 of `seed:partition:ordinal` is least.

    Whoever knows the seed can choose them again, in any language.
    """

    size: int
    seed: int


class Selection(NamedTuple):
    """What is wanted, in instants; `final`: nothing can be added to it any more."""

    as_of: int
    known_at: int
    since: int
    until: int
    accounts: tuple[str, ...]
    topics: frozenset[str] | None
    zone: Zone | None
    zones: tuple[str, ...]
    """The zones whose days are told: the one that is asked for, or those of the terms."""
    final: bool
    sampled: frozenset[tuple[int, int]] | None = None
    """The (partition, ordinal) of the transactions of a sample."""

    def has(self, partition: int, found: Recorded) -> bool:
        """Whether a transaction is wanted."""
        event = found.event
        return (
            bool(event.postings)
            and self.since <= event.effective_at <= min(self.until, self.as_of)
            and event.recorded_at <= self.known_at
            and (self.topics is None or event.TOPIC in self.topics)
            and (not self.accounts or any(self.names(posting) for posting in event.postings))
            and (self.sampled is None or (partition, found.ordinal) in self.sampled)
        )

    def names(self, posting: Posting) -> bool:
        """Whether a posting is one of the ledger accounts that are wanted."""
        account = posting["account"]
        return not self.accounts or any(
            account == one or account.startswith((f"{one}/", f"{one}#")) for one in self.accounts
        )

    def day(self, event: Event, book: TermsBook) -> int:
        """The local day of a movement, counted since 1970-01-01."""
        return (self.zone or zone_of(event.terms, book)).day_number(event.effective_at)


def selection(logs: Sequence[LogSnapshot], wanted: WantedMovements, now: int) -> Selection:
    """What is wanted of a log's partitions, as it stands. Raises KnownBeyondNow, SeveralZones, UnknownThen."""
    book = TermsBook()
    for log in logs:
        for document in log.book.documents():
            book.publish(document)

    def own() -> Zone:
        return wanted.zone or own_zone(book, lambda: None)

    def bound(when: When, *, end: bool, none: int) -> int:
        if isinstance(when, date):
            return own().last_instant(when) if end else own().midnight(when)
        return none if when is None else when

    as_of, known_at = Asked(wanted.as_of, wanted.known_at, wanted.zone).instants(now, own)
    closed = [log.closed_through for log in logs if log.head]
    zones = (wanted.zone,) if wanted.zone is not None else tuple(zones_of(book)) or (UTC,)
    return Selection(
        as_of,
        known_at,
        bound(wanted.since, end=False, none=-NEVER),
        bound(wanted.until, end=True, none=NEVER),
        tuple(_account(name, logs) for name in wanted.accounts),
        frozenset(event_topic(name) for name in wanted.types) if wanted.types else None,
        wanted.zone,
        tuple(zone.name for zone in zones),
        bool(closed) and all(through is not None and known_at <= through for through in closed),
    )


def _account(name: str, logs: Sequence[LogSnapshot]) -> str:
    """A number, an account or a ledger account, as it is named. Raises UnknownThen, also of what has no event."""
    number = number_in(subject_of(name))
    if number is None or (number_in(name) is None and part_in(name) is None):
        return ledger_account(name).name
    if all(next(log.events_of(number), None) is None for log in logs):
        raise UnknownThen(f"{name}: nothing is recorded of it")
    return name


def transactions(logs: Sequence[LogSnapshot], selected: Selection) -> Iterator[tuple[LogSnapshot, Recorded]]:
    """The transactions that are wanted, partition by partition, in order. Raises LogDamaged where one is missing."""
    for log in logs:
        for following, found in enumerate(log.events(), 1):
            if found.ordinal != following:
                raise LogDamaged(f"the event at {log.partition}:{following} is missing")
            if selected.has(log.partition, found):
                yield log, found


def sampled(logs: Sequence[LogSnapshot], selected: Selection, sample: Sample) -> tuple[Selection, int]:
    """The selection narrowed down to a sample of it, and of how many transactions that is one."""
    count = 0
    kept: list[tuple[int, int, int]] = []  # those with the least digests: the largest of them first
    for log, found in transactions(logs, selected):
        count += 1
        own = hashlib.sha256(f"{sample.seed}:{log.partition}:{found.ordinal}".encode()).digest()
        one = (-int.from_bytes(own, "big"), log.partition, found.ordinal)
        if len(kept) < min(sample.size, MOST_SAMPLED):
            heapq.heappush(kept, one)
        else:
            heapq.heappushpop(kept, one)
    return selected._replace(sampled=frozenset((partition, at) for _, partition, at in kept)), count
