"""Files that are there whole or not at all, also after a power cut: written beside their place, and then put there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO


@contextmanager
def written_whole(
    path: Path, *, over: bool = False, mode: int = 0o600, part: Path | None = None
) -> Iterator[BinaryIO]:
    """A file to be written (and read), which is put into its place once it is on the disk; else nothing of it stays.

    Until then it lies beside its place: as `part`, or under a name of this process. What is in the place is written
    over where `over` is said. Else raises FileExistsError, also where it came meanwhile. Raises OSError that names it:
    what has no room says nothing of itself.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part") if part is None else part
    try:
        try:
            part.unlink(missing_ok=True)  # of one that was killed
            with os.fdopen(os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL, mode), "w+b") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            if over:
                part.replace(path)
            else:
                _put(part, path)
            with suppress(PermissionError):  # of a folder that others put files into, and may not read
                flush(path.parent)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        if not error.filename or str(error.filename) == str(part):  # which nobody has asked for
            error.filename = str(path)
        raise


def flush(path: Path) -> None:
    """Waits until a file, or the names in a folder, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _put(part: Path, path: Path) -> None:
    """Into a place that nobody has."""
    try:
        os.link(part, path)
    except FileExistsError as error:
        raise FileExistsError(error.errno, error.strerror, str(path)) from None
    except OSError:  # a file system without links: there the place is taken first
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        part.rename(path)
