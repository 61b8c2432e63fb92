"""Parts of a process that fail: each failure is waited for, cured by beginning again, or stops everything."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from prometheus_client import CollectorRegistry

from ledger.entrypoints import supervising
from ledger.entrypoints.health import STILL, Health
from ledger.entrypoints.supervising import Part, PartDefect, Stepped, Supervisor
from ledger.errors import LedgerError, LogDamaged, LogUnreachable, SettingsInvalid, WriterFenced
from tests.waiting import PATIENCE


class Failing:
    """A part that meets errors in order, and then stops everything."""

    def __init__(self, *errors: Exception, in_making: bool = False) -> None:
        self.errors = list(errors)
        self.stopped = threading.Event()
        self.made = 0
        self.steps = 0
        self.waits: list[float] = []
        self.now = 0.0
        self.health = Health(lambda: self.now)
        self.registry = CollectorRegistry()
        self.health.count_in(self.registry)
        self._in_making = in_making

    @contextmanager
    def make(self) -> Iterator[Callable[[], Stepped]]:
        self.made += 1
        if self._in_making:
            self._fail()
        yield self._step

    def _step(self) -> Stepped:
        self.steps += 1
        self._fail()
        self.stopped.set()
        return Stepped()

    def _fail(self) -> None:
        if self.errors:
            raise self.errors.pop(0)

    def run(self, **how: object) -> None:
        def told(_part: str, _error: Exception, wait: float) -> None:
            self.waits.append(wait)

        supervisor = Supervisor(self.stopped, self.health, told=told, monotonic=lambda: self.now)
        supervisor.run(Part("part", self.make, **how))  # type: ignore[arg-type]

    def failures(self, code: str, then: str) -> float | None:
        labels = {"part": "part", "code": code, "then": then}
        return self.registry.get_sample_value("ledger_part_failures_total", labels)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervising, "FIRST_PAUSE", 0.001)
    monkeypatch.setattr(supervising, "LONGEST_PAUSE", 0.004)


def test_what_is_passing_is_waited_for_longer_each_time_and_made_anew_now_and_then() -> None:
    part = Failing(*[LogUnreachable("gone")] * 20)
    part.run()
    assert part.waits[:4] == [0.001, 0.002, 0.004, 0.004]
    assert part.failures("log-unreachable", "wait") == 20
    assert part.made == 1 + 20 // supervising.WAITS
    assert not part.health.unready()


def test_what_nobody_foresaw_is_begun_again_and_counted_so_often_and_no_more() -> None:
    part = Failing(*[ZeroDivisionError("by nothing")] * supervising.RESTARTS)
    part.run()
    assert part.made == supervising.RESTARTS + 1
    assert part.failures("defect", "again") == supervising.RESTARTS
    part = Failing(*[ZeroDivisionError("by nothing")] * (supervising.RESTARTS + 1))
    with pytest.raises(PartDefect, match="part: ZeroDivisionError: by nothing"):
        part.run()


def test_former_failures_do_not_count_after_a_long_calm() -> None:
    part = Failing(*[ZeroDivisionError("by nothing")] * 50)
    fail = part._fail

    def later() -> None:
        part.now += supervising.CALM + 1
        fail()

    part._fail = later  # type: ignore[method-assign]
    part.run()
    assert part.made == 51


@pytest.mark.parametrize("error", [WriterFenced("taken"), SettingsInvalid("wrong"), LogDamaged("broken")])
def test_what_is_for_good_stops_at_once(error: LedgerError) -> None:
    part = Failing(error)
    with pytest.raises(type(error)):
        part.run()
    assert part.steps == 1
    assert part.failures(error.code, "stop") == 1


def test_a_mirror_is_made_anew_where_that_may_cure_it() -> None:
    part = Failing(LogDamaged("broken"))
    part.run(remade=(LogDamaged,))
    assert part.made == 2
    part = Failing(*[LogDamaged("broken")] * 9)
    with pytest.raises(LogDamaged):
        part.run(remade=(LogDamaged,))


def test_what_cannot_be_made_the_first_time_is_said_unless_it_is_patient() -> None:
    part = Failing(LogUnreachable("gone"), in_making=True)
    with pytest.raises(LogUnreachable):
        part.run()
    part = Failing(LogUnreachable("gone"), in_making=True)
    part.run(patient=True)
    assert part.made == 2


def test_what_ends_a_part_beside_ends_the_process_with_its_error() -> None:
    part, stopped = Failing(WriterFenced("taken")), threading.Event()
    supervisor = Supervisor(stopped)
    supervisor.beside(Part("beside", part.make))
    assert stopped.wait(PATIENCE)
    supervisor.wait()
    with pytest.raises(WriterFenced):
        supervisor.check()


def test_a_loop_that_gives_no_sign_of_life_is_told_and_one_that_waits_as_it_said_is_not() -> None:
    now = [0.0]
    health = Health(lambda: now[0])
    health.expects("writer")
    health.done("writer", ready=True, pause=0)
    health.expects("clock")
    health.done("clock", ready=True, pause=600)
    now[0] = STILL + 1
    assert [line.partition(":")[0] for line in health.still()] == ["writer"]
    health.beat("writer")
    assert health.still() == []
    now[0] = 600 + STILL
    assert [line.partition(":")[0] for line in health.still()] == ["writer"]
