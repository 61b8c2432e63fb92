"""The affairs of the rest of the cast: credit sent, held, reversed and corrected, rights, and records that go wrong."""

from __future__ import annotations

from ledger.domain.calendar import DAY, HOUR
from ledger.simulation import msisdns
from ledger.simulation.cast import LAPSING, RECEIVING, Role

NOBODY = msisdns.msisdn(1, msisdns.NOBODY)


def sends_credit(role: Role) -> None:
    """Credit arrives, or comes back with its fee; limits hold."""
    role.starts()
    role.top_up(1, "10:00", "100000")

    def send(day: int, clock: str, amount: str, to: str = RECEIVING) -> None:
        role.say(day, clock, "TransferCredit", to_msisdn=to, amount=amount)

    send(5, "10:00", "5000")  # not 30 days on the network yet
    send(35, "10:00", "20000")
    send(35, "10:10", "5000", NOBODY)
    send(35, "10:20", "5000", role.msisdn)
    send(35, "10:30", "150000")
    send(35, "10:40", "0.50")
    send(35, "10:50", "79000")
    send(35, "11:00", "90000")
    send(100, "10:00", "10000", LAPSING)
    send(100, "10:10", "10000")


def receives_credit(role: Role) -> None:
    """In grace by then: what arrives restores service for some days."""
    role.starts()
    role.use(36, "10:00")
    role.use(36, "11:00", "sms", 3)
    role.use(104, "10:00")


def resells(role: Role) -> None:
    """A reseller under the other operator's terms: a limit a day, a least amount, no metered tariff, summed days."""
    role.starts(0, credit="0")
    for minute in ("00", "20", "40"):
        role.top_up(1, f"10:{minute}", "1000000", "app")

    def send(clock: str, amount: str) -> None:
        role.say(10, clock, "TransferCredit", to_msisdn=RECEIVING, amount=amount)

    send("09:00", "600000")
    send("09:10", "1000")
    send("09:20", "600000")
    send("09:30", "400000")
    role.use(11, "10:00")
    role.use(11, "11:00", direction="incoming")
    role.pays(12, "10:00", "100000", "data 30 GB, 30 days")
    role.say(13, "10:00", "Block", block="voice-a", scope="voice", ground="b", actor="staff-4")
    role.use(14, "11:00", direction="incoming")
    role.use(14, "12:00", "sms", 1, direction="incoming")
    role.say(15, "10:00", "Unblock", block="voice-a", actor="staff-4")
    role.say(16, "10:00", "ReplaceCard", iccid=msisdns.card(role.msisdn, 2), identity_checked=True)


def holds_credit(role: Role) -> None:
    """Reservations: captured, released, expired, cut short by grace."""
    role.starts()
    role.top_up(1, "10:00", "20000")

    def reserve(day: int, name: str, amount: str, until: str) -> None:
        role.say(day, "10:00", "ReserveCredit", reservation=name, amount=amount, expires_at=until)

    def capture(day: int, clock: str, name: str, amount: str) -> None:
        role.say(day, clock, "CaptureReservation", reservation=name, amount=amount)

    reserve(3, "hold-a", "10000", role.instant(4))
    capture(3, "10:10", "hold-a", "12000")
    capture(3, "10:20", "hold-a", "7500.50")
    capture(3, "10:30", "hold-a", "1")
    reserve(4, "hold-a", "1000", role.instant(5))
    reserve(4, "hold-b", "5000", role.instant(4))
    reserve(5, "hold-b", "5000", role.instant(5, "22:00"))
    role.use(6, "10:00")
    reserve(7, "hold-c", "900000", role.instant(9))
    reserve(8, "hold-c", "5000", role.instant(12))
    role.say(8, "12:00", "ReleaseReservation", reservation="hold-c")
    role.say(8, "12:05", "ReleaseReservation", reservation="hold-c")
    reserve(25, "hold-d", "2000", role.instant(60))
    role.use(40, "10:00")
    capture(41, "10:00", "hold-d", "2000")
    role.top_up(45, "10:00", "20000")


def has_top_ups_reversed(role: Role) -> None:
    """Once, in time, and only what is there."""
    role.starts()
    wrong = role.top_up(1, "10:00", "100000")
    old = role.top_up(2, "10:00", "10000")

    def reverse(day: int, which: str) -> None:
        why = {"reverses": which, "reason": "wrong-number", "approved_by": "staff-2"}
        role.say(day, "12:00", "ReverseTopUp", **why, actor="staff-1")

    role.use(2, "18:00", "data", 2 * 1024 * 1024)
    reverse(3, wrong)
    reverse(4, wrong)
    reverse(5, "top-none")
    role.top_up(10, "10:00", "50000")
    reverse(33, old)


