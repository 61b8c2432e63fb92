"""Terms: rules looked up by date, amount, zone and time of day, and the form in which they are published."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.calendar import parse_instant
from ledger.domain.prepaid.terms import PrepaidTerms
from ledger.domain.terms_models import said_by, understood
from ledger.terms import bundled

BUNDLED = {terms.id: terms for terms in bundled() if isinstance(terms, PrepaidTerms)}
AT = parse_instant("2023-07-03T12:00:00Z")


def terms(**rules: object) -> PrepaidTerms:
    """The least terms there are, with these rules."""
    return said_by(
        PrepaidTerms,
        {
            "id": "some-terms",
            "title": "some terms",
            "document": "a document",
            "operator": "some",
            "in_force_from": "2023-01-01",
            "zone": "Asia/Jakarta",
            **rules,
        },
    )


def tariff(*prices: dict[str, Any], version: str = "1", since: str = "2023-01-01") -> dict[str, Any]:
    """A tariff of these prices."""
    return {"id": "some-tariff", "version": version, "in_force_from": since, "prices": prices}


def price(service: str, rupiah: str, **applies: object) -> dict[str, Any]:
    """A price for each unit of use."""
    return {"service": service, "steps": [{"from": 0, "increment": 1, "price": rupiah}], **applies}


def charge(of: PrepaidTerms, service: str, place: str, at: str, units: int = 1) -> int | None:
    """What use costs in sen; None where nothing is published for it."""
    found = of.price_for(service, "on-net", place, parse_instant(at))
    return found[1].charge(units) if found else None


class TestCap:
    @pytest.mark.parametrize(
        ("at", "days"),
        [
            ("1990-01-01T00:00:00+07:00", 90),
            ("2023-10-22T23:59:59+07:00", 90),
            ("2024-11-08T23:59:59.999999+07:00", 90),
            ("2024-11-09T00:00:00+07:00", 365),
            ("2030-01-01T00:00:00+07:00", 365),
        ],
    )
    def test_the_cap_on_summed_days_is_that_of_the_local_day(self, at: str, days: int) -> None:
        assert BUNDLED["telkomsel-prepaid"].cap_days(parse_instant(at)) == days

    def test_there_is_no_cap_before_the_first_or_without_any(self) -> None:
        at = parse_instant("1989-12-31T23:59:59+07:00")
        assert BUNDLED["telkomsel-prepaid"].cap_days(at) is None
        assert BUNDLED["smartfren-prepaid-2023"].cap_days(at) is None


class TestPrices:
    @pytest.mark.clause("SP23-13", "TS-08")
    @pytest.mark.parametrize(
        ("at", "version"),
        [
            ("2023-01-01T00:00:00+07:00", "1"),
            ("2024-02-29T23:59:59.999999+07:00", "1"),
            ("2024-03-01T00:00:00+07:00", "2"),
            ("2022-12-31T23:59:59.999999+07:00", None),
        ],
    )
    def test_a_use_has_the_tariff_in_force_when_it_began(self, at: str, version: str | None) -> None:
        dated = terms(
            tariffs=[tariff(price("sms", "1")), tariff(price("sms", "2"), version="2", since="2024-03-01")]
        )
        found = dated.tariff_at(parse_instant(at))
        assert (found.version if found else None) == version
        assert charge(dated, "sms", "", at) == (int(version) * 100 if version else None)

    @pytest.mark.clause("TS-08")
    def test_a_price_is_that_of_the_zone_and_the_local_time_of_day(self) -> None:
        night = {"from": "22:00", "to": "06:00"}
        of_zones = terms(
            tariffs=[
                tariff(
                    price("data", "1", zones=["zone1"], band=night),
                    price("data", "2", zones=["zone1"]),
                    price("data", "4", zones=["zone2"]),
                )
            ]
        )
        clocks = ("21:59:59", "22:00:00", "00:00:00", "05:59:59", "06:00:00")
        charges = [charge(of_zones, "data", "zone1", f"2023-07-03T{clock}+07:00") for clock in clocks]
        assert charges == [200, 100, 100, 100, 200]
        assert charge(of_zones, "data", "zone2", "2023-07-03T23:00:00+07:00") == 400
        assert charge(of_zones, "data", "zone3", "2023-07-03T23:00:00+07:00") is None
        assert charge(of_zones, "voice", "zone1", "2023-07-03T23:00:00+07:00") is None

    @pytest.mark.parametrize("terms_id", ["smartfren-prepaid-2023", "smartfren-prepaid-2025"])
    @pytest.mark.parametrize("service", ["voice", "sms", "data"])
    def test_no_international_use_has_a_published_smartfren_price(self, terms_id: str, service: str) -> None:
        for destination in ("on-net", "off-net"):
            assert BUNDLED[terms_id].price_for(service, destination, "zone1", AT) is not None
        assert BUNDLED[terms_id].price_for(service, "international", "zone1", AT) is None

    def test_telkomsel_publishes_no_usage_price(self) -> None:
        assert BUNDLED["telkomsel-prepaid"].price_for("sms", "on-net", "zone1", AT) is None

    def test_terms_may_round_to_whole_rupiah(self) -> None:
        whole = terms(rounding="rupiah", tariffs=[tariff(price("sms", "151.5"))])
        charges = [charge(whole, "sms", "", "2023-07-03T12:00:00Z", n) for n in (1, 2)]
        assert charges == [15_200, 30_300]

    @given(st.decimals(0, 10**6, places=8))
    def test_a_price_is_the_exact_number_that_is_written(self, number: object) -> None:
        of_terms = terms(tariffs=[tariff(price("sms", f"{number:f}"))])
        prices = of_terms.rated_tariffs[0].prices[0].prices
        assert Fraction(prices.steps[0].numerator, prices.denominator) == Fraction(f"{number:f}") * 100


class TestAmounts:
    def test_an_amount_between_denominations_buys_the_days_of_the_lower_one(self) -> None:
        bought = BUNDLED["smartfren-prepaid-2023"].days_of
        assert [bought(sen) for sen in (499_999, 500_000, 999_999, 1_000_000, 10**12)] == [
            None,
            7,
            7,
            15,
            360,
        ]

    def test_a_transfer_belongs_to_the_first_band_that_reaches_it(self) -> None:
        band_of = BUNDLED["smartfren-prepaid-2023"].band_of
        found = [band_of(sen) for sen in (1, 500_000, 500_001, 5_000_001, 10_000_000, 10_000_001)]
        assert [band and band.fee // 100 for band in found] == [500, 500, 1000, 2500, 2500, None]

    def test_terms_without_credit_transfer_have_no_band(self) -> None:
        assert terms().band_of(1) is None

    def test_credit_ends_only_where_denominations_or_a_first_period_say_so(self) -> None:
        assert not terms().has_validity
        assert terms(starter_pack={"days": 30}).has_validity
        assert terms(top_up={"denominations": [{"credit": "1", "days": 1}]}).has_validity


class TestResolvedTerms:
    @pytest.mark.parametrize("terms_id", list(BUNDLED))
    def test_what_is_published_reads_back_as_the_same_terms(self, terms_id: str) -> None:
        first = BUNDLED[terms_id]
        again = understood(first.content, terms_id)
        assert isinstance(again, PrepaidTerms)
        assert again.top_up.denominations == first.top_up.denominations
        assert [t.prices[0].steps for t in again.tariffs] == [t.prices[0].steps for t in first.tariffs]
        assert (again.content, again.digest) == (first.content, first.digest)

    def test_defaults_are_part_of_what_is_published(self) -> None:
        content = json.loads(terms().content)
        assert content["reversal_days"] == 30
        assert content["waiting"] == {"clause": None, "days": 0, "minimum": "0"}
        assert terms(reversal_days=30).digest == terms().digest
        assert terms(reversal_days=31).digest != terms().digest

    def test_where_a_value_was_published_is_no_rule(self) -> None:
        assert terms(grace={"days": 1, "source": "a page"}).digest == terms(grace={"days": 1}).digest
