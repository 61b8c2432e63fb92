"""What is in the vault of a person, held against what the log tells."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, select

from ledger.errors import VaultDamaged
from ledger.vault.sealing import Placement, keyed_digest, unseal
from ledger.vault.tables import ERASED, VALUES


def must_be_as_told(vault: Connection, key: bytes, writing: tuple[str, str], digest: bytes) -> None:
    """Holds all values of a writing, a customer and a command, against their digest. Raises VaultDamaged."""
    customer, command_id = writing
    of_command = (VALUES.c.customer == customer) & (VALUES.c.command_id == command_id)
    values = {
        row.field: unseal(key, Placement(customer, row.field, row.version), row.sealed)
        for row in vault.execute(select(VALUES).where(of_command))
    }
    if keyed_digest(key, values) != digest:
        raise VaultDamaged(f"{customer}: what was written for {command_id} is not what the log tells of")


def must_be_erased(vault: Connection, customer: str, fields: Mapping[str, str | None]) -> None:
    """Raises VaultDamaged where fields of a person without a key are asked for, who was not erased."""
    erased = vault.execute(select(ERASED).where(ERASED.c.customer == customer)).first()
    if erased is None and any(fields.values()):
        raise VaultDamaged(f"{customer}: the person's key is missing")
