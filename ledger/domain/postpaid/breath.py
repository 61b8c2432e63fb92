"""What happens in the same breath as money that meets bills: fines fall, advance goes on, blocks are lifted."""

from __future__ import annotations

from collections.abc import Iterator

from ledger.domain.events import Draft
from ledger.domain.postpaid.account import PostpaidAccount
from ledger.domain.postpaid.advances import applied
from ledger.domain.postpaid.depositing import applied_after_end
from ledger.domain.postpaid.dunning import lifted
from ledger.domain.postpaid.overdue import cleared
from ledger.domain.postpaid.refunding import refund_ready
from ledger.domain.postpaid.terms import PostpaidTerms
from ledger.domain.postpaid.withdrawing import withdrawn


def may_follow(account: PostpaidAccount) -> bool:
    """Whether there is anything that money, or a bill, could bring about in the same breath."""
    return bool(
        account.lots
        or account.blocks
        or account.told
        or account.withdrawable
        or account.refund_payee is not None
        or (account.deposit and not account.runs)
    )


def after_money(account: PostpaidAccount, at: int, terms: PostpaidTerms) -> Iterator[Draft]:
    """Each applied before the next is asked for; nothing where nothing follows."""
    yield from withdrawn(account, terms)
    yield from applied(account, terms)
    if not account.runs:
        yield from applied_after_end(account, terms)
    yield from lifted(account, terms)
    yield from cleared(account)
    yield from refund_ready(account, at, terms)
