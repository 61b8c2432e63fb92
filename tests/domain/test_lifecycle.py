"""Active, grace, waiting, deactivated: every period ends at its exact instant, whoever notices when."""

from __future__ import annotations

import pytest

from ledger.domain.calendar import DAY
from ledger.domain.commands import Command
from ledger.domain.line.commands import (
    AdvanceTime,
    Block,
    DecideRightsTransfer,
    MigrateTerms,
    RecordUsage,
    ReplaceCard,
    RequestRightsTransfer,
    Terminate,
    Unblock,
)
from ledger.domain.line.events import NumberQuarantined, UsageRecorded, UsageRefused
from ledger.domain.prepaid.commands import (
    Activate,
    AdjustCredit,
    CaptureReservation,
    ChargeCredit,
    ReleaseReservation,
    ReserveCredit,
    ReverseTopUp,
    TopUp,
    TransferCredit,
)
from ledger.domain.prepaid.events import (
    CreditForfeited,
    CreditToppedUp,
    Deactivated,
    GraceStarted,
    ServiceRestored,
    WaitingStarted,
)
from tests.conftest import Tell
from tests.given import (
    MICROSECOND,
    NUMBER,
    SP23,
    START,
    TELKOMSEL,
    XP25,
    Expected,
    Story,
    at,
    event,
    rupiah,
    variant,
)

GRACE = at("2023-08-03T00:00:00+07:00")
WAITING = at("2023-09-02T00:00:00+07:00")
CLOSED = at("2024-01-30T00:00:00+07:00")
CLOSED_AT_TELKOMSEL = at("2024-02-24T00:00:00+07:00")
"""The boundaries of an account activated at START and never topped up."""

SMARTFREN = pytest.mark.parametrize("terms", [SP23, XP25])
ALL_TERMS = pytest.mark.parametrize("terms", [SP23, XP25, TELKOMSEL])


def closed(terms: str) -> int:
    return CLOSED_AT_TELKOMSEL if terms == TELKOMSEL else CLOSED


@pytest.mark.clause("SP23-18", "XP25-14")
@ALL_TERMS
class TestGrace:
    def test_it_starts_at_the_exact_end_of_the_active_period(self, story: Story, terms: str) -> None:
        story.given_active(terms=terms, credit=rupiah(5000))
        story.when(AdvanceTime, GRACE - MICROSECOND).then()
        assert story.state() == "active"
        story.when(AdvanceTime, GRACE).then(
            event(
                GraceStarted,
                effective_at=GRACE,
                recorded_at=GRACE,
                grace_until=WAITING,
                command_id=f"due/{NUMBER}#1/GraceStarted/2023-08-02T17:00:00Z",
                actor="clock",
                command_digest=None,
                postings=[],
            )
        )
        assert (story.state(), story.credit()) == ("grace", rupiah(5000))

    @pytest.mark.parametrize("late", [MICROSECOND, 29 * DAY])
    def test_whoever_notices_late_finds_the_same_instant(self, story: Story, terms: str, late: int) -> None:
        story.given_active(terms=terms)
        story.when(AdvanceTime, GRACE + late).then(
            event(GraceStarted, effective_at=GRACE, recorded_at=GRACE + late, grace_until=WAITING)
        )

    @pytest.mark.parametrize("moment", [GRACE, GRACE + MICROSECOND, WAITING - MICROSECOND])
    def test_a_top_up_within_it_restores_service_and_keeps_credit(
        self, story: Story, terms: str, moment: int
    ) -> None:
        story.given_active(terms=terms, credit=rupiah(700))
        story.when(TopUp, moment, credit=rupiah(5000)).then(
            event(GraceStarted, effective_at=GRACE),
            event(CreditToppedUp, effective_at=moment, days=7),
        )
        account = story.account()
        assert (account.state, account.credit, account.grace_until) == ("active", rupiah(5700), None)
        assert account.active_until == story.book[terms].zone.end_of_days(moment, 7)

    def test_the_smallest_denomination_is_asked_in_it_too(self, story: Story, terms: str) -> None:
        story.given_active(terms=terms)
        story.when(TopUp, GRACE, credit=rupiah("4999.99")).refused(
            "below-minimum", event(GraceStarted, effective_at=GRACE)
        )

    def test_days_bought_in_it_count_from_the_purchase(self, story: Story, terms: str) -> None:
        story.given_active(terms=terms)
        story.given(TopUp, at("2023-08-20T23:59:59.999999+07:00"), credit=rupiah(5000))
        assert story.account().active_until == at("2023-08-28T00:00:00+07:00")