def is_corrected(role: Role) -> None:
    """Adjustments: approved by another, within the account's life, never below zero."""
    role.starts()

    def adjust(day: int, amount: str, approved_by: str = "staff-9", since: str | None = None) -> None:
        own = {"reason": "billing-error", "approved_by": approved_by, "effective_at": since}
        role.say(day, "10:00", "AdjustCredit", amount=amount, **own, actor="staff-4")

    adjust(2, "2500")
    adjust(3, "-1250.50")
    adjust(4, "2500", approved_by="staff-4")
    adjust(5, "2500", since=role.instant(6))
    adjust(6, "2500", since=role.instant(-1))
    adjust(7, "1000", since=role.instant(3))
    adjust(8, "-900000")
    _disputes_a_top_up(role)


def _disputes_a_top_up(role: Role) -> None:
    """The record prevails, evidence comes, the system is corrected by two persons; and what is refused (SE23-02)."""
    top_up = role.top_up(9, "09:00", "50000")
    sale = {
        "about": "top-up",
        "claimed": "60000",
        "unit": "PULSA",
        "reason": "amount",
        "opened_by": role.customer,
    }

    def ask(day: int, dispute: str, **own: object) -> None:
        role.say(day, "12:00", "OpenDispute", dispute=dispute, **{**sale, "refers_to": top_up, **own})

    def decide(day: int, decision: str, approved_by: str | None = None, dispute: str = "C-1") -> None:
        own = {"decision": decision, "reason": "record", "decided_by": "staff-4", "approved_by": approved_by}
        role.say(day, "13:00", "DecideDispute", dispute=dispute, **own, actor="staff-4")

    def evidence(day: int, command: str, digest: str, **own: object) -> None:
        role.say(day, "14:00", command, dispute="C-1", digest=digest * 32, **own)

    receipt = {"media_type": "image/png", "title": "receipt"}
    ask(10, "C-1")
    ask(11, "C-1")
    ask(11, "C-2", refers_to="top-none")
    ask(11, "C-3", about="balance", unit="IDR")
    evidence(11, "AttachEvidence", "ab", **receipt)
    evidence(12, "AttachEvidence", "ab", **receipt)
    decide(13, "overridden")
    decide(14, "rejected")
    decide(14, "rejected", dispute="C-9")
    evidence(15, "ReopenDispute", "cd", reason="receipt")
    decide(16, "corrected", approved_by="staff-9")
    evidence(17, "ReopenDispute", "ef", reason="receipt")


def passes_the_number_on(role: Role) -> None:
    """Rights go to another holder with consent (SP23-11)."""
    role.starts()
    role.top_up(1, "10:00", "60000")

    def ask(day: int, request: str, to: str) -> None:
        role.say(day, "10:00", "RequestRightsTransfer", request=request, to_customer=to)

    def decide(day: int, request: str, decision: str, reason: str | None = None) -> None:
        own = {"request": request, "decision": decision, "decided_by": "staff-9", "reason": reason}
        role.say(day, "15:00", "DecideRightsTransfer", **own)

    ask(10, "rights-a", "customer-y")
    decide(12, "rights-a", "refused", "identity-in-doubt")
    ask(13, "rights-b", role.customer)
    ask(20, "rights-c", "customer-z")
    decide(22, "rights-c", "approved")
    decide(23, "rights-c", "approved")
    role.use(24, "10:00", "data", 500 * 1024)


def has_records_that_go_wrong(role: Role) -> None:
    """Twice the same, the same id for something else, too late, from the future; and a number that nobody has."""
    role.starts()
    role.top_up(1, "10:00", "20000")
    record = role.use(3, "10:00", quantity=61)
    role.feed.again(role.when(3, "10:05"), record)
    role.feed.again(role.when(3, "10:06"), record, quantity=62)
    role.use(4, "10:00", quantity=61, comes_in=36)
    future = role.use(37, "10:00", "sms", 1, direction="incoming")
    ahead = dict(future, used_at=role.instant(38, "10:00"), command_id="cdr-ahead")
    role.feed.again(role.when(37, "10:30"), ahead)
    lost = {"credit": "10000", "price": "11000", "channel": "outlet"}
    role.feed.send(role.when(5, "10:00"), NOBODY, "TopUp", **lost)
    role.feed.again(role.when(40, "00:00") + DAY + HOUR, record)
