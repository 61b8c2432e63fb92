"""`pulsa log advance`: the clock records what fell due, and closes the log behind it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ledger.application.ledger import CLOCK_TOLERANCE as TOLERANCE
from ledger.domain.calendar import HOUR, MINUTE, SECOND
from ledger.domain.prepaid.commands import ChargeCredit, TopUp
from ledger.entrypoints.clock import tick
from ledger.store.lock import WriterLock
from tests.entrypoints.pulsa import NUMBER, OTHER, SP23, START, Pulsa, activate, issue, top_up
from tests.given import Story, at, rupiah
from tests.waiting import PATIENCE

MORNING = at("2023-07-03T00:00:00Z")
_MIDNIGHT_TICK = 301
"""The tick after 17:00 UTC, of those of a minute from noon on, that is beyond it by the clock tolerance."""
IN_GRACE = "2023-08-10T00:00:00Z"
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def told(pulsa: Pulsa) -> Pulsa:
    """Two accounts whose first period ends on 3 August at 00:00."""
    pulsa.done("ingest", pulsa.file("feed.jsonl", issue(), activate(), issue(OTHER), activate(OTHER)))
    return pulsa


def test_it_records_what_fell_due_and_closes_through_its_time_less_the_tolerance(told: Pulsa) -> None:
    other = issue("6288112345670", terms="smartfren-prepaid-2025", valid_until="2030-12-31")
    told.done("ingest", told.file("of-other-terms.jsonl", other))  # of the same zone: so it is told in that
    said = told.done("log", "advance", "--now", IN_GRACE)
    assert said == "2 numbers due, closed through 2023-08-10 06:59:55 WIB\n"
    due, closed = told.events()[-2:]
    assert (due["type"], due["effective_at"]) == ("ledger.prepaid.GraceStarted", "2023-08-02T17:00:00Z")
    assert (due["actor"], due["command_id"][:4]) == ("clock", "due/")
    assert closed["type"] == "ledger.log.ClosedThrough"
    assert closed["command_id"] == "clock/2023-08-09T23:59:55Z"
    assert told.json("log", "verify")[0]["clean"]


def test_what_is_closed_is_final_and_stays_closed(told: Pulsa) -> None:
    then = ("--as-of", "2023-08-09T00:00:00Z", "--known-at", "2023-08-09T00:00:00Z")
    assert told.json("enquiry", NUMBER, *then)[0]["final"] is False
    told.done("log", "advance", "--now", IN_GRACE)
    assert told.json("enquiry", NUMBER, *then)[0]["final"] is True
    late = told("ingest", told.file("late.jsonl", top_up("late")), "--json")
    assert json.loads(late.stdout)["refused"] == {"clock-behind": 1}


def test_the_same_tick_twice_or_an_earlier_one_changes_nothing(told: Pulsa) -> None:
    told.done("log", "advance", "--now", IN_GRACE)
    before = told.events()
    (again,) = told.json("log", "advance", "--now", IN_GRACE)
    assert (again["due"], again["closed_through"]) == (0, "2023-08-09T23:59:55Z")
    (earlier,) = told.json("log", "advance", "--now", START)
    assert (earlier["due"], earlier["closed_through"]) == (0, "2023-08-09T23:59:55Z")
    assert told.events() == before


def test_more_numbers_than_a_batch_are_all_advanced(pulsa: Pulsa) -> None:
    numbers = [f"62881{index:08d}" for index in range(1_100)]
    lines = [line for number in numbers for line in (issue(number), activate(number))]
    pulsa.done("ingest", pulsa.file("feed.jsonl", *lines))
    assert pulsa.json("log", "advance", "--now", IN_GRACE)[0]["due"] == 1_100
    assert pulsa.json("report", "states", "--as-of", IN_GRACE)[0]["accounts"] == {"grace": 1_100}
    assert len(pulsa.json("log", "events", "--type", "GraceStarted")) == 1_100


def test_a_played_log_has_to_be_told_the_time_and_a_live_one_must_not(told: Pulsa) -> None:
    assert told.complaint("log", "advance").startswith("settings-invalid: PULSA_NOW, --now")
    live = Pulsa(told.folder, PULSA_CLOCK=None, PULSA_LOG="live.db")
    assert live.complaint("log", "advance", "--now", START).startswith("settings-invalid: PULSA_NOW, --now")
    assert told.complaint("log", "advance", "--every", "1", "--now", START).startswith(
        "settings-invalid: --every"
    )


@pytest.fixture
def two(tmp_path: Path) -> Iterator[tuple[Story, Story]]:
    """Two partitions of a log, as far as a clock can tell: in the one something happens, in the other nothing does."""
    for name in "ab":
        (tmp_path / name).mkdir()
    one, other = Story(tmp_path / "a"), Story(tmp_path / "b")
    one.given_active(since=MORNING)
    yield one, other
    one.close()
    other.close()


def ticks(two: tuple[Story, Story], start: int, end: int, *, every: int = MINUTE) -> list[tuple[int, int]]:
    """When the partitions' events were recorded while a clock ticked from then to then: (number of ticks, events)."""
    found = []
    for count, now in enumerate(range(start, end, every)):
        before = [story.ledger.position for story in two]
        tick([story.ledger for story in two], now, asked=False)
        after = [story.ledger.position for story in two]
        written = sum(
            int(b.partition(":")[2]) - int(a.partition(":")[2]) for a, b in zip(before, after, strict=True)
        )
        if written:
            found.append((count, written))
    return found


