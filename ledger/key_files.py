"""Files that hold a key: their owner's alone, read in one way, and made whole or not at all."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from ledger.errors import KeyUnusable
from ledger.whole_files import written_whole

_MOST_BYTES = 1 << 16
"""That are read of a key's file."""


def key_bytes(path: Path) -> bytes:
    """What a key's file holds, 64 KiB of it at most. Raises KeyUnusable, also where others than its owner may read it.

    That is raised from the OSError which kept the file from being read.
    """
    try:
        mode = path.stat().st_mode & 0o777
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES)
    except OSError as error:
        raise KeyUnusable(f"{path}: {error.strerror}") from error
    if mode & 0o077:
        raise KeyUnusable(f"{path}: others may read it (mode {mode:04o}); it has to be 0600")
    return content


def key_text(path: Path) -> str:
    """The text of a key's file, without what stands around it. Raises KeyUnusable, as for `key_bytes`."""
    try:
        return key_bytes(path).decode("ascii").strip()
    except UnicodeDecodeError as error:
        raise KeyUnusable(f"{path}: it holds no key") from error


def make_key_file(path: Path, text: str, *, unless_there: bool = False) -> None:
    """Makes a key's file (mode 0600, on disk when this returns), and its folder (0700) where there is none.

    One that is there is left as it is: with `unless_there` it counts, else it raises. Raises KeyUnusable.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(*([FileExistsError] if unless_there else [])), written_whole(path) as file:
            file.write(f"{text}\n".encode())
    except OSError as error:
        raise KeyUnusable(f"{path}: {error.strerror}") from error
