"""What a care agent and an auditor are told: why, in their own time; what would happen; files with control sheets."""

from __future__ import annotations

import hashlib
import json
import re

import pytest

from ledger.domain.kinds import COMMANDS
from ledger.entrypoints.cli.branches import paths
from tests.entrypoints.pulsa import OTHER, Pulsa, top_up

NUMBER = "6288112345678"
THEN = ("--now", "2024-01-21T00:00:00+07:00")
BACK = (
    *("credit", "top-up", NUMBER, "--command-id", "back", "--credit", "25000", "--price", "25000"),
    *("--channel", "app", "--now", "2024-01-20T12:00:00+07:00"),
)
SMALL = (
    *("credit", "top-up", NUMBER, "--command-id", "small", "--credit", "1000", "--price", "1000"),
    *("--channel", "app", "--now", "2024-01-18T12:00:00+07:00"),
)


@pytest.fixture
def waiting(pulsa: Pulsa) -> Pulsa:
    """A number whose credit waits to be forfeited."""
    pulsa.active()
    pulsa.done("ingest", pulsa.file("feed.jsonl", top_up()))
    return pulsa


def test_why_tells_the_change_the_clause_the_cause_and_the_refusal(waiting: Pulsa) -> None:
    assert waiting(*SMALL).exit_code == 1
    waiting.done(*BACK)
    said = waiting.done("why", "0881 1234 5678", "--at", "2024-01-20", "--largest", "-n", "2", *THEN)
    assert said.startswith(f"{NUMBER}#1/credit holds Rp 25.000 of credit, active\n")
    assert "2024-01-20 12:00:00 WIB  Credit forfeited  -Rp 15.000, after it Rp 0\n" in said
    assert "SP23-20: Credit left is forfeited at the top-up that ends the waiting period" in said
    assert "refused before it, 2024-01-18 12:00:00 WIB: TopUp small: " in said
    assert "as of 2024-01-21 00:00:00 WIB" in said
    assert "2024-01-20 05:00:00 UTC  Credit forfeited" in waiting.done("why", NUMBER, "--utc", *THEN)
    assert "2024-01-20 14:00:00 WIT" in waiting.done("why", NUMBER, "--zone", "Asia/Jayapura", *THEN)
    (found,) = waiting.json("why", NUMBER, "--amount", "15000", *THEN)
    (balance,) = waiting.json("balance", f"{NUMBER}#1/credit", *THEN)
    assert (found["amount"], found["position"]) == (balance["amount"], balance["position"])
    assert [change["amount"] for change in found["told"]] == ["-15000"]
    assert found["told"][0]["effective_at"] == "2024-01-20T05:00:00Z"
    assert waiting.complaint("why", NUMBER, "--amount", "1", *THEN).startswith("query-refused: ")


def test_who_sent_credit_and_to_whom_is_told_on_both_sides(waiting: Pulsa) -> None:
    waiting.active(OTHER)
    sent = ("--to-msisdn", OTHER, "--amount", "5000", "--command-id", "gift")
    top_ups = (top_up(f"more-{number}", number, at="2023-08-01T10:00:00+07:00") for number in (NUMBER, OTHER))
    waiting.done("ingest", waiting.file("more.jsonl", *top_ups))
    waiting.done("credit", "transfer", NUMBER, *sent, "--now", "2023-08-04T10:00:00+07:00")
    then = ("--now", "2023-08-05T00:00:00+07:00")
    assert f"    to {OTHER}\n" in waiting.done("why", NUMBER, *then)
    received = waiting.done("why", OTHER, *then)
    assert f"    from {NUMBER}#1\n    it followed from {NUMBER}#1/gift (0:" in received
    assert waiting.json("why", OTHER, *then)[0]["told"][0]["counterparty"] == f"{NUMBER}#1"
    assert re.search(
        rf"Credit transfer sent .*\n +to {OTHER}\n", waiting.done("number", "history", NUMBER, *then)
    )
    assert f" from {NUMBER}#1\n" in waiting.done("number", "history", OTHER, *then)


def test_what_was_refused_is_told_in_words_where_it_stands(waiting: Pulsa) -> None:
    assert waiting(*SMALL).exit_code == 1
    said = waiting.done("number", "history", NUMBER, "--refused", *THEN)
    refused = said[said.index("TopUp refused: below-minimum") :].split()
    assert " ".join(refused[3:]).startswith("0:7 The amount is below the least that the terms allow.") or (
        "The amount is below the least that the terms allow." in " ".join(refused)
    )


