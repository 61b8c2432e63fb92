"""The loops of a process, and the one place where what fails in them is sorted: wait, begin again, or stop.

A part is made, and then does step after step until everything is stopped. What stops one part stops the process.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from ledger.entrypoints.clock import ClockRefused
from ledger.entrypoints.health import Health
from ledger.errors import (
    CommitUncertain,
    DatabaseDamaged,
    DatabaseFull,
    DatabaseUnreachable,
    LedgerError,
    LogFull,
    LogUnreachable,
    RegistryUnreachable,
)

PASSING = (
    CommitUncertain,
    LogUnreachable,
    RegistryUnreachable,
    DatabaseUnreachable,
    DatabaseFull,
    DatabaseDamaged,
    LogFull,
    ClockRefused,
)
"""What may be well again by itself, once a part is at work."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 10.0
"""Seconds before a part that failed goes on: twice as long each time, up to a bound."""
WAITS = 6
"""Failures in a row after which a part that waits is made anew: its connections may be what is wrong."""
RESTARTS = 5
"""How often a part is made anew after what nobody foresaw, before the process stops."""
CALM = 600.0
"""Seconds without such a failure after which former ones do not count any more."""


class Verdict(StrEnum):
    """What becomes of a part that failed."""

    WAIT = "wait"
    AGAIN = "again"
    STOP = "stop"


class Stepped(NamedTuple):
    """What a step came to: the seconds until the next, and whether the part does now what it is there for."""

    pause: float = 0.0
    ready: bool = True


class PartDefect(LedgerError):
    """A part of the process failed again and again, in a way that nobody foresaw."""

    code = "defect"


@dataclass(frozen=True)
class Part:
    """`make` opens what the part works with and yields its step. `remade` are errors that making it anew may cure.

    A part that is `patient` waits also where it cannot be made the first time.
    """

    name: str
    make: Callable[[], AbstractContextManager[Callable[[], Stepped]]]
    remade: tuple[type[LedgerError], ...] = ()
    patient: bool = False

    def verdict(self, error: Exception) -> Verdict:
        """What becomes of the part after an error."""
        if isinstance(error, PASSING):
            return Verdict.WAIT
        if isinstance(error, self.remade) or not isinstance(error, LedgerError):
            return Verdict.AGAIN
        return Verdict.STOP


class Supervisor:
    """Runs parts until `stopped`: one here, others beside it. `told` hears what a part waits for, and how long."""

    def __init__(
        self,
        stopped: threading.Event,
        health: Health | None = None,
        *,
        told: Callable[[str, Exception, float], None] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.stopped = stopped
        self.health = health or Health(monotonic)
        self._told = told or _logged
        self._monotonic = monotonic
        self._beside: list[threading.Thread] = []
        self._failed: list[Exception] = []

    def run(self, part: Part) -> None:
        """Runs a part here until all is stopped. Raises what stops it, PartDefect after too many restarts."""
        course = _Course(part, self._monotonic)
        self.health.expects(part.name)
        made = part.patient
        while not self.stopped.is_set():
            try:
                with part.make() as step:
                    made = True
                    self._steps(part, step, course)
            except Exception as error:
                if not made:
                    raise
                self._pause(part, error, course)

    def beside(self, part: Part) -> None:
        """Runs a part in a thread of its own; what ends it stops all the others, and `check` raises it."""
        self.health.expects(part.name)
        thread = threading.Thread(target=self._guarded, args=[part], name=part.name)
        self._beside.append(thread)
        thread.start()

    def wait(self) -> None:
        """Stops everything, and returns once what ran beside has ended."""
        self.stopped.set()
        for thread in self._beside:
            thread.join()

    def check(self) -> None:
        """Raises what stopped everything, if that was the failure of a part that ran beside."""
        if self._failed:
            raise self._failed[0]

    def _guarded(self, part: Part) -> None:
        try:
            self.run(part)
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not go unnoticed
            self._failed.append(error)
            self.stopped.set()

    def _steps(self, part: Part, step: Callable[[], Stepped], course: _Course) -> None:
        """Steps until all is stopped. Raises what waiting does not cure."""
        while not self.stopped.is_set():
            try:
                done = step()
            except PASSING as error:
                if course.is_to_be_remade():
                    raise
                self._pause(part, error, course)
                continue
            course.went_well()
            self.health.done(part.name, ready=done.ready, pause=done.pause)
            if done.pause:
                self.stopped.wait(done.pause)

    def _pause(self, part: Part, error: Exception, course: _Course) -> None:
        verdict = part.verdict(error)
        self.health.failed(part.name, error, verdict)
        if verdict is Verdict.STOP:
            raise error
        wait = course.failed(error, verdict)
        self._told(part.name, error, wait)
        self.stopped.wait(wait)


class _Course:
    """How a part has fared."""

    def __init__(self, part: Part, monotonic: Callable[[], float]) -> None:
        self._part = part
        self._monotonic = monotonic
        self._waits = 0
        self._restarts = 0
        self._last = -CALM

    def went_well(self) -> None:
        self._waits = 0

    def is_to_be_remade(self) -> bool:
        return self._waits % WAITS == WAITS - 1

    def failed(self, error: Exception, verdict: Verdict) -> float:
        """Counts a failure; the seconds to wait. Raises PartDefect, or the error itself, after too many."""
        count = self._waits
        if verdict is Verdict.WAIT:
            self._waits += 1
        else:
            if self._monotonic() - self._last > CALM:
                self._restarts = 0
            self._last = self._monotonic()
            self._restarts += 1
            count = self._restarts - 1
            if self._restarts > RESTARTS:
                if isinstance(error, LedgerError):
                    raise error
                what = f"{self._part.name}: {type(error).__name__}: {error}"
                raise PartDefect(f"{what} (it was started again {RESTARTS} times)") from error
        return float(min(FIRST_PAUSE * 2 ** min(count, 10), LONGEST_PAUSE))


def _logged(part: str, error: Exception, wait: float) -> None:
    if isinstance(error, LedgerError):
        _log().warning("waiting", part=part, code=error.code, reason=str(error), seconds=wait)
    else:
        _log().error("started again", part=part, code="defect", seconds=wait, exc_info=error)


def _log() -> Any:  # noqa: ANN401 - structlog's
    import structlog  # slow to import, and every verb is made with what stands here

    return structlog.get_logger()
