"""The read side's verbs on the command line, from a log in a file to answers out of a database."""

from __future__ import annotations

import json

from tests.entrypoints.pulsa import NUMBER, Pulsa, issue, top_up

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
