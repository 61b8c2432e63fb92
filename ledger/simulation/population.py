"""A population: the cast first, then subscribers who live by habit and chance."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from heapq import merge

from ledger.domain.calendar import DAY, HOUR, SECOND, parse_instant, zone
from ledger.domain.money import format_amount
from ledger.domain.prepaid.terms import PrepaidTerms
from ledger.simulation import affairs, contract_holders, msisdns, registered_persons, stories
from ledger.simulation.cast import SP23, TELKOMSEL, XP25, Role
from ledger.simulation.draws import Draws
from ledger.simulation.feed import BEGINNING, CommandRow, Feed, end_of
from ledger.simulation.habits import Life
from ledger.simulation.incidents import Incidents
from ledger.simulation.subscriber import HABITS, NEVER, Subscriber
from ledger.terms import bundled

_NEW_TERMS = parse_instant("2025-01-01T00:00:00+07:00")
"""From then on starter packs are sold under the terms of 2025, and accounts are moved to them."""
_MOVED_WITHIN = 120
"""Days in which accounts are moved."""
_MILLISECOND = SECOND // 1000
_PACK_DAYS = 180
"""How long a starter pack may lie in the shop."""
_PRINTED = (0, 2_000_00, 5_000_00, 10_000_00)
_JAKARTA = zone("Asia/Jakarta")

_CAST: tuple[tuple[str, Callable[[Role], None]], ...] = (
    (SP23, stories.lapses_and_returns),  # LAPSING
    (SP23, affairs.receives_credit),  # RECEIVING
    (XP25, stories.lapses_under_the_terms_of_2025),
    (SP23, stories.tops_up_in_grace),
    (SP23, stories.migrates_while_waiting),
    (SP23, stories.never_activates_in_time),
    (SP23, stories.registers_at_the_third_try),
    (SP23, stories.is_deactivated_and_asks_the_number_back),
    (SP23, stories.is_terminated_and_the_number_goes_on),
    (SP23, stories.loses_the_card),
    (SP23, stories.has_blocks_of_several_kinds),
    (SP23, affairs.sends_credit),
    (TELKOMSEL, affairs.resells),
    (SP23, affairs.holds_credit),
    (SP23, affairs.has_top_ups_reversed),
    (SP23, affairs.is_corrected),
    (SP23, affairs.passes_the_number_on),
    (SP23, affairs.has_records_that_go_wrong),
)

CAST = len(_CAST)
"""How many subscribers have their lives written down."""


def commands(
    subscribers: int, months: int, seed: int, *, contracts: int = 0, registered: int = 0
) -> Iterator[CommandRow]:
    """The commands of a played population in the order of their `at`, as the JSON objects of a file.

    They are well formed, though many are refused. The same arguments give the same commands, everywhere; `contracts`
    is how many customers with contracts there are besides, `registered` how many persons, who change nothing of the
    others' commands.
    """
    of_contracts = contract_holders.commands(contracts, months, seed)
    of_persons = registered_persons.commands(registered, months, seed)
    of_credit = _of_credit(subscribers, months, seed)
    return merge(of_credit, of_contracts, of_persons, key=lambda one: parse_instant(one["at"]))


def _of_credit(subscribers: int, months: int, seed: int) -> Iterator[CommandRow]:
    feed, draws = Feed(), Draws(seed)
    for index, (terms, live) in enumerate(_CAST[:subscribers]):
        live(Role(feed, index, terms))
    end = end_of(months)
    days = (end - BEGINNING) // DAY
    others = [_subscriber(index, days, draws) for index in range(min(CAST, subscribers), subscribers)]
    life, incidents = Life(feed, draws), Incidents(feed, draws, others)
    for midnight in range(BEGINNING, end, DAY):
        for one in others:
            if midnight <= one.issued_at < midnight + DAY and one.active_until is None:
                _issue(feed, one)
            life.day(one, midnight)
            incidents.day(one, midnight)
            _move(feed, one, midnight)
        yield from feed.until(midnight + DAY)


def _subscriber(index: int, days: int, draws: Draws) -> Subscriber:
    issued_at = BEGINNING + index * _MILLISECOND
    if draws.chance(30_000):
        issued_at = BEGINNING + draws.below(days) * DAY + HOUR
    first_day = issued_at - (issued_at - BEGINNING) % DAY
    activates_at = first_day + draws.below(20) * DAY + draws.between(9, 21) * HOUR
    if draws.chance(3_000):
        activates_at = NEVER if draws.chance(60_000) else first_day + (_PACK_DAYS + 3) * DAY + 9 * HOUR
    telkomsel = draws.chance(8_000)
    new = issued_at >= _NEW_TERMS
    moves = not telkomsel and not new and draws.chance(80_000)
    return Subscriber(
        msisdn=msisdns.msisdn(index, msisdns.TELKOMSEL if telkomsel else msisdns.SMARTFREN),
        customer=msisdns.customer(index),
        terms=_TERMS[TELKOMSEL if telkomsel else XP25 if new else SP23],
        habits=draws.weighted(HABITS),
        zone="zone1" if draws.chance(85_000) else "zone2",
        issued_at=issued_at,
        activates_at=activates_at,
        expires_at=first_day + (_PACK_DAYS + 1) * DAY,
        migrates_at=_NEW_TERMS + draws.below(_MOVED_WITHIN) * DAY if moves else NEVER,
        printed_credit=draws.pick(_PRINTED),
    )


_TERMS = {terms.id: terms for terms in bundled() if isinstance(terms, PrepaidTerms)}


def _issue(feed: Feed, one: Subscriber) -> None:
    until = _JAKARTA.day(one.expires_at - 1).isoformat()
    printed = format_amount(one.printed_credit)
    feed.send(
        one.issued_at,
        one.msisdn,
        "IssueStarterPack",
        terms=one.terms.id,
        printed_credit=printed,
        valid_until=until,
    )


def _move(feed: Feed, one: Subscriber, midnight: int) -> None:
    """The operator moves the account to the terms of 2025."""
    if not midnight <= one.migrates_at < midnight + DAY or one.active_until is None or one.closed:
        return
    at = one.migrates_at + 3 * HOUR
    feed.send(at, one.msisdn, "MigrateTerms", terms=XP25, actor="staff-7")
    one.terms = _TERMS[XP25]
