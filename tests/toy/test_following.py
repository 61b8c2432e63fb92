"""What follows from an event follows from every event, whoever noticed it: told of a kind that only this test knows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.application import carrying_on
from ledger.application.journal import Apart
from ledger.application.ledger import Ledger
from ledger.application.library import environment
from ledger.audit.repartitioning import repartition
from ledger.audit.replaying import replay
from ledger.audit.verification import verify
from ledger.domain import kinds
from ledger.domain.calendar import SECOND
from ledger.domain.commands import Command
from ledger.domain.events import Event
from ledger.domain.ids import log_of, partition_named
from ledger.domain.partition.commands import CloseThrough
from ledger.domain.partition.events import CommandSetApart, LogCreated
from ledger.domain.terms_book import TermsBook
from ledger.entrypoints.clock import tick
from ledger.store.copying import Source
from ledger.store.partition_file import PartitionFactory
from ledger.store.partitioning import partition_of
from ledger.store.reading import SqliteReader
from tests.given import create_log, notifications
from tests.often import often
from tests.toy.commands import AdvancePromise, KeepPromise, MakePromise
from tests.toy.events import BrokenHeardOf, PromiseBroken, PromiseKept, PromiseMade
from tests.toy.kind import promises

T = 1_700_000_000 * SECOND
NAMES = [f"promise/{name}" for name in "abcde"]
END = T + 1000 * SECOND


@pytest.fixture(autouse=True)
def _promises() -> Iterator[None]:
    with promises():
        yield


class Case(NamedTuple):
    """Commands in order of their instants, and how a log is looked at meanwhile."""

    commands: list[Command]
    pieces: list[int]
    tick_every: int


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Promises that tell each other, never in a circle; some kept, some looked at, the most broken by themselves."""
    made: list[Command] = []
    for index, name in enumerate(NAMES):
        until = T + draw(st.integers(10, 60)) * SECOND
        tells = draw(st.sampled_from([None, *NAMES[index + 1 :]]))
        made.append(MakePromise(at=T, command_id="make", promise=name, until=until, tells=tells))
    now, asked = T, []
    for number in range(draw(st.integers(0, 8))):
        now += draw(st.integers(1, 20)) * SECOND
        kind = draw(st.sampled_from([AdvancePromise, AdvancePromise, KeepPromise]))
        asked.append(kind(at=now, command_id=f"ask-{number}", promise=draw(st.sampled_from(NAMES))))
    pieces = draw(st.lists(st.integers(1, 4), min_size=1, max_size=4))
    return Case([*made, *asked], pieces, draw(st.integers(1, 30)))


@contextmanager
def logs(partitions: int = 1) -> Iterator[list[tuple[Ledger, Path]]]:
    """The partitions of a log, each a file; promises lie by turns."""
    with TemporaryDirectory() as folder, ExitStack() as stack:
        opened = []
        for number in range(partitions):
            path = Path(folder) / f"{number}.db"
            create_log(path)
            ledger = open_partition(path, number, partitions)
            opened.append((stack.enter_context(closing(ledger)), path))
        yield opened


def open_partition(path: Path, number: int, partitions: int) -> Ledger:
    env = environment({"SQLITE_DBNAME": str(path)})
    here = PartitionFactory(env, number, partitions, partial(is_at, number, partitions))
    return Ledger(TermsBook(), here)


def place_of(id_: str, partitions: int) -> int:
    named = partition_named(id_)
    return NAMES.index(id_) % partitions if named is None else named


def is_at(number: int, partitions: int, id_: str) -> bool:
    return place_of(id_, partitions) == number


def falls_to(number: int, id_: str) -> bool:
    return partition_of(id_, 3) == number


def close(at: int, partition: int = 0) -> Command:
    return CloseThrough(at=at, command_id=f"close-{at}", actor="clock", msisdn=log_of(partition), through=at)


def events_of(ledger: Ledger) -> list[Event]:
    found: list[Any] = [ledger.mapper.to_domain_event(stored) for stored in notifications(ledger)]
    return [event for event in found if not event.TOPIC.startswith("ledger.log")]


def content(path: Path) -> list[tuple[Any, ...]]:
    with SqliteReader(path).snapshot() as log:
        return [(found.ordinal, found.digest) for found in log.events()]


def what_happened(events: Sequence[Event]) -> Counter[tuple[Any, ...]]:
    """All that does not say when somebody noticed it."""
    return Counter(
        (
            event.account,
            event.name,
            event.command_id,
            event.effective_at if isinstance(event, PromiseBroken) else None,
            (event.of, event.broken_at) if isinstance(event, BrokenHeardOf) else None,
        )
        for event in events
    )


def unticked(case: Case) -> tuple[list[Event], list[tuple[Any, ...]]]:
    with logs() as [(ledger, path)]:
        for command in [*case.commands, close(END)]:
            ledger.execute([command])
        assert verify(path).clean, verify(path).findings
        return events_of(ledger), content(path)


