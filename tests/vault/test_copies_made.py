"""Copies that were made of a person are noted, and go with the person where they lie as they were put."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import Engine, update

from ledger.errors import VaultConflict
from ledger.vault.copies_made import CopyMade, copies_of, erase_copies, left_lying, noted_first, part_of
from ledger.vault.fields_gone import FieldsGone
from ledger.vault.master_keys import MasterKey
from ledger.vault.month_keys import MonthKeys
from ledger.vault.tables import COPIES, engine_of
from ledger.vault.vault import Vault
from ledger.vault.vault_backup import back_up, restore

CUSTOMER, OTHER = "CAAAAAAAAAAAAAAAAAAAA", "CBBBBBBBBBBBBBBBBBBBB"
CONTENT = b"all of Bagaskara Quetzalcoatl"
MASTER = MasterKey(bytes(range(32)))


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = engine_of(f"sqlite:///{tmp_path / 'vault.db'}")
    yield made
    made.dispose()


@pytest.fixture
def vault(engine: Engine) -> Vault:
    made = Vault(engine, MASTER, secrets.token_bytes)
    made.write(CUSTOMER, "c-1", {"name": "Bagaskara Quetzalcoatl"}, 1)
    return made


def _put(vault: Vault, place: Path, customer: str = CUSTOMER, *, version: int = 3, at: int = 1) -> Path:
    copy = CopyMade(customer, at, "access", customer, sha256(CONTENT).digest(), version, place)
    with noted_first(vault, [copy], secrets.token_bytes):
        place.write_bytes(CONTENT)
    return place


def _became(vault: Vault, customer: str = CUSTOMER) -> list[str | None]:
    return [one.became for one in copies_of(vault, customer)]


@pytest.mark.clause("PS-02", "PM-06")
def test_an_archive_that_lies_there_goes_with_its_person_and_what_became_of_others_is_told(
    vault: Vault, tmp_path: Path
) -> None:
    there, moved, changed, others = (
        _put(vault, tmp_path / name, at=n) for n, name in enumerate(("there", "moved", "changed", "dir"))
    )
    kept = _put(vault, tmp_path / "Wulandari.zip", OTHER)
    moved.unlink()
    changed.write_bytes(b"another's by now")
    others.unlink()
    others.mkdir()
    assert b"Wulandari" not in (tmp_path / "vault.db").read_bytes()  # a path may say whose it is
    assert list(left_lying(vault, [CUSTOMER], [])) == [(CUSTOMER, there)]
    assert erase_copies(vault, [CUSTOMER], []) == 1
    assert [path.exists() for path in (there, changed, others, kept)] == [False, True, True, True]
    assert (_became(vault), _became(vault, OTHER)) == (["changed", "changed", "gone", "deleted"], [None])
    assert {one.place for one in copies_of(vault, CUSTOMER)} == {None}
    assert (erase_copies(vault, [CUSTOMER], []), list(left_lying(vault, [CUSTOMER], []))) == (0, [])
    assert [one.place for one in copies_of(vault, OTHER)] == [kept]


def test_where_fields_go_so_does_what_was_made_of_them_and_not_what_came_later(
    vault: Vault, tmp_path: Path
) -> None:
    before, later = _put(vault, tmp_path / "before"), _put(vault, tmp_path / "later", version=5, at=2)
    gone = [FieldsGone(CUSTOMER, ["email"], ["c-1"], 4)]
    assert list(left_lying(vault, [], gone)) == [(CUSTOMER, before)]
    assert erase_copies(vault, [], gone) == 1
    assert [before.exists(), later.exists()] == [False, True]


def test_what_cannot_be_deleted_is_left_and_named_until_it_can_be(vault: Vault, tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir()
    place = _put(vault, folder / "out.zip")
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(folder)  # which nothing can be looked for in
    assert (erase_copies(vault, [CUSTOMER], []), _became(vault)) == (0, [None])
    folder.unlink()
    (tmp_path / "elsewhere").rename(folder)
    assert list(left_lying(vault, [CUSTOMER], [])) == [(CUSTOMER, place)]
    assert (erase_copies(vault, [CUSTOMER], []), place.exists()) == (1, False)


def test_what_lies_there_now_is_never_waited_for_and_a_link_is_no_copy(vault: Vault, tmp_path: Path) -> None:
    pipe, moved, apart = (
        _put(vault, tmp_path / name, at=n) for n, name in enumerate(("pipe", "moved", "apart"))
    )
    pipe.unlink()
    os.mkfifo(pipe)  # which nobody ever writes into
    moved.rename(tmp_path / "volume")
    moved.symlink_to(tmp_path / "volume")
    apart.unlink()
    apart.symlink_to("/dev/zero")  # which never ends
    assert list(left_lying(vault, [CUSTOMER], [])) == [(CUSTOMER, moved)]
    assert (erase_copies(vault, [CUSTOMER], []), _became(vault)) == (0, ["changed", None, "changed"])
    assert (moved.is_symlink(), moved.read_bytes()) == (
        True,
        CONTENT,
    )  # to delete the link would hide what it names
    (tmp_path / "volume").rename(moved)
    assert (erase_copies(vault, [CUSTOMER], []), moved.exists()) == (1, False)


def test_killed_between_the_file_and_the_note_it_is_settled_when_it_is_asked_again(
    vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = _put(vault, tmp_path / "out.zip")
    unlink = Path.unlink

    def killed(path: Path, missing_ok: bool = False) -> None:
        unlink(path, missing_ok)
        if path == place:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", killed)
        with pytest.raises(KeyboardInterrupt):
            erase_copies(vault, [CUSTOMER], [])
    assert (place.exists(), _became(vault)) == (False, [None])
    assert erase_copies(vault, [CUSTOMER], []) == 0
    assert _became(vault) == ["gone"]


def test_of_a_place_that_cannot_be_read_any_more_nobody_says_that_it_was_handed_over(
    engine: Engine, vault: Vault, tmp_path: Path
) -> None:
    place = _put(vault, tmp_path / "out.zip")
    with engine.begin() as connection:
        connection.execute(update(COPIES).values(place=b"another's"))
    assert (erase_copies(vault, [CUSTOMER], []), _became(vault)) == (0, ["lost"])
    assert place.exists()


def test_what_was_half_written_when_it_was_killed_goes_too(vault: Vault, tmp_path: Path) -> None:
    place = _put(vault, tmp_path / "out.zip")
    half = part_of(place, sha256(CONTENT).digest())
    place.rename(half)
    (tmp_path / "out.zip.7.part").write_bytes(b"somebody else's")
    assert list(left_lying(vault, [CUSTOMER], [])) == [(CUSTOMER, place)]
    assert (erase_copies(vault, [CUSTOMER], []), _became(vault)) == (0, ["gone"])
    assert [one.name for one in tmp_path.glob("out*")] == ["out.zip.7.part"]


def test_what_fails_is_noted_no_more_and_who_is_erased_meanwhile_is_left_in_no_file(
    vault: Vault, tmp_path: Path
) -> None:
    place = tmp_path / "out.zip"
    copy = CopyMade(CUSTOMER, 1, "access", CUSTOMER, sha256(CONTENT).digest(), 3, place)
    with pytest.raises(OSError, match="full"), noted_first(vault, [copy], secrets.token_bytes):
        raise OSError("full")
    assert copies_of(vault, CUSTOMER) == []
    with pytest.raises(OSError, match="no answer"), noted_first(vault, [copy], secrets.token_bytes):  # noqa: PT012
        place.write_bytes(CONTENT)
        raise OSError("no answer")
    assert list(left_lying(vault, [CUSTOMER], [])) == [
        (CUSTOMER, place)
    ]  # what was put lies there, and stays noted
    place.unlink()
    with pytest.raises(VaultConflict, match="meanwhile"), noted_first(vault, [copy], secrets.token_bytes):  # noqa: PT012
        vault.erase(CUSTOMER, 5)
        assert erase_copies(vault, [CUSTOMER], []) == 0
        place.write_bytes(CONTENT)
    assert not place.exists()
    with pytest.raises(VaultConflict, match="was erased"), noted_first(vault, [copy], secrets.token_bytes):
        raise AssertionError


def test_a_backup_brings_back_what_was_noted_and_forgets_nothing_since(
    vault: Vault, engine: Engine, tmp_path: Path
) -> None:
    first = _put(vault, tmp_path / "first")
    keys = MonthKeys(tmp_path / "keys", 35)
    back_up(vault, keys, tmp_path / "a.bak", 7, secrets.token_bytes)
    later = _put(vault, tmp_path / "later", at=2)
    assert erase_copies(vault, [CUSTOMER], []) == 2
    restore(engine, MASTER, keys, tmp_path / "a.bak", overwrite=True)
    assert [first.exists(), later.exists(), *_became(vault)] == [False, False, "deleted", "deleted"]
    lost = engine_of(f"sqlite:///{tmp_path / 'anew.db'}")
    restore(lost, MASTER, keys, tmp_path / "a.bak")
    again = Vault(lost, MASTER, secrets.token_bytes)
    assert [one.place for one in copies_of(again, CUSTOMER)] == [first]
    lost.dispose()


def test_on_postgresql_it_is_the_same(on_postgresql: Engine, tmp_path: Path) -> None:
    vault, keys = Vault(on_postgresql, MASTER, secrets.token_bytes), MonthKeys(tmp_path / "keys", 35)
    before, later = _put(vault, tmp_path / "before"), _put(vault, tmp_path / "later", version=5, at=2)
    back_up(vault, keys, tmp_path / "a.bak", 7, secrets.token_bytes)
    gone = [FieldsGone(CUSTOMER, ["email"], ["c-1"], 4)]
    assert list(left_lying(vault, [], gone)) == [(CUSTOMER, before)]
    assert (erase_copies(vault, [], gone), erase_copies(vault, [CUSTOMER], [])) == (1, 1)
    restore(on_postgresql, MASTER, keys, tmp_path / "a.bak", overwrite=True)
    assert [before.exists(), later.exists(), *_became(vault)] == [False, False, "deleted", "deleted"]
