"""PaySim's mobile-money records (`data/paysim/paysim-100k.csv.gz`) as commands, with the balances that they record.

The product behind them is `tests/terms/paysim.toml`: no validity, no denominations, no fees. Names map to numbers one
to one. Prepaid knows no overdraft: accounts that ever run below zero are left out, and a transfer between one of them
and another account is that other account's top-up or charge.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from ledger.domain.money import format_amount, parse_amount
from tests.often import TIMES
from tests.real.replay import Step

TERMS = "paysim"
ROWS = 100_000
SOME = 4_000 if TIMES == 1 else ROWS
"""Rows that do: those after them are of the same kinds."""
ROUNDING = 5
"""Sen by which the file's doubles may have drifted; then an adjustment takes the drift out first."""
DRIFT = 1
"""Sen by which a recorded balance after a row may differ from the one before it and the row's amount."""

_ARITHMETIC = {
    "CASH_IN": "TopUp",
    "CASH_OUT": "ChargeCredit",
    "PAYMENT": "ChargeCredit",
    "DEBIT": "ChargeCredit",
}
_BEGINNING = datetime(2017, 1, 1, tzinfo=UTC)
_AN_HOUR = timedelta(hours=1)
_APART = timedelta(milliseconds=100)


class Row(NamedTuple):
    """A row of the file; balances and the amount are sen. `overdraft`: flagged as one, nothing was moved."""

    line: int
    step: int
    action: str
    amount: int
    origin: str
    origin_before: int
    origin_after: int
    destination: str
    destination_before: int
    destination_after: int
    overdraft: bool


def rows(path: Path) -> Iterator[Row]:
    """The file's rows; `line` is that of the file, whose first is the header."""
    with gzip.open(path, "rt", encoding="ascii", newline="") as file:
        for line, row in enumerate(csv.DictReader(file), 2):
            yield Row(
                line,
                int(row["step"]),
                row["action"],
                parse_amount(row["amount"]),
                row["nameOrig"],
                parse_amount(row["oldBalanceOrig"]),
                parse_amount(row["newBalanceOrig"]),
                row["nameDest"],
                parse_amount(row["oldBalanceDest"]),
                parse_amount(row["newBalanceDest"]),
                row["isUnauthorizedOverdraft"] == "1",
            )


def some(path: Path) -> list[Row]:
    """As many of them as do, where it is not their balances that matter."""
    return list(islice(rows(path), SOME))


def is_account(name: str) -> bool:
    """Whether a name is a customer's: of merchants and banks the file follows no balance."""
    return name.startswith("C")


def msisdn_of(name: str) -> str:
    """The number of a name: some begin with two letters, all end with ten digits, and no two share them."""
    return f"6281{name.lstrip('C')}"


def overdrawn(found: Iterable[Row]) -> frozenset[str]:
    """The accounts that ever stand below zero."""
    below: set[str] = set()
    for row in found:
        if min(row.origin_before, row.origin_after) < 0:
            below.add(row.origin)
        if is_account(row.destination) and min(row.destination_before, row.destination_after) < 0:
            below.add(row.destination)
    return frozenset(below)


def steps(found: Sequence[Row]) -> Iterator[Step]:
    """What each row becomes: first what its recorded balances before ask for, then the row itself."""
    mapping = _Mapping(overdrawn(found))
    hour, within = 0, 0
    for row in found:
        within = within + 1 if row.step == hour else 0
        hour = row.step
        yield from mapping.of(row, _BEGINNING + hour * _AN_HOUR + within * _APART)


class _Mapping:
    """Keeps what the ledger's balances must be by now, to tell drift from a difference."""

    def __init__(self, left_out: frozenset[str]) -> None:
        self.left_out = left_out
        self.credit: dict[str, int] = {}

    def of(self, row: Row, at: datetime) -> Iterator[Step]:
        origin = row.origin if row.origin not in self.left_out else None
        destination = row.destination if is_account(row.destination) else None
        if destination in self.left_out:
            destination = None
        before: list[dict[str, Any]] = []
        recorded_before, recorded_after = {}, {}
        if origin is not None:
            before += self._meet(row, origin, row.origin_before, at)
            recorded_before[msisdn_of(origin)] = row.origin_before
            recorded_after[msisdn_of(origin)] = row.origin_after
        if destination is not None:
            before += self._meet(row, destination, row.destination_before, at)
            recorded_before[msisdn_of(destination)] = row.destination_before
            recorded_after[msisdn_of(destination)] = row.destination_after
        yield Step(row.line, before, recorded_before, within=0)
        yield Step(row.line, self._moves(row, origin, destination, at), recorded_after, within=DRIFT)

    def _meet(self, row: Row, name: str, recorded: int, at: datetime) -> Iterator[dict[str, Any]]:
        """Opens an account with its first recorded balance, or takes the file's drift out of it."""
        known = self.credit.get(name)
        self.credit[name] = recorded
        if known is None:
            terms = {"terms": TERMS, "printed_credit": "0", "valid_until": "2017-12-31"}
            yield _command("IssueStarterPack", row, name, at, "issue", **terms)
            holder = {"channel": "paysim", "customer": name, "registration": "verified"}
            yield _command("Activate", row, name, at, "activate", **holder)
            if recorded:
                bought = {"credit": format_amount(recorded), "price": format_amount(recorded)}
                yield _command("TopUp", row, name, at, "opening", **bought, channel="opening")
        elif 0 < abs(recorded - known) <= ROUNDING:
            difference = format_amount(recorded - known)
            why = {"reason": "rounding", "approved_by": "paysim"}
            yield _command("AdjustCredit", row, name, at, "rounding", amount=difference, **why)
        else:
            self.credit[name] = known

    def _moves(
        self, row: Row, origin: str | None, destination: str | None, at: datetime
    ) -> list[dict[str, Any]]:
        """The row itself; a flagged overdraft is sent as it was asked for, and moves nothing."""
        name, own = self._asked(row, origin, destination)
        if name is None or (row.overdraft and origin is None):
            return []
        if not row.overdraft:
            if origin is not None:
                self.credit[origin] += row.amount if row.action == "CASH_IN" else -row.amount
            if destination is not None:
                self.credit[destination] += row.amount
        command = own.pop("command")
        return [_command(command, row, name, at, "", **own)]

    def _asked(
        self, row: Row, origin: str | None, destination: str | None
    ) -> tuple[str | None, dict[str, Any]]:
        amount = format_amount(row.amount)
        if row.action == "TRANSFER" and origin is None:
            return destination, {"command": "TopUp", "credit": amount, "price": amount, "channel": "transfer"}
        if row.action == "TRANSFER" and destination is not None:
            return origin, {
                "command": "TransferCredit",
                "to_msisdn": msisdn_of(destination),
                "amount": amount,
            }
        if row.action == "CASH_IN":
            return origin, {"command": "TopUp", "credit": amount, "price": amount, "channel": "cash-in"}
        return origin, {"command": "ChargeCredit", "amount": amount, "item": row.action.lower()}


def _command(command: str, row: Row, name: str, at: datetime, part: str, **own: str) -> dict[str, Any]:
    """A command of a row; `part` tells those of one row apart."""
    return {
        "command": command,
        "command_id": f"paysim-{row.line}-{part}" if part else f"paysim-{row.line}",
        "at": at.isoformat(),
        "msisdn": msisdn_of(name),
        **own,
    }
