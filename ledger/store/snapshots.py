"""Snapshots of accounts and numbers: each is kept with a digest of its own, and held against it when it is loaded."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any
from uuid import UUID

import eventsourcing.sqlite as library
from eventsourcing.persistence import StoredEvent

from ledger.errors import LogDamaged
from ledger.store.layout import intelligible

_DIGEST_BYTES = 32


def sealed(topic: str, state: bytes) -> bytes:
    """A snapshot as it is kept: the digest of its type and its state, and then the state."""
    return sha256(topic.encode() + state).digest() + state


def _unsealed(topic: Any, kept: Any) -> bytes | None:  # noqa: ANN401 - whatever a damaged file holds
    """The state of a snapshot; None where it is not what was kept."""
    if not isinstance(topic, str) or not isinstance(kept, bytes):
        return None
    state = kept[_DIGEST_BYTES:]
    return state if sealed(topic, state) == kept else None


class Snapshots(library.SQLiteAggregateRecorder):
    """The snapshots of a log, checked as they are loaded."""

    def _insert_events(
        self,
        c: library.SQLiteCursor,
        stored_events: Sequence[StoredEvent],
        **others: Any,  # noqa: ANN401 - the library hands on what it is given
    ) -> Sequence[int] | None:
        kept = [
            StoredEvent(s.originator_id, s.originator_version, s.topic, sealed(s.topic, s.state))
            for s in stored_events
        ]
        return super()._insert_events(c, kept, **others)

    def select_events(self, originator_id: UUID | str, **wanted: Any) -> Sequence[StoredEvent]:  # noqa: ANN401
        """An account's snapshots. Raises LogDamaged where one is not what was kept."""
        place = self.datastore.pool.db_name
        with intelligible(place):
            kept = super().select_events(originator_id, **wanted)
        found = []
        for stored in kept:
            state = _unsealed(stored.topic, stored.state)
            if state is None:
                raise LogDamaged(f"{place}: the snapshot of {originator_id} is not what was kept")
            found.append(StoredEvent(stored.originator_id, stored.originator_version, stored.topic, state))
        return found
