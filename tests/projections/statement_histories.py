"""Statements as commands, for projections: one signed off, one reconciled, one that has only begun."""

from __future__ import annotations

from typing import Any

from ledger.domain.commands import Command
from ledger.domain.statement.commands import (
    AcceptMatch,
    AddStatementLines,
    BeginStatement,
    EndStatement,
    RecordRun,
    ResolveItem,
    SignOff,
    UndoMatch,
)
from ledger.domain.statement.stated import StatementLine, statement_of


def commands(at: int) -> list[Command]:
    """All of it, a microsecond apart."""
    asked: list[Command] = []

    def ask(asked_for: Any, statement: str, /, **own: Any) -> None:
        id_ = f"{len(asked)}"
        asked.append(asked_for(at=at + len(asked), command_id=id_, statement=statement, **own))

    for number in ("1", "2", "3"):
        id_ = statement_of("bank", None, number, None, 19_000, 19_030)
        said = {"kind": "bank", "format": "mt940", "reader": "pulsa", "reader_version": "1", "unit": "IDR"}
        days = {"number": number, "since_on": 19_000, "until_on": 19_030, "opening": 0}
        ask(BeginStatement, id_, **said, **days, file=number * 64, size=9, place=0, content=number)
        if number == "3":
            break
        wrong = {"line": 3, "code": "chain", "expected": 5, "found": None}
        ask(AddStatementLines, id_, lines=[_line(1, 70_000), _line(2, -20_000)], findings=[wrong])
        ask(EndStatement, id_, count=2, total=50_000, findings=1)
        ask(AcceptMatch, id_, match="m", items=["L1", "L2"], reason="r")
        ask(UndoMatch, id_, match="m", reason="r")
        ask(ResolveItem, id_, item="L1", reason="r")
        open_ = 0 if number == "1" else 2
        ask(RecordRun, id_, known_at=at, rules="r", result="d", sums=[], open=open_)
        if number == "1":
            ask(SignOff, id_, result="d")
    return asked


def _line(number: int, amount: int) -> StatementLine:
    words: dict[str, Any] = dict.fromkeys(
        ("account", "reference", "kind", "group", "at", "balance", "quantity")
    )
    own = {"line": number, "amount": amount, "unit": "IDR", "on": 19_001, "raw": "0" * 64}
    return words | own  # type: ignore[return-value]
