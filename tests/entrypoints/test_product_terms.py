"""What whoever owns a product does at a terminal: a new document, what differs, what it says, and what it would do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.entrypoints.pulsa import NUMBER, SP23, Pulsa, activate, issue

XP25 = "smartfren-prepaid-2025"


@pytest.fixture
def bundled() -> str:
    """The document of 2023, as it comes with the ledger."""
    return (Path(__file__).resolve().parents[2] / "ledger" / "terms" / f"{SP23}.toml").read_text("utf-8")


def test_a_new_document_is_valid_and_never_takes_the_place_of_a_file(pulsa: Pulsa) -> None:
    file = pulsa.folder / "mine.toml"
    assert "terms check" in pulsa.done("terms", "new", "mine", "--out", str(file))
    assert "mine is valid" in pulsa.done("terms", "check", str(file))
    assert pulsa.done("terms", "new", "mine") == file.read_text("utf-8")
    file.write_text("mine", "utf-8")
    assert pulsa.complaint("terms", "new", "mine", "-o", str(file)).startswith("file-exists: ")
    assert file.read_text("utf-8") == "mine"
    assert "is not one of" in pulsa.complaint("terms", "new", "mine", "--product", "barter")


def test_what_differs_is_told_by_key_with_both_clauses(pulsa: Pulsa) -> None:
    told = pulsa.done("terms", "diff", SP23, XP25)
    assert told.startswith(f"a: {SP23}\nb: {XP25}\n")
    assert "forfeiture.at\n  a: restoring-top-up (SP23-20)\n  b: waiting-start (XP25-16)\n" in told
    by_key = {one["key"]: one for one in pulsa.json("terms", "diff", SP23, XP25)}
    assert by_key["forfeiture.at"]["b"] == {"value": "waiting-start", "clause": "XP25-16", "said": True}
    differ = sum(line.startswith("  a: ") for line in told.splitlines())
    assert told.endswith(
        f"\n{differ} differences, and {len(by_key) - differ} keys that differ by their clause alone\n"
    )
    assert pulsa.done("terms", "diff", SP23, SP23).endswith("\n0 differences\n")


def test_a_document_is_explained_whole_or_by_key(pulsa: Pulsa) -> None:
    value, *below = pulsa.done("terms", "explain", SP23, "grace").splitlines()
    assert value == "grace.days: 30"
    assert " ".join(" ".join(below).split()).startswith(
        "After the end of validity: no use that costs credit,"
    )
    assert any(line.startswith("  SP23-18: ") for line in below)
    assert len(pulsa.json("terms", "explain", SP23)) > 150
    assert pulsa.complaint("terms", "explain", SP23, "grce").startswith("terms-missing: ")
    assert pulsa.complaint("terms", "explain", "none").startswith("terms-missing: no terms are named none")


def test_what_other_terms_would_have_done_ends_in_who_gains_and_loses(pulsa: Pulsa, bundled: str) -> None:
    lost = {"command": "AdvanceTime", "command_id": "a", "at": "2023-10-03T00:00:00+07:00", "msisdn": NUMBER}
    pulsa.done("ingest", pulsa.file("story.jsonl", issue(), activate(), lost))
    mine = bundled.replace(f'id = "{SP23}"', 'id = "mine"').replace("restoring-top-up", "waiting-start")
    file = pulsa.file("mine.toml", mine)
    replay = ("log", "replay", "--terms", file, "--instead-of", SP23)
    told = pulsa.done(*replay).splitlines()
    table = told[next(n for n, line in enumerate(told) if line.startswith("who would gain and lose")) :]
    assert "1 customer would lose" in " ".join(" ".join(table).split())
    assert "customer-1" in table[-1]
    (report,) = pulsa.json(*replay)
    assert report["effect"]["gain"]["customers"] == 0
    assert report["effect"]["lose"] == {
        "customers": 1,
        "was": "5000",
        "would_be": "0",
        "difference": "-5000",
        "most": [
            {
                "customer": "customer-1",
                "accounts": [f"{NUMBER}#1"],
                "was": "5000",
                "would_be": "0",
                "difference": "-5000",
            }
        ],
    }
    assert pulsa.complaint("log", "replay", "--instead-of", SP23).startswith(
        "usage: Invalid value: --instead-of"
    )
    assert pulsa.complaint("log", "replay", "--terms", file).startswith("terms-missing: mine: ")


def test_a_file_of_one_command_and_its_template_are_taken_in(pulsa: Pulsa) -> None:
    pulsa.done("ingest", pulsa.file("story.jsonl", issue(), activate()))
    template = pulsa.done("data", "template", "RecordUsage")
    assert template.startswith("command,command_id,at,msisdn,")
    assert "at" not in pulsa.done("data", "template", "TopUp", PULSA_CLOCK="live").splitlines()[0].split(",")
    assert (
        pulsa.done("data", "template", "RecordUsage", PULSA_CLOCK=None) == template
    )  # the log says that it is played
    header, row = template.splitlines()
    without = "\n".join(line.partition(",")[2] for line in (header, row))
    told = pulsa("ingest", "--command", "RecordUsage", pulsa.file("use.csv", without), "--json")
    assert json.loads(told.stdout)["accepted"] + sum(json.loads(told.stdout)["refused"].values()) == 1
    assert pulsa.events()[-1]["type"].rpartition(".")[2] in ("UsageDebited", "UsageRefused")
    assert "no command is named 'Give'" in pulsa.complaint("data", "template", "Give")
    assert "no command is named 'Give'" in pulsa.complaint("ingest", "--command", "Give", "use.csv")


def test_the_doctor_ends_by_what_it_found(pulsa: Pulsa) -> None:
    missing = pulsa("doctor", PULSA_LOG="none.db", COLUMNS="80")
    assert missing.exit_code == 1
    assert "log-missing" in missing.stdout
    assert "What to do: docs/runbook/log-missing.md" in " ".join(missing.stdout.split())
    assert max(map(len, missing.stdout.splitlines())) <= 80
    pulsa.done("ingest", pulsa.file("story.jsonl", issue(), activate()))
    assert [line.split()[1] for line in pulsa.done("doctor").splitlines() if not line.startswith(" ")] == [
        "settings",
        "broker",
        "registry",
        "log",
        "projections",
        "terms",
        "clock",
    ]
    assert next(one["check"] for one in pulsa.json("doctor")) == "settings"
    wrong = pulsa("doctor", "--json", PULSA_TIMEOUT="soon")
    assert wrong.exit_code == 1
    found = [json.loads(line) for line in wrong.stdout.splitlines()]
    assert (found[0]["code"], found[0]["page"]) == ("settings-invalid", "docs/runbook/settings-invalid.md")
    assert {one["verdict"] for one in found[1:]} == {"unknown"}


def test_the_commands_of_the_page_on_terms_are_done_one_after_the_other(pulsa: Pulsa) -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "write-terms.md"
    commands = [
        line.split()[1:] for line in page.read_text("utf-8").splitlines() if line.startswith("    pulsa ")
    ]
    pulsa.done("ingest", pulsa.file("story.jsonl", issue(), activate()))
    assert [command[1] for command in commands] == ["new", "check", "explain", "diff", "list", "replay"]
    told = [pulsa.done(*command) for command in commands]
    assert "my-terms-2024 is valid" in told[1]
    assert "tariffs[example].prices[voice].steps[0].price: Rp 18,18" in told[2]
    assert "\ngrace.days\n  a: 30 (SP23-18)\n  b: 0\n" in told[3]
    assert "numbers with other events" in told[5]
