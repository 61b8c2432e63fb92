"""The read side's verbs on the command line, from a log in a file to answers out of a database."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from urllib.error import URLError

from ledger.local.process import free_port
from tests.entrypoints.pulsa import NUMBER, Pulsa, issue, top_up

ROOT = Path(__file__).resolve().parents[2]
NOW = "2023-08-20T00:00:00Z"


def test_project_answer_rebuild_and_tell_how_far(pulsa: Pulsa) -> None:
    pulsa.active()
    views = f"sqlite:///{pulsa.folder / 'views.db'}"
    assert "projection-behind" in pulsa.complaint("states", "--now", NOW, PULSA_DATABASE=views)
    assert pulsa.json("project", "--once", PULSA_DATABASE=views) == [{"events": 4}]
    ours = pulsa.json("enquiry", NUMBER, "--now", NOW)
    assert pulsa.json("enquiry", NUMBER, "--now", NOW, "--at-least", "0:4", PULSA_DATABASE=views) == ours
    behind = pulsa.complaint("enquiry", NUMBER, "--now", NOW, "--at-least", "0:5", PULSA_DATABASE=views)
    assert behind.startswith("projection-behind: ")
    assert pulsa.complaint("enquiry", NUMBER, "--now", NOW, "--at-least", "0:5").startswith(
        "projection-behind: "
    )
    (told,) = pulsa.json("status", PULSA_DATABASE=views)
    assert {lag["lag_events"] for lag in told["projections"]} == {0}
    checked = pulsa.json("rebuild", "--check", PULSA_DATABASE=views)
    assert checked
    assert all(one["equal"] for one in checked)
    assert pulsa.json("rebuild", "balances", PULSA_DATABASE=views) == [{"events": 4}]
    assert pulsa.json("enquiry", NUMBER, "--now", NOW, PULSA_DATABASE=views) == ours
    assert "unknown-projection" in pulsa.complaint("rebuild", "nonsense", PULSA_DATABASE=views)


def test_rebuild_from_an_archive_and_go_on_live_from_the_log(pulsa: Pulsa) -> None:
    pulsa.active()
    views = f"sqlite:///{pulsa.folder / 'views.db'}"
    kept = pulsa.folder / "archive"
    pulsa.done("log", "copy", "--from", str(pulsa.log), "--to", f"parquet:{kept}")
    assert "log-missing" in pulsa.complaint("rebuild", "--from", str(pulsa.folder), PULSA_DATABASE=views)
    assert pulsa.json("rebuild", "--from", str(kept), PULSA_DATABASE=views) == [{"events": 4}]
    ours = pulsa.json("enquiry", NUMBER, "--now", NOW)
    assert pulsa.json("enquiry", NUMBER, "--now", NOW, PULSA_DATABASE=views) == ours
    assert pulsa.json("project", "--once", PULSA_DATABASE=views) == [{"events": 0}]
    checked = pulsa.json("rebuild", "--check", "--from", str(kept), PULSA_DATABASE=views)
    assert all(one["equal"] for one in checked)


def test_a_timeline_is_drawn_and_says_what_fell_due(pulsa: Pulsa) -> None:
    pulsa.active()
    pulsa.done("project", "--once")
    states = pulsa.json("timeline", NUMBER, "--now", NOW)
    assert [(one["state"], one["recorded"]) for one in states] == [
        ("inactive", True),
        ("active", True),
        ("grace", False),
    ]
    assert states[1]["until"] == states[2]["since"] == "2023-08-02T17:00:00Z"
    assert "█" in pulsa.done("timeline", NUMBER, "--now", NOW)
    assert pulsa.done("timeline", NUMBER, "--now", NOW, "--csv").startswith("account,state,since")
    assert "unknown-account" in pulsa.complaint("timeline", "6288199999999", "--now", NOW)


def test_a_replay_says_nothing_differs_or_what_would(pulsa: Pulsa) -> None:
    pulsa.active()
    pulsa.done("ingest", pulsa.file("more.jsonl", issue("6288187654321"), top_up()))
    assert "the same events" in pulsa.done("replay")
    known = json.loads(pulsa.done("terms", "show", "smartfren-prepaid-2023"))
    assert known["id"] == "smartfren-prepaid-2023"
    (report,) = pulsa.json("replay")
    assert report["empty"]
    assert report["commands"] == 4


def test_exports_name_their_formats(pulsa: Pulsa) -> None:
    pulsa.active()
    assert pulsa.done("export", "csv").splitlines()[0].startswith("partition,ordinal,line,account")
    assert "commodity" in pulsa.done("export", "hledger")
    pulsa.done("export", "parquet", "--out", str(pulsa.folder / "postings.parquet"))
    assert (pulsa.folder / "postings.parquet").read_bytes()[:4] == b"PAR1"
    assert "usage" in pulsa.complaint("export", "parquet")
    assert "usage" in pulsa.complaint("export", "nonsense")


def test_it_answers_prometheus_until_stopped(pulsa: Pulsa) -> None:
    pulsa.active()
    port = free_port()
    options = ("--every", "0.05", "--metrics", f"127.0.0.1:{port}")
    environment = os.environ | {"PULSA_LOG": str(pulsa.log), "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-m", "ledger.entrypoints.cli", "project", *options],
        stdout=subprocess.PIPE,
        env=environment,
        text=True,
    ) as process:
        said = ""
        while 'ledger_projection_position{partition="0",projection="balances"} 4.0' not in said:
            assert process.poll() is None
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
                    said = answer.read().decode()
            except URLError:
                continue
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=60)
    assert out == "4 events taken in\n"
    assert 'ledger_projection_lag_events{partition="0",projection="balances"} 0.0' in said
    assert 'ledger_projection_errors_total{code="database-unreachable"} 0.0' in said
    assert pulsa.complaint("project", "--once", "--metrics", "nonsense").startswith(
        "settings-invalid: --metrics"
    )


def test_status_tells_of_the_log_also_before_anything_is_projected(pulsa: Pulsa) -> None:
    pulsa.active()
    (told,) = pulsa.json("status")
    assert told["projections"] == []
    assert told["partitions"] == [
        {"partition": 0, "position": "0:4", "clock": "played", "closed_through": None}
    ]
    assert "nothing has been projected yet" in pulsa.done("status")
    assert not list(pulsa.folder.glob("*views*"))
    pulsa.done("advance", "--now", NOW)
    pulsa.done("project", "--once")
    said = pulsa.done("status")
    assert "2023-08-19T23:59:55Z" in said
    assert "lifecycles" in said
