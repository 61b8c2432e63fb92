"""Use abroad, by partners' records: matched with ours, or charged, also past the limit (SE23-03 to SE23-05).

A partner's record is taken once. One that is refused is an event too (`RoamingRefused`), and may be said again.
"""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction
from functools import lru_cache
from typing import Any, NamedTuple

from ledger.domain.calendar import day_number, format_day
from ledger.domain.line.account import ChangesByEvent
from ledger.domain.line.events import UsageRecorded
from ledger.domain.line.line import Line
from ledger.domain.money import SEN
from ledger.domain.postpaid.account import PostpaidAccount, must_stay_countable
from ledger.domain.postpaid.billing_cycle import next_boundary
from ledger.domain.postpaid.commands import ActivateRoaming, DeactivateRoaming, RecordRoaming
from ledger.domain.postpaid.events import (
    RoamingActivated,
    RoamingCharged,
    RoamingDeactivated,
    RoamingMatched,
    RoamingRefused,
    UsageCharged,
)
from ledger.domain.postpaid.rules_of_contracts import RoamingPrice, RoamingTariff
from ledger.domain.postpaid.terms import PostpaidTerms
from ledger.domain.postpaid.using import charge_of
from ledger.domain.rating import PriceList
from ledger.domain.refusals import (
    AccountTerminated,
    DuplicateRecord,
    InTheFuture,
    NotActive,
    NotEligible,
    Refusal,
    TooLate,
    UseBlocked,
)

LOST_OR_STOLEN = "lost-or-stolen"
"""The ground of blocks after which use may not be the customer's any more (XE25-10)."""


class Window(NamedTuple):
    """The day that counts of a record, and the last on which it could have been billed."""

    bill_on: date
    latest_on: date


def activate_roaming(line: Line, account: PostpaidAccount, command: ActivateRoaming) -> None:
    """Turns it on."""
    if account.roaming:
        raise NotEligible("it is on already")
    line.emit(RoamingActivated, clause=line.book.of(PostpaidTerms, account.terms).roaming.clause)


def deactivate_roaming(line: Line, account: PostpaidAccount, command: DeactivateRoaming) -> None:
    """Turns it off; so many days later the contract may be left (SE23-21, XE25-02)."""
    if not account.roaming:
        raise NotEligible("it is off already")
    terms = line.book.of(PostpaidTerms, account.terms)
    today = terms.zone.day(line.cause.at)
    leave_at = terms.zone.midnight(today + timedelta(days=terms.roaming.leave_days))
    line.emit(RoamingDeactivated, clause=terms.roaming.clause, leave_at=leave_at)


def record_roaming(line: Line, account: PostpaidAccount, command: RecordRoaming) -> None:
    """Takes a partner's record. Raises a Refusal after `RoamingRefused`, but for one taken before."""
    key = f"{len(command.partner)}:{command.partner}/{command.record}"
    if line.claimed(account.id, "roaming-record", key):
        raise DuplicateRecord(command.record)
    at, used_at = line.cause.at, command.used_at
    terms = line.book.of(PostpaidTerms, account.terms_at(used_at))
    own: dict[str, Any] = {
        "partner": command.partner,
        "record": command.record,
        "service": command.service,
        "direction": command.direction,
        "answered": command.answered,
        "country": command.country,
        "quantity": command.quantity,
        "partner_amount": command.partner_amount,
        "partner_currency": command.partner_currency,
    }
    window = _window(account, at, used_at, terms)
    try:
        _must_be_the_customers(line, account, command, terms)
        day = day_number(terms.zone.day(used_at))
        if command.matches is not None:
            line.emit(
                RoamingMatched,
                of=account,
                effective_at=used_at,
                terms=terms.id,
                clause=terms.roaming.clause,
                record_key=key,
                matches=command.matches,
                day=day,
                **own,
            )
            return
        if window is not None and window.bill_on > window.latest_on:
            days = [format_day(day_number(day_)) for day_ in window]
            raise TooLate(f"it would be billed on {days[0]}, and could be until {days[1]}")
        tariff, price, zone = _priced(terms, command)
        charge = _charge(price, command, terms)
        must_stay_countable(account, charge)
        line.emit(
            RoamingCharged,
            of=account,
            effective_at=used_at,
            terms=terms.id,
            clause=tariff.clause or terms.clauses.roaming_use,
            postings=charge_of(account, "roaming", charge),
            record_key=key,
            zone=zone,
            charge=charge,
            tariff=tariff.id,
            tariff_version=tariff.version,
            day=day,
            **own,
        )
    except Refusal as refusal:
        too_late = window if isinstance(refusal, TooLate) else None
        line.emit(
            RoamingRefused,
            of=account,
            effective_at=used_at if account.opened_at <= used_at <= at else at,
            clause=terms.roaming.clause,
            matches=command.matches,
            used_at=used_at,
            refusal=refusal.code,
            bill_on=None if too_late is None else day_number(too_late.bill_on),
            latest_on=None if too_late is None else day_number(too_late.latest_on),
            **own,
        )
        raise


