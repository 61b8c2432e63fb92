"""The parts of an evidence bundle, and how they are written."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable
from io import BytesIO
from typing import Any

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
