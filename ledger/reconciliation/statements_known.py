"""Which statements a log has, and whether the files that they came in, and the rules of their runs, are still kept."""

from __future__ import annotations

from collections.abc import Iterator

from ledger.domain.statement.events import Reconciled, StatementBegun
from ledger.domain.statement.stated import PREFIX
from ledger.errors import EvidenceLost
from ledger.reconciliation.evidence_store import EvidenceStore
from ledger.store.reading import Recorded, SqliteSnapshot

_OF_STATEMENTS = (PREFIX, PREFIX[:-1] + chr(ord(PREFIX[-1]) + 1))
"""The ids of all statements lie from the first to before the second."""


def statement_ids(log: SqliteSnapshot) -> list[str]:
    """The statements of a partition, in the order that they came in."""
    found = log.connection.execute(
        "SELECT originator_id FROM stored_events WHERE originator_id>=? AND originator_id<?"
        " AND originator_version=1 ORDER BY ordinal",
        _OF_STATEMENTS,
    )
    return [id_ for (id_,) in found]


def evidence_lost(log: SqliteSnapshot, store: EvidenceStore) -> Iterator[tuple[Recorded, str]]:
    """The events that name files which are not kept, or are not what was kept; each with what is wrong."""
    checked: dict[str, str | None] = {}
    for id_ in statement_ids(log):
        for found in log.events_of(id_):
            event = found.event
            if isinstance(event, StatementBegun):
                digest = event.file
            elif isinstance(event, Reconciled):
                digest = event.rules
            else:
                continue
            if digest not in checked:
                checked[digest] = _wrong(store, digest)
            wrong = checked[digest]
            if wrong is not None:
                yield found, wrong


def _wrong(store: EvidenceStore, digest: str) -> str | None:
    try:
        store.verified(digest)
    except EvidenceLost as error:
        return str(error)
    return None
