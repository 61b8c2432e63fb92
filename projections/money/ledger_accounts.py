"""The ledger accounts that a question may name, a customer's and the operator's; and what a balance is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from ledger.domain import money
from ledger.domain.calendar import Instant
from ledger.domain.ids import account_of, is_account, number_in, part_in, part_of, subject_of, suspense_in
from ledger.domain.money import Sen
from ledger.domain.postpaid.rules_of_contracts import KINDS
from projections.engine.answers import Answer
from projections.engine.unanswered import UnknownThen

CUSTOMERS = "accounts/"
"""What others than the operator's are summed as: `accounts/credit`, `accounts/in-transit`, `accounts/suspense`."""
IN_TRANSIT = "in-transit"
"""The part of an account whose movements are those of other numbers, too."""
AT_HAND = frozenset({"credit", "reserved"})
"""The parts of a prepaid account that its own number's events alone move."""
IN_RUPIAH = frozenset({"unbilled", "billed", "pending", "advance", "deposit"})
"""The parts of a postpaid account."""
PARTS = AT_HAND | IN_RUPIAH | {IN_TRANSIT}
"""The parts of a customer's account that there are."""
MAIN_PARTS = {"prepaid": "credit", "postpaid": "billed"}
"""The part that people mean by an account, by its product."""
ALWAYS_TOLD: dict[str, str] = {
    money.CASH: money.IDR,
    money.CREDIT_SALES: money.IDR,
    **dict.fromkeys(
        (money.CREDIT_ISSUED, money.USAGE, money.CHARGES, money.FEES, money.BREAKAGE, money.ADJUSTMENTS),
        money.PULSA,
    ),
}
"""The operator's ledger accounts that every trial balance has, and the unit that each holds."""
OPERATOR_UNITS: dict[str, str] = {
    **ALWAYS_TOLD,
    **dict.fromkeys(
        (
            money.CLEARING,
            money.BANK_COSTS,
            money.WRITE_OFFS,
            money.DEPOSITS_FORFEITED,
            money.OUTPUT_TAX,
            *(money.revenue(kind) for kind in (*KINDS, "tax")),
        ),
        money.IDR,
    ),
}
"""All of the operator's ledger accounts, and the unit that each holds even while nothing has been posted to it."""


class CustomersPart(NamedTuple):
    """Which part (`credit`, `reserved`, `in-transit`) of which account of a number a ledger account is."""

    account: str
    msisdn: str
    part: str


class LedgerAccount(NamedTuple):
    """A ledger account by name; `customer` is None for one of the operator's, and for one of suspense."""

    name: str
    customer: CustomersPart | None

    @property
    def msisdn(self) -> str | None:
        """The number whose account it is of."""
        return None if self.customer is None else self.customer.msisdn

    @property
    def unit(self) -> str:
        """The unit that it holds even while nothing has been posted to it."""
        if self.customer is None:
            return OPERATOR_UNITS.get(self.name, money.IDR)
        return money.IDR if self.customer.part in IN_RUPIAH else money.PULSA


@dataclass(frozen=True, slots=True)
class Balance(Answer):
    """The sum in sen of one unit in one ledger account, such as `6288112345678#1/credit` or `operator/breakage`."""

    account: str
    unit: str
    amount: Sen
    as_of: Instant
    known_at: Instant
    final: bool
    position: str


def ledger_account(name: str) -> LedgerAccount:
    """The ledger account of a name, such as `6288112345678#1/credit` or `operator/breakage`. Raises UnknownThen."""
    found = part_in(name)
    if found is not None and found[1] in PARTS:
        account, part = found
        return LedgerAccount(name, CustomersPart(account, subject_of(account), part))
    if name not in OPERATOR_UNITS and suspense_in(name) is None:
        raise UnknownThen(f"{name}: no such ledger account{_perhaps(name)}")
    return LedgerAccount(name, None)


def _perhaps(name: str) -> str:
    """Which ledger accounts there are of a number, or an account, that was named in the place of one."""
    if number_in(name) is None:
        return ""
    account = name if is_account(name) else account_of(name, 1)
    return f"; of it there are {', '.join(f'{account}/{part}' for part in MAIN_PARTS.values())} and others"


def class_of(account: str) -> str:
    """What a ledger account that is not the operator's is summed as."""
    return CUSTOMERS + part_of(account)
