"""The day on which an effect lies: that of the zone of the terms it is under, so that a month ends when it ends there.

What has no terms is nobody's account's; its days are those of UTC.
"""

from __future__ import annotations

from collections.abc import Callable
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


def day_numbers(events: pa.Table, book: TermsBook) -> Any:  # noqa: ANN401 - an Arrow array
    """The day of each event, counted since 1970-01-01, from the columns `terms` and `effective_at`."""
    import pyarrow as pa
    import pyarrow.compute as pc

    terms = pc.dictionary_encode(events.column("terms").combine_chunks(), null_encoding="encode")
    days: list[Callable[[int], int]] = [zone_of(one, book).day_number for one in terms.dictionary.to_pylist()]
    which, instants = terms.indices.to_pylist(), events.column("effective_at").to_pylist()
    return pa.array([days[one](at) for one, at in zip(which, instants, strict=True)], pa.int64())
