"""The last of an account: settled once nothing is owed or held, and nothing can come any more (SE23-25)."""

from __future__ import annotations

from collections.abc import Iterator

from ledger.domain.calendar import NEVER
from ledger.domain.events import Draft
from ledger.domain.line.account import ChangesByEvent
from ledger.domain.line.disputes import open_disputes
from ledger.domain.postpaid.account import SETTLED, PostpaidAccount
from ledger.domain.postpaid.dunning import lifted
from ledger.domain.postpaid.events import AccountSettled
from ledger.domain.postpaid.terms import PostpaidTerms


def next_settling(account: PostpaidAccount, terms: PostpaidTerms) -> int:
    """The first 00:00 at which late use, roaming window and reversals have run out.

    NEVER while anything is left, or a dispute is open.
    """
    left = (account.unbilled, account.billed, account.pending, account.advance, account.deposit)
    if account.closed_at is None or any(left) or any(lifted(account, terms)) or open_disputes(account):
        return NEVER
    ended = account.closed_at
    out = max(ended + terms.late_window, account.last_settled_at + terms.reversal_window + 1)
    if terms.roaming.window_months is not None:
        zone = terms.zone
        last = zone.plus_months(zone.midnight(zone.day(ended)), terms.roaming.window_months)
        out = max(out, zone.end_of_days(last, 0))
    return terms.zone.next_midnight(max(out, account.seen_until))


def settled_at(account: PostpaidAccount, at: int, terms: PostpaidTerms) -> Iterator[Draft]:
    """The account is settled."""
    if next_settling(account, terms) == at:
        own = {"customer": account.holder}
        yield Draft(AccountSettled, terms.clauses.obligations_go_on, [], own)


def what_holds_the_holder(account: PostpaidAccount) -> list[str]:
    """What stands in the way of forgetting the holder: debts, what is held, a case, or that more may still come."""
    found = {
        "debt": account.unbilled or account.billed,
        "payment-pending": account.pending,
        "advance-held": account.advance,
        "deposit-held": account.deposit,
        "legal-hold": account.legal_hold,
        "not-settled": account.closed_at is not None and not account.is_settled,
    }
    return [code for code, stands in found.items() if stands]


def _account_settled(account: PostpaidAccount, event: AccountSettled, _: PostpaidTerms) -> None:
    account.enter(SETTLED, event.effective_at)


CHANGES: ChangesByEvent = {AccountSettled: _account_settled}
