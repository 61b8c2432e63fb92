"""Whether the loops of this process go round, whether they do what they are there for, and how often they failed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ledger.errors import LedgerError
from ledger.release import RELEASE

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry, Counter

STILL = 120.0
"""Seconds without a sign of life after which a loop is taken to stand still; no answer is awaited for that long."""
_UNFORESEEN = "defect"


@dataclass
class _Part:
    beat: float
    ready: bool = False
    why: str = "not made yet"


class Health:
    """Asking costs the same however long the log is. Any thread may tell and ask; `monotonic` tells seconds."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._parts: dict[str, _Part] = {}
        self._failures: Counter | None = None

    def count_in(self, registry: CollectorRegistry) -> None:
        """Counts failures there, and says which release this is."""
        from prometheus_client import (  # slow to import, and every verb is made with what stands here
            Counter,
            Gauge,
        )

        self._failures = Counter(
            "ledger_part_failures",
            "What failed in a part of the process, by the error's code and by what followed: wait, again, stop.",
            ["part", "code", "then"],
            registry=registry,
        )
        build = Gauge("ledger_build_info", "The release at work.", ["release"], registry=registry)
        build.labels(RELEASE).set(1)
        for part in self._parts:
            self._failures.labels(part, _UNFORESEEN, "again")

    def expects(self, part: str) -> None:
        """There is such a part from now on."""
        with self._lock:
            self._parts.setdefault(part, _Part(self._monotonic()))
        if self._failures is not None:
            self._failures.labels(part, _UNFORESEEN, "again")  # what never was cannot rise

    def beat(self, part: str) -> None:
        """The part is at work."""
        with self._lock:
            self._parts[part].beat = self._monotonic()

    def done(self, part: str, *, ready: bool, pause: float) -> None:
        """The part has made a step, and makes the next after so many seconds."""
        with self._lock:
            self._parts[part] = _Part(self._monotonic() + pause, ready, "" if ready else "not there yet")

    def failed(self, part: str, error: Exception, then: str) -> None:
        """A step failed; the part waits, is made anew, or stops."""
        code = error.code if isinstance(error, LedgerError) else _UNFORESEEN
        with self._lock:
            self._parts[part] = _Part(self._monotonic(), ready=False, why=code)
        if self._failures is not None:
            self._failures.labels(part, code, then).inc()

    def still(self) -> list[str]:
        """The loops that give no sign of life, each with why."""
        now = self._monotonic()
        with self._lock:
            silent = {name: now - part.beat for name, part in self._parts.items()}
        return [
            f"{name}: no sign of life for {seconds:.0f} s"
            for name, seconds in silent.items()
            if seconds > STILL
        ]

    def unready(self) -> list[str]:
        """The parts that do not do what they are there for, each with why."""
        with self._lock:
            if not self._parts:
                return ["nothing runs yet"]
            return [f"{name}: {part.why}" for name, part in self._parts.items() if not part.ready]
