"""The statement's line in a bundle of a dispute: whose it is, that it stood there so, and the difference it makes.

`verify.py` does the same by itself.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import Any

from ledger.application.journal import NO_CHAIN, event_digest
from ledger.domain.line.disputes import BALANCE
from ledger.domain.money import format_amount, parse_amount
from ledger.domain.statement.events import StatementBegun, StatementLinesAdded
from ledger.domain.statement.stated import statement_of
from ledger.errors import EvidenceWrong

BILL = "pulsa-bill"
"""The format of statements that hold nothing but what may be told: their lines stand in a bundle as they stood."""

EventValues = Callable[[Any, str], Any]
"""What an event's bytes say, of its row and its place."""


def _need(holds: object, what: str) -> None:
    if not holds:
        raise EvidenceWrong(what)


class StatementInBundle:
    """The events of a statement that a bundle holds; `elsewhere` are their digests, by partition and ordinal."""

    def __init__(self, rows: list[Any], read: EventValues) -> None:
        self._rows, self._read = rows, read
        self.elsewhere: dict[tuple[int, int], bytes] = {}

    def told(self, said: Any, opened: Any, system: int, at_hand: bytes | None) -> Iterator[str]:  # noqa: ANN401
        """What is so of it, by what is told of the line and how the dispute was opened. Raises EvidenceWrong."""
        rows = self._rows
        if not rows:
            _need(said is None, "a line is of no statement")
            if opened["statement"] is not None:
                yield "THE STATEMENT IS NOT IN IT: what it said is known from the dispute alone"
            return
        _need(opened["statement"] is not None and len(rows) <= 2, "a statement is told of that nobody named")  # noqa: PLR2004
        header, *added = [self._event(row, opened["statement"]) for row in rows]
        is_header = header["version"] == 1 and rows[0]["type"] == StatementBegun.TOPIC
        _need(is_header, "a statement has no header")
        _need(rows[0]["before"] == NO_CHAIN.hex(), "something came before the statement")
        names = ("kind", "of", "number", "sequence", "since_on", "until_on")
        own = [header[name] for name in (("file", "place") if header["number"] is None else names)]
        found = statement_of(*own)
        _need(found == opened["statement"], "the statement's id is not of what its header says")
        yield f"{found} is a {header['kind']}, {header['format']}, read by {header['reader']}"
        told = (said["statement"], said["line"], said["raw"])
        _need(told == (opened["statement"], opened["line"], opened["raw"]), "the line is another one")
        for event in added:
            _need(rows[1]["type"] == StatementLinesAdded.TOPIC, "the statement's lines are something else")
            lines = [line for line in event["lines"] if line["line"] == said["line"]]
            _need(
                len(lines) == 1 and lines[0]["raw"] == said["raw"], "the line is not among those that came in"
            )
            stated = lines[0]["balance" if opened["about"] == BALANCE else "amount"]
            claims = (opened["claimed"], opened["unit"])
            is_so = stated is not None and (abs(stated), lines[0]["unit"]) == claims
            _need(is_so, "the line says something else than what was claimed")
        yield from _line(said, header["format"], opened, system, at_hand)

    def _event(self, row: Any, statement: str) -> Any:  # noqa: ANN401 - a record
        """An event of the statement, proved where it stands, apart from what came before it."""
        partition, ordinal = row["partition"], row["ordinal"]
        place = f"the event at {partition}:{ordinal}"
        found = self._read(row, place)
        _need(found["account"] == statement, f"{place} is of another place")
        digest = event_digest(bytes.fromhex(row["before"]), row["type"], bytes.fromhex(row["state"]))
        _need(digest.hex() == row["digest"], f"{place} does not follow the one before it")
        _need(type(partition) is int and type(ordinal) is int, f"{place} stands nowhere")
        _need((partition, ordinal) not in self.elsewhere, f"{place} is told twice")
        self.elsewhere[partition, ordinal] = digest
        return found


def _line(said: Any, form: str, opened: Any, system: int, at_hand: bytes | None) -> Iterator[str]:  # noqa: ANN401
    """That the line as it stood has the digest that was recorded, and what it differs by."""
    name = f"line {said['line']} of {said['statement']}"
    if said["raw"] is None:
        _need(not said["line"] and said["text"] is None, "a line has no digest")
        yield f"{said['statement']} has no such line"
        return
    line = at_hand if said["text"] is None else said["text"].encode()
    if said["salt"] is None or line is None:
        yield f"NOT HELD AGAINST THE STATEMENT: {name} is to have the digest {said['raw']}"
        return
    is_so = sha256(bytes.fromhex(said["salt"]) + line).hexdigest() == said["raw"]
    _need(is_so, f"{name} stood there otherwise")
    yield f"{name} is as it stood"
    if said["text"] is not None and form == BILL:
        charged = json.loads(line)
        stated = parse_amount(charged["total"] if isinstance(charged, dict) else charged[1]["amount"])
        _need(abs(stated) == opened["claimed"], f"{name} states something else than what was claimed")
        difference = format_amount(abs(stated) - system)
        record = f"the record says {format_amount(system)}: the difference is {difference}"
        yield f"{name} states {format_amount(stated)}, {record}"
