"""A second product, for tests: use is paid for afterwards, and an account lives on for a while after its end.

It has prepaid's events, for those have schemas. `flat()` makes it known meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, Literal
from unittest.mock import patch

from ledger.domain.calendar import DAY, NEVER
from ledger.domain.commands import Command
from ledger.domain.events import Draft, Event
from ledger.domain.line.account import SHARED_CHANGES, TERMINATED, Account, ChangesByEvent, count_charge
from ledger.domain.line.line import Line
from ledger.domain.line.number import AVAILABLE
from ledger.domain.line.product import PRODUCTS, OfNumbers, Product, RulesByCommand
from ledger.domain.money import FEES, PULSA, USAGE, Posting, transfer
from ledger.domain.prepaid.commands import IssueStarterPack
from ledger.domain.prepaid.events import Deactivated, StarterPackIssued, UsageDebited
from ledger.domain.refusals import AboveMaximum, AccountTerminated, NumberNotAvailable
from ledger.domain.terms import AccountTerms
from ledger.domain.terms_book import TermsBook
from ledger.domain.terms_models import MODELS, said_by
from tests.given import BUNDLED, SP23

LIMIT = 10_000_00
"""Sen that an account may owe."""
LIVES_ON = 400 * DAY


class FlatTerms(AccountTerms):
    """Nothing of its own."""

    product: Literal["flat"] = "flat"


class FlatAccount(Account):
    """What it owes."""

    PRODUCT: ClassVar[str] = "flat"
    CHANGES: ClassVar[ChangesByEvent] = {
        **SHARED_CHANGES,
        StarterPackIssued: lambda account, event, _: account.opened(event),
        UsageDebited: count_charge,
        Deactivated: lambda account, event, _: account.enter("settled", event.effective_at),
    }

    owed: int = 0

    def opened(self, event: StarterPackIssued) -> None:
        self.begin(event, "open")
        self.holder = "customer-1"

    def move(self, postings: list[Posting]) -> None:
        self.owed -= sum(p["amount"] for p in postings if p["account"] == f"{self.id}/credit")


def _open(line: Line, command: IssueStarterPack) -> None:
    if line.number_state != AVAILABLE:
        raise NumberNotAvailable
    line.open(StarterPackIssued, command.terms, None, printed_credit=0, expires_at=NEVER)


class Flat(Product[FlatAccount]):
    """A toy."""

    name = "flat"
    account = FlatAccount
    terms = FlatTerms
    lives_on = True
    rules: ClassVar[RulesByCommand] = {}
    openings: ClassVar[OfNumbers] = {IssueStarterPack: _open}
    too_little = AboveMaximum

    def due_at(self, account: FlatAccount, book: TermsBook) -> int:
        if account.state != TERMINATED or account.closed_at is None:
            return NEVER
        return account.closed_at + LIVES_ON

    def falls_due(self, account: FlatAccount, at: int, book: TermsBook) -> Iterator[Draft]:
        yield Draft(Deactivated, None, [], {})

    def must_take(self, account: FlatAccount, command: Command) -> None:
        if account.closed_at is not None:
            raise AccountTerminated

    def fees(self, account: FlatAccount, amounts: Sequence[int]) -> list[Posting]:
        return [p for amount in amounts for p in transfer(PULSA, f"{account.id}/credit", FEES, amount)]

    def before_end(
        self, account: FlatAccount, at: int, book: TermsBook, clause: str | None
    ) -> Iterator[Draft]:
        yield from ()

    def must_allow_use(self, state: str, *, free: bool) -> None:
        if state != "open":
            raise AccountTerminated

    def spendable(self, account: FlatAccount) -> int:
        return LIMIT - account.owed

    def charge(self, account: FlatAccount, amount: int) -> tuple[type[Event], list[Posting]]:
        return UsageDebited, transfer(PULSA, f"{account.id}/credit", USAGE, amount)


def flat_terms() -> FlatTerms:
    """The rules that every product has, as SP23 has them."""
    shared: dict[str, Any] = {name: getattr(BUNDLED[SP23], name) for name in AccountTerms.FIELDS}
    said = {name: value for name, value in shared.items() if name not in {"clauses", "time_zone", "product"}}
    return said_by(FlatTerms, said | {"id": "flat", "zone": BUNDLED[SP23].time_zone})


@contextmanager
def flat() -> Iterator[FlatTerms]:
    """Meanwhile there is this product."""
    with patch.dict(PRODUCTS, {"flat": Flat()}), patch.dict(MODELS, {"flat": FlatTerms}):
        yield flat_terms()
