"""Backups of the vault: whole, unreadable without their month's key, and put back whole or not at all."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, delete

from ledger.domain.calendar import DAY, parse_instant
from ledger.errors import KeyUnusable, VaultBackupUnusable, VaultConflict, VaultKeyWrong
from ledger.vault.inventory import persons
from ledger.vault.log_noted import log_noted, note_log
from ledger.vault.master_keys import NONCE_BYTES, MasterKey
from ledger.vault.month_keys import MonthKeys, end_of, month_of
from ledger.vault.tables import OF_LOG, engine_of
from ledger.vault.vault import Vault
from ledger.vault.vault_backup import BackedUp, back_up, restore

NAME, CUSTOMER, OTHER = "Bagaskara Quetzalcoatl", "CAAAAAAAAAAAAAAAAAAAA", "CBBBBBBBBBBBBBBBBBBBB"
MASTER = MasterKey(bytes(range(32)))
NOVEMBER = parse_instant("2026-11-30T23:59:59.999999Z")
KEPT = 35


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    if request.param == "postgresql":
        yield request.getfixturevalue("on_postgresql")
        return
    made = engine_of(f"sqlite:///{tmp_path / 'vault.db'}")
    yield made
    made.dispose()


@pytest.fixture
def keys(tmp_path: Path) -> MonthKeys:
    return MonthKeys(tmp_path / "keys", KEPT)


@pytest.fixture
def vault(engine: Engine) -> Vault:
    made = Vault(engine, MASTER, secrets.token_bytes)
    made.write(CUSTOMER, "c-1", {"name": NAME}, 1)
    made.write(OTHER, "c-1", {"name": "Somebody else"}, 1)
    made.carry_out(0, 7, [])
    return made


def _back_up(vault: Vault, keys: MonthKeys, path: Path, at: int = NOVEMBER) -> BackedUp:
    return back_up(vault, keys, path, at, secrets.token_bytes)


def _show(vault: Vault, customer: str = CUSTOMER) -> dict[str, str]:
    return vault.show(customer, {"name": None}, at=7, reader="staff-1", reason="asked-by-customer")


def test_a_backup_brings_back_what_was_there_and_nothing_since(
    vault: Vault, engine: Engine, keys: MonthKeys, tmp_path: Path
) -> None:
    _show(vault)
    note_log(vault, b"first event")
    made = _back_up(vault, keys, tmp_path / "a.bak")
    with engine.begin() as connection:
        connection.execute(delete(OF_LOG))
    assert (made.persons, made.month, made.at) == (2, "2026-11", NOVEMBER)
    vault.write(CUSTOMER, "c-2", {"name": "Later"}, 2)
    vault.erase(OTHER, 3)
    found = restore(engine, MASTER, keys, tmp_path / "a.bak", overwrite=True)
    assert found == made
    again = Vault(engine, MASTER, secrets.token_bytes)
    assert (_show(again), _show(again, OTHER)) == ({"name": NAME}, {"name": "Somebody else"})
    assert log_noted(again) == b"first event"
    assert again.carried_out() == {}  # all erasures are to be carried out again
    assert len(again.readings(CUSTOMER)) == 2
    again.write(CUSTOMER, "c-2", {"name": "Later"}, 2)
    assert again.fields_of(CUSTOMER) == {"name": 2}


def test_nobody_reads_a_backup_without_its_key(vault: Vault, keys: MonthKeys, tmp_path: Path) -> None:
    _back_up(vault, keys, tmp_path / "a.bak")
    content = (tmp_path / "a.bak").read_bytes()
    assert CUSTOMER.encode() not in content
    assert NAME.encode() not in content
    assert (tmp_path / "a.bak").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "keys" / "2026-11.key").stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        _back_up(vault, keys, tmp_path / "a.bak")


def test_no_nonce_of_a_months_key_comes_twice(vault: Vault, keys: MonthKeys, tmp_path: Path) -> None:
    nonces: list[bytes] = []
    for name in ("a.bak", "b.bak"):
        _back_up(vault, keys, tmp_path / name)
        with (tmp_path / name).open("rb") as file:
            file.readline(), file.readline()
            while length := file.read(4):
                nonces.append(file.read(int.from_bytes(length, "big"))[:NONCE_BYTES])
    assert len(nonces) == len(set(nonces)) > 10


def test_a_backup_that_was_changed_or_cut_off_changes_nothing(
    vault: Vault, engine: Engine, keys: MonthKeys, tmp_path: Path
) -> None:
    whole = tmp_path / "a.bak"
    _back_up(vault, keys, whole)
    content, bad = whole.read_bytes(), tmp_path / "bad.bak"
    frames = content.index(b"\n", content.index(b"\n") + 1) + 1
    damaged = [content[:cut] for cut in (0, 10, frames, frames + 3, frames + 40, len(content) - 1)]
    damaged += [content + b"\0\0\0\1x", content.replace(b"2026-11", b"2026-10", 1)]
    damaged.append(content[: frames + 30] + bytes([content[frames + 30] ^ 1]) + content[frames + 31 :])
    for one in damaged:
        bad.write_bytes(one)
        with pytest.raises(VaultBackupUnusable):
            restore(engine, MASTER, keys, bad, overwrite=True)
        assert _show(vault) == {"name": NAME}
    with pytest.raises(VaultBackupUnusable):
        restore(engine, MASTER, keys, tmp_path / "none.bak")


def test_persons_who_are_there_are_replaced_only_where_that_is_said(
    vault: Vault, engine: Engine, keys: MonthKeys, tmp_path: Path
) -> None:
    _back_up(vault, keys, tmp_path / "a.bak")
    with pytest.raises(VaultConflict, match="--overwrite"):
        restore(engine, MASTER, keys, tmp_path / "a.bak")
    with pytest.raises(VaultKeyWrong, match=MASTER.id):
        restore(engine, MasterKey(bytes(32)), keys, tmp_path / "a.bak", overwrite=True)
    assert persons(vault) == 2


def test_a_backup_of_another_log_takes_the_place_of_nobody(
    engine: Engine, vault: Vault, keys: MonthKeys, tmp_path: Path
) -> None:
    note_log(vault, b"another log")
    _back_up(vault, keys, tmp_path / "b")
    note_log(vault, b"this log")
    vault.write(OTHER, "c-2", {"name": "Of this log"}, 2)
    with pytest.raises(VaultConflict, match="another log"):
        restore(engine, MASTER, keys, tmp_path / "b", overwrite=True)
    assert _show(vault, OTHER) == {"name": "Of this log"}
    assert log_noted(vault) == b"this log"


def test_a_month_is_forgotten_at_the_instant_that_its_time_is_over(
    vault: Vault, engine: Engine, keys: MonthKeys, tmp_path: Path
) -> None:
    _back_up(vault, keys, tmp_path / "a.bak")
    _back_up(vault, keys, tmp_path / "b.bak", NOVEMBER + 1)
    over = end_of("2026-11") + KEPT * DAY
    assert (month_of(NOVEMBER), month_of(NOVEMBER + 1)) == ("2026-11", "2026-12")
    assert (keys.past(over - 1), keys.past(over)) == ([], ["2026-11"])
    secret = (tmp_path / "keys" / "2026-11.key").read_bytes()
    linked = tmp_path / "linked"
    linked.hardlink_to(tmp_path / "keys" / "2026-11.key")
    assert keys.destroy_past(over) == ["2026-11"]
    assert keys.destroy_past(over) == []
    assert not linked.read_bytes().strip(b"\0")  # overwritten, whoever still has hold of the file
    with pytest.raises(VaultBackupUnusable, match="destroyed"):
        restore(engine, MASTER, keys, tmp_path / "a.bak", overwrite=True)
    assert restore(engine, MASTER, keys, tmp_path / "b.bak", overwrite=True).persons == 2
    assert not any(secret in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_a_months_key_is_made_once_and_is_its_owners_alone(tmp_path: Path) -> None:
    keys = MonthKeys(tmp_path / "keys", KEPT)
    first = keys.now(NOVEMBER, secrets.token_bytes)
    assert keys.now(NOVEMBER - DAY, secrets.token_bytes) == first
    path = tmp_path / "keys" / "2026-11.key"
    assert path.parent.stat().st_mode & 0o777 == 0o700
    for mode in (0o644, 0o640, 0o602):
        path.chmod(mode)
        with pytest.raises(KeyUnusable, match=f"{mode:04o}"):
            keys.of("2026-11")
    path.chmod(0o600)
    path.write_text("nonsense")
    with pytest.raises(KeyUnusable):
        keys.of("2026-11")
    assert {one.name for one in path.parent.iterdir()} == {"2026-11.key"}
