"""Recording use: judged by the tariff, the state and the blocks at the time of use, and paid from credit now.

Charging follows SP23-13 and SP23-14; a use that is not granted is an event too (`UsageRefused`).
"""

from __future__ import annotations

from typing import Any

from ledger.domain import refusals
from ledger.domain.calendar import day_number
from ledger.domain.line.commands import RecordUsage
from ledger.domain.line.events import UsageRecorded, UsageRefused
from ledger.domain.line.line import Line
from ledger.domain.money import PULSA, USAGE, transfer
from ledger.domain.prepaid.account import GRACE, INACTIVE, Account
from ledger.domain.prepaid.events import UsageDebited
from ledger.domain.prepaid.terms import PrepaidTerms

_NO_USE: dict[str, type[refusals.Refusal]] = {
    "inactive": refusals.NotActive,
    "waiting": refusals.InWaiting,
    "expired": refusals.AccountExpired,
    "deactivated": refusals.AccountDeactivated,
    "terminated": refusals.AccountTerminated,
}


def record_usage(line: Line, command: RecordUsage) -> None:
    """Grants, rates and records a use. Raises a Refusal after having emitted `UsageRefused`."""
    account = line.current
    try:
        terms = _judge(line, account, command)
        if is_free(command):
            _record_free(line, command, terms)
        else:
            _debit(line, account, command, terms)
    except refusals.Refusal as refusal:
        at, used_at = line.cause.at, command.used_at
        line.emit(
            UsageRefused,
            effective_at=used_at if account.opened_at <= used_at <= at else at,
            clause=line.terms.clauses.use,
            service=command.service,
            direction=command.direction,
            destination=command.destination,
            zone=command.zone,
            asked=command.quantity,
            used_at=used_at,
            refusal=refusal.code,
        )
        raise


def is_free(command: RecordUsage) -> bool:
    """Whether the use costs nothing by its nature: incoming, or to a destination free of charge (SP23-17)."""
    return command.direction == "incoming" or command.destination == "free"


def _judge(line: Line, account: Account, command: RecordUsage) -> PrepaidTerms:
    """The terms in force at the time of use, if the use was allowed then."""
    at, used_at = line.cause.at, command.used_at
    if account.state == INACTIVE:
        raise refusals.NotActive
    if used_at > at:
        raise refusals.InTheFuture("used_at")
    if at - used_at > line.terms.late_window or used_at < account.late_from:
        raise refusals.TooLate(f"within {line.terms.late_usage_days} days")
    state = account.state_at(used_at)
    if state is None:
        raise refusals.NotActive("before the account began")
    free = is_free(command)
    if state in _NO_USE:
        raise _NO_USE[state]
    if state == GRACE and not free:
        raise refusals.InGrace
    if account.blocks or account.lifted:
        for block in account.blocks_at(used_at):
            if block.scope in {"all", command.service} or (block.scope == "outgoing" and not free):
                raise refusals.UseBlocked(block.block)
    return line.book.of(PrepaidTerms, account.terms_at(used_at))


def _record_free(line: Line, command: RecordUsage, terms: PrepaidTerms) -> None:
    line.emit(
        UsageRecorded,
        effective_at=command.used_at,
        clause=terms.clauses.incoming,
        terms=terms.id,
        service=command.service,
        direction=command.direction,
        destination=command.destination,
        zone=command.zone,
        asked=command.quantity,
        granted=command.quantity,
        tariff=None,
        tariff_version=None,
        day=day_number(terms.zone.day(command.used_at)),
    )


def _debit(line: Line, account: Account, command: RecordUsage, terms: PrepaidTerms) -> None:
    service, used_at = command.service, command.used_at
    found = terms.price_for(service, command.destination, command.zone, used_at)
    if found is None:
        detail = f"no tariff for {service} {command.destination} in {command.zone}"
        raise refusals.NotEligible(detail)
    tariff, prices = found
    day = day_number(terms.zone.day(used_at))
    charged = account.charged(service, command.zone, day) if prices.daily_cap is not None else 0
    granted, charge = prices.rate(command.quantity, account.available, charged)
    if granted == 0:
        raise refusals.InsufficientCredit
    own: dict[str, Any] = {
        "service": service,
        "direction": command.direction,
        "destination": command.destination,
        "zone": command.zone,
        "asked": command.quantity,
        "granted": granted,
        "tariff": tariff.id,
        "tariff_version": tariff.version,
        "day": day,
    }
    clause = tariff.clause or terms.clauses.use
    if charge:
        own["charge"] = charge
        postings = transfer(PULSA, f"{account.id}/credit", USAGE, charge)
        line.record(line.cause, UsageDebited, account, used_at, clause, postings, terms.id, own)
    else:
        line.record(line.cause, UsageRecorded, account, used_at, clause, [], terms.id, own)
