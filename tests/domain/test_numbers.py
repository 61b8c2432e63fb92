"""The number: it belongs to the operator and outlives its accounts."""

from __future__ import annotations

import pytest

from ledger.domain.calendar import DAY
from ledger.domain.line.commands import (
    AdvanceTime,
    Block,
    DecideRightsTransfer,
    RecordUsage,
    RequestRightsTransfer,
    Terminate,
    Unblock,
)
from ledger.domain.line.events import NumberAvailable, NumberQuarantined, Terminated
from ledger.domain.prepaid.commands import (
    Activate,
    IssueStarterPack,
    ReclaimNumber,
    ReserveCredit,
    ReverseTopUp,
    TopUp,
)
from ledger.domain.prepaid.events import (
    Activated,
    CreditForfeited,
    NumberReclaimed,
    ReservationReleased,
    StarterPackIssued,
)
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

NOW = at("2023-07-20T12:00:00+07:00")
CLOSED = at("2024-01-30T00:00:00+07:00")
AVAILABLE = at("2024-07-28T00:00:00+07:00")
"""An account that nobody touched since START is deactivated, and 180 days later its number is available."""

SMARTFREN = pytest.mark.parametrize("terms", [SP23, XP25])
ALL_TERMS = pytest.mark.parametrize("terms", [SP23, XP25, TELKOMSEL])


@pytest.mark.clause("SP23-04", "SP23-12", "SP23-21", "XP25-09")
@SMARTFREN
class TestQuarantine:
    def test_it_begins_when_the_account_is_deactivated(self, story: Story, terms: str) -> None:
        story.given_active(terms=terms)
        story.when(AdvanceTime, CLOSED)
        quarantined = story.new[-1]
        assert isinstance(quarantined, NumberQuarantined)
        assert quarantined == NumberQuarantined(
            account=NUMBER,
            version=1,
            effective_at=CLOSED,
            recorded_at=CLOSED,
            terms=terms,
            clause="SP23-12" if terms == SP23 else "XP25-09",
            command_id=f"due/{NUMBER}/NumberQuarantined/2024-01-29T17:00:00Z",
            command_digest=None,
            actor="clock",
            postings=[],
            msisdn=NUMBER,
            generation=1,
            customer="customer-1",
            available_at=AVAILABLE,
        )
        assert story.line().number_state == "quarantined"

    @pytest.mark.parametrize(
        ("ended", "available"),
        [
            ("2023-07-20T00:00:00+07:00", "2024-01-16T00:00:00+07:00"),
            ("2023-07-20T00:00:00.000001+07:00", "2024-01-17T00:00:00+07:00"),
            ("2023-07-20T23:59:59.999999+07:00", "2024-01-17T00:00:00+07:00"),
        ],
    )
    def test_it_lasts_whole_days_and_ends_at_midnight(
        self, story: Story, terms: str, ended: str, available: str
    ) -> None:
        story.given_active(terms=terms)
        story.when(Terminate, at(ended)).then(
            event(Terminated),
            event(NumberQuarantined, effective_at=at(ended), available_at=at(available)),
        )

    def test_nobody_gets_the_number_before_its_end(self, story: Story, terms: str) -> None:
        story.given_active(terms=terms)
        story.given(AdvanceTime, CLOSED)
        later = {"terms": terms, "valid_until": day("2030-12-31")}
        story.when(IssueStarterPack, CLOSED, **later).refused("number-not-available")
        story.when(IssueStarterPack, AVAILABLE - MICROSECOND, **later).refused("number-not-available")
        story.when(IssueStarterPack, AVAILABLE, **later).then(
            event(
                NumberAvailable,
                account=NUMBER,
                version=2,
                effective_at=AVAILABLE,
                generation=1,
                customer="customer-1",
            ),
            event(StarterPackIssued, account=f"{NUMBER}#2", version=1, generation=2),
        )

    def test_the_next_account_starts_from_zero_and_sees_nothing_of_the_one_before(
        self, story: Story, terms: str
    ) -> None:
        story.given_active(terms=terms, credit=rupiah(9000))
        story.given(TopUp, NOW, credit=rupiah(5000), command_id="t1")
        story.given(RecordUsage, NOW, quantity=200)
        story.given(Block, NOW, block="b1")
        story.given(RequestRightsTransfer, NOW)
        story.given(Terminate, NOW + 1)
        free = at("2024-01-17T00:00:00+07:00")
        story.given(IssueStarterPack, free, terms=terms, printed_credit=rupiah(50))
        story.given(Activate, free, customer="customer-9")
        account = story.account()
        assert (account.id, account.version, account.credit) == (f"{NUMBER}#2", 2, rupiah(50))
        assert (account.blocks, account.requests, account.usage.charged) == ({}, {}, 0)
        story.when(ReverseTopUp, free, reverses="t1").refused("unknown-top-up")
        story.when(Unblock, free, block="b1").refused("unknown-block")
        story.when(DecideRightsTransfer, free).refused("unknown-request")

    def test_one_that_nobody_asked_for_for_years_is_freed_at_its_exact_instant(
        self, story: Story, terms: str
    ) -> None:
        story.given_active(terms=terms)
        moment = AVAILABLE + 1000 * DAY
        story.when(AdvanceTime, moment)
        assert [x.name for x in story.new][-3:] == ["Deactivated", "NumberQuarantined", "NumberAvailable"]
        assert [x.effective_at for x in story.new][-3:] == [CLOSED, CLOSED, AVAILABLE]
        assert story.line().number_state == "available"


