"""The one interface for questions, wherever the answer comes from.

Every question takes `as_of` (valid time) and `known_at` (transaction time), instants that both default to now.
What cannot be answered fails.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import ClassVar, Protocol

from ledger.domain import money
from ledger.errors import QueryRefused
from projections.asking.answers import (
    Balance,
    Enquiry,
    Head,
    HistoryLine,
    InTransit,
    LogLine,
    OutcomeAnswer,
    States,
    TrialBalance,
)

SUBJECT = re.compile(r"([0-9]{7,15})(?:#([1-9][0-9]{0,8}))?", re.ASCII)
"""A number, or an account."""
CUSTOMER_ACCOUNT = re.compile(r"(([0-9]{7,15})#[1-9][0-9]{0,8})/(credit|reserved|in-transit)", re.ASCII)
"""A customer's ledger account."""
OPERATOR_UNITS: dict[str, str] = {
    money.CASH: money.IDR,
    money.CREDIT_SALES: money.IDR,
    **dict.fromkeys(
        (money.CREDIT_ISSUED, money.USAGE, money.CHARGES, money.FEES, money.BREAKAGE, money.ADJUSTMENTS),
        money.PULSA,
    ),
}
"""The operator's ledger accounts, and the unit that each holds even while nothing has been posted to it."""


class UnknownThen(QueryRefused):
    """Nothing of it is known as of then."""

    code: ClassVar[str] = "unknown-account"


class UnknownCommand(QueryRefused):
    """No decided command of that number has this id."""

    code: ClassVar[str] = "unknown-command"


class KnownBeyondNow(QueryRefused):
    """What will be known later cannot be asked for now."""

    code: ClassVar[str] = "in-the-future"


class BeforeTheLog(QueryRefused):
    """The log begins later."""

    code: ClassVar[str] = "before-the-log"


class ProjectionBehind(QueryRefused):
    """The projections have not taken in the position asked for yet."""

    code: ClassVar[str] = "projection-behind"


class Queries(Protocol):
    """Every question that the ledger answers. Each raises QueryRefused where it cannot.

    What falls due by `as_of` and is not recorded yet is folded in by the rules, so that no answer depends on who
    looked when. Iterators raise, too, when their first item is asked for.
    """

    def enquiry(self, subject: str, *, as_of: int | None = None, known_at: int | None = None) -> Enquiry:
        """A number's current account then, or the account named (`<msisdn>#<generation>`)."""

    def enquiries(self, *, as_of: int | None = None, known_at: int | None = None) -> Iterator[Enquiry]:
        """The current account of every number that had one then, in the numbers' order."""

    def balance(
        self, ledger_account: str, *, as_of: int | None = None, known_at: int | None = None
    ) -> list[Balance]:
        """The balance of a ledger account, one for each unit that it holds."""

    def history(
        self,
        subject: str,
        *,
        refused: bool = False,
        as_of: int | None = None,
        known_at: int | None = None,
    ) -> Iterator[HistoryLine]:
        """The events of a number and its accounts, or of the account named, as recorded, with the balance after each.

        What has fallen due and is not recorded yet stands at the end. With `refused`, refused commands stand in
        between (but uses: those have events of their own).
        """

    def log(
        self, start: int = 1, *, subject: str | None = None, types: Collection[str] | None = None
    ) -> Iterator[LogLine]:
        """The events from an ordinal on, in order; of one number, account or other subject, or of some types only.

        A type may be named in full, or without its namespace.
        """

    def outcome(self, msisdn: str, command_id: str) -> OutcomeAnswer:
        """What became of a command."""

    def transit(self, *, as_of: int | None = None, known_at: int | None = None) -> list[InTransit]:
        """Credit on its way, longest first."""

    def states(self, *, as_of: int | None = None, known_at: int | None = None) -> States:
        """How many accounts and numbers are in each state."""

    def trial_balance(
        self, *, each: bool = False, as_of: int | None = None, known_at: int | None = None
    ) -> TrialBalance:
        """Every ledger account's balance; `each` customer's, or all of them summed."""

    def head(self) -> Head:
        """How far the log goes."""
