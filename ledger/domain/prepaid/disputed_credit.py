"""What a dispute about credit can refer to, and how a correction is made good: credit adjusted as of the record."""

from __future__ import annotations

from ledger.domain.line.dispute_commands import DecideDispute
from ledger.domain.line.disputed_records import events_between
from ledger.domain.line.disputes import Dispute
from ledger.domain.line.line import Line
from ledger.domain.line.product import Disputable, Remedy
from ledger.domain.money import ADJUSTMENTS, IDR, PULSA, transfer
from ledger.domain.prepaid.account import PrepaidAccount
from ledger.domain.prepaid.credit import must_have, must_stay_countable
from ledger.domain.prepaid.events import (
    CreditAdjusted,
    CreditCharged,
    CreditToppedUp,
    CreditTransferReceived,
    CreditTransferReturned,
    CreditTransferSent,
    ReservationCaptured,
    UsageDebited,
)
from ledger.domain.refusals import NotEligible
from ledger.domain.refusals_of_disputes import WrongUnit

DISPUTABLE: Disputable = {
    "top-up": {CreditToppedUp: {PULSA: "credit", IDR: "price"}},
    "charge": {
        UsageDebited: {PULSA: "charge"},
        CreditCharged: {PULSA: "amount"},
        ReservationCaptured: {PULSA: "amount"},
    },
    "transfer": {
        CreditTransferSent: {PULSA: "amount"},
        CreditTransferReceived: {PULSA: "amount"},
        CreditTransferReturned: {PULSA: "amount"},
    },
    "balance": {},
}
_TAKES = (UsageDebited, CreditCharged, ReservationCaptured, CreditTransferSent)
"""Records of credit that went: where they say more, less is left."""


def nothing_more() -> None:
    """What happens beside a correction that is recorded, and no more."""


def adjusted(
    line: Line, account: PrepaidAccount, dispute: Dispute, command: DecideDispute, amount: int
) -> Remedy:
    """Credit adjusted as of the record's instant; once an account is closed for good, nothing moves (SP23-21)."""
    if dispute.unit != PULSA:
        raise WrongUnit(f"credit is kept in {PULSA}")
    if command.lines is not None:
        raise NotEligible("only a bill has lines")
    if account.is_final:
        return Remedy([], moved=False, then=nothing_more)
    first = [
        one for version in dispute.records[:1] for one in events_between(line, account, version, version)
    ]
    taken = isinstance(first[0], _TAKES) if first else dispute.about == "charge"
    credit = amount if dispute.about == "balance" or not taken else -amount
    must_have(account, -credit)
    must_stay_countable(account, credit)

    def then() -> None:
        line.emit(
            CreditAdjusted,
            of=account,
            effective_at=dispute.stood_at,
            postings=transfer(PULSA, ADJUSTMENTS, account.credit_name, credit),
            amount=credit,
            reason=command.reason,
            approved_by=command.approved_by,
        )

    return Remedy([], moved=True, then=then)
