"""The day on which an effect lies: that of the zone of the terms it is under, so that a month ends when it ends there.

What has no terms is nobody's account's; its days are those of UTC.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ledger.domain.calendar import Zone, zone
from ledger.domain.terms_book import TermsBook
from ledger.errors import LogDamaged

if TYPE_CHECKING:
    import pyarrow as pa  # slow to import

UTC = zone("UTC")


def zone_of(terms: str | None, book: TermsBook) -> Zone:
    """The zone of terms by id. Raises LogDamaged where the log has not published them; TermsInvalid, TermsChanged."""
    if terms is None:
        return UTC
    try:
        return book[terms].zone
    except KeyError:
        raise LogDamaged(f"an event is under terms {terms!r}, which the log has not published") from None


def days(instants: Any) -> Any:  # noqa: ANN401 - Arrow columns
    """The days of UTC of a column of instants, also of those before 1970."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.cast(pc.cast(pc.cast(instants, pa.timestamp("us")), pa.date32(), safe=False), pa.int32())


def day_numbers(events: pa.Table, book: TermsBook) -> Any:  # noqa: ANN401 - an Arrow array
    """The day of each event, counted since 1970-01-01, from the columns `terms` and `effective_at`.

    A zone's clock is asked once for each day of UTC, and for each event only where it changes on that day.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    terms = pc.dictionary_encode(events.column("terms").combine_chunks(), null_encoding="encode")
    zones = [zone_of(one, book) for one in terms.dictionary.to_pylist()]
    instants = events.column("effective_at").combine_chunks()
    utc = pc.dictionary_encode(days(instants))
    dates = utc.dictionary.to_pylist()
    pairs = pc.dictionary_encode(
        pc.add(pc.multiply(terms.indices.cast(pa.int64()), len(dates)), utc.indices.cast(pa.int64()))
    )
    ahead = [
        zones[pair // len(dates)].ahead_on(dates[pair % len(dates)]) for pair in pairs.dictionary.to_pylist()
    ]
    found = days(pc.add(instants, pa.array(ahead, pa.int64()).take(pairs.indices))).cast(pa.int64())
    if not found.null_count:
        return found
    which, at = terms.indices.to_pylist(), instants.to_pylist()
    numbers = [
        zones[which[index]].day_number(at[index]) if number is None else number
        for index, number in enumerate(found.to_pylist())
    ]
    return pa.array(numbers, pa.int64())
