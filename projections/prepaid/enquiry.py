"""An enquiry: what a number's account holds, in which state it is and until when, what is blocked and what was used."""

from __future__ import annotations

from dataclasses import dataclass

from ledger.domain.calendar import Instant
from ledger.domain.money import Sen
from ledger.domain.prepaid.account import PrepaidAccount
from ledger.domain.prepaid.forfeiture import lost_by_top_up
from projections.engine.answers import Answer
from projections.engine.unanswered import unknown
from projections.line.lines_as_of import BlockAnswer, LineAsOf, UsageAnswer
from projections.money.ledger_accounts import Balance, CustomersPart, LedgerAccount


@dataclass(frozen=True, slots=True)
class Enquiry(Answer):
    """One account as of an instant, as it was known at another. Amounts in sen; `credit` includes `reserved`.

    `forfeited_by_top_up` is what the next top-up would take, which ends a waiting period (SP23-20).

    The ends of grace and waiting are None as long as the period has not begun.
    """

    msisdn: str
    account: str
    product: str
    terms: str
    terms_digest: str
    state: str
    credit: Sen
    reserved: Sen
    available: Sen
    forfeited_by_top_up: Sen
    active_until: Instant | None
    grace_until: Instant | None
    waiting_until: Instant | None
    blocks: tuple[BlockAnswer, ...]
    usage: UsageAnswer
    as_of: Instant
    known_at: Instant
    final: bool
    position: str


def of_credit(line: LineAsOf, account: PrepaidAccount) -> Enquiry:
    """The enquiry of a prepaid account of a number that is folded already."""
    return Enquiry(
        line.line.msisdn,
        account.id,
        account.PRODUCT,
        account.terms,
        line.line.book.digest(account.terms),
        account.state,
        account.credit,
        account.reserved,
        account.available,
        lost_by_top_up(account),
        account.active_until,
        account.grace_until,
        account.waiting_until,
        BlockAnswer.of(account),
        UsageAnswer.of(account),
        *line.moment,
        line.position,
    )


def balance_of(line: LineAsOf, asked: LedgerAccount, customer: CustomersPart) -> Balance:
    """The balance of `…/credit` or `…/reserved` as the number that is folded already has it. Raises UnknownThen."""
    account = line.accounts.get(customer.account)
    if not isinstance(account, PrepaidAccount):
        raise unknown(customer.account, line.moment)
    amount = account.reserved if customer.part == "reserved" else account.available
    return Balance(asked.name, asked.unit, amount, *line.moment, line.position)
