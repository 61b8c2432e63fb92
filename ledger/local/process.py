"""One server process of our own: started, awaited until it answers, stopped or killed, started again.

Knows nothing of what the server is. Touches the server's directory, the child process, and the file by which all
processes of a user know which ports were given to others.
"""

import contextlib
import fcntl
import functools
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

# Runs in the child's place before the server does: asks Linux to end it with its parent, gives up root where
# a user is named, and becomes the server. (A preexec_fn would fork a process that has threads.)
_BECOME = """
import ctypes, os, pwd, sys
parent, death_signal, user, *command = sys.argv[1:]
if user:
    entry = pwd.getpwnam(user)
    os.setgroups([])
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)
if sys.platform == "linux":
    PR_SET_PDEATHSIG = 1
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(death_signal))
if os.getppid() != int(parent):
    sys.exit("the parent has ended already")
os.execv(command[0], command)
"""

_INHERITED = ("HOME", "LANG", "LC_ALL", "PATH", "TZ")
_TAIL_LINES = 40


class ServerFailed(Exception):
    """A local server ended, or did not answer in time; the message ends with the tail of its log."""


# Linux ends the child when the *thread* that started it ends, so one that stays starts them all.
# By process id: a forked process inherits the dictionary, but not the thread.
_spawners: dict[int, ThreadPoolExecutor] = {}


@contextlib.contextmanager
def file_lock(path: Path) -> Iterator[None]:
    """Hold the lock of this name against all other processes and threads; waits for it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


_PORTS = range(20_000, 32_000)  # below those that Linux gives to outgoing connections
_taken: set[int] = set()  # ports whose servers need not listen now


@functools.cache
def _given(_process: int) -> int:
    """The open file that has a byte a port: who has locked it was given the port. Closing it would unlock them all."""
    path = Path(tempfile.gettempdir(), f"pulsa-ports-{os.getuid()}")
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)


def _take(port: int) -> bool:
    """Tell whether nobody was given the port; from here on it is this process's, until that ends."""
    if port in _taken:
        return False
    try:
        fcntl.lockf(_given(os.getpid()), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:
        return False
    _taken.add(port)
    return True


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """Return a port of 127.0.0.1 that is free, was given to nobody else, and to no outgoing connection.

    One of those could be taken while its server is down, even by the client that tries to come back: it would
    be connected to itself.
    """
    candidates = random.SystemRandom().sample(_PORTS, 100)
    return next(port for port in candidates if _is_free(port) and _take(port))


def listens(port: int) -> bool:
    """Tell whether anybody accepts connections on this port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


class LocalServer(ABC):
    """A server on 127.0.0.1, a child of this process that ends with it.

    `directory` keeps its data, settings and log from one start to the next; without one, a temporary
    directory does, until `close`. `start` after `stop` or `kill` finds the same data, on the same port.
    """

    name: str
    """What messages call the server."""

    user = ""
    """The system user that the server runs as; empty for this process's own."""

    stop_signal = signal.SIGTERM
    """Asks the server to end in order."""

    kill_signal = signal.SIGKILL
    """Ends the server at once: when it is killed, and when this process ends without having stopped it."""

    def __init__(self, directory: Path | str | None = None, *, port: int = 0, timeout: float = 300) -> None:
        """Choose directory and port (0: a free one); `timeout` is what one start may take, in seconds."""
        self._is_temporary = directory is None
        self.directory = Path(
            tempfile.mkdtemp(prefix=f"{self.name}-") if directory is None else directory
        ).absolute()
        self.directory.mkdir(parents=True, exist_ok=True)
        self.port = port or free_port()
        self.log = self.directory / f"{self.name}.log"
        self.timeout = timeout
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def _command(self) -> list[str]:
        """Prepare what the server needs in its directory and return its command line."""

    @abstractmethod
    def _answers(self) -> bool:
        """Tell whether the server answers a real question now."""

    @property
    def is_running(self) -> bool:
        """Whether the server's process lives."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> Self:
        """Start the server and return when it answers; raises `ServerFailed`. Does nothing when it runs."""
        if self.is_running:
            return self
        command = self._command()
        if not _is_free(self.port):
            raise ServerFailed(f"{self.name}: port {self.port} of 127.0.0.1 is taken")
        log_start = self.log.stat().st_size if self.log.exists() else 0
        process = self._process = self._spawn(command)
        try:
            self._wait_until_it_answers(process, log_start)
        except BaseException:
            self.kill()
            raise
        return self

    def stop(self) -> None:
        """Ask the server to end and wait until it has; one that does not end in time is killed."""
        if self._process is not None:
            self._process.send_signal(self.stop_signal)
            try:
                self._process.wait(self.timeout)
            except subprocess.TimeoutExpired:
                self.kill()
            self._process = None

    def kill(self) -> None:
        """End the server at once, as a crash would, and wait until it is gone."""
        if self._process is not None:
            self._process.send_signal(self.kill_signal)
            self._process.wait()
            self._process = None

    def close(self) -> None:
        """Stop the server and remove its directory if that is a temporary one."""
        self.stop()
        if self._is_temporary:
            shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self) -> Self:
        """Start the server."""
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(self, *_: object) -> None:
        """Close the server."""
        self.close()

    def _spawn(self, command: list[str]) -> subprocess.Popen[bytes]:
        become = [sys.executable, "-I", "-S", "-c", _BECOME, str(os.getpid())]
        become += [str(self.kill_signal.value), self.user]
        environment = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        with self.log.open("ab") as log:
            spawner = _spawners.setdefault(os.getpid(), ThreadPoolExecutor(max_workers=1))
            return spawner.submit(
                subprocess.Popen,
                become + command,
                cwd=self.directory,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for us: we stop the server after those who use it
            ).result()

    def _wait_until_it_answers(self, process: subprocess.Popen[bytes], log_start: int) -> None:
        deadline = time.monotonic() + self.timeout
        while not self._answers():
            try:
                code = process.wait(0.02)
            except subprocess.TimeoutExpired:
                if time.monotonic() < deadline:
                    continue
                problem = f"did not answer within {self.timeout:g} s"
            else:
                problem = (
                    f"was ended by {signal.Signals(-code).name}"
                    if code < 0
                    else f"ended with exit code {code}"
                )
            raise ServerFailed(f"{self.name} {problem}; its log {self.log} ends:\n{self._tail(log_start)}")

    def _tail(self, log_start: int) -> str:
        with self.log.open("rb") as log:
            log.seek(log_start)
            lines = log.read().decode(errors="replace").splitlines()
        return "\n".join(lines[-_TAIL_LINES:]) or "(nothing was logged)"
