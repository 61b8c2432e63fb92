"""What a verb may write its answers to: never the log, the projections, nor what is kept beside them."""

from __future__ import annotations

import os
from pathlib import Path

from ledger.errors import SettingsInvalid
from ledger.wiring.settings import Settings

_BESIDE = ("", "-wal", "-shm", "-journal", ".lock")
_SQLITE = "sqlite:///"


def must_be_apart_from_the_log(said: str, target: Path, settings: Settings) -> None:
    """Raises SettingsInvalid where what is to be written, by whichever name, is what the ledger keeps its books in.

    `-`, which names standard output elsewhere, would be a file of that name here: it is refused, too.
    """
    if str(target) == "-":
        raise SettingsInvalid(f"{said}: - names no file; standard output is /dev/stdout")
    kept = [os.path.realpath(settings.log)]
    if settings.kafka is None and settings.database_url.startswith(_SQLITE):
        kept.append(os.path.realpath(settings.database_url.removeprefix(_SQLITE).partition("?")[0]))
    for path in kept:
        for beside in _BESIDE:
            if _is_one(target, Path(path + beside)):
                raise SettingsInvalid(f"{said}: {target} is the log or the projections, or of them")


def _is_one(target: Path, other: Path) -> bool:
    """Whether two names are of one file, which need not be there."""
    if os.path.realpath(target) == str(other):
        return True
    return target.exists() and other.exists() and target.samefile(other)
