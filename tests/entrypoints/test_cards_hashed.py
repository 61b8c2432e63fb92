"""A card's own number stands in no log: what it is called there is a hash of it, under a key that the vault keeps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ledger.domain.line.commands import ReplaceCard
from ledger.domain.refusals import Invalid
from ledger.entrypoints.kafka import avro_forms
from tests.entrypoints.pulsa import NUMBER, START, Pulsa

ICCID = "8962090000000000017"


@pytest.fixture
def desk(pulsa: Pulsa, tmp_path: Path) -> Pulsa:
    key = tmp_path / "keys" / "vault.key"
    key.parent.mkdir()
    pulsa.environment |= {"PULSA_VAULT_KEY": str(key), "PULSA_VAULT_BACKUP_KEYS": str(key.parent / "months")}
    pulsa.done("vault", "new-key", str(key))
    pulsa.active(credit="90000")
    return pulsa


def replaced(desk: Pulsa, id_: str, iccid: str, *more: str) -> str:
    own = ("--iccid", iccid, "--identity-checked", "--command-id", id_, "--now", START)
    return desk.done("number", "replace-card", NUMBER, *own, *more)


def cards(desk: Pulsa) -> list[str]:
    return [one["data"]["iccid"] for one in desk.events() if one["type"].endswith("CardReplaced")]


def test_a_card_has_one_name_whatever_way_it_comes_and_its_number_stands_nowhere(desk: Pulsa) -> None:
    replaced(desk, "c-0", ICCID, "--dry-run")
    assert not (desk.folder / "pulsa.db.vault.db").exists()
    replaced(desk, "c-1", ICCID)
    line = {"command": "ReplaceCard", "at": START, "msisdn": NUMBER, "identity_checked": True}
    feed = desk.file("in.jsonl", line | {"command_id": "c-2", "iccid": "8962 0900-0000 0000017"})
    desk.done("ingest", feed)
    Path(feed).unlink()
    assert replaced(desk, "c-1", ICCID).startswith("repeated")
    [first, second] = cards(desk)
    assert (first, len(first)) == (second, 64)

    backup, new = desk.folder / "vault.bak", desk.folder / "keys" / "next.key"
    desk.done("vault", "new-key", str(new))
    desk.done("vault", "rotate", "--new-key", str(new))
    desk.environment["PULSA_VAULT_KEY"] = str(new)
    desk.done("vault", "backup", str(backup), "--now", START)
    (desk.folder / "pulsa.db.vault.db").unlink()
    desk.done("vault", "restore", str(backup), "--now", START)
    replaced(desk, "c-3", ICCID)
    replaced(desk, "c-4", first)
    assert cards(desk) == [first] * 4
    found = [
        path for path in desk.folder.rglob("*") if path.is_file() and ICCID.encode() in path.read_bytes()
    ]
    assert found == []


def test_a_backup_of_before_the_first_card_takes_its_name_from_none(desk: Pulsa) -> None:
    backup = desk.folder / "vault.bak"
    desk.done("vault", "backup", str(backup), "--now", START)
    replaced(desk, "c-1", ICCID)
    desk.done("vault", "restore", str(backup), "--now", START)
    replaced(desk, "c-2", ICCID)
    [first, second] = cards(desk)
    assert first == second


def test_without_a_vault_no_cards_number_is_taken(pulsa: Pulsa) -> None:
    pulsa.active()
    own = ("--iccid", ICCID, "--identity-checked", "--now", START)
    result = pulsa("number", "replace-card", NUMBER, *own)
    assert (result.exit_code, "PULSA_VAULT_KEY" in result.output) == (1, True)
    assert ICCID not in result.output
    assert cards(pulsa) == []


def test_on_kafka_a_card_comes_by_its_name_alone() -> None:
    said: dict[str, Any] = {"at": 0, "command_id": "c", "msisdn": NUMBER, "identity_checked": True}
    avro_forms.check(ReplaceCard(iccid="ab" * 32, **said))
    with pytest.raises(Invalid, match="iccid: not 64 hexadecimal digits"):
        avro_forms.check(ReplaceCard(iccid=ICCID, **said))
