"""An ordinary day of a customer with a contract: use at home and abroad, bills that are paid in time, late or never.

The customer has a rough idea of what a bill comes to; where it is wrong, something stays open, or is paid in advance.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from ledger.domain.calendar import DAY, HOUR, MINUTE, format_day, format_instant
from ledger.domain.money import format_amount
from ledger.domain.postpaid.billing_cycle import next_boundary
from ledger.domain.postpaid.rules_of_contracts import Plan
from ledger.domain.postpaid.terms import PostpaidTerms
from ledger.simulation.contract_cast import CHIEF, PREPAID_OF, STAFF
from ledger.simulation.draws import Draws, Weighted
from ledger.simulation.feed import Feed

NEVER_PAYS = 10_000
"""Days after a bill."""
_ROUND = 5_000_00
_MOST_ABROAD = 6
"""Records of one journey."""


class ContractHabits(NamedTuple):
    """How a bill is paid: by which method, how many days after it (from, to); and uses a day."""

    method: str
    days: Weighted[tuple[int, int]]
    uses: tuple[int, ...]


_IN_TIME, _LATE, _VERY_LATE, _NEVER = (2, 18), (22, 34), (40, 75), (NEVER_PAYS, NEVER_PAYS)
HABITS: Weighted[ContractHabits] = Weighted(
    (45, ContractHabits("transfer", Weighted((92, _IN_TIME), (7, _LATE), (1, _VERY_LATE)), (0, 0, 1, 1, 2))),
    (25, ContractHabits("auto-debit", Weighted((1, (1, 2))), (0, 1, 1, 2, 3))),
    (15, ContractHabits("cash", Weighted((60, _IN_TIME), (30, _LATE), (10, _VERY_LATE)), (0, 0, 0, 1, 2))),
    (
        12,
        ContractHabits("transfer", Weighted((25, _IN_TIME), (50, _LATE), (25, _VERY_LATE)), (0, 1, 2, 2, 4)),
    ),
    (3, ContractHabits("cash", Weighted((30, _LATE), (70, _NEVER)), (0, 0, 1, 2))),
)
_USES = Weighted(
    (30, ("voice", "off-net", (20, 600))),
    (20, ("voice", "on-net", (20, 900))),
    (15, ("sms", "on-net", (1, 3))),
    (35, ("data", "on-net", (50_000, 4_000_000))),
)
_COUNTRIES = Weighted((5, "SG"), (3, "MY"), (2, "SA"), (1, "AU"), (1, "US"))
_RECORD_COMES = Weighted((60, (1, 10)), (30, (10, 60)), (10, (60, 120)))
"""Days from a use abroad until the partner's record comes in."""


@dataclass(slots=True)
class Holder:
    """Instants are UTC microseconds, amounts sen."""

    msisdn: str
    second: str | None
    """A prepaid number of the same customer's, besides."""
    customer: str
    terms: PostpaidTerms
    plan: Plan
    habits: ContractHabits
    billing_day: int
    opens_at: int
    next_bill: int = 0
    spent: int = 0
    owes: int = 0
    closed: bool = False
    has_deposit: bool = False
    count: int = 0


