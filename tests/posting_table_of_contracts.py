"""The posting table of postpaid contracts, written down a second time: all in rupiah, `A` the account."""

from __future__ import annotations

from collections import Counter
from typing import Any

from ledger.domain.events import Event

Moves = dict[tuple[str, str], int]
"""Sen by ledger account and unit."""

IDR = "IDR"
OF_CONTRACTS = frozenset({"smartfren-elite-2023", "smartfren-elite-2025", "telkomsel-halo"})
"""Terms of contracts, by which fees are charged and not taken."""
_REVENUE = {
    "UsageCharged": ("charge", "usage"),
    "RoamingCharged": ("charge", "roaming"),
    "HardCopyRequested": ("fee", "fees"),
    "LateFineCharged": ("amount", "fines"),
    "PenaltyCharged": ("amount", "penalties"),
    "CollectionCostCharged": ("amount", "collection"),
}
"""What is charged: the field of its amount, and the kind of revenue."""


def moves_of_contracts(event: Event) -> Moves:
    """What the posting table says of an event of a postpaid account."""
    moves = _moves(event, event.account, event)
    return {(name, IDR): amount for name, amount in moves.items()}


def moves_of_suspense(event: Event) -> Moves:
    """What the posting table says of money in suspense on a number."""
    x: Any = event
    lies = f"suspense/{x.account}/{x.reference}"
    moves = {
        "SuspenseReceived": lambda: {"operator/cash": x.amount, lies: -x.amount},
        "SuspenseAssigned": lambda: {lies: x.amount, f"{x.to_account}/in-transit": -x.amount},
        "SuspenseRefused": lambda: {f"{x.to_account}/in-transit": x.amount, lies: -x.amount},
        "SuspenseReturned": lambda: {
            lies: x.amount,
            "operator/cash": x.bank_cost - x.amount,
            "operator/bank-costs": -x.bank_cost,
        },
    }[event.name]()
    return {(name, IDR): amount for name, amount in moves.items()}


def _moves(event: Event, a: str, x: Any) -> dict[str, int]:
    name = event.name
    if name in _REVENUE:
        field, kind = _REVENUE[name]
        amount = getattr(x, field)
        return {f"{a}/unbilled": amount, f"operator/revenue/{kind}": -amount}
    match name:
        case "BillIssued":
            return _of_bill(a, x)
        case "PaymentReceived":
            return {"operator/clearing": x.amount, f"{a}/pending": -x.amount}
        case "PaymentFailed":
            return {"operator/clearing": -x.amount, f"{a}/pending": x.amount}
        case "PaymentSettled":
            met = _met(x.allocations)
            assert met + x.advance == x.amount
            back = {f"{a}/pending": x.amount, "operator/clearing": -x.amount}
            return back | {"operator/cash": x.amount, f"{a}/billed": -met, f"{a}/advance": -x.advance}
        case "SuspenseTaken":
            met = _met(x.allocations)
            assert met + x.advance == x.amount
            return {f"{a}/in-transit": x.amount, f"{a}/billed": -met, f"{a}/advance": -x.advance}
        case "AdvanceApplied":
            assert _met(x.applied) == x.amount
            return {f"{a}/advance": x.amount, f"{a}/billed": -x.amount}
        case "PaymentReversed":
            opened = _met(x.reopened)
            assert opened + x.advance + x.charged == x.amount
            again = {f"{a}/billed": opened, f"{a}/advance": x.advance, f"{a}/unbilled": x.charged}
            return {"operator/cash": -x.amount} | again
        case "DepositReceived":
            return {"operator/cash": x.amount, f"{a}/deposit": -x.amount}
        case "DepositApplied":
            met = _met(x.allocations)
            assert met + x.advance == x.amount
            return {f"{a}/deposit": x.amount, f"{a}/billed": -met, f"{a}/advance": -x.advance}
        case "DepositRefunded" | "AdvanceRefunded":
            part = "deposit" if name == "DepositRefunded" else "advance"
            paid = {"operator/cash": x.bank_cost - x.amount, "operator/bank-costs": -x.bank_cost}
            return {f"{a}/{part}": x.amount} | paid
        case "DepositForfeited":
            return {f"{a}/deposit": x.amount, "operator/deposits-forfeited": -x.amount}
        case "CreditNoteIssued":
            return _of_credit_note(a, x)
        case "LateFineWithdrawn" | "FineWaived":
            amount = 0 if x.carried_by else x.amount
            return {f"{a}/unbilled": -amount, "operator/revenue/fines": amount}
        case "DebitNoteIssued":
            return {f"{a}/unbilled": x.total} | _by_kind(x.lines, -1)
        case "WrittenOff":
            return {"operator/write-offs": x.amount, f"{a}/billed": -x.amount}
        case _:
            return {}


def _of_bill(a: str, x: Any) -> dict[str, int]:
    """What it carries was charged before, but for the commitment's shortfall and the fee of a standing order."""
    assert sum(line["amount"] for line in x.lines) + (0 if x.tax_included else x.tax) == x.total
    new = -sum(p["amount"] for p in x.postings if p["account"].endswith("/revenue/fees"))
    shortfall = sum(line["amount"] for line in x.lines if line["kind"] == "commitment")
    carried = sum(line["amount"] for line in x.lines) - shortfall - new
    assert new >= 0
    return {
        f"{a}/billed": x.total,
        f"{a}/unbilled": -carried,
        "operator/revenue/commitment": -shortfall,
        "operator/revenue/fees": -new,
        "operator/tax": -x.tax,
        "operator/revenue/tax": x.tax if x.tax_included else 0,
    }


def _of_credit_note(a: str, x: Any) -> dict[str, int]:
    assert x.met_open + x.advance == x.total
    assert sum(line["amount"] for line in x.lines) + (0 if x.tax_included else x.tax) == x.total
    taxes = {"operator/tax": x.tax, "operator/revenue/tax": -x.tax if x.tax_included else 0}
    return {f"{a}/billed": -x.met_open, f"{a}/advance": -x.advance} | taxes | _by_kind(x.lines, 1)


def _by_kind(lines: list[dict[str, Any]], sign: int) -> dict[str, int]:
    sums: Counter[str] = Counter()
    for line in lines:
        sums[f"operator/revenue/{line['kind']}"] += sign * line["amount"]
    return dict(sums)


def _met(parts: list[dict[str, Any]]) -> int:
    return sum(part["amount"] for part in parts)