@ALL_TERMS
def test_a_number_never_seen_is_available(story: Story, terms: str) -> None:
    story.when(IssueStarterPack, NOW, terms=terms).then(event(StarterPackIssued, generation=1))


def test_time_passes_over_a_number_never_seen_without_a_trace(story: Story) -> None:
    story.when(AdvanceTime, NOW).then()
    assert story.of_number(NUMBER) == []


def test_generations_count_up(story: Story) -> None:
    moment = at(START)
    for generation in range(1, 5):
        story.when(IssueStarterPack, moment, valid_until=day("2030-01-01")).then(
            *([event(NumberAvailable)] if generation > 1 else []),
            event(StarterPackIssued, generation=generation, account=f"{NUMBER}#{generation}"),
        )
        story.given(Activate, moment)
        story.given(Terminate, moment)
        moment += 181 * DAY
        story.reopen()


@pytest.mark.clause("SP23-06", "XP25-04")
@SMARTFREN
class TestReclaim:
    @pytest.mark.parametrize("moment", [CLOSED, AVAILABLE - MICROSECOND])
    def test_a_quarantined_number_goes_back_to_its_last_holder_for_the_fee(
        self, story: Story, terms: str, moment: int
    ) -> None:
        story.given_active(terms=terms, credit=rupiah(9000))
        story.given(AdvanceTime, CLOSED)
        story.when(ReclaimNumber, moment, terms=terms, decided_by="staff-3").then(
            event(
                NumberReclaimed,
                account=f"{NUMBER}#2",
                version=1,
                terms=terms,
                clause="SP23-06" if terms == SP23 else "XP25-04",
                generation=2,
                customer="customer-1",
                decided_by="staff-3",
                fee=rupiah(25000),
                postings=[
                    {"account": "operator/cash", "unit": "IDR", "amount": rupiah(25000)},
                    {"account": "operator/fees", "unit": "IDR", "amount": -rupiah(25000)},
                ],
            )
        )
        account = story.account()
        assert (account.state, account.credit, account.holder) == ("inactive", 0, "customer-1")

    @pytest.mark.parametrize("moment", [AVAILABLE, AVAILABLE + 400 * DAY])
    def test_so_does_an_available_one(self, story: Story, terms: str, moment: int) -> None:
        story.given_active(terms=terms)
        story.given(AdvanceTime, CLOSED)
        story.when(ReclaimNumber, moment, terms=terms).then(
            event(NumberAvailable, effective_at=AVAILABLE), event(NumberReclaimed, generation=2)
        )

    def test_its_new_account_is_activated_like_any_other(self, story: Story, terms: str) -> None:
        story.given_active(terms=terms)
        story.given(Terminate, NOW)
        story.given(ReclaimNumber, NOW + 1, terms=terms)
        story.when(TopUp, NOW + 2, credit=rupiah(5000)).refused("not-active")
        story.when(Activate, NOW + 3).then(
            event(Activated, credit=0, postings=[], active_until=at("2023-08-20T00:00:00+07:00"))
        )

    def test_it_waits_for_its_activation_without_end(self, story: Story, terms: str) -> None:
        story.given_active(terms=terms)
        story.given(Terminate, NOW)
        story.given(ReclaimNumber, NOW + 1, terms=terms)
        story.when(AdvanceTime, NOW + 3000 * DAY).then()

    def test_only_the_last_holder_may_have_it(self, story: Story, terms: str) -> None:
        story.given_active(terms=terms)
        story.given(Terminate, NOW)
        story.when(ReclaimNumber, NOW + 1, terms=terms, customer="customer-2").refused("not-eligible")

    def test_the_last_holder_is_the_one_whom_the_rights_passed_to(self, story: Story, terms: str) -> None:
        story.given_active(terms=terms)
        story.given(RequestRightsTransfer, NOW, to_customer="customer-2")
        story.given(DecideRightsTransfer, NOW)
        story.given(Terminate, NOW)
        story.when(ReclaimNumber, NOW + 1, terms=terms, customer="customer-1").refused("not-eligible")
        story.when(ReclaimNumber, NOW + 1, terms=terms, customer="customer-2").then(event(NumberReclaimed))

    def test_a_pack_that_nobody_activated_leaves_the_last_holder_as_he_was(
        self, story: Story, terms: str
    ) -> None:
        story.given_active(terms=terms)
        story.given(AdvanceTime, AVAILABLE)
        story.given(IssueStarterPack, AVAILABLE, terms=terms, valid_until=day("2024-07-28"))
        story.given(AdvanceTime, AVAILABLE + DAY)
        story.when(ReclaimNumber, AVAILABLE + DAY, terms=terms).then(
            event(NumberReclaimed, generation=3, customer="customer-1")
        )

    def test_not_while_another_customer_has_it(self, story: Story, terms: str) -> None:
        story.given_active(terms=terms)
        story.when(ReclaimNumber, NOW, terms=terms).refused("number-not-available")
        story.given(AdvanceTime, AVAILABLE)
        story.given(IssueStarterPack, AVAILABLE, terms=terms)
        story.when(ReclaimNumber, AVAILABLE, terms=terms).refused("number-not-available")
        story.given(Activate, AVAILABLE, customer="customer-2")
        story.when(ReclaimNumber, AVAILABLE, terms=terms).refused("number-not-available")

    def test_not_without_the_operators_consent(self, story: Story, terms: str) -> None:
        story.given_active(terms=terms)
        story.given(Terminate, NOW)
        story.when(ReclaimNumber, NOW, terms=terms, decision="refused").refused("approval-required")
        assert story.balance("operator/fees", "IDR") == 0

    @pytest.mark.parametrize(
        ("paid", "code"),
        [(None, None), ("25000", None), ("24999.99", "below-minimum"), ("25000.01", "above-maximum")],
    )
    def test_not_without_exactly_the_fee(
        self, story: Story, terms: str, paid: str | None, code: str | None
    ) -> None:
        story.given_active(terms=terms)
        story.given(Terminate, NOW)
        fee = None if paid is None else rupiah(paid)
        story.when(ReclaimNumber, NOW, terms=terms, fee_paid=fee)
        assert story.outcome.code == code

    def test_a_number_that_had_no_holder_goes_back_to_nobody(self, story: Story, terms: str) -> None:
        story.when(ReclaimNumber, NOW, terms=terms).refused("not-eligible")
        story.given(IssueStarterPack, NOW, terms=terms, valid_until=day("2023-07-20"))
        story.given(AdvanceTime, NOW + DAY)
        story.when(ReclaimNumber, NOW + DAY, terms=terms).refused("not-eligible")


