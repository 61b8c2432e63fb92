"""Reservations hold part of the available credit until they are captured, released, or over."""

from __future__ import annotations

import pytest

from ledger.domain.calendar import DAY
from ledger.domain.commands import Command
from ledger.domain.line.commands import AdvanceTime, Block, Terminate
from ledger.domain.prepaid.commands import (
    Activate,
    AdjustCredit,
    CaptureReservation,
    ReclaimNumber,
    ReleaseReservation,
    ReserveCredit,
    TopUp,
)
from ledger.domain.prepaid.events import (
    CreditForfeited,
    CreditReserved,
    GraceStarted,
    ReservationCaptured,
    ReservationReleased,
    WaitingStarted,
)
from tests.conftest import Tell
from tests.given import MICROSECOND, NUMBER, SP23, START, Story, at, event, rupiah, variant

NOW = at("2023-07-20T12:00:00+07:00")
SOON = NOW + DAY
GRACE = at("2023-08-03T00:00:00+07:00")


def held(story: Story, amount: int = 3000, expires_at: int = SOON, name: str = "r1") -> Story:
    return story.given(ReserveCredit, NOW, reservation=name, amount=rupiah(amount), expires_at=expires_at)


class TestReserve:
    def test_it_holds_part_of_the_credit(self, story: Story) -> None:
        story.given_active(credit=rupiah(5000))
        story.when(
            ReserveCredit,
            NOW,
            reservation="r7",
            amount=rupiah(3000),
            expires_at=SOON,
            service="data",
        ).then(
            event(
                CreditReserved,
                reservation="r7",
                amount=rupiah(3000),
                expires_at=SOON,
                service="data",
                clause="SP23-14",
                postings=[
                    {"account": f"{NUMBER}#1/reserved", "unit": "PULSA", "amount": 300000},
                    {"account": f"{NUMBER}#1/credit", "unit": "PULSA", "amount": -300000},
                ],
            )
        )
        account = story.account()
        assert (account.credit, account.reserved, account.available) == (500000, 300000, 200000)

    def test_all_that_is_available_may_be_held_and_no_sen_more(self, story: Story) -> None:
        story.given_active(credit=rupiah(5000))
        story.when(ReserveCredit, NOW, amount=rupiah("5000.01"), expires_at=SOON).refused(
            "insufficient-credit"
        )
        held(story, 5000)
        story.when(ReserveCredit, NOW, reservation="r2", amount=1, expires_at=SOON).refused(
            "insufficient-credit"
        )
        assert story.account().available == 0

    @pytest.mark.parametrize("ahead", [0, -MICROSECOND])
    def test_it_has_to_expire_after_now(self, story: Story, ahead: int) -> None:
        story.given_active(credit=rupiah(5000))
        story.when(ReserveCredit, NOW, amount=1, expires_at=NOW + ahead).refused("too-late")
        story.when(ReserveCredit, NOW, amount=1, expires_at=NOW + MICROSECOND).then(event(CreditReserved))

    @pytest.mark.parametrize("end", ["captured", "released", "expired", "standing"])
    def test_an_id_is_never_used_again(self, story: Story, end: str) -> None:
        held(story.given_active(credit=rupiah(5000)))
        if end == "captured":
            story.given(CaptureReservation, NOW + 1, amount=0)
        if end == "released":
            story.given(ReleaseReservation, NOW + 1)
        if end == "expired":
            story.given(AdvanceTime, SOON)
        later = SOON if end == "expired" else NOW + 2
        story.when(ReserveCredit, later, amount=1, expires_at=0).refused("reservation-exists")
        story.reopen().when(ReserveCredit, later, amount=1, expires_at=0).refused("reservation-exists")

    def test_a_refused_one_may_be_asked_for_again(self, story: Story) -> None:
        story.given_active(credit=rupiah(5000))
        story.when(ReserveCredit, NOW, amount=rupiah(6000), expires_at=SOON)
        held(story)

    def test_another_generation_may_use_the_id_again(self, story: Story) -> None:
        held(story.given_active(credit=rupiah(5000)))
        story.given(Terminate, NOW + 1)
        story.given(ReclaimNumber, NOW + 2)
        story.given(Activate, NOW + 3)
        story.given(AdjustCredit, NOW + 3, amount=rupiah(5000))
        story.when(ReserveCredit, NOW + 4, amount=1, expires_at=SOON).then(event(CreditReserved))

    @pytest.mark.parametrize(
        ("scope", "service", "code"),
        [
            ("all", None, "blocked"),
            ("outgoing", None, "blocked"),
            ("outgoing", "data", "blocked"),
            ("data", "data", "blocked"),
            ("data", "voice", None),
            ("data", None, None),
        ],
    )
    def test_it_is_refused_like_chargeable_use(
        self, story: Story, scope: str, service: str | None, code: str | None
    ) -> None:
        story.given_active(credit=rupiah(5000))
        story.given(Block, NOW, scope=scope)
        story.when(ReserveCredit, NOW, amount=1, expires_at=SOON, service=service)
        assert story.outcome.code == code


