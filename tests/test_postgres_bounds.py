"""A PostgreSQL that falls silent: a coded error within bounds, nothing half done, and the same process goes on."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import closing
from hashlib import sha256

import pytest
import sqlalchemy as sa
from sqlalchemy import insert, select
from sqlalchemy.engine import make_url

from ledger import postgres_bounds
from ledger.errors import DatabaseUnreachable, VaultUnreachable
from ledger.postgres_bounds import ON_THE_SERVER, bounded_engine
from ledger.vault.master_keys import MasterKey
from ledger.vault.tables import ERASED, engine_of
from ledger.vault.vault import Vault
from projections.engine.database import CONTROL, LOGS, Database
from projections.engine.sql_tables import delete
from tests.servers import postgres_url, run_directory  # noqa: F401
from tests.silent_proxy import SilentProxy

SOON = {
    "connect_timeout": "60",
    "tcp_user_timeout": "300",
    "keepalives_idle": "1",
    "keepalives_interval": "1",
}
"""What an operator may say in a URL: the kernel gives up sooner, and nobody is in a hurry to connect."""
_OUT_OF_TIME = "timeout expired|timed out"


@pytest.mark.parametrize("falls_silent", [SilentProxy.hold_back, SilentProxy.swallow])
def test_a_server_that_falls_silent_is_told_and_the_same_process_goes_on(
    postgres_url: str,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    falls_silent: Callable[[SilentProxy], None],
) -> None:
    direct, customer = make_url(postgres_url), f"C-{falls_silent.__name__}"
    with SilentProxy(direct.port or 5432) as proxy:
        url = direct.set(host="127.0.0.1", port=proxy.port).update_query_dict(SOON)
        through = url.render_as_string(hide_password=False)
        engine = engine_of(through)
        vault = _vault(engine)
        with closing(Database(through)) as views:

            def silenced() -> None:
                falls_silent(proxy)
                if falls_silent is SilentProxy.hold_back:  # only then is it asked, and not heard either
                    monkeypatch.setattr(postgres_bounds, "SILENT_SECONDS", 0.1)
                    monkeypatch.setattr(postgres_bounds, "ANSWER_SECONDS", 0.1)

            with pytest.raises(VaultUnreachable, match=_OUT_OF_TIME):
                _erase(vault, customer, lambda: _cut_off(views, silenced))
            monkeypatch.undo()
            proxy.go_on()
            with views.reading() as connection:
                assert connection.run("SELECT 1").scalar() == 1
        vault.write(customer, "c-1", {"name": "Budi"}, 1)  # whoever was erased is refused
        assert vault.fields_of(customer) == {"name": 1}
        engine.dispose()


def _vault(engine: sa.Engine) -> Vault:
    return Vault(engine, MasterKey(bytes(32)), lambda size: sha256(b"chance").digest()[:size])


def _erase(vault: Vault, customer: str, between: Callable[[], None]) -> None:
    """Two statements of one transaction, and something between them."""
    with vault.transaction() as connection:
        connection.execute(insert(ERASED).values(customer=customer, erased_at=1))
        between()
        connection.execute(select(ERASED))


def _cut_off(views: Database, silenced: Callable[[], None]) -> None:
    def cut_off() -> None:
        with views.writing() as connection:
            connection.run("SELECT 1")
            silenced()
            connection.run("SELECT 1")

    with pytest.raises(DatabaseUnreachable, match=_OUT_OF_TIME):
        cut_off()


def test_a_vault_whose_sessions_end_goes_on_and_nothing_is_half_done(postgres_url: str) -> None:  # noqa: F811
    """As where the server is shut down: between two transactions nobody notices, within one it is told."""
    engine = engine_of(postgres_url)
    vault, others = _vault(engine), bounded_engine(make_url(postgres_url))

    def shut_down() -> None:
        with others.begin() as connection:
            connection.exec_driver_sql(
                "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity"
                " WHERE pid <> pg_backend_pid() AND datname = current_database()"
            )

    shut_down()
    vault.write("C-shut-down", "c-1", {"name": "Budi"}, 1)
    with pytest.raises(VaultUnreachable, match="terminating connection"):
        _erase(vault, "C-shut-down", shut_down)
    vault.write("C-shut-down", "c-2", {"name": "Budi"}, 2)
    assert vault.fields_of("C-shut-down") == {"name": 2}
    engine.dispose()
    others.dispose()


@pytest.mark.parametrize(
    ("said", "options"),
    [
        ("read-only", "-c default_transaction_read_only=on"),
        ("no schema", "-c search_path=nowhere"),
        ("permission denied", "-c role=pg_monitor"),
    ],
)
def test_a_server_that_does_not_let_us_write_is_told_until_it_does(
    postgres_url: str,  # noqa: F811
    said: str,
    options: str,
) -> None:
    url = make_url(postgres_url).update_query_dict({"options": options})
    through = url.render_as_string(hide_password=False)
    with closing(Database(postgres_url)) as views, closing(Database(through)) as refused:
        views.prepare()
        with pytest.raises(DatabaseUnreachable, match=said):
            _write(refused)
        with pytest.raises(VaultUnreachable, match=said):
            _write_to_vault(through)
        _write(views)


def _write_to_vault(url: str) -> None:
    engine = engine_of(url)
    try:
        _vault(engine).write("C-refused", "c-1", {"name": "Budi"}, 1)
    finally:
        engine.dispose()


def _write(views: Database) -> None:
    with views.writing() as connection:
        CONTROL.create_all(connection)
        connection.execute(delete(LOGS))


def test_a_server_that_is_at_work_is_waited_for_however_silent_and_no_longer_than_a_statement_may_take(
    postgres_url: str,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(postgres_bounds, "SILENT_SECONDS", 0.05)
    engine = bounded_engine(make_url(postgres_url))
    with engine.begin() as connection:
        assert connection.exec_driver_sql("SELECT 'done' FROM pg_sleep(0.4)").scalar() == "done"
    otherwise = {"options": "-c statement_timeout=0"}
    told = bounded_engine(make_url(postgres_url).update_query_dict(otherwise))
    with told.begin() as connection:
        monkeypatch.setattr(postgres_bounds, "LONGEST_SECONDS", 0)
        assert connection.exec_driver_sql("SELECT 'done' FROM pg_sleep(0.2)").scalar() == "done"
    with pytest.raises(sa.exc.OperationalError, match="has not ended"), engine.begin() as connection:
        connection.exec_driver_sql("SELECT pg_sleep(600)")
    engine.dispose()
    told.dispose()


def test_a_session_has_bounds_of_its_own_unless_the_operator_says_others(postgres_url: str) -> None:  # noqa: F811
    ask = sa.text("SELECT name, setting || coalesce(unit, '') FROM pg_settings WHERE name = ANY(:names)")
    found = []
    for own in ({}, {"options": "-c lock_timeout=5s -c statement_timeout=0"}):
        engine = bounded_engine(make_url(postgres_url).update_query_dict(own))
        with engine.begin() as connection:
            found.append({row[0]: row[1] for row in connection.execute(ask, {"names": list(ON_THE_SERVER)})})
        engine.dispose()
    ours, theirs = found
    assert {name: re.sub("000ms$", "s", value) for name, value in ours.items()} == ON_THE_SERVER | {
        "tcp_keepalives_count": "6"
    }
    assert theirs == ours | {"lock_timeout": "5000ms", "statement_timeout": "0ms"}
