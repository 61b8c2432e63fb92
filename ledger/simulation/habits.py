"""An ordinary day: activation, top-ups in time and late, use of every service, purchases."""

from __future__ import annotations

from ledger.domain.calendar import DAY, HOUR, MINUTE, SECOND, format_instant
from ledger.domain.money import format_amount
from ledger.simulation.draws import Draws, Weighted
from ledger.simulation.feed import Feed
from ledger.simulation.subscriber import EARLY, IN_GRACE, IN_WAITING, NEVER, Subscriber

_CHANNELS = ("sms-4444", "outlet", "app", "ussd-999")
_MARGINS = (0, 500_00, 1_000_00, 1_500_00, 2_000_00)
"""What a top-up costs beyond its credit."""
_TOO_SMALL = ("1000", "2000", "4000")
_ITEMS: tuple[tuple[str, int], ...] = (
    ("calls 60 minutes", 5_000_00),
    ("data 1 GB, 7 days", 10_000_00),
    ("game voucher", 20_000_00),
    ("data 5 GB, 30 days", 35_000_00),
)

_USES = Weighted(
    (14, ("voice", "outgoing", "off-net")),
    (14, ("voice", "outgoing", "on-net")),
    (20, ("voice", "incoming", "on-net")),
    (10, ("sms", "outgoing", "on-net")),
    (12, ("sms", "incoming", "off-net")),
    (26, ("data", "outgoing", "on-net")),
    (3, ("voice", "outgoing", "free")),
    (1, ("voice", "outgoing", "international")),
)
_FREE_USES = Weighted(
    (20, ("voice", "incoming", "on-net")),
    (15, ("sms", "incoming", "off-net")),
    (3, ("voice", "outgoing", "free")),
)
_SECONDS = Weighted((30, (5, 60)), (45, (60, 180)), (20, (180, 900)), (5, (900, 5_400)))
_KILOBYTES = Weighted((50, (20, 300)), (35, (300, 1_500)), (12, (1_500, 6_000)), (3, (6_000, 60_000)))
_LATENESS = Weighted(
    (9_700, (1, 4)),
    (200, (600, 86_400)),
    (90, (86_400, 25 * 86_400)),
    (10, (30 * 86_400, 40 * 86_400)),
)
"""Seconds from the end of a use until its record comes in: most at once, some from partners, a few too late."""

_HARDLY_ANY = 1_000_00
"""With less credit, most do not even try."""


