"""What a desk asks of contracts: bills, payments, the deposit, what is owed by age; told in questions and by verbs."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from ledger import figures
from ledger.audit.verification import verify
from ledger.domain.calendar import DAY, day_number
from ledger.domain.line.commands import AdvanceTime, RecordUsage, Terminate
from ledger.domain.money import format_amount
from ledger.domain.postpaid.commands import (
    AssignSuspense,
    ConfirmRefundRequirements,
    PayDepositRefund,
    ReceiveDeposit,
    ReceivePayment,
    RefundAdvance,
    RequestDepositRefund,
    RequestUnsubscribe,
    ReturnSuspense,
    SettlePayment,
)
from ledger.domain.postpaid.events_of_bills import BillIssued
from ledger.errors import QueryRefused
from ledger.store.reading import SqliteReader
from projections.asking.log_answers import HistoryOfContract
from projections.asking.questions import Questions
from projections.engine.unanswered import UnknownThen
from projections.money import export
from projections.money.selecting import WantedMovements, selection
from projections.postpaid.working_days import working_days
from tests.entrypoints.pulsa import Pulsa
from tests.given import NUMBER, OTHER, Story, at, day, rupiah
from tests.projections.projected import asked

OPENED = at("2024-02-01T10:00:00+07:00")
ISSUED = at("2024-03-01T00:00:00+07:00")
DUE = at("2024-03-22T00:00:00+07:00")
ENDED = at("2024-03-28T12:00:00+07:00")
READY = at("2024-04-01T09:00:00+07:00")
NOW = at("2024-06-30T12:00:00+07:00")
BILL, FINAL = f"{NUMBER}-1-B0001", f"{NUMBER}-1-B0002"
ACCOUNT = f"{NUMBER}#1"


@pytest.fixture
def lived(story: Story) -> Story:
    """A contract that paid part of a bill, ended, and asked for what is left of the deposit."""
    story.given_contract(OPENED)
    story.given(ReceiveDeposit, OPENED, deposit="d-1", amount=rupiah(500_000), purpose="roaming", payer="c")
    story.given(RecordUsage, OPENED, quantity=200)
    story.given(ReceivePayment, ISSUED, reference="p-1", amount=rupiah(11_000))
    story.given(SettlePayment, ISSUED + 2 * DAY, reference="p-1", settled_at=ISSUED + DAY)
    story.given(ReceivePayment, ISSUED + 2 * DAY, reference="p-2", amount=rupiah(1000))
    story.given(Terminate, ENDED, ground="1")
    story.given(RequestDepositRefund, READY, payee="customer-1", reference="r-1")
    story.given(ConfirmRefundRequirements, READY, decided_by="staff-3")
    return story.reopen()


@pytest.fixture
def ask(lived: Story) -> Iterator[Questions]:
    """The questions to it."""
    with asked(lived.path, now=NOW) as questions:
        yield questions


def owed(ask: Questions, as_of: int) -> dict[str, int]:
    """What is owed then, in sen; only what is not nothing."""
    (row,) = ask.receivables(as_of=as_of).rows
    return {name: amount for name, amount in row._asdict().items() if amount}


def test_a_bill_tells_what_became_of_it(ask: Questions) -> None:
    first, final = ask.bills(NUMBER).rows
    assert (first.bill, first.kind, first.account) == (BILL, "cycle", ACCOUNT)
    assert first.total == first.allocated + first.deposit
    assert (first.allocated, first.open, first.overdue) == (rupiah(11_000), 0, False)
    assert (final.bill, final.kind, final.deposit) == (FINAL, "final", final.total)
    before = ask.bill(BILL, as_of=ISSUED + DAY - 1)
    assert (before.open, [one["what"] for one in before.movements]) == (before.total, ["total"])
    known_before = ask.bill(BILL, as_of=ISSUED + DAY, known_at=ISSUED + 2 * DAY - 1)
    assert known_before.open == known_before.total
    shown = ask.bill(BILL)
    assert sum(line["amount"] for line in shown.lines) + shown.tax == shown.total
    assert [(one["what"], one["by"]) for one in shown.movements[:2]] == [
        ("total", None),
        ("allocated", "payment/p-1"),
    ]
    assert sum(one["amount"] for one in shown.movements) == shown.open


@pytest.mark.clause("SE23-24")
def test_the_end_makes_what_is_not_due_due_at_the_end_of_its_day(story: Story) -> None:
    story.given_contract(OPENED)
    story.given(Terminate, ISSUED + 5 * DAY, ground="1")
    end = at("2024-03-07T00:00:00+07:00")
    with asked(story.path, now=NOW) as ask:
        assert ask.bills(NUMBER, as_of=ISSUED + 5 * DAY - 1).rows[0].due_until == DUE
        for row in ask.bills(NUMBER).rows[:2]:
            assert (row.due_until, row.due_on, row.overdue) == (end, day("2024-03-06"), True)
        assert owed(ask, end - 1).keys() == {"billed", "not_due"}
        assert owed(ask, end).keys() == {"unbilled", "billed", "overdue", "overdue_1_30"}  # a late fine


@pytest.mark.clause("SE23-17")
def test_what_comes_to_a_contract_after_its_end_is_that_the_deposit_is_forfeited(story: Story) -> None:
    story.given_contract(OPENED, plan="elite-free")
    story.given(ReceiveDeposit, OPENED, amount=rupiah(5))
    story.given(Terminate, ISSUED - DAY, ground="1")
    with asked(story.path, now=NOW) as ask:
        coming = [(one["at"], one["what"]) for one in ask.contract(NUMBER).due]
        assert coming == [(at("2025-03-01T00:00:00+07:00"), "deposit-forfeited")]


def test_an_account_that_was_had_before_is_settled_though_the_number_has_another(story: Story) -> None:
    story.given_contract(OPENED)
    story.given(Terminate, OPENED + DAY, ground="1")
    again = at("2024-11-01T10:00:00+07:00")
    story.given_contract(again)
    paid: dict[str, Any] = {"reference": "p", "amount": rupiah(150_000), "method": "cash"}
    story.given(ReceivePayment, again, account=ACCOUNT, **paid)
    story.given(RefundAdvance, again, account=ACCOUNT, bank_cost=0, reference="t")
    later = again + 125 * DAY
    for tick in (False, True):
        if tick:
            story.given(AdvanceTime, later)
        with asked(story.path, now=later) as ask:
            states = {row.account: row.state for row in ask.contracts().rows}
            assert states == {ACCOUNT: "settled", f"{NUMBER}#2": "active"}
            assert ask.states().accounts == {"settled": 1, "active": 1}
            assert ask.contract(ACCOUNT).due == [], "nothing comes to a settled one any more"
            assert [row.state for row in ask.timeline(ACCOUNT).rows] == ["active", "terminated", "settled"]
            held = [(row.generation, row.state) for row in ask.number(NUMBER).rows]
            assert (held[0], held[-1]) == ((1, "assigned"), (2, "assigned"))


def test_what_is_owed_is_told_by_age_to_the_instant(ask: Questions, story: Story) -> None:
    open_ = ask.bill(BILL, as_of=DUE).open
    assert owed(ask, ISSUED - 1).keys() == {"unbilled"}
    assert owed(ask, DUE - 1)["not_due"] == open_
    assert owed(ask, DUE)["overdue_1_30"] == open_
    assert owed(ask, ENDED) == {}
    (each,) = ask.receivables_of_each(as_of=DUE).rows
    assert (each.account, each.overdue_1_30) == (ACCOUNT, open_)
    again = at("2024-11-01T10:00:00+07:00")
    story.given_contract(again)
    due = at("2024-12-22T00:00:00+07:00")
    with asked(story.path, now=due + 200 * DAY) as later:
        ages = {1: "1_30", 30: "1_30", 31: "31_60", 60: "31_60", 61: "61_90", 90: "61_90", 91: "over_90"}
        for days, age in ages.items():
            first = later.bill(f"{NUMBER}-2-B0001", as_of=due + (days - 1) * DAY).open
            said = owed(later, due + days * DAY - 1)
            assert said[f"overdue_{age}"] >= first > 0
            assert said["overdue"] == sum(said.get(f"overdue_{one}", 0) for one in set(ages.values()))


def test_a_payment_tells_what_it_has_met(ask: Questions) -> None:
    first, pending = ask.payments(NUMBER).rows
    assert (first.reference, first.state, first.settled_at) == ("p-1", "settled", ISSUED + DAY)
    assert first.allocations == [{"bill": BILL, "amount": rupiah(11_000)}]
    assert (pending.reference, pending.state, pending.allocated) == ("p-2", "pending", 0)
    (only,) = ask.payments(NUMBER, as_of=ISSUED + DAY - 1).rows
    assert (only.state, only.allocations, only.settled_at) == ("pending", [], None)


@pytest.mark.clause("SE23-16", "SE23-18")
def test_a_deposit_tells_until_when_it_may_be_asked_for_and_by_when_it_is_due(
    ask: Questions, lived: Story
) -> None:
    (row,) = ask.deposits().rows
    assert row == ask.deposits(NUMBER).rows[0]
    assert row.held == rupiah(500_000) - sum(bill.total for bill in ask.bills(NUMBER).rows) + rupiah(11_000)
    assert (row.received, row.applied, row.deposits) == (rupiah(500_000), row.received - row.held, ["d-1"])
    assert (row.refundable_until, row.ready_since) == (at("2025-03-29T00:00:00+07:00"), READY)
    assert row.due_on == day("2024-04-30")
    named = {one["day"]: one["name"] for one in row.left_out}
    assert {"Eid", "Joint"} <= {word for name in named.values() for word in name.split()}
    assert len(named) == 29 - 15
    missed = at("2024-05-01T00:00:00+07:00")
    assert [ask.deposits(as_of=one).rows[0].breached for one in (missed - 1, missed)] == [False, True]
    lived.given(PayDepositRefund, missed - 1, bank_cost=rupiah(6500), reference="t-1")
    with asked(lived.path, now=NOW) as later:
        (paid,) = later.deposits().rows
        assert (paid.held, paid.refunded, paid.bank_cost) == (0, row.held - rupiah(6500), rupiah(6500))
        assert not paid.breached


@pytest.mark.clause("SE23-16")
def test_a_deposit_that_nobody_asks_for_is_forfeited_unrecorded_too(story: Story) -> None:
    story.given_contract(OPENED)
    story.given(ReceiveDeposit, OPENED, deposit="d-1", amount=rupiah(900_000), purpose="x", payer="c")
    story.given(Terminate, ENDED, ground="1")
    until = at("2025-03-29T00:00:00+07:00")
    with asked(story.path, now=until + DAY) as ask:
        (before,), (after,) = (ask.deposits(as_of=one).rows for one in (until - 1, until))
        assert (before.forfeited, after.forfeited, after.held) == (0, before.held, 0)
        assert before.held > 0


def test_working_days_leave_out_joint_leave_where_the_terms_say_so() -> None:
    begin = date(2024, 4, 1)
    assert working_days(begin, 15, ("public", "government")).last == day("2024-04-30")
    without = working_days(begin, 15, ("public",))
    assert without.last == day("2024-04-24")
    assert [one["day"] for one in without.left_out if one["name"] in {"Saturday", "Sunday"}] == [
        day_number(date(2024, 4, each)) for each in (6, 7, 13, 14, 20, 21)
    ]
    assert working_days(begin, 0, ("public",)) == (day_number(begin), [])


def test_a_contract_tells_what_is_due_when(ask: Questions) -> None:
    shown = ask.contract(NUMBER, as_of=ISSUED)
    assert (shown.state, shown.plan, shown.contract_until) == (
        "active",
        "elite-100",
        at("2025-02-01T00:00:00+07:00"),
    )
    assert [(one["at"], one["what"], one["about"]) for one in shown.due[:3]] == [
        (DUE, "overdue", BILL),
        (DUE, "late-fines", None),
        (DUE + DAY, "block-outgoing", BILL),
    ]
    (row,) = ask.contracts(as_of=ISSUED).rows
    assert (row.account, row.next_at, row.next_bill_on) == (ACCOUNT, DUE, day("2024-04-01"))
    assert ask.contracts("terminated", as_of=ISSUED).rows == []
    assert [one.account for one in ask.contracts("terminated").rows] == [ACCOUNT]


def test_rupiah_add_up_in_the_trial_balance_and_in_a_journal(ask: Questions, lived: Story) -> None:
    for as_of in (OPENED, ISSUED + DAY, DUE, NOW):
        found = ask.trial_balance(as_of=as_of)
        assert found.totals == {"IDR": 0, "PULSA": 0}
        sums = {(account, unit): amount for account, unit, amount in found.rows}
        assert sums.get(("accounts/billed", "IDR"), 0) == owed(ask, as_of).get("billed", 0)
        assert sums["accounts/deposit", "IDR"] == -ask.deposits(as_of=as_of).rows[0].held
    with SqliteReader(lived.path).snapshot() as log:
        out = io.BytesIO()
        export.export("hledger", [log], selection([log], WantedMovements(), NOW), out)
    journal = out.getvalue().decode()
    assert f"account customers:{NUMBER}:1:billed\n" in journal
    assert "    operator:cash  11000.00 IDR\n" in journal


# --- verbs ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def pulsa(lived: Story, tmp_path: Path) -> Pulsa:
    return Pulsa(tmp_path, PULSA_LOG=str(lived.path), PULSA_NOW="2024-06-30T12:00:00+07:00")


VERBS: list[tuple[str, ...]] = [
    ("bill", "list", NUMBER),
    ("bill", "show", BILL),
    ("payment", "list", ACCOUNT),
    ("deposit", "list"),
    ("deposit", "list", NUMBER),
    ("contract", "show", NUMBER),
    ("contract", "list"),
    ("customer", "list"),
    ("customer", "list", "customer-1"),
    ("report", "receivables"),
    ("report", "receivables", "--each"),
]


def test_every_verb_says_the_same_in_words_json_and_csv(pulsa: Pulsa) -> None:
    then = ("--as-of", "2024-03-22T00:00:00+07:00", "--known-at", "2024-03-25T00:00:00+07:00")
    for verb in VERBS:
        rows: list[dict[str, Any]] = pulsa.json(*verb, *then)
        (row,) = rows[:1]
        assert (row["as_of"], row["known_at"], row["final"]) == (
            "2024-03-21T17:00:00Z",
            "2024-03-24T17:00:00Z",
            False,
        )
        table = list(csv.DictReader(io.StringIO(pulsa.done(*verb, *then, "--csv"))))
        assert len(table) == len(rows)
        assert table[0].keys() >= {name for name, value in row.items() if not isinstance(value, dict)}
        assert pulsa.done(*verb, *then).endswith("provisional\n")
    assert pulsa.complaint("bill", "show", f"{NUMBER}-1-B0009").startswith("unknown-account: ")
    assert pulsa.complaint("bill", "show", "B0009").startswith("unknown-account: ")
    assert pulsa.complaint("bill", "list", "6281100000000").startswith("unknown-account: ")


def test_a_history_tells_what_is_owed_and_held_after_each_event(ask: Questions) -> None:
    lines = list(ask.history(NUMBER))
    of_contract = [one for one in lines if isinstance(one, HistoryOfContract)]
    assert len(of_contract) == len(lines)
    named = {one.line.event.name: one for one in of_contract}
    received, settled = named["DepositReceived"], named["PaymentSettled"]
    assert (received.deposit, received.billed) == (rupiah(500_000), 0)
    assert (settled.billed, settled.pending) == (ask.bill(BILL, as_of=ISSUED).open - rupiah(11_000), 0)
    assert of_contract[-1].deposit == ask.deposits().rows[0].held
    assert {"billed", "deposit"} <= of_contract[-1].to_json().keys()
    why = ask.why(NUMBER)
    assert (why.account, why.amount) == (f"{ACCOUNT}/billed", 0)
    assert [change.type for change in why.told][-1] == BillIssued.TOPIC


def test_a_history_tells_what_fell_due_unrecorded_too(story: Story) -> None:
    story.given_contract(OPENED)
    with asked(story.path, now=DUE) as ask:
        last = list(ask.history(NUMBER))[-1]
        assert isinstance(last, HistoryOfContract)
        assert last.line.position is None
        enquiry: Any = ask.enquiry(NUMBER)
        assert (last.billed, last.unbilled) == (enquiry.billed, enquiry.unbilled)


def test_use_that_was_charged_is_shown_by_day(ask: Questions) -> None:
    (row,) = ask.usage(NUMBER).rows
    assert (row.service, row.uses, row.granted, row.charged) == ("voice", 1, 200, rupiah("1272.60"))
    enquiry: Any = ask.enquiry(NUMBER)
    assert (enquiry.usage.voice_seconds, enquiry.usage.charged) == (200, rupiah("1272.60"))


@pytest.mark.clause("SE23-20")
def test_the_closing_amount_is_told_part_by_part_and_paid_it_lets_go(story: Story, tmp_path: Path) -> None:
    story.given_contract(OPENED)
    story.given(RecordUsage, OPENED, quantity=200)
    with asked(story.path, now=OPENED + DAY) as ask:
        closing = ask.closing(NUMBER)
    assert closing.unbilled + closing.commitment == rupiah(100_000), "the use is a part of it"
    assert closing.penalty == rupiah(300_000)
    parts = closing.billed + closing.unbilled + closing.commitment + closing.hard_copy + closing.penalty
    assert closing.amount == parts + closing.tax - closing.advance
    pulsa = Pulsa(tmp_path, PULSA_LOG=str(story.path), PULSA_NOW="2024-02-02T10:00:00+07:00")
    told = pulsa.done("enquiry", NUMBER, "--closing")
    assert f"closing amount {figures.rupiah(closing.amount)}" in told
    (row,) = pulsa.json("enquiry", NUMBER, "--closing")
    assert row["amount"] == format_amount(closing.amount)
    leave: dict[str, Any] = {"channel": "gallery"}
    story.when(RequestUnsubscribe, OPENED + DAY, **leave).refused("outstanding")
    pay: dict[str, Any] = {"reference": "p", "method": "cash"}
    story.given(ReceivePayment, OPENED + DAY, amount=closing.amount, **pay)
    story.given(RequestUnsubscribe, OPENED + DAY, **leave)
    with asked(story.path, now=OPENED + DAY) as ask, pytest.raises(QueryRefused, match="no contract runs"):
        ask.closing(NUMBER)


@pytest.mark.clause("SE23-18")
def test_an_enquiry_tells_by_when_the_deposit_is_due(ask: Questions) -> None:
    enquiry: Any = ask.enquiry(NUMBER)
    assert enquiry.deposit_refund.due_on == day("2024-04-30")


def test_what_lies_in_suspense_is_told_and_so_is_what_became_of_it(story: Story, tmp_path: Path) -> None:
    story.given(ReceivePayment, OPENED, msisdn=OTHER, reference="p-1", amount=rupiah(5000))
    story.given(ReceivePayment, OPENED, msisdn=OTHER, reference="a b/c", amount=rupiah(7000))
    story.given_contract(OPENED)
    story.given(AssignSuspense, OPENED + 1, msisdn=OTHER, reference="p-1", account=f"{NUMBER}#9")
    with asked(story.path, now=OPENED + 1) as ask:
        first, other = sorted(ask.suspense().rows, key=lambda row: row.amount)
        assert (first.state, first.refused, first.assigned_to) == ("in-suspense", "unknown-account", None)
        assert (other.reference, other.reason, other.payer) == ("a b/c", "unknown-account", "customer-1")
        totals = dict(ask.trial_balance().totals)
        assert totals["IDR"] == 0
        summed = {name: amount for name, _, amount in ask.trial_balance().rows}
        assert summed["accounts/suspense"] == -rupiah(12_000)
        each = {name: amount for name, _, amount in ask.trial_balance(each=True).rows}
        assert each[f"suspense/{OTHER}/a b/c"] == -rupiah(7000)
        (balance,) = ask.balance(f"suspense/{OTHER}/p-1")
        assert (balance.unit, balance.amount) == ("IDR", -rupiah(5000))
        with pytest.raises(UnknownThen):
            ask.balance(f"suspense/{OTHER}/p-9")
    story.given(AssignSuspense, OPENED + 2, msisdn=OTHER, reference="p-1", account=ACCOUNT)
    story.given(ReturnSuspense, OPENED + 2, msisdn=OTHER, reference="a b/c", bank_cost=rupiah(500))
    with asked(story.path, now=OPENED + 2) as ask:
        found = {row.reference: row for row in ask.suspense(OTHER).rows}
        assert (found["p-1"].state, found["p-1"].assigned_to) == ("assigned", ACCOUNT)
        assert (found["a b/c"].state, found["a b/c"].bank_cost) == ("returned", rupiah(500))
        (paid,) = ask.payments(NUMBER).rows
        assert (paid.reference, paid.state, paid.advance) == ("p-1", "settled", rupiah(5000))
        with pytest.raises(UnknownThen):
            ask.suspense(NUMBER)
    pulsa = Pulsa(tmp_path, PULSA_LOG=str(story.path), PULSA_NOW="2024-02-02T10:00:00+07:00")
    assert "returned" in pulsa.done("payment", "suspense")
    out = io.BytesIO()
    with SqliteReader(story.path).snapshot() as log:
        export.export("hledger", [log], selection([log], WantedMovements(), NOW), out)
    assert f"suspense:{OTHER}:a%20b%2Fc" in out.getvalue().decode()
    assert verify(story.path).clean
