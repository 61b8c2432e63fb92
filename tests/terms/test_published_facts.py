"""Every published tariff, fee and number of days is what the terms files say, fact by fact."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from datetime import datetime

import pytest

from ledger.domain.calendar import parse_instant
from ledger.domain.money import parse_amount
from ledger.domain.prepaid.terms import PrepaidTerms
from ledger.domain.prepaid.validity import extended
from ledger.terms import bundled
from tests.shared import shared_file

BUNDLED = {terms.id: terms for terms in bundled() if isinstance(terms, PrepaidTerms)}
OF_OPERATOR = {
    "smartfren": [BUNDLED["smartfren-prepaid-2023"], BUNDLED["smartfren-prepaid-2025"]],
    "telkomsel": [BUNDLED["telkomsel-prepaid"]],
}

Check = Callable[[PrepaidTerms, str, str], None]
"""Asserts that the terms say what a fact's item and value do."""


def numbers(pattern: str, text: str) -> list[int]:
    """The numbers that a pattern finds in a fact's text; the pattern must match."""
    found = re.search(pattern, text)
    assert found, f"{text!r} no longer reads like {pattern!r}"
    return [int(group) for group in found.groups()]


def days_of(terms: PrepaidTerms, rupiah: int) -> int | None:
    """The days of exactly that denomination."""
    return next((d.days for d in terms.top_up.denominations if d.credit == rupiah * 100), None)


def denomination(terms: PrepaidTerms, item: str, value: str) -> None:
    assert [days_of(terms, int(item))] == numbers(r"^(\d+) days", value)
    if "grace" in value:
        assert [terms.grace.days] == numbers(r"grace (\d+)", value)


def denominations_in_one_row(terms: PrepaidTerms, item: str, value: str) -> None:
    amounts = [int(a) * 1000 for a in re.findall(r"(\d+)k", item)] or [int(a) for a in item.split("/")]
    days = [int(d) for d in re.findall(r"\d+", value)]
    assert [days_of(terms, amount) for amount in amounts] == (days if len(days) > 1 else days * len(amounts))
    assert len(amounts) >= 3


def longest_wins(terms: PrepaidTerms, _: str, value: str) -> None:
    left, credit, thousand, bought, stays = numbers(
        r"longest wins.*\((\d+) days left \+ (\d+)\.(\d+)/(\d+)d stays (\d+)\)", value
    )
    at = parse_instant("2023-07-03T12:00:00+07:00")
    assert days_of(terms, credit * 1000 + thousand) == bought
    end = extended(
        terms.zone,
        old_end=terms.zone.end_of_days(at, left),
        granted_at=at,
        days=bought,
        rule=terms.top_up.extension,
        cap_days=terms.cap_days(at),
    )
    assert end == terms.zone.end_of_days(at, stays)


def cumulative_with_caps(terms: PrepaidTerms, _: str, value: str) -> None:
    assert terms.top_up.extension == "cumulative"
    caps = re.findall(r"cap (\d+) days \((\d+ \w+ \d+)\)", value)
    assert len(caps) == 2
    for days, since in caps:
        day = datetime.strptime(since, "%d %b %Y").date()  # noqa: DTZ007 - a day, not an instant
        assert terms.cap_days(terms.zone.midnight(day)) == int(days)
        assert any(cap.in_force_from == day for cap in terms.top_up.caps)


def priced(service: str, destination: str, place: str = "zone1") -> Check:
    """Checks the steps of one published price."""

    def check(terms: PrepaidTerms, _: str, value: str) -> None:
        (tariff,) = terms.tariffs
        (price,) = [
            p
            for p in tariff.prices
            if p.service == service and destination in p.destinations and (not p.zones or place in p.zones)
        ]
        steps = [(step.start, step.increment, step.price) for step in price.steps]
        if service == "voice":
            found = re.fullmatch(r"([\d.]+) first 3 min then ([\d.]+) per second", value)
            assert found
            assert steps == [(0, 180, found[1]), (180, 1, found[2])]
        elif service == "sms":
            assert steps == [(0, 1, value.removesuffix(" per SMS"))]
        else:
            found = re.fullmatch(r"([\d.]+) per KB capped (\d+) per day", value)
            assert found
            assert steps == [(0, 1024, found[1])]
            assert price.daily_cap == parse_amount(found[2])

    return check


