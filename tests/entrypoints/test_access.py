"""A person is handed everything that is kept of them: fields, consents, accounts for as long as they were theirs."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.entrypoints.pulsa import NUMBER, OTHER, Pulsa

FORMER, LATER = "CAB3DE4FG5HI6JK7LM8NO", "CZZ3DE4FG5HI6JK7LM8NO"
NAMES = {FORMER: "Bagaskara Quetzalcoatl", LATER: "Wulandari <script>alert(1)</script>"}
DAY = "2024-03-{:02}T10:00:00+07:00"
NOW = DAY.format(20)


@pytest.fixture
def desk(tmp_path: Path) -> Pulsa:
    """A number that passed from one person to another, who also has a contract."""
    key = tmp_path / "keys" / "vault.key"
    key.parent.mkdir()
    pulsa = Pulsa(tmp_path, PULSA_VAULT_KEY=str(key))
    pulsa.done("vault", "new-key", str(key))
    for customer, name in NAMES.items():
        own = ("--terms", "privacy-smarty", "--source", "gallery", "--at", DAY.format(1))
        feed = json.dumps({"name": name, "email": "b.q@example.net"})
        pulsa.done("customer", "register", f"customer/{customer}", "--values", "-", *own, feed=feed)
    pack = ("--terms", "smartfren-prepaid-2023", "--printed-credit", "5000", "--valid-until", "2030-12-31")
    pulsa.done("number", "issue", NUMBER, *pack, "--at", DAY.format(2))
    verified = ("--channel", "sms-4444", "--customer", FORMER, "--registration", "verified")
    pulsa.done("number", "activate", NUMBER, *verified, "--at", DAY.format(2))
    paid = ("--credit", "10000", "--price", "11000", "--channel", "app")
    pulsa.done("credit", "top-up", NUMBER, *paid, "--at", DAY.format(3))
    request = ("--request", "r-1", "--to-customer", LATER)
    pulsa.done("number", "request-transfer", NUMBER, *request, "--at", DAY.format(4))
    decided = ("--request", "r-1", "--decision", "approved", "--decided-by", "staff-3")
    pulsa.done("number", "decide-transfer", NUMBER, *decided, "--at", DAY.format(5))
    pulsa.done("credit", "top-up", NUMBER, *paid, "--at", DAY.format(6))
    consent = ("--purpose", "offers", "--channel", "600-600", "--at", DAY.format(7))
    pulsa.done("customer", "withdraw-consent", f"customer/{LATER}", *consent)
    return pulsa


def _access(desk: Pulsa, customer: str, name: str = "out.zip", *more: str) -> dict[str, Any]:
    who = ("--by", "staff-9", "--reason", "asked-by-customer", "--now", NOW)
    (said,) = desk.json("customer", "access", f"customer/{customer}", str(desk.folder / name), *who, *more)
    return dict(said)


def _files(desk: Pulsa, name: str = "out.zip") -> dict[str, bytes]:
    with zipfile.ZipFile(desk.folder / name) as bundle:
        return {one: bundle.read(one) for one in bundle.namelist()}


def _account(files: dict[str, bytes]) -> dict[str, Any]:
    (name,) = [one for one in files if one.startswith("accounts/")]
    return dict(json.loads(files[name]))


def _types(account: dict[str, Any]) -> list[str]:
    return [event["type"].rpartition(".")[2] for event in account["events"]]


@pytest.mark.clause("PM-03")
def test_everything_about_a_person_is_in_the_archive_and_nobody_else(desk: Pulsa) -> None:
    _access(desk, LATER)
    files = _files(desk)
    person = json.loads(files["person.json"])
    assert [(one["field"], one["value"]) for one in person["fields"]] == [
        ("email", "b.q@example.net"),
        ("name", NAMES[LATER]),
    ]
    assert all(one["purpose"] for one in person["fields"])
    events = [one["type"].rpartition(".")[2] for one in json.loads(files["events.json"])]
    assert {"CustomerRegistered", "ConsentWithdrawn"} <= set(events)
    assert [one["reason"] for one in json.loads(files["readings.json"])] == ["asked-by-customer"]
    for other in (NAMES[FORMER], FORMER, "staff-3", "staff-9"):
        assert not any(other.encode() in content for content in files.values()), other
    assert (desk.folder / "out.zip").stat().st_mode & 0o777 == 0o600


@pytest.mark.clause("SP23-11")
def test_what_a_holder_is_told_begins_at_the_transfer_with_what_was_there_then(desk: Pulsa) -> None:
    _access(desk, LATER)
    later = _account(_files(desk))
    assert later["opening"]["credit"] == "15000"
    assert _types(later) == ["RightsTransferred", "CreditToppedUp"]
    assert (later["since"], later["until"]) == ("2024-03-05T03:00:00Z", None)
    _access(desk, FORMER, "former.zip")
    former = _account(_files(desk, "former.zip"))
    assert former["opening"] is None
    assert (_types(former)[0], _types(former)[-1]) == ("Activated", "RightsTransferred")
    assert former["until"] == "2024-03-05T03:00:00Z"
    assert "clean" in desk.done("log", "verify")  # both were told of it under one id
    assert LATER.encode() not in b"".join(_files(desk, "former.zip").values())


def test_an_open_request_is_answered_with_the_digest_of_the_archive(desk: Pulsa) -> None:
    asked = (f"customer/{LATER}", "--request", "a-1", "--channel", "care", "--at", DAY.format(8))
    desk.done("customer", "request-access", *asked)
    tried = _access(desk, LATER, "out.zip", "--dry-run")
    assert not (desk.folder / "out.zip").exists()
    assert desk.json("customer", "readings", f"customer/{LATER}") == []
    assert desk.json("log", "events", "--type", "AccessAnswered") == []
    said = _access(desk, LATER)
    assert tried == {**said, "dry_run": True}
    digest = hashlib.sha256((desk.folder / "out.zip").read_bytes()).hexdigest()
    assert said == {"file": str(desk.folder / "out.zip"), "digest": digest, "request": "a-1"}
    (event,) = desk.json("log", "events", "--type", "AccessAnswered")
    assert event["data"] == {"request": "a-1", "digest": digest}
    assert _access(desk, LATER, "again.zip")["request"] is None


def test_who_is_restricted_is_gathered_only_for_a_request_of_their_own(desk: Pulsa) -> None:
    about = (f"customer/{LATER}", "--channel", "care", "--at", DAY.format(8))
    desk.done("customer", "restrict", *about)
    who = ("--by", "s", "--reason", "r", "--now", NOW)
    refused = desk("customer", "access", about[0], str(desk.folder / "out.zip"), *who)
    assert (refused.exit_code, "restricted" in refused.stdout) == (1, True)
    assert not (desk.folder / "out.zip").exists()
    assert desk.json("customer", "readings", about[0]) == []
    desk.done("customer", "request-access", *about, "--request", "a-1")
    assert _access(desk, LATER)["request"] == "a-1"


def test_a_file_that_is_there_is_not_written_over_and_nobody_is_nobody(desk: Pulsa) -> None:
    _access(desk, LATER)
    who = ("--by", "s", "--reason", "r", "--now", NOW)
    out = str(desk.folder / "out.zip")
    assert desk.complaint("customer", "access", f"customer/{LATER}", out, *who).startswith("file-exists: ")
    nobody = desk("customer", "access", "customer/nobody", str(desk.folder / "x.zip"), *who)
    assert nobody.exit_code == 1
    assert not (desk.folder / "x.zip").exists()
    assert not list(desk.folder.glob("*.part"))


def test_the_page_needs_nothing_else_and_runs_nothing_of_what_a_person_wrote(desk: Pulsa) -> None:
    _access(desk, LATER)
    page = _files(desk)["index.html"].decode()
    assert (" UTC<" in page, " WIB<" in page) == (False, True)
    assert "display: none" not in page  # whom data went to is told on a telephone, too
    assert "blocks: " not in page
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "http" not in page.replace("http-equiv", "")
    assert "Saldo awal / Opening balance" in page
    assert "Rp 15.000" in page


def test_a_contract_comes_with_its_bills(desk: Pulsa) -> None:
    opened = ("--terms", "smartfren-elite-2023", "--plan", "elite-100", "--customer", LATER)
    more = ("--registration", "verified", "--billing-day", "1", "--at", DAY.format(9))
    desk.done("contract", "open", OTHER, *opened, *more)
    later = "2024-04-03T00:00:00+07:00"
    desk.done("log", "advance", "--now", later)
    who = ("--by", "staff-9", "--reason", "asked-by-customer", "--now", later)
    desk.done("customer", "access", f"customer/{LATER}", str(desk.folder / "out.zip"), *who)
    files = _files(desk)
    bills = [name for name in files if name.startswith("bills/")]
    assert [Path(name).suffix for name in sorted(bills)] == [".html", ".json"]
    assert f'href="{min(bills)}"' in files["index.html"].decode()
