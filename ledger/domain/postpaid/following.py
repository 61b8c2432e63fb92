"""What the customer is told of a postpaid account: that it began, is in debt, is out of it, and has ended (SE23-19)."""

from __future__ import annotations

from ledger.domain.commands import Command
from ledger.domain.customer.commands import NoteAccount, NoteAccountLeft, NoteDebt, NoteDebtCleared
from ledger.domain.customer.ids_of_customers import customer_named
from ledger.domain.ids import POLICY, POLICY_IDS
from ledger.domain.kinds import Follows
from ledger.domain.postpaid.events import AccountSettled, ContractOpened
from ledger.domain.postpaid.events_of_bills import BillOverdue, OverdueCleared


def opened(event: ContractOpened) -> list[Command]:
    """It is the customer's from now on."""
    customer = customer_named(event.customer)
    if customer is None:
        return []
    id_ = f"{POLICY_IDS}opened/{event.account}"
    return [
        NoteAccount(
            at=event.recorded_at,
            command_id=id_,
            actor=POLICY,
            customer=customer,
            of=event.account,
            begins=True,
        )
    ]


def in_debt(event: BillOverdue) -> list[Command]:
    """A bill is overdue, which blocks the others after a while."""
    customer = customer_named(event.customer)
    if customer is None or event.others_blocked_at is None:
        return []
    return [
        NoteDebt(
            at=event.recorded_at,
            command_id=f"{POLICY_IDS}{event.account}/{event.version}",
            actor=POLICY,
            customer=customer,
            bill=event.bill,
            of=event.account,
            blocks_at=event.others_blocked_at,
            scope=event.others_scope or "outgoing",
            ground=event.others_ground or "11",
        )
    ]


def out_of_debt(event: OverdueCleared) -> list[Command]:
    """It is closed."""
    customer = customer_named(event.customer)
    if customer is None:
        return []
    id_ = f"{POLICY_IDS}{event.account}/{event.version}"
    return [
        NoteDebtCleared(
            at=event.recorded_at, command_id=id_, actor=POLICY, customer=customer, bill=event.bill
        )
    ]


def settled(event: AccountSettled) -> list[Command]:
    """It has ended for good."""
    customer = customer_named(event.customer or "")
    if customer is None:
        return []
    id_ = f"{POLICY_IDS}settled/{event.account}"
    return [
        NoteAccountLeft(
            at=event.recorded_at, command_id=id_, actor=POLICY, customer=customer, of=event.account
        )
    ]


FOLLOWS: Follows = {
    ContractOpened: opened,
    BillOverdue: in_debt,
    OverdueCleared: out_of_debt,
    AccountSettled: settled,
}
