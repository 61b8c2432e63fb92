"""The read side's verbs on the command line, from a log in a file to answers out of a database."""

from __future__ import annotations

import csv
import json
import os
import signal
import sqlite3
import subprocess
import sys
import urllib.request
from contextlib import closing
from pathlib import Path
from urllib.error import URLError

from ledger.local.process import free_port
from tests.entrypoints.pulsa import NUMBER, Pulsa, issue, top_up
from tests.waiting import PATIENCE, until

ROOT = Path(__file__).resolve().parents[2]
NOW = "2023-08-20T00:00:00Z"
SP23_TOML = (ROOT / "ledger" / "terms" / "smartfren-prepaid-2023.toml").read_text("utf-8")


def test_project_answer_rebuild_and_tell_how_far(pulsa: Pulsa) -> None:
    pulsa.active()
    views = f"sqlite:///{pulsa.folder / 'views.db'}"
    assert "projection-behind" in pulsa.complaint("report", "states", "--now", NOW, PULSA_DATABASE=views)
    assert pulsa.json("projections", "run", "--once", PULSA_DATABASE=views) == [{"events": 4}]
    ours = pulsa.json("enquiry", NUMBER, "--now", NOW)
    assert pulsa.json("enquiry", NUMBER, "--now", NOW, "--at-least", "0:4", PULSA_DATABASE=views) == ours
    behind = pulsa.complaint("enquiry", NUMBER, "--now", NOW, "--at-least", "0:5", PULSA_DATABASE=views)
    assert behind.startswith("projection-behind: ")
    assert pulsa.complaint("enquiry", NUMBER, "--now", NOW, "--at-least", "0:5").startswith(
        "projection-behind: "
    )
    (told,) = pulsa.json("status", PULSA_DATABASE=views)
    assert {lag["lag_events"] for lag in told["projections"]} == {0}
    checked = pulsa.json("projections", "rebuild", "--check", PULSA_DATABASE=views)
    assert checked
    assert all(one["equal"] for one in checked)
    assert pulsa.json("projections", "rebuild", "balances", PULSA_DATABASE=views) == [{"events": 4}]
    assert pulsa.json("enquiry", NUMBER, "--now", NOW, PULSA_DATABASE=views) == ours
    assert "unknown-projection" in pulsa.complaint("projections", "rebuild", "nonsense", PULSA_DATABASE=views)


def test_rebuild_from_an_archive_and_go_on_live_from_the_log(pulsa: Pulsa) -> None:
    pulsa.active()
    views = f"sqlite:///{pulsa.folder / 'views.db'}"
    kept = pulsa.folder / "archive"
    pulsa.done("log", "copy", "--from", str(pulsa.log), "--to", f"parquet:{kept}")
    assert "log-missing" in pulsa.complaint(
        "projections", "rebuild", "--from", str(pulsa.folder), PULSA_DATABASE=views
    )
    assert pulsa.json("projections", "rebuild", "--from", str(kept), PULSA_DATABASE=views) == [{"events": 4}]
    ours = pulsa.json("enquiry", NUMBER, "--now", NOW)
    assert pulsa.json("enquiry", NUMBER, "--now", NOW, PULSA_DATABASE=views) == ours
    assert pulsa.json("projections", "run", "--once", PULSA_DATABASE=views) == [{"events": 0}]
    checked = pulsa.json(
        "projections", "rebuild", "--check", "--from", f"parquet:{kept}", PULSA_DATABASE=views
    )
    assert all(one["equal"] for one in checked)


def test_a_timeline_is_drawn_and_says_what_fell_due(pulsa: Pulsa) -> None:
    pulsa.active()
    pulsa.done("projections", "run", "--once")
    states = pulsa.json("number", "timeline", NUMBER, "--now", NOW)
    assert [(one["state"], one["recorded"]) for one in states] == [
        ("inactive", True),
        ("active", True),
        ("grace", False),
    ]
    assert states[1]["until"] == states[2]["since"] == "2023-08-02T17:00:00Z"
    assert "█" in pulsa.done("number", "timeline", NUMBER, "--now", NOW)
    assert pulsa.done("number", "timeline", NUMBER, "--now", NOW, "--csv").startswith("account,state,since")
    assert "unknown-account" in pulsa.complaint("number", "timeline", "6288199999999", "--now", NOW)


def test_a_replay_says_nothing_differs_or_what_would(pulsa: Pulsa) -> None:
    pulsa.active()
    pulsa.done("ingest", pulsa.file("more.jsonl", issue("6288187654321"), top_up()))
    assert "the same events" in pulsa.done("log", "replay")
    known = json.loads(pulsa.done("terms", "show", "smartfren-prepaid-2023", "--json"))
    assert known["id"] == "smartfren-prepaid-2023"
    (report,) = pulsa.json("log", "replay")
    assert report["empty"]
    assert report["commands"] == 4
    assert (report["numbers"], report["numbers_with_other_events"]) == (0, [])


