"""The lives of the cast with contracts: payments late and dated back, debits that fail, roaming, deposits, corrections.

Days count from 1 July 2024. A bill of the first of the month is due to the end of the 21st.
"""

from __future__ import annotations

from ledger.simulation import msisdns
from ledger.simulation.cast import SP23
from ledger.simulation.contract_cast import CHIEF, CORRECTED, SE23, STAFF, XE25, ContractRole


def pays_late(role: ContractRole) -> None:
    """A bank file of before the due end comes after it, and the fine falls; then a bill is really late (SE23-10)."""
    role.opens(plan="elite-100")
    role.use(3, "19:00", quantity=240, destination="off-net")
    role.use(20, "10:00", "data", 4 * 1024 * 1024)
    role.pays_in(58, "bank-1", "111000", since=role.instant(50, "14:00"))
    role.is_good(58, "bank-1", since=role.instant(50, "15:00"))
    role.use(60, "19:00", quantity=20_000, destination="off-net")
    role.use(60, "21:00", quantity=20_000, destination="off-net")
    role.use(95, "10:00")
    role.pays_in(100, "cash-1", "900000", "cash")
    role.use(101, "10:00")
    role.say(101, "11:00", "RequestHardCopy")
    role.say(130, "11:00", "RequestHardCopy", bill=role.bill(1))
    role.say(130, "11:10", "RequestHardCopy", bill=role.bill(99))
    role.say(131, "11:00", "StopHardCopy")


def has_debits_that_fail(role: ContractRole) -> None:
    """Mandates change with notice; a debit fails, and nothing else changes (SE23-11, SE23-12)."""

    def mandate(day: int, name: str, on: int) -> None:
        own = {"mandate": name, "effective_on": role.instant(on, "12:00")[:10], "initiated_by": "customer"}
        role.say(day, "09:30", "SetAutoDebit", **own)

    role.opens(plan="elite-100", billing_day=16)
    mandate(1, "mandate-a", 3)
    mandate(5, "mandate-b", 10)
    mandate(5, "mandate-c", 25)
    role.pays_in(16, "debit-1", "200000", "auto-debit")
    role.is_good(17, "debit-1")
    role.is_good(18, "debit-1")
    role.pays_in(47, "debit-2", "111000", "auto-debit")
    for day in (48, 49):
        role.say(day, "10:00", "FailPayment", reference="debit-2", reason="no-funds")
    role.pays_in(49, "debit-2", "111000", "auto-debit")
    role.pays_in(50, "debit-2", "112000", "auto-debit")
    role.is_good(50, "debit-9")
    why = {"reference": "debit-1", "reason": "charged-back"}
    role.say(59, "10:00", "ReversePayment", **why, approved_by=STAFF, actor=STAFF)
    for day in (60, 61):
        role.say(day, "10:00", "ReversePayment", **why, **CORRECTED)
    role.say(70, "10:00", "RemoveAutoDebit")
    role.pays_in(75, "cash-1", "600000", "cash")


def roams_and_leaves(role: ContractRole) -> None:
    """Partners' records come up to 120 days late; who leaves pays first, and asks for the deposit (SE23-21)."""
    role.opens()
    role.leaves_a_deposit(2, "500000")
    role.say(2, "11:00", "ActivateRoaming")
    role.say(2, "11:10", "ActivateRoaming")
    own = role.use(3, "12:00", quantity=95)
    role.was_abroad(3, "x-1", comes_in=4)
    role.was_abroad(3, "x-1", comes_in=5)
    role.was_abroad(3, "x-2", comes_in=6, matches=own["command_id"])
    role.was_abroad(4, "x-3", comes_in=63)
    role.was_abroad(4, "x-4", comes_in=124, account=f"{role.msisdn}#1")
    role.was_abroad(5, "x-5", comes_in=6, country="XX")
    role.leaves(6)
    role.leaves(6, "13:00", "app")
    role.say(7, "11:00", "DeactivateRoaming")
    role.leaves(50)
    role.say(60, "10:00", "ApplyDeposit", amount="10000", decided_by=CHIEF)
    role.leaves(110, "08:00")
    role.pays_in(110, "cash-1", "500000", "cash")
    role.leaves(110)
    role.say(111, "10:00", "RefundAdvance", bank_cost="6500", reference="bank-a")
    role.asks_for_the_deposit(112)
    role.asks_for_the_deposit(112)
    paid = {"bank_cost": "6500", "reference": "bank-b"}
    role.say(112, "13:00", "PayDepositRefund", **paid)
    for day in (113, 114):
        role.say(day, "10:00", "ConfirmRefundRequirements", decided_by=CHIEF)
    for day in (120, 121):
        role.say(day, "10:00", "PayDepositRefund", **paid)


