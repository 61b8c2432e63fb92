"""The line of a statement that brought a dispute about, as a bundle of the dispute holds it.

Its statement's header stands there whole, and the lines that came with it where all are this number's own; of other
lines nothing does. What the line's digest is salted with is told of this line alone; what stood there only where the
format holds nothing but what the log says too: else whoever has the statement holds it against that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from ledger.application.journal import NO_CHAIN
from ledger.audit.evidence.collected import told_row
from ledger.audit.evidence.parts import BundleParts
from ledger.domain.ids import subject_of
from ledger.domain.line.dispute_events import DisputeOpened
from ledger.domain.statement.events import StatementBegun, StatementLinesAdded
from ledger.errors import EvidenceRefused
from ledger.store.chains import EVENT_COLUMNS, Chains, EventRow
from ledger.store.layout import intelligible
from ledger.store.reading import SqliteSnapshot
from ledger.store.schemas import FINGERPRINT_BYTES


class StatementAtHand(NamedTuple):
    """The partition of a statement, and what its keeper alone knows: salts of lines, and the lines as they stood.

    Both are asked by the statement's header and the line's number.
    """

    log: SqliteSnapshot
    salt: Callable[[StatementBegun, int], bytes | None] = lambda *_: None
    text: Callable[[StatementBegun, int], bytes | None] = lambda *_: None


class StatedLine:
    """A line, by the dispute that it brought about."""

    def __init__(self, at_hand: StatementAtHand, opened: DisputeOpened) -> None:
        self.log = at_hand.log
        self._id, self._line = opened.statement or "", opened.line or 0
        header = self._row(1)
        begun = None if header is None else self.log.codec.event(header[3], header[4])
        if header is None or not isinstance(begun, StatementBegun):
            raise EvidenceRefused(f"{self._id} is not there")
        lines = self._lines(subject_of(opened.account), begun) if self._line else None
        self._rows = [header] if lines is None else [header, lines]
        self.told: dict[str, Any] = {
            "statement": self._id,
            "line": self._line,
            "raw": opened.raw,
            "salt": None,
            "text": None,
        }
        if self._line:
            salt, text = at_hand.salt(begun, self._line), at_hand.text(begun, self._line)
            self.told["salt"] = None if salt is None else salt.hex()
            self.told["text"] = None if text is None else text.decode()

    @property
    def ordinals(self) -> list[int]:
        """Where its events lie in their partition."""
        return [row[0] for row in self._rows]

    @property
    def marks(self) -> set[bytes]:
        """The fingerprints of their schemas."""
        return {row[4][:FINGERPRINT_BYTES] for row in self._rows}

    def put(self, parts: BundleParts) -> None:
        """Puts the statement's events, and what is told of the line."""
        rows = []
        for row in self._rows:
            before = self._row(row[2] - 1)
            own = {
                "partition": self.log.partition,
                "before": (NO_CHAIN if before is None else before[5]).hex(),
            }
            rows.append(own | told_row(self.log, row))
        parts.put_lines("statement.jsonl", rows)
        parts.put_json("line.json", self.told)

    def _lines(self, number: str, begun: StatementBegun) -> EventRow | None:
        """The event that has the line, where all lines in it are of the number; None where some are not."""
        first, last = 2, self._last()
        while first <= last:
            middle = (first + last) // 2
            row = self._row(middle)
            event = None if row is None else self.log.codec.event(row[3], row[4])
            lines = event.lines if isinstance(event, StatementLinesAdded) else []
            if not lines or lines[0]["line"] > self._line:
                last = middle - 1
            elif lines[-1]["line"] < self._line:
                first = middle + 1
            else:
                of = [line["account"] or begun.of for line in lines]
                return row if all(one is not None and subject_of(one) == number for one in of) else None
        return None

    def _last(self) -> int:
        statement = "SELECT MAX(originator_version) FROM stored_events WHERE originator_id=?"
        with intelligible(self.log.path):
            (last,) = self.log.connection.execute(statement, (self._id,)).fetchone()
        return int(last)

    def _row(self, version: int) -> EventRow | None:
        """An event of the statement, the one that its digest names."""
        statement = (
            f"SELECT {EVENT_COLUMNS} FROM stored_events WHERE originator_id=? AND originator_version=?"  # noqa: S608
        )
        with intelligible(self.log.path):
            rows = self.log.connection.execute(statement, (self._id, version)).fetchall()
        return next(iter(Chains(self.log.connection, self.log.path, self.log.partition).alone(rows)), None)
