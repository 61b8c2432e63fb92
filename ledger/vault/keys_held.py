"""Which master key a vault is under, and persons' keys held while something is done with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, select

from ledger.errors import VaultConflict, VaultKeyWrong
from ledger.vault.chance import Chance
from ledger.vault.master_keys import KEY_BYTES, Wrapping
from ledger.vault.tables import PERSONS, VAULT

_PROBE = b"pulsa vault"


def probe_of(master: Wrapping, chance: Chance) -> bytes:
    """Something wrapped by a master key, by which the vault knows it again."""
    return master.wrap(_PROBE.ljust(KEY_BYTES), b"vault", chance)


def must_be_master(vault: Connection, master: Wrapping, *, alone: bool = False) -> None:
    """Holds the vault under its master key until the transaction ends; `alone`, nobody else may wrap by it meanwhile.

    Raises VaultKeyWrong where it is under another one by now, VaultConflict where a backup has taken its place.
    """
    found = vault.execute(select(VAULT.c.master).with_for_update(read=not alone)).scalar_one_or_none()
    if found is None:
        raise VaultConflict("a backup has taken the place of the vault: ask again")
    if found != master.id:
        raise VaultKeyWrong(f"the vault's master key is {found} by now, and this one is {master.id}")


def hold_keys(vault: Connection, customers: Sequence[str]) -> Sequence[Row[Any]]:
    """The keys of those customers who have one, each held until the transaction ends."""
    asked = select(PERSONS).where(PERSONS.c.customer.in_(customers)).order_by(PERSONS.c.customer)
    return vault.execute(asked.with_for_update()).all()
