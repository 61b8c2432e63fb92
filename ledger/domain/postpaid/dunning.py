"""Dunning: steps for a bill that is still open, each once; its blocks fall the moment it is closed (SE23-19)."""

from __future__ import annotations

from collections.abc import Iterator

from ledger.domain.calendar import NEVER
from ledger.domain.events import Draft
from ledger.domain.line.commands import ESTABLISHED
from ledger.domain.line.events import Blocked, Unblocked
from ledger.domain.postpaid.account import PostpaidAccount
from ledger.domain.postpaid.events_of_bills import DunningStepTaken
from ledger.domain.postpaid.leaving import ended
from ledger.domain.postpaid.terms import PostpaidTerms

OF_DUNNING = "dunning/"
"""How the ids of dunning's blocks begin."""
TERMINATE = "terminate"
_SCOPES = {"block-outgoing": "outgoing", "block-all": "all"}


def next_step(account: PostpaidAccount) -> int:
    """The next step for a bill that is open; none after the end."""
    if not account.runs:
        return NEVER
    due = NEVER
    for bill in account.bills.values():
        if bill.steps and bill.steps[0].at < due:
            due = bill.steps[0].at
    return due


def steps_at(account: PostpaidAccount, at: int, terms: PostpaidTerms) -> Iterator[Draft]:
    """The steps that are due, for the oldest bill first, with what each does."""
    if not any(bill.steps and bill.steps[0].at <= at for bill in account.bills.values()):
        return
    for bill in account.open_bills():
        while account.runs and bill.steps and bill.steps[0].at <= at:
            step = bill.steps[0]
            own = {"bill": bill.id, "step": step.number, "action": step.action, "open": bill.open}
            yield Draft(DunningStepTaken, terms.dunning.clause, [], own, bill.id)
            ground = terms.ground(terms.dunning.ground)
            clause = ground.clause if ground is not None else terms.dunning.clause
            if step.action == TERMINATE:
                yield from ended(account, at, terms, clause, ground=terms.dunning.ground)
            else:
                block = f"{OF_DUNNING}{bill.id}/{step.action}"
                blocked = {
                    "block": block,
                    "scope": _SCOPES[step.action],
                    "ground": terms.dunning.ground,
                    "reference": None,
                    "since": None,
                    "basis": ESTABLISHED,
                }
                yield Draft(Blocked, clause, [], blocked, block)


def lifted(account: PostpaidAccount, terms: PostpaidTerms) -> Iterator[Draft]:
    """Dunning's blocks of bills that are closed fall."""
    for block in list(account.blocks):
        if block.startswith(OF_DUNNING):
            bill = block.removeprefix(OF_DUNNING).rpartition("/")[0]
            if bill not in account.bills:
                yield Draft(Unblocked, terms.clauses.unblock, [], {"block": block}, block)


def dunning_blocked(account: PostpaidAccount, event: Blocked) -> None:
    """A step is done once its block stands; the one that ends the contract, with that."""
    if event.block.startswith(OF_DUNNING):
        id_, _, action = event.block.removeprefix(OF_DUNNING).rpartition("/")
        bill = account.bill(id_)
        if bill is not None:
            bill.steps = [step for step in bill.steps if step.action != action]
            account.keep(bill)