@pytest.mark.clause("SP23-17", "XP25-14")
@SMARTFREN
class TestUseInGrace:
    @pytest.mark.parametrize(
        ("service", "destination"),
        [("voice", "on-net"), ("voice", "off-net"), ("sms", "off-net"), ("data", "on-net")],
    )
    def test_chargeable_outgoing_use_is_refused(
        self, story: Story, terms: str, service: str, destination: str
    ) -> None:
        story.given_active(terms=terms, credit=rupiah(50000))
        story.when(RecordUsage, GRACE, service=service, destination=destination).refused(
            "grace",
            event(GraceStarted),
            event(UsageRefused, refusal="grace", effective_at=GRACE, service=service, asked=1),
        )
        assert story.credit() == rupiah(50000)

    @pytest.mark.parametrize("service", ["voice", "sms", "data"])
    @pytest.mark.parametrize(
        "free", [{"direction": "incoming"}, {"direction": "outgoing", "destination": "free"}]
    )
    def test_incoming_and_free_use_goes_on(
        self, story: Story, terms: str, service: str, free: dict[str, str]
    ) -> None:
        story.given_active(terms=terms, credit=rupiah(50000))
        story.when(RecordUsage, WAITING - MICROSECOND, service=service, quantity=7, **free).then(
            event(GraceStarted),
            event(UsageRecorded, service=service, asked=7, granted=7, tariff=None, postings=[]),
        )
        assert story.credit() == rupiah(50000)

    @pytest.mark.parametrize(
        ("command", "fields"),
        [
            (ChargeCredit, {"amount": 1}),
            (ReserveCredit, {"amount": 1, "expires_at": WAITING}),
            (TransferCredit, {"amount": rupiah(5000)}),
        ],
        ids=["charge", "reserve", "transfer"],
    )
    def test_what_spends_credit_is_refused_alike(
        self, story: Story, terms: str, command: type[Command], fields: dict[str, object]
    ) -> None:
        story.given_active(terms=terms, credit=rupiah(50000))
        story.when(command, GRACE, **fields).refused("grace", event(GraceStarted))


@pytest.mark.clause("SP23-19", "XP25-15")
@ALL_TERMS
class TestWaiting:
    def test_it_starts_at_the_exact_end_of_grace(self, story: Story, terms: str) -> None:
        story.given_active(terms=terms)
        story.given(AdvanceTime, GRACE)
        story.when(AdvanceTime, WAITING - MICROSECOND).then()
        story.when(AdvanceTime, WAITING).then(
            event(WaitingStarted, effective_at=WAITING, waiting_until=closed(terms))
        )
        assert story.state() == "waiting"

    @pytest.mark.parametrize("direction", ["outgoing", "incoming"])
    @pytest.mark.parametrize("destination", ["on-net", "free"])
    def test_there_is_no_use_in_either_direction(
        self, story: Story, terms: str, direction: str, destination: str
    ) -> None:
        story.given_active(terms=terms)
        story.given(AdvanceTime, WAITING)
        story.when(RecordUsage, WAITING, direction=direction, destination=destination).refused(
            "waiting", event(UsageRefused, refusal="waiting")
        )

    @pytest.mark.parametrize("credit", ["0.01", "4999.99"])
    def test_a_top_up_under_the_minimum_is_refused_and_nothing_taken(
        self, story: Story, terms: str, credit: str
    ) -> None:
        story.given_active(terms=terms, credit=rupiah(700))
        story.given(AdvanceTime, WAITING)
        before = story.credit()
        story.when(TopUp, WAITING, credit=rupiah(credit)).refused("below-minimum")
        assert (story.state(), story.credit()) == ("waiting", before)
        assert story.balance("operator/cash", "IDR") == 0

    @pytest.mark.parametrize("early", [0, MICROSECOND])
    def test_one_of_the_minimum_brings_the_number_back_until_the_last_microsecond(
        self, story: Story, terms: str, early: int
    ) -> None:
        story.given_active(terms=terms)
        story.given(AdvanceTime, WAITING)
        moment = closed(terms) - MICROSECOND if early else WAITING
        until = story.book[terms].zone.end_of_days(moment, 7)
        story.when(TopUp, moment, credit=rupiah(5000)).then(
            event(CreditToppedUp, days=7, active_until=until),
            event(ServiceRestored, effective_at=moment, active_until=until),
        )
        account = story.account()
        assert (account.state, account.waiting_until, account.active_until) == ("active", None, until)


