"""Use, paid for afterwards: it takes of the credit limit, and the next bill carries it (SE23-01, SE23-06)."""

from __future__ import annotations

from ledger.domain.events import Event
from ledger.domain.line.account import TERMINATED, ChangesByEvent, count_charge
from ledger.domain.line.events import CardReplaced
from ledger.domain.money import IDR, Posting, revenue, transfer
from ledger.domain.postpaid.account import SETTLED, PostpaidAccount
from ledger.domain.postpaid.events import UsageCharged
from ledger.domain.postpaid.terms import PostpaidTerms
from ledger.domain.refusals import AccountSettledAlready, AccountTerminated, Refusal

CLOSED: dict[str, type[Refusal]] = {TERMINATED: AccountTerminated, SETTLED: AccountSettledAlready}
"""The refusal of each state after the end."""


def spendable(account: PostpaidAccount) -> int:
    """Sen that use may cost: none below zero, so that use at no price is never refused for it."""
    return max(0, account.headroom)


def charged(account: PostpaidAccount, amount: int) -> tuple[type[Event], list[Posting]]:
    """By which event, and with which postings, a use is charged."""
    return UsageCharged, charge_of(account, "usage", amount)


def charge_of(account: PostpaidAccount, kind: str, amount: int) -> list[Posting]:
    """The postings of something that the next bill carries."""
    return transfer(IDR, revenue(kind), account.name("unbilled"), amount)


# --- what it changes ------------------------------------------------------------------------------------------------


def _usage_charged(account: PostpaidAccount, event: UsageCharged, terms: PostpaidTerms) -> None:
    count_charge(account, event, terms)
    account.charge("usage", event.charge)


def _card_replaced(account: PostpaidAccount, event: CardReplaced, _: PostpaidTerms) -> None:
    account.charge("fees", sum(fee["amount"] for fee in event.fees))


CHANGES: ChangesByEvent = {UsageCharged: _usage_charged, CardReplaced: _card_replaced}
