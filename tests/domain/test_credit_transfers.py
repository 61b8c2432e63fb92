"""Credit sent to another number: by the sender's terms, and what becomes of it on the other side."""

from __future__ import annotations

import pytest

from ledger.domain.calendar import DAY
from ledger.domain.line.commands import Block
from ledger.domain.prepaid.commands import (
    ChargeCredit,
    ReserveCredit,
    TopUp,
    TransferCredit,
)
from ledger.domain.prepaid.events import (
    CreditTransferReceived,
    CreditTransferSent,
    GraceStarted,
)
from tests.conftest import Tell
from tests.given import (
    MICROSECOND,
    NUMBER,
    OTHER,
    SP23,
    START,
    TELKOMSEL,
    XP25,
    Story,
    at,
    event,
    rupiah,
    variant,
)

BOUGHT = at(START)
NOW = at("2023-08-10T12:00:00+07:00")
"""More than 30 days after START, when smartfren lets credit be sent."""
NETWORK = BOUGHT + 30 * DAY

FREE_OF_RULES = {"bands": [{"up_to": "100000", "fee": "0"}]}


def sender(story: Story, terms: str = SP23, credit: int = 100000) -> Story:
    """An account that may send, with that much credit, active into November."""
    story.given_active(terms=terms)
    return story.given(TopUp, BOUGHT, credit=rupiah(credit))


def recipient(story: Story, terms: str = SP23, since: int = NOW - DAY) -> Story:
    return story.given_active(terms=terms, number=OTHER, since=since, customer="customer-5")


class TestSent:
    def test_amount_and_fee_leave_the_sender_and_the_amount_arrives(self, story: Story) -> None:
        recipient(sender(story))
        story.when(TransferCredit, NOW, amount=rupiah(20000), command_id="x1").then(
            event(
                CreditTransferSent,
                account=f"{NUMBER}#1",
                transfer=f"{NUMBER}#1/x1",
                to_msisdn=OTHER,
                amount=rupiah(20000),
                fee=rupiah(1500),
                days=7,
                postings=[
                    {"account": f"{NUMBER}#1/credit", "unit": "PULSA", "amount": -rupiah(21500)},
                    {"account": f"{NUMBER}#1/in-transit", "unit": "PULSA", "amount": rupiah(20000)},
                    {"account": "operator/fees", "unit": "PULSA", "amount": rupiah(1500)},
                ],
            ),
            event(
                CreditTransferReceived,
                account=f"{OTHER}#1",
                transfer=f"{NUMBER}#1/x1",
                from_account=f"{NUMBER}#1",
                amount=rupiah(20000),
                days=7,
                command_id=f"policy/{NUMBER}#1/x1",
                actor="policy",
                effective_at=NOW,
                recorded_at=NOW,
            ),
        )
        assert story.credit() == rupiah(78500)
        assert story.credit(number=OTHER) == rupiah(20000)
        assert story.balance(f"{NUMBER}#1/in-transit") == 0

    @pytest.mark.parametrize(
        ("amount", "fee", "days"),
        [
            ("1", 500, 1),
            ("5000", 500, 1),
            ("5000.01", 1000, 3),
            ("10000", 1000, 3),
            ("20000", 1500, 7),
            ("20000.01", 2000, 10),
            ("50000", 2000, 10),
            ("100000", 2500, 15),
        ],
    )
    @pytest.mark.parametrize("terms", [SP23, XP25])
    def test_fee_and_days_follow_the_band_of_the_senders_terms(
        self, story: Story, terms: str, amount: str, fee: int, days: int
    ) -> None:
        recipient(sender(story, terms, 200000))
        story.when(TransferCredit, NOW, amount=rupiah(amount)).then(
            event(CreditTransferSent, fee=rupiah(fee), days=days),
            event(CreditTransferReceived, days=days),
        )

    def test_telkomsel_charges_one_fee_and_moves_no_validity(self, story: Story) -> None:
        recipient(sender(story, TELKOMSEL), TELKOMSEL)
        before = story.account(number=OTHER).active_until
        story.when(TransferCredit, NOW, amount=rupiah(5000)).then(
            event(CreditTransferSent, fee=rupiah(1500), days=0),
            event(CreditTransferReceived, days=0, extension=None, active_until=before),
        )


