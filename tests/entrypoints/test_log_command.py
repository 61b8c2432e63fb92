"""`pulsa log events`: the events, filtered and followed; its backup and restore; `pulsa log verify`."""

from __future__ import annotations

import json
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.entrypoints.pulsa import NUMBER, OTHER, Pulsa, Running, activate, issue, top_up, use

LATER = "2023-07-03T12:00:00+07:00"


@pytest.fixture
def told(pulsa: Pulsa) -> Pulsa:
    """Two accounts; the first has topped up and called."""
    lines = (
        issue(),
        activate(),
        top_up(),
        issue(OTHER),
        activate(OTHER),
        use("use", at=LATER, used_at=LATER),
    )
    pulsa.done("ingest", pulsa.file("feed.jsonl", *lines))
    return pulsa


def test_a_line_of_the_log_has_the_fields_of_the_language(told: Pulsa) -> None:
    line = told.events()[4]
    assert list(line) == [
        "position",
        "account",
        "version",
        "type",
        "effective_at",
        "recorded_at",
        "terms",
        "clause",
        "command_id",
        "actor",
        "digest",
        "postings",
        "data",
    ]
    assert (line["position"], line["type"]) == ("0:5", "ledger.prepaid.CreditToppedUp")
    assert {"account": "operator/cash", "unit": "IDR", "amount": "11000"} in line["postings"]


def test_events_are_filtered_by_account_type_and_time(told: Pulsa) -> None:
    def positions(*filters: str) -> list[str]:
        return [line["position"] for line in told.json("log", "events", *filters)]

    assert positions() == [f"0:{ordinal}" for ordinal in range(1, 9)]
    assert positions("--account", OTHER) == ["0:6", "0:7"]
    assert positions("--account", f"{NUMBER}#1", "--type", "Activated") == ["0:4"]
    assert positions("--type", "Activated", "--type", "ledger.prepaid.CreditToppedUp") == [
        "0:4",
        "0:5",
        "0:7",
    ]
    assert positions("--since", LATER) == ["0:8"]
    assert positions("-n", "2") == ["0:7", "0:8"]
    assert positions("-n", "1", "--type", "Activated") == ["0:7"]
    assert positions("-n", "0") == []
    assert told.complaint("log", "events", "--type", "Gift").startswith("query-refused: ")


def test_words_name_position_event_and_money(told: Pulsa) -> None:
    line, *postings = told.done("log", "events", "-n", "1").splitlines()
    assert line.split() == ["0:8", "2023-07-03", "12:00:00", "WIB", f"{NUMBER}#1", "UsageDebited"]
    assert [" ".join(posting.split()) for posting in postings] == [
        "operator/usage Rp 1.272,60 of credit",
        f"{NUMBER}#1/credit -Rp 1.272,60 of credit",
    ]


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_the_log_is_followed_until_stopped(told: Pulsa, sent: signal.Signals) -> None:
    with Running("log", "events", "--follow", "-n", "1", "--json", PULSA_LOG=str(told.log)) as following:
        assert json.loads(following.line())["position"] == "0:8"
        told.done("ingest", told.file("more.jsonl", top_up("later", at=LATER)))
        assert json.loads(following.line())["position"] == "0:9"
        assert following.stop(sent) == (0, "")


def test_a_backup_restores_the_log_as_it_was(told: Pulsa, tmp_path: Path) -> None:
    copy = str(tmp_path / "copy.db")
    before = told.events()
    said = told.done("log", "backup", copy)
    assert said == f"{copy}: 8 events, 6 journal entries, position 0:8\n"
    told.done("ingest", told.file("more.jsonl", top_up("later", at=LATER)))
    assert told.complaint("log", "backup", copy).startswith("file-exists: ")
    assert told.complaint("log", "restore", copy).startswith("file-exists: ")
    told.done("log", "restore", copy, "--overwrite")
    assert told.events() == before
    (restored,) = told.json("--log", str(tmp_path / "other.db"), "log", "restore", copy)
    assert restored["position"] == "0:8"
    assert told.json("log", "events", "--log", str(tmp_path / "other.db")) == before


def test_projections_of_a_log_that_was_restored_answer_nothing_until_made_anew(
    told: Pulsa, tmp_path: Path
) -> None:
    copy, views = str(tmp_path / "copy.db"), {"PULSA_DATABASE": f"sqlite:///{tmp_path / 'views.db'}"}
    (backed_up,) = told.json("log", "backup", copy)
    assert backed_up["file"] == copy
    told.done("ingest", told.file("more.jsonl", top_up("later", at=LATER)))
    told.done("projections", "run", "--once", **views)
    told.done("log", "restore", copy, "--overwrite")
    for asked in (
        ("enquiry", NUMBER),
        ("balance", "operator/cash"),
        (
            "report",
            "trial-balance",
        ),
        ("projections", "run", "--once"),
        ("projections", "rebuild", "balances"),
        ("projections", "rebuild", "--check"),
    ):
        assert told.complaint(*asked, **views).startswith("log-mismatch: the event at 0:9 "), asked
    status = told("status", **views)
    assert status.exit_code == 2
    assert "balances" in status.stdout  # both are shown, and what is wrong with them
    assert status.stderr.startswith("pulsa: log-mismatch: ")
    told.done("projections", "rebuild", **views)
    then = ("balance", "operator/cash", "--as-of", LATER, "--known-at", LATER)
    assert told.json(*then, **views) == told.json(*then)
    told.done("status", **views)


def test_a_backup_that_is_not_as_it_was_written_is_not_put_in_place(told: Pulsa, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    told.done("log", "backup", str(copy))
    connection = sqlite3.connect(copy)
    connection.execute("UPDATE stored_events SET state=zeroblob(length(state)) WHERE ordinal=5")
    connection.commit()
    connection.close()
    complaint = told.complaint("--log", str(tmp_path / "other.db"), "log", "restore", str(copy))
    assert complaint.startswith("log-damaged: ")
    assert not (tmp_path / "other.db").exists()


@pytest.mark.parametrize("kind", ["hledger", "csv", "parquet"])
def test_an_export_is_whole_or_not_there(told: Pulsa, tmp_path: Path, kind: str) -> None:
    out = tmp_path / "out"
    told.done("data", "export", kind, "--out", str(out))
    before = out.read_bytes()
    with closing(sqlite3.connect(told.log)) as connection, connection:
        connection.execute("DELETE FROM stored_events WHERE ordinal=5")
    assert told.complaint("data", "export", kind, "--out", str(out)).startswith("file-exists: ")
    again = told.complaint("data", "export", kind, "--out", str(out), "--overwrite")
    assert again.startswith("log-damaged: the event at 0:5 ")
    assert out.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith("out")) == [
        "out",
        "out.control.json",
    ]


def test_verify_says_what_it_read_or_what_is_wrong_and_where(told: Pulsa) -> None:
    assert told.done("log", "verify") == "clean: 8 events, 6 journal entries, 2 numbers\n"
    connection = sqlite3.connect(told.log)
    connection.execute("UPDATE stored_events SET digest=zeroblob(32) WHERE ordinal=5")
    connection.commit()
    connection.close()
    result = told("log", "verify")
    assert result.exit_code == 1
    assert "0:5" in result.stdout
    assert " in 8 events, 6 journal entries" in result.stdout.splitlines()[-1]
    found = told("log", "verify", "--json")
    assert found.exit_code == 1
    assert json.loads(found.stdout)["clean"] is False
