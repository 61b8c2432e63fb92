"""An enquiry: what an account holds or owes, its state, what is blocked and used, as its product tells it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ledger.domain.postpaid.account import PostpaidAccount
from projections.engine.unanswered import unknown
from projections.line.asked_number import AskedNumber
from projections.line.lines_as_of import AccountOfProduct, LineAsOf
from projections.postpaid.contract_enquiry import ClosingAmount, ContractEnquiry, closing_of, of_contract
from projections.prepaid.enquiry import Enquiry, of_credit

if TYPE_CHECKING:
    from projections.engine.snapshot import Snapshot  # slow to import

AnyEnquiry = Enquiry | ContractEnquiry


def closing(then: Snapshot, asked: AskedNumber) -> ClosingAmount:
    """What leaving would cost the current account's customer, or that of the one named. Raises UnknownThen."""
    from projections.line.lines_projected import lines  # slow to import

    for line in lines(then, [asked.msisdn]):
        return closing_of(line, _account(line, asked))
    raise then.unknown(asked.named)


def enquiry(then: Snapshot, asked: AskedNumber) -> AnyEnquiry:
    """A number's current account, or the one that is named. Raises UnknownThen."""
    from projections.line.lines_projected import lines  # slow to import

    for line in lines(then, [asked.msisdn]):
        return enquiry_of(line, asked)
    raise then.unknown(asked.named)


def enquiry_of(line: LineAsOf, asked: AskedNumber) -> AnyEnquiry:
    """The same of a number that is folded already."""
    return _answered(line, _account(line, asked))


def _account(line: LineAsOf, asked: AskedNumber) -> AccountOfProduct:
    account = line.current if asked.account is None else line.accounts.get(asked.account)
    if account is None:
        raise unknown(asked.named, line.moment)
    return account


def enquiries(then: Snapshot) -> Iterator[AnyEnquiry]:
    """Of every number that had one, the accounts whose time goes on, and the last. Raises BeforeTheLog."""
    from projections.line.lines_projected import every_line  # slow to import

    then.whole()
    for line in every_line(then):
        for account in line.accounts.values():
            lives_on = isinstance(account, PostpaidAccount) and not account.is_settled
            if lives_on or account is line.current:
                yield _answered(line, account)


def _answered(line: LineAsOf, account: AccountOfProduct) -> AnyEnquiry:
    if isinstance(account, PostpaidAccount):
        return of_contract(line, account)
    return of_credit(line, account)