def test_the_waiting_minimum_may_lie_above_the_smallest_denomination(tell: Tell) -> None:
    dearer = variant(SP23, waiting={"days": 150, "minimum": "10000"})
    story = tell(dearer)
    story.given_active(terms=dearer.id)
    story.given(AdvanceTime, WAITING)
    story.when(TopUp, WAITING, credit=rupiah("9999.99")).refused("below-minimum")
    story.when(TopUp, WAITING, credit=rupiah(10000)).then(event(CreditToppedUp), event(ServiceRestored))


@pytest.mark.clause("SP23-21", "XP25-17")
@ALL_TERMS
class TestDeactivation:
    def test_it_comes_at_the_exact_end_of_the_waiting_period(self, story: Story, terms: str) -> None:
        story.given_active(terms=terms)
        story.given(AdvanceTime, WAITING)
        story.when(AdvanceTime, closed(terms) - MICROSECOND).then()
        story.when(AdvanceTime, closed(terms)).then(
            event(Deactivated, effective_at=closed(terms)),
            event(NumberQuarantined, effective_at=closed(terms), customer="customer-1"),
        )
        assert story.state() == "deactivated"

    @pytest.mark.parametrize("late", [0, MICROSECOND])
    def test_a_top_up_comes_too_late_from_that_instant_on(self, story: Story, terms: str, late: int) -> None:
        story.given_active(terms=terms)
        story.when(TopUp, closed(terms) + late, credit=rupiah(50000))
        assert story.outcome.code == "deactivated"
        assert story.credit() == 0

    def test_every_later_movement_is_refused(self, story: Story, terms: str) -> None:
        story.given_active(terms=terms, credit=rupiah(9000))
        story.given(AdvanceTime, closed(terms))
        later = closed(terms) + DAY
        movements: list[tuple[type[Command], dict[str, object]]] = [
            (Activate, {}),
            (TopUp, {"credit": rupiah(5000)}),
            (ReverseTopUp, {"reverses": "t1"}),
            (ChargeCredit, {"amount": 1}),
            (ReserveCredit, {"amount": 1, "expires_at": later + DAY}),
            (CaptureReservation, {"amount": 1}),
            (ReleaseReservation, {}),
            (Block, {}),
            (Unblock, {}),
            (ReplaceCard, {}),
            (RequestRightsTransfer, {}),
            (DecideRightsTransfer, {}),
            (TransferCredit, {"amount": rupiah(5000)}),
            (AdjustCredit, {"amount": 1}),
            (MigrateTerms, {"terms": XP25}),
            (Terminate, {}),
        ]
        for command, fields in movements:
            story.when(command, later, **fields).refused("deactivated")
        story.when(RecordUsage, later).refused("deactivated", event(UsageRefused))
        assert story.credit() == 0


