"""An enquiry: what a number's account holds, in which state it is and until when, what is blocked and what was used."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ledger.domain.calendar import Instant
from ledger.domain.money import Sen
from ledger.domain.prepaid.account import PrepaidAccount
from projections.engine.answers import Answer
from projections.engine.unanswered import unknown
from projections.line.asked_number import AskedNumber
from projections.line.lines_as_of import LineAsOf
from projections.money.ledger_accounts import Balance, CustomersPart, LedgerAccount

if TYPE_CHECKING:
    from projections.engine.snapshot import Snapshot  # slow to import


@dataclass(frozen=True, slots=True)
class BlockAnswer(Answer):
    """A block that stands since an instant."""

    block: str
    scope: str
    ground: str
    since: Instant


@dataclass(frozen=True, slots=True)
class UsageAnswer(Answer):
    """An account's granted outgoing use of its whole life; `charged` in sen."""

    voice_seconds: int
    sms: int
    data_bytes: int
    charged: Sen


@dataclass(frozen=True, slots=True)
class Enquiry(Answer):
    """One account as of an instant, as it was known at another. Amounts in sen; `credit` includes `reserved`.

    The ends of grace and waiting are None as long as the period has not begun.
    """

    msisdn: str
    account: str
    terms: str
    terms_digest: str
    state: str
    credit: Sen
    reserved: Sen
    available: Sen
    active_until: Instant | None
    grace_until: Instant | None
    waiting_until: Instant | None
    blocks: tuple[BlockAnswer, ...]
    usage: UsageAnswer
    as_of: Instant
    known_at: Instant
    final: bool
    position: str


def enquiry(then: Snapshot, asked: AskedNumber) -> Enquiry:
    """A number's current account, or the one that is named. Raises UnknownThen."""
    from projections.line.lines_projected import lines  # slow to import

    for line in lines(then, [asked.msisdn]):
        return enquiry_of(line, asked)
    raise then.unknown(asked.named)


def enquiry_of(line: LineAsOf, asked: AskedNumber) -> Enquiry:
    """The same of a number that is folded already."""
    account = line.current if asked.account is None else line.accounts.get(asked.account)
    if account is None:
        raise unknown(asked.named, line.moment)
    return _answered(line, account)


def enquiries(then: Snapshot) -> Iterator[Enquiry]:
    """The current account of every number that had one then. Raises BeforeTheLog."""
    from projections.line.lines_projected import every_line  # slow to import

    then.whole()
    for line in every_line(then):
        if line.current is not None:
            yield _answered(line, line.current)


def _answered(line: LineAsOf, account: PrepaidAccount) -> Enquiry:
    usage = account.usage
    return Enquiry(
        line.line.msisdn,
        account.id,
        account.terms,
        line.line.book.digest(account.terms),
        account.state,
        account.credit,
        account.reserved,
        account.available,
        account.active_until,
        account.grace_until,
        account.waiting_until,
        tuple(BlockAnswer(b.block, b.scope, b.ground, b.since) for b in account.blocks.values()),
        UsageAnswer(usage.voice, usage.sms, usage.data, usage.charged),
        *line.moment,
        line.position,
    )


def balance_of(line: LineAsOf, asked: LedgerAccount, customer: CustomersPart) -> Balance:
    """The balance of `…/credit` or `…/reserved` as the number that is folded already has it. Raises UnknownThen."""
    account = line.accounts.get(customer.account)
    if account is None:
        raise unknown(customer.account, line.moment)
    amount = account.reserved if customer.part == "reserved" else account.available
    return Balance(asked.name, asked.unit, amount, *line.moment, line.position)
