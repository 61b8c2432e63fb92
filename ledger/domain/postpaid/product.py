"""The postpaid product of a line: what its states take, what falls due, and how use is charged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

from ledger.domain.commands import Command
from ledger.domain.events import Draft, Event
from ledger.domain.kinds import Follows, those_of
from ledger.domain.line.account import SHARED_CHANGES, StandingBlock
from ledger.domain.line.commands import Block, DecideRightsTransfer, MigrateTerms, RecordUsage, Terminate
from ledger.domain.line.dispute_commands import DecideDispute
from ledger.domain.line.disputes import Dispute
from ledger.domain.line.line import Line
from ledger.domain.line.product import OfNumbers, Product, Remedy, RulesByCommand, register
from ledger.domain.money import IDR, Posting
from ledger.domain.postpaid import (
    advances,
    billing,
    blocking_contracts,
    changing_plan,
    commands,
    contracts,
    crediting,
    debiting,
    depositing,
    disputed_debts,
    events,
    events_of_bills,
    events_of_payments,
    following,
    holding_deposits,
    leaving,
    moving_on,
    noting,
    on_paper,
    overdue,
    paying,
    probation,
    refunding,
    roaming,
    settling,
    suspending,
    suspense_following,
    unsubscribing,
    using,
    withdrawing,
)
from ledger.domain.postpaid.account import POSTPAID, SETTLED, PostpaidAccount
from ledger.domain.postpaid.commands import (
    AccountCommand,
    ActivateRoaming,
    ApplyDeposit,
    AssignSuspense,
    ChangePackage,
    ChargeCollectionCost,
    ConfirmRefundRequirements,
    DeactivateRoaming,
    FailPayment,
    IssueCreditNote,
    IssueDebitNote,
    LiftLegalHold,
    OpenContract,
    PayDepositRefund,
    ReceiveDeposit,
    ReceivePayment,
    RecordRoaming,
    RecordVerification,
    RefundAdvance,
    RemoveAutoDebit,
    ReopenSuspense,
    RequestDepositRefund,
    RequestHardCopy,
    RequestUnsubscribe,
    ReturnSuspense,
    ReversePayment,
    SetAutoDebit,
    SetCreditLimit,
    SetLegalHold,
    SettlePayment,
    StopHardCopy,
    TakeSuspense,
    UpdateService,
    WaiveFine,
    WriteOff,
)
from ledger.domain.postpaid.order_of_instants import in_order, next_instant
from ledger.domain.postpaid.terms import PostpaidTerms
from ledger.domain.postpaid.using import CLOSED
from ledger.domain.refusals import OverLimit
from ledger.domain.terms import AccountTerms
from ledger.domain.terms_book import TermsBook


class Postpaid(Product[PostpaidAccount]):
    """Use that is billed cycle by cycle, and paid for afterwards."""

    name = POSTPAID
    account = PostpaidAccount
    terms = PostpaidTerms
    lives_on = True
    rules: ClassVar[RulesByCommand] = {
        SettlePayment: paying.settle_payment,
        FailPayment: paying.fail_payment,
        ReversePayment: paying.reverse_payment,
        RefundAdvance: refunding.refund_advance,
        IssueCreditNote: noting.issue_credit_note,
        IssueDebitNote: noting.issue_debit_note,
        WaiveFine: noting.waive_fine,
        ChargeCollectionCost: noting.charge_collection_cost,
        WriteOff: noting.write_off,
        ReceiveDeposit: holding_deposits.receive_deposit,
        ApplyDeposit: holding_deposits.apply_deposit,
        RequestDepositRefund: refunding.request_deposit_refund,
        ConfirmRefundRequirements: refunding.confirm_refund_requirements,
        PayDepositRefund: refunding.pay_deposit_refund,
        SetLegalHold: refunding.set_legal_hold,
        LiftLegalHold: refunding.lift_legal_hold,
        RequestUnsubscribe: unsubscribing.request_unsubscribe,
        Terminate: unsubscribing.terminate,
        Block: blocking_contracts.block_contract,
        MigrateTerms: moving_on.migrate_contract,
        DecideRightsTransfer: moving_on.decide_contracts_transfer,
        ActivateRoaming: roaming.activate_roaming,
        DeactivateRoaming: roaming.deactivate_roaming,
        RecordRoaming: roaming.record_roaming,
        RecordVerification: probation.record_verification,
        ChangePackage: changing_plan.change_package,
        UpdateService: changing_plan.update_service,
        SetCreditLimit: changing_plan.set_credit_limit,
        RequestHardCopy: on_paper.request_hard_copy,
        StopHardCopy: on_paper.stop_hard_copy,
        SetAutoDebit: debiting.set_auto_debit,
        RemoveAutoDebit: debiting.remove_auto_debit,
    }
    openings: ClassVar[OfNumbers] = {OpenContract: contracts.open_contract}
    of_numbers: ClassVar[OfNumbers] = {
        ReceivePayment: suspending.receive_or_suspend,
        AssignSuspense: suspending.assign_suspense,
        ReturnSuspense: suspending.return_suspense,
        TakeSuspense: suspending.take_suspense,
        ReopenSuspense: suspending.reopen_suspense,
    }
    commands = tuple(one for one in those_of(Command, commands) if one is not AccountCommand)
    events = those_of(Event, events, events_of_bills, events_of_payments)
    follows: ClassVar[Follows] = {**following.FOLLOWS, **suspense_following.FOLLOWS}
    returns = suspense_following.RETURNS
    ended = suspense_following.ENDED
    relations = suspense_following.RELATIONS
    forms = suspense_following.FORMS
    too_little = OverLimit
    disputable = disputed_debts.DISPUTABLE
    disputed_units = (IDR,)
    balance_parts: ClassVar[Mapping[str, Sequence[str]]] = {IDR: ("unbilled", "billed", "advance")}

    def due_at(self, account: PostpaidAccount, book: TermsBook) -> int:
        """The next boundary, due end, step, or end of a window."""
        return next_instant(account, book.of(PostpaidTerms, account.terms))

    def falls_due(self, account: PostpaidAccount, at: int, book: TermsBook) -> Iterator[Draft]:
        """All that is due then, in the order of one instant."""
        return in_order(account, at, book.of(PostpaidTerms, account.terms))

    def must_take(self, account: PostpaidAccount, command: Command) -> None:
        """After the end it takes what has to do with debts and what is held; once settled, nothing (SE23-25)."""
        if account.runs or isinstance(command, RecordUsage):
            return
        if account.state == SETTLED and account.advance and isinstance(command, RefundAdvance):
            return  # a correction since has left something to be paid out
        if account.state == SETTLED or not isinstance(command, AccountCommand):
            raise CLOSED[account.state]

    def fees(self, account: PostpaidAccount, amounts: Sequence[int]) -> list[Posting]:
        """The next bill carries them."""
        return [p for amount in amounts for p in using.charge_of(account, "fees", amount)]

    def before_end(
        self, account: PostpaidAccount, at: int, book: TermsBook, clause: str | None
    ) -> Iterator[Draft]:
        """The final bill, and what advance and deposit meet of it."""
        return leaving.before_end(account, at, book.of(PostpaidTerms, account.terms))

    def objections(self, account: PostpaidAccount) -> list[str]:
        """What is owed, or held for the holder; a legal case; that something may still come."""
        return settling.what_holds_the_holder(account)

    def end_for_holder(
        self, account: PostpaidAccount, at: int, book: TermsBook, clause: str | None
    ) -> Iterator[Draft]:
        """As the customer's own end, but whatever is owed, and without the gallery."""
        return unsubscribing.ended_for_withdrawal(account, at, book.of(PostpaidTerms, account.terms))

    def must_allow_use(self, state: str, *, free: bool) -> None:
        """After the end nothing at all."""
        refusal = CLOSED.get(state)
        if refusal is not None:
            raise refusal

    def bars(self, block: StandingBlock, terms: AccountTerms) -> bool:
        """Once the card is blocked as lost, no use is the customer's, where the terms say so (XE25-10)."""
        until_blocked = isinstance(terms, PostpaidTerms) and terms.lost_card.use == "until-blocked"
        return until_blocked and block.ground == roaming.LOST_OR_STOLEN

    def plan_at(self, account: PostpaidAccount, instant: int) -> str | None:
        """That of the time of use."""
        return account.plan_at(instant)

    def spendable(self, account: PostpaidAccount) -> int:
        """What is left of the limit."""
        return using.spendable(account)

    def charge(self, account: PostpaidAccount, amount: int) -> tuple[type[Event], list[Posting]]:
        """The next bill carries it."""
        return using.charged(account, amount)

    def held(self, account: PostpaidAccount, unit: str) -> int:
        """What is owed."""
        return account.owed

    def document(self, account: PostpaidAccount, id_: str) -> int | None:
        """When a bill was issued."""
        bill = account.bill(id_)
        return None if bill is None else bill.issued_at

    def clause_of_disputes(self, terms: AccountTerms) -> str | None:
        """The clause by which the system record prevails: that of notes, where terms have none of their own."""
        own = terms.clauses.disputes
        return terms.clauses.notes if own is None and isinstance(terms, PostpaidTerms) else own

    def must_override(self, dispute: Dispute, records: Sequence[Event]) -> None:
        """Of use abroad only what the system has recorded itself prevails."""
        disputed_debts.must_override(dispute, records)

    def matched_use(self, event: Event, unit: str) -> str | None:
        """The use that a partner's record was matched with."""
        return disputed_debts.matched_use(event, unit)

    def remedy(
        self, line: Line, account: PostpaidAccount, dispute: Dispute, command: DecideDispute, amount: int
    ) -> Remedy:
        """A note about the bill, or a charge that the next bill carries no more."""
        return disputed_debts.remedy_of_debt(line, account, dispute, command, amount)


PostpaidAccount.CHANGES = {
    **SHARED_CHANGES,
    **contracts.CHANGES,
    **using.CHANGES,
    **billing.CHANGES,
    **advances.CHANGES,
    **changing_plan.CHANGES,
    **overdue.CHANGES,
    **paying.CHANGES,
    **withdrawing.CHANGES,
    **crediting.CHANGES,
    **depositing.CHANGES,
    **debiting.CHANGES,
    **on_paper.CHANGES,
    **probation.CHANGES,
    **roaming.CHANGES,
    **leaving.CHANGES,
    **moving_on.CHANGES,
    **noting.CHANGES,
    **refunding.CHANGES,
    **unsubscribing.CHANGES,
    **settling.CHANGES,
    **disputed_debts.CHANGES,
}

register(Postpaid())