def forgets_the_deposit(role: ContractRole) -> None:
    """Nobody asks for it within a year, and it is the operator's (SE23-17)."""
    role.opens()
    role.leaves_a_deposit(1, "400000", "line")
    role.asks_for_the_deposit(2)
    role.leaves(12)
    role.asks_for_the_deposit(400)


def has_a_deposit_on_hold(role: ContractRole) -> None:
    """A legal hold keeps it from being forfeited; the window closes nevertheless."""
    role.opens()
    role.leaves_a_deposit(1, "400000", "line")
    role.leaves(9)
    role.say(10, "10:00", "SetLegalHold", reference="case-a")
    role.asks_for_the_deposit(385)
    role.say(390, "10:00", "LiftLegalHold", reference="case-a", account=f"{role.msisdn}#1")


def has_bills_corrected(role: ContractRole) -> None:
    """Notes, a fine that is waived, what it cost to collect, and a little that is given up (SE23-02, SE23-10)."""
    role.opens(plan="elite-100")
    first = {"bill": role.bill(1), "reason": "billing-error"}

    def lines(kind: str, amount: str) -> dict[str, object]:
        return {"lines": [{"kind": kind, "amount": amount, "text": "charged twice"}]}

    role.say(
        40, "10:00", "IssueCreditNote", note="note-a", **first, **lines("commitment", "20000"), **CORRECTED
    )
    role.say(
        40, "10:10", "IssueCreditNote", note="note-b", **first, **lines("commitment", "90000"), **CORRECTED
    )
    role.say(41, "10:00", "IssueDebitNote", note="note-c", **first, **lines("usage", "2500"), **CORRECTED)
    role.say(52, "10:00", "AdvanceTime", actor="clock")
    waived = {"fine": f"{role.bill(1)}/F1", "reason": "goodwill"}
    for day in (53, 54):
        role.say(day, "10:00", "WaiveFine", **waived, **CORRECTED)
    role.say(55, "10:00", "ChargeCollectionCost", amount="15000", reference="visit-a", **CORRECTED)
    role.say(56, "10:00", "WriteOff", bill=role.bill(1), amount="1000", reason="bad-debt", **CORRECTED)
    role.say(57, "10:00", "SetCreditLimit", amount="450000", **CORRECTED)
    stray = {"method": "transfer", "payer": role.customer, "account": f"{role.msisdn}#9"}
    for reference in ("stray-1", "stray-2"):  # for an account that there is not: in suspense
        role.say(57, "11:00", "ReceivePayment", reference=reference, amount="5000", **stray)
    assigned = {"reference": "stray-1", "account": f"{role.msisdn}#1"}
    for clock in ("11:10", "11:20"):
        role.say(57, clock, "AssignSuspense", **assigned, **CORRECTED)
    role.say(57, "11:30", "ReturnSuspense", reference="stray-2", bank_cost="2500", **CORRECTED)
    role.pays_in(57, "cash-1", "300000", "cash")


def moves_to_other_terms(role: ContractRole) -> None:
    """Another plan has to wait; under the terms of 2025 the deposit waits for consent (XE25-05, XE25-09)."""
    role.opens(plan="elite-200")
    role.pays_in(1, "cash-1", "1200000", "cash")
    role.say(3, "10:00", "ChangePackage", plan="elite-100", channel="gallery")
    role.say(3, "10:10", "ChangePackage", plan="elite-gold", channel="gallery")
    role.say(190, "02:00", "MigrateTerms", terms=XE25, actor="staff-7")
    role.leaves_a_deposit(191, "300000", "line")
    role.say(230, "10:00", "ApplyDeposit", decided_by=CHIEF)
    role.say(231, "10:00", "UpdateService", plan="elite-100", reason="plan-withdrawn", **CORRECTED)
    role.pays_in(232, "cash-2", "2000000", "cash")
    role.say(370, "10:00", "ChangePackage", plan="elite-200", channel="app")