def test_where_the_terms_charge_nothing_a_reclaim_moves_nothing(story: Story) -> None:
    story.given_active(terms=TELKOMSEL)
    story.given(Terminate, NOW, ground="b")
    story.when(ReclaimNumber, NOW, terms=TELKOMSEL).then(event(NumberReclaimed, fee=0, postings=[]))


class TestTerminate:
    @pytest.mark.clause("SP23-22", "SP23-24", "XP25-18", "TS-11")
    @ALL_TERMS
    @pytest.mark.parametrize("state", ["active", "grace", "waiting"])
    def test_it_ends_any_live_account_and_forfeits_what_is_left(
        self, story: Story, terms: str, state: str
    ) -> None:
        days = {"active": 0, "grace": 14, "waiting": 44}[state]
        moment = NOW + days * DAY
        story.given_active(terms=terms, credit=rupiah(9000))
        story.given(AdvanceTime, moment)
        assert story.state() == state
        left = [] if (terms, state) == (XP25, "waiting") else [event(CreditForfeited, cause="terminated")]
        story.when(Terminate, moment, ground="b").then(
            *left,
            event(Terminated, effective_at=moment, ground="b"),
            event(NumberQuarantined, effective_at=moment),
        )
        assert (story.state(), story.credit()) == ("terminated", 0)
        assert story.balance("operator/breakage") == rupiah(9000)

    @pytest.mark.clause("SP23-12")
    def test_reservations_are_released_first(self, story: Story) -> None:
        story.given_active(credit=rupiah(9000))
        for name, expires_at in (("r2", NOW + DAY), ("r1", NOW + DAY), ("r3", NOW + 1)):
            story.given(ReserveCredit, NOW, reservation=name, amount=rupiah(1000), expires_at=expires_at)
        story.when(Terminate, NOW).then(
            event(ReservationReleased, reservation="r3", cause="terminated"),
            event(ReservationReleased, reservation="r1", cause="terminated"),
            event(ReservationReleased, reservation="r2", cause="terminated"),
            event(CreditForfeited, amount=rupiah(9000), cause="terminated"),
            event(Terminated),
            event(NumberQuarantined),
        )

    def test_a_blocked_account_too_and_its_blocks_end_with_it(self, story: Story) -> None:
        story.given_active()
        story.given(Block, NOW, scope="all", ground="f")
        story.when(Terminate, NOW, ground="f").then(event(Terminated), event(NumberQuarantined))
        story.when(Unblock, NOW).refused("terminated")

    def test_it_ends_once(self, story: Story) -> None:
        story.given_active()
        story.given(Terminate, NOW)
        story.when(Terminate, NOW).refused("terminated")

    def test_its_quarantine_follows_its_terms(self, tell: Tell) -> None:
        quick = variant(SP23, quarantine={"days": 0})
        story = tell(quick)
        story.given_active(terms=quick.id)
        midnight = at("2023-07-21T00:00:00+07:00")
        story.when(Terminate, midnight).then(
            event(Terminated),
            event(NumberQuarantined, available_at=midnight),
            event(NumberAvailable, effective_at=midnight),
        )
