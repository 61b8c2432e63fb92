"""Exports for analysis: no number in any byte, and the same sums by account."""

from __future__ import annotations

import csv
import json
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from ledger.audit import pseudonymising
from ledger.domain.money import parse_amount
from ledger.wiring.pseudonym_keys import pseudonyms_of
from tests.entrypoints.pulsa import START, Pulsa, activate, issue, top_up, use

NUMBER, OTHER = "6281234567801", "6281234567802"
"""Which no schema has for an example, as a log holds its schemas."""


@pytest.fixture
def keyed(pulsa: Pulsa) -> tuple[Pulsa, Path]:
    """Two numbers, one of which sends credit to the other; and a key."""
    sent = {"command": "TransferCredit", "command_id": "send-1", "at": START, "msisdn": NUMBER}
    sent |= {"to_msisdn": OTHER, "amount": "5000"}
    lines = [line for number in (NUMBER, OTHER) for line in (issue(number), activate(number))]
    lines += [top_up(f"top-{NUMBER}", NUMBER), top_up(number=OTHER), use(number=NUMBER), sent]
    pulsa.done("ingest", pulsa.file("in.jsonl", *lines))
    key = pulsa.folder / "pseudonyms.key"
    key.write_bytes(bytes(range(32)))
    key.chmod(0o600)
    return pulsa, key


def _export(pulsa: Pulsa, form: str, name: str, *more: str) -> bytes:
    pulsa.done("data", "export", form, "--out", str(pulsa.folder / name), *more)
    return (pulsa.folder / name).read_bytes()


def _sums(content: bytes) -> Counter[tuple[str, str]]:
    sums: Counter[tuple[str, str]] = Counter()
    for row in csv.DictReader(content.decode().splitlines()):
        sums[row["account"], row["unit"]] += parse_amount(row["amount"])
    return sums


def test_balances_are_the_same_under_other_names(keyed: tuple[Pulsa, Path]) -> None:
    pulsa, key = keyed
    plain = _sums(_export(pulsa, "csv", "plain.csv"))
    named = _sums(_export(pulsa, "csv", "named.csv", "--pseudonymise", str(key)))
    names = pseudonyms_of(key)
    assert {(names.of(account), unit): amount for (account, unit), amount in plain.items()} == named
    assert plain.keys() != named.keys()


@pytest.mark.parametrize("form", ["csv", "hledger", "parquet"])
def test_no_number_is_in_any_byte(keyed: tuple[Pulsa, Path], form: str) -> None:
    pulsa, key = keyed
    asked = ("--pseudonymise", str(key), "--account", NUMBER)
    content = _export(pulsa, form, "named", *asked)
    if form == "parquet":
        content = json.dumps(pq.read_table(pulsa.folder / "named").to_pylist(), default=str).encode()
    sheet = (pulsa.folder / "named.control.json").read_bytes()
    printed = pulsa.done("data", "export", "csv", *asked).encode()
    for said in (content, sheet, printed):
        assert pseudonyms_of(key).of(NUMBER).encode() in said
        assert not any(number.encode() in said for number in (NUMBER, OTHER))


def _cause(told: dict[str, Any]) -> list[Any]:
    return [told[name] for name in ("position", "type", "clause", "effective_at", "recorded_at")]


def _senders(log: Path) -> set[str | None]:
    """The users whom the journal names."""
    with closing(sqlite3.connect(log)) as database:
        return {principal for (principal,) in database.execute("SELECT principal FROM journal")}


def test_a_copy_of_which_another_thing_comes_is_none(
    keyed: tuple[Pulsa, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    pulsa, key = keyed
    own = ("--from", str(pulsa.log), "--to", str(pulsa.folder / "copy.db"), "--pseudonymise", str(key))
    monkeypatch.setattr(pseudonymising._Renamed, "_execute", lambda *_: None)
    assert "another thing comes of it" in " ".join(pulsa.complaint("log", "copy", *own).split())
    assert not list(pulsa.folder.glob("*copy*"))


def test_a_copy_is_a_log_like_any_other_and_names_no_number(keyed: tuple[Pulsa, Path]) -> None:
    pulsa, key = keyed
    refused = pulsa(
        "credit", "top-up", NUMBER, "--credit", "1", "--price", "1", "--channel", "app", "--at", START
    )
    assert refused.exit_code == 1
    pulsa.done("log", "advance", "--now", "2024-03-01T00:00:00+07:00")
    copy = pulsa.folder / "copy.db"
    own = ("log", "copy", "--from", str(pulsa.log), "--to", str(copy), "--pseudonymise", str(key))
    assert "under other names, verified" in pulsa.done(*own)
    written = [path.read_bytes() for path in pulsa.folder.glob("copy.db*")]
    assert not any(number.encode() in content for content in written for number in (NUMBER, OTHER))
    assert _senders(pulsa.log) != {None} == _senders(copy)
    other = Pulsa(pulsa.folder, PULSA_LOG=str(copy))
    names = pseudonyms_of(key)
    plain = _sums(_export(pulsa, "csv", "plain.csv"))
    assert {(names.of(account), unit): amount for (account, unit), amount in plain.items()} == _sums(
        _export(other, "csv", "copy.csv")
    )
    then = ("--now", "2024-03-01T00:00:00+07:00")
    assert other.json("report", "trial-balance", *then) == pulsa.json("report", "trial-balance", *then)
    (here, *_) = pulsa.json("why", NUMBER, *then)
    (there, *_) = other.json("why", names.of(NUMBER), *then)
    assert here["told"]
    assert [_cause(one) for one in there["told"]] == [_cause(one) for one in here["told"]]
    assert "clean" in other.done("log", "verify")
    assert pulsa.complaint(*own).startswith("file-exists: ")
    assert pulsa.complaint(*own[:5], "avro:x", *own[6:]).startswith("settings-invalid: ")


def test_a_key_is_its_owners_alone_and_long_enough(keyed: tuple[Pulsa, Path]) -> None:
    pulsa, key = keyed
    key.chmod(0o644)
    assert pulsa.complaint("data", "export", "csv", "--pseudonymise", str(key)).startswith("key-unusable: ")
    key.chmod(0o600)
    key.write_bytes(b"short")
    assert pulsa.complaint("data", "export", "csv", "--pseudonymise", str(key)).startswith("key-unusable: ")
    nowhere = pulsa.complaint("data", "export", "csv", "--pseudonymise", str(key.with_name("none")))
    assert nowhere.startswith("key-unusable: ")
