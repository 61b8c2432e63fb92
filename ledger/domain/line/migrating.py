"""Moving an account to other terms of its product: running periods keep their ends."""

from __future__ import annotations

from ledger.domain.line.account import Account, must_leave_room
from ledger.domain.line.commands import MigrateTerms
from ledger.domain.line.events import TermsMigrated
from ledger.domain.line.line import Line
from ledger.domain.refusals import NotEligible


def migrate_terms(line: Line, account: Account, command: MigrateTerms) -> None:
    """From now on the other terms hold."""
    if command.terms == account.terms:
        raise NotEligible("the account is under these terms already")
    since = account.use_from(line.cause.at, line.terms)
    changes = [changed for changed, _ in account.terms_since[1:] if changed > since]
    must_leave_room(
        (), lately=changes, so="changes of terms stand within the time that use may still come of"
    )
    line.emit(
        TermsMigrated,
        terms=command.terms,
        clause=line.rules(command.terms).clauses.migration,
        from_terms=account.terms,
        to_terms=command.terms,
        consents=command.consents,
    )
