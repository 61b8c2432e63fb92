"""The database of the projections: PostgreSQL in service, a SQLite file embedded.

A projection's tables carry the number of their generation. A rebuild makes the next generation beside the live one,
and the swap is one row: readers look it up in the transaction that they read in, so they never see a gap.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import ClassVar

from ledger.errors import DatabaseDamaged, QueryRefused, SettingsInvalid
from projections.engine.database_transactions import Backend, Transaction
from projections.engine.sql_expressions import TEXT, BigInteger, Column, Integer, LargeBinary
from projections.engine.sql_tables import MetaData, Table
from projections.engine.sqlite_file import SqliteFile

_SQLITE = "sqlite:///"
_LOCK = 0x50554C53
"""PostgreSQL's advisory lock under which tables are made."""

CONTROL = MetaData()

GENERATIONS = Table(
    "projection_generations",
    CONTROL,
    Column("projection", TEXT, primary_key=True),
    Column("generation", Integer, nullable=False),
    Column("version", Integer, nullable=False),
)
"""The live generation of each projection, and the version of the code's tables that it has."""

POSITIONS = Table(
    "projection_positions",
    CONTROL,
    Column("projection", TEXT, primary_key=True),
    Column("generation", Integer, primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("ordinal", BigInteger, nullable=False),
)
"""The ordinal of the last event that a generation has taken in of a partition."""

LOGS = Table(
    "projection_logs",
    CONTROL,
    Column("partition", Integer, primary_key=True),
    Column("ordinal", BigInteger, nullable=False),
    Column("digest", LargeBinary, nullable=False),
)
"""The last event that was taken in of each partition: by its digest the log is known again."""


class RebuildUnderWay(QueryRefused):
    """Another process rebuilds projections in this database."""

    code: ClassVar[str] = "rebuild-under-way"


class Database:
    """Connections to one database: a file, or what a URL names. Raises SettingsInvalid for what is no URL of one."""

    def __init__(self, where: str | Path) -> None:
        self.where = where
        """What names it, a password too."""
        self.backend: Backend = _backend(where)

    @property
    def is_sqlite(self) -> bool:
        """Whether it is a SQLite file."""
        return self.backend.dialect == "sqlite"

    @property
    def name(self) -> str:
        """The URL, its password hidden."""
        return self.backend.name

    def reading(self) -> AbstractContextManager[Transaction]:
        """A transaction that sees one moment, and writes nothing."""
        return self.backend.transaction(writes=False)

    def writing(self) -> AbstractContextManager[Transaction]:
        """A transaction that is all or nothing."""
        return self.backend.transaction(writes=True)

    def prepare(self) -> None:
        """Makes the tables that say where each projection stands. Raises SettingsInvalid for a file of another kind."""
        with self.writing() as connection:
            if self.is_sqlite and connection.run("PRAGMA application_id").scalar():
                raise SettingsInvalid(
                    f"PULSA_DATABASE, --database: {self.name} is a log, or another program's file"
                )
            self.lock(connection)
            CONTROL.create_all(connection)

    def must_know_positions(self) -> None:
        """Raises DatabaseDamaged where it says which projections are live, and no longer where they stand."""
        with self.reading() as connection:
            found = connection.table_names()
        if GENERATIONS.name in found and POSITIONS.name not in found:
            raise DatabaseDamaged(
                f"{self.name}: the table {POSITIONS.name} is gone: `pulsa projections rebuild` makes everything anew"
            )

    def lock(self, connection: Transaction) -> None:
        """Waits until no other transaction makes or drops tables."""
        if not self.is_sqlite:
            connection.run(f"SELECT pg_advisory_xact_lock({_LOCK})")

    def lock_readers_out(self, connection: Transaction) -> None:
        """Waits a little until nobody reads what was live before. Raises DatabaseUnreachable where somebody does."""
        if not self.is_sqlite:
            connection.run("SET LOCAL lock_timeout='2s'")
            connection.run(f"LOCK TABLE {GENERATIONS.name} IN ACCESS EXCLUSIVE MODE")

    @contextmanager
    def rebuilding(self) -> Iterator[None]:
        """Nobody else rebuilds meanwhile; the system ends it with the process. Raises RebuildUnderWay."""
        with self.backend.rebuilding() as alone:
            if not alone:
                raise RebuildUnderWay(f"{self.name}: is being rebuilt by another process")
            yield

    def hold(self, connection: Transaction) -> None:
        """Keeps the tables that are live now for as long as a reader's transaction lasts; its first statement.

        It sees the moment after this one: a lock takes no snapshot, and a query would.
        """
        if not self.is_sqlite:
            connection.run(f"LOCK TABLE {GENERATIONS.name} IN ACCESS SHARE MODE")

    def is_prepared(self) -> bool:
        """Whether anything has been projected into it. A file that is not there is not made."""
        if isinstance(self.backend, SqliteFile) and not self.backend.path.exists():
            return False
        with self.reading() as connection:
            return GENERATIONS.name in connection.table_names()

    def close(self) -> None:
        """Closes every connection."""
        self.backend.close()


def _backend(where: str | Path) -> Backend:
    if isinstance(where, str) and where.startswith(_SQLITE):
        where = Path(where.removeprefix(_SQLITE).partition("?")[0])
        if not where.name:
            raise SettingsInvalid("PULSA_DATABASE, --database: it names no file")
    if isinstance(where, Path):
        return SqliteFile(where)
    from projections.engine.postgres_server import Postgres  # slow to import

    return Postgres(where)