@often(6)
@given(cases())
def test_whoever_notices_the_same_follows_and_once(case: Case) -> None:
    without, _ = unticked(case)
    wanted = what_happened(without)
    assert set(wanted.values()) <= {1}
    broken = [event for event in without if isinstance(event, PromiseBroken)]
    told = [event for event in without if isinstance(event, BrokenHeardOf)]
    assert {event.command_id for event in broken if event.tells} <= {
        event.command_id.removeprefix("policy/") for event in told
    }
    by_the_clock, by_closings = [], []
    with logs() as [(ledger, path)]:
        now = T
        for command in [*case.commands, close(END)]:
            while now < min(command.at, T + 100 * SECOND):
                now += case.tick_every * SECOND
                tick([ledger], min(now, command.at), asked=False)
            ledger.execute([command])
        assert verify(path).clean, verify(path).findings
        by_the_clock = events_of(ledger)
    with logs() as [(ledger, path)]:
        for command in case.commands:
            ledger.execute([close(command.at - 1), command])
        ledger.execute([close(END)])
        assert verify(path).clean, verify(path).findings
        by_closings = events_of(ledger)
    assert what_happened(by_the_clock) == wanted
    assert what_happened(by_closings) == wanted


@often(6)
@given(cases())
def test_batches_of_any_size_and_restarts_give_the_same_log(case: Case) -> None:
    _, wanted = unticked(case)
    commands = [*case.commands, close(END)]
    with logs() as [(ledger, path)]:
        at = 0
        while at < len(commands):
            size = case.pieces[at % len(case.pieces)]
            ledger.execute(commands[at : at + size])
            at += size
        assert content(path) == wanted
    with TemporaryDirectory() as folder:
        path = Path(folder) / "log.db"
        create_log(path)
        for command in commands:
            with closing(open_partition(path, 0, 1)) as ledger:
                ledger.execute([command])
        assert content(path) == wanted


@often(6)
@given(cases())
def test_what_follows_elsewhere_goes_out_with_its_cause(case: Case) -> None:
    wanted = what_happened(unticked(case)[0])
    with logs(3) as places:
        waiting: list[Command] = []
        for command in [*case.commands, *(close(END, number) for number in range(3))]:
            waiting.append(command)
            while waiting:
                said = waiting.pop(0)
                ledger, _ = places[place_of(said.subject, 3)]
                before = len(events_of(ledger))
                ledger.execute([said])
                sent = ledger._work.batch.forwarded
                causes = {event.command_id for event in events_of(ledger)[before:]}
                assert {one.command_id.removeprefix("policy/") for one in sent} <= causes
                waiting += sent
        happened = [event for ledger, _ in places for event in events_of(ledger)]
        assert what_happened(happened) == wanted
        for number, (_, path) in enumerate(places):
            report = verify(path, partition=number, partitions=3, is_here=partial(is_at, number, 3))
            assert report.clean, report.findings


def test_what_followed_is_decided_again_alike() -> None:
    first, second, third = NAMES[:3]
    made = [
        MakePromise(at=T, command_id="m", promise=first, until=T + SECOND, tells=second),
        MakePromise(at=T, command_id="m", promise=second, until=T + SECOND, tells=third),
        MakePromise(at=T, command_id="m", promise=third, until=T + SECOND),
    ]
    with logs() as [(ledger, path)]:
        ledger.execute([*made, close(END)])
        kinds = Counter(event.name for event in events_of(ledger))
        found = replay([SqliteReader(path)], [])
    assert kinds == {"PromiseMade": 3, "PromiseBroken": 3, "BrokenHeardOf": 3}
    assert not found.first
    assert found.commands == 4


def test_what_follows_may_be_the_first_thing_that_happens_to_a_partition() -> None:
    one, other = NAMES[:2]
    with logs(2) as [(here, _), (there, path)]:
        there.execute([MakePromise(at=T, command_id="m", promise=other, until=END)])
        here.execute([MakePromise(at=T, command_id="m", promise=one, until=T + 1, tells=other), close(END)])
        (told,) = here._work.batch.forwarded
        assert there.execute([told])[0].code is None
        assert there.execute([told])[0].status == "repeated"
        assert isinstance(next(iter(there._events.get("log@1"))), LogCreated)
        assert Counter(event.name for event in events_of(there))["BrokenHeardOf"] == 1
        assert verify(path, partition=1, partitions=2, is_here=partial(is_at, 1, 2)).clean