def test_a_change_that_came_to_be_known_late_had_nothing_refused_before_it_happened(waiting: Pulsa) -> None:
    assert waiting(*SMALL).exit_code == 1
    used = ("--service", "voice", "--direction", "outgoing", "--destination", "off-net", "--zone", "zone1")
    day = "2024-01-18"
    late = ("--used-at", "2023-12-30T10:00:00+07:00", "--quantity", "20", "--now", f"{day}T13:00:00+07:00")
    waiting("usage", "record", NUMBER, *used, *late)
    assert f"refused before it, {day}" not in waiting.done("why", NUMBER, *THEN)


def test_a_day_is_asked_for_where_the_account_is(waiting: Pulsa) -> None:
    (day,) = waiting.json("enquiry", NUMBER, "--as-of", "2023-07-31", *THEN)
    assert day["as_of"] == "2023-07-31T16:59:59.999999Z"
    assert "as of 2023-07-31 24:00 WIB" in waiting.done("enquiry", NUMBER, "--as-of", "2023-07-31", *THEN)
    (day,) = waiting.json("enquiry", NUMBER, "--as-of", "2023-07-31", "--zone", "Asia/Jayapura", *THEN)
    assert day["as_of"] == "2023-07-31T14:59:59.999999Z"
    assert waiting.complaint("enquiry", NUMBER, "--zone", "Asia/Nowhere").startswith("usage: ")


def test_an_enquiry_warns_before_loss_and_a_dry_run_tells_it(waiting: Pulsa) -> None:
    before = " ".join(waiting.done("enquiry", NUMBER, "--now", "2024-01-20T00:00:00+07:00").split())
    assert "to keep the number; that restores service and forfeits Rp 15.000." in before
    log = waiting.log.read_bytes()
    dry = waiting.done(*BACK, "--dry-run").splitlines()
    assert dry[-1] == "dry run: nothing is written"
    assert any("CreditForfeited" in line and line.endswith(": credit -Rp 15.000") for line in dry)
    (tried,) = waiting.json(*BACK, "--dry-run")
    assert waiting.log.read_bytes() == log
    assert waiting.done(*BACK).splitlines() == dry[:-1]
    assert tried.pop("dry_run") is True
    assert tried.items() <= waiting.json("log", "outcome", NUMBER, "back")[0].items()


def test_what_fell_due_is_tried_and_nothing_is_written(waiting: Pulsa) -> None:
    log = waiting.log.read_bytes()
    (dry,) = waiting.json("log", "advance", "--dry-run", *THEN)
    said = waiting.done("log", "advance", "--dry-run", *THEN)
    assert said.endswith("\ndry run: nothing is written\n")
    assert waiting.log.read_bytes() == log
    assert dry.pop("dry_run") is True
    assert waiting.json("log", "advance", *THEN) == [dry]
    assert waiting.complaint("log", "advance", "--dry-run", "--every", "1").startswith("usage: ")


def test_a_file_is_tried_as_a_whole_and_nothing_is_written(waiting: Pulsa) -> None:
    file = waiting.file("more.jsonl", *(top_up(f"t{n}", at="2023-07-03T05:00:00Z") for n in range(3)))
    log = waiting.log.read_bytes()
    (dry,) = waiting.json("ingest", file, "--dry-run")
    assert waiting.log.read_bytes() == log
    (real,) = waiting.json("ingest", file)
    assert {k: v for k, v in dry.items() if "second" not in k} == {
        k: v for k, v in real.items() if "second" not in k
    }


def test_every_verb_of_a_command_can_be_tried(pulsa: Pulsa) -> None:
    verbs = [path for path, verb in paths() if verb.does in COMMANDS]
    assert len(verbs) > 15
    for path in verbs:
        assert "--dry-run" in pulsa.done(*path.split(), "--help"), path


def test_an_export_has_its_control_sheet_and_is_never_written_over(waiting: Pulsa) -> None:
    out = waiting.folder / "july.csv"
    export = ("data", "export", "csv", "--out", str(out), "--from", "2023-07-01", "--to", "2023-07-31", *THEN)
    said = waiting.done(*export)
    sheet = json.loads(out.with_name("july.csv.control.json").read_text("utf-8"))
    digest = hashlib.sha256(out.read_bytes()).hexdigest()
    assert sheet["sha256"] == digest
    assert f"sha256 {digest}\n" in said
    assert (sheet["transactions"], sheet["from"]) == (2, "2023-06-30T17:00:00Z")
    assert sheet["to"] == "2023-07-31T16:59:59.999999Z"
    assert waiting.complaint(*export).startswith("file-exists: ")
    waiting.done(*export, "--overwrite", "--sample", "1", "--seed", "7", "--type", "CreditToppedUp")
    sheet = json.loads(out.with_name("july.csv.control.json").read_text("utf-8"))
    assert sheet["sample"] == {"size": 1, "seed": 7, "population": 1}
