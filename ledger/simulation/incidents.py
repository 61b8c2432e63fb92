"""What befalls a subscriber now and then: lost cards, blocks, transfers of credit and of rights, holds, corrections."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ledger.domain.calendar import DAY, HOUR, MINUTE, format_instant
from ledger.domain.line.commands import SERVICES
from ledger.domain.money import format_amount
from ledger.simulation import msisdns
from ledger.simulation.draws import IN_ALL, Draws, Weighted
from ledger.simulation.feed import Feed
from ledger.simulation.subscriber import NEVER, Subscriber

_SCOPES = ("outgoing", *SERVICES)
_STAFF, _CHIEF = "staff-4", "staff-9"


class Incidents:
    """Lets things happen to subscribers, by their chance a day."""

    def __init__(self, feed: Feed, draws: Draws, everybody: Sequence[Subscriber]) -> None:
        self.feed = feed
        self.draws = draws
        self.everybody = everybody
        self._count = 0
        happenings: tuple[tuple[int, Callable[[Subscriber, int], None]], ...] = (
            (600, self.send_credit),
            (500, self.hold),
            (40, self.lose_card),
            (60, self.adjust),
            (30, self.block),
            (15, self.transfer_rights),
            (8, self.order_of_authority),
            (10, self.give_up),
            (20, self.advance),
            (25, self.slip),
        )
        self._table: Weighted[Callable[[Subscriber, int], None] | None] = Weighted(
            *happenings, (IN_ALL - sum(chance for chance, _ in happenings), None)
        )

    def day(self, one: Subscriber, midnight: int) -> None:
        """Perhaps something happens on the day that begins at this instant."""
        if one.active_until is None or one.closed:
            return
        if midnight >= one.ends_at:
            if self.draws.chance(1_000):
                self.reclaim(one, midnight + 12 * HOUR)
            return
        happening = self.draws.weighted(self._table)
        if happening is not None:
            happening(one, midnight + self.draws.between(8 * 60, 20 * 60) * MINUTE)

    def _id(self, kind: str) -> str:
        self._count += 1
        return f"{kind}-{self._count:05d}"

    def _send(self, one: Subscriber, at: int, command: str, **own: object) -> None:
        self.feed.send(at, one.msisdn, command, **own)

    # --- credit -------------------------------------------------------------------------------------------------------

    def send_credit(self, one: Subscriber, at: int) -> None:
        """To another subscriber, or to a number that nobody has."""
        draws = self.draws
        amount = draws.pick((1_000_00, 2_000_00, 5_000_00, 10_000_00, 25_000_00, 60_000_00, 150_000_00))
        if amount > one.credit and not draws.chance(10_000):
            amount = 1_000_00
        other = draws.pick(self.everybody)
        if draws.chance(8_000):
            to = msisdns.msisdn(draws.below(1_000), msisdns.NOBODY)
        else:
            to = other.msisdn
            other.credit += amount
        self._send(one, at, "TransferCredit", to_msisdn=to, amount=format_amount(amount))
        one.spends(amount + 500_00)

    def hold(self, one: Subscriber, at: int) -> None:
        """Credit is reserved, and then taken, freed, or forgotten."""
        draws, held = self.draws, self._id("hold")
        amount = draws.between(1, 20) * 500_00
        until = {"expires_at": format_instant(at + draws.between(1, 14 * 24) * HOUR)}
        service = draws.pick((None, None, "data", "voice"))
        self._send(
            one, at, "ReserveCredit", reservation=held, amount=format_amount(amount), **until, service=service
        )
        later = at + draws.between(1, 50) * MINUTE
        if draws.chance(70_000):
            taken = draws.below(amount + 1) if not draws.chance(3_000) else amount + 1_00
            self._send(one, later, "CaptureReservation", reservation=held, amount=format_amount(taken))
            one.spends(taken)
        elif draws.chance(50_000):
            self._send(one, later, "ReleaseReservation", reservation=held)

    def adjust(self, one: Subscriber, at: int) -> None:
        """A correction, up or down, sometimes with effect in the past."""
        draws = self.draws
        amount = draws.between(1, 40) * 250_00 * draws.pick((1, 1, 1, -1))
        since = draws.pick((0, 0, 1, 5)) * DAY
        self._send(
            one,
            at,
            "AdjustCredit",
            amount=format_amount(amount),
            reason=draws.pick(("goodwill", "billing-error", "complaint")),
            approved_by=_CHIEF if not draws.chance(5_000) else _STAFF,
            effective_at=format_instant(at - since) if since else None,
            actor=_STAFF,
        )
        one.credit = max(0, one.credit + amount)

    # --- card, blocks, rights ---------------------------------------------------------------------------------------

    def lose_card(self, one: Subscriber, at: int) -> None:
        """Blocked on report; replaced against identity; unblocked."""
        draws, block = self.draws, self._id("lost")
        self._send(one, at, "Block", block=block, scope="all", ground="lost-or-stolen")
        at += draws.between(2, 72) * HOUR
        card = {"iccid": msisdns.card(one.msisdn, one.cards)}
        one.cards += 1
        if draws.chance(15_000):
            self._send(one, at, "ReplaceCard", **card, identity_checked=False)
            at += HOUR
        self._send(one, at, "ReplaceCard", **card, identity_checked=True)
        self._send(one, at + 10 * MINUTE, "Unblock", block=block)
        one.spends(10_000_00)

    def block(self, one: Subscriber, at: int) -> None:
        """The operator suspects something; mostly it turns out well."""
        draws, block = self.draws, self._id("block")
        ground = draws.pick(("b", "c"))
        self._send(one, at, "Block", block=block, scope=draws.pick(_SCOPES), ground=ground, actor=_STAFF)
        if draws.chance(97_000):
            self._send(one, at + draws.between(1, 20) * DAY, "Unblock", block=block, actor=_STAFF)

    def order_of_authority(self, one: Subscriber, at: int) -> None:
        """A block by order, which some lines do not survive."""
        ground = next(ground.code for ground in one.terms.grounds if ground.requires == "reference")
        order = {"ground": ground, "reference": self._id("order"), "actor": _CHIEF}
        block, later = self._id("block"), at + self.draws.between(2, 30) * DAY
        self._send(one, at, "Block", block=block, scope="all", **order)
        if self.draws.chance(40_000):
            self._send(one, later, "Terminate", **order)
            one.closed = True
        else:
            self._send(one, later, "Unblock", block=block, actor=_CHIEF)

    def transfer_rights(self, one: Subscriber, at: int) -> None:
        """The number passes to another holder, with the operator's consent."""
        draws, request = self.draws, self._id("rights")
        to = msisdns.customer(1_000_000 + draws.below(1_000_000))
        self._send(one, at, "RequestRightsTransfer", request=request, to_customer=to)
        approved = draws.chance(80_000)
        own = {"decision": "approved"} if approved else {"decision": "refused", "reason": "identity-in-doubt"}
        later = at + draws.between(1, 10) * DAY
        self._send(one, later, "DecideRightsTransfer", request=request, decided_by=_CHIEF, **own)
        if approved:
            one.customer = to

    def give_up(self, one: Subscriber, at: int) -> None:
        """The holder ends it, for the reason that the terms name last."""
        self._send(one, at, "Terminate", ground=one.terms.grounds[-2].code)
        one.closed = True

    # --- the number, the clock, and slips -----------------------------------------------------------------------------

    def reclaim(self, one: Subscriber, at: int) -> None:
        """The holder asks a deactivated number back."""
        asked = {"customer": one.customer, "terms": one.terms.id, "decided_by": _CHIEF}
        if self.draws.chance(15_000):
            self._send(one, at - HOUR, "ReclaimNumber", **asked, decision="refused", fee_paid=True)
        self._send(one, at, "ReclaimNumber", **asked, decision="approved", fee_paid=True)
        one.issued_at, one.activates_at, one.expires_at = at, at + DAY, NEVER
        one.active_until, one.printed_credit, one.credit = None, 0, 0

    def advance(self, one: Subscriber, at: int) -> None:
        """The clock looks by."""
        self._send(one, at, "AdvanceTime", actor="clock")

    def slip(self, one: Subscriber, at: int) -> None:
        """Somebody mistypes."""
        draws = self.draws
        slips: tuple[tuple[str, dict[str, object]], ...] = (
            ("Unblock", {"block": "block-0"}),
            ("CaptureReservation", {"reservation": "hold-0", "amount": "1000"}),
            ("ReverseTopUp", {"reverses": "top-0", "reason": "wrong-number", "approved_by": _CHIEF}),
            ("DecideRightsTransfer", {"request": "rights-0", "decision": "approved", "decided_by": _CHIEF}),
            ("Block", {"block": self._id("block"), "scope": "all", "ground": "z"}),
            ("TransferCredit", {"to_msisdn": one.msisdn, "amount": "1000"}),
        )
        command, own = draws.pick(slips)
        self._send(one, at, command, **own)
        if draws.chance(30_000):
            unknown = msisdns.msisdn(draws.below(1_000), msisdns.NOBODY)
            self.feed.send(at, unknown, "TopUp", credit="10000", price="11000", channel="outlet")
