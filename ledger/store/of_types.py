"""Events of a few types, picked out of a log without reading all the others."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from ledger.store.chains import EVENT_COLUMNS, Chains
from ledger.store.layout import intelligible
from ledger.store.reading import Recorded, SqliteSnapshot


def events_of_types(log: SqliteSnapshot, types: Collection[str], start: int = 1) -> Iterator[Recorded]:
    """The events of some types (full names) from an ordinal on, in order, each held against the one before it.

    That none between them is missing, only `events` looks at. Raises LogDamaged, SchemaUnknown.
    """
    marks = ",".join("?" * len(types))
    statement = (
        f"SELECT {EVENT_COLUMNS} FROM stored_events"  # noqa: S608 - columns
        f" WHERE ordinal>=? AND topic IN ({marks}) ORDER BY ordinal"
    )
    with intelligible(log.path):
        rows = log.connection.execute(statement, (start, *types))
        checked = Chains(log.connection, log.path, log.partition).alone(rows)
        for ordinal, _, _, topic, state, digest in checked:
            yield Recorded(ordinal, digest, log.decode(ordinal, topic, state))
