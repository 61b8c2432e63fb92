"""Contracts by chance: bills, payments, deposits told by their events alone; who pays can leave; blocks, zones."""

from __future__ import annotations

import os
import time
from calendar import monthrange
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.calendar import DAY
from ledger.domain.events import Event
from ledger.domain.kinds import new_subject
from ledger.domain.line.commands import AdvanceTime, Block, RecordUsage, Terminate, Unblock
from ledger.domain.line.events import Blocked, Terminated, Unblocked
from ledger.domain.postpaid.commands import (
    ConfirmRefundRequirements,
    DeactivateRoaming,
    FailPayment,
    OpenContract,
    PayDepositRefund,
    ReceivePayment,
    RecordRoaming,
    RefundAdvance,
    RequestUnsubscribe,
)
from ledger.domain.postpaid.events_of_bills import (
    AdvanceApplied,
    BillIssued,
    CreditNoteIssued,
    WrittenOff,
)
from ledger.domain.postpaid.events_of_payments import (
    AdvanceRefunded,
    DepositApplied,
    DepositForfeited,
    DepositReceived,
    DepositRefunded,
    PaymentReceived,
    PaymentReversed,
    PaymentSettled,
)
from ledger.domain.postpaid.leaving import closing_amount
from ledger.domain.postpaid.terms import PostpaidTerms
from ledger.domain.subject import DUE
from projections.postpaid.working_days import working_days
from tests.given import NUMBER, OTHER, SE23, Story, at, contract_terms
from tests.often import often
from tests.properties.test_contracts_at_any_rhythm import HISTORIES, RHYTHMS, Said, adds_up, seen, told

History = tuple[dict[str, Any], list[Said]]


class Sums:
    """What events say of bills, payments and the deposit, with nothing of the rules; amounts in sen."""

    def __init__(self, events: Iterable[Event]) -> None:
        self.bills: dict[str, Counter[str]] = defaultdict(Counter)
        self.payments: dict[str, Counter[str]] = defaultdict(Counter)
        self.met: dict[str, Counter[str]] = defaultdict(Counter)
        """By the source of money, what it met bill by bill."""
        self.deposit: Counter[str] = Counter()
        for event in events:
            self._take(event)
            self._hold()

    def _take(self, event: Event) -> None:
        if isinstance(event, BillIssued):
            self.bills[event.bill]["total"] = event.total
        elif isinstance(event, PaymentReceived):
            self.payments[event.reference]["amount"] = event.amount
        elif isinstance(event, PaymentSettled):
            self._meet(f"payment/{event.reference}", event.allocations, "allocated")
            self.payments[event.reference]["advance"] += event.advance
        elif isinstance(event, AdvanceApplied):
            for use in event.applied:
                self._meet(use["source"], [use], "allocated")
                self.payments[use["source"].removeprefix("payment/")]["advance"] -= use["amount"]
        elif isinstance(event, PaymentReversed):
            source = f"payment/{event.reference}"
            reopened = {part["bill"]: part["amount"] for part in event.reopened if part["amount"]}
            assert reopened == {bill: amount for bill, amount in self.met[source].items() if amount}
            for bill, amount in reopened.items():
                self.bills[bill]["allocated"] -= amount
            sums = self.payments[event.reference]
            assert event.charged == sums["refunded"]
            assert event.advance == sums["advance"]
            self.payments.pop(event.reference)
            self.met.pop(source, None)
        elif isinstance(event, AdvanceRefunded):
            for lot in event.lots:
                sums = self.payments[lot["source"].removeprefix("payment/")]
                sums["advance"] -= lot["amount"]
                sums["refunded"] += lot["amount"]
        elif isinstance(event, CreditNoteIssued):
            self.bills[event.bill]["credited"] += event.met_open
        elif isinstance(event, WrittenOff):
            self.bills[event.bill]["written off"] += event.amount
        else:
            self._take_deposit(event)

    def _take_deposit(self, event: Event) -> None:
        if isinstance(event, DepositReceived):
            self.deposit["received"] += event.amount
        elif isinstance(event, DepositApplied):
            self._meet(event.source, event.allocations, "deposit")
            self.deposit["applied"] += event.amount
        elif isinstance(event, DepositRefunded):
            self.deposit["refunded"] += event.amount - event.bank_cost
            self.deposit["bank cost"] += event.bank_cost
        elif isinstance(event, DepositForfeited):
            self.deposit["forfeited"] += event.amount

    def _meet(self, source: str, parts: Iterable[Any], how: str) -> None:
        for part in parts:
            self.bills[part["bill"]][how] += part["amount"]
            self.met[source][part["bill"]] += part["amount"]

    def _hold(self) -> None:
        for id_, sums in self.bills.items():
            assert min(sums.values()) >= 0, id_
            assert self.open(id_) >= 0, id_

    def open(self, bill: str) -> int:
        """What is open on a bill."""
        sums = self.bills[bill]
        return sums["total"] - sum(amount for what, amount in sums.items() if what != "total")

    @property
    def held(self) -> int:
        """What is held as deposit."""
        return self.deposit["received"] - sum(n for what, n in self.deposit.items() if what != "received")


