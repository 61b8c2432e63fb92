"""Whether a ticker ran every second or nobody looked for half a year: the same events, money and outcomes."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ledger.application.ledger import CLOCK_TOLERANCE
from ledger.application.outcomes import Outcome
from ledger.domain.calendar import DAY
from ledger.domain.commands import Command
from ledger.domain.events import Event
from ledger.domain.line.commands import AdvanceTime
from ledger.domain.partition.commands import CloseThrough
from ledger.domain.partition.events import ClosedThrough
from tests.often import often
from tests.properties.running import events_of, log_of, one_by_one
from tests.properties.strategies import NUMBERS, History, histories

FEW = often(12)

TICKS = st.lists(st.tuples(st.integers(0, 10_000), st.sampled_from([*NUMBERS, "all", "all"])), max_size=4)


def told(event: Event) -> dict[str, Any]:
    """Everything of an event but, where time brought it about, when that was noticed."""
    fields = dict(event.__dict__)
    if event.actor == "clock":
        del fields["recorded_at"]
    return fields


def by_account(events: list[Event]) -> dict[str, list[dict[str, Any]]]:
    """The events of each account and number, in order."""
    found = defaultdict(list)
    for event in events:
        if not event.account.startswith("log@"):
            found[event.account].append(told(event))
    return dict(found)


def answer(outcome: Outcome) -> tuple[object, ...]:
    """An outcome without its position, which counts what others did too."""
    return (outcome.command_id, outcome.status, outcome.code, outcome.message, outcome.events, outcome.at)


@st.composite
def ticked(draw: st.DrawFn) -> tuple[History, list[Command]]:
    """A history in `at` order, and the same with a clock that ticks in between, at any rhythm."""
    history = draw(histories(in_order=True))
    ticking = list[Command]()
    times = [command.at for command in history.commands]
    for index, command in enumerate(history.commands):
        ticking.append(command)
        until = times[index + 1] if index + 1 < len(times) else command.at + 30 * DAY
        for tick, (share, whom) in enumerate(sorted(draw(TICKS))):
            moment = command.at + (until - command.at) * share // 10_000
            id_ = f"tick-{index}-{tick}"
            if whom == "all":
                through = moment - CLOCK_TOLERANCE
                ticking.append(
                    CloseThrough(at=moment, command_id=id_, actor="clock", msisdn="log@0", through=through)
                )
            else:
                ticking.append(AdvanceTime(at=moment, command_id=id_, actor="clock", msisdn=whom))
    end = max(times) + 60 * DAY
    last = [AdvanceTime(at=end, command_id="end", msisdn=number) for number in NUMBERS]
    return History(history.terms, [*history.commands, *last]), [*ticking, *last]


@FEW
@given(ticked())
def test_a_ticker_changes_no_event_no_order_no_effect_and_no_outcome(
    case: tuple[History, list[Command]],
) -> None:
    history, ticking = case
    with log_of(history) as (ledger, _):
        wanted = one_by_one(ledger, history.commands)
        without = by_account(events_of(ledger))
    with log_of(history) as (ledger, _):
        ids = {command.command_id for command in history.commands if not isinstance(command, AdvanceTime)}
        outcomes = [x for x in one_by_one(ledger, ticking) if x.command_id in ids]
        ticked_events = by_account(events_of(ledger))
    assert ticked_events == without
    assert [answer(x) for x in outcomes] == [answer(x) for x in wanted if x.command_id in ids]


@FEW
@given(histories(), st.lists(st.integers(0, 29), max_size=4))
def test_nothing_recorded_after_a_closing_lies_at_or_before_it(history: History, when: list[int]) -> None:
    with log_of(history) as (ledger, _):
        for index, command in enumerate(history.commands):
            ledger.execute([command])
            if index in when:
                at = command.at
                ledger.execute(
                    [
                        CloseThrough(
                            at=at, command_id=f"close-{index}", actor="clock", msisdn="log@0", through=at
                        )
                    ]
                )
        closed = None
        for event in events_of(ledger):
            if isinstance(event, ClosedThrough):
                closed = event.through
            elif closed is not None:
                assert event.recorded_at > closed, event


@FEW
@given(histories())
def test_the_recorded_order_of_an_account_is_the_order_of_its_recorded_times(history: History) -> None:
    with log_of(history) as (ledger, _):
        ledger.execute(history.commands)
        latest: dict[str, int] = {}
        versions: dict[str, int] = {}
        for event in events_of(ledger):
            number = event.account.partition("#")[0]
            assert event.recorded_at >= latest.get(number, event.recorded_at), event
            latest[number] = event.recorded_at
            assert event.version == versions.get(event.account, 0) + 1
            versions[event.account] = event.version
            assert event.effective_at <= event.recorded_at
