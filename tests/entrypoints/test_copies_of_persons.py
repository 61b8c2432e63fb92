"""Archives and bundles of a person are noted; an erasure reaches those that lie about, and tells of the others."""

from __future__ import annotations

import json
import os
import zipfile
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from ledger.vault.copies_made import part_of
from ledger.vault.vault import Vault
from tests.entrypoints.pulsa import NUMBER, SP23, Pulsa

OWN, OTHER = "CAB3DE4FG5HI6JK7LM2NO", "CZZ3DE4FG5HI6JK7LM2NO"
CUSTOMER = f"customer/{OWN}"
NAME = "Bagaskara Quetzalcoatl"
DAY = "2023-07-{:02}T10:00:00+07:00"
NOW = ("--now", DAY.format(20))
WHO = ("--by", "staff-9", "--reason", "asked-by-customer")


@pytest.fixture
def desk(tmp_path: Path) -> Pulsa:
    """A person whose number has passed to another, in a closed log."""
    key = tmp_path / "keys" / "vault.key"
    key.parent.mkdir()
    pulsa = Pulsa(tmp_path, PULSA_VAULT_KEY=str(key))
    pulsa.done("vault", "new-key", str(key))
    own = ("--values", "-", "--terms", "privacy-smarty", "--source", "gallery", "--at", DAY.format(1))
    pulsa.done("customer", "register", CUSTOMER, *own, feed=json.dumps({"name": NAME}))
    pulsa.done("customer", "register", f"customer/{OTHER}", *own, feed=json.dumps({"name": "Wulandari"}))
    pack = ("--terms", SP23, "--printed-credit", "5000", "--valid-until", "2030-12-31")
    pulsa.done("number", "issue", NUMBER, *pack, "--at", DAY.format(2))
    verified = ("--channel", "sms-4444", "--customer", OWN, "--registration", "verified")
    pulsa.done("number", "activate", NUMBER, *verified, "--at", DAY.format(2))
    request = ("--request", "r-1", "--to-customer", OTHER, "--at", DAY.format(3))
    pulsa.done("number", "request-transfer", NUMBER, *request)
    decided = ("--request", "r-1", "--decision", "approved", "--decided-by", "staff-3")
    pulsa.done("number", "decide-transfer", NUMBER, *decided, "--at", DAY.format(4))
    pulsa.done("log", "advance", *NOW)
    return pulsa


def _access(desk: Pulsa, name: str, now: str = NOW[1]) -> Path:
    place = desk.folder / name
    desk.done("customer", "access", CUSTOMER, str(place), *WHO, "--now", now)
    return place


def _copies_in(place: Path) -> Any:
    """What an archive tells of those before it; its page does so where there are any."""
    with zipfile.ZipFile(place) as archive:
        told, page = json.loads(archive.read("copies.json")), archive.read("index.html").decode()
    assert ("Copies that were made" in page) == bool(told)
    return told


def _erase(desk: Pulsa) -> None:
    by = ("--decided-by", "staff-1", "--approved-by", "staff-2", "--actor", "staff-1")
    desk.done("customer", "erase", CUSTOMER, *by, "--at", DAY.format(21))
    assert desk.json("log", "events", "--type", "PersonErased")


def _checked(desk: Pulsa) -> list[dict[str, Any]]:
    return [json.loads(line) for line in desk("vault", "check", "--json", *NOW).stdout.splitlines()]


