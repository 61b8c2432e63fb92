"""The log that projections are of: the last event taken in of each partition, by whose digest it is known again."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from ledger.errors import LogMismatch
from projections.engine.database import LOGS, Database
from projections.engine.reader import Bulk, BulkReader, BulkSnapshot


def mark(connection: Connection, partition: int, ordinal: int, digest: bytes | None) -> None:
    """Notes the last event that was taken in of a partition; it never goes back."""
    make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    noted = {"ordinal": ordinal, "digest": digest}
    connection.execute(
        make(LOGS)
        .values(partition=partition, **noted)
        .on_conflict_do_update(index_elements=["partition"], set_=noted, where=LOGS.c.ordinal <= ordinal)
    )


def must_be_of(connection: Connection, reader: BulkReader, log: BulkSnapshot) -> None:
    """Raises LogMismatch where what was taken in of a partition was not taken from this log."""
    noted = connection.execute(
        sa.select(LOGS.c.ordinal, LOGS.c.digest).where(LOGS.c.partition == log.partition)
    ).first()
    if noted is None:
        return
    if noted.ordinal > log.head:  # others may have gone on since it was opened
        with reader.snapshot() as later:
            found = digest_of(later, noted.ordinal)
    else:
        found = digest_of(log, noted.ordinal)
    if found != noted.digest:
        what = "is another" if found is not None else "is not there"
        raise LogMismatch(
            f"the event at {log.partition}:{noted.ordinal} that the projections have taken in {what} in this log:"
            " it was restored, or is not theirs; `pulsa rebuild`, without names, makes all of them anew"
        )


def digest_of(log: Bulk, ordinal: int) -> bytes | None:
    """The digest of the event at an ordinal; None where there is none."""
    found = next(log.events(ordinal), None)
    return None if found is None or found.ordinal != ordinal else found.digest


def must_match(database: Database, readers: Sequence[BulkReader]) -> None:
    """Raises LogMismatch where the projections are not of the log, as far as it goes now."""
    if not database.is_prepared():
        return
    with database.reading() as connection:
        if sa.inspect(connection).has_table(LOGS.name):
            for reader in readers:
                with reader.snapshot() as log:
                    must_be_of(connection, reader, log)