@pytest.mark.clause("SP23-18", "SP23-19", "SP23-21", "XP25-14", "XP25-15", "XP25-17")
@ALL_TERMS
def test_half_a_year_that_nobody_looked_at_unfolds_at_once_each_transition_at_its_instant(
    story: Story, terms: str
) -> None:
    story.given_active(terms=terms, credit=rupiah(700))
    moment = closed(terms) + 3 * DAY
    forfeited = event(CreditForfeited, amount=rupiah(700))
    at_waiting: list[Expected] = [forfeited] if terms == XP25 else []
    at_closing: list[Expected] = [] if terms == XP25 else [forfeited]
    story.when(TopUp, moment, credit=rupiah(5000)).refused(
        "deactivated",
        event(GraceStarted, effective_at=GRACE, recorded_at=moment),
        *at_waiting,
        event(WaitingStarted, effective_at=WAITING, recorded_at=moment),
        *at_closing,
        event(Deactivated, effective_at=closed(terms), recorded_at=moment),
        event(NumberQuarantined, effective_at=closed(terms), recorded_at=moment),
    )


@pytest.mark.clause("SP23-23")
@SMARTFREN
def test_a_block_stops_no_clock(story: Story, terms: str) -> None:
    story.given_active(terms=terms)
    story.given(Block, at(START) + 1, scope="all", ground="b")
    story.when(AdvanceTime, CLOSED).then(
        event(GraceStarted, effective_at=GRACE),
        event(WaitingStarted, effective_at=WAITING),
        event(Deactivated, effective_at=CLOSED),
        event(NumberQuarantined),
    )


def test_periods_without_days_pass_at_one_instant(tell: Tell) -> None:
    sudden = variant(SP23, grace={"days": 0}, waiting={"days": 0})
    story = tell(sudden)
    story.given_active(terms=sudden.id, credit=rupiah(100))
    story.when(AdvanceTime, GRACE).then(
        event(GraceStarted, effective_at=GRACE, grace_until=GRACE),
        event(WaitingStarted, effective_at=GRACE, waiting_until=GRACE),
        event(CreditForfeited, effective_at=GRACE, cause="deactivated"),
        event(Deactivated, effective_at=GRACE),
        event(NumberQuarantined, effective_at=GRACE),
    )


@pytest.mark.parametrize(
    ("activated", "grace", "waiting", "closes"),
    [
        ("2023-12-30T12:00:00+07:00", "2024-01-30", "2024-02-29", "2024-07-28"),
        ("2024-01-29T12:00:00+07:00", "2024-02-29", "2024-03-30", "2024-08-27"),
        ("2022-12-31T23:59:59.999999+07:00", "2023-01-31", "2023-03-02", "2023-07-30"),
        ("2023-01-01T00:00:00+07:00", "2023-02-01", "2023-03-03", "2023-07-31"),
    ],
)
@pytest.mark.clause("SP23-18", "SP23-19")
def test_periods_are_whole_local_days_over_month_ends_and_29_february(
    story: Story, activated: str, grace: str, waiting: str, closes: str
) -> None:
    story.given_active(since=activated)
    story.when(AdvanceTime, at(f"{closes}T00:00:00+07:00")).then(
        event(GraceStarted, effective_at=at(f"{grace}T00:00:00+07:00")),
        event(WaitingStarted, effective_at=at(f"{waiting}T00:00:00+07:00")),
        event(Deactivated, effective_at=at(f"{closes}T00:00:00+07:00")),
        event(NumberQuarantined),
    )


@pytest.mark.clause("SP23-15", "XP25-12")
@SMARTFREN
def test_credit_its_validity_and_use_so_far_stand_in_the_account(story: Story, terms: str) -> None:
    story.given_active(terms=terms, credit=rupiah(20000))
    story.given(RecordUsage, at(START) + 1, quantity=200)
    story.given(RecordUsage, at(START) + 2, service="sms", quantity=2)
    story.given(RecordUsage, at(START) + 3, service="data", quantity=2048)
    story.given(RecordUsage, at(START) + 4, direction="incoming", quantity=600)
    story.given(RecordUsage, at(START) + 5, destination="free", quantity=30)
    account = story.account()
    spent = rupiah("1272.60") + rupiah(303) + rupiah("4.04")
    assert account.credit == rupiah(20000) - spent
    assert account.active_until == GRACE
    assert (account.usage.voice, account.usage.sms, account.usage.data) == (230, 2, 2048)
    assert account.usage.charged == spent
