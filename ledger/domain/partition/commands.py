"""What may be asked of a partition of the log."""

from __future__ import annotations

from typing import ClassVar

from ledger.domain.commands import Command


class CloseThrough(Command, frozen=True, kw_only=True, gc=False):
    """Advances every subject of the partition to `through` and closes it; said by the clock only.

    `msisdn` is the partition's own subject, `log@<partition>`.
    """

    INTERNAL: ClassVar[bool] = True

    msisdn: str
    through: int

    @property
    def subject(self) -> str:
        """The partition."""
        return self.msisdn
