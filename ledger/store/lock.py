"""One writer to an embedded log: a lock on the file itself, and on a file beside it, which says who holds it.

Every name that leads to a log leads to the same lock: a symbolic link is followed, and the file is locked by what it is
(device and inode). A file with several hard links is refused: SQLite keeps what was written last beside the name that
it was opened by, so that two names are two logs.
"""

from __future__ import annotations

import fcntl
import os
import socket
import stat
import threading
from contextlib import suppress
from pathlib import Path

from ledger.errors import LogLinked, LogLocked, LogUnreadable, WriterFenced
from ledger.store import private

_KEPT_OPEN = 64
"""Files that were locked once and are kept open: see `_give_back`."""

_HOW = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
"""Whatever a link leads to is not taken for the lock; nor does a pipe keep anybody waiting."""

_kept: dict[tuple[int, int], int] = {}
_keeping = threading.Lock()


class WriterLock:
    """A lock that the operating system frees when its holder ends, however it ends.

    What is locked need not be there yet, and may be a folder: then there is but the lock beside it.
    """

    def __init__(self, log: str) -> None:
        self._named = log
        self.log = Path(os.path.realpath(log))
        """The file itself, whichever link has led to it."""
        self.path = Path(f"{self.log}.lock")
        self._beside: int | None = None
        self._itself: int | None = None

    def acquire(self) -> None:
        """Takes the lock at once. Raises LogLocked with the process that holds it, LogLinked or LogUnreadable."""
        try:
            handle = os.open(self.path, _HOW, private.FILE)
        except OSError as error:
            raise LogUnreadable(f"{self._named}.lock: {error.strerror}") from error
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
            os.close(handle)  # it would be emptied, whatever it is
            raise LogUnreadable(f"{self._named}.lock: it is another file, too, or none")
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = (
                os.read(handle, 200).decode("utf-8", "replace").strip() or "a process that is just starting"
            )
            os.close(handle)
            raise LogLocked(f"another process writes to this log: {holder}") from None
        self._beside = handle
        try:
            self.take_file()
        except BaseException:
            self.release()
            raise
        os.ftruncate(handle, 0)
        with suppress(OSError):  # no room: nobody is told who holds it, and what is full says so itself
            os.write(handle, f"process {os.getpid()} on {socket.gethostname()}\n".encode())

    def take_file(self) -> None:
        """Locks the file itself, if it is there and is not locked yet. Raises like `acquire`."""
        if self._itself is not None or not self.log.is_file():
            return
        try:
            handle = _taken_up(self.log)
        except OSError as error:
            raise LogUnreadable(f"{self.log}: {error.strerror}") from error
        try:
            _must_have_one_name(self.log, os.fstat(handle))
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _give_back(handle)
            raise LogLocked("another process writes to this log, by another name of its file") from None
        except BaseException:
            _give_back(handle)
            raise
        self._itself = handle

    def must_hold(self) -> None:
        """Raises WriterFenced where the file that was locked no longer stands in its place, LogLinked as above."""
        if self._itself is None:
            return
        locked = os.fstat(self._itself)
        try:
            found = self.log.stat()
        except OSError as error:
            raise WriterFenced(f"{self.log}: it is no longer there ({error.strerror})") from error
        if (found.st_dev, found.st_ino) != (locked.st_dev, locked.st_ino):
            raise WriterFenced(f"{self.log}: another file was put in its place")
        _must_have_one_name(self.log, found)

    def release(self) -> None:
        """Gives the lock up; nothing happens where it is not held."""
        if self._itself is not None:
            fcntl.flock(self._itself, fcntl.LOCK_UN)
            _give_back(self._itself)
            self._itself = None
        if self._beside is not None:
            os.ftruncate(self._beside, 0)
            os.close(self._beside)
            self._beside = None


def _must_have_one_name(path: Path, status: os.stat_result) -> None:
    if status.st_nlink > 1:
        raise LogLinked(f"{path}: the file has {status.st_nlink} names (hard links)")


def _taken_up(path: Path) -> int:
    """A handle of a file: the one that was kept, or a new one."""
    with _keeping:
        status = path.stat()
        kept = _kept.pop((status.st_dev, status.st_ino), None)
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC) if kept is None else kept


def _give_back(handle: int) -> None:
    """Keeps a handle open: closing one takes from this process every lock that SQLite has on the file (POSIX)."""
    status = os.fstat(handle)
    with _keeping:
        if status.st_nlink == 0 or (status.st_dev, status.st_ino) in _kept:
            os.close(handle)
            return
        _kept[status.st_dev, status.st_ino] = handle
        while len(_kept) > _KEPT_OPEN:
            os.close(_kept.pop(next(iter(_kept))))
