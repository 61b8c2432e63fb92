"""Every row of the posting table, from a history that has each kind of event."""

from __future__ import annotations

import pytest

from ledger.domain import commands as c
from ledger.domain import events as e
from ledger.domain.calendar import DAY
from ledger.domain.money import imbalance
from ledger.store.codec import Codec
from tests.failing import failing
from tests.given import NUMBER, OTHER, START, Story, at, rupiah
from tests.posting_table import check_event, moves_of

pytestmark = pytest.mark.stored

BOUGHT = at(START)
NOW = at("2023-08-10T12:00:00+07:00")

MOVES = (
    e.Activated,
    e.CreditToppedUp,
    e.TopUpReversed,
    e.UsageDebited,
    e.CreditCharged,
    e.CardReplaced,
    e.CreditReserved,
    e.ReservationCaptured,
    e.ReservationReleased,
    e.CreditForfeited,
    e.CreditTransferSent,
    e.CreditTransferReceived,
    e.CreditTransferReturned,
    e.CreditAdjusted,
    e.NumberReclaimed,
)
"""The events that move money; all others must move none."""


@pytest.fixture
def eventful(story: Story) -> Story:
    """A history in which every kind of event happens at least once."""
    story.given(c.IssueStarterPack, BOUGHT, printed_credit=rupiah(5000))
    story.given(c.Activate, BOUGHT, registration="failed")
    story.given(c.Activate, BOUGHT)
    story.given(c.TopUp, BOUGHT, credit=rupiah(100000), price=rupiah(98000), command_id="t1")
    story.given(c.TopUp, NOW, credit=rupiah(20000), command_id="t2")
    story.given(c.ReverseTopUp, NOW, reverses="t2")
    story.given(c.RecordUsage, NOW, quantity=200)
    story.given(c.RecordUsage, NOW, direction="incoming")
    story.when(c.RecordUsage, NOW, destination="international")
    story.given(c.ChargeCredit, NOW, amount=rupiah("1234.56"))
    for name in ("r1", "r2", "r3"):
        story.given(c.ReserveCredit, NOW, reservation=name, amount=rupiah(700), expires_at=NOW + 5)
    story.given(c.CaptureReservation, NOW, reservation="r1", amount=rupiah("300.01"))
    story.given(c.ReleaseReservation, NOW, reservation="r2")
    story.given(c.AdvanceTime, NOW + 5)
    story.given(c.Block, NOW + 5)
    story.given(c.Unblock, NOW + 5)
    story.given(c.ReplaceCard, NOW + 5)
    story.given(c.RequestRightsTransfer, NOW + 5, request="q1")
    story.given(c.RequestRightsTransfer, NOW + 5, request="q2", to_customer="customer-3")
    story.given(c.DecideRightsTransfer, NOW + 5, request="q1")
    story.given(c.DecideRightsTransfer, NOW + 5, request="q2", decision="refused")
    story.given(c.TransferCredit, NOW + 5, amount=rupiah(5000))
    story.given_active(number=OTHER, since=NOW + 5)
    story.given(c.TransferCredit, NOW + 5, amount=rupiah(5000))
    with failing(lambda asked: isinstance(asked, c.ReceiveCreditTransfer)):
        story.given(c.TransferCredit, NOW + 5, amount=rupiah(5000))
    (apart,) = [one for one in story.new if isinstance(one, e.CommandSetApart)]
    story.say(Codec().command(apart.command, apart.content, 0))
    story.given(c.AdjustCredit, NOW + 5, amount=-rupiah("0.01"))
    story.given(c.MigrateTerms, NOW + 5, terms="smartfren-prepaid-2025")
    story.given(c.MigrateTerms, NOW + 6, terms="smartfren-prepaid-2023")
    story.given(c.TopUp, NOW + 150 * DAY, credit=rupiah(5000))
    story.given(c.AdvanceTime, NOW + 600 * DAY)
    story.given(c.ReclaimNumber, NOW + 600 * DAY, customer="customer-2")
    story.given(c.Terminate, NOW + 600 * DAY)
    story.given(c.IssueStarterPack, NOW + 800 * DAY, valid_until=20700)
    story.given(c.AdvanceTime, NOW + 1300 * DAY)
    story.given(c.CloseThrough, NOW + 1300 * DAY, msisdn="log@0", through=NOW + 1300 * DAY)
    return story


def test_every_kind_of_event_has_happened(eventful: Story) -> None:
    happened = {type(x) for x in eventful.events()}
    assert happened == set(e.EVENT_TYPES.values())


@pytest.mark.parametrize("kind", MOVES, ids=lambda kind: kind.__name__)
def test_an_event_moves_what_its_row_says(eventful: Story, kind: type[e.Event]) -> None:
    rows = [x for x in eventful.events() if type(x) is kind]
    assert rows
    for one in rows:
        check_event(one)
    assert any(any(moves_of(one).values()) for one in rows)


def test_all_others_move_nothing(eventful: Story) -> None:
    assert [x.name for x in eventful.events() if x.postings and not isinstance(x, MOVES)] == []


@pytest.mark.clause("SP23-01", "XP25-01")
def test_the_trial_balance_is_zero_per_unit_after_every_event(eventful: Story) -> None:
    postings = []
    for one in eventful.events():
        postings += one.postings
        assert imbalance(postings) == {}


@pytest.mark.clause("SP23-01")
def test_rupiah_is_only_ever_taken_in_and_never_paid_out(eventful: Story) -> None:
    cash = [p["amount"] for x in eventful.events() for p in x.postings if p["account"] == "operator/cash"]
    assert cash
    assert all(amount > 0 for amount in cash)


def test_an_account_holds_nothing_when_it_is_closed(eventful: Story) -> None:
    for name in ("credit", "reserved", "in-transit"):
        assert eventful.balance(f"{NUMBER}#1/{name}") == 0
        assert eventful.balance(f"{NUMBER}#2/{name}") == 0
