"""When a vault was backed up last: told without its keys, for whoever watches over it."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.engine import make_url

from ledger.vault.tables import BACKUPS, PERSONS, UNREACHABLE, VAULT, engine_at, unreachable


def last_backup_at(url: str) -> int | None:
    """When the vault at a URL was backed up last, in UTC microseconds: 0 where it never was; None: nobody is in it.

    Nothing is made or written. Raises VaultUnreachable.
    """
    try:
        parsed = make_url(url)
        file = parsed.database if parsed.get_backend_name() == "sqlite" else None
        if file and not Path(file).is_file():
            return None
        engine = engine_at(url)
        try:
            with engine.connect() as connection:
                if not engine.dialect.has_table(connection, VAULT.name):
                    return None
                last: int | None = connection.execute(select(func.max(BACKUPS.c.at))).scalar_one()
                if last is None and connection.execute(select(PERSONS.c.customer).limit(1)).first() is None:
                    return None
                return last or 0
        finally:
            engine.dispose()
    except UNREACHABLE as error:
        raise unreachable(error) from error
