"""From what a reader found in a file to the commands that take it in. A file's own words go no further than here."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from ledger.domain.commands import Command
from ledger.domain.statement.commands import AddStatementLines, BeginStatement, EndStatement
from ledger.domain.statement.stated import (
    MOST_LINES_AT_ONCE,
    StatementFinding,
    StatementLine,
    statement_of,
)
from ledger.reconciliation.evidence_store import EvidenceKey, Kept
from ledger.reconciliation.readers.stated_file import READER_VERSION, LineRead, StatementRead

READER = "pulsa"
_MOST_BYTES = 40_000
"""Of lines in one command, as JSON: in Avro they take less, and a command takes 65,536."""
_OVERHEAD = 100
"""Bytes of a line besides its words."""


class Sender(NamedTuple):
    """When it is sent, and by whom."""

    at: int
    actor: str


def commands_of(
    read: StatementRead, place: int, kept: Kept, key: EvidenceKey, sender: Sender
) -> Iterator[Command]:
    """The commands that take a statement in: its beginning, its lines in pieces, its end.

    Their ids follow from what they say, so that the same file again is a repeat.
    """
    if read.number is None:
        subject = statement_of(kept.digest, place)
    else:
        own = (read.kind, read.account, read.number, read.sequence, read.since_on, read.until_on)
        subject = statement_of(*own)
    said: dict[str, Any] = {
        "kind": read.kind,
        "format": read.format,
        "reader": READER,
        "reader_version": READER_VERSION,
        "unit": read.unit,
        "place": place,
        "account": read.account,
        "number": read.number,
        "sequence": read.sequence,
        "since_on": read.since_on,
        "until_on": read.until_on,
        "opening": read.opening,
        "closing": read.closing,
    }
    content = _content(said, read)
    begin = hashlib.sha256(f"{kept.digest}/{content}".encode()).hexdigest()[:32]
    yield BeginStatement(
        at=sender.at,
        command_id=f"begin/{begin}",
        actor=sender.actor,
        statement=subject,
        file=kept.digest,
        size=kept.size,
        content=content,
        **said,
    )
    lines = [_line(one, kept, key) for one in read.lines]
    for number, (some, findings) in enumerate(_pieces(lines, read), 1):
        yield AddStatementLines(
            at=sender.at,
            command_id=f"lines/{some[0]['line'] if some else f'findings/{number}'}",
            actor=sender.actor,
            statement=subject,
            lines=some,
            findings=findings,
        )
    yield EndStatement(
        at=sender.at,
        command_id="end",
        actor=sender.actor,
        statement=subject,
        count=len(lines),
        total=sum(line["amount"] for line in lines),
        findings=len(read.findings),
    )


def _content(said: dict[str, Any], read: StatementRead) -> str:
    """The digest of what a statement says, whatever file it came in."""
    digest = hashlib.sha256(json.dumps(said, sort_keys=True).encode())
    for line in read.lines:
        own = line._replace(raw=b"")._asdict() | {"raw": None}
        if line.quantity is None:
            del own["quantity"]
        digest.update(json.dumps(own, sort_keys=True).encode())
    for finding in read.findings:
        digest.update(json.dumps(finding, sort_keys=True).encode())
    return digest.hexdigest()


def _line(read: LineRead, kept: Kept, key: EvidenceKey) -> StatementLine:
    return {
        "line": read.line,
        "account": read.account,
        "reference": read.reference,
        "kind": read.kind,
        "group": read.group,
        "amount": read.amount,
        "unit": read.unit,
        "on": read.on,
        "at": read.at,
        "balance": read.balance,
        "quantity": read.quantity,
        "raw": key.salted(kept.digest, read.line, read.raw),
    }


def _pieces(
    lines: list[StatementLine], read: StatementRead
) -> Iterator[tuple[list[StatementLine], list[StatementFinding]]]:
    """Lines, and behind them findings, in pieces that a command holds."""
    piece: list[StatementLine] = []
    size = 0
    for line in lines:
        words = (line["account"], line["reference"], line["kind"], line["group"], line["unit"])
        more = _OVERHEAD + len(line["raw"]) + sum(len(word) for word in words if word is not None)
        if piece and (size + more > _MOST_BYTES or len(piece) == MOST_LINES_AT_ONCE):
            yield piece, []
            piece, size = [], 0
        piece.append(line)
        size += more
    if piece:
        yield piece, []
    for first in range(0, len(read.findings), MOST_LINES_AT_ONCE):
        some = read.findings[first : first + MOST_LINES_AT_ONCE]
        yield (
            [],
            [
                {"line": one.line, "code": one.code, "expected": one.expected, "found": one.found}
                for one in some
            ],
        )
