"""Two who do something to a vault at once: nothing is lost by it, and neither of them fails for the other."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, delete, select, text

from ledger.errors import VaultConflict, VaultKeyWrong
from ledger.vault.inventory import drop_keys_without_values, keys_without_values
from ledger.vault.log_noted import log_noted, note_log
from ledger.vault.master_keys import MasterKey
from ledger.vault.rotating import rotate
from ledger.vault.tables import ALL, PERSONS, VALUES, VAULT, engine_of
from ledger.vault.vault import Vault, Writing
from tests.waiting import until

NAME, CUSTOMER, OTHER = "Bagaskara Quetzalcoatl", "CAAAAAAAAAAAAAAAAAAAA", "CBBBBBBBBBBBBBBBBBBBB"
MASTER, NEW, THIRD = MasterKey(bytes(range(32))), MasterKey(b"n" * 32), MasterKey(b"3" * 32)


@pytest.fixture
def engine(on_postgresql: Engine) -> Engine:
    return on_postgresql


@pytest.fixture
def vault(engine: Engine) -> Vault:
    made = _opened(engine)
    made.write(CUSTOMER, "c-1", {"name": NAME}, 1)
    return made


def _opened(engine: Engine, master: MasterKey = MASTER) -> Vault:
    return Vault(engine, master, secrets.token_bytes)


def _show(vault: Vault, customer: str = CUSTOMER) -> dict[str, str]:
    return vault.show(customer, {"name": None}, at=7, reader="staff-1", reason="asked-by-customer")


def _meanwhile(engine: Engine, done: Callable[[Any], object], other: Callable[[], object]) -> object:
    """What becomes of something that waits for what somebody else has done, and has not committed yet."""
    with ThreadPoolExecutor(1) as thread:
        with engine.begin() as connection:
            done(connection)
            waits: Future[object] = thread.submit(other)
            until(lambda: waits.done() or _waits(engine))
        return waits.result()


def _waits(engine: Engine) -> bool:
    asked = text(
        "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)"
        " WHERE NOT granted AND datname = current_database()"  # and not in that of another process's tests
    )
    with engine.connect() as connection:
        return bool(connection.execute(asked).scalar_one())


def _writing(vault: Vault, command_id: str = "c-2") -> Callable[[Any], object]:
    return lambda connection: vault._write(connection, [Writing(CUSTOMER, command_id, {"name": NAME}, 2)])


def test_what_was_refused_is_taken_back_while_the_same_person_is_written(
    engine: Engine, vault: Vault
) -> None:
    _meanwhile(engine, _writing(_opened(engine)), lambda: vault.withdraw(CUSTOMER, "c-1"))
    assert _show(vault) == {"name": NAME}


def test_a_key_without_values_is_swept_while_the_person_is_written(engine: Engine, vault: Vault) -> None:
    with engine.begin() as connection:
        connection.execute(delete(VALUES))
    assert keys_without_values(vault) == [CUSTOMER]
    dropped = _meanwhile(engine, _writing(_opened(engine)), lambda: drop_keys_without_values(vault))
    assert (dropped, _show(vault)) == (0, {"name": NAME})


def test_an_erasure_is_carried_out_by_two_at_once(engine: Engine, vault: Vault) -> None:
    again = _meanwhile(
        engine,
        lambda connection: Vault._erase(connection, CUSTOMER, 5),
        lambda: vault.carry_out(0, 7, [(CUSTOMER, 5)]),
    )
    assert (again, vault.carried_out(), _show(vault)) == (0, {0: 7}, {})
    with pytest.raises(VaultConflict, match="erased"):
        vault.write(CUSTOMER, "c-1", {"name": NAME}, 1)


def test_of_which_log_a_vault_is_may_be_noted_by_two_at_once(engine: Engine, vault: Vault) -> None:
    noted = text("INSERT INTO of_log VALUES (1, 'a')")
    _meanwhile(engine, lambda connection: connection.execute(noted), lambda: note_log(vault, b"a"))
    assert log_noted(vault) == b"a"


def test_a_vault_is_made_by_several_at_once(engine: Engine) -> None:
    with engine.begin() as connection:
        for table in ALL:
            table.drop(connection)
    url = engine.url.render_as_string(hide_password=False)
    with ThreadPoolExecutor(4) as threads:
        engines = list(threads.map(lambda _: engine_of(url), range(4)))
        vaults = list(threads.map(_opened, engines))
    assert {one.master.id for one in vaults} == {MASTER.id}
    for one in engines:
        one.dispose()


def test_whoever_writes_by_the_old_key_while_it_is_changed_loses_nobody(engine: Engine, vault: Vault) -> None:
    late = _opened(engine)
    _meanwhile(
        engine,
        lambda connection: late._write(connection, _of_other()),
        lambda: rotate(vault, NEW, secrets.token_bytes),
    )
    assert _show(vault, OTHER) == {"name": NAME}
    with pytest.raises(VaultKeyWrong):  # it is changed by now
        late.write("C" * 21, "c-1", {"name": NAME}, 1)
    with pytest.raises(VaultKeyWrong):
        late.key_for("cards")
    assert [_show(_opened(engine, NEW), one) for one in (CUSTOMER, OTHER)] == [{"name": NAME}] * 2


def _of_other() -> list[Writing]:
    return [Writing(OTHER, "c-1", {"name": NAME}, 1)]


def test_a_key_is_changed_for_one_other_and_not_for_two(engine: Engine, vault: Vault) -> None:
    vault.write(OTHER, "c-1", {"name": NAME}, 1)
    with engine.begin() as connection:  # somebody else is half way to another
        row = connection.execute(select(PERSONS).where(PERSONS.c.customer == OTHER)).one()
        wrapped = NEW.wrap(MASTER.unwrap(row.wrapped, OTHER.encode()), OTHER.encode(), secrets.token_bytes)
        connection.execute(
            PERSONS.update().where(PERSONS.c.customer == OTHER).values(master=NEW.id, wrapped=wrapped)
        )
    with pytest.raises(VaultConflict, match=NEW.id):
        rotate(vault, THIRD, secrets.token_bytes)
    assert rotate(vault, NEW, secrets.token_bytes) == 1
    assert [_show(_opened(engine, NEW), one) for one in (CUSTOMER, OTHER)] == [{"name": NAME}] * 2
    with pytest.raises(VaultKeyWrong):
        rotate(_closed_late(engine), THIRD, secrets.token_bytes)


def _closed_late(engine: Engine) -> Vault:
    """One that was opened before the key was changed."""
    with engine.begin() as connection:
        row = connection.execute(select(VAULT)).one()
        connection.execute(
            VAULT.update().values(
                master=MASTER.id, probe=MASTER.wrap(b"pulsa vault".ljust(32), b"vault", secrets.token_bytes)
            )
        )
    late = _opened(engine)
    with engine.begin() as connection:
        connection.execute(VAULT.update().values(master=row.master, probe=row.probe))
    return late


def test_what_is_sent_again_is_not_swept_for_what_it_was_before(engine: Engine, vault: Vault) -> None:
    vault.write(CUSTOMER, "c-1", {"name": NAME}, 9)
    assert not vault.withdraw(CUSTOMER, "c-1", written_at=1)
    assert _show(vault) == {"name": NAME}
    assert vault.withdraw(CUSTOMER, "c-1", written_at=9)
    assert _show(vault) == {}


def test_nothing_is_written_into_a_vault_that_is_being_put_back(engine: Engine, vault: Vault) -> None:
    def put_back(connection: Connection) -> None:
        row = connection.execute(select(VAULT)).one()
        for table in (PERSONS, VAULT):
            connection.execute(delete(table))
        connection.execute(VAULT.insert().values(**row._mapping))

    with pytest.raises(VaultConflict, match="ask again"):
        _meanwhile(engine, put_back, lambda: vault.write(CUSTOMER, "c-2", {"name": NAME}, 2))
    vault.write("C" * 21, "c-2", {"name": NAME}, 2)
    assert vault.fields_of("C" * 21) == {"name": 1}
