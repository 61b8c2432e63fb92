"""Modules that run as processes of their own beside a test."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

from tests.waiting import PATIENCE

_ROOT = Path(__file__).resolve().parents[1]


class Process:
    """A module that runs until it is stopped; it is killed where its `with` block ends before."""

    def __init__(self, module: str, *arguments: str, **how: Any) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=_ROOT,
            stdout=subprocess.PIPE,
            encoding="utf-8",
            **how,
        )

    def line(self, *, of_log: bool = False) -> str:
        """The next line that it prints, or logs."""
        stream = self._process.stderr if of_log else self._process.stdout
        assert stream is not None
        return str(stream.readline())

    def stop(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """Asks it to end; its exit code, and what it still logged."""
        self._process.send_signal(number)
        return self.ended()

    def ended(self) -> tuple[int, str]:
        """Its exit code and what it still logged, once it has ended."""
        _, logged = self._process.communicate(timeout=PATIENCE)
        return self._process.returncode, logged

    def kill(self) -> None:
        """Ends it at once, as a crash of the machine would."""
        self._process.kill()
        self._process.communicate()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self.kill()
