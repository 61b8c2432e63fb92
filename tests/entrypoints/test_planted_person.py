"""A person with a rare name, planted through every door: nobody is found in the log, and after an erasure nowhere.

Every file that lies about is somebody's of the registry, and is searched byte by byte, its name too. Statements of a
bank are kept whole, and go by their own time.
"""

from __future__ import annotations

import gzip
import json
import shutil
import tempfile
import zipfile
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from ledger.wiring.copy_keepers import KEEPERS, CopyKeeper
from tests.entrypoints.planted import IN_FILES, IN_TESTS, PERSON, RECEIPT, kept_by
from tests.entrypoints.pulsa import NUMBER, SP23, Pulsa
from tests.failing import failing
from tests.reconciliation.camt_files import camt, entry

OWN, NEXT = "CAB3DE4FG5HI6JK7LM2NO", "CZZ3DE4FG5HI6JK7LM2NO"
CUSTOMER = f"customer/{OWN}"
DAY = "2023-07-{:02}T10:00:00+07:00"
IN_A_FILE = {"email", "identity-number"}
"""What of the person the last file of commands holds that is taken in."""
CLOSED, LATER, MUCH_LATER = DAY.format(20), DAY.format(21), DAY.format(25)
MT940 = (
    ":20:{email}\r\n:25:1234567890\r\n:28C:7/1\r\n:60F:C230701IDR0,\r\n"
    ":61:2307030703C100,NTRF{identity-number}//{bank-account}\r\n{address}\r\n"
    ":86:/NAME/{name}/IBAN/{bank-account} EREF+{email} ORDER-1\r\n"
    ":61:bad line {name}\r\n:62F:C230731IDR100,\r\n"
)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pulsa:
    keys, passing = tmp_path / "keys", tmp_path / "passing"
    keys.mkdir()
    passing.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(passing))
    key = keys / "vault.key"
    pulsa = Pulsa(tmp_path, PULSA_VAULT_KEY=str(key), PULSA_VAULT_BACKUP_KEYS=str(keys / "months"))
    pulsa.done("vault", "new-key", str(key))
    return pulsa


def _planted(desk: Pulsa) -> list[str]:
    """Puts the person in at every door; what was said of it."""
    own = ("--terms", "privacy-smarty", "--source", "gallery", "--at", DAY.format(1))
    register = ("customer", "register", CUSTOMER, "--values", "-", "--command-id", "r-1", *own)
    said = [desk.done(*register, "--dry-run", feed=json.dumps(PERSON))]
    with failing(lambda asked: asked.command_id == "r-1"):
        raised = desk(*register, feed=json.dumps(PERSON))
    assert (raised.exit_code, "defect" in raised.output) == (1, True)
    assert _checked(desk) == []  # what was written for it is taken back
    said += [raised.output, desk.done(*register, feed=json.dumps(PERSON))]
    other: dict[str, Any] = {
        "command": "RegisterCustomer",
        "command_id": "r-2",
        "at": DAY.format(1),
        "source": "web",
    }
    other |= {"customer": f"customer/{NEXT}", "terms": "privacy-smarty", "values": {"name": "Somebody Else"}}
    again: dict[str, Any] = {
        "command": "RectifyCustomer",
        "command_id": "r-3",
        "at": DAY.format(1),
        "customer": CUSTOMER,
    }
    again |= {"values": {"address": PERSON["address"]}}
    said.append(_ingested(desk, other, again))
    pack = ("--terms", SP23, "--printed-credit", "5000", "--valid-until", "2030-12-31")
    desk.done("number", "issue", NUMBER, *pack, "--at", DAY.format(2))
    verified = ("--channel", "sms-4444", "--customer", OWN, "--registration", "verified")
    desk.done("number", "activate", NUMBER, *verified, "--at", DAY.format(2))
    paid = {"command": "TopUp", "msisdn": NUMBER, "credit": "10000", "price": "11000", "at": DAY.format(3)}
    tops = [paid | {"command_id": f"t-{n}", "channel": text} for n, text in enumerate(PERSON.values())]
    texts = ("email", "identity-number")  # a name is told from other words by nobody
    said.append(_ingested(desk, *(one for one in tops if one["channel"] in [PERSON[name] for name in texts])))
    desk.done(
        "credit",
        "top-up",
        NUMBER,
        "--credit",
        "10000",
        "--price",
        "11000",
        "--channel",
        "app",
        "--command-id",
        "top-1",
        "--at",
        DAY.format(3),
    )
    _disputed(desk)
    said += _statements(desk)
    request = ("--request", "r-1", "--to-customer", NEXT, "--at", DAY.format(5))
    desk.done("number", "request-transfer", NUMBER, *request)
    decided = ("--request", "r-1", "--decision", "approved", "--decided-by", "staff-3", "--at", DAY.format(6))
    desk.done("number", "decide-transfer", NUMBER, *decided)
    released = ("--to", "police-jkt", "--ground", "law", "--fields", "name", "--reference", "order-7")
    approved = (
        "--approved-by",
        "staff-2",
        "--actor",
        "staff-1",
        "--command-id",
        "d-1",
        "--at",
        DAY.format(7),
    )
    desk.done("customer", "disclose", CUSTOMER, *released, *approved)
    desk.done("log", "advance", "--now", CLOSED)
    _pseudonymised(desk)
    return said


