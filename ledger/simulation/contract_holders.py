"""Customers with contracts: the cast first, then those who live by habit and chance. Nobody else's chance is theirs."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ledger.domain.calendar import DAY, HOUR
from ledger.domain.postpaid.terms import PostpaidTerms
from ledger.simulation import contract_stories as stories
from ledger.simulation import msisdns
from ledger.simulation.contract_cast import HALO, SE23, XE25, ContractRole
from ledger.simulation.contract_habits import HABITS, ContractLife, Holder
from ledger.simulation.draws import Draws
from ledger.simulation.feed import BEGINNING, OF_CONTRACTS, CommandRow, Feed, end_of
from ledger.terms import bundled

_APART = 7_368_787
"""What their seed is apart from the others' by."""
_NEW_TERMS_ON = 184
"""The day on which the terms of 2025 begin."""

_CAST: tuple[tuple[str, Callable[[ContractRole], None]], ...] = (
    (SE23, stories.pays_late),
    (SE23, stories.has_debits_that_fail),
    (SE23, stories.roams_and_leaves),
    (SE23, stories.forgets_the_deposit),
    (SE23, stories.has_a_deposit_on_hold),
    (SE23, stories.has_bills_corrected),
    (SE23, stories.moves_to_other_terms),
    (SE23, stories.is_never_verified),
    (XE25, stories.is_verified_late),
    (SE23, stories.has_three_numbers),
    (SE23, stories.pays_for_numbers_that_nobody_has),
    (HALO, stories.takes_halo),
)

PAYING_LATE, DEPOSITING = msisdns.with_contract(0), msisdns.with_contract(2)
"""The number that is paid for late, and the one of which a deposit is asked back."""
CONTRACTS_CAST = len(_CAST)
"""How many customers with contracts have their lives written down."""
_TERMS = {terms.id: terms for terms in bundled() if isinstance(terms, PostpaidTerms)}


def commands(customers: int, months: int, seed: int) -> Iterator[CommandRow]:
    """The commands of so many customers with contracts, in the order of their `at`."""
    if not customers:
        return
    feed, draws = Feed(OF_CONTRACTS), Draws(seed + _APART)
    for index, (terms, live) in enumerate(_CAST[:customers]):
        live(ContractRole(feed, index, terms))
    end = end_of(months)
    days = (end - BEGINNING) // DAY
    others = [_holder(index, days, draws) for index in range(CONTRACTS_CAST, customers)]
    life = ContractLife(feed, draws)
    for midnight in range(BEGINNING, end, DAY):
        for one in others:
            life.day(one, midnight)
        yield from feed.until(midnight + DAY)


def _holder(index: int, days: int, draws: Draws) -> Holder:
    day = draws.below(10) if draws.chance(60_000) else draws.below(days)
    id_ = HALO if draws.chance(10_000) else XE25 if day >= _NEW_TERMS_ON else SE23
    terms = _TERMS[id_]
    return Holder(
        msisdn=msisdns.with_contract(index),
        second=msisdns.with_contract(index + msisdns.SECOND) if draws.chance(15_000) else None,
        customer=msisdns.contract_holder(index),
        terms=terms,
        plan=draws.pick(terms.plans),
        habits=draws.weighted(HABITS),
        billing_day=draws.pick(terms.billing.days[:20]),
        opens_at=BEGINNING + day * DAY + draws.between(8, 20) * HOUR,
    )
