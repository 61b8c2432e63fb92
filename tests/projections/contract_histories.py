"""Random histories of contracts: two numbers on one log, and whatever may happen to what is owed and held."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from ledger.domain.calendar import DAY, SECOND
from ledger.domain.commands import Command
from ledger.domain.line.commands import AdvanceTime, LineCommand, RecordUsage, ReplaceCard, Terminate
from ledger.domain.postpaid.commands import (
    ApplyDeposit,
    AssignSuspense,
    ChargeCollectionCost,
    ConfirmRefundRequirements,
    FailPayment,
    IssueCreditNote,
    IssueDebitNote,
    OpenContract,
    PayDepositRefund,
    ReceiveDeposit,
    ReceivePayment,
    RefundAdvance,
    RequestDepositRefund,
    RequestUnsubscribe,
    ReversePayment,
    SettlePayment,
    WriteOff,
)
from tests.given import BUNDLED, CONTRACTS, SE23, XE25, at, create_log, open_log, rupiah

NUMBERS = ("6288100000001", "6288100000002")
BEGIN = at("2023-03-10T10:00:00+07:00")
TERMS = (SE23, XE25)
STAFF = {"approved_by": "staff-2"}

Step = tuple[int, int, str, int, int]
"""A pause in microseconds, the number's index, what happens, and two choices of how."""

_OFTEN = ("use", "receive", "settle", "settle late", "cash", "pay all", "pay all", "reverse", "deposit")
_SELDOM = (
    *("open", "advance", "fail", "terminate", "card", "credit note", "debit note", "write off", "collect"),
    *("suspend", "assign", "apply", "unsubscribe", "ask refund", "confirm", "pay refund", "refund advance"),
)
step = st.tuples(
    st.sampled_from([SECOND, SECOND, DAY, 4 * DAY, 9 * DAY, 9 * DAY, 20 * DAY, 33 * DAY]),
    st.integers(0, len(NUMBERS) - 1),
    st.sampled_from([*_OFTEN, *_OFTEN, *_SELDOM]),
    st.integers(0, 3),
    st.integers(0, 3),
)


def steps(size: int = 14) -> st.SearchStrategy[list[Step]]:
    """Histories of contracts that were opened, and used."""
    begun: list[Step] = [(0, n, "open", n, 3) for n in range(len(NUMBERS))]
    begun += [(1, 0, "use", 1, 0), (20 * DAY, 1, "receive", 1, 0), (3 * DAY, 0, "pay all", 0, 0)]
    return st.lists(step, min_size=4, max_size=size).map(lambda some: begun + some)


def commands(history: Iterable[Step]) -> list[Command]:
    """The commands of a history; a payment's reference is the id of the command that it came in by."""
    found: list[Command] = []
    paid: dict[str, list[str]] = {}
    now = BEGIN
    for count, (pause, index, what, one, two) in enumerate(history):
        now += pause
        msisdn = NUMBERS[index]
        payment = paid.get(msisdn, ["none"])[-1 - one :][0]
        found.append(_command(str(count), now, msisdn, what, one, two, payment))
        if what in {"receive", "cash", "pay all"}:
            paid.setdefault(msisdn, []).append(str(count))
    return found


def _command(id_: str, now: int, msisdn: str, what: str, one: int, two: int, payment: str) -> Command:
    amount = rupiah((20_000, 61_000, 111_000, 400_000)[one])
    bill = f"{msisdn}-1-B000{1 + two}"
    receive = {"reference": id_, "amount": amount, "payer": "customer-1"}
    note: dict[str, Any] = {
        "note": f"n{id_}",
        "bill": bill,
        "reason": "mistake",
        **STAFF,
        "lines": [{"kind": ("commitment", "usage")[one % 2], "amount": rupiah(3000), "text": "twice"}],
    }
    usage = {"service": "voice", "direction": "outgoing", "destination": "off-net", "zone": "zone1"}
    kinds: dict[str, tuple[type[LineCommand], dict[str, Any]]] = {
        "open": (
            OpenContract,
            {
                "customer": f"c{one}",
                "plan": "elite-100",
                "terms": TERMS[one % 2],
                "billing_day": 1,
                "registration": "verified",
                "consents": ["deposit"],
                **({"upfront_payment": amount, "reference": f"up{id_}"} if two == 1 else {}),
            },
        ),
        "use": (
            RecordUsage,
            {**usage, "used_at": now - (0, SECOND, DAY, 0)[one], "quantity": 200 * (1 + two)},
        ),
        "receive": (ReceivePayment, {**receive, "method": "transfer"}),
        "cash": (ReceivePayment, {**receive, "method": "cash", "received_at": now - two * 3 * DAY}),
        "pay all": (ReceivePayment, {**receive, "method": "cash", "amount": rupiah(111_000)}),
        "suspend": (
            ReceivePayment,
            {**receive, "reference": "s", "method": "transfer", "account": f"{msisdn}#9"},
        ),
        "assign": (
            AssignSuspense,
            {"reference": "s", "account": f"{NUMBERS[one % 2]}#{1 + two % 2}", **STAFF},
        ),
        "settle": (SettlePayment, {"reference": payment}),
        "settle late": (
            SettlePayment,
            {"reference": payment, "settled_at": now - (0, DAY, 9 * DAY, 13 * DAY)[two]},
        ),
        "fail": (FailPayment, {"reference": payment, "reason": "no-funds"}),
        "reverse": (ReversePayment, {"reference": payment, "reason": "mistake", **STAFF}),
        "refund advance": (RefundAdvance, {"bank_cost": rupiah(6500), "reference": f"t{id_}"}),
        "deposit": (
            ReceiveDeposit,
            {"deposit": f"d{id_}", "amount": amount, "purpose": "roaming", "payer": "customer-1"},
        ),
        "apply": (ApplyDeposit, {"decided_by": "staff-3", "amount": rupiah(10_000) if two else None}),
        "ask refund": (RequestDepositRefund, {"payee": "customer-1", "reference": f"r{id_}"}),
        "confirm": (ConfirmRefundRequirements, {"decided_by": "staff-3"}),
        "pay refund": (PayDepositRefund, {"bank_cost": rupiah(6500), "reference": f"t{id_}"}),
        "credit note": (IssueCreditNote, note),
        "debit note": (IssueDebitNote, note),
        "write off": (WriteOff, {"bill": bill, "amount": rupiah(1000), "reason": "mistake", **STAFF}),
        "collect": (ChargeCollectionCost, {"amount": rupiah(5000), "reference": f"k{id_}", **STAFF}),
        "card": (ReplaceCard, {"iccid": "ab" * 32, "identity_checked": True}),
        "unsubscribe": (RequestUnsubscribe, {"channel": "gallery"}),
        "terminate": (Terminate, {"ground": "1"}),
        "advance": (AdvanceTime, {}),
    }
    kind, fields = kinds[what]
    return kind(at=now, command_id=id_, msisdn=msisdn, actor="staff-1", **fields)


def play(path: Path, played: Sequence[Command], *, size: int = 7) -> dict[str, str]:
    """Writes a history to a log, in batches; what became of each command: `accepted`, or the code of its refusal."""
    if not path.exists():
        create_log(path)
    ledger = open_log(path, [*BUNDLED.values(), *CONTRACTS.values()])
    try:
        return {
            outcome.command_id: outcome.code or outcome.status
            for start in range(0, len(played), size)
            for outcome in ledger.execute(played[start : start + size])
        }
    finally:
        ledger.close()
