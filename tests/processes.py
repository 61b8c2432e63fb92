"""What runs as a process of its own beside a test: modules, and functions that find most things imported."""

from __future__ import annotations

import io
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from queue import SimpleQueue
from typing import IO, Any, Self

from tests.waiting import PATIENCE

_LAST_WORDS = 10
"""Seconds for a process that hangs to say where."""
_ROOT = Path(__file__).resolve().parents[1]

BEGIN_WITH = [
    "ledger.entrypoints.cli.app",
    "ledger.entrypoints.cli.asking",
    "ledger.entrypoints.cli.ingesting",
    "ledger.entrypoints.cli.serving",
    "ledger.entrypoints.kafka.writer",
    "ledger.wiring.registering",
    "projections.engine.runner",
    "projections.registry",
    "tests.bench.kafka_log",
    "tests.faults.test_killed",
    "tests.faults.test_making",
    "tests.kafka.process",
    "tests.projections.test_runner",
    "tests.worked_out",
]
"""What most of what is here imports: that takes a second."""
FORKS = multiprocessing.get_context("forkserver")
"""Makes processes that begin with that imported: it is done once."""
FORKS.set_forkserver_preload(BEGIN_WITH)


class Process:
    """A module that runs until it is stopped; it is killed where its `with` block ends before."""

    def __init__(
        self, module: str, *arguments: str, env: Mapping[str, str] | None = None, **how: Any
    ) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=_ROOT,
            env={**(os.environ if env is None else env), "PYTHONFAULTHANDLER": "1"},
            stdout=subprocess.PIPE,
            encoding="utf-8",
            **how,
        )
        self._log = _Log(self._process.stderr)

    def line(self, *, of_log: bool = False) -> str:
        """The next line that it prints, or logs."""
        if of_log:
            return self._log.line()
        assert self._process.stdout is not None
        return str(self._process.stdout.readline())

    def stop(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """Asks it to end; its exit code, and what it still logged."""
        self._process.send_signal(number)
        return self.ended()

    def ended(self) -> tuple[int, str]:
        """Its exit code and what it still logged, once it has ended."""
        assert self._process.stdout is not None
        with self._process.stdout as printed, ThreadPoolExecutor(1) as reading:
            reading.submit(printed.read)
            try:
                self._process.wait(PATIENCE)
            except subprocess.TimeoutExpired as error:
                self._process.send_signal(signal.SIGABRT)  # where each of its threads stands is said then
                with suppress(subprocess.TimeoutExpired):
                    self._process.wait(_LAST_WORDS)
                self._process.kill()
                error.add_note(self._log.rest())
                raise
        return self._process.returncode, self._log.rest()

    def kill(self) -> None:
        """Ends it at once, as a crash of the machine would."""
        self._process.kill()
        self.ended()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self.kill()


class _Log:
    """What a process logs through a pipe, if it does: read as it comes, for a process whose pipe is full waits."""

    def __init__(self, stream: IO[str] | None) -> None:
        self._lines = SimpleQueue[str]()
        self._stream = stream
        self._thread = threading.Thread(target=self._read, name="log of a process", daemon=True)
        self._thread.start()

    def _read(self) -> None:
        with self._stream or nullcontext(()) as lines:
            for line in lines:
                self._lines.put(line)
        self._lines.put("")

    def line(self) -> str:
        """The next line; none once the process has ended."""
        line = self._lines.get()
        if not line:
            self._lines.put(line)
        return line

    def rest(self) -> str:
        """The lines that nobody has asked for, once the process has ended."""
        self._thread.join()
        return "".join(iter(self.line, ""))


class Forked:
    """A function that runs until it is stopped, and returns its exit code; it is killed where its `with` block ends."""

    def __init__(self, run: Callable[..., int], *arguments: object) -> None:
        ends = [FORKS.Pipe(duplex=False) for _ in range(2)]
        self._process = FORKS.Process(
            target=_run, args=(run, arguments, *(write for _, write in ends)), daemon=True
        )
        self._process.start()
        self._printed, self._logged = (_read(*both) for both in ends)

    def line(self) -> str:
        """The next line that it prints."""
        return self._printed.readline()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """Asks it to end; its exit code, and what it logged."""
        self._signal(number)
        return self.ended()

    def ended(self) -> tuple[int, str]:
        """Its exit code and what it logged, once it has ended."""
        code, _, logged = self.done()
        return code, logged

    def done(self) -> tuple[int, str, str]:
        """Its exit code, what it printed and what it logged, once it has ended."""
        with ThreadPoolExecutor(2) as reading:
            printed, logged = (reading.submit(stream.read) for stream in (self._printed, self._logged))
            self._process.join(PATIENCE)
            self._signal(signal.SIGKILL)
        self._process.join()
        code = self._process.exitcode
        assert code is not None
        self._printed.close()
        self._logged.close()
        return code, printed.result(), logged.result()

    def kill(self) -> None:
        """Ends it at once, as a crash of the machine would."""
        self._signal(signal.SIGKILL)
        self.ended()

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            if self._process.pid is not None and self._process.is_alive():
                os.kill(self._process.pid, number)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.is_alive():
            self.kill()


def must_end_well(run: Callable[..., None], *arguments: object) -> None:
    """Has a function look at a process that is its alone: here others may have left threads, and open files."""
    code, _, logged = Forked(_done, run, arguments).done()
    assert code == 0, logged


def _done(run: Callable[..., None], arguments: tuple[object, ...]) -> int:
    run(*arguments)
    return 0


def _read(read: Connection, write: Connection) -> io.TextIOWrapper:
    """What comes through a pipe whose other end is the process's alone."""
    write.close()
    with read:
        return os.fdopen(os.dup(read.fileno()), encoding="utf-8")


def speak_to(printed: int, logged: int) -> None:
    """From here on what this process prints and logs goes to these files, which are open."""
    for name, number, file in (("stdout", 1, printed), ("stderr", 2, logged)):
        os.dup2(file, number)
        os.close(file)
        setattr(sys, name, os.fdopen(number, "w", buffering=1, encoding="utf-8", closefd=False))


def _run(
    run: Callable[..., int], arguments: tuple[object, ...], printed: Connection, logged: Connection
) -> None:
    """In the process: its streams are the pipes, and what the function returns is its exit code."""
    speak_to(os.dup(printed.fileno()), os.dup(logged.fileno()))
    printed.close()
    logged.close()
    sys.exit(run(*arguments))
