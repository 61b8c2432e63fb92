"""The cast with contracts: customers whose lives are written down, so that a population sees all that befalls them."""

from __future__ import annotations

from ledger.simulation import msisdns
from ledger.simulation.cast import SP23, TELKOMSEL, XP25, Role
from ledger.simulation.feed import CommandRow, Feed

SE23, XE25, HALO = "smartfren-elite-2023", "smartfren-elite-2025", "telkomsel-halo"
PREPAID_OF = {SE23: SP23, XE25: XP25, HALO: TELKOMSEL}
"""The terms of a prepaid number that whoever has a contract takes besides."""
STAFF, CHIEF = "staff-4", "staff-9"
CORRECTED = {"approved_by": CHIEF, "actor": STAFF}
"""Who corrects something, and who approves it."""


class ContractRole(Role):
    """One of the cast who has a contract."""

    def __init__(self, feed: Feed, index: int, terms: str) -> None:
        super().__init__(feed, index, terms)
        self.index = index
        self.msisdn = msisdns.with_contract(index)
        self.customer = msisdns.contract_holder(index)

    def opens(self, day: int = 0, plan: str = "elite-free", **own: object) -> None:
        """A contract, verified and with the first of the month as billing day unless said otherwise."""
        said = {"terms": self.terms, "billing_day": 1, "registration": "verified", "customer": self.customer}
        self.say(day, "09:00", "OpenContract", plan=plan, **(said | own))

    def bill(self, number: int) -> str:
        """The number of the contract's n-th bill."""
        return f"{self.msisdn}-1-B{number:04}"

    def pays_in(
        self, day: int, reference: str, amount: str, method: str = "transfer", since: str | None = None
    ) -> CommandRow:
        """A payment comes in; cash is good at once."""
        own = {"reference": reference, "amount": amount, "method": method, "payer": self.customer}
        return self.say(day, "10:00", "ReceivePayment", **own, received_at=since)

    def is_good(self, day: int, reference: str, since: str | None = None) -> None:
        """The money of a payment is good, perhaps since an instant before."""
        self.say(day, "11:00", "SettlePayment", reference=reference, settled_at=since)

    def leaves_a_deposit(self, day: int, amount: str, purpose: str = "roaming") -> None:
        """A deposit, and its money is good."""
        own = {"deposit": "deposit-a", "amount": amount, "purpose": purpose, "payer": self.customer}
        self.say(day, "10:30", "ReceiveDeposit", **own)

    def leaves(self, day: int, clock: str = "12:00", channel: str = "gallery") -> None:
        """Asks for the end of the contract."""
        self.say(day, clock, "RequestUnsubscribe", channel=channel)

    def asks_for_the_deposit(self, day: int) -> None:
        """Asks for what is left of the deposit, also of an account that the number no longer has."""
        own = {"payee": self.customer, "reference": "refund-a", "account": f"{self.msisdn}#1"}
        self.say(day, "12:00", "RequestDepositRefund", **own)

    def was_abroad(self, day: int, record: str, *, comes_in: int, **own: object) -> None:
        """A partner's record of a call abroad, which comes in on a later day."""
        said: dict[str, object] = {
            "partner": "SGPST",
            "record": record,
            "service": "voice",
            "direction": "outgoing",
            "answered": True,
            "country": "SG",
            "quantity": 95,
            "partner_amount": "1.25",
            "partner_currency": "USD",
        }
        used_at = self.instant(day, "13:00")
        self.say(comes_in, "14:00", "RecordRoaming", used_at=used_at, **(said | own))
