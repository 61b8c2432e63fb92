"""The PostgreSQL that a vault is tried on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, delete

from ledger.vault.tables import ALL, engine_of
from tests.servers import postgres_url, run_directory  # noqa: F401


@pytest.fixture
def on_postgresql(postgres_url: str) -> Iterator[Engine]:  # noqa: F811
    """An empty vault's database; it is one for all tests of a process."""
    made = engine_of(postgres_url.replace("postgresql://", "postgresql+psycopg://", 1))
    with made.begin() as connection:
        for table in ALL:
            connection.execute(delete(table))
    yield made
    made.dispose()