def _ingested(desk: Pulsa, *lines: dict[str, Any]) -> str:
    file = desk.file("in.jsonl", *lines)
    return desk("ingest", file, "--outcomes", str(desk.folder / "outcomes.jsonl")).output


def _disputed(desk: Pulsa) -> None:
    """A dispute with a receipt that names the person, and that is over."""
    digest = sha256(RECEIPT).hexdigest()
    folder = desk.folder / "pulsa.db.evidence"
    folder.mkdir()
    (folder / digest).write_bytes(RECEIPT)
    about = ("--about", "top-up", "--refers-to", "top-1", "--claimed", "20000", "--unit", "PULSA")
    own = (NUMBER, "--dispute", "C-1", "--at", DAY.format(4))
    desk.done("dispute", "open", *own, *about, "--reason", "amount", "--opened-by", OWN)
    attached = ("--digest", digest, "--media-type", "text/plain", "--title", "receipt")
    desk.done("dispute", "attach", *own, *attached)
    withdrawn = ("--decision", "withdrawn", "--reason", "record", "--decided-by", OWN, "--actor", OWN)
    desk.done("dispute", "decide", *own, *withdrawn)


def _statements(desk: Pulsa) -> list[str]:
    folder = desk.folder / "from-the-bank"
    folder.mkdir()
    (folder / "a.sta").write_text(MT940.format(**PERSON), "utf-8", newline="")
    booked = entry("100", "CRDT", reference=PERSON["identity-number"], name=PERSON["name"])
    (folder / "b.xml").write_bytes(camt(booked, closing="100"))
    said = [
        desk.done("statement", "receive", str(file), "--now", DAY.format(8))
        for file in sorted(folder.iterdir())
    ]
    shutil.rmtree(folder)
    return said


def _asked(desk: Pulsa) -> dict[str, Any]:
    """What the ledger says, as of a moment that is closed."""
    then = ("--as-of", CLOSED, "--known-at", CLOSED)
    return {
        "trial": desk.json("report", "trial-balance", *then),
        "history": desk.json("number", "history", NUMBER, *then),
        "enquiry": desk.json("enquiry", NUMBER, *then),
    }


def _exports(desk: Pulsa, name: str) -> None:
    for form in ("csv", "parquet", "hledger"):
        until = ("--to", "2023-07-20", "--known-at", CLOSED)
        desk.done("data", "export", form, "--out", str(desk.folder / f"{name}.{form}"), *until)