class TestRefused:
    def test_to_itself(self, story: Story) -> None:
        sender(story)
        story.when(TransferCredit, NOW, to_msisdn=NUMBER, amount=rupiah(5000)).refused("not-eligible")

    def test_below_the_least_and_above_the_largest_amount(self, story: Story) -> None:
        sender(story, credit=200000)
        story.when(TransferCredit, NOW, amount=rupiah("0.99")).refused("below-minimum")
        story.when(TransferCredit, NOW, amount=rupiah("100000.01")).refused("above-maximum")

    @pytest.mark.parametrize(("early", "code"), [(MICROSECOND, "not-eligible"), (0, None)])
    def test_before_the_days_on_the_network_are_over(
        self, story: Story, early: int, code: str | None
    ) -> None:
        recipient(sender(story), since=NETWORK - DAY)
        story.when(TransferCredit, NETWORK - early, amount=rupiah(5000))
        assert story.outcome.code == code

    def test_of_more_than_is_available(self, story: Story) -> None:
        sender(story, credit=20000)
        story.given(TopUp, NOW - 15 * DAY, credit=rupiah(20000))
        story.given(ReserveCredit, NOW - DAY, amount=rupiah(20000), expires_at=NOW + DAY)
        story.when(TransferCredit, NOW, amount=rupiah("18500.01")).refused("insufficient-credit")

    def test_of_what_the_sender_must_keep(self, story: Story) -> None:
        recipient(sender(story))
        story.given(ChargeCredit, NOW, amount=rupiah(73500))
        story.when(TransferCredit, NOW, amount=rupiah("20000.01")).refused("must-keep-minimum")
        story.when(TransferCredit, NOW, amount=rupiah(20000))
        assert story.credit() == rupiah(5000)

    @pytest.mark.parametrize(
        ("scope", "code"), [("outgoing", "blocked"), ("all", "blocked"), ("data", None), ("voice", None)]
    )
    def test_like_chargeable_use_when_blocked(self, story: Story, scope: str, code: str | None) -> None:
        recipient(sender(story))
        story.given(Block, NOW, scope=scope)
        story.when(TransferCredit, NOW, amount=rupiah(5000))
        assert story.outcome.code == code

    def test_where_the_terms_have_no_transfer(self, tell: Tell) -> None:
        none = variant(SP23, credit_transfer=None)
        story = tell(none)
        sender(story, none.id)
        story.when(TransferCredit, NOW, amount=rupiah(5000)).refused("not-eligible")

    def test_of_what_is_no_multiple(self, tell: Tell) -> None:
        rounded = variant(SP23, credit_transfer=FREE_OF_RULES | {"multiple_of": "1000"})
        story = tell(rounded)
        recipient(sender(story, rounded.id))
        story.when(TransferCredit, NOW, amount=rupiah(1500)).refused("not-eligible")
        story.when(TransferCredit, NOW, amount=rupiah(2000))
        assert story.outcome.code is None

    def test_beyond_the_count_of_a_local_day(self, tell: Tell) -> None:
        twice = variant(SP23, credit_transfer=FREE_OF_RULES | {"daily_count": 2})
        story = tell(twice)
        recipient(sender(story, twice.id))
        last = at("2023-08-10T23:59:59.999999+07:00")
        for moment in (NOW, last):
            story.given(TransferCredit, moment, amount=rupiah(1000))
        story.when(TransferCredit, last, amount=rupiah(1000)).refused("limit-reached")
        story.given(TransferCredit, last + MICROSECOND, amount=rupiah(1000))

    def test_beyond_the_amount_of_a_local_day(self, tell: Tell) -> None:
        little = variant(SP23, credit_transfer=FREE_OF_RULES | {"daily_amount": "3000"})
        story = tell(little)
        recipient(sender(story, little.id))
        story.given(TransferCredit, NOW, amount=rupiah(2000))
        story.when(TransferCredit, NOW, amount=rupiah("1000.01")).refused("limit-reached")
        story.given(TransferCredit, NOW, amount=rupiah(1000))
        story.when(TransferCredit, NOW, amount=1).refused("limit-reached")
        story.given(TransferCredit, at("2023-08-11T00:00:00+07:00"), amount=rupiah(3000))

    def test_telkomsels_limits(self, story: Story) -> None:
        sender(story, TELKOMSEL, 5000000)
        story.given_active(terms=TELKOMSEL, number=OTHER, since=BOUGHT)
        ready = BOUGHT + 3 * DAY
        story.when(TransferCredit, ready - MICROSECOND, amount=rupiah(5000)).refused("not-eligible")
        story.when(TransferCredit, ready, amount=rupiah("4999.99")).refused("below-minimum")
        story.when(TransferCredit, ready, amount=rupiah("1000000.01")).refused("above-maximum")
        story.given(TransferCredit, ready, amount=rupiah(1000000))
        story.when(TransferCredit, ready, amount=rupiah(5000)).refused("limit-reached")