def is_never_verified(role: ContractRole) -> None:
    """Service up to what was paid up front, and the end after 30 days (SE23-22)."""
    role.opens(plan="elite-100", registration="pending", upfront_payment="50000", reference="cash-0")
    role.use(2, "10:00", quantity=600)
    role.use(3, "10:00", quantity=20_000, destination="off-net")
    role.say(4, "10:00", "RecordVerification", result="failed", reference="survey-1")
    role.use(32, "10:00")


def is_verified_late(role: ContractRole) -> None:
    """Blocked after 30 days, until the survey is passed (XE25-07)."""
    role.opens(190, registration="pending", upfront_payment="50000", reference="cash-0", consents=["deposit"])
    role.use(222, "10:00")
    role.say(230, "10:00", "RecordVerification", result="passed", reference="survey-1")
    role.say(231, "10:00", "RecordVerification", result="passed", reference="survey-1")
    role.use(232, "10:00")
    role.pays_in(240, "cash-1", "100000", "cash")


def has_three_numbers(role: ContractRole) -> None:
    """A bill that is overdue on one blocks the others, a prepaid one that was passed on to him too (SE23-19)."""
    role.opens(plan="elite-100")
    other, prepaid = (msisdns.with_contract(role.index + msisdns.SECOND * n) for n in (1, 2))
    feed, mine = role.feed, role.msisdn

    def say(number: str, day: int, clock: str, command: str, **own: object) -> None:
        feed.send(role.when(day, clock), number, command, **own)

    say(other, 1, "09:00", "OpenContract", **_second(role, "elite-free"))
    say(prepaid, 1, "06:00", "IssueStarterPack", terms=SP23, printed_credit="5000", valid_until="2025-06-30")
    taken = {"channel": "sms-4444", "customer": f"{role.customer}-before", "registration": "verified"}
    say(prepaid, 1, "09:00", "Activate", **taken)
    say(prepaid, 3, "09:00", "TopUp", credit="100000", price="101500", channel="outlet")
    say(prepaid, 4, "09:00", "RequestRightsTransfer", request="rights-a", to_customer=role.customer)
    decided = {"request": "rights-a", "decision": "approved", "decided_by": CHIEF}
    say(prepaid, 5, "09:00", "DecideRightsTransfer", **decided)
    role.say(52, "00:10", "AdvanceTime", actor="clock")
    feed.tell(role.when(54, "00:10"), "AdvanceCustomer", customer=f"customer/{role.customer}", actor="clock")
    use = {"service": "sms", "direction": "outgoing", "destination": "on-net", "zone": "zone1", "quantity": 1}
    for number in (mine, other, prepaid):
        for day in (50, 55, 77):
            say(number, day, "13:01", "RecordUsage", **use, used_at=role.instant(day, "13:00"))
    role.pays_in(76, "cash-1", "400000", "cash")


def _second(role: ContractRole, plan: str) -> dict[str, object]:
    said = {"customer": role.customer, "plan": plan, "terms": SE23, "billing_day": 10}
    return {**said, "registration": "verified"}


def pays_for_numbers_that_nobody_has(role: ContractRole) -> None:
    """The money lies in suspense until it is assigned to the account that it was meant for, or goes back."""
    role.opens(plan="elite-100")
    wrong, mine = msisdns.with_contract(role.index + 3 * msisdns.SECOND), f"{role.msisdn}#1"

    def say(day: int, clock: str, command: str, **own: object) -> None:
        role.feed.send(role.when(day, clock), wrong, command, **own)

    for name, amount in (("lost-1", "111000"), ("lost-2", "50000")):
        own = {"reference": name, "amount": amount, "method": "transfer", "payer": role.customer}
        say(40, "10:00", "ReceivePayment", **own)
    say(42, "10:00", "AssignSuspense", reference="lost-1", account=mine, **CORRECTED)
    for name in ("lost-2", "lost-9"):
        say(43, "10:00", "ReturnSuspense", reference=name, bank_cost="6500", **CORRECTED)
    role.pays_in(70, "cash-1", "2000000", "cash")


def takes_halo(role: ContractRole) -> None:
    """The other operator's contract: due by a table of billing days, roaming on by default (TS-03, TS-09)."""
    role.opens(plan="halo", billing_day=6)
    role.was_abroad(
        10, "t-1", comes_in=12, partner="MYMAX", country="MY", service="data", quantity=3 * 1024**2
    )
    role.pays_in(50, "cash-1", "40000", "cash")
    role.leaves(60)
    role.pays_in(61, "cash-2", "20000", "cash")
    role.leaves(61)