def _found(folder: Path) -> dict[str, set[str]]:
    """Which of the person's values are found, by who keeps the file: in its name or in it, in any spelling."""
    spelt = {
        (field, text.encode(code))
        for field, value in PERSON.items()
        for text in (value, value.lower(), value.upper(), value.replace(" ", ""))
        for code in ("utf-8", "utf-16-le")
    }
    held = kept_by(folder)
    assert "" not in held, held
    whole = {
        keeper: b"\0".join(path.name.encode() + _unpacked(path) for path in paths)
        for keeper, paths in held.items()
    }
    found = {keeper: {field for field, one in spelt if one in whole[keeper]} for keeper in whole}
    return {keeper: fields for keeper, fields in found.items() if fields}


def _unpacked(path: Path) -> bytes:
    """What a file holds; of an archive what its files do, of columns their values, of what is compressed the whole."""
    if path.suffix == ".parquet":
        return repr(pyarrow.parquet.read_table(path).to_pydict()).encode()
    if path.suffix == ".gz":
        return gzip.decompress(path.read_bytes())
    if not zipfile.is_zipfile(path):
        return path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        return b"\n".join(archive.read(name) for name in archive.namelist())


def _signing(desk: Pulsa) -> tuple[str, ...]:
    """A first checkpoint; how the next one is made."""
    key = desk.folder / "signing.key"
    (desk.folder / "public.key").write_text(
        desk.done("audit", "new-key", str(key), "--name", "ledger.example")
    )
    signed = ("audit", "checkpoint", "--key", str(key))
    desk.done(*signed)
    return signed


def _evidence(desk: Pulsa, name: str) -> None:
    """A bundle of the number that was the person's."""
    then = ("--known-at", DAY.format(19), "--as-of", DAY.format(19))
    trusted = ("--trust", str(desk.folder / "public.key"))
    desk.done("audit", "bundle", NUMBER, str(desk.folder / f"evidence-{name}.zip"), *then, *trusted)


@pytest.mark.clause("PS-02", "PM-06")
def test_a_planted_person_is_nowhere_and_nothing_else_changes(
    desk: Pulsa, capfd: pytest.CaptureFixture[str]
) -> None:
    said = _planted(desk)
    before, head = _asked(desk), desk.json("log", "events")
    _exports(desk, "before")
    signed = _signing(desk)
    _evidence(desk, "before")
    archive, backup = desk.folder / f"{PERSON['name']}.zip", desk.folder / "vault.bak"
    who = ("--by", "staff-9", "--reason", "asked-by-customer", "--now", CLOSED)
    desk.done("customer", "access", CUSTOMER, str(archive), *who)
    desk.done("vault", "backup", str(backup), "--now", CLOSED)
    desk.done("log", "backup", str(desk.folder / "log.bak"))
    desk.done("log", "copy", "--from", str(desk.log), "--to", f"parquet:{desk.folder / 'copy'}")
    hand_out = ("customer", "hand-out", CUSTOMER, "d-1", *who)
    assert desk.json(*hand_out) == [{"name": PERSON["name"]}]
    assert kept_by(desk.folder).keys() == IN_FILES.keys()
    whole = {"files of statements": {*PERSON}}
    goes = {"archives of access": {*PERSON}, "evidence of disputes": {"name", "email"}}
    assert _found(desk.folder) == {**whole, **goes, "files that are ingested": IN_A_FILE}
    (desk.folder / "in.jsonl").unlink()  # by its sender
    said += capfd.readouterr()
    assert not any(value in text for text in said for value in PERSON.values())
    assert list((desk.folder / "passing").iterdir()) == []

    erase = ("--decided-by", "staff-1", "--approved-by", "staff-2", "--actor", "staff-1", "--at", LATER)
    desk.done("customer", "erase", CUSTOMER, *erase)
    assert desk.json("log", "events", "--type", "PersonErased")
    left = [(one["kind"], one["keeper"]) for one in _checked(desk)]
    assert left == [
        ("erased-and-kept", keeper) for keeper in ("evidence of disputes", "archives of access", "the vault")
    ]
    sealed = _sealed(desk)
    desk.done("vault", "sweep", "--now", MUCH_LATER)
    assert _checked(desk) == []
    assert not any(one in path.read_bytes() for path in desk.folder.glob("*vault.db*") for one in sealed)
    assert _found(desk.folder) == whole
    assert desk(*hand_out).exit_code == 1

    shown = desk("customer", "show", CUSTOMER, "--fields", "name", "--by", "s", "--reason", "r")
    assert (shown.exit_code, "erased" in shown.output) == (1, True)
    handed = desk("customer", "access", CUSTOMER, str(archive), *who)
    assert (handed.exit_code, archive.exists()) == (1, False)
    refused = desk("customer", "rectify", CUSTOMER, "--values", "-", "--at", LATER, feed='{"name": "Again"}')
    assert refused.exit_code != 0

    desk.done("vault", "restore", str(backup), "--overwrite", "--now", MUCH_LATER)
    assert _checked(desk) == []  # who was erased since is erased again
    assert "Somebody Else" in desk.done(
        "customer", "show", f"customer/{NEXT}", "--fields", "name", "--by", "s", "--reason", "r"
    )

    _must_be_as_before(desk, before, head, whole)
    desk.done(*signed)  # what was signed before it is what there is now
    over = {"PULSA_EVIDENCE_DAYS": "1"}
    desk.done("vault", "sweep", "--now", MUCH_LATER, **over)
    assert _found(desk.folder) == {}
    assert "clean" in desk.done("log", "verify", "--now", MUCH_LATER, **over)
    desk.done("log", "replay")


