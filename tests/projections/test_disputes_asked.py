"""Disputes as they are asked for: by age, by outcome, by whom; and on the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ledger.domain.calendar import DAY
from ledger.entrypoints.cli.app import app
from ledger.errors import QueryRefused
from ledger.wiring.composition import opened
from ledger.wiring.settings import Settings
from projections.asking.questions import Questions
from projections.line.disputes_told import WantedDisputes
from tests.answer_schemas import must_be_as_said
from tests.given import NUMBER, OTHER, rupiah
from tests.projections.dispute_history import ACCOUNT, BEGIN, HOUR, log_of_disputes

NOW = BEGIN + 75 * DAY


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return log_of_disputes(tmp_path_factory.mktemp("disputes"))


@pytest.fixture(scope="module")
def ask(log: Path) -> Iterator[Questions]:
    with opened(Settings(log=log)) as held:
        yield held.questions(lambda: NOW)


def test_open_ones_stand_on_top_those_due_first(ask: Questions) -> None:
    rows = ask.disputes().rows
    assert [(one.dispute, one.state, one.age) for one in rows] == [
        ("C-5", "open", "31-60"),
        ("C-4", "open", "61-90"),
        ("C-1", "corrected", None),
        ("C-2", "overridden", None),
        ("C-3", "corrected", None),
    ]
    assert {one.dispute: one.difference for one in rows} == {
        "C-5": 1,
        "C-4": rupiah(1),
        "C-1": rupiah(20_000),
        "C-2": rupiah(20_000),
        "C-3": 0,
    }


@pytest.mark.parametrize(
    ("days", "age"),
    [(30, "0-30"), (31, "31-60"), (60, "31-60"), (61, "61-90"), (90, "61-90"), (91, "over-90")],
)
def test_the_age_is_counted_in_whole_days(log: Path, days: int, age: str) -> None:
    since = BEGIN + 40 * DAY
    with opened(Settings(log=log)) as held:
        rows = held.questions(lambda: since + days * DAY).disputes().rows
    assert next(one.age for one in rows if one.dispute == "C-5") == age


def test_only_some_are_asked_for(ask: Questions) -> None:
    assert [one.dispute for one in ask.disputes(WantedDisputes(state="open", assignee="staff-3")).rows] == [
        "C-4"
    ]
    counts = [len(ask.disputes(WantedDisputes(one)).rows) for one in (NUMBER, ACCOUNT, OTHER, f"{NUMBER}#2")]
    assert counts == [5, 5, 0, 0]


def test_as_of_any_instant_they_stand_as_they_stood(ask: Questions) -> None:
    then = BEGIN + 5 * HOUR + 1
    (one,) = ask.disputes(as_of=then, known_at=then).rows
    assert (one.state, one.reopened, one.decided_at) == ("open", True, None)


def test_what_they_come_to_by_outcome(ask: Questions) -> None:
    found = {
        (one.state, one.age): (one.disputes, one.corrected, one.unremedied)
        for one in ask.sums_of_disputes().rows
    }
    assert found == {
        ("corrected", None): (2, rupiah(17_000), rupiah(7_000)),
        ("open", "31-60"): (1, 0, 0),
        ("open", "61-90"): (1, 0, 0),
        ("overridden", None): (1, 0, 0),
    }


def test_one_is_shown_with_every_step(ask: Questions) -> None:
    found = ask.dispute("C-1")
    assert [step["what"] for step in found.steps] == [
        "DisputeOpened",
        "EvidenceAttached",
        "DisputeRejected",
        "DisputeReopened",
        "SystemCorrected",
    ]
    assert (found.claimed, found.system, found.corrected) == (rupiah(50_000), rupiah(30_000), rupiah(10_000))
    with pytest.raises(QueryRefused, match="no dispute C-99"):
        ask.dispute("C-99")
    with pytest.raises(QueryRefused, match="no dispute C-1"):
        ask.dispute("C-1", f"{NUMBER}#2")


def run(log: Path, *words: str) -> tuple[int, str]:
    found = CliRunner().invoke(app, ["dispute", *words, "--log", str(log)])
    return found.exit_code, found.stdout


def test_people_and_programs_are_told(log: Path, tmp_path: Path) -> None:
    code, text = run(log, "show", "C-2")
    assert code == 0
    assert any(said in text for said in ("50000", "50.000")), text
    assert "← differs" in text
    code, text = run(log, "next", "--assignee", "staff-3", "--json")
    assert (code, json.loads(text)["dispute"]) == (0, "C-4")
    code, text = run(log, "list", "--state", "open", "--csv")
    assert (code, len(text.splitlines())) == (0, 3)
    code, text = run(log, "list", "--sums")
    assert code == 0
    assert "overridden" in text
    code, text = run(log, "next", "--assignee", "nobody")
    nothing, *moment = text.splitlines()
    assert (code, nothing) == (0, "no dispute is open")
    assert moment[0].startswith("as of 20")


def test_the_corrected_statement_is_a_new_document(log: Path, tmp_path: Path) -> None:
    file = tmp_path / "corrected.json"
    code, text = run(log, "statement", "C-2", str(file), "--json")
    assert code == 0
    must_be_as_said(["dispute", "statement"], text)
    assert json.loads(text) == {"file": str(file), "digest": sha256(file.read_bytes()).hexdigest()}
    said = json.loads(file.read_text())
    assert (said["stated"], said["amount"], said["corrects"]["refers_to"]) == ("50000", "30000", "top-1")
    assert said["decision"].startswith(f"{ACCOUNT}/")
    code, _ = run(log, "statement", "C-1", str(tmp_path / "other.json"))
    assert code != 0
