"""The parts of an evidence bundle, and how they are written and read."""

from __future__ import annotations

import json
import zipfile
import zlib
from base64 import b64decode, b64encode
from collections.abc import Iterable
from hashlib import sha256
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from typing import Any

from ledger.errors import EvidenceWrong

MOST_PARTS = 100_000
MOST_BYTES = 1 << 30
"""Of all parts together, as they are unpacked."""

METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""How a part may lie in a bundle; what others unpack may fail in any way, or need any room."""
_A_MOMENT = (1980, 1, 1, 0, 0, 0)
"""The date of every part: a bundle of the same is the same, to the byte."""


class BundleParts(dict[str, bytes]):
    """The parts of a bundle by name."""

    def put_json(self, name: str, value: object) -> None:
        """Puts a part of JSON."""
        self[name] = _json(value)

    def put_lines(self, name: str, rows: Iterable[object]) -> None:
        """Puts a part of JSON, a line each."""
        self[name] = b"".join(_json(row) for row in rows)

    def zipped(self) -> bytes:
        """The bundle as a file."""
        target = BytesIO()
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as bundle:
            for name in sorted(self):
                bundle.writestr(zipfile.ZipInfo(name, _A_MOMENT), self[name], zipfile.ZIP_DEFLATED)
        return target.getvalue()


def program() -> bytes:
    """The program that checks a bundle and lies in it."""
    return (files("ledger.audit.evidence") / "verify.py").read_bytes()


def json_of(content: bytes) -> Any:  # noqa: ANN401 - any JSON
    """The JSON of a part, in which no name stands twice: of two some programs take the first, others the last."""
    return json.loads(content.decode(), object_pairs_hook=_once)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    must(len(found) == len(pairs), "a name stands twice in an object")
    return found


def parts_of(path: Path) -> dict[str, bytes]:
    """Every part of a bundle by name, within bounds. Raises EvidenceWrong."""
    found: dict[str, bytes] = {}
    left = MOST_BYTES
    try:
        with zipfile.ZipFile(path) as bundle:
            names = bundle.infolist()
            must(len(names) <= MOST_PARTS, "the bundle has too many parts")
            for info in names:
                must(info.filename not in found, f"{info.filename} is in the bundle twice")
                must(info.compress_type in METHODS, f"{info.filename} is neither stored nor deflated")
                with bundle.open(info) as part:
                    found[info.filename] = content = part.read(left + 1)
                left -= len(content)
                must(left >= 0, "the bundle is too large")
    except (OSError, EOFError, ValueError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise EvidenceWrong(f"the bundle cannot be read: {error}") from error
    return found


def must(holds: object, what: str) -> None:
    """Raises EvidenceWrong unless it holds."""
    if not holds:
        raise EvidenceWrong(what)


def hash_of(text: str) -> bytes:
    """A SHA-256 from base64, which is written in one way only. Raises EvidenceWrong."""
    held = b64decode(text, validate=True)
    must(
        b64encode(held).decode() == text and len(held) == sha256().digest_size,
        "something is of another length",
    )
    return held


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def plain(value: Any) -> Any:  # noqa: ANN401 - a value of Avro's
    """A value with its bytes in hexadecimal."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [plain(one) for one in value]
    return value