class ContractLife:
    """Lives the days of customers with contracts, and sends what comes of them."""

    def __init__(self, feed: Feed, draws: Draws) -> None:
        self.feed = feed
        self.draws = draws
        happenings: tuple[tuple[int, Callable[[Holder, int], None]], ...] = (
            (350, self.travel),
            (150, self.leave),
            (60, self.ask_for_paper),
            (40, self.be_credited),
            (60, self.let_the_clock_look),
        )
        rest = 100_000 - sum(chance for chance, _ in happenings)
        self._table: Weighted[Callable[[Holder, int], None] | None] = Weighted(*happenings, (rest, None))

    def day(self, one: Holder, midnight: int) -> None:
        """The day that begins at this instant."""
        if one.closed or midnight + DAY <= one.opens_at:
            return
        if not one.next_bill:
            self._open(one)
            return
        if midnight >= one.next_bill:
            self._bill(one, midnight)
        for _ in range(self.draws.pick(one.habits.uses)):
            self._use(one, midnight)
        happening = self.draws.weighted(self._table)
        if happening is not None:
            happening(one, midnight + self.draws.between(8 * 60, 20 * 60) * MINUTE)

    def _send(self, one: Holder, at: int, command: str, **own: object) -> None:
        self.feed.send(at, one.msisdn, command, **own)

    def _id(self, one: Holder, kind: str) -> str:
        one.count += 1
        return f"{kind}-{one.count:03d}"

    # --- the contract -------------------------------------------------------------------------------------------------

    def _open(self, one: Holder) -> None:
        draws, at, zone = self.draws, one.opens_at, one.terms.zone
        registration = draws.weighted(Weighted((92, "verified"), (8, "pending")))
        own = {"customer": one.customer, "plan": one.plan.id, "terms": one.terms.id}
        upfront = {} if registration == "verified" else {"upfront_payment": "100000", "reference": "upfront"}
        consents = ["deposit"] if draws.chance(70_000) else None
        self._send(
            one,
            at,
            "OpenContract",
            **own,
            billing_day=one.billing_day,
            registration=registration,
            consents=consents,
            **upfront,
        )
        if registration == "pending" and draws.chance(85_000):
            later = at + draws.between(1, 25) * DAY
            self._send(one, later, "RecordVerification", result="passed", reference="survey")
        if draws.chance(35_000):
            amount = format_amount(draws.between(2, 10) * 50_000_00)
            deposit = {"deposit": "deposit-1", "amount": amount, "purpose": "line", "payer": one.customer}
            self._send(one, at + HOUR, "ReceiveDeposit", **deposit)
            one.has_deposit = True
        if one.habits.method == "auto-debit":
            day = {"effective_on": format_day(zone.day_number(at))}
            self._send(one, at + HOUR, "SetAutoDebit", mandate="mandate-1", initiated_by="customer", **day)
        if one.second is not None:
            self._take_a_prepaid_number(one, one.second, at)
        one.next_bill = next_boundary(zone, one.billing_day, at)

    def _take_a_prepaid_number(self, one: Holder, number: str, at: int) -> None:
        """Bought by somebody else, who passes it on: so the customer is known to have it."""
        terms, send = PREPAID_OF[one.terms.id], self.feed.send
        until = format_day(one.terms.zone.day_number(at) + 200)
        send(at, number, "IssueStarterPack", terms=terms, printed_credit="5000", valid_until=until)
        taken = {"channel": "app", "customer": f"{one.customer}-before", "registration": "verified"}
        send(at + MINUTE, number, "Activate", **taken)
        send(at + 2 * MINUTE, number, "TopUp", credit="100000", price="100000", channel="app")
        send(at + HOUR, number, "RequestRightsTransfer", request="rights-1", to_customer=one.customer)
        decided = {"request": "rights-1", "decision": "approved", "decided_by": CHIEF}
        send(at + 2 * HOUR, number, "DecideRightsTransfer", **decided)

    def leave(self, one: Holder, at: int) -> None:
        """Pays what is thought to be owed, asks for the end, and perhaps forgets the deposit."""
        draws = self.draws
        self._pay(one, at, one.owes + one.spent + 2 * one.plan.commitment + 400_000_00, "cash")
        self._send(one, at + HOUR, "RequestUnsubscribe", channel="gallery")
        self._send(one, at + DAY, "RefundAdvance", bank_cost="6500", reference="bank-1")
        if one.has_deposit and draws.chance(60_000):
            asked = at + draws.between(2, 60) * DAY
            self._send(one, asked, "RequestDepositRefund", payee=one.customer, reference="refund-1")
            self._send(one, asked + 3 * DAY, "ConfirmRefundRequirements", decided_by=CHIEF)
            paid = asked + draws.between(5, 30) * DAY
            self._send(one, paid, "PayDepositRefund", bank_cost="6500", reference="bank-2")
        one.closed = True

    # --- what is used -------------------------------------------------------------------------------------------------

    def _use(self, one: Holder, midnight: int) -> None:
        draws = self.draws
        service, destination, (least, most) = draws.weighted(_USES)
        used_at, quantity = midnight + draws.between(6 * 60, 22 * 60) * MINUTE, draws.between(least, most)
        what = {"service": service, "direction": "outgoing", "destination": destination, "zone": "zone1"}
        at = used_at + (quantity if service == "voice" else 2) * (MINUTE // 60)
        late = draws.between(1, 25) * DAY if draws.chance(1_000) else 0
        record = self.feed.send(
            at + late, one.msisdn, "RecordUsage", **what, used_at=format_instant(used_at), quantity=quantity
        )
        if draws.chance(300):
            self.feed.again(at + late + MINUTE, record)
        found = one.terms.price_for(service, destination, "zone1", used_at)
        if found is not None:
            one.spent += found[1].rate(quantity, 1_000_000_00, 0).charge

    def travel(self, one: Holder, at: int) -> None:
        """Some days abroad: the partner's records come when they come, some twice."""
        draws = self.draws
        country = draws.weighted(_COUNTRIES)
        self._send(one, at, "ActivateRoaming")
        for _ in range(draws.between(1, _MOST_ABROAD)):
            used_at = at + draws.between(1, 5 * 24) * HOUR
            comes = used_at + draws.between(*draws.weighted(_RECORD_COMES)) * DAY
            data = draws.chance(40_000)
            seconds = 0 if draws.chance(10_000) else draws.between(10, 400)
            own: dict[str, object] = {
                "partner": f"{country}PST",
                "record": self._id(one, "tap"),
                "service": "data" if data else "voice",
                "direction": "outgoing" if data or draws.chance(60_000) else "incoming",
                "answered": data or seconds > 0,
                "country": country,
                "used_at": format_instant(used_at),
                "quantity": draws.between(10, 800) * 10_240 if data else seconds,
                "partner_amount": f"{draws.below(400) / 100:.2f}",
                "partner_currency": "USD",
                "account": f"{one.msisdn}#1",
            }
            record = self.feed.send(comes, one.msisdn, "RecordRoaming", **own)
            if draws.chance(5_000):
                self.feed.send(comes + HOUR, one.msisdn, "RecordRoaming", **own)
            if record["quantity"]:
                one.spent += 30_000_00
        self._send(one, at + 6 * DAY, "DeactivateRoaming")

    # --- what is paid -------------------------------------------------------------------------------------------------

    def _bill(self, one: Holder, midnight: int) -> None:
        """A bill is there: what it comes to is guessed, and paid as the customer pays."""
        draws = self.draws
        commitment = one.plan.commitment if one.plan.contract_months else 0
        guessed = max(commitment, one.spent) * 111 // 100
        one.owes, one.spent = one.owes + guessed, 0
        one.next_bill = next_boundary(one.terms.zone, one.billing_day, midnight + HOUR)
        days = draws.between(*draws.weighted(one.habits.days))
        if days < NEVER_PAYS and one.owes:
            at = midnight + days * DAY + draws.between(8, 20) * HOUR
            self._pay(one, at, -(-one.owes // _ROUND) * _ROUND, one.habits.method)

    def _pay(self, one: Holder, at: int, amount: int, method: str) -> None:
        """A payment; what is no cash is good later, and the bank's file may come later still."""
        draws, reference = self.draws, self._id(one, "payment")
        own = {"amount": format_amount(amount), "method": method, "payer": one.customer}
        one.owes = 0
        if method == "cash":
            self._send(one, at, "ReceivePayment", reference=reference, **own)
            return
        if method == "auto-debit" and draws.chance(10_000):
            self._send(one, at, "ReceivePayment", reference=reference, **own)
            self._send(one, at + HOUR, "FailPayment", reference=reference, reason="no-funds")
            again = at + draws.between(2, 25) * DAY
            self._pay(one, again, amount, "transfer")
            return
        late = draws.between(3, 10) * DAY if draws.chance(15_000) else 0
        received = {"received_at": format_instant(at)} if late else {}
        record = self.feed.send(
            at + late, one.msisdn, "ReceivePayment", reference=reference, **own, **received
        )
        if draws.chance(1_000):
            self.feed.again(at + late + MINUTE, record)
        good = {"settled_at": format_instant(at + HOUR)} if late else {}
        self._send(one, at + late + 2 * HOUR, "SettlePayment", reference=reference, **good)
        if draws.chance(500):
            why = {"reason": "charged-back", "approved_by": CHIEF, "actor": STAFF}
            self._send(one, at + late + 20 * DAY, "ReversePayment", reference=reference, **why)

    # --- now and then -------------------------------------------------------------------------------------------------

    def ask_for_paper(self, one: Holder, at: int) -> None:
        """A standing order for bills on paper."""
        self._send(one, at, "RequestHardCopy")

    def be_credited(self, one: Holder, at: int) -> None:
        """Something on the first bill was wrong."""
        lines = [{"kind": self.draws.pick(("commitment", "usage")), "amount": "10000", "text": "complaint"}]
        own = {"note": self._id(one, "note"), "bill": f"{one.msisdn}-1-B0001", "reason": "complaint"}
        self._send(one, at, "IssueCreditNote", **own, lines=lines, approved_by=CHIEF, actor=STAFF)

    def let_the_clock_look(self, one: Holder, at: int) -> None:
        """The clock looks by."""
        self._send(one, at, "AdvanceTime", actor="clock")
        self.feed.tell(at, "AdvanceCustomer", customer=f"customer/{one.customer}", actor="clock")
