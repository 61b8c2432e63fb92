"""What keeps the ledger's own processes running, as a service manager does: whoever ended is started again."""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import NamedTuple, Self

from ledger.entrypoints.cli import main
from tests.processes import FORKS, speak_to
from tests.waiting import PATIENCE, until

_PAUSE = 0.3
"""Seconds before an ended process is started again."""
_FAILED = 2
"""The exit code of a verb that could not go on."""
STARTING = frozenset({"log-unreachable", "commit-uncertain", "registry-unreachable", "registry-mismatch"})
"""Why a process may end that has not come to serve: what it needs did not answer, or is not to be believed."""


class End(NamedTuple):
    """How a process ended by itself: its exit code, the code and the line it said, and whether it had served."""

    exit_code: int
    code: str
    line: str
    had_served: bool


class Kept:
    """A verb of `pulsa` that is started again whenever it ends; what it logs goes to a file.

    One that has served may not end by itself, whatever happens; one that starts may, where `STARTING` says so. Whoever
    runs while it is led to another registry may end because of that, whenever it asks there.
    """

    def __init__(self, name: str, arguments: list[str], environment: dict[str, str], folder: Path) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self.ends: Counter[str] = Counter()
        self.wrong: list[End] = []
        self._arguments = arguments
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PULSA_")}
        self._environment = inherited | environment
        self._lock = threading.Condition(threading.RLock())
        self._is_wanted = True
        self._is_misled = self._was_misled = False
        self._closing = threading.Event()
        self._read_to = 0
        self._said: list[str] = []
        self._process = self._started()
        self._thread = threading.Thread(target=self._keep, name=f"keeper of {name}")

    def _started(self) -> BaseProcess:
        self.log.touch()
        self._read_to = self.log.stat().st_size
        self._said = []
        self._is_noted = False
        self._was_misled = self._is_misled
        process = FORKS.Process(
            target=_pulsa, args=(self._arguments, self._environment, str(self.log)), daemon=True
        )
        process.start()
        return process

    def _keep(self) -> None:
        while not self._closing.wait(0.05):
            if self._has_ended() and not self._closing.wait(_PAUSE):
                self._start_again()

    def _has_ended(self) -> bool:
        with self._lock:
            code = self._process.exitcode
            if code is None or not self._is_wanted:
                return False
            self._note(code)
            return True

    def _start_again(self) -> None:
        with self._lock:
            if self._is_wanted and not self._process.is_alive():
                self._process = self._started()

    def _note(self, exit_code: int) -> None:
        said = self.said()
        line = next((line for line in reversed(said) if line.startswith("pulsa: ")), said[-1] if said else "")
        code = line.split(": ")[1] if line.startswith("pulsa: ") else "said nothing"
        end = End(exit_code, code, line, self.has_served)
        self.ends[code] += 1
        self._is_noted = True
        may_end = code in STARTING and not end.had_served
        if exit_code != _FAILED or not (may_end or (self._was_misled and code == "registry-mismatch")):
            self.wrong.append(end)

    def mislead(self, *, misled: bool) -> None:
        """From now on it is led to another registry, or is not any more."""
        with self._lock:
            self._is_misled = misled
            self._was_misled |= misled

    def said(self) -> list[str]:
        """The lines that it has logged since it was last started. What was read before is not read again."""
        with self._lock:
            with self.log.open("rb") as log:
                log.seek(self._read_to)
                whole, end, _ = log.read().rpartition(b"\n")
            self._read_to += len(whole) + len(end)
            self._said += whole.decode("utf-8", "replace").splitlines()
            return list(self._said)

    @property
    def has_served(self) -> bool:
        """Whether it has served a partition since it was last started."""
        return any('"serving"' in line for line in self.said())

    def has_logged(self, *words: str) -> bool:
        """Whether a line that it has logged since it was last started has one of these words."""
        return any(word in line for line in self.said() for word in words)

    @property
    def runs(self) -> bool:
        """Whether it runs now."""
        with self._lock:
            return self._process.is_alive()

    def kill(self) -> None:
        """Ends it at once, as a crash would, once it is to run; it is started again."""
        with self._lock:
            self._lock.wait_for(lambda: self._is_wanted, PATIENCE)
            self._process.kill()
            self._process.join()
            self._process = self._started()

    def stop(self) -> int:
        """Asks it to end, and does not start it again before `start`; its exit code.

        One that had not come to listen to signals yet, or had ended and waits to be started again, has nothing to end.
        """
        with self._lock:
            self._is_wanted = False
            if self._process.exitcode is not None:
                if not self._is_noted:
                    self._note(self._process.exitcode)
                return 0
            self._process.terminate()
            self._process.join(PATIENCE)
            code = self._process.exitcode
            assert code is not None, f"{self.name} does not end"
            if code == _FAILED:  # it was about to end by itself, which is judged like every end
                self._note(code)
                return 0
            return 0 if code == -signal.SIGTERM and not self.has_served else code

    def start(self) -> None:
        """Starts what was stopped."""
        with self._lock:
            self._is_wanted = True
            self._process = self._started()
            self._lock.notify_all()

    def await_serving(self) -> None:
        """Returns once it serves a partition."""
        until(lambda: self.has_served, lambda: f"{self.name} does not serve")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._thread.join()
        self._process.kill()
        self._process.join()


def _pulsa(arguments: list[str], environment: dict[str, str], log: str) -> None:
    """In the process: `pulsa`, which prints nothing, and logs to a file."""
    os.environ.clear()
    os.environ.update(environment)
    how = os.O_WRONLY | os.O_APPEND | os.O_CREAT
    speak_to(os.open(os.devnull, how), os.open(log, how))
    main(arguments)
