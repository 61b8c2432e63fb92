"""The log that projections are of: the last event taken in of each partition, by whose digest it is known again.

An event's digest is over its own stream's events before it. Who goes on from an older copy of a log may write another
history with the same event at the same place; a log's seal, which is over everything, tells these apart.
"""

from __future__ import annotations

from collections.abc import Sequence

from ledger.errors import LogMismatch
from projections.engine.database import LOGS, Database
from projections.engine.database_transactions import Transaction
from projections.engine.reader import Bulk, BulkReader, BulkSnapshot, Seal
from projections.engine.sql import select
from projections.engine.sql_expressions import BigInteger, Column, Integer, LargeBinary
from projections.engine.sql_tables import MetaData, Table, insert


def mark(connection: Transaction, partition: int, ordinal: int, digest: bytes | None) -> None:
    """Notes the last event that was taken in of a partition; it never goes back."""
    noted = {"ordinal": ordinal, "digest": digest}
    connection.execute(
        insert(LOGS)
        .values(partition=partition, **noted)
        .on_conflict_do_update(index_elements=["partition"], set_=noted, where=LOGS.c.ordinal <= ordinal)
    )


def must_be_of(connection: Transaction, reader: BulkReader, log: BulkSnapshot) -> None:
    """Raises LogMismatch where what was taken in of a partition was not taken from this log."""
    noted = connection.execute(
        select(LOGS.c.ordinal, LOGS.c.digest).where(LOGS.c.partition == log.partition)
    ).first()
    if noted is None:
        return
    noted_ordinal, noted_digest = noted
    if noted_ordinal > log.head:  # others may have gone on since it was opened
        with reader.snapshot() as later:
            found = digest_of(later, noted_ordinal)
    else:
        found = digest_of(log, noted_ordinal)
    if found != noted_digest:
        what = "is another" if found is not None else "is not there"
        raise LogMismatch(
            f"the event at {log.partition}:{noted_ordinal} that the projections have taken in {what} in this log:"
            " it was restored, or is not theirs; `pulsa projections rebuild`, without names, makes all of them anew"
        )


SEALS = Table(
    "projection_seals",
    MetaData(),
    Column("partition", Integer, primary_key=True),
    Column("seal", BigInteger, nullable=False),
    Column("digest", LargeBinary, nullable=False),
)
"""A seal of each partition whose events were all taken in: of files beside a log alone, which alone need it."""


def mark_seal(connection: Transaction, partition: int, seal: Seal) -> None:
    """Notes a seal of a partition, all of which was taken in; it never goes back."""
    SEALS.create(connection)
    noted = {"seal": seal[0], "digest": seal[1]}
    connection.execute(
        insert(SEALS)
        .values(partition=partition, **noted)
        .on_conflict_do_update(index_elements=["partition"], set_=noted, where=SEALS.c.seal <= seal[0])
    )


def must_be_sealed_alike(connection: Transaction, reader: BulkReader, log: BulkSnapshot) -> None:
    """Raises LogMismatch where the log has not the seal that was noted of it."""
    last = log.seal()
    if last is None or SEALS.name not in connection.table_names():
        return
    found = connection.execute(
        select(SEALS.c.seal, SEALS.c.digest).where(SEALS.c.partition == log.partition)
    ).first()
    if found is None:
        return
    number, digest = found
    if number > last[0]:  # others may have gone on since it was opened
        with reader.snapshot() as later:
            sealed = later.seal(number)
    else:
        sealed = log.seal(number)
    if sealed != (number, digest):
        raise LogMismatch(
            f"seal {number}, through which the projections have taken in partition {log.partition}, is another"
            " in this log: it was restored, or is not theirs"
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
        if LOGS.name in connection.table_names():
            for reader in readers:
                with reader.snapshot() as log:
                    must_be_of(connection, reader, log)
