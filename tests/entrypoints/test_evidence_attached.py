"""A file that is attached to a dispute at the desk is kept, and goes with the person whose the account was."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ledger.reconciliation.evidence_store import EvidenceStore, Kept
from tests.entrypoints.pulsa import NUMBER, SP23, Pulsa

OWN = "CAB3DE4FG5HI6JK7LM2NO"
CUSTOMER = f"customer/{OWN}"
LETTER = b"Bagaskara Quetzalcoatl, Jalan Xochimilco 77, Bandung\n"
DAY = "2023-07-{:02}T10:00:00+07:00"
MUCH_LATER = DAY.format(25)


@pytest.fixture
def desk(pulsa: Pulsa) -> Pulsa:
    """A registered person who has opened a dispute."""
    key = pulsa.folder / "keys" / "vault.key"
    key.parent.mkdir()
    desk = Pulsa(pulsa.folder, **pulsa.environment | {"PULSA_VAULT_KEY": str(key)})
    desk.done("vault", "new-key", str(key))
    own = ("--terms", "privacy-smarty", "--source", "gallery", "--at", DAY.format(1))
    desk.done("customer", "register", CUSTOMER, "--values", "-", *own, feed=json.dumps({"name": "B. Q."}))
    pack = ("--terms", SP23, "--printed-credit", "5000", "--valid-until", "2030-12-31")
    desk.done("number", "issue", NUMBER, *pack, "--at", DAY.format(2))
    verified = ("--channel", "sms-4444", "--customer", OWN, "--registration", "verified")
    desk.done("number", "activate", NUMBER, *verified, "--at", DAY.format(2))
    about = ("--about", "balance", "--claimed", "1", "--unit", "PULSA", "--reason", "amount")
    opened = ("--dispute", "C-1", "--opened-by", "c-17", "--at", DAY.format(3))
    desk.done("dispute", "open", NUMBER, *about, *opened)
    return desk


def _kept(desk: Pulsa) -> list[bytes]:
    folder = Path(f"{desk.log}.evidence")
    return [path.read_bytes() for path in folder.iterdir()] if folder.exists() else []


def _left(desk: Pulsa, now: str = MUCH_LATER) -> list[tuple[str, str]]:
    lines = desk("vault", "check", "--json", "--now", now, PULSA_EVIDENCE_DAYS="36500").stdout.splitlines()
    return sorted((one["kind"], one["keeper"]) for one in map(json.loads, lines))


@pytest.mark.clause("PM-06")
def test_a_file_is_kept_as_evidence_until_its_person_is_erased(desk: Pulsa) -> None:
    letter = desk.folder / "letter.txt"
    letter.write_bytes(LETTER)
    named = ("--media-type", "text/plain", "--title", "letter", "--at", DAY.format(4))
    attach = ("dispute", "attach", NUMBER, "--dispute", "C-1", "--file", str(letter), *named)
    unknown = desk("dispute", "attach", NUMBER, "--dispute", "C-9", "--file", str(letter), *named)
    assert (unknown.exit_code, _kept(desk)) == (1, [])  # nothing names it
    desk.done(*attach, "--dry-run")
    assert _kept(desk) == []
    for both in ((), ("--file", str(letter), "--digest", "ab" * 32)):
        refused = desk("dispute", "attach", NUMBER, "--dispute", "C-1", *both, *named)
        assert (refused.exit_code, "--digest where it lies elsewhere" in refused.stderr) == (2, True)
    desk.done(*attach)
    (event,) = desk.json("log", "events", "--type", "EvidenceAttached")
    (file,) = Path(f"{desk.log}.evidence").iterdir()
    assert (event["data"]["digest"] == file.name, event["data"]["lies_in"], _kept(desk)) == (
        *(True, "evidence-store"),
        [LETTER],
    )
    assert (desk(*attach).exit_code, _kept(desk)) == (1, [LETTER])  # refused, and it was there before
    file.rename(desk.folder / "away")
    lost = desk("log", "verify")
    assert (lost.exit_code, "No such file" in lost.output) == (1, True)
    (desk.folder / "away").rename(file)
    assert "clean" in desk.done("log", "verify")
    letter.unlink()
    (file.parent / ".half").write_bytes(LETTER)  # whoever kept it was stopped
    (stray,) = _left(desk, "2999-01-01T00:00:00+07:00")
    assert stray == ("file-without-event", "files of statements")
    assert _left(desk) == []  # it may be on its way
    (file.parent / ".half").unlink()

    how = ("--decision", "rejected", "--reason", "record", "--decided-by", "staff-3", "--actor", "staff-3")
    desk.done("dispute", "decide", NUMBER, "--dispute", "C-1", *how, "--at", DAY.format(5))
    desk.done("number", "terminate", NUMBER, "--ground", "b", "--at", DAY.format(6))
    decided = ("--decided-by", "staff-1", "--approved-by", "staff-2", "--actor", "staff-1")
    desk.done("customer", "erase", CUSTOMER, *decided, "--at", DAY.format(7))
    assert _left(desk) == [("erased-and-kept", "evidence of disputes"), ("erased-and-kept", "the vault")]
    (swept,) = desk.json("vault", "sweep", "--now", MUCH_LATER)
    assert (swept["reached"]["evidence of disputes"], _kept(desk), _left(desk)) == (1, [], [])
    (report,) = desk.json("log", "verify")
    assert (report["clean"], [one["account"] for one in report["gone"]]) == (True, [f"{NUMBER}#1"])
    planted = [one for one in LETTER.decode().replace(",", "").split() if len(one) > 3]
    for path in desk.folder.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        assert not [one for one in planted if one.encode() in content], path


def test_what_somebody_else_keeps_meanwhile_is_not_taken_back(
    desk: Pulsa, monkeypatch: pytest.MonkeyPatch
) -> None:
    letter = desk.folder / "letter.txt"
    letter.write_bytes(LETTER)
    keep, others = EvidenceStore.keep, list[Kept]()

    def kept_twice(store: EvidenceStore, source: Path) -> Kept:
        mine = keep(store, source)
        others.append(keep(store, source))
        return mine

    monkeypatch.setattr(EvidenceStore, "keep", kept_twice)
    named = ("--media-type", "text/plain", "--title", "letter", "--at", DAY.format(4))
    refused = desk("dispute", "attach", NUMBER, "--dispute", "C-9", "--file", str(letter), *named)
    assert (refused.exit_code, others[0].is_new, _kept(desk)) == (1, False, [LETTER])
