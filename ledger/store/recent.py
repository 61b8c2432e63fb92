"""When a log recorded something last, besides being closed: what a clock has to know to leave an idle log alone."""

from __future__ import annotations

from typing import Any, Protocol

from ledger.application.journal import NO_CHAIN
from ledger.domain.calendar import NEVER
from ledger.errors import LogDamaged
from ledger.store.chains import follows
from ledger.store.codec import Codec

_LOOKED_BACK = 1000
"""Closings in a row behind which nothing is looked for: the clock went by, so many times, since anything happened."""

_EVENT = (
    "SELECT ordinal, originator_id, originator_version, topic, state, digest, (SELECT digest FROM stored_events AS b"
    " WHERE b.originator_id=e.originator_id AND b.originator_version=e.originator_version-1)"
    " FROM (SELECT * FROM stored_events ORDER BY ordinal DESC LIMIT ?) AS e"
    " WHERE topic<>'ledger.log.ClosedThrough' LIMIT 1"
)
_ENTRY = (
    "SELECT at FROM (SELECT name, at FROM journal ORDER BY entry DESC LIMIT ?)"
    " WHERE name<>'CloseThrough' LIMIT 1"
)


class Cursor(Protocol):
    """SQLite's, or the `eventsourcing` library's around it."""

    def execute(self, statement: str, parameters: tuple[int, ...], /) -> object:
        """Asks."""

    def fetchone(self) -> Any:  # noqa: ANN401 - a row or None
        """The next row."""


def recorded_last(cursor: Cursor, codec: Codec) -> int:
    """The later of the last event's `recorded_at` and the instant that the last command was taken at.

    Closings do not count, nor what lies before `_LOOKED_BACK` of them; -NEVER where there is nothing else.
    """
    cursor.execute(_EVENT, (_LOOKED_BACK,))
    event = cursor.fetchone()
    cursor.execute(_ENTRY, (_LOOKED_BACK,))
    entry = cursor.fetchone()
    if event is not None and not follows(event[6] or NO_CHAIN, event[:6]):
        raise LogDamaged(f"the event at ordinal {event[0]} is not what its digest names")
    return max(
        -NEVER if event is None else int(codec.record(event[4])["recorded_at"]),
        -NEVER if entry is None else int(entry[0]),
    )
