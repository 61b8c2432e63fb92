"""What a care desk and those on call ask on the command line: from the projections, in words, JSON and CSV."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from tests.entrypoints.pulsa import NUMBER, OTHER, START, Pulsa, activate, issue, top_up, use

NOW = "2023-07-04T00:00:00+07:00"
THEN = {"as_of": "2023-07-03T17:00:00Z", "known_at": "2023-07-03T17:00:00Z", "final": False}
NEXT_DAY = "2023-07-04T10:00:00+07:00"

OF_PROJECTIONS = [
    ("number", "timeline", NUMBER),
    ("report", "movements", f"{NUMBER}#1/credit"),
    ("usage", "show", NUMBER),
    ("number", "show", NUMBER),
    (
        "report",
        "blocks",
    ),
    (
        "report",
        "upcoming",
    ),
    ("report", "trial-balance", "--by-day"),
]
OF_BOTH = [
    ("enquiry", NUMBER),
    ("enquiry", "--all"),
    ("number", "history", NUMBER, "--refused"),
    ("balance", f"{NUMBER}#1/credit"),
    (
        "report",
        "in-transit",
    ),
    (
        "report",
        "states",
    ),
    (
        "report",
        "trial-balance",
    ),
    ("report", "trial-balance", "--each"),
]


@pytest.fixture
def told(pulsa: Pulsa) -> Pulsa:
    """Two accounts: one that called and is blocked on two grounds, one in its starter pack; all of it projected."""
    blocks = [
        {"command": "Block", "command_id": name, "at": START, "msisdn": NUMBER, "block": name, "scope": scope}
        for name, scope in (("lost", "all"), ("court", "outgoing"))
    ]
    blocks[0] |= {"ground": "lost-or-stolen"}
    blocks[1] |= {"ground": "e", "reference": "order-7"}
    lines = (
        issue(),
        activate(),
        top_up(),
        use(),
        use("sms", service="sms", quantity=2),
        top_up("small", credit="1"),
        issue(OTHER, command_id="other"),
        *blocks,
        use("late", at=NEXT_DAY, used_at=NEXT_DAY),
    )
    pulsa.done("ingest", pulsa.file("feed.jsonl", *lines))
    pulsa.done("projections", "run", "--once")
    pulsa.environment["PULSA_NOW"] = NOW
    return pulsa


def as_csv(pulsa: Pulsa, *question: str, **environment: str | None) -> list[dict[str, str]]:
    """The rows of an answer, each cell as text."""
    return list(csv.DictReader(io.StringIO(pulsa.done(*question, "--csv", **environment))))


def cells(record: dict[str, Any]) -> dict[str, str]:
    """What CSV has of a record whose fields are all simple."""
    words = {True: "true", False: "false", None: ""}
    return {
        name: words[value] if value is None or isinstance(value, bool) else str(value)
        for name, value in record.items()
    }


def test_use_is_told_by_account_day_and_service(told: Pulsa) -> None:
    sms, voice = told.json("usage", "show", NUMBER)
    assert voice == {
        "account": f"{NUMBER}#1",
        "service": "voice",
        "day": "2023-07-03",
        "uses": 1,
        "refused": 0,
        "granted": 200,
        "charged": "1272.60",
        "position": voice["position"],
        **THEN,
    }
    assert (sms["service"], sms["granted"]) == ("sms", 2)
    said = told.done("usage", "show", NUMBER)
    assert "Rp 1.272,60" in said
    assert said.endswith("provisional\n")
    later = told.json("usage", "show", f"{NUMBER}#1", "--now", "2023-07-05T00:00:00+07:00")
    assert [(one["day"], one["uses"], one["refused"]) for one in later if one["service"] == "voice"] == [
        ("2023-07-03", 1, 0),
        ("2023-07-04", 0, 1),
    ]
    assert told.done("usage", "show", OTHER).startswith(f"{OTHER}: nothing was used\n")
    assert told.complaint("usage", "show", "6281100000000").startswith("unknown-account: ")


def test_the_movements_behind_a_balance_are_told(told: Pulsa) -> None:
    found = told.json("report", "movements", f"{NUMBER}#1/credit")
    (balance,) = told.json("balance", f"{NUMBER}#1/credit")
    assert [(one["amount"], one["held"]) for one in found[:3]] == [
        ("5000", "5000"),
        ("10000", "15000"),
        ("-1272.60", "13727.40"),
    ]
    assert (found[-1]["held"], found[-1]["position"]) == (balance["amount"], balance["position"])
    assert found[0]["event_position"] == "0:4"
    assert "Rp 13.727,40" in told.done("report", "movements", f"{NUMBER}#1/credit")
    assert told.done("report", "movements", "operator/breakage").startswith(
        "operator/breakage: nothing has moved\n"
    )
    later = told.json("report", "movements", "operator/breakage", "--as-of", "2030-01-01T00:00:00Z")
    assert [(one["recorded_at"], one["event_position"]) for one in later] == [(None, None)] * len(later)
    assert later


def test_a_number_has_states_and_generations(told: Pulsa) -> None:
    (now,) = told.json("number", "show", NUMBER)
    assert (now["generation"], now["state"], now["since"]) == (1, "assigned", "2023-07-03T03:00:00Z")
    life = told.json("number", "show", NUMBER, "--as-of", "2030-01-01T00:00:00Z")
    assert [(one["state"], one["recorded"]) for one in life] == [
        ("assigned", True),
        ("quarantined", False),
        ("available", False),
    ]
    assert life[1]["available_at"] == life[1]["until"] == life[2]["since"]
    assert "quarantined" in told.done("number", "show", NUMBER, "--as-of", "2030-01-01T00:00:00Z")


def test_blocks_stand_by_ground_and_orders_apart(told: Pulsa) -> None:
    found = told.json("report", "blocks")
    assert [(one["block"], one["ground"], one["ordered"]) for one in found] == [
        ("court", "e", True),
        ("lost", "lost-or-stolen", False),
    ]
    assert found[0]["reference"] == "order-7"
    assert [one["block"] for one in told.json("report", "blocks", "--ground", "e")] == ["court"]
    said = told.done("report", "blocks")
    assert said.index("by order of an authority") < said.index("order-7") < said.index("others")
    assert told.done("report", "blocks", "--ground", "nothing").startswith("no block stands\n")


def test_who_is_due_to_change_and_when(told: Pulsa) -> None:
    assert told.json("report", "upcoming") == []
    assert told.done("report", "upcoming").startswith("nobody is due to change by 2023-07-05 00:00:00 WIB\n")
    (first, *_) = told.json("report", "upcoming", "--until", "2031-01-01T00:00:00Z")
    assert first == {
        "subject": f"{NUMBER}#1",
        "due_at": "2023-08-02T17:00:00Z",
        "event": "GraceStarted",
        "before": "active",
        "after": "grace",
        "credit": first["credit"],
        "clause": "SP23-18",
        "terms": "smartfren-prepaid-2023",
        "position": first["position"],
        **THEN,
    }
    assert "Grace started" in told.done("report", "upcoming", "--as-of", "2023-08-02T00:00:00Z")


def test_the_trial_balance_is_told_by_day(told: Pulsa) -> None:
    (day,) = told.json("report", "trial-balance", "--by-day")
    (enquiry,) = told.json("enquiry", NUMBER)
    assert (day["day"], day["sales"], day["outstanding"]) == ("2023-07-03", "11000", enquiry["credit"])
    assert day["in_transit"] == day["breakage"] == "0"
    assert "Rp 11.000" in told.done("report", "trial-balance", "--by-day")
    assert told.complaint("report", "trial-balance", "--by-day", "--each").startswith("usage: ")
    told.done("log", "advance", "--now", "2023-07-05T00:00:00+07:00")
    told.done("projections", "run", "--once")
    assert told.json("report", "trial-balance", "--by-day")[0]["final"]


@pytest.mark.parametrize("question", [*OF_BOTH, *OF_PROJECTIONS], ids=" ".join)
def test_csv_has_the_lines_of_json_below_a_header(told: Pulsa, question: tuple[str, ...]) -> None:
    views = f"sqlite:///{told.log}.views.db"
    for database in (None, views):
        records = told.json(*question, PULSA_DATABASE=database)
        rows = as_csv(told, *question, PULSA_DATABASE=database)
        header = told.done(*question, "--csv", PULSA_DATABASE=database).splitlines()[0].split(",")
        assert "position" in header
        if question in OF_PROJECTIONS:
            assert rows == [cells(record) for record in records]
        elif question[0] not in ("report", "states", "trial-balance"):
            assert len(rows) == len(records)
            for row, record in zip(rows, records, strict=True):
                simple = {name: one for name, one in record.items() if not isinstance(one, dict | list)}
                assert {name: row[name] for name in simple if name in row} == cells(
                    {name: one for name, one in simple.items() if name in row}
                )


def test_csv_of_states_and_of_the_trial_balance_are_tables(told: Pulsa) -> None:
    counted = {(row["kind"], row["state"]): row["count"] for row in as_csv(told, "report", "states")}
    assert counted == {
        ("accounts", "active"): "1",
        ("accounts", "inactive"): "1",
        ("numbers", "assigned"): "2",
    }
    (balance,) = told.json("report", "trial-balance")
    rows = as_csv(told, "report", "trial-balance")
    assert [{name: row[name] for name in ("account", "unit", "amount")} for row in rows] == balance[
        "balances"
    ]
    assert {row["position"] for row in rows} == {balance["position"]}


def test_csv_of_an_enquiry_and_of_a_history_are_flat(told: Pulsa) -> None:
    (enquiry,) = as_csv(told, "enquiry", NUMBER)
    assert (enquiry["usage_voice_seconds"], enquiry["usage_charged"]) == (
        "200",
        told.json("enquiry", NUMBER)[0]["usage"]["charged"],
    )
    lines = as_csv(told, "number", "history", NUMBER, "--refused")
    refused = next(line for line in lines if line["status"] == "refused")
    assert (refused["command"], refused["refusal_code"], refused["type"]) == ("TopUp", "below-minimum", "")
    assert '"unit":"PULSA"' in lines[2]["postings"]


@pytest.mark.parametrize("question", [*OF_BOTH, *OF_PROJECTIONS], ids=" ".join)
def test_one_reads_ones_own_writes(told: Pulsa, question: tuple[str, ...]) -> None:
    """Whatever answers, it has taken in the position of the last outcome, or says that it has not."""
    views = f"sqlite:///{told.log}.views.db"
    head = told.events()[-1]["position"]
    beyond = f"0:{int(head.partition(':')[2]) + 1}"
    for database in (None, views):
        told.done(*question, "--at-least", head, PULSA_DATABASE=database)
        behind = told.complaint(*question, "--at-least", beyond, PULSA_DATABASE=database)
        assert behind.startswith("projection-behind: ")


@pytest.mark.parametrize("question", OF_PROJECTIONS, ids=" ".join)
def test_a_database_that_nobody_has_projected_into_says_so_and_without_one_it_is_answered(
    pulsa: Pulsa, question: tuple[str, ...]
) -> None:
    pulsa.active()
    files = sorted(pulsa.folder.iterdir())
    said = pulsa.complaint(*question, PULSA_DATABASE=f"sqlite:///{pulsa.folder / 'set.db'}")
    assert said.startswith("projection-behind: nothing has been projected into ")
    assert "pulsa projections run" in said
    assert sorted(pulsa.folder.iterdir()) == files
    pulsa.done(*question, "--json")
    assert (pulsa.folder / "pulsa.db.views.db").exists()


@pytest.mark.parametrize("question", [*OF_BOTH, *OF_PROJECTIONS], ids=" ".join)
def test_json_and_csv_are_not_said_at_once(told: Pulsa, question: tuple[str, ...]) -> None:
    assert told.complaint(*question, "--json", "--csv").startswith("usage: ")
    beyond = ("--known-at", "2023-07-05T00:00:00Z")
    assert told.complaint(*question, *beyond).startswith("in-the-future: ")
