"""Files as others send them, put where a reader finds them."""

from __future__ import annotations

from pathlib import Path

CSV = b"""
kind = "bank"
skip = 1
separator = ";"
fields = ["date", "reference", "who", "amount", "balance"]
decimal-mark = ","
date-format = "%d.%m.%Y"
account = "6288112345678"
"""


def put(folder: Path, content: bytes, name: str = "file") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path
