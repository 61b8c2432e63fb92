"""The key that numbers are renamed by: a file of its own, which nobody else may read."""

from __future__ import annotations

from pathlib import Path

from ledger.domain.pseudonyms import Pseudonyms
from ledger.errors import KeyUnusable

LEAST_BYTES = 32
"""Bytes of a key's file at least."""
_MOST_BYTES = 1 << 16


def pseudonyms_of(path: Path) -> Pseudonyms:
    """Those of a key's file: any 32 bytes or more, which nobody else may read. Raises KeyUnusable."""
    try:
        mode = path.stat().st_mode & 0o777
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES)
    except OSError as error:
        raise KeyUnusable(f"{path}: {error.strerror}") from error
    if mode & 0o077:
        raise KeyUnusable(f"{path}: others may read it (mode {mode:04o}); it has to be 0600")
    if len(content) < LEAST_BYTES:
        raise KeyUnusable(f"{path}: it holds no key: {LEAST_BYTES} bytes of chance are wanted at least")
    return Pseudonyms(content)
