"""`pulsa advance`: the clock records what fell due, and closes the log behind it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ledger.store.lock import WriterLock
from tests.entrypoints.pulsa import NUMBER, OTHER, SP23, START, Pulsa, activate, issue, top_up

IN_GRACE = "2023-08-10T00:00:00Z"
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def told(pulsa: Pulsa) -> Pulsa:
    """Two accounts whose first period ends on 3 August at 00:00."""
    pulsa.done("ingest", pulsa.file("feed.jsonl", issue(), activate(), issue(OTHER), activate(OTHER)))
    return pulsa


def test_it_records_what_fell_due_and_closes_through_its_time_less_the_tolerance(told: Pulsa) -> None:
    said = told.done("advance", "--now", IN_GRACE)
    assert said == "2 numbers due, closed through 2023-08-09T23:59:55Z\n"
    due, closed = told.events()[-2:]
    assert (due["type"], due["effective_at"]) == ("ledger.prepaid.GraceStarted", "2023-08-02T17:00:00Z")
    assert (due["actor"], due["command_id"][:4]) == ("clock", "due/")
    assert closed["type"] == "ledger.log.ClosedThrough"
    assert closed["command_id"] == "clock/2023-08-09T23:59:55Z"
    assert told.json("verify")[0]["clean"]


def test_what_is_closed_is_final_and_stays_closed(told: Pulsa) -> None:
    then = ("--as-of", "2023-08-09T00:00:00Z", "--known-at", "2023-08-09T00:00:00Z")
    assert told.json("enquiry", NUMBER, *then)[0]["final"] is False
    told.done("advance", "--now", IN_GRACE)
    assert told.json("enquiry", NUMBER, *then)[0]["final"] is True
    late = told("ingest", told.file("late.jsonl", top_up("late")), "--json")
    assert json.loads(late.stdout)["refused"] == {"clock-behind": 1}


def test_the_same_tick_twice_or_an_earlier_one_changes_nothing(told: Pulsa) -> None:
    told.done("advance", "--now", IN_GRACE)
    before = told.events()
    (again,) = told.json("advance", "--now", IN_GRACE)
    assert (again["due"], again["closed_through"]) == (0, "2023-08-09T23:59:55Z")
    (earlier,) = told.json("advance", "--now", START)
    assert (earlier["due"], earlier["closed_through"]) == (0, "2023-08-09T23:59:55Z")
    assert told.events() == before


def test_more_numbers_than_a_batch_are_all_advanced(pulsa: Pulsa) -> None:
    numbers = [f"62881{index:08d}" for index in range(1_100)]
    lines = [line for number in numbers for line in (issue(number), activate(number))]
    pulsa.done("ingest", pulsa.file("feed.jsonl", *lines))
    assert pulsa.json("advance", "--now", IN_GRACE)[0]["due"] == 1_100
    assert pulsa.json("states", "--as-of", IN_GRACE)[0]["accounts"] == {"grace": 1_100}
    assert len(pulsa.json("log", "--type", "GraceStarted")) == 1_100


def test_a_played_log_has_to_be_told_the_time_and_a_live_one_must_not(told: Pulsa) -> None:
    assert told.complaint("advance").startswith("settings-invalid: PULSA_NOW, --now")
    live = Pulsa(told.folder, PULSA_CLOCK=None, PULSA_LOG="live.db")
    assert live.complaint("advance", "--now", START).startswith("settings-invalid: PULSA_NOW, --now")
    assert told.complaint("advance", "--every", "1", "--now", START).startswith("settings-invalid: --every")


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_it_ticks_until_stopped_and_lets_others_write_in_between(pulsa: Pulsa, sent: signal.Signals) -> None:
    live = Pulsa(pulsa.folder, PULSA_CLOCK=None)
    environment = os.environ | {"PULSA_LOG": str(live.log), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "ledger.entrypoints.cli", "advance", "--every", "0.3", "--json"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    ) as process:
        assert process.stdout is not None
        first = json.loads(process.stdout.readline())
        lock = WriterLock(str(live.log))
        while True:
            try:
                lock.acquire()
                break
            except Exception:  # noqa: BLE001 - until the tick is over
                continue
        assert process.stderr is not None
        assert process.stderr.readline().startswith(b"pulsa: log-locked: ")
        lock.release()
        second = json.loads(process.stdout.readline())
        process.send_signal(sent)
        process.communicate(timeout=60)
    assert process.returncode == 0
    assert first["closed_through"] < second["closed_through"]
    live.done(
        "issue-starter-pack", NUMBER, *f"--terms {SP23} --printed-credit 0 --valid-until 2099-01-01".split()
    )
