"""The answers of the projections are those of the log: for every pair of instants, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.calendar import DAY
from ledger.domain.commands import Command
from ledger.domain.line.commands import AdvanceTime
from ledger.errors import QueryRefused
from projections.asking.questions import Questions
from tests.often import often
from tests.projections.histories import (
    BEGIN,
    NUMBERS,
    Step,
    a_log,
    closing,
    commands,
    play,
    recorded,
    steps,
)
from tests.projections.oracle import Oracle
from tests.projections.projected import contents, database, folded, projected

OPERATOR = (
    "operator/cash",
    "operator/credit-sales",
    "operator/credit-issued",
    "operator/usage",
    "operator/charges",
    "operator/fees",
    "operator/breakage",
    "operator/adjustments",
)
PARTS = ("credit", "reserved")
SUBJECTS = [subject for number in NUMBERS for subject in (number, f"{number}#1", f"{number}#2")]

instants = st.one_of(
    st.integers(-1, 40 * DAY),
    st.integers(0, 400 * DAY),
    st.integers(0, 30),
    st.sampled_from([0, 1, DAY, 3 * DAY]),
).map(lambda after: BEGIN + after)
pairs = st.lists(st.tuples(instants, instants), min_size=2, max_size=4)


def asked(question: Any, *about: Any, **then: Any) -> Any:
    """An answer as JSON, or the code of its refusal."""
    try:
        answer = question(*about, **then)
        if isinstance(answer, Iterator):
            answer = list(answer)
    except QueryRefused as refusal:
        return refusal.code
    return [one.to_json() for one in answer] if isinstance(answer, list) else answer.to_json()


def everything(ask: Questions | Oracle, as_of: int, known_at: int) -> dict[str, Any]:
    """The answers to every question there is about a moment."""
    then: Any = {"as_of": as_of, "known_at": known_at}
    answers = of_all(ask, as_of, known_at)
    for subject in SUBJECTS:
        answers[f"enquiry {subject}"] = asked(ask.enquiry, subject, **then)
        for part in PARTS:
            answers[f"balance {subject}/{part}"] = asked(ask.balance, f"{subject}/{part}", **then)
    return answers


def of_all(ask: Questions | Oracle, as_of: int, known_at: int) -> dict[str, Any]:
    """The answers that the events of one number do not give."""
    then: Any = {"as_of": as_of, "known_at": known_at}
    names = (*OPERATOR, *(f"{subject}/in-transit" for subject in SUBJECTS))
    answers = {f"balance {name}": asked(ask.balance, name, **then) for name in names}
    answers["states"] = asked(ask.states, **then)
    answers["transit"] = asked(ask.transit, **then)
    answers["trial balance"] = asked(ask.trial_balance, **then)
    answers["trial balance of each"] = asked(ask.trial_balance, each=True, **then)
    answers["enquiries"] = asked(ask.enquiries, **then)
    return answers


def check(history: list[Step], close_after: int, moments: list[tuple[int, int]], url: str | None) -> None:
    with TemporaryDirectory() as folder:
        log = Path(folder) / "log.db"
        happened = commands(history)
        half = len(happened) // 2
        closed = closing(happened[half - 1].at - 1 + close_after, "close")
        play(log, [*happened[:half], closed, *happened[half:]])
        with database(url or Path(folder) / "views.db") as opened:
            stored, reference = projected(opened, log), folded(log)
            # Instants at which something is recorded or effective, and those right beside them, matter most.
            own = sorted({at for _, x in recorded(log) for at in (x.effective_at, x.recorded_at)})
            near = [(own[t % len(own)] + t % 3 - 1, own[k % len(own)] + k % 3 - 1) for t, k in moments]
            for as_of, known_at in moments + near:
                expected = everything(reference, as_of, known_at)
                found = everything(stored, as_of, known_at)
                assert found == expected


@often(10)
@given(steps(), st.integers(0, 30 * DAY), pairs)
def test_answers_from_sqlite_equal_those_of_the_log(
    history: list[Step], close_after: int, moments: list[tuple[int, int]]
) -> None:
    check(history, close_after, moments, None)


@often(4)  # both databases are asked by the same statements, and hold the same rows
@given(history=steps(), close_after=st.integers(0, 30 * DAY), moments=pairs)
def test_answers_from_postgresql_equal_those_of_the_log(
    postgres_url: str,
    history: list[Step],
    close_after: int,
    moments: list[tuple[int, int]],
) -> None:
    check(history, close_after, moments, postgres_url)


@often(8)
@given(steps(), st.lists(st.integers(1, 40), min_size=1, max_size=4))
def test_batches_of_any_size_give_the_same_rows(history: list[Step], sizes: list[int]) -> None:
    with TemporaryDirectory() as folder:
        log = Path(folder) / "log.db"
        happened = commands(history)
        play(log, happened[: len(happened) // 2])
        rows = []
        with database(Path(folder) / "whole.db") as whole:
            for count, size in enumerate(sizes):
                with database(Path(folder) / f"{count}.db") as opened:
                    projected(opened, log, size=size)
            play(log, happened[len(happened) // 2 :])
            projected(whole, log)
            rows.append(contents(whole))
        for count, size in enumerate(sizes):
            with database(Path(folder) / f"{count}.db") as opened:
                projected(opened, log, size=size)
                rows.append(contents(opened))
        assert all(found == rows[0] for found in rows[1:])


def test_both_databases_hold_the_same_rows(tmp_path: Path, postgres_url: str) -> None:
    log = a_log(tmp_path / "log.db")
    with database(tmp_path / "views.db") as embedded, database(postgres_url) as served:
        projected(embedded, log, size=100)
        projected(served, log, size=700)
        assert contents(embedded) == contents(served)


def test_a_clock_that_ticked_changes_no_answer(tmp_path: Path) -> None:
    log = a_log(tmp_path / "log.db")
    with database(tmp_path / "views.db") as opened:
        before = everything(projected(opened, log), BEGIN + 3000 * DAY, BEGIN + 900 * DAY)
        ticks: list[Command] = [
            AdvanceTime(at=BEGIN + 3000 * DAY, command_id="tick", msisdn=n) for n in NUMBERS
        ]
        play(log, ticks)
        assert everything(projected(opened, log), BEGIN + 3000 * DAY, BEGIN + 900 * DAY) == before


@pytest.mark.parametrize("subject", ["nonsense", "6288199999999", "6288100000001#7", "operator/nothing"])
def test_what_is_unknown_is_refused_and_never_zero(tmp_path: Path, subject: str) -> None:
    log = a_log(tmp_path / "log.db")
    with database(tmp_path / "views.db") as opened:
        ask = projected(opened, log)
        assert asked(ask.enquiry, subject) == "unknown-account"
        assert asked(ask.balance, subject) == "unknown-account"
        assert asked(ask.balance, f"{subject}/credit") == "unknown-account"