@pytest.mark.clause("PS-02", "PM-06")
def test_an_archive_that_lies_about_is_erased_with_its_person_and_what_was_given_out_stays_noted(
    desk: Pulsa, monkeypatch: pytest.MonkeyPatch
) -> None:
    handed = _access(desk, "handed.zip", DAY.format(19))
    lies = _access(desk, f"{NAME}.zip")
    assert (_copies_in(handed), [one["digest"] for one in _copies_in(lies)]) == (
        [],
        [sha256(handed.read_bytes()).hexdigest()],
    )
    digests = [sha256(one.read_bytes()).hexdigest() for one in (lies, handed)]
    tried = desk.folder / "tried.zip"
    desk.done("customer", "access", CUSTOMER, str(tried), *WHO, *NOW, "--dry-run")
    handed.rename(desk.folder / "at-the-person.zip")
    desk.done("audit", "bundle", NUMBER, str(desk.folder / "evidence.zip"), "--now", DAY.format(18))
    told = desk.json("customer", "copies", CUSTOMER)
    assert [(one["kind"], one["of"], one["file"]) for one in told] == [
        ("access", CUSTOMER, str(lies)),
        ("access", CUSTOMER, str(handed)),
        ("bundle", NUMBER, None),
    ]
    assert [one["digest"] for one in told[:2]] == digests
    (of_other,) = desk.json("customer", "copies", f"customer/{OTHER}")
    assert (of_other["kind"], of_other["digest"]) == ("bundle", told[2]["digest"])
    assert _checked(desk) == []

    _erase(desk)
    archive = {"kind": "erased-and-kept", "about": f"{CUSTOMER}, {lies}", "keeper": "archives of access"}
    in_vault = {"kind": "erased-and-kept", "about": CUSTOMER, "keeper": "the vault"}
    assert _checked(desk) == [archive, in_vault]
    desk.done("customer", "access", f"customer/{OTHER}", str(tried), *WHO, *NOW, "--dry-run")
    assert _checked(desk) == [archive, in_vault]  # for trial nothing is erased
    with monkeypatch.context() as patch:
        patch.setattr(Vault, "carry_out", _killed)
        with pytest.raises(_Killed):
            desk("vault", "sweep", *NOW)
    assert (_checked(desk), lies.exists()) == ([in_vault], False)  # the one was told, the other not
    swept = desk.done("vault", "sweep", *NOW)
    assert "1 person erased" in swept
    assert _checked(desk) == []
    became = [(one["file"], one["became"]) for one in desk.json("customer", "copies", CUSTOMER)]
    assert became == [(None, "deleted"), (None, "gone"), (None, None)]
    said = desk.done("customer", "copies", CUSTOMER, "--utc")
    assert [line.partition(": ")[2].partition(";")[0] for line in said.splitlines()] == [
        "deleted",
        "handed over",
        "given out",
    ]
    assert not any(NAME.encode() in one.read_bytes() for one in desk.folder.glob("*.db*"))


def test_an_archive_takes_the_place_of_no_file_that_came_meanwhile(
    desk: Pulsa, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, fsync, halves = desk.folder / "out.zip", os.fsync, list[Path]()

    def somebody_writes(handle: int) -> None:
        fsync(handle)
        if not halves:
            halves.extend(desk.folder.glob("out.zip?*"))
            place.write_bytes(b"somebody else's")

    monkeypatch.setattr(os, "fsync", somebody_writes)
    refused = desk("customer", "access", CUSTOMER, str(place), *WHO, *NOW)
    assert (refused.exit_code, "out.zip: " in refused.output, place.read_bytes()) == (
        2,
        True,
        b"somebody else's",
    )
    assert (list(desk.folder.glob("out.zip?*")), desk.json("customer", "copies", CUSTOMER)) == ([], [])
    place.unlink()
    digest = sha256(_access(desk, "out.zip").read_bytes()).digest()
    assert halves[0] != part_of(place, digest)
    assert len(halves[0].name) == len(part_of(place, digest).name)  # which an erasure looks for


def test_of_two_that_answer_one_request_the_one_that_came_too_late_lies_nowhere_and_is_not_noted(
    desk: Pulsa, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ("--request", "r-1", "--channel", "care", "--at", DAY.format(20))
    desk.done("customer", "request-access", CUSTOMER, *asked)
    fsync, first = os.fsync, list[Path]()

    def another_is_quicker(handle: int) -> None:
        fsync(handle)
        if not first:
            first.append(desk.folder / "first.zip")
            _access(desk, first[0].name, DAY.format(21))

    monkeypatch.setattr(os, "fsync", another_is_quicker)
    late = desk("customer", "access", CUSTOMER, str(desk.folder / "late.zip"), *WHO, "--now", DAY.format(22))
    assert (late.exit_code, [one.name for one in desk.folder.glob("*.zip*")]) == (1, ["first.zip"])
    assert [one["file"] for one in desk.json("customer", "copies", CUSTOMER)] == [str(first[0])]


def test_without_a_vault_nothing_is_noted_of_a_bundle(desk: Pulsa) -> None:
    bundle = ("audit", "bundle", NUMBER, str(desk.folder / "evidence.zip"))
    desk.done(*bundle, PULSA_VAULT_KEY=None)
    assert desk.json("customer", "copies", CUSTOMER) == []
    refused = desk(*bundle)
    assert refused.exit_code != 0  # there is a file already
    assert desk.json("customer", "copies", CUSTOMER) == []


def _killed(*_: Any) -> int:
    raise _Killed


class _Killed(BaseException):
    pass