def test_what_never_ends_is_set_apart_with_its_code() -> None:
    one, other, third = NAMES[:3]
    with logs() as [(ledger, path)]:
        ledger.execute(
            [
                MakePromise(at=T, command_id="m", promise=one, until=T + SECOND, tells=other),
                MakePromise(at=T, command_id="m", promise=other, until=END, tells=third),
                MakePromise(at=T, command_id="m", promise=third, until=END, tells=other),
                AdvancePromise(at=T + SECOND, command_id="look", promise=one),
            ]
        )
        (apart,) = ledger.set_apart
        stored: list[Any] = [ledger.mapper.to_domain_event(one) for one in notifications(ledger)]
        (event,) = [one for one in stored if isinstance(one, CommandSetApart)]
        assert event.code == "policy-endless"
        assert event.apart_id == apart.command.command_id
        heard = [one for one in stored if isinstance(one, BrokenHeardOf)]
        assert 0 < len(heard) <= carrying_on.LONGEST_CHAIN
        assert verify(path).clean, verify(path).findings
        assert ledger.execute([KeepPromise(at=T + 2 * SECOND, command_id="k", promise=other)])[0].code is None


def test_a_chain_over_partitions_ends_too() -> None:
    one, other, third = NAMES[:3]
    with logs(2) as places:
        waiting: list[Command] = [
            MakePromise(at=T, command_id="m", promise=third, until=END, tells=other),
            MakePromise(at=T, command_id="m", promise=other, until=END, tells=third),
            MakePromise(at=T, command_id="m", promise=one, until=T + SECOND, tells=other),
            AdvancePromise(at=T + SECOND, command_id="look", promise=one),
        ]
        apart: list[Apart] = []
        for _ in range(100):
            if not waiting:
                break
            said = waiting.pop(0)
            ledger, _ = places[place_of(said.subject, 2)]
            ledger.execute([said])
            waiting += ledger._work.batch.forwarded
            apart += ledger.set_apart
        for number, (_, path) in enumerate(places):
            report = verify(path, partition=number, partitions=2, is_here=partial(is_at, number, 2))
            assert report.clean, report.findings
    assert not waiting
    assert len(apart) == 1


def test_one_that_fails_is_undone_and_its_cause_stands() -> None:
    one, other = NAMES[:2]
    with logs() as [(ledger, path)]:
        outcomes = ledger.execute(
            [
                MakePromise(at=T, command_id="m", promise=one, until=T + SECOND, tells=other),
                AdvancePromise(at=T + SECOND, command_id="look", promise=one),
            ]
        )
        assert [outcome.code for outcome in outcomes] == [None, None]
        (apart,) = ledger.set_apart
        assert apart.command.subject == other
        assert [type(event) for event in events_of(ledger)] == [PromiseMade, PromiseBroken]
        assert verify(path).clean, verify(path).findings


@pytest.mark.parametrize("partitions", [1, 2])
def test_only_what_the_ledger_alone_says_may_follow(monkeypatch: pytest.MonkeyPatch, partitions: int) -> None:
    one, other = NAMES[:2]

    def keep(event: PromiseBroken) -> list[Command]:
        return [KeepPromise(at=event.recorded_at, command_id=f"policy/{event.command_id}", promise=other)]

    monkeypatch.setitem(kinds._FOLLOWS, PromiseBroken, keep)
    with logs(partitions) as places:
        ledger, path = places[place_of(one, partitions)]
        there, _ = places[place_of(other, partitions)]
        there.execute([MakePromise(at=T, command_id="m", promise=other, until=END)])
        outcomes = ledger.execute(
            [
                MakePromise(at=T, command_id="m", promise=one, until=T + SECOND),
                AdvancePromise(at=T + SECOND, command_id="look", promise=one),
            ]
        )
        assert [outcome.code for outcome in outcomes] == [None, None]
        (apart,) = ledger.set_apart
        assert apart.command.name == "KeepPromise"
        assert "KeepPromise is not INTERNAL" in apart.reason
        assert not ledger._work.batch.forwarded
        assert PromiseKept not in map(type, events_of(there))
        number = place_of(one, partitions)
        report = verify(
            path, partition=number, partitions=partitions, is_here=partial(is_at, number, partitions)
        )
        assert report.clean, report.findings


@pytest.mark.parametrize("noticed", ["by the clock", "before"])
def test_the_log_is_parted_anew_whoever_noticed_what_something_followed_from(
    tmp_path: Path, noticed: str
) -> None:
    made = [
        MakePromise(at=T, command_id="m", promise=name, until=T + SECOND, tells=tells)
        for name, tells in zip(NAMES, [*NAMES[1:], None], strict=True)
    ]
    looked = [AdvancePromise(at=T + SECOND, command_id="look", promise=name) for name in NAMES]
    with logs() as [(ledger, path)]:
        ledger.execute([*made, *(looked if noticed == "before" else ()), close(END)])
        wanted = what_happened(events_of(ledger))
        with closing(Source(path, 0)) as source:
            repartition([source], tmp_path / "apart", 3)
    found: list[Event] = []
    for number in range(3):
        file = tmp_path / "apart" / f"partition-{number}.db"
        report = verify(file, partition=number, partitions=3, is_here=partial(falls_to, number))
        assert report.clean, report.findings
        with SqliteReader(file, number).snapshot() as log:
            found += [one.event for one in log.events() if not one.event.TOPIC.startswith("ledger.log")]
    assert what_happened(found) == wanted
