"""Contracts by chance: a ticker at any rhythm gives the same events; what is owed and held always adds up."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.calendar import DAY
from ledger.domain.commands import Command
from ledger.domain.events import Event
from ledger.domain.line.account import Account
from ledger.domain.line.commands import (
    AdvanceTime,
    Block,
    MigrateTerms,
    RecordUsage,
    ReplaceCard,
    Terminate,
    Unblock,
)
from ledger.domain.money import imbalance
from ledger.domain.postpaid.account import PostpaidAccount, postpaid
from ledger.domain.postpaid.commands import (
    ActivateRoaming,
    ApplyDeposit,
    ChangePackage,
    ChargeCollectionCost,
    ConfirmRefundRequirements,
    DeactivateRoaming,
    FailPayment,
    IssueCreditNote,
    IssueDebitNote,
    OpenContract,
    PayDepositRefund,
    ReceiveDeposit,
    ReceivePayment,
    RecordRoaming,
    RecordVerification,
    RefundAdvance,
    RemoveAutoDebit,
    RequestDepositRefund,
    RequestHardCopy,
    RequestUnsubscribe,
    ReversePayment,
    SetAutoDebit,
    SetCreditLimit,
    SettlePayment,
    StopHardCopy,
    UpdateService,
    WaiveFine,
    WriteOff,
)
from ledger.domain.postpaid.leaving import closing_amount
from ledger.domain.postpaid.terms import PostpaidTerms
from tests.given import NUMBER, SE23, XE25, Story, at, rupiah
from tests.often import often

BEGIN = at("2023-01-15T09:00:00+07:00")
BILLS = [f"{NUMBER}-1-B000{n}" for n in range(1, 5)]
REFERENCES = ["p1", "p2", "p3", "p4"]

Said = tuple[type[Command], int, dict[str, Any]]
"""A command, how long after the one before it, and its fields."""


def line(kind: str) -> dict[str, Any]:
    return {"kind": kind, "amount": rupiah(1000), "text": "by chance"}


AMOUNTS = st.sampled_from([1, rupiah(5000), rupiah(50_000), rupiah(111_000), rupiah(400_000)])
BILL, REFERENCE = st.sampled_from(BILLS), st.sampled_from(REFERENCES)
PAYING = st.fixed_dictionaries(
    {
        "reference": REFERENCE,
        "amount": AMOUNTS,
        "method": st.sampled_from(["cash", "transfer"]),
        "back": st.sampled_from([0, 0, 3 * DAY, 12 * DAY]),
    }
)
WHAT: dict[type[Command], st.SearchStrategy[dict[str, Any]]] = {
    RecordUsage: st.fixed_dictionaries(
        {"quantity": st.integers(1, 4000), "back": st.sampled_from([0, 0, 2 * DAY, 29 * DAY])}
    ),
    ReceivePayment: PAYING,
    SettlePayment: st.fixed_dictionaries(
        {"reference": REFERENCE, "back": st.sampled_from([0, 2 * DAY, 10 * DAY, 14 * DAY])}
    ),
    FailPayment: st.fixed_dictionaries({"reference": REFERENCE}),
    ReversePayment: st.fixed_dictionaries({"reference": REFERENCE}),
    RefundAdvance: st.just({}),
    ReceiveDeposit: st.fixed_dictionaries({"deposit": st.sampled_from(["d1", "d2"]), "amount": AMOUNTS}),
    ApplyDeposit: st.fixed_dictionaries({"amount": st.none() | AMOUNTS}),
    RequestDepositRefund: st.just({}),
    ConfirmRefundRequirements: st.just({}),
    PayDepositRefund: st.just({}),
    IssueCreditNote: st.fixed_dictionaries(
        {
            "note": st.sampled_from(["n1", "n2", "n3"]),
            "bill": BILL,
            "lines": st.sampled_from([[line("commitment")], [line("fines")], [line("usage")]]),
        }
    ),
    IssueDebitNote: st.fixed_dictionaries({"bill": BILL, "lines": st.just([line("usage")])}),
    WaiveFine: st.builds(lambda bill, n: {"fine": f"{bill}/F{n}"}, BILL, st.integers(1, 2)),
    ChargeCollectionCost: st.fixed_dictionaries({"amount": AMOUNTS}),
    WriteOff: st.fixed_dictionaries({"bill": BILL, "amount": AMOUNTS}),
    ReplaceCard: st.just({}),
    RequestHardCopy: st.just({}),
    SetAutoDebit: st.just({"effective_on": 20_000}),
    SetCreditLimit: st.fixed_dictionaries({"amount": AMOUNTS}),
    RecordVerification: st.fixed_dictionaries({"result": st.sampled_from(["passed", "failed"])}),
    ChangePackage: st.fixed_dictionaries({"plan": st.sampled_from(["elite-100", "elite-200", "elite-free"])}),
    MigrateTerms: st.fixed_dictionaries({"terms": st.sampled_from([SE23, XE25])}),
    Block: st.fixed_dictionaries({"block": st.sampled_from(["b1", "b2"]), "ground": st.just("1")}),
    Unblock: st.fixed_dictionaries(
        {"block": st.sampled_from(["b1", f"dunning/{BILLS[0]}/block-outgoing", "probation/1"])}
    ),
    RecordRoaming: st.fixed_dictionaries(
        {
            "record": st.sampled_from(["x1", "x2", "x3"]),
            "back": st.sampled_from([0, 20 * DAY, 80 * DAY, 120 * DAY]),
        }
    ),
    ActivateRoaming: st.just({}),
    DeactivateRoaming: st.just({}),
    StopHardCopy: st.just({}),
    RemoveAutoDebit: st.just({}),
    UpdateService: st.fixed_dictionaries({"plan": st.sampled_from(["elite-100", "elite-free"])}),
    RequestUnsubscribe: st.just({}),
    Terminate: st.just({"ground": "1"}),
}
WAITS = st.sampled_from([0, 1, DAY // 3, 3 * DAY, 11 * DAY, 17 * DAY, 31 * DAY])
OFTEN: list[type[Command]] = [RecordUsage, ReceivePayment, ReceivePayment, SettlePayment, ReversePayment]


@st.composite
def said(draw: st.DrawFn) -> Said:
    command: type[Command] = draw(st.sampled_from([*WHAT, *OFTEN]))
    return command, draw(WAITS), draw(WHAT[command])


OPENINGS = st.fixed_dictionaries(
    {
        "terms": st.sampled_from([SE23, XE25]),
        "plan": st.sampled_from(["elite-100", "elite-200", "elite-free"]),
        "billing_day": st.sampled_from([1, 15, 16, 29, 31]),
        "registration": st.sampled_from(["verified", "verified", "pending"]),
        "consents": st.sampled_from([None, ["deposit"]]),
    }
)
HISTORIES = st.tuples(OPENINGS, st.lists(said(), min_size=5, max_size=30))
RHYTHMS = st.sampled_from([DAY // 2, DAY, 7 * DAY, 40 * DAY])


def told(history: tuple[dict[str, Any], list[Said]], rhythm: int | None, *, until: int = 500 * DAY) -> Story:
    """What becomes of a history where time is noticed at a rhythm, or (None) only by its commands.

    0: at every instant at which something falls due, and a microsecond before it.
    """
    story = Story(None)
    opening, commands = history
    story.given(OpenContract, BEGIN, **opening)
    now = tick = BEGIN
    for number, (command, wait, fields) in enumerate(commands):
        now += wait
        while rhythm and tick + rhythm < now:
            tick += rhythm
            story.given(AdvanceTime, tick, command_id=f"tick-{tick}")
        if rhythm == 0:
            look_at_every_instant(story, now)
        back = fields.get("back", 0)
        own = {name: value for name, value in fields.items() if name != "back"}
        if command in (RecordUsage, RecordRoaming):
            own["used_at"] = now - back
        elif command is ReceivePayment:
            own["received_at"] = now - back
        elif command is SettlePayment:
            own["settled_at"] = now - back
        story.when(command, now, command_id=f"c{number}", **own)
        adds_up(story)
    if rhythm == 0:
        look_at_every_instant(story, now + until)
    story.given(AdvanceTime, now + until, command_id="end")
    adds_up(story)
    return story


def look_at_every_instant(story: Story, until: int) -> None:
    """Ticks a microsecond before each instant at which something falls due, and at it."""
    while (due := story.line().due_at) < until:
        for tick in (due - 1, due):
            if tick >= story.line().recorded_at:
                story.given(AdvanceTime, tick, command_id=f"tick-{tick}")


def adds_up(story: Story) -> None:
    """What is true at every instant, bill by bill and account by account."""
    line_ = story.line()
    for account in (*line_.former.values(), line_.current):
        assert list(postpaid(account).faults()) == []
        never_side_by_side(account)
    for part in ("unbilled", "billed", "pending", "advance", "deposit"):
        sign = 1 if part in ("unbilled", "billed") else -1
        assert story.balance(f"{NUMBER}#1/{part}", "IDR") * sign == getattr(postpaid(line_.current), part)


def never_side_by_side(account: Account) -> None:
    assert isinstance(account, PostpaidAccount)
    if not account.runs:
        assert not (account.billed and (account.advance or account.deposit))
    assert not (account.billed and account.advance)


def seen(events: list[Event]) -> list[dict[str, Any]]:
    """What may not depend on who noticed when: all but what the customer hears, and from when on."""
    return [
        {name: value for name, value in {"type": one.name, **one.__dict__}.items() if name != "recorded_at"}
        for one in events
        if not one.account.startswith("customer/")
    ]


@often(25)
@given(HISTORIES, RHYTHMS)
def test_a_ticker_at_any_rhythm_gives_the_same_events(
    history: tuple[dict[str, Any], list[Said]], rhythm: int
) -> None:
    alone, ticked = told(history, None), told(history, rhythm)
    assert seen(ticked.events()) == seen(alone.events())
    assert imbalance([posting for one in alone.events() for posting in one.postings]) == {}


@often(15)
@given(HISTORIES)
def test_who_pays_what_the_closing_amount_says_can_leave(history: tuple[dict[str, Any], list[Said]]) -> None:
    """Once roaming has been off for its days, where it was on."""
    story = told(history, None, until=0)
    now = story.line().recorded_at
    if story.contract().roaming and story.contract().runs:
        story.when(RequestUnsubscribe, now).refused("roaming-active")
        story.given(DeactivateRoaming, now)
    if now < story.contract().leave_at:
        now = story.contract().leave_at
        story.given(AdvanceTime, now)
    account = story.contract()
    if not account.runs:
        return
    closing = closing_amount(account, now, story.book.of(PostpaidTerms, account.terms))
    if closing.amount > 0:
        story.when(RequestUnsubscribe, now).refused("outstanding")
        story.given(ReceivePayment, now, reference="last", amount=closing.amount, method="cash")
    story.given(RequestUnsubscribe, now)
    left = story.contract()
    assert (left.state, left.billed, left.unbilled) == ("terminated", 0, 0)
    adds_up(story)
