"""The Berka bank's transactions (`data/berka/trans.asc.gz`) as commands, with the balances that they record.

The product behind them is `tests/terms/berka.toml`: no validity, no denominations, no fees. Credits are top-ups,
debits are charges. Accounts that ever stand below zero are contracts with a limit (`tests/terms/berka-overdraft.toml`),
for prepaid knows no overdraft.

The file tells days, not times, and lists the rows of a day in no order of theirs: the mapping takes the order that
the recorded balances fit best. It records amounts and balances to a tenth, so that a balance may be a tenth off.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby, permutations
from pathlib import Path
from typing import Any, NamedTuple

from ledger.domain.money import format_amount, parse_amount
from tests.real import overdraft
from tests.real.replay import Step

TERMS, OVERDRAFT = "berka", "berka-overdraft"
ROUNDING = 10
"""Sen by which a recorded balance may differ from the one before it and the row's amount."""

INTEREST = "interest"
"""What names the operation of credits that the file gives none: they are all interest (`UROK`)."""

_COLUMNS = 10
_COMMANDS = {"PRIJEM": "TopUp", "VYDAJ": "ChargeCredit", "VYBER": "ChargeCredit"}
_NOON = timedelta(hours=12)
_APART = timedelta(seconds=1)


class Row(NamedTuple):
    """A row of the file; amount (signed) and balance are sen."""

    line: int
    transaction: str
    account: str
    day: str
    operation: str
    amount: int
    balance: int


def rows(path: Path) -> Iterator[Row]:
    """The file's whole rows; `line` is that of the file, whose first is the header."""
    for line, fields in _lines(path):
        if len(fields) == _COLUMNS:
            transaction, account, day, type_, operation, amount, balance, *_ = fields
            sen = parse_amount(amount) * (1 if _COMMANDS[type_] == "TopUp" else -1)
            how = operation.lower().replace(" ", "-") or INTEREST
            yield Row(line, transaction, account, day, how, sen, parse_amount(balance))


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    with gzip.open(path, "rt", encoding="ascii", newline="") as file:
        lines = csv.reader(file, delimiter=";")
        next(lines)
        yield from enumerate(lines, 2)


def cut_off(path: Path) -> dict[str, Any]:
    """What the file's last line, which breaks off within its fourth field, says: a command of no known name."""
    (transaction, account, day, type_) = list(_lines(path))[-1][1]
    return {
        "command": _COMMANDS.get(type_, type_),
        "command_id": f"berka-{transaction}",
        "at": _at(day, 0).isoformat(),
        "msisdn": msisdn_of(account),
    }


def msisdn_of(account: str) -> str:
    """The number of an account."""
    return f"420{int(account):09d}"


def overdrawn(found: Iterable[Row]) -> frozenset[str]:
    """The accounts that ever stand below zero."""
    return frozenset(row.account for row in found if row.balance < 0)


def in_best_order(found: Iterable[Row]) -> Iterator[tuple[Row, int]]:
    """The rows of one account, each day's in the order that fits most of its balances, with the balance before each.

    That is the one recorded by the row before, whether or not it fitted; none was before the first row.
    """
    balance = 0
    for _, of_day in groupby(sorted(found, key=lambda row: (row.day, row.line)), key=lambda row: row.day):
        for row in min(permutations(of_day), key=lambda order: _misfits(balance, order)):
            yield row, balance
            balance = row.balance


def _misfits(balance: int, order: Iterable[Row]) -> int:
    count = 0
    for row in order:
        count += abs(balance + row.amount - row.balance) > ROUNDING
        balance = row.balance
    return count


def steps(found: Sequence[Row]) -> Iterator[Step]:
    """What each row of the file becomes, account by account."""
    below = overdrawn(found)
    by_account = sorted(found, key=lambda row: int(row.account))
    for account, of_account in groupby(by_account, key=lambda row: row.account):
        yield from _steps_of(in_best_order(of_account), _Contract() if account in below else _Prepaid())


def _steps_of(ordered: Iterable[tuple[Row, int]], product: _Prepaid | _Contract) -> Iterator[Step]:
    credit: int | None = None
    for number, (row, before) in enumerate(ordered):
        at = _at(row.day, number)
        first: list[dict[str, Any]] = []
        if credit is None:
            first += product.opened(row, at)
        elif credit != before:
            # More than rounding: rows are missing before this one, and the row before it did not agree.
            reason = "rounding" if abs(before - credit) <= ROUNDING else "missing-records"
            first.append(product.corrected(row, at, before - credit, reason))
        yield Step(row.line, first, {msisdn_of(row.account): before}, within=0)
        yield Step(row.line, [product.moved(row, at)], {msisdn_of(row.account): row.balance}, within=ROUNDING)
        credit = before + row.amount


class _Prepaid:
    """Accounts that never stand below zero."""

    def opened(self, row: Row, at: datetime) -> Iterator[dict[str, Any]]:
        terms = {"terms": TERMS, "printed_credit": "0", "valid_until": "1999-12-31"}
        yield _command("IssueStarterPack", row, at, "issue", **terms)
        holder = {"channel": "branch", "customer": f"berka-{row.account}", "registration": "verified"}
        yield _command("Activate", row, at, "activate", **holder)

    def corrected(self, row: Row, at: datetime, amount: int, reason: str) -> dict[str, Any]:
        why = {"reason": reason, "approved_by": "berka"}
        return _command("AdjustCredit", row, at, reason, amount=format_amount(amount), **why)

    def moved(self, row: Row, at: datetime) -> dict[str, Any]:
        amount = format_amount(abs(row.amount))
        if row.amount > 0:
            return _command("TopUp", row, at, "", credit=amount, price=amount, channel=row.operation)
        return _command("ChargeCredit", row, at, "", amount=amount, item=row.operation)


class _Contract:
    """Accounts that do."""

    def opened(self, row: Row, at: datetime) -> Iterator[dict[str, Any]]:
        command, own = overdraft.opened(OVERDRAFT, f"berka-{row.account}")
        yield _command(command, row, at, "issue", **own)

    def corrected(self, row: Row, at: datetime, amount: int, reason: str) -> dict[str, Any]:
        return self._moved(row, at, amount, reason)

    def moved(self, row: Row, at: datetime) -> dict[str, Any]:
        return self._moved(row, at, row.amount, "")

    def _moved(self, row: Row, at: datetime, amount: int, part: str) -> dict[str, Any]:
        reference = f"{row.transaction}-{part or row.operation}"
        command, own = overdraft.moved(amount, reference, f"berka-{row.account}", at.isoformat())
        return _command(command, row, at, part, **own)


def _at(day: str, number: int) -> datetime:
    return datetime.strptime(f"19{day}", "%Y%m%d").replace(tzinfo=UTC) + _NOON + number * _APART


def _command(command: str, row: Row, at: datetime, part: str, **own: Any) -> dict[str, Any]:
    """A command of a row; `part` tells those of one row apart."""
    return {
        "command": command,
        "command_id": f"berka-{row.transaction}-{part}" if part else f"berka-{row.transaction}",
        "at": at.isoformat(),
        "msisdn": msisdn_of(row.account),
        **own,
    }
