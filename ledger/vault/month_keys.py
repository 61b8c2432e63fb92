"""The keys of backups, one a month: a backup is readable until its month's key is destroyed.

So what was erased in the vault is forgotten in its backups too, some time later, whoever still has the files. Months
are those of UTC. Their folder lies neither beside the backups nor in any backup.
"""

from __future__ import annotations

import os
import re
from base64 import b64decode, b64encode
from datetime import UTC, datetime
from pathlib import Path

from ledger.domain.calendar import DAY, SECOND
from ledger.errors import KeyUnusable, VaultBackupUnusable
from ledger.key_files import key_text, make_key_file
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
        if not path.exists():  # if somebody else is first, that one counts
            secret = b64encode(chance(KEY_BYTES)).decode()
            make_key_file(path, f"{_PREFIX}{month}+{secret}", unless_there=True)
        return month, self.of(month)

    def of(self, month: str) -> bytes:
        """The key of a month. Raises VaultBackupUnusable where it is destroyed or was never here, KeyUnusable."""
        path = self._path(month)
        try:
            text = key_text(path)
        except KeyUnusable as error:
            if isinstance(error.__cause__, FileNotFoundError):
                raise VaultBackupUnusable(
                    f"the key of {month} is not in {self.folder}: it is destroyed"
                ) from error
            raise
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
