"""Files of registrations: the values go to the vault, and neither into a command nor into a file of outcomes."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from ledger.application.ledger import Ledger
from ledger.vault.vault import Vault
from tests.entrypoints.pulsa import Pulsa

ONE, TWO = "customer/CAB3DE4FG5HI6JK7LM8NO", "customer/CZZ3DE4FG5HI6JK7LM8NO"
RARE = {"name": "Bagaskara Quetzalcoatl", "identity-number": "3273010101900001", "email": "b.q@example.net"}
AT = "2024-03-01T10:00:00+07:00"


@pytest.fixture
def desk(tmp_path: Path) -> Pulsa:
    key = tmp_path / "keys" / "vault.key"
    key.parent.mkdir()
    pulsa = Pulsa(tmp_path, PULSA_VAULT_KEY=str(key), PULSA_NOW=AT)
    pulsa.done("vault", "new-key", str(key))
    return pulsa


def _registration(customer: str = ONE, command_id: str = "r-1", **own: Any) -> dict[str, Any]:
    said = {"command": "RegisterCustomer", "command_id": command_id, "at": AT, "customer": customer}
    return said | {"terms": "privacy-smarty", "source": "gallery", "values": RARE} | own


def _csv(*lines: dict[str, Any]) -> list[str]:
    rows = [
        {name: text for name, text in line.items() if name != "values"}
        | {f"value.{field}": text for field, text in line["values"].items()}
        for line in lines
    ]
    return [",".join(rows[0]), *(",".join(row.values()) for row in rows)]


def _ingested(
    desk: Pulsa, *lines: str | dict[str, Any], name: str = "in.jsonl", **more: str
) -> list[dict[str, Any]]:
    out = desk.folder / "out.jsonl"
    file = desk.file(name, *lines)
    options = [word for option, text in more.items() for word in (f"--{option}", text) if word]
    try:
        desk("ingest", file, "--outcomes", str(out), *options)
    finally:
        Path(file).unlink()
    return [json.loads(line) for line in out.read_text().splitlines()]


def _codes(outcomes: list[dict[str, Any]]) -> list[str]:
    return [one["status"] if one["refusal"] is None else one["refusal"]["code"] for one in outcomes]


def _shown(desk: Pulsa, customer: str = ONE) -> dict[str, str]:
    asked = ("--fields", ",".join(RARE), "--by", "staff-3", "--reason", "asked")
    (shown,) = desk.json("customer", "show", customer, *asked)
    return dict(shown)


def _everywhere(desk: Pulsa) -> list[str]:
    return [
        f"{path.name}: {field}"
        for path in sorted(desk.folder.rglob("*"))
        if path.is_file()
        for field, value in RARE.items()
        if value.encode() in path.read_bytes()
    ]


@pytest.mark.parametrize("form", ["in.jsonl", "in.csv"])
def test_values_of_a_file_go_to_the_vault_alone(desk: Pulsa, form: str) -> None:
    lines = [_registration(), _registration(TWO)]
    rows: list[Any] = list(lines) if form == "in.jsonl" else list(_csv(*lines))
    assert _codes(_ingested(desk, *rows, name=form)) == ["accepted", "accepted"]
    assert (_shown(desk), _shown(desk, TWO)) == (RARE, RARE)
    assert _codes(_ingested(desk, *rows, name=form)) == ["repeated", "repeated"]
    assert _everywhere(desk) == []
    assert "clean" in desk.done("vault", "check", "--now", AT)


def test_a_template_that_is_filled_in_is_taken(desk: Pulsa) -> None:
    rows = desk.done("data", "template", "RegisterCustomer", "--now", AT).splitlines()
    assert _codes(_ingested(desk, *rows, name="in.csv")) == ["accepted"]
    without = [",".join(row.split(",")[1:]) for row in rows]
    assert _codes(_ingested(desk, *without, name="in.csv", command="RegisterCustomer")) == ["repeated"]
    (event,) = desk.json("log", "events", "--type", "CustomerRegistered")
    assert {kept["field"] for kept in event["data"]["fields"]} == {"name", "email"}


def test_a_bad_line_leaves_nothing_and_spoils_nothing(desk: Pulsa) -> None:
    bare = _registration(TWO, "r-1")
    del bare["values"]
    lines: list[str | dict[str, Any]] = [
        _registration(),
        _registration(command_id="r-2"),  # registered already
        _registration(TWO, "r-3", values=RARE | {"religion": "x"}),  # without a purpose
        _registration(TWO, "r-1", values={}),
        _registration(TWO, "r-1", values={"name": 7}),
        _registration(TWO, "r-1", values={RARE["email"]: RARE["name"]}),
        _registration(TWO, "r-1", values={RARE["name"]: "name"}),
        _registration(TWO, "r-1", digest="0" * 64),
        {**bare, "fields": [{"field": "name", "value": RARE["name"]}], "digest": "0" * 64},
        _registration(values={"name": "Another"}),  # other values under a command's id
        {
            "command": "RectifyCustomer",
            "command_id": "r-4",
            "at": AT,
            "customer": ONE,
            "values": {"birth-date": "1990-01-01"},
        },
    ]
    outcomes = _ingested(desk, *lines)
    assert _codes(outcomes) == ["accepted", "customer-exists", "no-purpose", *["invalid"] * 7, "accepted"]
    assert "vault-conflict" in outcomes[9]["refusal"]["message"] + str(outcomes[9]["refusal"].get("faults"))
    assert _shown(desk) == RARE
    assert _everywhere(desk) == []
    assert "clean" in desk.done("vault", "check", "--now", AT, "--grace-hours", "0")


class _Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize(
    ("owner", "name", "after"),
    [
        (Vault, "write_all", False),
        (Vault, "write_all", True),
        (Ledger, "execute", True),
        (Vault, "withdraw_all", False),
    ],
)
def test_a_file_that_is_killed_between_vault_and_log_is_taken_whole_when_it_is_sent_again(
    desk: Pulsa, monkeypatch: pytest.MonkeyPatch, owner: type, name: str, after: bool
) -> None:
    lines = [_registration(), _registration(TWO, "r-2", values=RARE | {"religion": "x"})]
    there = getattr(owner, name)

    def killed(*arguments: Any, **named: Any) -> None:
        if after:
            there(*arguments, **named)
        raise _Killed

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, killed)
        with pytest.raises(_Killed):
            _ingested(desk, *lines)
    recorded = name in ("execute", "withdraw_all")
    assert _codes(_ingested(desk, *lines)) == ["repeated" if recorded else "accepted", "no-purpose"]
    assert _shown(desk) == RARE
    assert _everywhere(desk) == []
    assert "clean" in desk.done("vault", "check", "--now", AT, "--grace-hours", "0")
    with sqlite3.connect(desk.folder / "pulsa.db.vault.db") as vault:
        assert vault.execute("SELECT DISTINCT customer, version FROM field_values").fetchall() == [
            (ONE.partition("/")[2], 1)
        ]
    vault.close()


def test_a_dry_run_keeps_nothing_and_without_a_vault_nothing_is_taken(desk: Pulsa) -> None:
    file = desk.file("in.jsonl", _registration())
    assert "accepted             1" in desk.done("ingest", file, "--dry-run")
    assert not (desk.folder / "pulsa.db").exists()
    assert desk("ingest", file, PULSA_VAULT_KEY=None).exit_code == 2
    assert desk.done("ingest", file)
    assert _shown(desk) == RARE
