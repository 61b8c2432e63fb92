"""What becomes of a command: the answer that every entry point gives, in its own form."""

from __future__ import annotations

from typing import Any, NamedTuple

from ledger.domain.refusals import ClockBehind, IdempotencyConflict, Invalid
from ledger.errors import CommandDefect, PolicyEndless, PolicyRefused

ACCEPTED, REPEATED, REFUSED = "accepted", "repeated", "refused"
UNKNOWN = "unknown"
"""No answer came in time: the status of an outcome that only Kafka's clients give."""


SET_APART = frozenset({CommandDefect.code, PolicyRefused.code, PolicyEndless.code})
"""Why a command is set apart: the same command may be sent again once the code is mended."""

NOT_JOURNALED = SET_APART | {Invalid.code, IdempotencyConflict.code, ClockBehind.code}
"""Answers after which the same id may be used again: nothing was decided."""


class EventReference(NamedTuple):
    """An event by its type, account and version."""

    type: str
    account: str
    version: int


class Outcome(NamedTuple):
    """`ordinal` is the log's head once the command was done; `at` the instant (microseconds) it was taken at."""

    command_id: str
    status: str
    code: str | None
    message: str | None
    events: tuple[EventReference, ...]
    partition: int
    ordinal: int
    at: int

    @property
    def position(self) -> str:
        """`partition:ordinal`."""
        return f"{self.partition}:{self.ordinal}"

    def repeated(self) -> Outcome:
        """The same answer, given again."""
        return self._replace(status=REPEATED)

    def record(self) -> dict[str, Any]:
        """The Avro record."""
        return {
            "command_id": self.command_id,
            "status": self.status,
            "code": self.code,
            "message": self.message,
            "events": [
                {"type": kind, "account": account, "version": version}
                for kind, account, version in self.events
            ],
            "partition": self.partition,
            "ordinal": self.ordinal,
            "at": self.at,
        }

    def to_json(self) -> dict[str, Any]:
        """The answer as files and the command line give it."""
        refusal = None if self.code is None else {"code": self.code, "message": self.message}
        return {
            "command_id": self.command_id,
            "status": self.status,
            "refusal": refusal,
            "events": [reference._asdict() for reference in self.events],
            "position": self.position,
        }
