"""Starter packs: a number's next account, inactive until it is registered, lost where it is not in time (SP23-05)."""

from __future__ import annotations

from ledger.domain.calendar import day_of_number
from ledger.domain.line.line import Line
from ledger.domain.line.number import AVAILABLE
from ledger.domain.money import CREDIT_ISSUED, PULSA, transfer
from ledger.domain.prepaid.account import INACTIVE, PrepaidAccount
from ledger.domain.prepaid.commands import Activate, IssueStarterPack
from ledger.domain.prepaid.events import Activated, RegistrationFailed, StarterPackIssued
from ledger.domain.prepaid.terms import PrepaidTerms
from ledger.domain.refusals import AlreadyActive, NumberNotAvailable, TooLate


def issue_starter_pack(line: Line, command: IssueStarterPack) -> None:
    """Opens the next account of a number that is available, valid to the end of a day."""
    if line.number_state != AVAILABLE:
        raise NumberNotAvailable(line.number_state)
    terms = line.book.of(PrepaidTerms, command.terms)
    day = day_of_number(command.valid_until)
    expires_at = terms.zone.end_of_days(terms.zone.midnight(day), 0)
    if expires_at <= line.cause.at:
        raise TooLate("valid_until has passed")
    line.open(
        StarterPackIssued,
        command.terms,
        terms.starter_pack.clause,
        printed_credit=command.printed_credit,
        expires_at=expires_at,
    )


def activate(line: Line, account: PrepaidAccount, command: Activate) -> None:
    """The printed credit becomes credit, and the first active period begins, once the registration is verified."""
    if account.state != INACTIVE:
        raise AlreadyActive
    terms = line.book.of(PrepaidTerms, account.terms)
    if command.registration == "failed":
        clause = terms.clauses.registration_failed
        line.emit(RegistrationFailed, clause=clause, channel=command.channel, customer=command.customer)
        return
    days = terms.starter_pack.days
    line.emit(
        Activated,
        clause=terms.clauses.activation,
        postings=transfer(PULSA, CREDIT_ISSUED, account.credit_name, account.printed_credit),
        channel=command.channel,
        customer=command.customer,
        credit=account.printed_credit,
        active_until=None if days is None else terms.zone.end_of_days(line.cause.at, days),
    )
