"""Probation: service up to what was paid up front, until the customer is verified or the end (SE23-22, XE25-07)."""

from __future__ import annotations

from collections.abc import Iterator

from ledger.domain.calendar import NEVER
from ledger.domain.events import Draft
from ledger.domain.line.account import SHARED_CHANGES, ChangesByEvent, must_leave_room
from ledger.domain.line.commands import ESTABLISHED
from ledger.domain.line.events import Blocked, Unblocked
from ledger.domain.line.line import Line
from ledger.domain.postpaid.account import ACTIVE, PROBATION, PostpaidAccount
from ledger.domain.postpaid.commands import RecordVerification
from ledger.domain.postpaid.dunning import dunning_blocked
from ledger.domain.postpaid.events import VerificationFailed, VerificationPassed
from ledger.domain.postpaid.leaving import ended
from ledger.domain.postpaid.terms import PostpaidTerms
from ledger.domain.refusals import AlreadyActive

OF_PROBATION = "probation/"
"""How the ids of the blocks begin that probation ends with."""


def record_verification(line: Line, account: PostpaidAccount, command: RecordVerification) -> None:
    """Passed: active, with the plan's limit. Failed while active: probation again, counted from the opening."""
    terms, at = line.book.of(PostpaidTerms, account.terms), line.cause.at
    clause = terms.clauses.verification or terms.probation.clause
    if command.result == "passed":
        if account.state == ACTIVE:
            raise AlreadyActive
        line.emit(
            VerificationPassed, clause=clause, reference=command.reference, credit_limit=account.plan_limit
        )
        for block in [name for name in account.blocks if name.startswith(OF_PROBATION)]:
            line.emit(Unblocked, clause=terms.clauses.unblock, block=block)
        return
    until = account.probation_until
    if account.state == ACTIVE:
        changes = [since for since, _ in account.states[1:] if since > account.use_from(at, terms)]
        must_leave_room((), lately=changes, so="changes of state, within the time that use may still come of")
        until = max(terms.zone.end_of_days(account.opened_at, terms.probation.days), at)
    line.emit(
        VerificationFailed,
        clause=terms.probation.clause,
        reference=command.reference,
        probation_until=until,
    )


def next_probation_end(account: PostpaidAccount) -> int:
    """The end of probation; NEVER where none runs."""
    until = account.probation_until
    return NEVER if until is None or not account.runs else until


def probation_end_at(account: PostpaidAccount, at: int, terms: PostpaidTerms) -> Iterator[Draft]:
    """Who is not verified by then is out, or blocked, as the terms said when probation began (XE25-07)."""
    if next_probation_end(account) != at:
        return
    rule = terms.probation
    if account.probation_ends_in == "terminate":
        yield from ended(account, at, terms, rule.clause, ground=rule.ground)
        return
    own = {
        "block": f"{OF_PROBATION}{account.probation_blocks + 1}",
        "scope": "all",
        "ground": rule.ground,
        "reference": None,
        "since": None,
        "basis": ESTABLISHED,
    }
    yield Draft(Blocked, rule.clause, [], own)


# --- what it changes ------------------------------------------------------------------------------------------------


def _passed(account: PostpaidAccount, event: VerificationPassed, _: PostpaidTerms) -> None:
    account.enter(ACTIVE, event.effective_at)
    account.limit = event.credit_limit
    account.probation_until = None
    account.probation_over = False


def _failed(account: PostpaidAccount, event: VerificationFailed, terms: PostpaidTerms) -> None:
    if account.state == ACTIVE:
        account.enter(PROBATION, event.effective_at)
        account.limit, account.probation_ends_in = 0, terms.probation.end
    account.probation_until = event.probation_until


def _blocked(account: PostpaidAccount, event: Blocked, terms: PostpaidTerms) -> None:
    SHARED_CHANGES[Blocked](account, event, terms)
    dunning_blocked(account, event)
    if event.block.startswith(OF_PROBATION):
        account.probation_blocks += 1
        account.probation_until = None
        account.probation_over = True


CHANGES: ChangesByEvent = {VerificationPassed: _passed, VerificationFailed: _failed, Blocked: _blocked}
