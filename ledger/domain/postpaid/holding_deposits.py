"""A deposit received, and set against what is owed when that is asked for (SE23-15, XE25-05)."""

from __future__ import annotations

from ledger.domain.line.line import Line
from ledger.domain.money import CASH, IDR, format_amount, transfer
from ledger.domain.postpaid.account import PostpaidAccount, must_stay_countable
from ledger.domain.postpaid.advances import must_keep_advance
from ledger.domain.postpaid.breath import after_money
from ledger.domain.postpaid.commands import ApplyDeposit, ReceiveDeposit
from ledger.domain.postpaid.contents import content_of, must_be_new
from ledger.domain.postpaid.depositing import ASKED, set_against
from ledger.domain.postpaid.events_of_payments import DepositReceived
from ledger.domain.postpaid.terms import PostpaidTerms
from ledger.domain.refusals import AboveMaximum, ConsentRequired, NotEligible

CONSENT = "deposit"
"""What a customer consents to who lets the deposit be set against bills (XE25-05)."""


def receive_deposit(line: Line, account: PostpaidAccount, command: ReceiveDeposit) -> None:
    """A deposit whose money is good; it is never reversed."""
    terms = line.book.of(PostpaidTerms, account.terms)
    content = content_of(command.deposit, command.amount, command.purpose, command.payer)
    must_be_new(line, account.id, "deposit", command.deposit, content)
    must_stay_countable(account, command.amount)
    line.emit(
        DepositReceived,
        of=account,
        clause=terms.deposit.clause,
        postings=transfer(IDR, account.name("deposit"), CASH, command.amount),
        deposit=command.deposit,
        amount=command.amount,
        purpose=command.purpose,
        payer=command.payer,
        content=content,
    )


def apply_deposit(line: Line, account: PostpaidAccount, command: ApplyDeposit) -> None:
    """Sets the deposit against what is owed, as the operator decides or the customer has consented."""
    terms = line.book.of(PostpaidTerms, account.terms)
    if terms.deposit.apply == "consent" and CONSENT not in account.consents:
        raise ConsentRequired
    owed = account.billed if terms.deposit.covers == "billed" else max(0, account.owed)
    most = min(owed, account.deposit)
    if not most:
        raise NotEligible("nothing is owed that it covers" if account.deposit else "none is held")
    amount = most if command.amount is None else command.amount
    if amount > most:
        raise AboveMaximum(f"at most {format_amount(most)}")
    if amount > account.billed:
        must_keep_advance(account)
    line.emit_each([set_against(account, amount, ASKED, command.decided_by, terms)], of=account)
    line.emit_each(after_money(account, line.cause.at, terms), of=account)
