"""The instants that a question names: one to the microsecond, or a day, which means its last microsecond there.

A day is one of the zone that is asked for, or else of the terms: of all that the log has published where these are of
one zone, or those of the number that is asked about.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from typing import NamedTuple

from ledger.domain.calendar import Zone, format_instant
from ledger.domain.terms_book import TermsBook
from projections.engine.local_days import UTC, zone_of
from projections.engine.unanswered import KnownBeyondNow, SeveralZones

When = int | date | None
"""An instant in UTC microseconds, or a local day; None is now."""


class Asked(NamedTuple):
    """The two instants that a question names, and the zone whose days it is asked in; None: that of the terms."""

    as_of: When = None
    known_at: When = None
    zone: Zone | None = None

    def instants(self, now: int, own: Callable[[], Zone]) -> tuple[int, int]:
        """`as_of` and `known_at` in microseconds; `own` tells the terms' zone. Raises KnownBeyondNow, SeveralZones."""
        as_of, known_at = (self._instant(when, now, own) for when in (self.as_of, self.known_at))
        if known_at > now:
            raise KnownBeyondNow(f"what will be known later cannot be asked: it is {format_instant(now)}")
        return as_of, known_at

    def _instant(self, when: When, now: int, own: Callable[[], Zone]) -> int:
        if isinstance(when, date):
            return (self.zone or own()).last_instant(when)
        return now if when is None else when


def own_zone(book: TermsBook, terms: Callable[[], str | None]) -> Zone:
    """The zone of the terms that a log has published; of several, that of the terms that are asked about.

    Raises SeveralZones where there are several, and no terms are asked about.
    """
    zones = zones_of(book)
    if len(zones) <= 1:
        return next(iter(zones), UTC)
    asked_about = terms()
    if asked_about is None:
        names = ", ".join(zone.name for zone in zones)
        raise SeveralZones(f"the terms in this log have days of several zones ({names}); name one of them")
    return zone_of(asked_about, book)


def zones_of(book: TermsBook) -> list[Zone]:
    """The zones of the terms that a log has published, by name."""
    zones: Iterable[Zone] = {zone_of(terms, book) for terms in book.published}
    return sorted(zones, key=lambda zone: zone.name)