def test_a_replay_under_other_terms_says_which_numbers_its_totals_are_of(pulsa: Pulsa) -> None:
    pulsa.active()
    call = ("--service", "voice", "--direction", "outgoing", "--destination", "off-net", "--zone", "zone1")
    used = ("--used-at", "2023-07-04T00:00:00Z", "--quantity", "200", "--now", "2023-07-04T00:00:00Z")
    pulsa.done("usage", "record", NUMBER, "--command-id", "call", *call, *used)
    other = pulsa.file("other.toml", SP23_TOML.replace('clause = "SP23-04"', 'clause = "SP23-05"'))
    said = pulsa.done("log", "replay", "--terms", other)
    assert "1 number with other events, 0 accounts with another end" in said
    assert "in total" not in said
    assert said.splitlines()[1].startswith("the first event that differs or is missing: 0:")
    assert NUMBER in said.split("numbers with other events")[1]
    (report,) = pulsa.json("log", "replay", "--terms", other)
    assert report["numbers_with_other_events"] == [NUMBER]
    assert report["first_events"][0]["position"] in said
    dearer = pulsa.file("dearer.toml", SP23_TOML.replace('"909"', '"1009"'))
    assert "in total, of the 1 number with other events" in pulsa.done("log", "replay", "--terms", dearer)
    (line,) = csv.DictReader(pulsa.done("log", "replay", "--terms", dearer, "--csv").splitlines())
    assert line["account"] == f"{NUMBER}#1"


def test_a_replay_of_nothing_is_refused(pulsa: Pulsa) -> None:
    pulsa.active()
    for option in ("--json", "--csv", None):
        more = () if option is None else (option,)
        complaint = pulsa.complaint("log", "replay", "--to", "2023-01-01T00:00:00Z", *more)
        assert complaint.startswith("before-the-log: no command was taken before 2023-01-01")
    assert "--from says from when" in pulsa.complaint("log", "replay", "--from", NOW)
    other = ("--terms", pulsa.file("other.toml", SP23_TOML))
    assert pulsa.complaint("log", "replay", *other, "--from", NOW).startswith(
        "query-refused: no command was taken from"
    )
    window = ("--from", NOW, "--to", "2023-08-01T00:00:00Z")
    assert pulsa.complaint("log", "replay", *other, *window).startswith(
        "query-refused: no command was taken from"
    )


def test_a_replay_of_a_damaged_log_names_the_place(pulsa: Pulsa) -> None:
    pulsa.active()
    with closing(sqlite3.connect(pulsa.log)) as connection, connection:
        connection.execute("UPDATE stored_events SET state=state||x'00' WHERE ordinal=3")
    complaint = pulsa.complaint("log", "replay")
    assert complaint.startswith("log-damaged: ")
    assert "0:3 is not what its digest names" in complaint
    with closing(sqlite3.connect(pulsa.log)) as connection, connection:
        connection.execute("DELETE FROM stored_events WHERE ordinal=3")
    assert "0:3 is missing" in pulsa.complaint("log", "replay")


def test_exports_name_their_formats(pulsa: Pulsa) -> None:
    pulsa.active()
    assert pulsa.done("data", "export", "csv").splitlines()[0].startswith("partition,ordinal,line,account")
    assert "commodity" in pulsa.done("data", "export", "hledger")
    pulsa.done("data", "export", "parquet", "--out", str(pulsa.folder / "postings.parquet"))
    assert (pulsa.folder / "postings.parquet").read_bytes()[:4] == b"PAR1"
    assert "usage" in pulsa.complaint("data", "export", "parquet")
    assert "usage" in pulsa.complaint("data", "export", "nonsense")


def test_it_answers_prometheus_until_stopped(pulsa: Pulsa) -> None:
    pulsa.active()
    port = free_port()
    options = ("--every", "0.05", "--metrics", f"127.0.0.1:{port}")
    environment = os.environ | {"PULSA_LOG": str(pulsa.log), "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-m", "ledger.entrypoints.cli", "projections", "run", *options],
        stdout=subprocess.PIPE,
        env=environment,
        text=True,
    ) as process:

        def said() -> str:
            assert process.poll() is None
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
                    return str(answer.read().decode())
            except URLError:
                return ""

        until(lambda: 'ledger_projection_position{partition="0",projection="balances"} 4.0' in said())
        figures = said()
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=PATIENCE)
    assert out == "4 events taken in\n"
    assert 'ledger_projection_lag_events{partition="0",projection="balances"} 0.0' in figures
    assert 'ledger_projection_errors_total{code="database-unreachable"} 0.0' in figures
    assert pulsa.complaint("projections", "run", "--metrics", "nonsense").startswith(
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
    pulsa.done("log", "advance", "--now", NOW)
    pulsa.done("projections", "run", "--once")
    said = pulsa.done("status")
    assert "2023-08-20 06:59:55 WIB" in said
    assert "lifecycles" in said
