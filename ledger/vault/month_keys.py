"""The keys of backups, one a month: a backup is readable until its month's key is destroyed.

So what was erased in the vault is forgotten in its backups too, some time later, whoever still has the files. Months
are those of UTC. Their folder lies neither beside the backups nor in any backup.
"""

from __future__ import annotations

import os
import re
from base64 import b64decode, b64encode
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from ledger.domain.calendar import DAY, SECOND
from ledger.errors import KeyUnusable, VaultBackupUnusable
from ledger.vault.chance import Chance
from ledger.vault.master_keys import KEY_BYTES

_PREFIX = "PULSA+VAULT+MONTH+"
_TEXT = re.compile(r"PULSA\+VAULT\+MONTH\+(\d{4}-\d{2})\+([A-Za-z0-9+/]{43}=)", re.ASCII)
_NAME = re.compile(r"(\d{4}-(?:0[1-9]|1[0-2]))\.key", re.ASCII)
_MOST = 10_000
"""Keys of one folder that are looked at: the months of eight centuries."""


def month_of(at: int) -> str:
    """The month of an instant (UTC microseconds), such as `2026-11`."""
    return datetime.fromtimestamp(at // SECOND, UTC).strftime("%Y-%m")


def end_of(month: str) -> int:
    """The instant (UTC microseconds) at which a month ends."""
    year, number = int(month[:4]), int(month[5:])
    after = datetime(year + number // 12, number % 12 + 1, 1, tzinfo=UTC)
    return int(after.timestamp()) * SECOND


class MonthKeys:
    """A folder of keys; each is destroyed so many days after its month has ended."""

    def __init__(self, folder: Path, kept_days: int) -> None:
        self.folder, self._kept_days = folder, kept_days

    def now(self, at: int, chance: Chance) -> tuple[str, bytes]:
        """The month of an instant and its key, which is made where there is none yet. Raises KeyUnusable."""
        month = month_of(at)
        path = self._path(month)
        if not path.exists():
            self._make(path, month, chance(KEY_BYTES))
        return month, self.of(month)

    def of(self, month: str) -> bytes:
        """The key of a month. Raises VaultBackupUnusable where it is destroyed or was never here, KeyUnusable."""
        path = self._path(month)
        try:
            mode = path.stat().st_mode & 0o777
            text = path.read_text("ascii").strip()
        except FileNotFoundError as error:
            raise VaultBackupUnusable(
                f"the key of {month} is not in {self.folder}: it is destroyed"
            ) from error
        except (OSError, ValueError) as error:
            raise KeyUnusable(f"{path}: {getattr(error, 'strerror', None) or 'it holds no key'}") from error
        if mode & 0o077:
            raise KeyUnusable(f"{path}: others may read it (mode {mode:04o}); it has to be 0600")
        found = _TEXT.fullmatch(text)
        if found is None or found[1] != month:
            raise KeyUnusable(f"{path}: it holds no key of {month}")
        return b64decode(found[2])

    def past(self, at: int) -> list[str]:
        """The months whose backups are past their time, and whose key is still there. Raises KeyUnusable."""
        kept = self._kept_days * DAY
        return [month for month in self._months() if end_of(month) + kept <= at]

    def destroy_past(self, at: int) -> list[str]:
        """Destroys the keys of months whose backups are past their time; which. Raises KeyUnusable."""
        months = self.past(at)
        for month in months:
            path = self._path(month)
            try:
                with path.open("r+b") as file:
                    file.write(b"\0" * path.stat().st_size)
                    file.flush()
                    os.fsync(file.fileno())
                path.unlink()
            except OSError as error:
                raise KeyUnusable(f"{path}: {error.strerror}") from error
        return months

    def _months(self) -> list[str]:
        try:
            names = [path.name for path in self.folder.iterdir()] if self.folder.exists() else []
        except OSError as error:
            raise KeyUnusable(f"{self.folder}: {error.strerror}") from error
        return sorted(found[1] for name in names[:_MOST] if (found := _NAME.fullmatch(name)))

    def _path(self, month: str) -> Path:
        return self.folder / f"{month}.key"

    def _make(self, path: Path, month: str, secret: bytes) -> None:
        """Whole or not at all: a key that is cut off would take its month's backups with it."""
        part = path.with_suffix(f".{os.getpid()}.part")
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(f"{_PREFIX}{month}+{b64encode(secret).decode()}\n")
                file.flush()
                os.fsync(file.fileno())
            with suppress(FileExistsError):  # somebody else's was first, and counts
                os.link(part, path)
        except OSError as error:
            raise KeyUnusable(f"{path}: {error.strerror}") from error
        finally:
            part.unlink(missing_ok=True)
