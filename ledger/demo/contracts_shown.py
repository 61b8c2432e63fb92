"""Shows what became of contracts: states, one bill, what is owed by age, the life of a deposit, where rupiah are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from ledger.demo.screen import Screen, local
from ledger.domain.calendar import format_day
from ledger.domain.ids import account_of, part_of
from ledger.domain.money import IDR
from ledger.domain.postpaid.events import UnsubscribeRequested
from ledger.domain.postpaid.events_of_payments import (
    DepositApplied,
    DepositForfeited,
    DepositReceived,
    DepositRefunded,
    DepositRefundReady,
    DepositRefundRequested,
)
from ledger.figures import rupiah
from ledger.simulation import DEPOSITING, PAYING_LATE
from projections.asking.log_answers import LogLine
from projections.asking.questions import Questions
from projections.money.ledger_accounts import CUSTOMERS
from projections.money.trial_balance import TrialBalance
from projections.postpaid.contract_enquiry import ContractEnquiry

BILL = f"{PAYING_LATE}-1-B0001"
_STATES = ("probation", "active", "terminated", "settled")
_OF_DEPOSITS = (
    *(DepositReceived, DepositApplied, UnsubscribeRequested, DepositRefundRequested),
    *(DepositRefundReady, DepositRefunded, DepositForfeited),
)


def show(screen: Screen, asked: Questions, found: list[ContractEnquiry], balance: TrialBalance) -> None:
    """All of it; the enquiries are those of every number with a contract."""
    screen.title(f"{len(found)} contracts")
    _states(screen, found)
    _bill(screen, asked)
    _owed(screen, asked, balance)
    _deposit(screen, asked, list(asked.log(subject=DEPOSITING, types=[one.TOPIC for one in _OF_DEPOSITS])))
    _money(screen, balance)


def _states(screen: Screen, found: Iterable[ContractEnquiry]) -> None:
    counts = Counter((one.state, one.terms) for one in found)
    terms = sorted({name for _, name in counts})
    table = screen.table("By state and terms", "state", *(f">{name}" for name in terms))
    for state in _STATES:
        table.add_row(state, *(f"{counts[state, name]:,}" for name in terms))
    screen.show(table)


def _bill(screen: Screen, asked: Questions) -> None:
    """What it charges, and all that has met it since."""
    bill = asked.bill(BILL)
    title = f"Bill {bill.bill}, issued {format_day(bill.issued_on)}, due {format_day(bill.due_on)}"
    table = screen.table(title, "what", ">rupiah", "when", "by")
    for line in bill.lines:
        table.add_row(line["kind"], rupiah(line["amount"]), "", line["source"])
    table.add_row(f"tax, {bill.tax_rate} of {rupiah(bill.taxable)}", rupiah(bill.tax))
    table.add_row("total", rupiah(bill.total), style="bold", end_section=True)
    for one in bill.movements[1:]:
        table.add_row(one["what"], rupiah(one["amount"]), local(one["effective_at"]), one["by"] or "")
    table.add_row("open", rupiah(bill.open), style="bold")
    screen.show(table)
    met = bill.allocated + bill.deposit + bill.credited + bill.written_off
    screen.check("the bill's total is what has met it and what is open", bill.total == met + bill.open)


def _owed(screen: Screen, asked: Questions, balance: TrialBalance) -> None:
    (row,) = asked.receivables().rows
    table = screen.table("What is owed", "since the due end", ">rupiah")
    ages = {
        "not due yet": row.not_due,
        "1 to 30 days": row.overdue_1_30,
        "31 to 60 days": row.overdue_31_60,
        "61 to 90 days": row.overdue_61_90,
        "over 90 days": row.overdue_over_90,
    }
    for age, amount in ages.items():
        table.add_row(age, rupiah(amount))
    table.add_row("billed in all", rupiah(row.billed), style="bold")
    table.add_row("not billed yet", rupiah(row.unbilled))
    screen.show(table)
    sums = {account: amount for account, unit, amount in balance.rows if unit == IDR}
    same = (sum(ages.values()), row.unbilled) == (
        sums.get(f"{CUSTOMERS}billed", 0),
        sums.get(f"{CUSTOMERS}unbilled", 0),
    )
    screen.check("bill by bill as much is owed as the ledger accounts say", same)


def _deposit(screen: Screen, asked: Questions, lines: list[LogLine]) -> None:
    table = screen.table(
        f"The deposit of {DEPOSITING}", "when", "what happened", "clause", ">rupiah", ">held then"
    )
    held = 0
    for line in lines:
        event, amount = line.event, _into_deposit(line)
        held += amount
        name = event.TOPIC.rpartition(".")[2]
        moved = rupiah(amount) if amount else ""
        table.add_row(local(event.effective_at), name, event.clause, moved, rupiah(held))
    screen.show(table)
    every = asked.deposits()
    (own,) = (row for row in every.rows if row.account == account_of(DEPOSITING, 1))
    if own.due_on is not None:
        screen.say(f"It had to be paid back by {format_day(own.due_on)}, the 15th working day.")
    screen.check(
        "every deposit received was applied, refunded, forfeited, or is held",
        own.held == held
        and all(
            row.received == row.applied + row.refunded + row.bank_cost + row.forfeited + row.held
            for row in every.rows
        ),
    )


def _into_deposit(line: LogLine) -> int:
    return -sum(one["amount"] for one in line.event.postings if part_of(one["account"]) == "deposit")


def _money(screen: Screen, balance: TrialBalance) -> None:
    """Every ledger account in rupiah: what customers owe and is held for them, and the operator's."""
    rows = [(account, amount) for account, unit, amount in balance.rows if unit == IDR and amount]
    table = screen.table("Where the rupiah are", "ledger account", ">debit", ">credit")
    for account, amount in rows:
        table.add_row(account, *_sides(amount))
    debit, credit = (sum(max(0, sign * amount) for _, amount in rows) for sign in (1, -1))
    table.add_row("in all", rupiah(debit), rupiah(credit), style="bold")
    screen.show(table)
    screen.check("rupiah add up", debit == credit == debit - balance.totals[IDR])


def _sides(amount: int) -> Iterator[str]:
    yield rupiah(amount) if amount > 0 else ""
    yield rupiah(-amount) if amount < 0 else ""
