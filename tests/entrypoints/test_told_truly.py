"""The desk at its worst user's hands: what is not so is not said, and nothing unknown is answered by silence."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.entrypoints.pulsa import NUMBER, START, Pulsa

STRANGER = "6288199999999"


@pytest.fixture
def desk(pulsa: Pulsa) -> Pulsa:
    pulsa.active()
    pulsa.environment["PULSA_NOW"] = START
    return pulsa


def test_events_of_whatever_is_unknown_are_not_answered_by_silence(desk: Pulsa) -> None:
    for unknown in (STRANGER, f"{NUMBER}#9", "nobody", "customer/C-1", "terms/none@0"):
        assert desk.complaint("log", "events", "--account", unknown) == (
            f"unknown-account: {unknown}: nothing is recorded of it"
        )
    assert desk.done("log", "events", "--type", "CreditForfeited") == "no event\n"
    assert desk.json("log", "events", "--type", "CreditForfeited") == []


def test_an_export_of_whatever_is_unknown_is_no_empty_file(desk: Pulsa, tmp_path: Path) -> None:
    out = tmp_path / "own.csv"
    for unknown in (STRANGER, f"{STRANGER}#1", f"{STRANGER}#1/credit"):
        said = desk.complaint("data", "export", "csv", "--out", str(out), "--account", unknown)
        assert said == f"unknown-account: {unknown}: nothing is recorded of it"
    assert not out.exists()
    desk.done("data", "export", "csv", "--out", str(out), "--account", "0881-1234-5678")
    assert f"{NUMBER}#1/credit" in out.read_text()
    for asked in (("data", "export", "csv"), ("log", "journal")):
        assert "needs --sample" in desk.complaint(*asked, "--seed", "7")


def test_events_are_found_however_a_number_is_dialled(desk: Pulsa) -> None:
    found = desk.json("log", "events", "--account", NUMBER)
    assert len(found) == 2
    for spelt in (f"+{NUMBER}", "0881-1234-5678", f"{NUMBER}#1"):
        assert desk.json("log", "events", "--account", spelt) == found
    assert [one["type"] for one in desk.json("log", "events", "--account", "log@0")] == [
        "ledger.log.LogCreated"
    ]


@pytest.mark.parametrize("wanted", [(), ("--type", "Activated"), ("--since", START), ("--account", NUMBER)])
@pytest.mark.parametrize("count", [0, 1, 2, 9])
def test_the_last_events_are_the_end_of_all(
    desk: Pulsa, wanted: tuple[str, ...], count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ledger.entrypoints.cli.logs._WINDOW", 1)
    desk.active("6288187654321")
    every = desk.json("log", "events", *wanted)
    assert desk.json("log", "events", *wanted, "-n", str(count)) == (every[-count:] if count else [])


def test_a_prepaid_number_is_not_said_to_be_unknown_for_it_has_no_contract(desk: Pulsa) -> None:
    assert desk.complaint("contract", "show", NUMBER).startswith(
        f"unknown-account: a contract of {NUMBER} is not known as of "
    )


def test_what_is_named_in_place_of_a_ledger_account_is_told_which_there_are(desk: Pulsa) -> None:
    for spelt in (NUMBER, "0881 1234 5678", f"{NUMBER}#1"):
        for asked in (("balance", spelt), ("report", "movements", spelt)):
            assert f"of it there are {NUMBER}#1/credit" in desk.complaint(*asked)
    assert (
        desk.complaint("balance", "operator/none") == "unknown-account: operator/none: no such ledger account"
    )


def test_a_change_that_is_not_there_is_no_unknown_account(desk: Pulsa) -> None:
    assert desk.complaint("why", NUMBER, "--amount", "1").startswith("query-refused: ")


@pytest.mark.parametrize("odd", ["9999-12-31T23:59:59Z", "2024-02-30T10:00:00Z", "0000-00-00T00:00:00Z"])
def test_what_looks_like_an_instant_and_is_none_is_told_as_it_was_said(desk: Pulsa, odd: str) -> None:
    top_up = ("--credit", odd, "--price", "1", "--channel", "app")
    result = desk("credit", "top-up", NUMBER, *top_up, "--dry-run")
    assert (result.exit_code, result.stderr) == (1, "")
    assert odd in result.stdout
    assert odd in desk.complaint("terms", "diff", odd, "none")


@pytest.mark.parametrize("zone", ["localtime", "posixrules", "Factory", "right/Asia/Jakarta", "posix/UTC"])
def test_no_zone_is_another_on_each_machine(desk: Pulsa, zone: str) -> None:
    assert f"no time zone is named '{zone}'" in desk.complaint("enquiry", NUMBER, "--zone", zone)


@pytest.mark.parametrize("position", ["0:-1", "-1:1", "0:", ":1", "0:1,", "0:1:2", "\u0660:\u0661"])
def test_what_is_no_position_is_not_taken_for_one(desk: Pulsa, position: str) -> None:
    assert "is no position" in desk.complaint("enquiry", NUMBER, f"--at-least={position}")


def test_a_port_that_is_no_number_is_a_wrong_setting_and_no_defect(desk: Pulsa) -> None:
    url = "postgresql://user:secret-word@host:port/views"
    said = desk.complaint("enquiry", NUMBER, PULSA_DATABASE=url)
    assert said == "settings-invalid: PULSA_DATABASE, --database: its port is no number"


@pytest.mark.parametrize("asked", [("statement", "show"), ("reconcile",)])
def test_a_statement_that_never_came_is_a_question_that_fails(desk: Pulsa, asked: tuple[str, ...]) -> None:
    assert desk.complaint(*asked, "none").startswith("not-final: ")
    desk.done("log", "advance")
    assert desk.complaint(*asked, "none").startswith("unknown-statement: ")


def test_a_misspelt_command_is_told_which_one_it_is_like(desk: Pulsa) -> None:
    said = desk.complaint("data", "template", "RecordUsge")
    assert (
        said
        == "usage: Invalid value: no command is named 'RecordUsge', but RecordUsage, RecordRun, RecordBreach"
    )
    assert desk.complaint("data", "template", "zzz").endswith("'zzz'; schemas/commands lists all")
    row = desk.file("row.csv", "command,command_id", "top_up,x")
    assert 'no command is named so, but TopUp; given: "top_up"' in desk("ingest", row).stderr


def test_terms_are_not_drafted_under_an_id_that_no_terms_may_have(desk: Pulsa, tmp_path: Path) -> None:
    out = tmp_path / "own.toml"
    for odd in ("Ünïcode", "two words", "UPPER", "a" * 61, 'a"b'):
        assert "id: " in desk.complaint("terms", "new", odd, "--out", str(out))
        assert not out.exists()
    desk.done("terms", "new", "own-2024", "--out", str(out))
    assert "is valid" in desk.done("terms", "check", str(out))


def test_whoever_signs_is_told_that_nothing_came(desk: Pulsa, tmp_path: Path) -> None:
    key = str(tmp_path / "signing.key")
    desk.done("audit", "new-key", key, "--name", "ledger.example")
    assert "ledger.example" in desk.done("audit", "checkpoint", "--key", key)
    assert desk.done("audit", "checkpoint", "--key", key) == "nothing came since the last checkpoint\n"
    other = str(tmp_path / "other.key")
    desk.done("audit", "new-key", other, "--name", "ledger.other")
    said = desk.complaint("audit", "checkpoint", "--key", other)
    assert said == (
        f"checkpoint-invalid: {desk.log}.checkpoints, held against {other}: no key that is trusted signed it"
    )
