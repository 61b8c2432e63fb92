"""What contracts owe and hold, told of accounts that the domain's own rules have folded from a log's first event on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ledger.domain.calendar import zone
from ledger.domain.postpaid.account import PostpaidAccount
from tests.projections.oracle import Oracle

ZONE = zone("Asia/Jakarta")


class ContractsFolded:
    """The answers that there must be, as plain values; amounts in sen."""

    def __init__(self, oracle: Oracle, numbers: Sequence[str], as_of: int, known_at: int) -> None:
        self.as_of = as_of
        self.accounts: dict[str, PostpaidAccount] = {
            account.id: account
            for number in numbers
            for account in oracle.line(number, as_of, known_at).accounts.values()
            if isinstance(account, PostpaidAccount)
        }

    def bills(self) -> dict[str, dict[str, Any]]:
        """What became of every bill."""
        return {
            bill.id: {
                "account": account.id,
                "total": bill.total,
                "allocated": bill.allocated,
                "deposit": bill.deposited,
                "credited": bill.credited,
                "written_off": bill.written_off,
                "open": bill.open,
                "due_until": bill.due_until,
                "due_on": bill.due_on,
                "overdue": bill.open > 0 and bill.due_until <= self.as_of,
            }
            for account in self.accounts.values()
            for bill in account.every_bill()
        }

    def payments(self) -> dict[tuple[str, str], dict[str, Any]]:
        """What every payment that did not fail has met, and what is left of it."""
        found = {}
        for account in self.accounts.values():
            for payment in account.payments.values():
                source = f"payment/{payment.reference}"
                left = sum(lot.left for lot in account.lots if lot.source == source)
                settled = payment.settled_at is not None
                found[account.id, payment.reference] = {
                    "state": "reversed" if payment.reversed else "settled" if settled else "pending",
                    "amount": payment.amount,
                    "advance": left,
                    "allocations": {}
                    if payment.reversed
                    else {bill: amount for bill, amount in payment.paid.items() if amount},
                    "settled_at": payment.settled_at,
                }
        return found

    def owed(self) -> dict[str, tuple[int, ...]]:
        """What every account that owes anything owes: unbilled, billed, not due, overdue, and overdue by age."""
        found = {}
        for account in self.accounts.values():
            by_age = [0, 0, 0, 0, 0]
            for bill in account.every_bill():
                by_age[self._age(bill.due_until)] += bill.open
            sums = (account.unbilled, account.billed, by_age[0], sum(by_age[1:]), *by_age[1:])
            if any(sums):
                found[account.id] = sums
        return found

    def _age(self, due_until: int) -> int:
        if due_until > self.as_of:
            return 0
        day = (ZONE.day(self.as_of) - ZONE.day(due_until)).days + 1
        return next((age for age, last in enumerate((30, 60, 90), 1) if day <= last), 4)
