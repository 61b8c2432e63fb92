"""What may be asked of a partition of the log."""

from __future__ import annotations

from typing import ClassVar

from ledger.domain.commands import Command


class AdvanceDue(Command, frozen=True, kw_only=True, gc=False):
    """Advances subjects of the partition to `through`, in their order; said by the clock only.

    They are one transaction, and of one entry of the journal. It closes nothing. `msisdn` is the partition's own
    subject, `log@<partition>`.
    """

    INTERNAL: ClassVar[bool] = True

    msisdn: str
    through: int
    subjects: list[str]

    @property
    def subject(self) -> str:
        """The partition."""
        return self.msisdn


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
