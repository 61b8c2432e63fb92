"""The vault: what goes in comes out to those who say why, and after an erasure nobody finds it."""

from __future__ import annotations

import hmac
import itertools
import json
import secrets
import socket
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import Engine, event, select

from ledger.errors import KeyUnusable, VaultConflict, VaultDamaged, VaultKeyWrong, VaultUnreachable
from ledger.vault.backed_up import last_backup_at
from ledger.vault.chance import Chance
from ledger.vault.inventory import keys_without_values
from ledger.vault.master_keys import KEY_BYTES, NONCE_BYTES, MasterKey, master_key_of, new_master_key
from ledger.vault.rotating import rotate
from ledger.vault.sealing import Placement, keyed_digest, seal, unseal
from ledger.vault.tables import VALUES, engine_of
from ledger.vault.vault import Vault, Writing

NAME, IDENTITY = "Bagaskara Quetzalcoatl", "3273010101900001"
CUSTOMER, OTHER = "CAAAAAAAAAAAAAAAAAAAA", "CBBBBBBBBBBBBBBBBBBBB"
MASTER = MasterKey(bytes(range(32)))


def _chance() -> Chance:
    """Bytes that never come twice, and are the same in every run."""
    n = itertools.count()
    return lambda size: sha256(str(next(n)).encode()).digest()[:size]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "vault.db"


@pytest.fixture
def vault(file: Path) -> Iterator[Vault]:
    engine = engine_of(f"sqlite:///{file}")
    yield Vault(engine, MASTER, _chance())
    engine.dispose()