class TestCapture:
    @pytest.mark.parametrize(("taken", "freed"), [(3000, 0), (2999, 1), (0, 3000)])
    def test_it_takes_up_to_what_is_held_and_frees_the_rest(
        self, story: Story, taken: int, freed: int
    ) -> None:
        held(story.given_active(credit=rupiah(5000)))
        story.when(CaptureReservation, SOON - MICROSECOND, amount=rupiah(taken)).then(
            event(ReservationCaptured, reservation="r1", amount=rupiah(taken), freed=rupiah(freed))
        )
        account = story.account()
        assert (account.reserved, account.available) == (0, rupiah(5000 - taken))
        assert story.balance("operator/usage") == rupiah(taken)

    def test_more_than_is_held_is_refused_and_it_stands(self, story: Story) -> None:
        held(story.given_active(credit=rupiah(5000)))
        story.when(CaptureReservation, NOW + 1, amount=rupiah("3000.01")).refused("above-maximum")
        assert story.account().reserved == rupiah(3000)

    @pytest.mark.parametrize("command", [CaptureReservation, ReleaseReservation])
    def test_what_does_not_stand_is_unknown(self, story: Story, command: type[Command]) -> None:
        held(story.given_active(credit=rupiah(5000)))
        amount = {"amount": 1} if command is CaptureReservation else {}
        story.when(command, NOW + 1, reservation="r2", **amount).refused("unknown-reservation")
        story.given(CaptureReservation, NOW + 2, amount=1)
        story.when(command, NOW + 3, **amount).refused("unknown-reservation")

    def test_a_block_set_meanwhile_does_not_hinder_it(self, story: Story) -> None:
        held(story.given_active(credit=rupiah(5000)))
        story.given(Block, NOW + 1, scope="all")
        story.when(CaptureReservation, NOW + 2, amount=rupiah(3000)).then(event(ReservationCaptured))


class TestRelease:
    def test_it_frees_what_is_held(self, story: Story) -> None:
        held(story.given_active(credit=rupiah(5000)))
        story.when(ReleaseReservation, NOW + 1).then(
            event(
                ReservationReleased,
                reservation="r1",
                amount=rupiah(3000),
                cause="asked",
                effective_at=NOW + 1,
            )
        )
        assert story.account().available == rupiah(5000)

    def test_it_is_freed_at_the_instant_it_expires(self, story: Story) -> None:
        held(story.given_active(credit=rupiah(5000)))
        story.when(AdvanceTime, SOON - MICROSECOND).then()
        story.when(CaptureReservation, SOON, amount=1).refused(
            "unknown-reservation",
            event(
                ReservationReleased,
                cause="expired",
                effective_at=SOON,
                command_id=f"due/{NUMBER}#1/ReservationReleased/2023-07-21T05:00:00Z",
            ),
        )
        assert story.account().reserved == 0

    def test_several_are_freed_in_the_order_of_expiry_then_id(self, story: Story) -> None:
        story.given_active(credit=rupiah(5000))
        for name, after in (("b", 2), ("a", 2), ("z", 1), ("c", 3)):
            held(story, 100, NOW + after, name)
        story.when(AdvanceTime, NOW + 10).then(
            event(ReservationReleased, reservation="z", effective_at=NOW + 1),
            event(ReservationReleased, reservation="a", effective_at=NOW + 2),
            event(ReservationReleased, reservation="b", effective_at=NOW + 2),
            event(ReservationReleased, reservation="c", effective_at=NOW + 3),
        )

    def test_grace_frees_them_before_it_starts(self, story: Story) -> None:
        story.given_active(credit=rupiah(5000))
        held(story, 100, GRACE + DAY, "late")
        held(story, 100, GRACE, "same")
        held(story, 100, GRACE - MICROSECOND, "early")
        story.when(AdvanceTime, GRACE + 2 * DAY).then(
            event(ReservationReleased, reservation="early", cause="expired", effective_at=GRACE - 1),
            event(ReservationReleased, reservation="same", cause="expired", effective_at=GRACE),
            event(ReservationReleased, reservation="late", cause="grace", effective_at=GRACE),
            event(GraceStarted, effective_at=GRACE),
        )
        assert story.account().available == rupiah(5000)

    def test_credit_freed_at_the_same_instant_is_forfeited_with_the_rest(self, tell: Tell) -> None:
        sudden = variant("smartfren-prepaid-2025", grace={"days": 0})
        story = tell(sudden)
        story.given_active(terms=sudden.id, credit=rupiah(5000))
        held(story, 3000, GRACE + DAY)
        story.when(AdvanceTime, GRACE).then(
            event(ReservationReleased, effective_at=GRACE),
            event(GraceStarted, effective_at=GRACE),
            event(CreditForfeited, amount=rupiah(5000), effective_at=GRACE),
            event(WaitingStarted, effective_at=GRACE),
        )


def test_a_top_up_keeps_a_reservation_alive_over_the_old_end(story: Story) -> None:
    story.given_active(terms=SP23, credit=rupiah(5000))
    held(story, 3000, GRACE + DAY)
    story.given(TopUp, GRACE - MICROSECOND, credit=rupiah(5000))
    story.when(CaptureReservation, GRACE, amount=rupiah(3000)).then(event(ReservationCaptured))


def test_many_reservations_leave_nothing_behind(story: Story) -> None:
    story.given_active(credit=rupiah(5000), since=START)
    for count in range(60):
        held(story, 10, NOW + DAY, f"r{count}")
        story.given(ReleaseReservation, NOW, reservation=f"r{count}")
    assert story.account().reservations == {}
    story.when(ReserveCredit, NOW, reservation="r0", amount=1, expires_at=SOON).refused("reservation-exists")
