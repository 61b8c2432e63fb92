"""Which log a vault is of: by the digest of its first event, which it keeps wherever it is copied or restored to."""

from __future__ import annotations

from sqlalchemy import Connection, delete, insert, select

from ledger.vault.tables import OF_LOG
from ledger.vault.vault import Vault


def log_noted(vault: Vault) -> bytes | None:
    """The digest of the first event of the log whose persons are here; None where none is noted yet."""
    with vault.transaction() as connection:
        digest: bytes | None = connection.execute(select(OF_LOG.c.digest)).scalar_one_or_none()
        return digest


def note_log(vault: Vault, digest: bytes) -> None:
    """Notes whose persons are here, in place of another log."""

    def noted(connection: Connection) -> None:
        connection.execute(delete(OF_LOG))
        connection.execute(insert(OF_LOG).values(id=1, digest=digest))

    vault.committed(noted)