def what_fell_due_stands_before_all_that_came_later(story: Story) -> None:
    """As whoever verifies a log finds it, event by event."""
    line = new_subject(NUMBER, story.book)
    for event in story.of_number(NUMBER):
        if event.command_id.startswith(DUE):
            assert line.due_at == event.effective_at, event
        else:
            assert line.due_at > event.recorded_at, event
        line.take(event)


@often(15)
@given(HISTORIES)
def test_bills_payments_and_the_deposit_add_up_by_their_events_alone(history: History) -> None:
    story = told(history, None)
    what_fell_due_stands_before_all_that_came_later(story)
    sums, account = Sums(story.of_number(NUMBER)), story.contract()
    for bill in account.every_bill():
        assert sums.open(bill.id) == bill.open
        parts = {"allocated": bill.allocated, "deposit": bill.deposited, "credited": bill.credited}
        assert {what: sums.bills[bill.id][what] for what in parts} == parts
    assert account.billed == sum(map(sums.open, list(sums.bills)))
    assert account.deposit == sums.held
    for reference, payment in account.payments.items():
        if payment.settled_at is not None and not payment.reversed:
            own = sums.payments[reference]
            met = sum(sums.met[f"payment/{reference}"].values())
            assert payment.amount == own["amount"] == met + own["advance"] + own["refunded"]


@often(10)
@given(HISTORIES, st.integers(1, 40))
def test_a_block_touches_no_receivable(history: History, every: int) -> None:
    """With use left out, which a block refuses, blocks that come and go change no other event."""
    opening, commands = history
    unused = [one for one in commands if one[0] not in (RecordUsage, RecordRoaming, Block, Unblock)]
    blocked: list[Said] = []
    for count, one in enumerate(unused):
        blocked.append(one)
        if count % every == 0:
            blocked += [(Block, 0, {"block": f"x{count}", "ground": "1"})]
        if count % every == 1:
            blocked += [(Unblock, 0, {"block": f"x{count - 1}"})]
    with_blocks, without = told((opening, blocked), None), told((opening, unused), None)

    def money(story: Story) -> list[Any]:
        return [
            (one.name, one.effective_at, sorted(p.items() for p in one.postings))
            for one in story.of_number(NUMBER)
            if not isinstance(one, Blocked | Unblocked)
        ]

    assert money(with_blocks) == money(without)


@often(10)
@given(HISTORIES)
def test_whoever_pays_gets_out_and_is_settled_in_the_end(history: History) -> None:
    """Roaming is turned off, payments under way fail, all that is asked for is paid: then nothing is left."""
    story = told(history, None, until=0)
    now = story.line().recorded_at
    for month in range(40):
        account = story.contract()
        if account.is_settled:
            break
        for reference in [one.reference for one in account.payments.values() if one.settled_at is None]:
            story.given(FailPayment, now, reference=reference)
        if account.runs and now >= account.leave_at:
            _leave(story, now, f"way-out-{month}")
        elif account.billed:
            paid: dict[str, Any] = {"reference": f"way-out-{month}", "amount": account.billed}
            story.given(ReceivePayment, now, method="cash", account=account.id, **paid)
        if not story.contract().runs and story.contract().advance:
            story.given(RefundAdvance, now, account=account.id)
        if (
            not story.contract().runs and story.contract().deposit
        ):  # asked back, it waits for whoever pays it out
            story.when(ConfirmRefundRequirements, now, account=account.id)
            story.when(PayDepositRefund, now, account=account.id)
        now += 31 * DAY
        story.given(AdvanceTime, now)
        adds_up(story)
    found = story.contract()
    assert found.is_settled, found
    held = (found.unbilled, found.billed, found.pending, found.advance, found.deposit)
    assert not any(held)


def _leave(story: Story, now: int, reference: str) -> None:
    """Pays the closing amount, and ends the contract."""
    account = story.contract()
    if account.roaming:
        story.given(DeactivateRoaming, now)
    closing = closing_amount(account, now, story.book.of(PostpaidTerms, account.terms))
    if closing.amount > 0:
        story.given(ReceivePayment, now, reference=reference, amount=closing.amount, method="cash")
    if now >= story.contract().leave_at:
        story.given(RequestUnsubscribe, now)


@often(3)
@given(HISTORIES)
def test_the_finest_ticker_and_one_that_ticks_once_a_year_change_nothing(history: History) -> None:
    """The finest one looks at every instant at which something falls due, and a microsecond before it."""
    alone = seen(told(history, None).events())
    assert seen(told(history, 365 * DAY).events()) == alone
    assert seen(told(history, 0).events()) == alone


