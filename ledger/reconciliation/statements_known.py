"""Which statements a log has, and where their days are counted."""

from __future__ import annotations

from ledger.domain.ids import beginning_with
from ledger.domain.statement.stated import PREFIX
from ledger.store.reading import SqliteSnapshot

ZONE = "Asia/Jakarta"
"""Where days are counted of what was done under no terms."""
_OF_STATEMENTS = beginning_with(PREFIX)


def statement_ids(log: SqliteSnapshot) -> list[str]:
    """The statements of a partition, in the order that they came in."""
    found = log.connection.execute(
        "SELECT originator_id FROM stored_events WHERE originator_id>=? AND originator_id<?"
        " AND originator_version=1 ORDER BY ordinal",
        _OF_STATEMENTS,
    )
    return [id_ for (id_,) in found]
