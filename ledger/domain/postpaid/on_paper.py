"""Bills on paper: of one bill, or of each from now on, for the fee that the terms say (SE23-08, XE25-12)."""

from __future__ import annotations

from ledger.domain.line.account import ChangesByEvent
from ledger.domain.line.line import Line
from ledger.domain.money import IDR, revenue, transfer
from ledger.domain.postpaid.account import PostpaidAccount, must_stay_countable
from ledger.domain.postpaid.commands import RequestHardCopy, StopHardCopy
from ledger.domain.postpaid.events import HardCopyRequested, HardCopyStopped
from ledger.domain.postpaid.terms import PostpaidTerms
from ledger.domain.refusals import NotEligible, UnknownBill


def request_hard_copy(line: Line, account: PostpaidAccount, command: RequestHardCopy) -> None:
    """A bill on paper costs the fee now; a standing order, on each bill, or once and now, as the terms say."""
    rule = line.book.of(PostpaidTerms, account.terms).billing
    now, each = rule.hard_copy_fee, 0
    if command.bill is not None:
        if account.bill(command.bill) is None:
            raise UnknownBill(command.bill)
    elif account.hard_copy_fee is not None:
        raise NotEligible("a standing order is there already")
    elif rule.hard_copy == "per_bill":
        now, each = 0, rule.hard_copy_fee
    must_stay_countable(account, now)
    line.emit(
        HardCopyRequested,
        clause=rule.clause,
        postings=transfer(IDR, revenue("fees"), account.name("unbilled"), now),
        bill=command.bill,
        fee=now,
        fee_per_bill=each,
    )


def stop_hard_copy(line: Line, account: PostpaidAccount, command: StopHardCopy) -> None:
    """No bill comes on paper any more."""
    if account.hard_copy_fee is None:
        raise NotEligible("there is no standing order")
    line.emit(HardCopyStopped, clause=line.book.of(PostpaidTerms, account.terms).billing.clause)


def _requested(account: PostpaidAccount, event: HardCopyRequested, _: PostpaidTerms) -> None:
    if event.fee:
        account.charge("fees", event.fee)
    if event.bill is None:
        account.hard_copy_fee = event.fee_per_bill


def _stopped(account: PostpaidAccount, _: HardCopyStopped, __: PostpaidTerms) -> None:
    account.hard_copy_fee = None


CHANGES: ChangesByEvent = {HardCopyRequested: _requested, HardCopyStopped: _stopped}
