"""Whether what a file holds is what its digests name: damage is noticed where it is read, not by `verify` alone.

This finds damage, not fraud: whoever can change the file can make the digests anew too. Against that stands the last
seal, noted down elsewhere.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import sha256

from ledger.application.journal import NO_CHAIN
from ledger.errors import LogDamaged
from ledger.store.encoding import LONGS, TEXTS
from ledger.store.schemas import FINGERPRINT_BYTES

EVENT_COLUMNS = "ordinal, originator_id, originator_version, topic, state, digest"
"""The columns of an event's row, in the order in which it is checked."""

EventRow = tuple[int, str, int, str, bytes, bytes]
"""(ordinal, originator id, version, type, `fingerprint ‖ body`, digest)."""

_REMEMBERED = 200_000
"""Accounts whose last digest is remembered while a log is read in its order; of others it is looked up."""

ByType = dict[str, tuple[list[int], list[bytes]]]
"""Events by their types: their ordinals, and `fingerprint ‖ body` of each."""

_UNLIKE = "is not what its digest names"


class Chains:
    """The chains of a log's events, checked as these are read; `place` is the file, and `partition` its number."""

    def __init__(self, connection: sqlite3.Connection, place: str, partition: int) -> None:
        self._connection = connection
        self._place = place
        self._partition = partition

    def in_order(
        self, rows: Iterable[EventRow], start: int, known: dict[str, bytes] | None = None
    ) -> Iterator[EventRow]:
        """Events in the log's order, from an ordinal on. Raises LogDamaged at one that does not follow, or is missing.

        `known` are the last digests of accounts so far, which it goes on with; what it lacks is looked up.
        """
        known = {} if known is None else known
        expected = start
        for row in rows:
            ordinal, id_, version, topic, state, digest = row
            if ordinal != expected:
                raise LogDamaged(f"the event at {self._partition}:{expected} is missing in {self._place}")
            expected += 1
            try:
                before = known.get(id_)
                if before is None:
                    before = self._before(id_, version)
                    if len(known) >= _REMEMBERED:
                        known.clear()
                sound = sha256(before + topic.encode() + state).digest() == digest
                if sound and version == 1:
                    sound = names(state, id_, version)
            except (TypeError, ValueError, AttributeError):  # a value of another kind
                sound = False
            if not sound:
                raise self.damaged(ordinal)
            known[id_] = digest
            yield row

    def by_type(
        self, rows: Callable[[], Iterable[EventRow]], start: int, known: dict[str, bytes]
    ) -> tuple[ByType, int]:
        """The same events by type, and the last ordinal (none: that before `start`), in a sixth less time.

        Raises LogDamaged as `in_order` does, which is asked where something is wrong, for it knows where.
        """
        before = dict(known)
        try:
            found = self._all_at_once(rows(), start, known)
        except (TypeError, ValueError, AttributeError):  # a value of another kind
            found = None
        if found is None:
            for ordinal, *_ in self.in_order(rows(), start, before):
                start = ordinal + 1
            raise self.damaged(start)
        return found

    def _all_at_once(
        self, rows: Iterable[EventRow], start: int, known: dict[str, bytes]
    ) -> tuple[ByType, int] | None:
        """None where something is wrong."""
        found = list(rows)
        if not found:
            return {}, start - 1
        ordinals, ids, versions, topics, states, digests = zip(*found, strict=True)
        end = start + len(found)
        if ordinals != tuple(range(start, end)):
            return None
        befores = self._befores(ids, versions, digests, known)
        names_of = {topic: topic.encode() for topic in set(topics)}
        if len(names_of) == 1:
            groups = {topics[0]: (list(ordinals), list(states))}
            (name,) = names_of.values()
            made = [
                sha256(before + name + state).digest() for before, state in zip(befores, states, strict=True)
            ]
        else:
            groups = {topic: ([], []) for topic in names_of}
            for ordinal, topic, state in zip(ordinals, topics, states, strict=True):
                of_type, bodies = groups[topic]
                of_type.append(ordinal)
                bodies.append(state)
            named = map(names_of.__getitem__, topics)
            made = [
                sha256(before + name + state).digest()
                for before, name, state in zip(befores, named, states, strict=True)
            ]
        if made != list(digests):
            return None
        first = 1 in versions and any(
            not names(state, id_, 1)
            for state, id_, version in zip(states, ids, versions, strict=True)
            if version == 1
        )
        return None if first else (groups, end - 1)

    def _befores(
        self, ids: Sequence[str], versions: Sequence[int], digests: Sequence[bytes], known: dict[str, bytes]
    ) -> list[bytes]:
        """The digest before each event of its account."""
        befores: list[bytes] = []
        last_of, append = known.get, befores.append
        for index, id_ in enumerate(ids):
            before = last_of(id_)
            if before is None:
                before = self._before(id_, versions[index])
                if len(known) >= _REMEMBERED:
                    known.clear()
            known[id_] = digests[index]
            append(before)
        return befores

    def of_one(self, rows: Iterable[EventRow]) -> Iterator[EventRow]:
        """All events of one subject, in order. Raises LogDamaged at one that does not follow."""
        before = NO_CHAIN
        for version, row in enumerate(rows, 1):
            if row[2] != version or not follows(before, row):
                raise self.damaged(row[0])
            before = row[5]
            yield row

    def alone(self, rows: Iterable[EventRow]) -> Iterator[EventRow]:
        """Single events, in any order. Raises LogDamaged at one that does not follow."""
        for row in rows:
            try:
                before = self._before(row[1], row[2])
            except (TypeError, sqlite3.InterfaceError, sqlite3.ProgrammingError):
                before = b""
            if not follows(before, row):
                raise self.damaged(row[0])
            yield row

    def damaged(self, ordinal: object) -> LogDamaged:
        """What is said of an event."""
        return LogDamaged(f"{self._place}: the event at {self._partition}:{ordinal} {_UNLIKE}")

    def _before(self, id_: str, version: int) -> bytes:
        """The digest of the event before; nothing where it is missing."""
        if version == 1:
            return NO_CHAIN
        found = self._connection.execute(
            "SELECT digest FROM stored_events WHERE originator_id=? AND originator_version=?",
            (id_, version - 1),
        ).fetchone()
        return b"" if found is None else found[0]


def follows(before: bytes, row: EventRow) -> bool:
    """Whether an event's digest is that of its content after a digest, and its content that of its subject."""
    _, id_, version, topic, state, digest = row
    try:
        return sha256(before + topic.encode() + state).digest() == digest and names(state, id_, version)
    except (TypeError, ValueError, AttributeError):  # a value of another kind
        return False


def names(state: bytes, id_: str, version: int) -> bool:
    """Whether an event says that it is that one: every record begins with its subject and its version."""
    return state.startswith(TEXTS[id_] + LONGS[version], FINGERPRINT_BYTES)


RowCheck = Callable[[Iterable[EventRow]], Iterator[EventRow]]
"""A way to check events as they are read."""
