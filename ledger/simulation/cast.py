"""The cast: subscribers whose lives are written down, so that a played population of any size sees everything."""

from __future__ import annotations

from ledger.domain.calendar import DAY, MINUTE, format_instant
from ledger.simulation import msisdns
from ledger.simulation.feed import BEGINNING, CommandRow, Feed

SP23, XP25, TELKOMSEL = "smartfren-prepaid-2023", "smartfren-prepaid-2025", "telkomsel-prepaid"

LAPSING, RECEIVING = msisdns.msisdn(0), msisdns.msisdn(1)
"""The numbers of the first two, whom others send credit to."""


class Role:
    """One of the cast, who acts on days counted from the beginning, at a clock time of Jakarta."""

    def __init__(self, feed: Feed, index: int, terms: str) -> None:
        self.feed = feed
        self.terms = terms
        prefix = msisdns.TELKOMSEL if terms == TELKOMSEL else msisdns.SMARTFREN
        self.msisdn = msisdns.msisdn(index, prefix)
        self.customer = msisdns.customer(index)

    def when(self, day: int, clock: str) -> int:
        """The instant."""
        hour, minute = clock.split(":")
        return BEGINNING + day * DAY + (int(hour) * 60 + int(minute)) * MINUTE

    def instant(self, day: int, clock: str = "00:00") -> str:
        """The instant as a field has it."""
        return format_instant(self.when(day, clock))

    def say(self, day: int, clock: str, command: str, **own: object) -> CommandRow:
        """Sends a command about the own number."""
        return self.feed.send(self.when(day, clock), self.msisdn, command, **own)

    # --- what many do -------------------------------------------------------------------------------------------------

    def pack(self, day: int = 0, *, credit: str = "5000", until: str = "2026-06-30", terms: str = "") -> None:
        """The starter pack leaves the factory."""
        own = {"terms": terms or self.terms, "printed_credit": credit, "valid_until": until}
        self.say(day, "06:00", "IssueStarterPack", **own)

    def activate(self, day: int, clock: str = "09:00", registration: str = "verified") -> None:
        """The holder registers."""
        own = {"channel": "sms-4444", "customer": self.customer, "registration": registration}
        self.say(day, clock, "Activate", **own)

    def starts(self, day: int = 0, *, credit: str = "5000") -> None:
        """Pack and activation."""
        self.pack(day, credit=credit)
        self.activate(day)

    def top_up(self, day: int, clock: str, credit: str, channel: str = "outlet") -> str:
        """Returns the command's id."""
        record = self.say(day, clock, "TopUp", credit=credit, price=str(int(credit) + 1500), channel=channel)
        return str(record["command_id"])

    def use(  # noqa: PLR0913 - a use has as many sides
        self,
        day: int,
        clock: str,
        service: str = "voice",
        quantity: int = 60,
        destination: str = "on-net",
        *,
        direction: str = "outgoing",
        comes_in: int | None = None,
    ) -> CommandRow:
        """A use, whose record comes in at once, or on a later day."""
        own = {"service": service, "direction": direction, "destination": destination, "zone": "zone1"}
        at = self.when(day, clock) + MINUTE if comes_in is None else self.when(comes_in, clock)
        used_at = self.instant(day, clock)
        return self.feed.send(at, self.msisdn, "RecordUsage", **own, used_at=used_at, quantity=quantity)

    def pays(self, day: int, clock: str, amount: str, item: str = "data 1 GB, 7 days") -> None:
        """A purchase."""
        self.say(day, clock, "ChargeCredit", amount=amount, item=item)
