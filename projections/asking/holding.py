"""What an account holds or owes after an event of its number, for a history: by its product's parts."""

from __future__ import annotations

from ledger.domain.events import Event
from ledger.domain.line.account import Account
from ledger.domain.line.line import Line
from ledger.domain.postpaid.account import PostpaidAccount
from ledger.domain.prepaid.account import PrepaidAccount
from projections.asking.log_answers import PARTS_OF_CONTRACTS, HistoryEvent, HistoryOfContract, LogLine
from projections.engine.answers import Moment
from projections.line.lines_as_of import told_in

_HELD = frozenset({"pending", "advance", "deposit"})
"""What is held for a customer: its postings are negative."""


class HeldByAccount:
    """An account's parts in sen, as it stands, and as further postings move them."""

    def __init__(self, account: Account | None) -> None:
        told = None if account is None else told_in(account)
        self._prefix = "" if told is None else f"{told.id}/"
        self._is_contract = isinstance(told, PostpaidAccount)
        self._parts: dict[str, int] = {"credit": 0, "reserved": 0}
        if isinstance(told, PrepaidAccount):
            self._parts = {"credit": told.available, "reserved": told.reserved}
        elif isinstance(told, PostpaidAccount):
            self._parts = {part: getattr(told, part) for part in PARTS_OF_CONTRACTS}

    def take(self, event: Event) -> None:
        """Moves what an event moves that the account has not taken yet."""
        for posting in event.postings:
            part = posting["account"].removeprefix(self._prefix)
            if part in self._parts:
                self._parts[part] += -posting["amount"] if part in _HELD else posting["amount"]

    def after(self, line: LogLine, moment: Moment) -> HistoryEvent | HistoryOfContract:
        """What a history says of an event."""
        if self._is_contract:
            return HistoryOfContract(line, **self._parts, final=moment.final)
        available, reserved = self._parts["credit"], self._parts["reserved"]
        return HistoryEvent(line, available + reserved, reserved, moment.final)


def held_after(line: Line, event: Event) -> HeldByAccount:
    """What the account of an event holds; the current one, where it is of a prepaid one, or of the number."""
    own = line.at_hand(event.account)
    return HeldByAccount(own if isinstance(own, PostpaidAccount) else line.account)
