"""Many subjects read at once: three statements for a hundred, where each alone takes some fifteen.

Who has been there for long is not among them, nor who is not what the digests name: they are read alone, which says
what is wrong, and where.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, groupby
from typing import TYPE_CHECKING, Any

from eventsourcing.persistence import StoredEvent

from ledger.application.journal import NO_CHAIN, History, SubjectHead
from ledger.domain.ids import account_of, is_of_line, subject_of
from ledger.errors import LogDamaged
from ledger.store.checked import in_one_chain
from ledger.store.last_digests import LastDigests

if TYPE_CHECKING:
    from eventsourcing.sqlite import SQLiteCursor

_GENERATIONS = 2
_MOST = 250
"""Events of a stream that are read here at most: one that has more has a snapshot, as a rule."""


def histories(
    cursor: SQLiteCursor, place: str, subjects: Sequence[str], digests: LastDigests
) -> Iterator[History]:
    """Of each of the subjects that is sound and short all that was recorded; takes note of its last digests."""
    cursor.execute(
        "SELECT msisdn, due_at, chain, events,"  # noqa: S608 - question marks only
        " (SELECT chain FROM journal WHERE subject=msisdn ORDER BY entry DESC LIMIT 1)"
        f" FROM numbers WHERE msisdn IN ({_marks(subjects)})",
        tuple(subjects),
    )
    heads = [tuple(row) for row in cursor.fetchall()]
    there = {row[0] for row in heads}
    yield from _of_nothing(cursor, [id_ for id_ in subjects if id_ not in there])
    streams = {row[0]: _streams_of(row[0]) for row in heads if row[3] <= _MOST * (1 + _GENERATIONS)}
    if not streams:
        return
    rows = _rows(cursor, list(chain.from_iterable(streams.values())))
    for id_, due_at, journal, events, last in heads:
        if id_ not in streams:
            continue
        found = {stream: rows.get(stream, []) for stream in streams[id_]}
        if events != sum(map(len, found.values())) or journal != (NO_CHAIN if last is None else last):
            continue
        try:
            ends = {
                stream: (len(own), in_one_chain(place, stream, NO_CHAIN, own))
                for stream, own in found.items()
                if own and own[0][0] == 1
            }
        except LogDamaged:
            continue
        if len(ends) == sum(map(bool, found.values())):
            digests.take(ends)
            stored = {stream: [StoredEvent(stream, *row[:3]) for row in own] for stream, own in found.items()}
            yield History(id_, SubjectHead(id_, due_at, journal), stored)


def _of_nothing(cursor: SQLiteCursor, subjects: Sequence[str]) -> Iterator[History]:
    """Those of some subjects without a head of which there is nothing else, either."""
    if not subjects:
        return
    streams = [*subjects, *(account_of(id_, 1) for id_ in subjects if is_of_line(id_))]
    cursor.execute(
        "SELECT originator_id FROM stored_events"  # noqa: S608 - question marks only
        f" WHERE originator_id IN ({_marks(streams)}) UNION ALL"
        f" SELECT subject FROM journal WHERE subject IN ({_marks(subjects)})",
        (*streams, *subjects),
    )
    amiss = {subject_of(row[0]) for row in cursor.fetchall()}
    yield from (History(id_, None, {}) for id_ in subjects if id_ not in amiss)


def _streams_of(subject: str) -> list[str]:
    return [subject, *(account_of(subject, generation) for generation in range(1, _GENERATIONS + 1))]


def _rows(cursor: SQLiteCursor, streams: Sequence[str]) -> dict[str, list[tuple[Any, ...]]]:
    """The first events of each stream that has any: version, type, state, digest."""
    cursor.execute(
        "SELECT originator_id, originator_version, topic, state, digest FROM stored_events"  # noqa: S608
        f" WHERE originator_id IN ({_marks(streams)}) AND originator_version<={_MOST}"
        " ORDER BY originator_id, originator_version",
        tuple(streams),
    )
    found = map(tuple, cursor.fetchall())
    return {stream: [row[1:] for row in own] for stream, own in groupby(found, key=lambda row: row[0])}


def _marks(ids: Sequence[str]) -> str:
    return ",".join("?" * len(ids))
