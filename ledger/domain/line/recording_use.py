"""Recording use: judged by the tariff, the state and the blocks at the time of use, and paid for now.

Charging follows SP23-13 and SP23-14; a use that is not granted is an event too (`UsageRefused`).
"""

from __future__ import annotations

from typing import Any

from ledger.domain.line.account import Account
from ledger.domain.line.commands import RecordUsage
from ledger.domain.line.events import UsageRecorded, UsageRefused
from ledger.domain.line.line import Line
from ledger.domain.line.product import Product
from ledger.domain.refusals import InTheFuture, NotActive, NotEligible, Refusal, TooLate, UseBlocked
from ledger.domain.terms import AccountTerms


def record_usage(line: Line, account: Account, product: Product[Any], command: RecordUsage) -> None:
    """Grants, rates and records a use. Raises a Refusal after having emitted `UsageRefused`."""
    try:
        free = is_free(command)
        terms = _judge(line, account, product, command, free=free)
        if free:
            _record_free(line, account, command, terms)
        else:
            _charge(line, account, product, command, terms)
    except Refusal as refusal:
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


def _judge(
    line: Line, account: Account, product: Product[Any], command: RecordUsage, *, free: bool
) -> AccountTerms:
    """The terms in force at the time of use, if the use was allowed then."""
    at, used_at, terms = line.cause.at, command.used_at, line.rules(account.terms)
    product.must_take(account, command)
    if used_at > at:
        raise InTheFuture("used_at")
    if at - used_at > terms.late_window or used_at < account.late_from:
        raise TooLate(f"within {terms.late_usage_days} days")
    state = account.state_at(used_at)
    if state is None:
        raise NotActive("before the account began")
    product.must_allow_use(state, free=free)
    if account.blocks or account.lifted:
        for block in account.blocks_at(used_at):
            if block.scope in {"all", command.service} or (block.scope == "outgoing" and not free):
                raise UseBlocked(block.block)
            if product.bars(block, line.rules(account.terms_at(used_at))):
                raise UseBlocked(block.block)
    then = account.terms_at(used_at)
    return terms if then == terms.id else line.rules(then)


def _record_free(line: Line, account: Account, command: RecordUsage, terms: AccountTerms) -> None:
    if command.direction == "outgoing":
        account.must_count(command.service, command.quantity, 0)
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
        day=terms.zone.day_number(command.used_at),
    )


def _charge(
    line: Line, account: Account, product: Product[Any], command: RecordUsage, terms: AccountTerms
) -> None:
    service, used_at = command.service, command.used_at
    plan = product.plan_at(account, used_at)
    found = terms.price_for(service, command.destination, command.zone, used_at, plan)
    if found is None:
        detail = f"no tariff for {service} {command.destination} in {command.zone}"
        raise NotEligible(detail)
    tariff, prices = found
    day = terms.zone.day_number(used_at)
    charged = account.charged(service, command.zone, day) if prices.daily_cap is not None else 0
    granted, charge = prices.rate(command.quantity, product.spendable(account), charged)
    if granted == 0:
        raise product.too_little
    account.must_count(service, granted, charge)
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
        account.must_remember(service, command.zone, day, line.cause.at, terms)
        own["charge"] = charge
        event_type, postings = product.charge(account, charge)
        line.record(line.cause, event_type, account, used_at, clause, postings, terms.id, own)
    else:
        line.record(line.cause, UsageRecorded, account, used_at, clause, [], terms.id, own)
