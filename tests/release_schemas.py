"""Keeps the schemas as they are now as the next released version: `python -m tests.release_schemas [PATTERN…]`.

Of those that were never released only what a pattern names is, such as `events/ledger.dispute.*`; by default all are.
What was released once is never changed again; every later version of the schemas is held against it.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from tests.schema_compatibility import RELEASED, SCHEMAS, faults, files, releases


def release(schemas: Path = SCHEMAS, wanted: Sequence[str] = ("*",)) -> Path | None:
    """Copies the schemas into the next folder of `released/`; None where the last one has them already.

    Raises ValueError where they do not fit what was released before.
    """
    before = releases()
    known = {name for folder in before for name in files(folder)}
    found = {
        name: path
        for name, path in files(schemas).items()
        if name in known or any(fnmatchcase(name, pattern) for pattern in wanted)
    }
    now = {name: path.read_text(encoding="utf-8") for name, path in found.items()}
    for folder in before:
        for name, path in files(folder).items():
            if name not in now:
                raise ValueError(f"{name} of release {folder.name} is gone")
            for fault in faults(now[name], path.read_text(encoding="utf-8")):
                raise ValueError(f"{name} does not fit release {folder.name}: {fault}")
    if before and now == {n: p.read_text(encoding="utf-8") for n, p in files(before[-1]).items()}:
        return None
    target = RELEASED / str(len(before) + 1)
    for name, path in found.items():
        copy = target / f"{name}.avsc"
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    return target


if __name__ == "__main__":
    folder = release(wanted=sys.argv[1:] or ("*",))
    sys.stdout.write(f"released as {folder.name}\n" if folder else "nothing new\n")
