"""PaySim's mobile-money records (`data/paysim/paysim-100k.csv.gz`) as commands, with the balances that they record.

The product behind them is `tests/terms/paysim.toml`: no validity, no denominations, no fees. Names map to numbers one
to one. Prepaid knows no overdraft: accounts that ever run below zero are contracts with a limit
(`tests/terms/paysim-overdraft.toml`), and a transfer between one of them and another account is a payment or use of the
one, and a charge or top-up of the other.
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
from tests.real import overdraft
from tests.real.replay import Step

TERMS, OVERDRAFT = "paysim", "paysim-overdraft"
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

    def __init__(self, below: frozenset[str]) -> None:
        self.below = below
        self.credit: dict[str, int] = {}

    def of(self, row: Row, at: datetime) -> Iterator[Step]:
        destination = row.destination if is_account(row.destination) else None
        before = [*self._meet(row, row.origin, row.origin_before, at)]
        recorded_before = {msisdn_of(row.origin): row.origin_before}
        recorded_after = {msisdn_of(row.origin): row.origin_after}
        if destination is not None:
            before += self._meet(row, destination, row.destination_before, at)
            recorded_before[msisdn_of(destination)] = row.destination_before
            recorded_after[msisdn_of(destination)] = row.destination_after
        yield Step(row.line, before, recorded_before, within=0)
        yield Step(row.line, [*self._moves(row, destination, at)], recorded_after, within=DRIFT)

    def _meet(self, row: Row, name: str, recorded: int, at: datetime) -> Iterator[dict[str, Any]]:
        """Opens an account with its first recorded balance, or takes the file's drift out of it."""
        known = self.credit.get(name)
        self.credit[name] = recorded
        if known is None:
            yield from self._opened(row, name, recorded, at)
        elif 0 < abs(recorded - known) <= ROUNDING:
            if name in self.below:
                yield self._by_contract(row, name, recorded - known, at, "rounding")
                return
            difference = format_amount(recorded - known)
            why = {"reason": "rounding", "approved_by": "paysim"}
            yield _command("AdjustCredit", row, name, at, "rounding", amount=difference, **why)
        else:
            self.credit[name] = known

    def _opened(self, row: Row, name: str, recorded: int, at: datetime) -> Iterator[dict[str, Any]]:
        if name in self.below:
            command, own = overdraft.opened(OVERDRAFT, name)
            yield _command(command, row, name, at, "issue", **own)
            if recorded:
                yield self._by_contract(row, name, recorded, at, "opening")
            return
        terms = {"terms": TERMS, "printed_credit": "0", "valid_until": "2017-12-31"}
        yield _command("IssueStarterPack", row, name, at, "issue", **terms)
        holder = {"channel": "paysim", "customer": name, "registration": "verified"}
        yield _command("Activate", row, name, at, "activate", **holder)
        if recorded:
            bought = {"credit": format_amount(recorded), "price": format_amount(recorded)}
            yield _command("TopUp", row, name, at, "opening", **bought, channel="opening")

    def _by_contract(self, row: Row, name: str, amount: int, at: datetime, part: str) -> dict[str, Any]:
        command, own = overdraft.moved(amount, f"{row.line}-{part}", name, at.isoformat())
        return _command(command, row, name, at, part, **own)

    def _moves(self, row: Row, destination: str | None, at: datetime) -> Iterator[dict[str, Any]]:
        """The row itself; a flagged overdraft is sent as it was asked for, and moves nothing.

        A contract with a limit would grant as much of it as the limit reaches: of these nothing is sent.
        """
        if row.overdraft and row.origin in self.below:
            return
        signed = row.amount if row.action == "CASH_IN" else -row.amount
        if not row.overdraft:
            self.credit[row.origin] += signed
            if destination is not None:
                self.credit[destination] += row.amount
        if destination is not None and not self.below & {row.origin, destination}:
            own = {"to_msisdn": msisdn_of(destination), "amount": format_amount(row.amount)}
            yield _command("TransferCredit", row, row.origin, at, "", **own)
            return
        yield self._moved(row, row.origin, signed, at, "")
        if destination is not None and not row.overdraft:
            yield self._moved(row, destination, row.amount, at, "in")

    def _moved(self, row: Row, name: str, signed: int, at: datetime, part: str) -> dict[str, Any]:
        """What one account of a row gets or gives."""
        if name in self.below:
            return self._by_contract(row, name, signed, at, part or "out")
        amount, channel = format_amount(abs(signed)), row.action.lower().replace("_", "-")
        if signed > 0:
            return _command("TopUp", row, name, at, part, credit=amount, price=amount, channel=channel)
        return _command("ChargeCredit", row, name, at, part, amount=amount, item=row.action.lower())


def _command(command: str, row: Row, name: str, at: datetime, part: str, **own: Any) -> dict[str, Any]:
    """A command of a row; `part` tells those of one row apart."""
    return {
        "command": command,
        "command_id": f"paysim-{row.line}-{part}" if part else f"paysim-{row.line}",
        "at": at.isoformat(),
        "msisdn": msisdn_of(name),
        **own,
    }