@pytest.fixture
def statements(vault: Vault) -> Iterator[list[str]]:
    """What the vault's database is told from now on."""
    told: list[str] = []

    def tell(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        told.append(statement)

    event.listen(Engine, "before_cursor_execute", tell)
    yield told
    event.remove(Engine, "before_cursor_execute", tell)


def _opened(file: Path, master: MasterKey = MASTER) -> Vault:
    return Vault(engine_of(f"sqlite:///{file}"), master, _chance())


def _show(vault: Vault, customer: str = CUSTOMER) -> dict[str, str]:
    return vault.show(
        customer, {"name": None, "identity": None}, at=7, reader="staff-1", reason="asked-by-customer"
    )


def test_values_come_out_as_they_went_in_and_the_last_version_counts(vault: Vault) -> None:
    vault.write(CUSTOMER, "c-1", {"name": "A", "identity": IDENTITY}, 1)
    assert vault.fields_of(CUSTOMER) == {"identity": 1, "name": 1}
    vault.write(CUSTOMER, "c-2", {"name": NAME}, 2)
    assert _show(vault) == {"name": NAME, "identity": IDENTITY}
    assert vault.fields_of(CUSTOMER) == {"identity": 1, "name": 2}


def test_the_same_command_again_is_the_same_writing(vault: Vault) -> None:
    first = vault.write(CUSTOMER, "c-1", {"name": NAME}, 1)
    assert vault.write(CUSTOMER, "c-1", {"name": NAME}, 9) == first
    with pytest.raises(VaultConflict, match="other values"):
        vault.write(CUSTOMER, "c-1", {"name": "Another"}, 9)
    assert _show(vault) == {"name": NAME}
    assert vault.fields_of(CUSTOMER) == {"name": 1}


def test_many_writings_again_cost_no_more_statements_than_two_and_fewer_than_the_first_time(
    vault: Vault, statements: list[str]
) -> None:
    costs: list[list[int]] = []
    for begin, count in ((0, 2), (2, 40)):
        numbers = range(begin, begin + count)
        costs.append([])
        for at in (1, 9):
            statements.clear()
            vault.write_all([Writing(f"C{n}", f"c-{n}", {"name": NAME}, at) for n in numbers])
            costs[-1].append(len(statements))
    assert costs[0] == costs[1]
    first, again = costs[0]
    assert again < first
    vault.write_all([Writing("C0", "c-0", {"name": NAME}, 9), Writing("C0", "c-a", {"name": "B"}, 9)])
    vault.write_all([Writing("C0", "c-a", {"name": "B"}, 9), Writing("C0", "c-b", {"name": NAME}, 9)])
    assert vault.fields_of("C0") == {"name": 3}


def test_the_digest_is_of_the_values_as_json_whatever_is_in_them() -> None:
    each = "".join(map(chr, [*range(0xD800), *range(0xE000, 0x110000)]))
    values = {"name": each, "address": NAME, "Ä": "", "\U00010000": "", "\uffff": ""}
    text = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    key = HKDF(SHA256(), length=32, salt=None, info=b"digest of values").derive(b"k" * 32)
    assert keyed_digest(b"k" * 32, values) == hmac.digest(key, text.encode(), "sha256")


def test_the_digest_says_that_two_are_the_same_and_not_what_they_are(vault: Vault) -> None:
    values = {"name": NAME, "identity": IDENTITY}
    one = vault.write(CUSTOMER, "c-1", values, 1)
    again = vault.write(CUSTOMER, "c-2", dict(reversed(values.items())), 1)
    others = vault.write(OTHER, "c-1", values, 1)
    assert one == again
    assert one != others


def test_who_read_is_recorded_before_anything_is_shown(vault: Vault) -> None:
    assert _show(vault) == {}
    vault.write(CUSTOMER, "c-1", {"name": NAME}, 1)
    _show(vault)
    assert [(one.at, one.reader, one.fields, one.reason) for one in vault.readings(CUSTOMER)] == [
        (7, "staff-1", ("identity", "name"), "asked-by-customer")
    ] * 2


def test_nothing_in_the_file_says_who_it_is(vault: Vault, file: Path) -> None:
    vault.write(CUSTOMER, "c-1", {"name": NAME, "identity": IDENTITY}, 1)
    assert not any(part.encode() in file.read_bytes() for part in (NAME, IDENTITY, "Quetzalcoatl"))
    assert file.stat().st_mode & 0o777 == 0o600


def test_after_an_erasure_neither_key_nor_value_is_in_any_file(vault: Vault, file: Path) -> None:
    vault.write(CUSTOMER, "c-1", {"name": NAME}, 1)
    vault.write(OTHER, "c-1", {"name": "Somebody else"}, 1)
    with sqlite3.connect(file) as database:
        kept = [
            row[0]
            for row in database.execute("SELECT wrapped FROM persons UNION SELECT sealed FROM field_values")
        ]
    database.close()
    assert vault.erase(CUSTOMER, 5)
    assert not vault.erase(CUSTOMER, 6)
    assert _show(vault) == {}
    assert _show(vault, OTHER) == {"name": "Somebody else"}
    with pytest.raises(VaultConflict, match="erased"):
        vault.write(CUSTOMER, "c-9", {"name": NAME}, 7)
    with sqlite3.connect(file) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        rows = {name: database.execute(f"SELECT * FROM {name}").fetchall() for name in tables}
    database.close()
    assert {name for name in tables if any(CUSTOMER in row for row in rows[name])} == {"erased", "readings"}
    found = [one for one in kept if any(one in part.read_bytes() for part in file.parent.iterdir())]
    assert len(kept) == 4
    assert len(found) == 2  # the other's


@pytest.mark.parametrize(
    "value", ["(SELECT sealed FROM field_values WHERE field = 'identity')", "zeroblob(40)", "x'00'"]
)
def test_a_value_in_another_place_is_never_shown(vault: Vault, file: Path, value: str) -> None:
    vault.write(CUSTOMER, "c-1", {"name": NAME, "identity": IDENTITY}, 1)
    with sqlite3.connect(file) as database:
        database.execute(f"UPDATE field_values SET sealed = {value} WHERE field = 'name'")
    database.close()
    with pytest.raises(VaultDamaged):
        _show(vault)


@pytest.mark.parametrize(
    "elsewhere",
    [Placement(OTHER, "name", 2), Placement(CUSTOMER, "email", 2), Placement(CUSTOMER, "name", 1)],
)
def test_a_value_opens_at_its_own_place_alone(elsewhere: Placement) -> None:
    key, place = bytes(KEY_BYTES), Placement(CUSTOMER, "name", 2)
    sealed = seal(AESGCM(key), place, NAME, _chance()(NONCE_BYTES))
    assert unseal(key, place, sealed) == NAME
    with pytest.raises(VaultDamaged):
        unseal(key, elsewhere, sealed)


def test_a_value_of_before_in_the_place_of_a_later_one_is_never_shown(vault: Vault, file: Path) -> None:
    vault.write(CUSTOMER, "c-1", {"name": "A"}, 1)
    vault.write(CUSTOMER, "c-2", {"name": NAME}, 2)
    with sqlite3.connect(file) as database:
        before = "SELECT sealed FROM field_values WHERE version = 1"
        database.execute(f"UPDATE field_values SET sealed = ({before}) WHERE version = 2")
    database.close()
    with pytest.raises(VaultDamaged):
        _show(vault)


def test_no_nonce_and_no_key_comes_twice(vault: Vault, file: Path) -> None:
    """Each drawn anew, as AES-GCM asks: also of the same value, in one writing, and where a key is wrapped again."""
    for n in range(4):
        for customer in (CUSTOMER, OTHER):
            vault.write(customer, f"c-{n}", {"name": NAME, "identity": NAME}, n)
    vault.key_for("cards")
    found: list[bytes] = []
    keys = list[bytes]()
    master = MASTER
    for n in range(3):
        with sqlite3.connect(file) as database:
            for what in ("sealed FROM field_values", "wrapped FROM persons", "wrapped FROM own_keys"):
                found += [row[0] for row in database.execute(f"SELECT {what}")]
            wrapped = database.execute("SELECT customer, wrapped FROM persons").fetchall()
            keys += [master.unwrap(one, customer.encode()) for customer, one in wrapped]
        database.close()
        master = MasterKey(bytes([n]) * KEY_BYTES)
        rotate(vault, master, secrets.token_bytes)
    sealed = {one for one in found if len(one) == NONCE_BYTES + len(NAME) + 16}
    wrapped_ = {one for one in found if len(one) == NONCE_BYTES + KEY_BYTES + 16}
    assert (len(sealed), len(wrapped_), len(set(keys))) == (16, 9, 2)
    assert len({one[:NONCE_BYTES] for one in sealed | wrapped_}) == 25


@pytest.mark.parametrize("table", ["field_values", "persons"])
def test_what_is_missing_is_not_told_as_nothing(vault: Vault, file: Path, table: str) -> None:
    vault.write(CUSTOMER, "c-1", {"name": NAME}, 1)
    with sqlite3.connect(file) as database:  # as half a backup leaves it
        database.execute(f"DELETE FROM {table}")
    database.close()
    asked = {"name": "c-1", "email": ""}
    with pytest.raises(VaultDamaged, match="missing"):
        vault.show(CUSTOMER, asked, at=7, reader="staff-1", reason="asked-by-customer")
    vault.erase(CUSTOMER, 8)
    assert vault.show(CUSTOMER, asked, at=9, reader="staff-1", reason="asked-by-customer") == {}


def test_a_person_under_anothers_key_is_never_shown(vault: Vault, file: Path) -> None:
    vault.write(CUSTOMER, "c-1", {"name": NAME}, 1)
    vault.write(OTHER, "c-1", {"name": "Somebody else"}, 1)
    with sqlite3.connect(file) as database:
        database.execute(
            "UPDATE persons SET wrapped = (SELECT wrapped FROM persons WHERE customer = ?)", (OTHER,)
        )
    database.close()
    with pytest.raises(VaultKeyWrong):
        _show(vault)
    assert [one.reader for one in vault.readings(CUSTOMER)] == ["staff-1"]  # who tried is recorded


def test_another_master_key_opens_nothing(vault: Vault, file: Path) -> None:
    vault.write(CUSTOMER, "c-1", {"name": NAME}, 1)
    with pytest.raises(VaultKeyWrong, match=MASTER.id):
        _opened(file, MasterKey(bytes(32)))


def test_a_rotation_goes_on_where_it_stopped(vault: Vault, file: Path) -> None:
    for n in range(3):
        vault.write(f"C{n}", "c-1", {"name": NAME}, 1)
    new = MasterKey(b"n" * 32)
    with sqlite3.connect(file) as database:  # stopped after the first of three
        wrapped = new.wrap(MASTER.unwrap(*_wrapped(database, "C0")), b"C0", _chance())
        database.execute(
            "UPDATE persons SET master = ?, wrapped = ? WHERE customer = 'C0'", (new.id, wrapped)
        )
    database.close()
    with pytest.raises(VaultKeyWrong, match="rotation"):
        _show(vault, "C0")
    assert rotate(vault, new, _chance()) == 2
    assert [_show(vault, f"C{n}") for n in range(3)] == [{"name": NAME}] * 3
    assert _show(_opened(file, new), "C1") == {"name": NAME}
    with pytest.raises(VaultKeyWrong):
        _opened(file)


def _wrapped(database: sqlite3.Connection, customer: str) -> tuple[bytes, bytes]:
    (row,) = database.execute("SELECT wrapped FROM persons WHERE customer = ?", (customer,))
    return row[0], customer.encode()


def test_what_brought_no_event_about_is_taken_back(vault: Vault) -> None:
    vault.write(CUSTOMER, "c-1", {"name": NAME}, 1)
    vault.write(CUSTOMER, "c-2", {"name": "B"}, 2)
    vault.withdraw(CUSTOMER, "c-2")
    assert _show(vault) == {"name": NAME}
    vault.withdraw(CUSTOMER, "c-1")
    assert (vault.fields_of(CUSTOMER), keys_without_values(vault)) == ({}, [])
    assert _show(vault) == {}


def test_what_many_brought_about_nothing_with_is_taken_back_at_once(
    vault: Vault, statements: list[str]
) -> None:
    vault.write_all([Writing(f"C{n}", f"c-{n % 2}", {"name": NAME}, 1) for n in range(4)])
    vault.write("C0", "c-1", {"name": "B"}, 2)
    statements.clear()
    vault.withdraw_all([("C0", "c-1"), ("C1", "c-1"), ("C1", "c-1"), ("C2", "c-7"), ("C9", "c-1")])
    assert [one for one in statements if one.startswith("BEGIN")] == ["BEGIN IMMEDIATE"]
    assert [vault.fields_of(f"C{n}") for n in range(4)] == [{"name": 1}, {}, {"name": 1}, {"name": 1}]
    assert (_show(vault, "C0"), keys_without_values(vault)) == ({"name": NAME}, [])


def test_a_master_key_has_a_file_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "master"
    assert new_master_key(MASTER.secret, path) == master_key_of(path) == MASTER
    assert path.stat().st_mode & 0o777 == 0o600
    assert MASTER.secret.hex() not in repr(MASTER)
    with pytest.raises(KeyUnusable):
        new_master_key(MASTER.secret, path)
    path.chmod(0o640)
    with pytest.raises(KeyUnusable, match="0640"):
        master_key_of(path)
    path.chmod(0o600)
    path.write_text(path.read_text().replace(MASTER.id, "0" * 16))
    with pytest.raises(KeyUnusable, match="not that of its bytes"):
        master_key_of(path)


def test_on_postgresql_it_is_the_same_whoever_writes_at_once(on_postgresql: Engine) -> None:
    vaults = [Vault(on_postgresql, MASTER, secrets.token_bytes) for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda n: vaults[n].write(CUSTOMER, f"c-{n}", {"name": f"Name {n}"}, 1), range(4)))
    with on_postgresql.begin() as connection:
        by_version = select(VALUES.c.version, VALUES.c.command_id).order_by(VALUES.c.version)
        versions, commands = zip(*connection.execute(by_version), strict=True)
    assert versions == (1, 2, 3, 4)
    last = {"name": f"Name {commands[-1].removeprefix('c-')}"}
    assert _show(vaults[0]) == last
    assert rotate(vaults[0], MasterKey(b"n" * 32), secrets.token_bytes) == 1
    assert _show(vaults[0]) == last
    with pytest.raises(VaultKeyWrong):
        _show(vaults[1])
    assert vaults[0].erase(CUSTOMER, 5)
    with pytest.raises(VaultConflict, match="erased"):
        vaults[0].write(CUSTOMER, "c-9", {"name": NAME}, 7)
    assert vaults[0].fields_of(CUSTOMER) == {}


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://127.0.0.1:9/none",
        "postgresql+psycopg://127.0.0.1:port/none",
        "mysql://127.0.0.1/none",
        "nonsense",
        "sqlite:////proc/none/vault.db",
    ],
)
def test_a_database_that_is_none_says_so(url: str) -> None:
    for opened in (engine_of, last_backup_at):
        with pytest.raises(VaultUnreachable) if opened is engine_of or "sqlite" not in url else nullcontext():
            opened(url)


def test_a_server_that_says_nothing_is_not_waited_for_without_end() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(VaultUnreachable, match="timeout"):
        engine_of(
            f"postgresql://127.0.0.1:{silent.getsockname()[1]}/vault?connect_timeout=2"
        )  # as few as there can be
