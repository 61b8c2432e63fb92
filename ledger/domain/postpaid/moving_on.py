"""A contract moves to other terms, or to another holder: what every product does, and what contracts ask besides."""

from __future__ import annotations

from ledger.domain.line.account import REMEMBERED, SHARED_CHANGES, ChangesByEvent
from ledger.domain.line.cards_and_rights import decide_rights_transfer
from ledger.domain.line.commands import DecideRightsTransfer, MigrateTerms
from ledger.domain.line.events import RightsTransferred, TermsMigrated
from ledger.domain.line.line import Line
from ledger.domain.line.migrating import migrate_terms
from ledger.domain.money import format_amount
from ledger.domain.postpaid.account import PostpaidAccount
from ledger.domain.postpaid.terms import PostpaidTerms
from ledger.domain.refusals import NotEligible, Outstanding, UnknownPlan


def migrate_contract(line: Line, account: PostpaidAccount, command: MigrateTerms) -> None:
    """The plan, and one that is asked for, must be in the other terms; running windows keep their rule."""
    terms = line.book.of(PostpaidTerms, command.terms)
    for plan in filter(None, (account.plan, account.asked_plan)):
        if terms.plan(plan) is None:
            raise UnknownPlan(plan)
    if account.billing_day not in terms.billing.days:
        raise NotEligible("the terms have no such billing day")
    migrate_terms(line, account, command)


def decide_contracts_transfer(line: Line, account: PostpaidAccount, command: DecideRightsTransfer) -> None:
    """Rights pass only when nothing is owed, billed or not; the deposit stays its payer's."""
    if command.decision == "approved" and command.request in account.requests and account.owed > 0:
        raise Outstanding(f"{format_amount(account.owed)} is owed")
    decide_rights_transfer(line, account, command)


def _consented(account: PostpaidAccount, event: TermsMigrated, terms: PostpaidTerms) -> None:
    """What is consented to under the other terms holds in place of what was before (XE25-05)."""
    SHARED_CHANGES[TermsMigrated](account, event, terms)
    if event.consents is not None:
        account.consents = list(event.consents)


def _passed_on(account: PostpaidAccount, event: RightsTransferred, terms: PostpaidTerms) -> None:
    """Bills of before are for whoever held the number then."""
    account.held_before = [*account.held_before, (event.effective_at, account.holder or "")][-REMEMBERED:]
    SHARED_CHANGES[RightsTransferred](account, event, terms)


CHANGES: ChangesByEvent = {TermsMigrated: _consented, RightsTransferred: _passed_on}