def _must_be_as_before(
    desk: Pulsa, before: dict[str, Any], head: list[dict[str, Any]], whole: dict[str, set[str]]
) -> None:
    """Nothing that the ledger says or gives out is another than it was."""
    assert _asked(desk) == before
    assert desk.json("log", "events")[: len(head)] == head
    _exports(desk, "after")
    _evidence(desk, "after")
    assert _found(desk.folder) == whole
    assert _unpacked(desk.folder / "evidence-before.zip") == _unpacked(desk.folder / "evidence-after.zip")
    for form in ("csv", "parquet", "hledger"):
        told = [(desk.folder / f"{name}.{form}").read_bytes() for name in ("before", "after")]
        assert told[0] == told[1]


@pytest.mark.parametrize("keeper", KEEPERS, ids=lambda keeper: keeper.name)
def test_a_person_is_planted_with_every_keeper_of_copies(keeper: CopyKeeper) -> None:
    assert (keeper.name in IN_FILES) != (keeper.name in IN_TESTS)
    file, _, test = IN_TESTS.get(keeper.name, "").partition(": ")
    assert (
        f"\ndef {test}(" in (Path(__file__).parent / file).read_text("utf-8")
        if file
        else keeper.name in IN_FILES
    )


def test_nobody_is_planted_with_who_holds_no_copies() -> None:
    assert {*IN_FILES, *IN_TESTS} == {one.name for one in KEEPERS}


def _pseudonymised(desk: Pulsa) -> None:
    """Copies under other numbers."""
    key = desk.folder / "pseudonyms.key"
    key.write_bytes(bytes(range(32)))
    key.chmod(0o600)
    until = ("--to", "2023-07-20", "--known-at", CLOSED, "--pseudonymise", str(key))
    desk.done("data", "export", "csv", "--out", str(desk.folder / "renamed.csv"), *until)
    renamed = ("--to", str(desk.folder / "renamed.db"), "--pseudonymise", str(key))
    desk.done("log", "copy", "--from", str(desk.log), *renamed)


def _checked(desk: Pulsa) -> list[dict[str, Any]]:
    result = desk("vault", "check", "--json", "--now", MUCH_LATER)
    found = [json.loads(line) for line in result.stdout.splitlines()]
    return [one for one in found if one["kind"] != "backup-past-its-time"]


def _sealed(desk: Pulsa) -> list[bytes]:
    """What the vault has of the person, as it stands in its file."""
    import sqlite3

    with sqlite3.connect(desk.folder / "pulsa.db.vault.db") as database:
        columns = "SELECT sealed FROM field_values WHERE customer=? UNION SELECT wrapped FROM persons WHERE customer=?"
        found = [row[0] for row in database.execute(columns, (OWN, OWN))]
    database.close()
    assert len(found) > len(PERSON)
    return found
