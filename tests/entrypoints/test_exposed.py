"""Whose data a breach exposed: the same persons whenever it is asked, by the scope that its record names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.entrypoints.pulsa import Pulsa

ONE, TWO, LATER = (f"customer/C{letter * 20}" for letter in "ABD")
DAY = "2023-07-{:02}T10:00:00+07:00"
DISCOVERED = DAY.format(10)
PERSON = {"name": "Bagaskara Quetzalcoatl", "email": "b.quetzalcoatl@example.net"}


@pytest.fixture
def desk(tmp_path: Path) -> Pulsa:
    """Two persons whom staff-3 has read, one of whom the police were told of; a third who came after the breach."""
    key = tmp_path / "keys" / "vault.key"
    pulsa = Pulsa(tmp_path, PULSA_VAULT_KEY=str(key))
    pulsa.done("vault", "new-key", str(key))
    for customer, day in ((ONE, 1), (TWO, 1), (LATER, 11)):
        own = ("--values", "-", "--terms", "privacy-smarty", "--source", "web", "--at", DAY.format(day))
        pulsa.done("customer", "register", customer, *own, feed=json.dumps(PERSON))
    _read(pulsa, ONE, "name", 2)
    _read(pulsa, ONE, "email", 3)
    _read(pulsa, TWO, "name", 4)
    _read(pulsa, TWO, "email", 12)
    _read(pulsa, LATER, "name", 12)
    _read(pulsa, TWO, "email", 5, by="staff-4")
    released = ("--to", "police-jkt", "--ground", "law", "--fields", "name", "--reference", "order-7")
    approved = ("--approved-by", "staff-2", "--actor", "staff-1", "--at", DAY.format(12))
    pulsa.done("customer", "disclose", TWO, *released, *approved)
    return pulsa


def _read(desk: Pulsa, customer: str, field: str, day: int, by: str = "staff-3") -> None:
    now = ("--by", by, "--reason", "asked-by-customer", "--now", DAY.format(day))
    desk.done("customer", "show", customer, "--fields", field, *now)


def _recorded(desk: Pulsa, scope: str, fields: str) -> str:
    own = ("--terms", "privacy-smarty", "--scope", scope, "--fields", fields)
    desk.done(
        "customer", "record-breach", "breach/b-1", *own, "--discovered-at", DISCOVERED, "--at", DAY.format(13)
    )
    return "breach/b-1"


def _records(desk: Pulsa) -> list[dict[str, Any]]:
    return [one["data"] for one in desk.events() if one["type"] == "ledger.breach.BreachRecorded"]


def _exposed(desk: Pulsa, *asked: str, **own: Any) -> list[tuple[str, list[str], bool]]:
    found = desk.json("customer", "exposed", *asked, "--now", DAY.format(13), **own)
    return [(one["customer"], one["fields"], one["erased"]) for one in found]


def test_whom_somebody_had_read_by_the_discovery_are_those_whom_the_breach_exposed(desk: Pulsa) -> None:
    breach = _recorded(desk, "readings-of-staff-3", "name,email,address")
    assert _exposed(desk, breach) == [(ONE, ["email", "name"], False), (TWO, ["name"], False)]
    assert "2 persons" in desk.done("customer", "exposed", breach)


BREACH: dict[str, Any] = {
    "command": "RecordBreach",
    "breach": "breach/b-1",
    "terms": "privacy-smarty",
    "fields": ["name"],
}


def _said(desk: Pulsa, *more: str, scope: str = "readings-of-staff-3", fields: str = "name,email") -> Any:
    own = ("--terms", "privacy-smarty", "--scope", scope, "--fields", fields, "--discovered-at", DISCOVERED)
    return desk("customer", "record-breach", "breach/b-1", *own, "--at", DAY.format(13), *more)


def test_a_record_has_as_many_persons_as_its_scope_names(desk: Pulsa) -> None:
    """Said otherwise it is refused; tried, it counts them too; and one whose scope is no query says how many."""
    for more in ((), ("--dry-run",)):
        refused = _said(desk, "--persons", "3", *more)
        assert refused.exit_code == 1
        told = " ".join(refused.stdout.split())
        assert "persons: 3 is said, and readings-of-staff-3 names 2 by the discovery" in told
    told = " ".join(_said(desk, scope="stolen-laptop").stdout.split())
    assert "persons: the scope names none, so say how many" in told
    assert _said(desk, "--dry-run").exit_code == 0
    assert _records(desk) == []
    _recorded(desk, "readings-of-staff-3", "name,email")
    assert [one["persons"] for one in _records(desk)] == [2]
    own = ("--scope", "stolen-laptop", "--fields", "name", "--persons", "7", "--terms", "privacy-smarty")
    at = ("--discovered-at", DISCOVERED, "--at", DAY.format(13))
    said = desk.done("customer", "record-breach", "breach/b-2", *own, *at)
    assert said.endswith("BreachRecorded on breach/b-2, version 1: 7 persons\n")
    meant = desk.complaint("customer", "exposed", "b-2")
    assert meant.endswith("everybody do; breach/b-2 is a breach that is recorded")


def test_a_file_says_as_many_persons_as_the_scope_names_by_then(desk: Pulsa) -> None:
    """Those count that the lines before it register; and a record that says others is told of when it is asked."""
    one: dict[str, Any] = {
        "command": "RegisterCustomer",
        "customer": f"customer/C{'E' * 20}",
        "terms": "privacy-smarty",
    }
    one |= {"source": "web", "at": DAY.format(13), "command_id": "e", "values": {"name": "Kim"}}
    own = BREACH | {"scope": "everybody", "at": DAY.format(13), "discovered_at": DAY.format(13)}
    wrong = own | {"command_id": "wrong", "persons": 3}
    right = own | {"command_id": "right", "persons": 4}
    file = desk.file("lines.jsonl", one, wrong, right)
    result = desk("ingest", file)
    assert result.exit_code == 1
    assert "lines.jsonl:2: invalid: persons: 3 is said, and everybody names 4" in result.stderr
    counted = own | {"breach": "breach/b-2", "command_id": "counted"}
    nobodys = own | {"breach": "breach/b-3", "command_id": "nobody's", "scope": "stolen-laptop"}
    result = desk("ingest", desk.file("uncounted.jsonl", counted, nobodys))
    assert (
        "uncounted.jsonl:2: invalid: persons: the scope names none, so say how many they are" in result.stderr
    )
    row = own | {"breach": "breach/b-4", "command_id": "row", "fields": "name"}
    row.pop("command")
    desk.done(
        "ingest",
        desk.file("breaches.csv", ",".join(row), ",".join(row.values())),
        "--command",
        "RecordBreach",
    )
    assert json.loads(desk.done("ingest", desk.file("again.jsonl", counted), "--json"))["repeated"] == 1
    assert [one["persons"] for one in _records(desk)] == [4, 4, 4]
    assert "4 persons\n" in desk.done("customer", "exposed", "breach/b-1", "--now", DAY.format(13))


def test_who_cannot_be_counted_is_not_recorded_and_the_other_lines_are(desk: Pulsa) -> None:
    read = BREACH | {"scope": "readings-of-staff-3", "command_id": "read", "persons": 2}
    all_ = BREACH | {"breach": "breach/b-2", "scope": "everybody", "command_id": "all", "persons": 2}
    file = desk.file(
        "lines.jsonl", *(one | {"at": DAY.format(13), "discovered_at": DISCOVERED} for one in (read, all_))
    )
    result = desk("ingest", file, PULSA_VAULT_KEY=None)
    assert "lines.jsonl:1: invalid: persons: settings-invalid: PULSA_VAULT_KEY" in result.stderr
    assert [one["scope"] for one in _records(desk)] == ["everybody"]


def test_a_scope_is_asked_before_a_breach_is_recorded_of_some_fields_or_all(desk: Pulsa) -> None:
    assert _exposed(desk, "readings-of-staff-3", "--fields", "email") == [
        (ONE, ["email"], False),
        (TWO, ["email"], False),
    ]
    assert _exposed(desk, "released-to-police-jkt") == [(TWO, ["name"], False)]
    assert [who for who, _, _ in _exposed(desk, "everybody", "--fields", "name")] == [ONE, TWO, LATER]
    assert _exposed(desk, "everybody", "--fields", "address") == []
    assert _exposed(desk, "released-to-nobody") == []


def test_everybody_are_those_who_were_registered_by_the_discovery(desk: Pulsa) -> None:
    breach = _recorded(desk, "everybody", "name")
    assert _exposed(desk, breach) == [(ONE, ["name"], False), (TWO, ["name"], False)]


def test_who_was_erased_since_is_named_still_and_cannot_be_told(desk: Pulsa) -> None:
    breach = _recorded(desk, "readings-of-staff-3", "name")
    by = ("--decided-by", "staff-1", "--approved-by", "staff-2", "--actor", "staff-1")
    desk.done("customer", "erase", ONE, *by, "--at", DAY.format(13))
    desk.done("vault", "sweep", "--now", DAY.format(13))
    assert _exposed(desk, breach) == [(ONE, ["name"], True), (TWO, ["name"], False)]


@pytest.mark.parametrize("asked", ["breach/b-2", "readings", "nobody-knows"])
def test_what_is_no_breach_and_no_scope_is_refused(desk: Pulsa, asked: str) -> None:
    assert desk.complaint("customer", "exposed", asked).startswith("query-refused: ")


def test_a_record_that_is_said_again_is_the_same_command_whoever_was_registered_since(desk: Pulsa) -> None:
    """By a file, and by the verb that counts: the first one's count stands, and nobody is counted again."""
    own = BREACH | {"scope": "everybody", "at": DAY.format(13), "discovered_at": DAY.format(13)}
    file = desk.file("lines.jsonl", own | {"command_id": "first", "persons": 3})
    desk.done("ingest", file)
    values = ("--values", "-", "--terms", "privacy-smarty", "--source", "web", "--at", DAY.format(12))
    desk.done("customer", "register", f"customer/C{'F' * 20}", *values, feed=json.dumps(PERSON))
    assert json.loads(desk.done("ingest", file, "--json"))["repeated"] == 1
    when = ("--discovered-at", DAY.format(13), "--at", DAY.format(13), "--command-id", "first", "--json")
    said = ("--terms", "privacy-smarty", "--scope", "everybody", "--fields", "name", *when)
    again = desk("customer", "record-breach", "breach/b-1", *said)
    assert json.loads(again.stdout)["status"] == "repeated"
    assert [one["persons"] for one in _records(desk)] == [3]