@contextmanager
def machine_in(zone: str, language: str) -> Iterator[None]:
    """The machine's own clock shows the time of a zone, and it speaks a language."""
    before = dict(os.environ)
    os.environ |= {"TZ": zone, "LANGUAGE": language, "LANG": language, "LC_ALL": language}
    time.tzset()
    try:
        yield
    finally:
        os.environ.clear()
        os.environ |= before
        time.tzset()


@often(3)
@given(HISTORIES, RHYTHMS)
def test_the_zone_and_the_language_of_the_machine_change_nothing(history: History, rhythm: int) -> None:
    found = []
    for zone, language in (("UTC", "C"), ("Asia/Jakarta", "id_ID.UTF-8"), ("America/Juneau", "de_DE.UTF-8")):
        with machine_in(zone, language):
            found.append(seen(told(history, rhythm).events()))
    assert found[0] == found[1] == found[2]


def test_the_language_of_the_machine_changes_no_working_day(monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for language in ("C", "id", "en_US", "de"):
        for name in ("LANGUAGE", "LANG", "LC_ALL"):
            monkeypatch.setenv(name, language)
        found.append(working_days(date(2024, 4, 1), 15, ("public", "government")))
    assert found == [found[0]] * 4


@often(10)
@given(HISTORIES)
def test_every_boundary_of_a_contract_has_one_bill_and_no_other_instant_has(history: History) -> None:
    """The days are counted by the calendar alone, with nothing of the rules.

    At the instant of a boundary probation ends before its bill, and dunning or a command ends a contract after it.
    """
    story = told(history, None)
    account, until = story.contract(), story.line().recorded_at
    for end in [one for one in story.of_number(NUMBER) if isinstance(one, Terminated)]:
        by_probation = end.command_id.startswith(DUE) and end.ground != "3"
        until = end.effective_at - by_probation
    boundaries = list(_midnights(account.billing_day, account.opened_at, until))
    assert unbilled(boundaries, story.of_number(NUMBER)) == []
    assert len(cycles(story.of_number(NUMBER))) == len(boundaries)


def test_a_boundary_whose_bill_is_taken_away_is_found() -> None:
    """What looks for boundaries without a bill finds each of three whose bill is missing, and all of them."""
    opened, until = at("2023-01-15T09:00:00+07:00"), at("2023-04-01T00:00:00+07:00")
    story = Story(None, contract_terms(SE23)).given_contract(opened, billing_day=31)
    events = story.given(AdvanceTime, until).of_number(NUMBER)
    boundaries = list(_midnights(31, opened, until))
    bills = [one for one in events if isinstance(one, BillIssued)]
    assert len(boundaries) == len(bills) == 3
    assert unbilled(boundaries, events) == []
    for boundary, bill in zip(boundaries, bills, strict=True):
        assert unbilled(boundaries, [one for one in events if one is not bill]) == [boundary]
    assert unbilled(boundaries, [one for one in events if one not in bills]) == boundaries


def cycles(events: Iterable[Event]) -> list[int]:
    """When the bills of cycles were issued."""
    return [one.effective_at for one in events if isinstance(one, BillIssued) and one.bill_kind == "cycle"]


def unbilled(boundaries: Iterable[int], events: Iterable[Event]) -> list[int]:
    """The boundaries that have no bill."""
    issued = set(cycles(events))
    return [one for one in boundaries if one not in issued]


def _midnights(billing_day: int, after: int, until: int) -> Iterator[int]:
    """In Jakarta, on the billing day of each month or its last."""
    for month in range(2023 * 12, 2040 * 12):
        year, number = month // 12, month % 12 + 1
        day = min(billing_day, monthrange(year, number)[1])
        instant = at(f"{year}-{number:02}-{day:02}T00:00:00+07:00")
        if instant > until:
            return
        if instant > after:
            yield instant


@pytest.mark.clause("SE23-06")
@pytest.mark.parametrize("cut", [1, 2, 15, 29, 30])
def test_the_commitment_of_who_leaves_and_of_who_comes_the_day_after_make_that_of_the_cycle(cut: int) -> None:
    billing = {"source": "test", "first_cycle": "prorated", "final_cycle": "prorated"}
    story = Story(None, contract_terms(SE23, billing=billing))
    began, boundary = at("2023-04-01T00:00:00+07:00"), at("2023-05-01T00:00:00+07:00")
    story.given(OpenContract, began - DAY, terms="variant", plan="elite-200")
    story.given(Terminate, began + cut * DAY - 1, ground="1")
    left = [one.commitment for one in story.new if isinstance(one, BillIssued)][-1]
    came = 0
    if cut < 30:
        story.given(OpenContract, began + cut * DAY, msisdn=OTHER, terms="variant", plan="elite-200")
        story.given(AdvanceTime, boundary, msisdn=OTHER)
        came = next(one.commitment for one in story.new if isinstance(one, BillIssued))
    whole = story.book.of(PostpaidTerms, "variant").plan("elite-200")
    assert whole is not None
    assert (left + came, left > 0) == (whole.commitment, True)
