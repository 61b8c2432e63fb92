"""The feed: commands in the form of files, by the instant at which they are sent."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heappop, heappush
from typing import Any

from ledger.domain.calendar import format_instant, parse_instant, zone

CommandRow = dict[str, Any]
"""A command as a file has it."""

BEGINNING = parse_instant("2024-07-01T00:00:00+07:00")
"""When every played population begins: half a year before the terms of 2025."""

OF_CONTRACTS = "c-"
"""How the ids of commands begin that come of customers with contracts."""
OF_PERSONS = "p-"
"""How the ids of commands begin that come of persons, and of their numbers."""
_JAKARTA = zone("Asia/Jakarta")


def end_of(months: int) -> int:
    """The instant at which a played population of that many months ends."""
    return _JAKARTA.plus_months(BEGINNING, months)


_PREFIX = {
    "IssueStarterPack": "pack",
    "Activate": "act",
    "TopUp": "top",
    "RecordUsage": "cdr",
    "ChargeCredit": "buy",
    "TransferCredit": "send",
    "ReceivePayment": "pay",
    "SettlePayment": "good",
    "RecordRoaming": "tap",
}


class Feed:
    """Commands on their way. Their ids are unique in the whole feed, and begin with its mark."""

    def __init__(self, mark: str = "") -> None:
        self._mark = mark
        self._waiting: list[tuple[int, int, CommandRow]] = []
        self._count = 0

    def send(self, at: int, msisdn: str, command: str, **own: object) -> CommandRow:
        """Sends a command about a number at an instant; fields that are None are left out. Returns the record."""
        return self.tell(at, command, msisdn=msisdn, **own)

    def tell(self, at: int, command: str, **own: object) -> CommandRow:
        """The same of a command that may be about something else."""
        number = self._count + 1
        record: CommandRow = {
            "command": command,
            "command_id": f"{self._mark}{_PREFIX.get(command, 'ops')}-{number:06d}",
            "at": format_instant(at),
        }
        record.update((name, value) for name, value in own.items() if value is not None)
        self._push(at, record)
        return record

    def again(self, at: int, record: CommandRow, **changed: object) -> None:
        """Sends a record once more, later, under the same id: a repeat, or with something changed a conflict."""
        self._push(at, {**record, "at": format_instant(at), **changed})

    def until(self, instant: int) -> Iterator[CommandRow]:
        """What is sent before an instant, in the order of sending."""
        while self._waiting and self._waiting[0][0] < instant:
            yield heappop(self._waiting)[2]

    def _push(self, at: int, record: CommandRow) -> None:
        self._count += 1
        heappush(self._waiting, (at, self._count, record))
