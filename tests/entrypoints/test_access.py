"""A person is handed everything that is kept of them: fields, consents, accounts for as long as they were theirs."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from ledger.vault.tables import COPIES, READINGS, engine_of
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
    (read,) = desk.json("customer", "readings", f"customer/{LATER}")
    assert (read["reader"], read["reason"], read["fields"]) == (
        "staff-9",
        "asked-by-customer",
        ["email", "name"],
    )
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
    _erase(desk, FORMER, DAY.format(8))
    _access(desk, LATER, "again.zip")
    assert (
        _account(_files(desk, "again.zip")) == later
    )  # that the former one was forgotten is not for this one
    assert FORMER.encode() not in b"".join(_files(desk, "again.zip").values())
    _erase(desk, LATER, DAY.format(9))
    _access(desk, LATER, "own.zip")
    assert _types(_account(_files(desk, "own.zip")))[-1] == "ErasureAnswered"


def _erase(desk: Pulsa, customer: str, at: str) -> None:
    decided = ("--decided-by", "staff-1", "--approved-by", "staff-2", "--actor", "staff-1", "--at", at)
    desk.done("customer", "erase", f"customer/{customer}", *decided)


@pytest.fixture
def rich(desk: Pulsa) -> Pulsa:
    """The later holder with everything that can be kept: a contract, money, disputes, requests, a case, a breach."""
    who, at = f"customer/{LATER}", ("--at", DAY.format(8))
    opened = ("--terms", "smartfren-elite-2023", "--plan", "elite-100", "--customer", LATER)
    desk.done("contract", "open", OTHER, *opened, "--registration", "verified", "--billing-day", "10", *at)
    deposit = ("--deposit", "d-1", "--amount", "500000", "--purpose", "roaming", "--payer", LATER)
    desk.done("deposit", "receive", OTHER, *deposit, *at)
    call = ("--service", "voice", "--direction", "outgoing", "--destination", "off-net", "--zone", "zone1")
    used = ("--used-at", DAY.format(9), "--quantity", "200", "--at", DAY.format(9))
    desk.done("usage", "record", OTHER, *call, *used)
    desk.done("number", "advance", OTHER, "--at", DAY.format(11))
    paid = ("--reference", "p-1", "--amount", "50000", "--method", "cash", "--payer", LATER)
    desk.done("payment", "receive", OTHER, *paid, "--at", DAY.format(11))
    late = ("--reference", "p-2", "--amount", "7000", "--method", "transfer", "--payer", LATER)
    desk.done("payment", "receive", NUMBER, *late, "--at", DAY.format(11))
    claim = ("--dispute", "C-1", "--about", "balance", "--claimed", "1000", "--unit", "PULSA")
    desk.done(
        "dispute", "open", NUMBER, *claim, "--reason", "amount", "--opened-by", LATER, "--at", DAY.format(12)
    )
    desk.done(
        "customer", "request-access", who, "--request", "a-0", "--channel", "care", "--at", DAY.format(12)
    )
    desk.done("customer", "restrict", who, "--channel", "care", "--at", DAY.format(12))
    desk.done("customer", "hold", who, "--reference", "case-7", "--at", DAY.format(12))
    _erase(desk, LATER, DAY.format(13))
    breach = ("--terms", "privacy-smarty", "--scope", "lost-laptop", "--persons", "2")
    found = ("--fields", "email", "--discovered-at", DAY.format(14), "--at", DAY.format(14))
    desk.done("customer", "record-breach", "breach/b-1", *breach, *found)
    return desk


@pytest.mark.clause("PM-03")
def test_everything_that_is_kept_is_there_and_named_by_what_it_is(rich: Pulsa) -> None:
    _access(rich, LATER)
    files = _files(rich)
    person = json.loads(files["person.json"])
    assert person["restricted"] is True
    assert [(one["purpose"], one["given"]) for one in person["consents"]] == [("offers", False)]
    assert [(one["msisdn"], one["offers"]) for one in person["preferences"]] == [
        (NUMBER, False),
        (OTHER, False),
    ]
    assert {(one["kind"], one["request"], one["breached"]) for one in person["requests"]} == {
        ("access", "a-0", True),
        ("restriction", "restriction", False),
    }
    assert person["requests"][0]["limit_at"] == "2024-03-15T03:00:00Z"
    assert [(one["reference"], one["lifted_at"]) for one in person["holds"]] == [("case-7", None)]
    [erasure] = person["erasures"]
    assert (erasure["state"], erasure["objections"][0]["reason"]) == ("blocked", "legal-hold")
    assert [(one["breach"], one["fields"], one["persons"]) for one in person["breaches"]] == [
        ("b-1", ["email"], 2)
    ]
    assert person["fields_erased"] == person["disclosures"] == []
    accounts = {
        one["account"]: one
        for name in files
        if name.startswith("accounts/")
        for one in [json.loads(files[name])]
    }
    contract, number = accounts[f"{OTHER}#1"], accounts[f"{NUMBER}#1"]
    assert [(one["reference"], one["amount"], one["state"]) for one in contract["payments"]] == [
        ("p-1", "50000", "settled")
    ]
    assert [(one["received"], one["held"]) for one in contract["deposits"]] == [("500000", "500000")]
    assert [(one["dispute"], one["claimed"], one["state"]) for one in number["disputes"]] == [
        ("C-1", "1000", "open")
    ]
    assert [(one["reference"], one["amount"], one["state"]) for one in number["suspense"]] == [
        ("p-2", "7000", "in-suspense")
    ]
    assert contract["suspense"] == []
    assert contract["bills"] == [f"{OTHER}-1-B0001"]
    [item] = json.loads(files[f"bills/{OTHER}-1-B0001.json"])["items"]
    assert (item["service"], item["destination"], item["quantity"]) == ("voice", "off-net", 200)
    assert "Panggilan" in files[f"bills/{OTHER}-1-B0001.html"].decode()
    for staff in ("staff-1", "staff-2", "staff-3", "staff-9"):
        assert not [name for name, content in files.items() if staff.encode() in content], staff


@pytest.mark.clause("PM-03")
def test_the_page_says_it_in_both_languages(rich: Pulsa) -> None:
    _access(rich, LATER)
    page = _files(rich)["index.html"].decode()
    for said in (
        "Permintaan Anda <small>Your requests",
        "Salinan data <small>Access",
        "terlambat / late",
        "Ditahan untuk perkara <small>Held for a case",
        "case-7: 2024-03-12 10:00 WIB",
        "pemrosesan dibatasi / processing is restricted",
        "Penghapusan <small>Erasure",
        "Kebocoran data <small>Breaches of data",
        "Pembayaran <small>Payments",
        "Sengketa <small>Disputes",
        "Uang yang belum dibukukan <small>Money that no account has taken",
        "Deposit",
        "Panggilan: off-net, zone1 <small>Calls, 200 s",
        "Isi ulang <small>Credit topped up",
        "Perubahan / Change",
        "+Rp 10.000",
    ):
        assert said in page, said


@pytest.mark.clause("SP23-11", "PM-03")
def test_lines_of_others_statements_are_those_of_the_days_on_which_the_account_was_theirs(
    desk: Pulsa,
) -> None:
    """Not of whoever has the number next; one of the day of the transfer alone is told to neither."""
    passed = "2024-10-02T10:00:00+07:00"
    for customer, at in ((FORMER, DAY.format(2)), (LATER, passed)):
        pack = ("--terms", "smartfren-prepaid-2023", "--printed-credit", "0", "--valid-until", "2030-12-31")
        desk.done("number", "issue", OTHER, *pack, "--at", at)
        whose = ("--channel", "sms-4444", "--customer", customer, "--registration", "verified")
        desk.done("number", "activate", OTHER, *whose, "--at", at)
        if customer == FORMER:
            desk.done("number", "terminate", OTHER, "--ground", "b", "--at", DAY.format(9))
            desk.done("number", "advance", OTHER, "--at", "2024-10-01T10:00:00+07:00")
    days = {NUMBER: ("03-03", "03-05", "03-06"), OTHER: ("03-08", "09-30", "10-10")}
    rows = [f"{n}-{day},{n},2024-{day},10000" for n, some in days.items() for day in some]
    fields = 'kind = "channel"\nfields = ["reference", "account", "date", "amount"]\nnumber = "2024"\n'
    file = (desk.file("2024.csv", *rows), "--mapping", desk.file("2024.toml", fields))
    now = ("--now", "2024-10-20T10:00:00+07:00")
    desk.done("statement", "receive", *file, *now)
    told: dict[str, set[str]] = {}
    for customer in (FORMER, LATER):
        out = str(desk.folder / f"{customer}.zip")
        desk.done("customer", "access", f"customer/{customer}", out, "--by", "s", "--reason", "r", *now)
        files = _files(desk, f"{customer}.zip")
        accounts = [json.loads(files[name]) for name in files if name.startswith("accounts/")]
        lines = [line for account in accounts for line in account["statement_lines"]]
        told[customer] = {line["reference"] for line in lines}
        assert {(line["of"], line["amount"], "raw" in line) for line in lines} == {
            ("channel", "10000", False)
        }
    assert told == {
        FORMER: {f"{NUMBER}-03-03", f"{OTHER}-03-08"},
        LATER: {f"{NUMBER}-03-06", f"{OTHER}-10-10"},
    }


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
    assert (refused.exit_code, "restricted" in refused.stderr) == (1, True)
    assert not (desk.folder / "out.zip").exists()
    assert desk.json("customer", "readings", about[0]) == []
    desk.done("customer", "request-access", *about, "--request", "a-1")
    assert _access(desk, LATER)["request"] == "a-1"


def test_whoever_was_read_very_often_is_told_of_every_time(desk: Pulsa) -> None:
    _access(desk, LATER)
    one = {"at": 1, "reader": "staff-8", "customer": LATER, "fields": "name", "reason": "asked"}
    made = {"at": 2, "customer": LATER, "kind": "bundle", "of": NUMBER}
    engine = engine_of(f"sqlite:///{desk.log}.vault.db")
    with engine.begin() as connection:
        connection.execute(insert(READINGS), [one] * 1_001)
        connection.execute(insert(COPIES), [made | {"digest": n.to_bytes(32)} for n in range(1_001)])
    engine.dispose()
    _access(desk, LATER, "again.zip")
    files = _files(desk, "again.zip")
    assert [len(json.loads(files[name])) for name in ("readings.json", "copies.json")] == [1_003, 1_002]


def test_a_file_that_is_there_is_not_written_over_and_nobody_is_nobody(desk: Pulsa) -> None:
    _access(desk, LATER)
    who = ("--by", "s", "--reason", "r", "--now", NOW)
    out = str(desk.folder / "out.zip")
    assert desk.complaint("customer", "access", f"customer/{LATER}", out, *who).startswith("file-exists: ")
    nobody = desk("customer", "access", "customer/nobody", str(desk.folder / "x.zip"), *who)
    assert nobody.exit_code == 1
    assert not (desk.folder / "x.zip").exists()
    assert not list(desk.folder.glob("*.part"))
    unnamed = desk("customer", "access", f"customer/{LATER}", str(desk.folder / "\udcff.zip"), *who)
    assert (unnamed.exit_code, "is no UTF-8" in unnamed.stderr) == (2, True)


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
