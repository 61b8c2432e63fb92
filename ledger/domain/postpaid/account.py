"""A postpaid account: the state that its events add up to, beside what every account has (`line/account.py`).

What an event changes stands beside the rules that bring it about, in the module of each capability; `product.py`
gathers it. Amounts are sen: what the customer owes and what is held for him are both positive.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Collection, Iterable, Iterator
from operator import attrgetter
from typing import Any, ClassVar

import msgspec

from ledger.domain.calendar import NEVER
from ledger.domain.events import Event
from ledger.domain.line.account import Account, at_instant
from ledger.domain.money import LARGEST_BALANCE, Posting
from ledger.domain.postpaid.billing_cycle import StepToCome
from ledger.domain.postpaid.terms import PostpaidTerms
from ledger.domain.refusals import AboveMaximum

POSTPAID = "postpaid"
PROBATION, ACTIVE, SETTLED = "probation", "active", "settled"

CYCLE, NOTE = "cycle", "debit-note"
"""What a charge comes from: only what comes of the cycle itself counts against the minimum commitment."""


class Fine(msgspec.Struct, array_like=True):
    """A late fine: `base_left` is what it was reckoned on, less settlements dated before it."""

    id: str
    at: int
    amount: int
    base_left: int
    carried_by: str | None = None
    """The bill that carries it; None: it is not billed yet."""
    waived: bool = False
    withdrawn: bool = False
    paid_before: dict[str, int] = {}
    """What settlements dated before it met, by payment: one that is reversed was not paid in time."""


class Bill(msgspec.Struct, array_like=True):
    """A bill: total = allocated + deposited + credited + written_off + open, each never below zero."""

    id: str
    number: int
    issued_at: int
    due_until: int
    total: int
    open: int
    lines: dict[str, int]
    """Sen by kind, from whatever source."""
    tax: int
    taxable: int
    tax_rate: str
    tax_included: bool
    terms: str
    """The terms that it was issued under."""
    allocated: int = 0
    deposited: int = 0
    credited: int = 0
    """What notes have met of the open amount."""
    written_off: int = 0
    noted: dict[str, int] = {}
    """Sen that notes took back by kind, met or not."""
    noted_tax: int = 0
    noted_total: int = 0
    overdue: bool = False
    fines: list[Fine] = []
    steps: list[StepToCome] = []
    due_on: int = 0
    """The due day, counted since 1970-01-01."""
    debit_at: int = NEVER
    """When the bank is to be asked to debit it."""
    reopened: list[tuple[int, int]] = []
    """What reversed payments have opened again, as (instant, sen): of that a settlement dated before meets nothing."""

    def open_since(self, instant: int) -> int:
        """Sen that were open at an instant and still are."""
        return max(0, self.open - sum(amount for at, amount in self.reopened if at > instant))

    @property
    def fines_counted(self) -> int:
        """How many fines it had: one that was withdrawn no longer counts, one that was waived does."""
        return sum(not fine.withdrawn for fine in self.fines)

    @property
    def fines_left(self) -> int:
        """Sen of fines that it carries and that were not taken back."""
        return self.lines.get("fines", 0) - self.noted.get("fines", 0)

    @property
    def place(self) -> tuple[int, int]:
        """Which comes first where several are paid: the oldest due end, then the number."""
        return self.due_until, self.number


def of_payment(reference: str) -> str:
    """What advance from a payment is called."""
    return f"payment/{reference}"


class Payment(msgspec.Struct, array_like=True):
    """A payment that may still be settled, fail, or be reversed; `paid` is what it met, bill by bill."""

    reference: str
    amount: int
    method: str
    received_at: int
    settled_at: int | None = None
    paid: dict[str, int] = {}
    refunded: int = 0
    reversed: bool = False


class Lot(msgspec.Struct, array_like=True):
    """What is left of advance that came from one source."""

    source: str
    since: int
    left: int


class PostpaidAccount(Account):
    """The state of one postpaid account."""

    PRODUCT: ClassVar[str] = POSTPAID

    plan: str = ""
    plans_since: list[tuple[int, str]] = msgspec.field(default_factory=list)
    billing_day: int = 0
    contract_until: int | None = None
    contract_ran_from: int = 0
    """When the contract period that runs, or ran last, began."""
    contract_months: int = 0
    probation_until: int | None = None
    probation_ends_in: str = ""
    """What probation ends in, by the terms that it began under."""
    probation_over: bool = False
    """Whether probation ended with a block: then no Minkom runs."""
    limit: int = 0
    plan_limit: int = 0
    consents: list[str] = msgspec.field(default_factory=list)
    next_bill_at: int = NEVER
    billed_until: int = 0
    """The end of what bills cover in time, and"""
    billed_version: int = 0
    """the version of the last one: the next carries what was charged since."""
    bill_count: int = 0
    note_count: int = 0
    debit_note_count: int = 0
    asked_plan: str | None = None
    asked_by: str = ""
    asked_from: int = NEVER
    roaming: bool = False
    leave_at: int = -NEVER
    """From when on roaming that is off stands in no way of leaving."""
    hard_copy_fee: int | None = None
    """Sen that each bill has for paper; None: no standing order."""
    mandate: str | None = None
    coming_mandate: str | None = None
    coming_from: int = NEVER

    unbilled: int = 0
    billed: int = 0
    pending: int = 0
    advance: int = 0
    deposit: int = 0
    charges: dict[str, int] = msgspec.field(default_factory=dict)
    """Sen unbilled, by `<source>/<kind>`."""
    bills: dict[str, Bill] = msgspec.field(default_factory=dict)
    """Those with something open, by id."""
    closed_bills: dict[str, bytes] = msgspec.field(default_factory=dict)
    """All others, each packed: notes may be issued about them for ever, and there are ever more of them."""
    due_ends: list[int] = msgspec.field(default_factory=list)
    """The due ends, of closed bills too, that may still come: at each of them overdue bills get a fine."""
    held_before: list[tuple[int, str]] = msgspec.field(default_factory=list)
    """Whose the number was before, each with the instant until which it was."""
    told: dict[str, str] = msgspec.field(default_factory=dict)
    """Overdue bills of which the customer was told, each with whom."""
    unbilled_fines: list[str] = msgspec.field(default_factory=list)
    """The ids of fines that the next bill carries."""
    withdrawable: list[str] = msgspec.field(default_factory=list)
    """The ids of fines that a settlement dated back has shown to be reckoned on nothing."""
    payments: dict[str, Payment] = msgspec.field(default_factory=dict)
    lots: list[Lot] = msgspec.field(default_factory=list)
    refund_until: int | None = None
    """Until when the deposit may be asked for, since the contract ended or its end was asked for."""
    refund_payee: str | None = None
    """Who is to have the deposit; None: nobody has asked for it."""
    requirements_met: bool = False
    refund_ready: bool = False
    ready_since: int | None = None
    """Since when nothing waits any more: the working days run, by these terms."""
    ready_under: str = ""
    legal_hold: bool = False
    hold_lifted_at: int = -NEVER
    probation_blocks: int = 0
    seen_until: int = -NEVER
    """Everything that falls due before this instant has happened."""
    under_way: int | None = None
    """The instant of which something has happened by time, and more may have to; None: a command came after it."""
    reversible_from: int = -NEVER
    """Payments that were settled before this instant can be reversed no more, and are not remembered."""
    last_settled_at: int = -NEVER
    """When the payment was settled that can be reversed longest."""

    @property
    def headroom(self) -> int:
        """Sen that use may still cost; below zero where roaming went past the limit."""
        return self.limit - (self.unbilled + self.billed - self.advance)

    @property
    def owed(self) -> int:
        """Sen that are owed, billed or not, less what was paid in advance."""
        return self.billed + self.unbilled - self.advance

    @property
    def is_settled(self) -> bool:
        """Whether nothing is owed or held any more, for good."""
        return self.state == SETTLED

    @property
    def runs(self) -> bool:
        """Whether the contract has not ended."""
        return self.closed_at is None

    def plan_at(self, instant: int) -> str:
        """The plan at an instant that is still remembered."""
        return at_instant(self.plans_since, instant) or self.plans_since[0][1]

    def name(self, part: str) -> str:
        """One of its ledger accounts."""
        return f"{self.id}/{part}"

    def open_bills(self) -> list[Bill]:
        """The bills with something open, the oldest due end first."""
        return in_their_order(self.bills.values())

    def bill(self, id_: str) -> Bill | None:
        """A bill of its own, open or not."""
        packed = self.closed_bills.get(id_)
        return self.bills.get(id_) if packed is None else _unpacked(packed)

    def every_bill(self) -> Iterator[Bill]:
        """Those with something open, and then the closed ones."""
        yield from self.bills.values()
        yield from map(_unpacked, self.closed_bills.values())

    def keep(self, bill: Bill) -> None:
        """The bill is as it is now: what changes one keeps it."""
        if bill.open > 0:
            self.bills[bill.id] = bill
            self.closed_bills.pop(bill.id, None)
        else:
            self.bills.pop(bill.id, None)
            self.closed_bills[bill.id] = _packed(bill)

    def fine(self, id_: str) -> Fine | None:
        """A late fine by its id, which names its bill."""
        return self._with_bill(id_)[1]

    def change_fine(self, id_: str, **said: Any) -> Fine | None:  # noqa: ANN401 - its fields
        """A late fine, with something said of it from now on."""
        bill, fine = self._with_bill(id_)
        if bill is not None and fine is not None:
            for name, value in said.items():
                setattr(fine, name, value)
            self.keep(bill)
        return fine

    def _with_bill(self, id_: str) -> tuple[Bill | None, Fine | None]:
        bill = self.bill(id_.rpartition("/")[0])
        fines = [] if bill is None else bill.fines
        return bill, next((fine for fine in fines if fine.id == id_), None)

    # --- changes ----------------------------------------------------------------------------------------------------

    def apply(self, event: Event, terms: Any) -> None:  # noqa: ANN401 - its product's terms
        """Takes an event into the state."""
        super().apply(event, terms)
        # What time brings about may be noticed at any time: only the instant at which it was due counts.
        by_time = event.command_digest is None
        at = event.effective_at if by_time else event.recorded_at
        if at > self.seen_until:  # noqa: PLR1730 - a call of `max` at each event costs more
            self.seen_until = at
        self.under_way = at if by_time else None

    def move(self, postings: list[Posting]) -> None:
        """Takes the money of an event into what is owed and held."""
        mine = self.id + "/"
        for posting in postings:
            name = posting["account"]
            if name.startswith(mine):
                part, amount = name[len(mine) :], posting["amount"]
                if part == "unbilled":
                    self.unbilled += amount
                elif part == "billed":
                    self.billed += amount
                elif part == "pending":
                    self.pending -= amount
                elif part == "advance":
                    self.advance -= amount
                elif part == "deposit":
                    self.deposit -= amount

    def forget(self, now: int, terms: PostpaidTerms) -> None:
        """Uses may come no later than this, and payments be reversed."""
        late, reversible = now - terms.late_window, now - terms.reversal_window
        if late > self.late_from:  # noqa: PLR1730 - as above
            self.late_from = late
        if reversible > self.reversible_from:  # noqa: PLR1730
            self.reversible_from = reversible

    def charge(self, kind: str, amount: int, source: str = CYCLE) -> None:
        """The next bill carries so much more of a kind."""
        key = f"{source}/{kind}"
        self.charges[key] = self.charges.get(key, 0) + amount

    def reduce(self, bill: Bill, amount: int) -> None:
        """So much less of a bill is open, after all else that happens to it; it is closed where nothing is."""
        bill.open -= amount
        self.keep(bill)

    def reopen(self, bill: Bill, amount: int) -> None:
        """So much of a bill is open again."""
        bill.open += amount
        self.keep(bill)

    def payment_of(self, source: str) -> Payment | None:
        """The payment that advance came from; None where it came from something else, or is too long ago."""
        kind, _, reference = source.partition("/")
        return self.payments.get(reference) if kind == "payment" else None

    def remembered_payments(self, since: int) -> list[Payment]:
        """The payments that are pending, or were settled since an instant and so may be reversed."""
        return [one for one in self.payments.values() if one.settled_at is None or one.settled_at >= since]

    def keep_advance(self, source: str, since: int, amount: int) -> None:
        """So much is held in advance, from that source."""
        if amount:
            insort(self.lots, Lot(source, since, amount), key=_since)

    # --- what may not be --------------------------------------------------------------------------------------------

    def faults(self) -> Iterator[str]:
        """What it holds is what its bills, payments and lots say, and each bill's parts make its total."""
        held = (self.unbilled, self.billed, self.pending, self.advance, self.deposit)
        if min(held) < 0:
            yield "it takes what is owed or held below zero"
        if self.unbilled != sum(self.charges.values()):
            yield "what is unbilled is not what the charges add up to"
        if self.billed != sum(bill.open for bill in self.bills.values()):
            yield "what is billed is not what is open on the bills"
        if self.advance != sum(lot.left for lot in self.lots):
            yield "what is held in advance is not what the lots hold"
        if self.pending != sum(p.amount for p in self.payments.values() if p.settled_at is None):
            yield "what is pending is not what the payments are"
        yield from _faults_of(self.bills.values())


_since = attrgetter("since")
_packed = msgspec.msgpack.Encoder().encode
_unpacked = msgspec.msgpack.Decoder(Bill).decode


def in_their_order(bills: Collection[Bill]) -> list[Bill]:
    """Bills in the order in which they are paid."""
    return list(bills) if len(bills) <= 1 else sorted(bills, key=lambda bill: bill.place)


def _faults_of(bills: Iterable[Bill]) -> Iterator[str]:
    for bill in bills:
        parts = (bill.allocated, bill.deposited, bill.credited, bill.written_off, bill.open)
        if sum(parts) != bill.total or min(parts) < 0:
            yield f"what became of the bill {bill.id} is not its total"


def must_stay_countable(account: PostpaidAccount, amount: int) -> None:
    """Raises AboveMaximum where `amount` sen more would be more than an account may hold or owe."""
    held = account.pending + account.advance + account.deposit
    if max(held, account.unbilled + account.billed) + amount > LARGEST_BALANCE:
        raise AboveMaximum


def postpaid(account: Account) -> PostpaidAccount:
    """The account as one of this product. Raises TypeError where it is of another."""
    if not isinstance(account, PostpaidAccount):
        raise TypeError(f"{account.id} is {account.PRODUCT}")
    return account