class TestAnIdleLog:
    def test_is_closed_once_what_was_recorded_is_covered_and_then_at_the_first_tick_of_a_day(
        self, two: tuple[Story, Story]
    ) -> None:
        """Of both partitions, also where one never had an event; the terms' day begins at 17:00 UTC."""
        until_evening = ticks(two, MORNING + 2 * SECOND, MORNING + 12 * HOUR)
        assert until_evening == [(0, 3), (1, 2)], "the first was 3 s too early for what was recorded last"
        assert [story.ledger.closed_through for story in two] == [MORNING + MINUTE - 3 * SECOND] * 2
        a_day = ticks(two, MORNING + 12 * HOUR, MORNING + 36 * HOUR)
        assert a_day == [(_MIDNIGHT_TICK, 2)]
        assert ticks(two, MORNING + 36 * HOUR, MORNING + 42 * HOUR) == [(_MIDNIGHT_TICK, 2)]

    def test_is_closed_whole_once_anything_is_recorded_in_one_of_its_partitions(
        self, two: tuple[Story, Story]
    ) -> None:
        ticks(two, MORNING + MINUTE, MORNING + HOUR)
        one, other = two
        noon = MORNING + 2 * HOUR
        one.given(TopUp, noon, credit=rupiah(5000))
        assert ticks(two, noon + MINUTE, noon + HOUR) == [(0, 2)]
        one.when(ChargeCredit, noon + HOUR, amount=10**9).refused("insufficient-credit")
        assert ticks(two, noon + HOUR + MINUTE, noon + 2 * HOUR) == [(0, 2)], "a refusal is an answer too"
        assert other.ledger.closed_through == one.ledger.closed_through == noon + HOUR + MINUTE - TOLERANCE

    def test_is_closed_where_somebody_asks(self, two: tuple[Story, Story]) -> None:
        ticks(two, MORNING + MINUTE, MORNING + HOUR)
        now = MORNING + 2 * HOUR
        told = tick([story.ledger for story in two], now, asked=True)
        assert [one.closed_through for one in told] == [now - TOLERANCE] * 2

    def test_is_closed_where_one_partition_was_and_the_other_was_not(self, two: tuple[Story, Story]) -> None:
        ticks(two, MORNING + MINUTE, MORNING + HOUR)
        tick([two[1].ledger], MORNING + HOUR, asked=True)
        assert ticks(two, MORNING + HOUR + MINUTE, MORNING + 2 * HOUR) == [(0, 2)]

    def test_is_left_alone_by_a_clock_that_was_started_anew_and_by_a_second_one(
        self, two: tuple[Story, Story]
    ) -> None:
        ticks(two, MORNING + MINUTE, MORNING + HOUR)
        for story in two:
            story.reopen()
        assert ticks(two, MORNING + HOUR, MORNING + 2 * HOUR) == []
        assert ticks(two, MORNING + HOUR + SECOND, MORNING + 2 * HOUR) == []

    def test_what_fell_due_is_recorded_at_its_tick_all_the_same(self, two: tuple[Story, Story]) -> None:
        end = at("2023-08-03T00:00:00+07:00")
        ticks(two, end - HOUR, end)
        grown = ticks(two, end, end + HOUR)
        assert grown[0] == (1, 3), "GraceStarted, and the closings"
        assert len(grown) == 1


def test_a_tick_looks_at_as_many_rows_however_often_the_log_was_closed(tmp_path: Path) -> None:
    counts = []
    for closings in (5, 500):
        folder = tmp_path / str(closings)
        folder.mkdir()
        story = Story(folder)
        story.given_active(since=MORNING)
        for index in range(closings):
            tick([story.ledger], MORNING + MINUTE * (index + 1), asked=True)
        story.reopen()
        recorder: Any = story.ledger.recorder
        looked_at = 0
        select = recorder.select_events

        def counted(*arguments: Any, select: Any = select, **wanted: Any) -> Any:
            nonlocal looked_at
            found = select(*arguments, **wanted)
            looked_at += len(found)
            return found

        vars(recorder)["select_events"] = counted
        tick([story.ledger], MORNING + HOUR * 20, asked=True)
        counts.append(looked_at)
        story.close()
    assert counts[0] == counts[1] <= 2


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_it_ticks_until_stopped_and_lets_others_write_in_between(pulsa: Pulsa, sent: signal.Signals) -> None:
    live = Pulsa(pulsa.folder, PULSA_CLOCK=None)
    environment = os.environ | {"PULSA_LOG": str(live.log), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "ledger.entrypoints.cli", "log", "advance", "--every", "0.3", "--json"]
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
        process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    is_later_day = first["closed_through"][:10] < second["closed_through"][:10]  # then it is closed once more
    assert is_later_day or first == second | {"due": 0}, "nothing was recorded in between"
    live.done(
        "number", "issue", NUMBER, *f"--terms {SP23} --printed-credit 0 --valid-until 2099-01-01".split()
    )
