"""Projections in PostgreSQL: SQLAlchemy reads its URL, and keeps connections to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from ledger.errors import SettingsInvalid
from ledger.postgres_bounds import bounded_engine
from projections.engine.database_transactions import Found, error_of
from projections.engine.sql import SqlStatement
from projections.engine.sql_text import Dialect

if TYPE_CHECKING:
    import psycopg

_TABLE_NAMES = (
    "SELECT relname FROM pg_class WHERE relkind IN ('r','p') AND relpersistence<>'t'"
    " AND relnamespace<>'pg_catalog'::regnamespace AND pg_table_is_visible(oid)"
)
"""What SQLAlchemy's inspector asks too, which takes three times as long."""
_REBUILD_LOCK = 0x50554C54
"""The advisory lock of whoever rebuilds, for as long as that takes."""


class PostgresTransaction:
    """A transaction of PostgreSQL."""

    dialect: Final[Dialect] = "postgresql"

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @property
    def driver(self) -> psycopg.Connection[Any]:
        """The driver's connection."""
        driver: psycopg.Connection[Any] = self._connection.connection.driver_connection  # type: ignore[assignment]
        return driver

    def execute(self, statement: SqlStatement, *, at_once: int | None = None) -> Found:
        """Carries a statement out."""
        text, _ = compiled = statement.compiled(self.dialect)
        return self._run(text, compiled.bound({}), at_once)

    def run(self, text: str, parameters: Sequence[Any] = ()) -> Found:
        """Carries out what is written in PostgreSQL's words."""
        return self._run(text, parameters, None)

    def run_each(self, text: str, rows: Sequence[Sequence[Any]]) -> None:
        """Carries it out for each row of parameters."""
        self._connection.exec_driver_sql(text, [tuple(row) for row in rows])

    def fetched(self, text: str, parameters: Sequence[Any]) -> Sequence[Any]:
        """Every row, past SQLAlchemy, which takes longer than the rest."""
        with self._translated(text, parameters), self.driver.cursor() as cursor:
            cursor.execute(text.encode(), parameters)
            return cursor.fetchall() if cursor.description else ()

    def table_names(self) -> set[str]:
        """The tables that there are: what a name without its schema may mean."""
        return set(self.run(_TABLE_NAMES).scalars())

    @contextmanager
    def copying(self, text: str) -> Iterator[psycopg.Copy]:
        """PostgreSQL's COPY."""
        with self._translated(text), self.driver.cursor() as cursor, cursor.copy(text.encode()) as copy:
            yield copy

    @contextmanager
    def _translated(self, text: str, parameters: Any = None) -> Iterator[None]:  # noqa: ANN401 - as the driver has them
        """Raises what SQLAlchemy would, where the driver itself is told to do something."""
        dialect: Any = self._connection.dialect
        kind = dialect.loaded_dbapi.Error
        try:
            yield
        except kind as error:
            raise DBAPIError.instance(text, parameters, error, kind, dialect=dialect) from error

    def _run(self, text: str, parameters: Sequence[Any], at_once: int | None) -> Found:
        options = {} if at_once is None else {"yield_per": at_once}
        found = self._connection.exec_driver_sql(text, tuple(parameters) or None, execution_options=options)
        rows: Iterator[Any] = iter(found) if found.returns_rows else iter(())
        return Found(rows, found.rowcount)


class Postgres:
    """A server's database. Raises SettingsInvalid for what is no URL of one."""

    dialect: Final[Dialect] = "postgresql"

    def __init__(self, url: str) -> None:
        try:
            self.url = make_url(url)
            if self.url.get_backend_name() != "postgresql":
                raise SettingsInvalid(
                    f"PULSA_DATABASE, --database: {self.url.get_backend_name()} is neither postgresql nor sqlite"
                )
            self.engine: Engine = bounded_engine(self.url)
        except ValueError:
            raise SettingsInvalid("PULSA_DATABASE, --database: its port is no number") from None
        except (ArgumentError, NoSuchModuleError, ImportError) as error:
            raise SettingsInvalid(f"PULSA_DATABASE, --database: {error}") from error

    @property
    def name(self) -> str:
        """The URL, its password hidden."""
        return self.url.render_as_string(hide_password=True)

    @contextmanager
    def transaction(self, *, writes: bool) -> Iterator[PostgresTransaction]:
        """A transaction. Raises DatabaseFull, DatabaseDamaged, DatabaseUnreachable."""
        with self._reported(), self.engine.connect() as connection:
            if writes:
                connection.execution_options(writes=True)
            else:
                connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            with connection.begin():
                yield PostgresTransaction(connection)

    @contextmanager
    def rebuilding(self) -> Iterator[bool]:
        """Whether nobody else rebuilds meanwhile; the system ends it with the process."""
        with self._reported(), self.engine.connect() as connection:
            connection.detach()  # the lock is the session's, which is to end with this
            if not connection.scalar(sa.select(sa.func.pg_try_advisory_lock(_REBUILD_LOCK))):
                yield False
                return
            connection.commit()
            try:
                yield True
            finally:
                with suppress(DBAPIError):  # a session that is gone holds nothing
                    connection.execute(sa.select(sa.func.pg_advisory_unlock(_REBUILD_LOCK)))

    def close(self) -> None:
        """Closes every connection."""
        self.engine.dispose()

    @contextmanager
    def _reported(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            operational = (
                isinstance(error, sa.exc.OperationalError | sa.exc.InterfaceError)
                or error.connection_invalidated
            )
            sign = getattr(error.orig, "sqlstate", None) or ""
            kind = error_of(sign, str(error.orig), operational=operational)
            if kind is None:
                raise
            raise kind(f"{self.name}: {str(error.orig).strip()}") from error
