"""Money over any history: conserved per unit, never below zero, moved as the posting table says."""

from __future__ import annotations

from collections import Counter

from hypothesis import given

from ledger.domain.line.line import Line
from ledger.domain.money import imbalance
from ledger.domain.prepaid.account import prepaid
from tests.often import often
from tests.posting_table import check_event
from tests.properties.running import events_of, log_of
from tests.properties.strategies import History, histories

FEW = often(12)


@FEW
@given(histories(largest=45))
def test_money_is_conserved_and_credit_never_below_zero_in_recorded_order(history: History) -> None:
    with log_of(history) as (ledger, _):
        ledger.execute(history.commands)
        balances: Counter[tuple[str, str]] = Counter()
        everything = events_of(ledger)
        for event in everything:
            check_event(event)
            for posting in event.postings:
                balances[posting["account"], posting["unit"]] += posting["amount"]
            for name in ("credit", "reserved", "in-transit"):
                assert balances[f"{event.account}/{name}", "PULSA"] >= 0, (event, balances)
        assert imbalance([posting for event in everything for posting in event.postings]) == {}
        in_transit = {place: left for place, left in balances.items() if place[0].endswith("in-transit")}
        assert not any(in_transit.values()), "money in transit arrived or returned"


@FEW
@given(histories(largest=45))
def test_the_accounts_state_agrees_with_the_postings(history: History) -> None:
    with log_of(history) as (ledger, _):
        ledger.execute(history.commands)
        balances: Counter[str] = Counter()
        for event in events_of(ledger):
            for posting in event.postings:
                balances[posting["account"]] += posting["amount"]
        lines = [held.subject for held in ledger._subjects._held.values() if isinstance(held.subject, Line)]
        for line in lines:
            if line.account is not None:
                account = prepaid(line.account)
                assert account.available == balances[f"{account.id}/credit"]
                assert account.reserved == balances[f"{account.id}/reserved"]
                assert account.reserved == sum(r.amount for r in account.reservations.values())
                assert not (account.is_final and account.credit)
