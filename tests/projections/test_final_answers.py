"""Answers for every pair of instants: whoever looked when, and never another once they are final."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.calendar import DAY, SECOND
from ledger.domain.commands import Command
from ledger.domain.line.commands import AdvanceTime
from ledger.domain.money import format_amount
from ledger.errors import QueryRefused
from projections.asking.questions import Questions
from tests.given import at
from tests.often import often
from tests.projections.histories import BEGIN, NUMBERS, Step, closing, commands, play, steps
from tests.projections.projected import asked

LATER = at("2045-01-01T00:00:00Z")
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

instants = st.one_of(
    st.integers(0, 40 * DAY),
    st.integers(0, 400 * DAY),
    st.integers(0, 30),
    st.sampled_from([0, 1, DAY, 3 * DAY]),
).map(lambda after: BEGIN + after)


@contextmanager
def a_path() -> Iterator[Path]:
    with TemporaryDirectory() as folder:
        yield Path(folder) / "log.db"


def told(question: Any, *about: Any, **then: Any) -> Any:
    """An answer as JSON, or the code of its refusal."""
    try:
        answer = question(*about, **then)
        if isinstance(answer, Iterator):
            answer = list(answer)
    except QueryRefused as refusal:
        return refusal.code
    return [one.to_json() for one in answer] if isinstance(answer, list) else answer.to_json()


@often(10, soaked=225)
@given(steps(), st.integers(1, 25), instants)
def test_a_forecast_is_what_the_ledger_records_when_the_time_has_come(
    history: list[Step], cut: int, as_of: int
) -> None:
    happened = commands(history)[:cut]
    known_at = happened[-1].at
    as_of = max(as_of, known_at)
    with a_path() as path, asked(path, now=LATER) as ask:
        play(path, happened)
        forecast = [told(ask.enquiry, n, as_of=as_of, known_at=known_at) for n in NUMBERS]
        breakage = told(ask.balance, "operator/breakage", as_of=as_of, known_at=known_at)
        play(path, [AdvanceTime(at=as_of, command_id="then", msisdn=n) for n in NUMBERS])
        after = [told(ask.enquiry, n, as_of=as_of, known_at=as_of) for n in NUMBERS]
        assert [_timeless(answer) for answer in after] == [_timeless(answer) for answer in forecast]
        (now,) = ask.balance("operator/breakage", as_of=as_of, known_at=as_of)
        if breakage != "before-the-log":
            assert format_amount(now.amount) == breakage[0]["amount"]


def _timeless(answer: Any) -> Any:
    if isinstance(answer, str):
        return answer
    return {name: value for name, value in answer.items() if name not in {"known_at", "position", "final"}}


@often(10, soaked=225)
@given(
    steps(),
    st.lists(st.integers(0, 9), min_size=40, max_size=40),
    st.lists(st.tuples(instants, instants), min_size=3),
)
def test_no_answer_depends_on_who_looked_when(
    history: list[Step], looks: list[int], pairs: list[tuple[int, int]]
) -> None:
    plain = commands(history)
    ticked: list[Command] = []
    for count, (command, look) in enumerate(zip(plain, looks, strict=False)):
        ticked.append(command)
        following = plain[count + 1].at if count + 1 < len(plain) else command.at + DAY
        if look < 3:
            between = command.at + (following - command.at) * look // 3
            ticked += [
                AdvanceTime(at=between, command_id=f"look {count} {n}", msisdn=n) for n in NUMBERS[: look + 1]
            ]
        if look == 9 and following - command.at > 2:
            ticked.append(closing(following - 2, f"close {count}"))
    with (
        a_path() as path,
        a_path() as other,
        asked(path, now=LATER) as ask,
        asked(other, now=LATER) as ask_other,
    ):
        play(path, plain)
        play(other, ticked)
        for as_of, known_at in pairs:
            for number in NUMBERS:
                answers = [told(q.enquiry, number, as_of=as_of, known_at=known_at) for q in (ask, ask_other)]
                assert _timeless(answers[0]) == _timeless(answers[1])


@often(5, soaked=120)
@given(steps(), steps(20), st.integers(1, 100 * DAY), st.data())
def test_a_final_answer_never_changes_whatever_is_recorded_afterwards(
    history: list[Step], more: list[Step], after: int, data: st.DataObject
) -> None:
    happened = commands(history)
    through = happened[-1].at + after
    with a_path() as path, asked(path, now=LATER) as ask:
        play(path, [*happened, closing(through, "close")])
        pairs = data.draw(
            st.lists(
                st.tuples(
                    st.integers(BEGIN - 1, through + 40 * DAY),
                    st.integers(BEGIN - 1, through) | st.just(through),
                ),
                min_size=3,
                max_size=5,
            )
        )
        before = [_everything(ask, as_of, known_at) for as_of, known_at in pairs]
        assert '"final": false' not in json.dumps(before)
        # Within the clock tolerance a command that comes too late is lifted past what is closed.
        behind = data.draw(st.sampled_from([0, 1, SECOND, 4 * SECOND]))
        play(path, commands(more, since=through - behind, first=1000))
        play(path, [AdvanceTime(at=LATER, command_id="late", msisdn=n) for n in NUMBERS])
        assert [_everything(ask, as_of, known_at) for as_of, known_at in pairs] == before


def _everything(ask: Questions, as_of: int, known_at: int) -> Any:
    then: Any = {"as_of": as_of, "known_at": known_at}
    answers: list[Any] = []
    for number in NUMBERS:
        for subject in (number, f"{number}#1", f"{number}#2"):
            answers.append(told(ask.enquiry, subject, **then))
            answers.append(told(ask.history, subject, refused=True, **then))
            answers += [
                told(ask.balance, f"{subject}/{part}", **then)
                for part in ("credit", "reserved", "in-transit")
            ]
    answers += [told(ask.balance, name, **then) for name in OPERATOR]
    answers.append(told(ask.states, **then))
    answers.append(told(ask.transit, **then))
    answers.append(told(ask.trial_balance, each=True, **then))
    answers.append(told(ask.enquiries, **then))
    return answers
