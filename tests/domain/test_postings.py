"""Every row of the posting table, from a history that has each kind of event."""

from __future__ import annotations

import pytest

from ledger.domain.calendar import DAY
from ledger.domain.events import Event
from ledger.domain.kinds import EVENT_TYPES, KINDS
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
from ledger.domain.line.dispute_commands import AttachEvidence, DecideDispute, OpenDispute, ReopenDispute
from ledger.domain.line.events import CardReplaced
from ledger.domain.line.product import PRODUCTS
from ledger.domain.money import imbalance
from ledger.domain.partition.commands import CloseThrough
from ledger.domain.partition.events import CommandSetApart
from ledger.domain.prepaid.commands import (
    Activate,
    AdjustCredit,
    CaptureReservation,
    ChargeCredit,
    IssueStarterPack,
    ReceiveCreditTransfer,
    ReclaimNumber,
    ReleaseReservation,
    ReserveCredit,
    ReverseTopUp,
    TopUp,
    TransferCredit,
)
from ledger.domain.prepaid.events import (
    Activated,
    CreditAdjusted,
    CreditCharged,
    CreditForfeited,
    CreditReserved,
    CreditToppedUp,
    CreditTransferReceived,
    CreditTransferReturned,
    CreditTransferSent,
    NumberReclaimed,
    ReservationCaptured,
    ReservationReleased,
    TopUpReversed,
    UsageDebited,
)
from ledger.store.codec import Codec
from tests.failing import failing
from tests.given import NUMBER, OTHER, START, Story, at, rupiah
from tests.posting_table import check_event, moves_of

pytestmark = pytest.mark.stored

BOUGHT = at(START)
NOW = at("2023-08-10T12:00:00+07:00")

MOVES = (
    Activated,
    CreditToppedUp,
    TopUpReversed,
    UsageDebited,
    CreditCharged,
    CardReplaced,
    CreditReserved,
    ReservationCaptured,
    ReservationReleased,
    CreditForfeited,
    CreditTransferSent,
    CreditTransferReceived,
    CreditTransferReturned,
    CreditAdjusted,
    NumberReclaimed,
)
"""The events that move money; all others must move none."""


@pytest.fixture
def eventful(story: Story) -> Story:
    """A history in which every kind of event happens at least once."""
    story.given(IssueStarterPack, BOUGHT, printed_credit=rupiah(5000))
    story.given(Activate, BOUGHT, registration="failed")
    story.given(Activate, BOUGHT)
    story.given(TopUp, BOUGHT, credit=rupiah(100000), price=rupiah(98000), command_id="t1")
    story.given(TopUp, NOW, credit=rupiah(20000), command_id="t2")
    story.given(ReverseTopUp, NOW, reverses="t2")
    story.given(RecordUsage, NOW, quantity=200)
    story.given(RecordUsage, NOW, direction="incoming")
    story.when(RecordUsage, NOW, destination="international")
    story.given(ChargeCredit, NOW, amount=rupiah("1234.56"))
    for name in ("r1", "r2", "r3"):
        story.given(ReserveCredit, NOW, reservation=name, amount=rupiah(700), expires_at=NOW + 5)
    story.given(CaptureReservation, NOW, reservation="r1", amount=rupiah("300.01"))
    story.given(ReleaseReservation, NOW, reservation="r2")
    story.given(AdvanceTime, NOW + 5)
    story.given(Block, NOW + 5)
    story.given(Unblock, NOW + 5)
    story.given(ReplaceCard, NOW + 5)
    story.given(RequestRightsTransfer, NOW + 5, request="q1")
    story.given(RequestRightsTransfer, NOW + 5, request="q2", to_customer="customer-3")
    story.given(DecideRightsTransfer, NOW + 5, request="q1")
    story.given(DecideRightsTransfer, NOW + 5, request="q2", decision="refused")
    story.given(TransferCredit, NOW + 5, amount=rupiah(5000))
    story.given_active(number=OTHER, since=NOW + 5)
    story.given(TransferCredit, NOW + 5, amount=rupiah(5000))
    with failing(lambda asked: isinstance(asked, ReceiveCreditTransfer)):
        story.given(TransferCredit, NOW + 5, amount=rupiah(5000))
    (apart,) = [one for one in story.new if isinstance(one, CommandSetApart)]
    story.say(Codec().command(apart.command, apart.content, 0))
    story.given(AdjustCredit, NOW + 5, amount=-rupiah("0.01"))
    said = {"refers_to": None, "about": "balance", "claimed": 1}
    for dispute, decision, more in (
        ("C-1", "overridden", {}),
        ("C-2", "rejected", {}),
        ("C-3", "withdrawn", {"decided_by": "customer-1", "actor": "customer-1"}),
    ):
        story.given(OpenDispute, NOW + 5, dispute=dispute, **said)
        story.given(DecideDispute, NOW + 5, dispute=dispute, decision=decision, **more)
    story.given(ReopenDispute, NOW + 5)
    story.given(AttachEvidence, NOW + 5)
    story.given(DecideDispute, NOW + 5, decision="corrected", amount=-1, approved_by="staff-2")
    story.given(MigrateTerms, NOW + 5, terms="smartfren-prepaid-2025")
    story.given(MigrateTerms, NOW + 6, terms="smartfren-prepaid-2023")
    story.given(TopUp, NOW + 150 * DAY, credit=rupiah(5000))
    story.given(AdvanceTime, NOW + 600 * DAY)
    story.given(ReclaimNumber, NOW + 600 * DAY, customer="customer-2")
    story.given(Terminate, NOW + 600 * DAY)
    story.given(IssueStarterPack, NOW + 800 * DAY, valid_until=20700)
    story.given(AdvanceTime, NOW + 1300 * DAY)
    story.given(CloseThrough, NOW + 1300 * DAY, msisdn="log@0", through=NOW + 1300 * DAY)
    return story


OF_OTHERS = ("ledger.suspense.", "ledger.customer.", "ledger.breach.")
"""What money in suspense and persons bring about, by themselves or on accounts."""


def test_every_kind_of_event_has_happened(eventful: Story) -> None:
    happened = {type(x) for x in eventful.events()}
    others = {*PRODUCTS["postpaid"].events, *KINDS["customer"].events, *KINDS["statement"].events}
    others |= {one for one in EVENT_TYPES.values() if one.TOPIC.startswith(OF_OTHERS)}
    assert happened == set(EVENT_TYPES.values()) - others


@pytest.mark.parametrize("kind", MOVES, ids=lambda kind: kind.__name__)
def test_an_event_moves_what_its_row_says(eventful: Story, kind: type[Event]) -> None:
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
