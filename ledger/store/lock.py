"""One writer to an embedded log: a lock on a file beside it, which says who holds it."""

from __future__ import annotations

import fcntl
import os
import socket
from pathlib import Path

from ledger.errors import LogLocked, LogUnreadable


class WriterLock:
    """A lock that the operating system frees when its holder ends, however it ends."""

    def __init__(self, log: str) -> None:
        self.path = Path(f"{log}.lock")
        self._file: int | None = None

    def acquire(self) -> None:
        """Takes the lock at once, or raises LogLocked with the process that holds it."""
        try:
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise LogUnreadable(f"{self.path}: {error.strerror}") from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = (
                os.read(handle, 200).decode("utf-8", "replace").strip() or "a process that is just starting"
            )
            os.close(handle)
            raise LogLocked(f"another process writes to this log: {holder}") from None
        os.ftruncate(handle, 0)
        os.write(handle, f"process {os.getpid()} on {socket.gethostname()}\n".encode())
        self._file = handle

    def release(self) -> None:
        """Gives the lock up; nothing happens where it is not held."""
        if self._file is not None:
            os.ftruncate(self._file, 0)
            os.close(self._file)
            self._file = None
