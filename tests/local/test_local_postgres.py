"""The PostgreSQL of this machine, as its clients see it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from ledger.local.postgres import LocalPostgres


@pytest.fixture(scope="module")
def server() -> Iterator[LocalPostgres]:
    with LocalPostgres() as running:
        yield running


def test_it_answers(server: LocalPostgres) -> None:
    with psycopg.connect(server.url) as connection:
        assert connection.execute("select 1").fetchone() == (1,)


def test_it_asks_for_the_password(server: LocalPostgres) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(server.url.replace("//postgres:", "//postgres:guessed"))


@pytest.mark.parametrize("end", [LocalPostgres.stop, LocalPostgres.kill])
def test_what_was_committed_is_there_when_it_comes_back(
    server: LocalPostgres, end: Callable[[LocalPostgres], None]
) -> None:
    url = server.url
    with psycopg.connect(url) as connection:
        connection.execute("create table if not exists kept (word text)")
        connection.execute("insert into kept values (%s)", [end.__name__])
    with psycopg.connect(url):  # a client that stays does not hold it up
        end(server)
    server.start()
    assert server.url == url
    with psycopg.connect(url) as connection:
        assert (end.__name__,) in connection.execute("select word from kept").fetchall()


def test_the_password_is_for_its_owner_only(server: LocalPostgres) -> None:
    assert Path(server.directory, "password").stat().st_mode & 0o077 == 0
