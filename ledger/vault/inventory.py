"""What is in the vault without being read: to be held against what the log tells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from sqlalchemy import and_, delete, exists, func, or_, select, tuple_

from ledger.vault.fields_gone import FieldsGone, are_of
from ledger.vault.keys_held import hold_keys
from ledger.vault.tables import ERASED, PERSONS, READINGS, VALUES, WRITINGS
from ledger.vault.vault import Vault

BATCH = 500
"""Rows that are looked at in one transaction."""


class Told(NamedTuple):
    """What the log tells of a writing: of whom, for which command, and the digest of the values."""

    customer: str
    command_id: str
    digest: bytes


class WritingKept(NamedTuple):
    """A writing as the vault has it, and when it was written (UTC microseconds)."""

    customer: str
    command_id: str
    digest: bytes
    written_at: int


def is_empty(vault: Vault) -> bool:
    """Whether nobody is in the vault, nor ever was erased from it."""
    with vault.transaction() as connection:
        return not any(
            connection.execute(select(table.c.customer).limit(1)).first() for table in (PERSONS, ERASED)
        )


def persons(vault: Vault) -> int:
    """How many persons have a key."""
    with vault.transaction() as connection:
        return connection.execute(select(func.count()).select_from(PERSONS)).scalar_one()


def lacking(vault: Vault, told: Sequence[Told]) -> list[Told]:
    """Which of some writings (BATCH of them at most) the vault lacks, or has with other values."""
    if not told:
        return []
    asked = [(one.customer, one.command_id) for one in told]
    with vault.transaction() as connection:
        rows = connection.execute(
            select(WRITINGS).where(tuple_(WRITINGS.c.customer, WRITINGS.c.command_id).in_(asked))
        )
        kept = {(row.customer, row.command_id): row.digest for row in rows}
    return [one for one in told if kept.get((one.customer, one.command_id)) != one.digest]


def still_kept(vault: Vault, customers: Sequence[str]) -> list[str]:
    """Of which of some customers (BATCH of them at most) a key or a value is in the vault."""
    with vault.transaction() as connection:
        found: set[str] = set()
        for table in (PERSONS, VALUES, WRITINGS):
            rows = connection.execute(select(table.c.customer).where(table.c.customer.in_(customers)))
            found.update(rows.scalars())
    return sorted(found)


def kept_of(vault: Vault, gone: FieldsGone) -> list[str]:
    """Which of the fields that should be gone are in the vault."""
    with vault.transaction() as connection:
        found = connection.execute(select(VALUES.c.field).where(are_of(gone)).distinct())
        return sorted(found.scalars())


def writings(vault: Vault) -> Iterator[list[WritingKept]]:
    """Every writing, so many at a time, in the order of their customers."""
    after: tuple[str, str] = ("", "")
    while True:
        customer, command = WRITINGS.c.customer, WRITINGS.c.command_id
        with vault.transaction() as connection:
            rows = connection.execute(
                select(WRITINGS)
                .where(or_(customer > after[0], and_(customer == after[0], command > after[1])))
                .order_by(customer, command)
                .limit(BATCH)
            ).all()
        if not rows:
            return
        yield [WritingKept(row.customer, row.command_id, row.digest, row.written_at) for row in rows]
        after = (rows[-1].customer, rows[-1].command_id)


def keys_without_values(vault: Vault, most: int = BATCH) -> list[str]:
    """The customers whose key is there, and no value of them."""
    with vault.transaction() as connection:
        none = ~exists().where(VALUES.c.customer == PERSONS.c.customer)
        return list(
            connection.execute(
                select(PERSONS.c.customer).where(none).order_by(PERSONS.c.customer).limit(most)
            ).scalars()
        )


def drop_keys_without_values(vault: Vault) -> int:
    """Destroys the keys of which there is no value; how many."""
    none, dropped = ~exists().where(VALUES.c.customer == PERSONS.c.customer), 0
    while found := keys_without_values(vault):
        with vault.transaction() as connection:
            hold_keys(connection, found)  # who is written of meanwhile has values by then
            these = PERSONS.c.customer.in_(found)
            dropped += connection.execute(delete(PERSONS).where(none, these)).rowcount
    return dropped


def read_by(vault: Vault, reader: str, until: int) -> Iterator[tuple[str, set[str]]]:
    """Of whom somebody has read by an instant (UTC microseconds), and which fields; in the order of the customers."""
    asked = (
        select(READINGS.c.customer, READINGS.c.fields)
        .where(READINGS.c.reader == reader, READINGS.c.at <= until)
        .order_by(READINGS.c.customer)
    )
    with vault.transaction() as connection:
        rows = connection.execution_options(yield_per=BATCH).execute(asked)
        for customer, read in groupby(rows, attrgetter("customer")):
            yield customer, {field for row in read for field in row.fields.split(",")}