class Life:
    """Lives the days of subscribers, and sends what comes of them."""

    def __init__(self, feed: Feed, draws: Draws) -> None:
        self.feed = feed
        self.draws = draws

    def day(self, one: Subscriber, midnight: int) -> None:
        """The day that begins at this instant."""
        if one.closed:
            return
        if one.active_until is None:
            if midnight <= one.activates_at < midnight + DAY:
                self._activate(one, one.activates_at)
            return
        past = midnight - one.active_until
        if one.next_top_up < midnight + DAY:
            self._top_up(one, max(one.next_top_up, midnight + HOUR))
        elif past < 0:
            self._active_day(one, midnight)
        elif past < one.terms.grace.days * DAY:
            self._grace_day(one, midnight)
        elif midnight < one.ends_at + DAY and self.draws.chance(1_500):
            self.use(one, self._some_time(midnight))

    def _some_time(self, midnight: int) -> int:
        return midnight + self.draws.between(6 * 3_600, 23 * 3_600) * SECOND

    # --- becoming a subscriber ----------------------------------------------------------------------------------------

    def _activate(self, one: Subscriber, at: int) -> None:
        draws = self.draws
        if draws.chance(1_000):
            self._send_top_up(one, at - 10 * MINUTE, "10000", 10_000_00)
        channel = {"channel": "sms-4444", "customer": one.customer}
        while draws.chance(8_000):
            self.feed.send(at, one.msisdn, "Activate", **channel, registration="failed")
            at += draws.between(10, 600) * MINUTE
        self.feed.send(at, one.msisdn, "Activate", **channel, registration="verified")
        if draws.chance(500):
            self.feed.send(at + HOUR, one.msisdn, "Activate", **channel, registration="verified")
        if at >= one.expires_at:
            one.closed = True
            return
        one.begins(at)
        self._plan(one, at)

    # --- top-ups ------------------------------------------------------------------------------------------------------

    def _plan(self, one: Subscriber, now: int) -> None:
        """When the next top-up comes."""
        end, draws = one.active_until or now, self.draws
        timing = draws.weighted(one.habits.timing)
        if timing == EARLY:
            at = max(now + HOUR, end - draws.between(0, 6 * 24) * HOUR)
        elif timing == IN_GRACE:
            at = end + draws.between(1, one.terms.grace.days * 24 - 1) * HOUR
        elif timing == IN_WAITING:
            at = end + one.terms.grace.days * DAY + draws.between(1, one.terms.waiting.days * 24 + 48) * HOUR
        else:
            at = NEVER
        one.next_top_up = at

    def _top_up(self, one: Subscriber, at: int) -> None:
        least, most = one.habits.top_ups
        sizes = [d.credit for d in one.terms.top_up.denominations if least <= d.credit <= most]
        credit = self.draws.pick(sizes)
        if self.draws.chance(2_000):
            self._send_top_up(one, at - 20 * MINUTE, self.draws.pick(_TOO_SMALL), 0)
        self._send_top_up(one, at, format_amount(credit), credit)
        if at >= one.ends_at:
            one.next_top_up = NEVER
            return
        one.tops_up(at, credit)
        self._plan(one, at)

    def _send_top_up(self, one: Subscriber, at: int, credit: str, price: int) -> None:
        draws, feed = self.draws, self.feed
        cost = format_amount(price + draws.pick(_MARGINS))
        record = feed.send(at, one.msisdn, "TopUp", credit=credit, price=cost, channel=draws.pick(_CHANNELS))
        one.last_top_up = record["command_id"]
        if draws.chance(1_500):
            feed.again(at + draws.between(1, 300) * SECOND, record)
        if draws.chance(800):
            self._reverse(one, at + draws.between(1, 20 * 24) * HOUR)
        if draws.chance(100):
            self._reverse(one, at + 31 * DAY)

    def _reverse(self, one: Subscriber, at: int) -> None:
        why = {"reverses": one.last_top_up, "reason": "wrong-number", "approved_by": "staff-2"}
        self.feed.send(at, one.msisdn, "ReverseTopUp", **why, actor="staff-1")
        if self.draws.chance(20_000):
            self.feed.send(at + HOUR, one.msisdn, "ReverseTopUp", **why, actor="staff-3")

    # --- spending -----------------------------------------------------------------------------------------------------

    def _active_day(self, one: Subscriber, midnight: int) -> None:
        draws = self.draws
        for _ in range(draws.pick(one.habits.uses)):
            self.use(one, self._some_time(midnight))
        if draws.chance(one.habits.purchases):
            self._buy(one, self._some_time(midnight))
        if one.credit < 2 * _HARDLY_ANY and draws.chance(15_000):
            self._top_up(one, midnight + 23 * HOUR)

    def _grace_day(self, one: Subscriber, midnight: int) -> None:
        for _ in range(self.draws.pick(one.habits.uses)):
            if self.draws.chance(25_000):
                free = not self.draws.chance(15_000)
                self.use(one, self._some_time(midnight), free=free)

    def _buy(self, one: Subscriber, at: int) -> None:
        item, price = self.draws.pick(_ITEMS)
        if price <= one.credit or self.draws.chance(5_000):
            self.feed.send(at, one.msisdn, "ChargeCredit", amount=format_amount(price), item=item)
            one.spends(price)

    def use(self, one: Subscriber, used_at: int, *, free: bool = False) -> None:
        """A use of a service, and its record, which may come late, twice or with a wrong clock."""
        draws = self.draws
        free = free or (one.credit < _HARDLY_ANY and not draws.chance(20_000))
        service, direction, destination = draws.weighted(
            _FREE_USES if free or not one.terms.tariffs else _USES
        )
        zone = one.zone if not draws.chance(2_000) else draws.pick(("zone1", "zone2"))
        quantity, seconds = 1, 2
        if service == "voice":
            quantity = seconds = draws.between(*draws.weighted(_SECONDS))
        elif service == "data":
            quantity = draws.between(*draws.weighted(_KILOBYTES)) * 1024 + draws.below(1024)
            seconds = draws.between(5, 1_800)
        at = used_at + (seconds + draws.between(*draws.weighted(_LATENESS))) * SECOND
        if draws.chance(30):
            used_at, at = at + HOUR, used_at
        what = {"service": service, "direction": direction, "destination": destination, "zone": zone}
        record = self.feed.send(
            at, one.msisdn, "RecordUsage", **what, used_at=format_instant(used_at), quantity=quantity
        )
        if draws.chance(400):
            self.feed.again(at + draws.between(1, 7_200) * SECOND, record)
        if direction == "outgoing" and destination != "free":
            found = one.terms.price_for(service, destination, zone, used_at)
            if found is not None:
                one.spends(found[1].rate(quantity, one.credit, 0).charge)
