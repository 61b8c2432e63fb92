"""The prepaid product of a line: what its states take, what falls due, and how it is paid for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

from ledger.domain.commands import Command
from ledger.domain.events import Draft, Event
from ledger.domain.kinds import those_of
from ledger.domain.line.account import TERMINATED
from ledger.domain.line.commands import RecordUsage, Terminate
from ledger.domain.line.dispute_commands import DecideDispute
from ledger.domain.line.disputes import Dispute
from ledger.domain.line.line import Line
from ledger.domain.line.product import OfNumbers, Product, Remedy, RulesByCommand, register
from ledger.domain.money import FEES, PULSA, USAGE, Posting, transfer
from ledger.domain.prepaid import commands, disputed_credit, events, following
from ledger.domain.prepaid.account import (
    DEACTIVATED,
    EXPIRED,
    FINAL,
    GRACE,
    INACTIVE,
    PREPAID,
    WAITING,
    PrepaidAccount,
)
from ledger.domain.prepaid.commands import (
    Activate,
    AdjustCredit,
    CaptureReservation,
    ChargeCredit,
    IssueStarterPack,
    ReceiveCreditTransfer,
    ReclaimNumber,
    ReleaseReservation,
    ReserveCredit,
    ReturnCreditTransfer,
    ReverseTopUp,
    TopUp,
    TransferCredit,
)
from ledger.domain.prepaid.credit import adjust_credit, charge_credit, must_have
from ledger.domain.prepaid.events import UsageDebited
from ledger.domain.prepaid.falling_due import falls_due, next_due
from ledger.domain.prepaid.forfeiture import forfeited
from ledger.domain.prepaid.reclaiming import reclaim_number
from ledger.domain.prepaid.reservations import (
    by_expiry,
    capture_reservation,
    release_reservation,
    released,
    reserve_credit,
)
from ledger.domain.prepaid.starter_packs import activate, issue_starter_pack
from ledger.domain.prepaid.terms import PrepaidTerms
from ledger.domain.prepaid.topping_up import reverse_top_up, top_up
from ledger.domain.prepaid.transferring_credit import (
    receive_credit_transfer,
    return_credit_transfer,
    transfer_credit,
)
from ledger.domain.refusals import (
    AccountDeactivated,
    AccountExpired,
    AccountTerminated,
    InGrace,
    InsufficientCredit,
    InWaiting,
    NotActive,
    PackExpired,
    Refusal,
)
from ledger.domain.terms_book import TermsBook

_CLOSED: dict[str, type[Refusal]] = {
    EXPIRED: AccountExpired,
    DEACTIVATED: AccountDeactivated,
    TERMINATED: AccountTerminated,
}
_NO_USE = _CLOSED | {INACTIVE: NotActive, WAITING: InWaiting}
_BEFORE_ACTIVATION = (Activate, Terminate, ReturnCreditTransfer)


class Prepaid(Product[PrepaidAccount]):
    """Credit bought beforehand, with its validity."""

    name = PREPAID
    account = PrepaidAccount
    terms = PrepaidTerms
    rules: ClassVar[RulesByCommand] = {
        Activate: activate,
        TopUp: top_up,
        ReverseTopUp: reverse_top_up,
        ChargeCredit: charge_credit,
        AdjustCredit: adjust_credit,
        ReserveCredit: reserve_credit,
        CaptureReservation: capture_reservation,
        ReleaseReservation: release_reservation,
        TransferCredit: transfer_credit,
        ReceiveCreditTransfer: receive_credit_transfer,
        ReturnCreditTransfer: return_credit_transfer,
    }
    openings: ClassVar[OfNumbers] = {
        IssueStarterPack: issue_starter_pack,
        ReclaimNumber: reclaim_number,
    }
    commands = those_of(Command, commands)
    events = those_of(Event, events)
    follows = following.FOLLOWS
    returns = following.RETURNS
    ended = following.ENDED
    relations = following.RELATIONS
    forms = following.FORMS
    too_little = InsufficientCredit
    disputable = disputed_credit.DISPUTABLE
    disputed_units = (PULSA,)
    balance_parts: ClassVar[Mapping[str, Sequence[str]]] = {PULSA: ("credit", "reserved")}

    def due_at(self, account: PrepaidAccount, book: TermsBook) -> int:
        """The end of the period that runs, or of a reservation before it."""
        return next_due(account)

    def falls_due(self, account: PrepaidAccount, at: int, book: TermsBook) -> Iterator[Draft]:
        """Releases, forfeiture, then the account's next state."""
        return falls_due(account, at, book.of(PrepaidTerms, account.terms))

    def must_take(self, account: PrepaidAccount, command: Command) -> None:
        """A final state takes nothing but use, as of its own time, and credit that comes back; inactive, little."""
        state = account.state
        if state in FINAL:
            if isinstance(command, RecordUsage | ReturnCreditTransfer):
                return
            if isinstance(command, Activate) and state == EXPIRED:
                raise PackExpired
            raise _CLOSED[state]
        if state == INACTIVE and not isinstance(command, _BEFORE_ACTIVATION):
            raise NotActive

    def fees(self, account: PrepaidAccount, amounts: Sequence[int]) -> list[Posting]:
        """From the credit, all or nothing."""
        must_have(account, sum(amounts))
        return [p for amount in amounts for p in transfer(PULSA, account.credit_name, FEES, amount)]

    def before_end(
        self, account: PrepaidAccount, at: int, book: TermsBook, clause: str | None
    ) -> Iterator[Draft]:
        """Reservations are released, and the credit left is forfeited."""
        for name, _ in by_expiry(account):
            yield released(account, name, "terminated")
        yield from forfeited(account, "terminated", clause)

    def must_allow_use(self, state: str, *, free: bool) -> None:
        """In grace nothing that costs (SP23-17), in waiting and at the end nothing at all."""
        refusal = _NO_USE.get(state)
        if refusal is not None:
            raise refusal
        if state == GRACE and not free:
            raise InGrace

    def spendable(self, account: PrepaidAccount) -> int:
        """The credit that is not reserved."""
        return account.available

    def charge(self, account: PrepaidAccount, amount: int) -> tuple[type[Event], list[Posting]]:
        """From the credit."""
        return UsageDebited, transfer(PULSA, f"{account.id}/credit", USAGE, amount)

    def held(self, account: PrepaidAccount, unit: str) -> int:
        """All credit, what is reserved included."""
        return account.credit

    def remedy(
        self, line: Line, account: PrepaidAccount, dispute: Dispute, command: DecideDispute, amount: int
    ) -> Remedy:
        """Credit adjusted as of the record."""
        return disputed_credit.adjusted(line, account, dispute, command, amount)


register(Prepaid())
