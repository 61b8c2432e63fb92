"""A vault goes over to another master key: every key in it is wrapped anew, whoever writes meanwhile."""

from __future__ import annotations

from sqlalchemy import Connection, select, update

from ledger.errors import VaultConflict
from ledger.vault.chance import Chance
from ledger.vault.keys_held import must_be_master, probe_of
from ledger.vault.master_keys import Wrapping
from ledger.vault.tables import OWN_KEYS, PERSONS, VAULT
from ledger.vault.vault import Vault

_BATCH = 500
"""Persons whose keys are wrapped anew in one transaction."""


def rotate(vault: Vault, master: Wrapping, chance: Chance) -> int:
    """Wraps every person's key by another master key; how many. Stopped half way, it goes on when asked again.

    Raises VaultConflict where somebody is half way to a third key, VaultKeyWrong where the vault is under another one
    by now, VaultUnreachable.
    """
    old, done, after = vault.master, 0, ""
    while vault.master != master:
        with vault.transaction() as connection:
            must_be_master(connection, old, alone=True)
            _must_be_by_one_of(connection, old, master)
            wrapped = _wrap_some(connection, old, master, after, chance)
            done += len(wrapped)
            after = wrapped[-1] if wrapped else ""
            if not wrapped and not _left(connection, master):
                probe = probe_of(master, chance)
                connection.execute(update(VAULT).values(master=master.id, probe=probe))
                vault.master = master
    return done


def _wrap_some(
    connection: Connection, old: Wrapping, master: Wrapping, after: str, chance: Chance
) -> list[str]:
    """Wraps the vault's own keys, and those of the next persons; whose."""
    for row in connection.execute(select(OWN_KEYS).where(OWN_KEYS.c.master == old.id)).all():
        about = f"own/{row.name}".encode()
        wrapped = master.wrap(old.unwrap(row.wrapped, about), about, chance)
        own = update(OWN_KEYS).where(OWN_KEYS.c.name == row.name)
        connection.execute(own.values(master=master.id, wrapped=wrapped))
    rows = connection.execute(
        select(PERSONS)
        .where(PERSONS.c.master == old.id, PERSONS.c.customer > after)
        .order_by(PERSONS.c.customer)
        .limit(_BATCH)
    ).all()
    for row in rows:
        about = row.customer.encode()
        wrapped = master.wrap(old.unwrap(row.wrapped, about), about, chance)
        persons = update(PERSONS).where(PERSONS.c.customer == row.customer)
        connection.execute(persons.values(master=master.id, wrapped=wrapped))
    return [row.customer for row in rows]


def _left(connection: Connection, master: Wrapping) -> bool:
    """Whether a person's key is not wrapped by it yet: somebody has written meanwhile."""
    others = select(PERSONS.c.customer).where(PERSONS.c.master != master.id).limit(1)
    return connection.execute(others).first() is not None


def _must_be_by_one_of(connection: Connection, old: Wrapping, master: Wrapping) -> None:
    for table in (OWN_KEYS, PERSONS):
        third = select(table.c.master).where(table.c.master.not_in([old.id, master.id])).limit(1)
        for found in connection.execute(third).scalars():
            raise VaultConflict(f"a change of the master key to {found} was begun: it has to be ended first")
