"""Use: judged by the tariff, the state and the blocks at the time of use, and paid from the credit of now."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.domain.bounds import LARGEST_TOTAL
from ledger.domain.calendar import DAY
from ledger.domain.line.commands import (
    Block,
    RecordUsage,
    ReplaceCard,
    Unblock,
)
from ledger.domain.line.events import UsageRecorded, UsageRefused
from ledger.domain.money import LARGEST_BALANCE
from ledger.domain.prepaid.commands import (
    AdjustCredit,
    ChargeCredit,
    ReserveCredit,
    TopUp,
)
from ledger.domain.prepaid.events import UsageDebited
from ledger.domain.terms import Terms
from tests.conftest import Tell
from tests.given import (
    MICROSECOND,
    NUMBER,
    SP23,
    START,
    TELKOMSEL,
    XP25,
    Story,
    at,
    day,
    event,
    rupiah,
    variant,
)

CALL = at("2023-07-20T12:00:00+07:00")
SMARTFREN = pytest.mark.parametrize("terms", [SP23, XP25])


def sms(price: str, **more: object) -> dict[str, Any]:
    """The price of an SMS to anywhere."""
    return {"service": "sms", "steps": [{"from": 0, "increment": 1, "price": price}], **more}


def tariff(since: str, *prices: dict[str, Any], version: str = "1") -> dict[str, Any]:
    return {"id": "dated", "version": version, "in_force_from": since, "prices": prices}


@pytest.mark.clause("SP23-13", "SP23-14", "XP25-10", "XP25-11")
@SMARTFREN
class TestDebit:
    @pytest.mark.parametrize(
        ("use", "charge"),
        [
            ({"service": "voice", "destination": "off-net", "quantity": 200}, "1272.60"),
            ({"service": "voice", "destination": "off-net", "quantity": 1}, "909"),
            ({"service": "voice", "destination": "on-net", "quantity": 181}, "247.45"),
            ({"service": "sms", "destination": "on-net", "quantity": 3}, "454.50"),
            ({"service": "data", "destination": "off-net", "quantity": 1025}, "4.04"),
            ({"service": "data", "destination": "off-net", "quantity": 1024, "zone": "zone2"}, "4.04"),
        ],
    )
    def test_use_is_charged_at_once_by_the_tariff_which_the_event_names(
        self, story: Story, terms: str, use: dict[str, Any], charge: str
    ) -> None:
        story.given_active(terms=terms, credit=rupiah(50000))
        story.when(RecordUsage, CALL, **use).then(
            event(
                UsageDebited,
                effective_at=CALL,
                terms=terms,
                service=use["service"],
                asked=use["quantity"],
                granted=use["quantity"],
                charge=rupiah(charge),
                tariff="smartfren-standard",
                tariff_version="undated",
                day=day("2023-07-20"),
                postings=[
                    {"account": "operator/usage", "unit": "PULSA", "amount": rupiah(charge)},
                    {"account": f"{NUMBER}#1/credit", "unit": "PULSA", "amount": -rupiah(charge)},
                ],
            )
        )
        assert story.credit() == rupiah(50000) - rupiah(charge)

    def test_credit_may_reach_exactly_zero(self, story: Story, terms: str) -> None:
        story.given_active(terms=terms, credit=rupiah("1272.60"))
        story.when(RecordUsage, CALL, quantity=200).then(event(UsageDebited, granted=200))
        assert story.credit() == 0

    def test_a_sen_less_grants_a_second_less(self, story: Story, terms: str) -> None:
        story.given_active(terms=terms, credit=rupiah("1272.59"))
        story.when(RecordUsage, CALL, quantity=200).then(
            event(UsageDebited, asked=200, granted=199, charge=rupiah("1254.42"))
        )
        assert story.credit() == rupiah("18.17")

    def test_too_little_for_one_increment_refuses_and_takes_nothing(self, story: Story, terms: str) -> None:
        story.given_active(terms=terms, credit=rupiah("908.99"))
        story.when(RecordUsage, CALL, quantity=200).refused(
            "insufficient-credit",
            event(
                UsageRefused,
                refusal="insufficient-credit",
                asked=200,
                used_at=CALL,
                effective_at=CALL,
                postings=[],
            ),
        )
        assert story.credit() == rupiah("908.99")

    def test_what_is_reserved_does_not_pay(self, story: Story, terms: str) -> None:
        story.given_active(terms=terms, credit=rupiah(1818))
        story.given(ReserveCredit, CALL, amount=rupiah(910), expires_at=CALL + DAY)
        story.when(RecordUsage, CALL + 1, quantity=1)
        assert story.outcome.code == "insufficient-credit"

    def test_use_without_a_published_tariff_is_not_eligible(self, story: Story, terms: str) -> None:
        story.given_active(terms=terms, credit=rupiah(50000))
        story.when(RecordUsage, CALL, destination="international").refused(
            "not-eligible", event(UsageRefused, refusal="not-eligible")
        )
        story.when(RecordUsage, CALL, service="data", zone="zone3").refused(
            "not-eligible", event(UsageRefused)
        )

    def test_incoming_use_is_recorded_at_no_charge_even_without_credit(
        self, story: Story, terms: str
    ) -> None:
        story.given_active(terms=terms)
        story.when(RecordUsage, CALL, direction="incoming", destination="international").then(
            event(UsageRecorded, granted=1, tariff=None, tariff_version=None, postings=[])
        )


def test_without_any_tariff_metered_use_is_not_eligible_and_incoming_use_is_recorded(story: Story) -> None:
    story.given_active(terms=TELKOMSEL, credit=rupiah(50000))
    story.when(RecordUsage, CALL).refused("not-eligible", event(UsageRefused))
    story.when(RecordUsage, CALL, direction="incoming").then(event(UsageRecorded))


@pytest.mark.clause("TS-08", "SP23-13")
class TestPricesChange:
    @pytest.fixture
    def dated(self) -> Terms:
        prices = [
            sms("100", zones=["zone1"], band={"from": "00:00", "to": "06:00"}),
            sms("200", zones=["zone1"]),
            sms("300"),
        ]
        tariffs = [tariff("2023-07-01", *prices), tariff("2023-07-20", sms("500"), version="2")]
        return variant(TELKOMSEL, tariffs=tariffs)

    @pytest.mark.parametrize(
        ("used_at", "zone", "charge", "version"),
        [
            ("2023-07-19T00:00:00+07:00", "zone1", 100, "1"),
            ("2023-07-19T05:59:59.999999+07:00", "zone1", 100, "1"),
            ("2023-07-19T06:00:00+07:00", "zone1", 200, "1"),
            ("2023-07-19T05:00:00+07:00", "zone2", 300, "1"),
            ("2023-07-19T23:59:59.999999+07:00", "zone1", 200, "1"),
            ("2023-07-20T00:00:00+07:00", "zone1", 500, "2"),
        ],
    )
    @pytest.mark.parametrize("late", [0, 12 * DAY])
    def test_by_date_by_place_and_by_time_of_day_of_the_use(
        self, tell: Tell, dated: Terms, used_at: str, zone: str, charge: int, version: str, late: int
    ) -> None:
        story = tell(dated)
        story.given_active(terms=dated.id, credit=rupiah(50000))
        story.when(RecordUsage, at(used_at) + late, used_at=at(used_at), service="sms", zone=zone).then(
            event(UsageDebited, charge=rupiah(charge), tariff="dated", tariff_version=version)
        )

    def test_before_the_first_tariff_nothing_is_published(self, tell: Tell, dated: Terms) -> None:
        story = tell(dated)
        story.given_active(terms=dated.id, credit=rupiah(50000), since="2023-06-20T00:00:00+07:00")
        moment = at("2023-07-01T00:00:00+07:00")
        story.when(RecordUsage, moment, used_at=moment - MICROSECOND, service="sms").refused(
            "not-eligible", event(UsageRefused)
        )
        story.when(RecordUsage, moment, service="sms").then(event(UsageDebited))


class TestDailyCap:
    """Data in zone1 costs 2.02 a KB and no more than 15,000 a local day."""

    MUCH = 1024 * 7425
    """14,998.50 of it."""

    def test_use_is_charged_up_to_the_cap_and_then_recorded_at_no_charge(self, story: Story) -> None:
        story.given_active(credit=rupiah(100000))
        story.when(RecordUsage, CALL, service="data", quantity=self.MUCH).then(
            event(UsageDebited, charge=rupiah("14998.50"))
        )
        story.when(RecordUsage, CALL + 1, service="data", quantity=1024).then(
            event(UsageDebited, charge=rupiah("1.50"), asked=1024, granted=1024)
        )
        story.when(RecordUsage, CALL + 2, service="data", quantity=10**9).then(
            event(
                UsageRecorded,
                asked=10**9,
                granted=10**9,
                tariff="smartfren-standard",
                tariff_version="undated",
                postings=[],
            )
        )
        assert story.credit() == rupiah(85000)

    def test_the_cap_pays_for_all_that_was_asked_for(self, story: Story) -> None:
        story.given_active(credit=rupiah(15000))
        story.when(RecordUsage, CALL, service="data", quantity=10**12).then(
            event(UsageDebited, granted=10**12, charge=rupiah(15000))
        )
        assert story.credit() == 0

    def test_credit_below_the_cap_pays_for_whole_increments_only(self, story: Story) -> None:
        story.given_active(credit=rupiah("14999.99"))
        story.when(RecordUsage, CALL, service="data", quantity=10**12).then(
            event(UsageDebited, granted=1024 * 7425, charge=rupiah("14998.50"))
        )

    def test_each_zone_and_each_local_day_has_a_cap_of_its_own(self, story: Story) -> None:
        story.given_active(credit=rupiah(200000))
        last = at("2023-07-20T23:59:59.999999+07:00")
        for used_at, zone, charge in (
            (last, "zone1", 15000),
            (last, "zone2", 30000),
            (last + MICROSECOND, "zone1", 15000),
        ):
            story.when(RecordUsage, used_at, service="data", zone=zone, quantity=10**12).then(
                event(UsageDebited, charge=rupiah(charge))
            )

    def test_late_use_counts_on_the_day_of_use(self, story: Story) -> None:
        story.given_active(credit=rupiah(200000))
        story.given(RecordUsage, CALL, service="data", quantity=10**12)
        for days in range(1, 12):
            story.given(RecordUsage, CALL + days * DAY, service="data", quantity=1024)
        moment = CALL + 12 * DAY
        story.when(RecordUsage, moment, used_at=CALL + 1, service="data", quantity=1024).then(
            event(UsageRecorded, day=day("2023-07-20"))
        )
        story.when(RecordUsage, moment, used_at=CALL + DAY, service="data", quantity=10**12).then(
            event(UsageDebited, day=day("2023-07-21"), charge=rupiah("14997.98"))
        )

    @pytest.mark.parametrize("used_at", ["2023-07-20T00:00:00+07:00", "2023-07-20T23:59:59.999999+07:00"])
    def test_it_is_remembered_for_as_long_as_use_may_come_late(self, story: Story, used_at: str) -> None:
        story.given_active(credit=rupiah(1000000))
        story.given(TopUp, at(START), credit=rupiah(1000000))
        story.given(RecordUsage, at(used_at), service="data", quantity=10**12)
        latest = at(used_at) + 30 * DAY
        for number in range(150):
            story.given(RecordUsage, latest, zone=f"place-{number}")
        story.when(RecordUsage, latest, used_at=at(used_at), service="data").then(
            event(UsageRecorded, day=day("2023-07-20"))
        )


class TestOrderOfQuestions:
    """In the future, too late, state at the time of use, blocks at the time of use, credit."""

    def test_the_first_that_fails_answers(self, story: Story) -> None:
        story.given_active()
        story.given(TopUp, CALL, credit=rupiah(10000))
        story.given(ChargeCredit, CALL, amount=rupiah(10000))
        grace = at("2023-08-05T00:00:00+07:00")
        story.given(Block, grace, scope="all")
        late = grace + 31 * DAY
        story.given(TopUp, grace + 29 * DAY, credit=rupiah(5000))
        story.when(RecordUsage, late, used_at=late + 1).refused("in-the-future", event(UsageRefused))
        story.when(RecordUsage, late, used_at=grace).refused("too-late", event(UsageRefused))
        story.when(RecordUsage, late, used_at=grace + 2 * DAY).refused("grace", event(UsageRefused))
        story.when(RecordUsage, late, used_at=late).refused("blocked", event(UsageRefused))
        story.given(Unblock, late)
        story.given(AdjustCredit, late, amount=-story.credit())
        story.when(RecordUsage, late + 1).refused("insufficient-credit", event(UsageRefused))

    def test_without_credit_a_use_that_has_no_price_is_not_eligible(self, story: Story) -> None:
        story.given_active()
        story.when(RecordUsage, CALL, destination="international").refused(
            "not-eligible", event(UsageRefused)
        )


@pytest.mark.clause("SP23-07", "XP25-05")
@SMARTFREN
def test_use_by_anybody_is_paid_and_nothing_undoes_it(story: Story, terms: str) -> None:
    """Neither a block for a stolen card nor a new card gives back what was used before."""
    story.given_active(terms=terms, credit=rupiah(50000))
    story.given(RecordUsage, CALL, quantity=600)
    used = story.balance("operator/usage")
    story.given(Block, CALL + 1, ground="lost-or-stolen")
    story.given(ReplaceCard, CALL + 2)
    story.given(Unblock, CALL + 3)
    assert used > 0
    assert story.balance("operator/usage") == used
    assert story.credit() == rupiah(50000) - used - rupiah(10000)


def test_whole_rupiah_where_the_terms_round_so(tell: Tell) -> None:
    whole = variant(SP23, rounding="rupiah")
    story = tell(whole)
    story.given_active(terms=whole.id, credit=rupiah(50000))
    story.when(RecordUsage, CALL, quantity=200).then(event(UsageDebited, charge=rupiah(1273)))


def test_an_account_counts_its_use_to_a_bound(story: Story) -> None:
    story.given_active()
    story.given(RecordUsage, CALL, destination="free", quantity=LARGEST_TOTAL - 10)
    story.when(RecordUsage, CALL, destination="free", quantity=11).refused(
        "above-maximum", event(UsageRefused, refusal="above-maximum", asked=11)
    )
    story.given(RecordUsage, CALL, destination="free", quantity=10)
    story.when(RecordUsage, CALL, direction="incoming", quantity=11).then(event(UsageRecorded))
    story.when(RecordUsage, CALL, destination="free", service="sms", quantity=11).then(event(UsageRecorded))


def test_and_what_its_use_cost(story: Story) -> None:
    story.given_active()
    story.given(AdjustCredit, CALL, amount=LARGEST_BALANCE)
    story.given(RecordUsage, CALL, service="sms", quantity=LARGEST_BALANCE)
    story.given(AdjustCredit, CALL, amount=rupiah(1000))
    story.when(RecordUsage, CALL, service="sms", quantity=1).refused(
        "above-maximum", event(UsageRefused, refusal="above-maximum")
    )