class TestReceived:
    @pytest.mark.clause("SP23-16")
    def test_it_moves_the_recipients_validity_by_the_days_under_the_extension_rule(
        self, story: Story
    ) -> None:
        sender(story)
        story.given_active(number=OTHER, since="2023-07-12T10:00:00+07:00")
        assert story.account(number=OTHER).active_until == at("2023-08-12T00:00:00+07:00")
        story.when(TransferCredit, NOW, amount=rupiah(5000))
        assert story.account(number=OTHER).active_until == at("2023-08-12T00:00:00+07:00")
        story.when(TransferCredit, NOW, amount=rupiah(20000)).then(
            event(CreditTransferSent, days=7),
            event(
                CreditTransferReceived,
                extension="longest",
                active_until=at("2023-08-18T00:00:00+07:00"),
            ),
        )

    def test_by_the_recipients_own_rule_where_its_terms_are_others(self, story: Story) -> None:
        recipient(sender(story), TELKOMSEL)
        before = story.account(number=OTHER).active_until
        assert before is not None
        story.when(TransferCredit, NOW, amount=rupiah(20000)).then(
            event(CreditTransferSent, terms=SP23),
            event(
                CreditTransferReceived,
                terms=TELKOMSEL,
                extension="cumulative",
                cap_days=90,
                active_until=before + 7 * DAY,
            ),
        )

    def test_in_grace_it_restores_service(self, story: Story) -> None:
        sender(story)
        story.given_active(number=OTHER, since="2023-07-05T10:00:00+07:00", credit=rupiah(40))
        story.when(TransferCredit, NOW, amount=rupiah(20000)).then(
            event(CreditTransferSent),
            event(GraceStarted, account=f"{OTHER}#1", effective_at=at("2023-08-05T00:00:00+07:00")),
            event(CreditTransferReceived, active_until=at("2023-08-18T00:00:00+07:00")),
        )
        account = story.account(number=OTHER)
        assert (account.state, account.credit) == ("active", rupiah(20040))

    def test_in_grace_without_days_it_is_taken_and_grace_goes_on(self, story: Story) -> None:
        sender(story, TELKOMSEL)
        story.given_active(terms=TELKOMSEL, number=OTHER, since="2023-07-05T10:00:00+07:00")
        story.given(TransferCredit, NOW, amount=rupiah(5000))
        account = story.account(number=OTHER)
        assert (account.state, account.credit) == ("grace", rupiah(5000))

    def test_a_blocked_recipient_takes_it(self, story: Story) -> None:
        recipient(sender(story))
        story.given(Block, NOW, msisdn=OTHER, scope="all")
        story.when(TransferCredit, NOW, amount=rupiah(5000)).then(
            event(CreditTransferSent), event(CreditTransferReceived)
        )

    def test_credit_without_validity_is_received_without_days(self, tell: Tell) -> None:
        endless = variant(SP23, top_up={}, starter_pack={})
        story = tell(endless)
        recipient(sender(story), endless.id)
        story.when(TransferCredit, NOW, amount=rupiah(20000)).then(
            event(CreditTransferSent, days=7),
            event(CreditTransferReceived, days=0, extension=None, active_until=None),
        )

    def test_a_recipient_whose_time_is_ahead_takes_it_at_its_own_time(self, story: Story) -> None:
        recipient(sender(story))
        story.given(TopUp, NOW + DAY, msisdn=OTHER, credit=rupiah(5000))
        story.when(TransferCredit, NOW, amount=rupiah(5000)).then(
            event(CreditTransferSent, recorded_at=NOW),
            event(CreditTransferReceived, recorded_at=NOW + DAY, effective_at=NOW + DAY),
        )
