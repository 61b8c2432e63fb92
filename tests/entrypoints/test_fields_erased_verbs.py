"""Fields whose retention is over leave the vault, and no backup brings them back; what came again later stays."""

from __future__ import annotations

import json
import sqlite3
import zipfile
from pathlib import Path

import pytest

from tests.entrypoints.pulsa import NUMBER, OTHER, Pulsa

OWN = "CAB3DE4FG5HI6JK7LM8NO"
CUSTOMER = f"customer/{OWN}"
FIRST, OVER, AGAIN, LATER = (
    f"{day}T10:00:00+07:00" for day in ("2024-03-01", "2025-03-02", "2025-03-03", "2025-03-04")
)
PACK = ("--terms", "smartfren-prepaid-2023", "--printed-credit", "5000", "--valid-until", "2030-12-31")
VERIFIED = ("--channel", "sms-4444", "--customer", OWN, "--registration", "verified")


@pytest.fixture
def desk(tmp_path: Path) -> Pulsa:
    keys = tmp_path / "keys"
    keys.mkdir()
    pulsa = Pulsa(
        tmp_path, PULSA_VAULT_KEY=str(keys / "vault.key"), PULSA_VAULT_BACKUP_KEYS=str(keys / "months")
    )
    pulsa.done("vault", "new-key", str(keys / "vault.key"))
    return pulsa


def says(desk: Pulsa, verb: str, values: dict[str, str], at: str, *more: str) -> None:
    desk.done("customer", verb, CUSTOMER, "--values", "-", *more, "--at", at, feed=json.dumps(values))


def shown(desk: Pulsa) -> dict[str, str]:
    asked = ("--fields", "name,email", "--by", "s", "--reason", "r", "--now", LATER)
    return dict(desk.json("customer", "show", CUSTOMER, *asked)[0])


def checked(desk: Pulsa) -> list[tuple[str, str]]:
    result = desk("vault", "check", "--json", "--now", LATER)
    return [(one["kind"], one["about"]) for one in map(json.loads, result.stdout.splitlines())]


def archive(desk: Pulsa, name: str) -> Path:
    place = desk.folder / name
    desk.done("customer", "access", CUSTOMER, str(place), "--by", "s", "--reason", "r", "--now", LATER)
    return place


def opened(desk: Pulsa, number: str, at: str) -> None:
    desk.done("number", "issue", number, *PACK, "--at", at)
    desk.done("number", "activate", number, *VERIFIED, "--at", at)


@pytest.mark.clause("PM-06", "PS-02")
def test_a_field_goes_from_the_vault_and_from_what_a_backup_brings_back(desk: Pulsa) -> None:
    says(
        desk,
        "register",
        {"name": "Budi", "email": "b@example.net"},
        FIRST,
        "--terms",
        "privacy-smarty",
        "--source",
        "w",
    )
    opened(desk, NUMBER, FIRST)
    order = ("--to", "police", "--ground", "law", "--fields", "name,email", "--reference", "o-7")
    by = ("--approved-by", "staff-2", "--actor", "staff-1", "--command-id", "d-1", "--at", FIRST)
    desk.done("customer", "disclose", CUSTOMER, *order, *by)
    desk.done("number", "terminate", NUMBER, "--ground", "b", "--at", FIRST)
    old = desk.folder / "old.bak"
    desk.done("vault", "backup", str(old), "--now", FIRST)
    made_before = archive(desk, "before.zip")
    desk.done("customer", "advance", CUSTOMER, "--at", OVER)
    assert checked(desk) == [
        ("erased-and-kept", f"{CUSTOMER}, {made_before}"),
        ("erased-and-kept", f"{CUSTOMER}, email"),
        ("backup-past-its-time", "2024-03"),
    ]
    assert shown(desk) == {"name": "Budi"}
    handed = ("customer", "hand-out", CUSTOMER, "d-1", "--by", "s", "--reason", "r", "--now", LATER)
    assert desk.json(*handed) == [{"name": "Budi"}]  # what is kept no more is not handed out, either
    made_later = archive(desk, "later.zip")
    with zipfile.ZipFile(made_later) as made:
        told, page = json.loads(made.read("person.json")), made.read("index.html").decode()
    gone = {"field": "email", "class": "contact", "at": "2025-03-01T03:00:00Z"}
    assert (told["fields_erased"], [one["field"] for one in told["fields"]]) == ([gone], ["name"])
    assert [(one["to"], one["ground"], one["reference"]) for one in told["disclosures"]] == [
        ("police", "law", "o-7")
    ]
    for said in ("Sudah dihapus, karena masa simpannya lewat", "police", "Nama, Surel <small>Name, E-mail"):
        assert said in page, said
    desk.done("vault", "sweep", "--now", FIRST)  # all of the log's erasures, from the first on
    assert [made_before.exists(), made_later.exists()] == [False, True]
    assert [kind for kind, _ in checked(desk)] == ["backup-past-its-time"]
    with sqlite3.connect(desk.folder / "pulsa.db.vault.db") as vault:
        assert vault.execute("SELECT field FROM field_values").fetchall() == [("name",)]
    vault.close()

    opened(desk, OTHER, AGAIN)
    says(desk, "rectify", {"email": "new@example.net"}, AGAIN)
    new = desk.folder / "new.bak"
    desk.done("vault", "backup", str(new), "--now", "2024-03-20T10:00:00+07:00")
    for backup, expected in ((new, {"name": "Budi", "email": "new@example.net"}),):
        desk.done("vault", "restore", str(backup), "--overwrite", "--now", LATER)
        assert shown(desk) == expected
    desk.done("vault", "restore", str(old), "--overwrite", "--now", LATER)
    assert "vault-behind" in desk.complaint(
        "customer", "show", CUSTOMER, "--fields", "email", "--by", "s", "--reason", "r", "--now", LATER
    )
    with sqlite3.connect(desk.folder / "pulsa.db.vault.db") as vault:
        assert vault.execute("SELECT field FROM field_values").fetchall() == [("name",)]
    vault.close()