def transfer_band(terms: PrepaidTerms, item: str, value: str) -> None:
    low, high = (int(amount) * 100 for amount in item.split("-"))
    band = terms.band_of(low)
    assert band is not None
    assert (band, band.up_to) == (terms.band_of(high), high)
    assert terms.credit_transfer is not None
    assert terms.band_of(low - 100) != band or low == terms.credit_transfer.minimum
    assert [band.days] == numbers(r"recipient \+(\d+) day", value)
    if "fee not seen" not in value:
        assert [band.fee // 100] == numbers(r"^(\d+);", value)


def smartfren_transfer_limits(terms: PrepaidTerms, _: str, value: str) -> None:
    most, keeps, days = numbers(
        r"max (\d+) per transfer; sender keeps >=(\d+); sender on network >=(\d+) days", value
    )
    rule = terms.credit_transfer
    assert rule is not None
    assert (rule.bands[-1].up_to, rule.sender_keeps, rule.days_on_network) == (most * 100, keeps * 100, days)
    assert (rule.daily_count, rule.daily_amount) == (None, None)


def flat_transfer_fee(terms: PrepaidTerms, _: str, value: str) -> None:
    assert terms.credit_transfer is not None
    assert [band.fee // 100 for band in terms.credit_transfer.bands] == numbers(r"^(\d+) flat", value)


def telkomsel_transfer_limits(terms: PrepaidTerms, _: str, value: str) -> None:
    least, most, count, amount, days = numbers(
        r"(\d+)-(\d+) per tx; (\d+) tx/day; (\d+)/day; recipient validity unchanged; sender >(\d+) days",
        value,
    )
    rule = terms.credit_transfer
    assert rule is not None
    assert (rule.minimum, rule.bands[-1].up_to) == (least * 100, most * 100)
    assert (rule.daily_count, rule.daily_amount, rule.days_on_network) == (count, amount * 100, days)
    assert [band.days for band in rule.bands] == [0]


def grace_and_waiting(terms: PrepaidTerms, _: str, value: str) -> None:
    assert [terms.grace.days, terms.waiting.days] == numbers(r"(\d+) days then (\d+) days", value)


CHECKS: dict[tuple[str, str, str], Check] = {
    **{
        ("smartfren", "topup_active_period", str(thousand * 1000)): denomination
        for thousand in (5, 10, 20, 25, 50, 60, 100, 150, 200, 300, 500, 1000)
    },
    ("smartfren", "topup_rule", "accumulation"): longest_wins,
    ("smartfren", "usage_tariff", "call off-net"): priced("voice", "off-net"),
    ("smartfren", "usage_tariff", "call on-net"): priced("voice", "on-net"),
    ("smartfren", "usage_tariff", "sms"): priced("sms", "off-net"),
    ("smartfren", "usage_tariff", "data zone 1"): priced("data", "on-net"),
    ("smartfren", "usage_tariff", "data zone 2 (Kalimantan & Sulawesi)"): priced("data", "on-net", "zone2"),
    ("smartfren", "transfer_fee", "1-5000"): transfer_band,
    ("smartfren", "transfer_fee", "5001-10000"): transfer_band,
    ("smartfren", "transfer_fee", "10001-20000"): transfer_band,
    ("smartfren", "transfer_fee", "20001-50000"): transfer_band,
    ("smartfren", "transfer_rule", "50001-100000"): transfer_band,
    ("smartfren", "transfer_rule", "limits"): smartfren_transfer_limits,
    **{
        ("telkomsel", "topup_active_period", str(thousand * 1000)): denomination
        for thousand in (5, 10, 15, 20, 25, 50, 100)
    },
    (
        "telkomsel",
        "topup_active_period",
        "150000-1000000 (150k 200k 300k 500k 1000k)",
    ): denominations_in_one_row,
    ("telkomsel", "topup_active_period", "5000/10000/15000"): denominations_in_one_row,
    ("telkomsel", "topup_rule", "accumulation cap"): cumulative_with_caps,
    ("telkomsel", "grace_period", "prepaid"): grace_and_waiting,
    ("telkomsel", "transfer_fee", "any"): flat_transfer_fee,
    ("telkomsel", "transfer_rule", "limits new"): telkomsel_transfer_limits,
}

LEFT_OUT = {
    ("smartfren", "emergency_credit"): "credit on loan is no part of the terms",
    ("smartfren", "postpaid_exit"): "postpaid",
    ("smartfren", "postpaid_plan"): "postpaid",
    ("telkomsel", "active_period_package"): "packages of days without credit are no part of the terms",
    ("telkomsel", "transfer_rule"): "the older limits; the newer ones hold",
    ("telkomsel", "halo_limit"): "postpaid",
    ("telkomsel", "halo_migration"): "postpaid",
    ("telkomsel", "halo_contract_penalty"): "postpaid",
}
"""Why a fact is in no terms file, by operator and topic. Of operators without terms, no fact is."""


def facts() -> list[tuple[tuple[str, str, str], str]]:
    """((operator, topic, item), value) of every collected fact."""
    with shared_file("facts/indonesian-prepaid-facts.csv").open(encoding="utf-8", newline="") as file:
        return [((r["operator"], r["topic"], r["item"]), r["value"]) for r in csv.DictReader(file)]


@pytest.mark.parametrize("fact", CHECKS, ids=" ".join)
def test_the_terms_say_what_was_published(fact: tuple[str, str, str]) -> None:
    (value,) = [value for key, value in facts() if key == fact]
    for terms in OF_OPERATOR[fact[0]]:
        CHECKS[fact](terms, fact[2], value)


def test_every_fact_is_checked_or_left_out_for_a_reason() -> None:
    unseen = [
        key for key, _ in facts() if key[0] in OF_OPERATOR and key not in CHECKS and key[:2] not in LEFT_OUT
    ]
    assert unseen == []


def test_the_terms_have_no_denomination_that_was_not_published() -> None:
    for operator, all_terms in OF_OPERATOR.items():
        published = {
            int(amount) * (1000 if kilo else 1)
            for (of, topic, item), _ in facts()
            if (of, topic) == (operator, "topup_active_period")
            for amount, kilo in re.findall(r"\b(\d+)(k?)\b", item)
        }
        for terms in all_terms:
            assert {d.credit // 100 for d in terms.top_up.denominations} == published