def _must_be_the_customers(
    line: Line, account: PostpaidAccount, command: RecordRoaming, terms: PostpaidTerms
) -> None:
    """What is asked of matched records, too: not in the future, known, while the contract ran and before the loss."""
    used_at = command.used_at
    if used_at > line.cause.at:
        raise InTheFuture("used_at")
    kinds = (UsageCharged.TOPIC, UsageRecorded.TOPIC)
    known = command.matches is None or any(line.claimed(account.id, kind, command.matches) for kind in kinds)
    if not known:
        raise NotEligible(f"no use was recorded by {command.matches}")
    state = account.state_at(used_at)
    if state is None or used_at < account.opened_at:
        raise NotActive("before the account began")
    if account.closed_at is not None and used_at >= account.closed_at:
        raise AccountTerminated
    if terms.lost_card.use == "until-blocked":
        for block in account.blocks_at(used_at):
            if block.ground == LOST_OR_STOLEN:
                raise UseBlocked(block.block)


def _window(account: PostpaidAccount, at: int, used_at: int, terms: PostpaidTerms) -> Window | None:
    """The bill that would carry the record must not be later than so many months after the day of use (SE23-05)."""
    rule, zone = terms.roaming, terms.zone
    if rule.window_months is None or used_at > at:
        return None
    used_on = zone.midnight(zone.day(used_at))
    latest = zone.day(zone.plus_months(used_on, rule.window_months))
    if rule.window_at == "record":
        return Window(zone.day(at), latest)
    bill_at = account.next_bill_at if account.runs else next_boundary(zone, account.billing_day, at)
    return Window(zone.day(bill_at), latest)


def _priced(terms: PostpaidTerms, command: RecordRoaming) -> tuple[RoamingTariff, RoamingPrice, str]:
    """The tariff, price and zone at the time of use. Raises NotEligible where there is none."""
    if not terms.roaming.partner_data:
        raise NotEligible("the partner's record alone is not charged")
    used_on = terms.zone.day(command.used_at)
    tariff = None
    for one in terms.roaming.tariffs:
        if one.in_force_from > used_on:
            break
        tariff = one
    zones = () if tariff is None else tariff.zones
    zone = next((zone.id for zone in zones if command.country in zone.countries), None)
    if tariff is not None and zone is not None:
        for price in tariff.prices:
            fits = price.service == command.service and command.direction in price.directions
            if fits and (not price.zones or zone in price.zones):
                return tariff, price, zone
    raise NotEligible(f"no tariff for {command.service} {command.direction} in {command.country}")


def _charge(price: RoamingPrice, command: RecordRoaming, terms: PostpaidTerms) -> int:
    """What it costs: a call that came to nothing, as the terms say of attempts (SE23-04)."""
    if not command.quantity or (command.service == "voice" and not command.answered):
        return price.attempt
    return _prices(price, terms.unit).charge(command.quantity)


@lru_cache(maxsize=1024)
def _prices(price: RoamingPrice, rounding: int) -> PriceList:
    steps = [(step.start, step.increment, Fraction(step.price) * SEN) for step in price.steps]
    return PriceList.of(steps, rounding=rounding)


# --- what it changes ------------------------------------------------------------------------------------------------


def _activated(account: PostpaidAccount, _: RoamingActivated, __: PostpaidTerms) -> None:
    account.roaming = True


def _deactivated(account: PostpaidAccount, event: RoamingDeactivated, _: PostpaidTerms) -> None:
    account.roaming = False
    account.leave_at = event.leave_at


def _charged(account: PostpaidAccount, event: RoamingCharged, _: PostpaidTerms) -> None:
    if event.charge:
        account.charge("roaming", event.charge)


CHANGES: ChangesByEvent = {
    RoamingActivated: _activated,
    RoamingDeactivated: _deactivated,
    RoamingCharged: _charged,
}
