"""The key that numbers are renamed by: a file of its own, which nobody else may read."""

from __future__ import annotations

from pathlib import Path

from ledger.domain.pseudonyms import Pseudonyms
from ledger.errors import KeyUnusable
from ledger.key_files import key_bytes

LEAST_BYTES = 32
"""Bytes of a key's file at least."""


def pseudonyms_of(path: Path) -> Pseudonyms:
    """Those of a key's file: any 32 bytes or more, which nobody else may read. Raises KeyUnusable."""
    content = key_bytes(path)
    if len(content) < LEAST_BYTES:
        raise KeyUnusable(f"{path}: it holds no key: {LEAST_BYTES} bytes of chance are wanted at least")
    return Pseudonyms(content)
