"""Credit sent to another number: it leaves one account, and arrives at the other or comes back."""

from __future__ import annotations

from ledger.domain.calendar import DAY, day_number
from ledger.domain.line.line import Line
from ledger.domain.money import BREAKAGE, FEES, PULSA, Posting, format_amount, transfer
from ledger.domain.prepaid.account import WAITING, PrepaidAccount
from ledger.domain.prepaid.commands import ReceiveCreditTransfer, ReturnCreditTransfer, TransferCredit
from ledger.domain.prepaid.credit import must_be_free_to_spend, must_have, must_stay_countable
from ledger.domain.prepaid.events import CreditTransferReceived, CreditTransferReturned, CreditTransferSent
from ledger.domain.prepaid.terms import CreditTransfer, PrepaidTerms
from ledger.domain.prepaid.topping_up import new_end
from ledger.domain.refusals import (
    AboveMaximum,
    BelowMinimum,
    InWaiting,
    LimitReached,
    MustKeepMinimum,
    NotEligible,
)


def transfer_credit(line: Line, account: PrepaidAccount, command: TransferCredit) -> None:
    """Amount and fee leave the sender, by the sender's terms; the amount is in transit."""
    if command.to_msisdn == account.msisdn:
        raise NotEligible("to itself")
    must_be_free_to_spend(account)
    terms, at = line.book.of(PrepaidTerms, account.terms), line.cause.at
    rule = terms.credit_transfer
    if rule is None:
        raise NotEligible("the terms have no credit transfer")
    if command.amount < rule.minimum:
        raise BelowMinimum(f"at least {format_amount(rule.minimum)}")
    band = terms.band_of(command.amount)
    if band is None:
        raise AboveMaximum(f"at most {format_amount(rule.bands[-1].up_to)}")
    day = day_number(terms.zone.day(at))
    _must_be_within_limits(account, rule, command.amount, day, at)
    must_have(account, command.amount + band.fee)
    if account.available - command.amount - band.fee < rule.sender_keeps:
        raise MustKeepMinimum(format_amount(rule.sender_keeps))
    postings: list[Posting] = [
        {"account": account.credit_name, "unit": PULSA, "amount": -command.amount - band.fee},
        {"account": f"{account.id}/in-transit", "unit": PULSA, "amount": command.amount},
    ]
    if band.fee:
        postings.append({"account": FEES, "unit": PULSA, "amount": band.fee})
    line.emit(
        CreditTransferSent,
        clause=rule.clause,
        postings=postings,
        transfer=f"{account.id}/{command.command_id}",
        to_msisdn=command.to_msisdn,
        amount=command.amount,
        fee=band.fee,
        days=band.days,
        day=day,
    )


def _must_be_within_limits(
    account: PrepaidAccount, rule: CreditTransfer, amount: int, day: int, at: int
) -> None:
    if rule.multiple_of and amount % rule.multiple_of:
        raise NotEligible(f"only multiples of {format_amount(rule.multiple_of)}")
    if at - (account.activated_at or at) < rule.days_on_network * DAY:
        raise NotEligible(f"after {rule.days_on_network} days on the network")
    same_day = account.sent_on == day
    count = account.sent_count if same_day else 0
    sent = account.sent_amount if same_day else 0
    if rule.daily_count is not None and count >= rule.daily_count:
        raise LimitReached(f"{rule.daily_count} transfers a day")
    if rule.daily_amount is not None and sent + amount > rule.daily_amount:
        raise LimitReached(f"{format_amount(rule.daily_amount)} a day")


def receive_credit_transfer(line: Line, account: PrepaidAccount, command: ReceiveCreditTransfer) -> None:
    """It arrives, and moves the recipient's validity by its days, under the recipient's extension rule."""
    if account.state == WAITING:
        raise InWaiting
    must_stay_countable(account, command.amount)
    terms, at = line.book.of(PrepaidTerms, account.terms), line.cause.at
    days = command.days if terms.has_validity else 0
    cap_days = terms.cap_days(at)
    active_until = new_end(account, terms, at, days, cap_days) if days else account.active_until
    rule = terms.credit_transfer
    line.emit(
        CreditTransferReceived,
        clause=rule.clause if rule else None,
        postings=transfer(PULSA, f"{command.from_account}/in-transit", account.credit_name, command.amount),
        transfer=command.transfer,
        from_account=command.from_account,
        amount=command.amount,
        days=days,
        extension=terms.top_up.extension if days else None,
        cap_days=cap_days,
        active_until=active_until,
    )


def return_credit_transfer(line: Line, account: PrepaidAccount, command: ReturnCreditTransfer) -> None:
    """It comes back, fee included, to the account that sent it; to breakage where that is closed meanwhile."""
    both = command.amount + command.fee
    to_breakage = account.is_final
    postings: list[Posting] = [
        {"account": f"{account.id}/in-transit", "unit": PULSA, "amount": -command.amount},
        {"account": BREAKAGE if to_breakage else account.credit_name, "unit": PULSA, "amount": both},
    ]
    if command.fee:
        postings.insert(1, {"account": FEES, "unit": PULSA, "amount": -command.fee})
    rule = line.book.of(PrepaidTerms, account.terms).credit_transfer
    line.emit(
        CreditTransferReturned,
        of=account,
        clause=rule.clause if rule else None,
        postings=postings,
        transfer=command.transfer,
        to_msisdn=command.to_msisdn,
        amount=command.amount,
        fee=command.fee,
        refusal=command.refusal,
        to_breakage=to_breakage,
    )
