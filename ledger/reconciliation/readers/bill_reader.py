"""A bill as `pulsa bill show --json` prints it: what it charges, its tax and its total are lines."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, BinaryIO

from ledger.domain.calendar import day_number, parse_day
from ledger.domain.ids import ACCOUNT
from ledger.domain.money import IDR, parse_amount
from ledger.errors import StatementUnreadable
from ledger.reconciliation.readers.stated_file import (
    LONGEST_LINE,
    LineRead,
    StatementRead,
    identifier,
    numbered_lines,
)

FORMAT = "pulsa-bill"
_FIELDS = ("bill", "account", "issued_on", "lines", "tax", "total")


def bills(file: BinaryIO) -> list[StatementRead]:
    """The bills of a file, one a line, each a statement. Raises StatementUnreadable where a line is no bill."""
    return [_bill(number, line) for number, line in numbered_lines(file) if line is None or line.strip()]


def _bill(number: int, line: bytes | None) -> StatementRead:
    if line is None:
        raise StatementUnreadable(f"line {number}: longer than {LONGEST_LINE} bytes")
    try:
        said = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise StatementUnreadable(f"line {number}: not JSON") from error
    if not isinstance(said, dict) or any(name not in said for name in _FIELDS):
        raise StatementUnreadable(f"line {number}: no bill, which has {', '.join(_FIELDS)}")
    bill, account = identifier(_text(said["bill"])), _text(said["account"])
    if bill is None or ACCOUNT.fullmatch(account) is None or not isinstance(said["lines"], list):
        raise StatementUnreadable(f"line {number}: no bill of an account")
    try:
        issued = day_number(parse_day(_text(said["issued_on"])))
    except ValueError as error:
        raise StatementUnreadable(f"line {number}: issued_on: {error}") from error
    found = StatementRead("bill", FORMAT, IDR, account, bill, None, issued, issued)
    charged = [(_kind(one), one) for one in said["lines"]]
    for place, (kind, one) in enumerate([*charged, ("tax", {"amount": said["tax"]}), ("total", said)], 1):
        raw = json.dumps([kind, one], sort_keys=True).encode() if kind != "total" else line
        amount = one.get("amount" if kind != "total" else "total") if isinstance(one, Mapping) else None
        try:
            sen = parse_amount(_text(amount))
        except ValueError:
            found.find(place, "amount")
            continue
        found.add(LineRead(place, sen, IDR, raw, account=account, reference=bill, kind=kind, on=issued))
    return found


def _kind(charged: Any) -> str:  # noqa: ANN401 - any JSON
    """What a line of a bill is told by: what it charges, and from which source."""
    if not isinstance(charged, Mapping):
        return "unreadable"
    words = [_text(charged.get(name)) for name in ("kind", "source")]
    return "/".join(word for word in words if word.isascii() and word.replace("-", "").isalpha())


def _text(value: Any) -> str:  # noqa: ANN401 - any JSON
    return value if isinstance(value, str) else ""
