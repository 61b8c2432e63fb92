"""Erasures by chance, over three partitions whose messages are on their way for as long as chance says.

Whatever comes at the same instant: an account opened, a payment, a dispute, a case. Either reasons are named, and they
are so, or the person is erased and no account of his is left that could be objected.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import pytest
from hypothesis import event as told
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.calendar import DAY, HOUR
from ledger.domain.commands import Command
from ledger.domain.customer.commands import AdvanceCustomer
from ledger.domain.customer.commands_of_breaches import AdvanceBreach, RecordBreach
from ledger.domain.customer.commands_of_persons import (
    AnswerAccess,
    Disclose,
    ErasePerson,
    GiveConsent,
    LiftPersonHold,
    RectifyCustomer,
    RegisterCustomer,
    RequestAccess,
    RestrictProcessing,
    SetPersonHold,
    WithdrawConsent,
)
from ledger.domain.customer.customer import Customer
from ledger.domain.customer.events_of_persons import ErasureBlocked, PersonErased
from ledger.domain.events import Event
from ledger.domain.kinds import new_subject
from ledger.domain.line.account import Account
from ledger.domain.line.commands import AdvanceTime, DecideRightsTransfer, RequestRightsTransfer, Terminate
from ledger.domain.line.dispute_commands import DecideDispute, OpenDispute
from ledger.domain.line.erasing import objections_of
from ledger.domain.line.erasure_events import ErasureAnswered
from ledger.domain.line.line import Line
from ledger.domain.postpaid.account import PostpaidAccount
from ledger.domain.postpaid.commands import OpenContract, ReceivePayment
from ledger.domain.prepaid.commands import Activate, IssueStarterPack, ReclaimNumber
from tests.deciding import Deciding
from tests.given import NUMBER, OTHER, PERSON, THIRD, Story, at
from tests.often import often

BEGIN = at("2024-03-01T10:00:00+07:00")
ID = PERSON.removeprefix("customer/")
ANOTHER = "C" + "B" * 20
NUMBERS = [NUMBER, OTHER, THIRD]
PLACES = {NUMBER: 0, OTHER: 1, THIRD: 2, PERSON: 0, f"customer/{ANOTHER}": 1}


class InPartitions(Deciding):
    """Rules in memory where what follows in another partition is on its way: between two of them, in its order."""

    def __init__(self, terms: Any) -> None:
        super().__init__(terms)
        self.under_way: dict[tuple[int, int], deque[Command]] = {}
        self._here: list[int] = []
        self._said: set[tuple[str, str]] = set()

    def _carry_out(self, command: Command, at: int, digest: bytes) -> Any:
        self._here.append(PLACES[command.subject])
        try:
            return super()._carry_out(command, at, digest)
        finally:
            self._here.pop()

    def _follow(self, command: Command) -> None:
        here, there = self._here[-1], PLACES[command.subject]
        said = (command.subject, command.command_id)
        assert said not in self._said, f"{said} is said twice"
        self._said.add(said)
        if here == there:
            super()._follow(command)
        else:
            self.under_way.setdefault((here, there), deque()).append(command)

    def deliver(self, choice: int) -> bool:
        """One that is under way arrives; False: none is."""
        waiting = sorted(pair for pair, queue in self.under_way.items() if queue)
        if not waiting:
            return False
        pair = waiting[choice % len(waiting)]
        self._here.append(pair[1])
        super()._follow(self.under_way[pair].popleft())
        self._here.pop()
        return True


class StoryApart(Story):
    """A story over three partitions."""

    def __init__(self) -> None:
        super().__init__(None)
        self.played = self._played = InPartitions(self.terms)


DISPUTED = {"dispute": "C-1", "about": "balance", "claimed": 0, "unit": "PULSA", "refers_to": None}
WHAT: list[tuple[type[Command], dict[str, Any]]] = [
    (IssueStarterPack, {}),
    (Activate, {"customer": ID}),
    (Activate, {"customer": ID}),
    (OpenContract, {"customer": ID}),
    (Terminate, {}),
    (Terminate, {"ground": "1", "reference": "r"}),
    (OpenDispute, DISPUTED),
    (OpenDispute, {**DISPUTED, "unit": "IDR"}),
    (DecideDispute, {"decision": "rejected"}),
    (ReceivePayment, {}),
    (RequestRightsTransfer, {"to_customer": ANOTHER}),
    (DecideRightsTransfer, {}),
    (ReclaimNumber, {"customer": ID}),
    (SetPersonHold, {}),
    (LiftPersonHold, {}),
    (ErasePerson, {}),
    (ErasePerson, {}),
    (WithdrawConsent, {"purpose": "processing"}),
    (AdvanceCustomer, {}),
    (AdvanceTime, {}),
]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(WHAT),
        st.sampled_from(NUMBERS),
        st.sampled_from([0, 0, 0, 0, 1, DAY, 80 * DAY]),
        st.lists(st.integers(0, 5), max_size=3),
    ),
    min_size=4,
    max_size=30,
)
Step = tuple[tuple[type[Command], dict[str, Any]], str, int, list[int]]


def played(steps: list[Step]) -> StoryApart:
    """A history in which a number of the person's own is there, and messages arrive when chance says."""
    story, now = StoryApart(), BEGIN
    story.given(RegisterCustomer, now, fields=["name", "email"])
    for number in NUMBERS[:2]:
        story.given(IssueStarterPack, now, msisdn=number)
        story.given(Activate, now, msisdn=number, customer=ID)
    for (command, said), number, later, arrive in steps:
        now += later
        fields = dict(said)
        if "msisdn" in command.__struct_fields__:
            fields["msisdn"] = number
        if command is ReceivePayment:
            fields |= {"reference": f"p{now}-{later}", "amount": owed(story, number), "method": "cash"}
        if command is OpenContract and number != THIRD:
            continue
        story.when(command, now, **fields)
        for choice in arrive:
            story.played.deliver(choice)
    while story.played.deliver(0):
        pass
    return story


def owed(story: Story, number: str) -> int:
    account = story.line(number=number).account if story.of_number(number) else None
    return max(account.owed, 1) if isinstance(account, PostpaidAccount) else 1


def of_person(story: Story) -> Customer:
    found = new_subject(PERSON, story.book)
    assert isinstance(found, Customer)
    for one in story.events():
        if one.account == PERSON:
            found.take(one)
    return found


def accounts_of(story: Story) -> dict[str, Account]:
    """Every account that there is, as it stands in the end."""
    found: dict[str, Account] = {}
    for number in NUMBERS:
        line = Line(number, story.book)
        for one in story.of_number(number):
            line.take(one)
        found |= {account.id: account for account in line.accounts()}
    return found


@often(25)
@given(STEPS)
def test_either_reasons_are_named_or_nothing_is_left(steps: list[Step]) -> None:
    story = played(steps)
    customer, accounts = of_person(story), accounts_of(story)
    state = customer.state
    person = state.person
    assert person is not None
    known = [*state.accounts, *state.former]
    if person.erased:
        told("erased")
        for name in known:
            account = accounts[name]
            assert account.holder != ID or objections_of(account) == [], name
        last = {one.account: one for one in story.events() if isinstance(one, ErasureAnswered)}
        assert all(last[name].objections == [] for name in known)
        joined = [one.id for one in accounts.values() if one.holder == ID and one.id not in known]
        assert all(accounts[name].erasure is None for name in joined)  # they came after the erasure
    elif person.erasure is not None:
        told("blocked")
        erasure = person.erasure
        assert not erasure.waiting
        assert erasure.said
        for name, objections in erasure.objections.items():
            there = objections_of(accounts[name]) if accounts[name].holder == ID else []
            assert set(objections) <= set(there), name  # what time has added since, its own events tell
            assert objections, name
        assert not any(one.erasure is not None and one.erasure.agreed for one in accounts.values())
        named = {one["of"] for one in erasure.said}
        assert named == {*erasure.objections, *([PERSON] if person.holds else [])}


def test_the_two_ends_both_occur() -> None:
    """The property above is about something."""
    done: list[Step] = [((Terminate, {}), number, 0, [0, 0]) for number in NUMBERS[:2]]
    erase: Step = ((ErasePerson, {}), NUMBER, 0, [])
    assert [one for one in played([*done, erase]).events() if isinstance(one, PersonErased)]
    blocked = played([erase]).events()
    assert [one for one in blocked if isinstance(one, ErasureBlocked)]
    assert not [one for one in blocked if isinstance(one, PersonErased)]


def test_while_accounts_are_asked_nothing_else_is_and_a_case_stops_it() -> None:
    story = StoryApart()
    story.given(RegisterCustomer, BEGIN, fields=["name"])
    story.given_active(since=BEGIN, number=OTHER, customer=ID)
    story.given(Terminate, BEGIN, msisdn=OTHER)
    while story.played.deliver(0):
        pass
    story.given(ErasePerson, BEGIN)
    assert of_person(story).state.person.erasure.waiting == [f"{OTHER}#1"]  # type: ignore[union-attr]
    for command in (
        GiveConsent,
        WithdrawConsent,
        RectifyCustomer,
        Disclose,
        RequestAccess,
        RestrictProcessing,
    ):
        story.when(command, BEGIN).refused("erased")
    story.when(ErasePerson, BEGIN).refused("already-requested")
    story.given(SetPersonHold, BEGIN).given(LiftPersonHold, BEGIN).given(SetPersonHold, BEGIN)
    while story.played.deliver(0):
        pass
    said = of_person(story).state.person.erasure.said  # type: ignore[union-attr]
    assert said == [{"of": PERSON, "reason": "legal-hold"}]
    story.given(LiftPersonHold, BEGIN)
    while story.played.deliver(0):
        pass
    story.when(ErasePerson, BEGIN).refused("erased")


def arrive(story: StoryApart, *, but: tuple[int, int] | None = None) -> None:
    """All that is under way arrives, but for what goes from one partition to another."""
    while any(queue for pair, queue in story.played.under_way.items() if pair != but):
        waiting = sorted(pair for pair, queue in story.played.under_way.items() if queue)
        story.played.deliver(next(n for n, pair in enumerate(waiting) if pair != but))


def test_who_was_freed_is_asked_again_before_the_person_goes() -> None:
    """An account that had agreed is disputed while the word that another one has ended is on its way."""
    story = StoryApart()
    story.given(RegisterCustomer, BEGIN, fields=["name"])
    for number in (OTHER, THIRD):
        story.given_active(since=BEGIN, number=number, customer=ID)
    story.given(Terminate, BEGIN, msisdn=OTHER)
    arrive(story)
    story.given(ErasePerson, BEGIN)
    arrive(story)  # the one has agreed, the other lives: the first is free again
    story.given(OpenDispute, BEGIN, msisdn=OTHER, **DISPUTED)
    story.given(Terminate, BEGIN, msisdn=THIRD)
    arrive(story, but=(PLACES[OTHER], PLACES[PERSON]))
    assert not of_person(story).state.person.erased  # type: ignore[union-attr]
    arrive(story)
    assert of_person(story).state.person.erasure.said == [  # type: ignore[union-attr]
        {"of": f"{OTHER}#1", "reason": "open-dispute"}
    ]


def test_an_account_that_has_passed_on_is_not_ended_for_the_former_holder() -> None:
    story = StoryApart()
    story.given(RegisterCustomer, BEGIN, fields=["name"])
    story.given_active(since=BEGIN, number=OTHER, customer=ID)
    story.given(RequestRightsTransfer, BEGIN, msisdn=OTHER, to_customer=ANOTHER)
    arrive(story)
    story.given(WithdrawConsent, BEGIN, purpose="processing")  # the word that it ends is on its way
    story.given(DecideRightsTransfer, BEGIN, msisdn=OTHER)
    arrive(story, but=(PLACES[OTHER], PLACES[PERSON]))  # and that it has passed on as well
    story.given(AdvanceCustomer, BEGIN + LIMIT)
    arrive(story)
    assert story.account(number=OTHER).closed_at is None
    assert of_person(story).state.person.erased  # type: ignore[union-attr]


# --- at any rhythm ----------------------------------------------------------------------------------------------------

OF_PERSONS: list[tuple[type[Command], dict[str, Any]]] = [
    (GiveConsent, {"purpose": "processing"}),
    (WithdrawConsent, {"purpose": "processing"}),
    (WithdrawConsent, {"purpose": "offers"}),
    (RequestAccess, {}),
    (AnswerAccess, {}),
    (RecordBreach, {}),
]
LIMIT = 72 * HOUR
MOMENTS = st.sampled_from([0, 1, HOUR, LIMIT - 1, LIMIT, LIMIT + 1, 40 * DAY, 1825 * DAY])


def lived(
    steps: list[tuple[tuple[type[Command], dict[str, Any]], int]], ticks: list[int], *, held: bool = False
) -> list[Any]:
    """What befalls a person whose accounts have ended, looked at meanwhile; without the instants of noticing it."""
    story, now = Story(None), BEGIN
    story.given(RegisterCustomer, now, fields=["name", "email"])
    story.given_active(since=now, customer=ID)
    story.given(Terminate, now)
    if held:
        story.given(SetPersonHold, now)
    asked = deque(sorted(ticks))
    last: tuple[tuple[type[Command], dict[str, Any]], int] = ((AdvanceCustomer, {}), 6 * 365 * DAY)
    for (command, said), later in [*steps, last]:
        now += later
        while asked and asked[0] <= now:
            tick = asked.popleft()
            story.given(AdvanceCustomer, tick)
            story.given(AdvanceBreach, tick)
        fields = {**said, "discovered_at": now} if command is RecordBreach else said
        story.when(command, now, **fields)
    story.given(AdvanceBreach, now)
    happened = story.events()
    return [[what_is_said(one) for one in happened if one.account == of] for of in (PERSON, "breach/b-1")]


def what_is_said(event: Event) -> Any:
    """An event without when it was noticed: by time it is effective at its own instant, whoever looks."""
    header = {"recorded_at", "effective_at", "command_id", "command_digest", "actor"}
    own = {name: value for name, value in vars(event).items() if name not in header}
    return event.name, own, event.effective_at if event.command_digest is None else None


@often(8)
@given(
    st.lists(st.tuples(st.sampled_from(OF_PERSONS), MOMENTS), max_size=8),
    st.sampled_from(["often", "yearly"]),
    st.integers(0, 365 * DAY),
    st.booleans(),
)
def test_a_ticker_at_any_rhythm_changes_nothing(steps: Any, rhythm: str, first: int, held: bool) -> None:
    end = BEGIN + sum(later for _, later in steps) + 6 * 365 * DAY
    ticks = list(range(BEGIN + first, end, 365 * DAY))
    if rhythm == "often":
        ticks = [BEGIN + n * 3 * HOUR + d for n in range(26) for d in (-1, 0, 1) if n or d >= 0]
    assert lived(steps, ticks, held=held) == lived(steps, [], held=held)


@pytest.mark.parametrize("held", [True, False])
@pytest.mark.parametrize("later", [-1, 0, 1, HOUR])
def test_a_request_is_breached_or_left_by_the_erasure_alike_whoever_looks(later: int, *, held: bool) -> None:
    """Its limit comes while accounts are asked, where nobody has looked before: what they answer is heard first."""
    steps: Any = [((WithdrawConsent, {"purpose": "processing"}), 0), ((RequestAccess, {}), max(later, 0))]
    if later < 0:
        steps = [((RequestAccess, {}), 0), ((WithdrawConsent, {"purpose": "processing"}), -later)]
    ticked, alone = lived(steps, [BEGIN + LIMIT, BEGIN + LIMIT + 1], held=held), lived(steps, [], held=held)
    assert alone == ticked
    names = [name for name, *_ in alone[0]]
    assert ("LimitBreached" in names) == (held or later <= 0)
    assert ("PersonErased" in names) != held


def test_every_second_of_a_limits_last_minutes_changes_nothing() -> None:
    steps: Any = [((WithdrawConsent, {"purpose": "processing"}), 0), ((RequestAccess, {}), 0)]
    second = 1_000_000
    ticks = [BEGIN + LIMIT + n * second for n in range(-30, 30)]
    seen = lived(steps, ticks)
    assert seen == lived(steps, [])
    by_time = [(name, at_) for name, _, at_ in seen[0] if at_ is not None]
    assert [at_ for _, at_ in by_time] == [BEGIN + LIMIT] * 4
    assert [name for name, _ in by_time] == [
        "LimitBreached",
        "ProcessingEnded",
        "ErasureStarted",
        "ErasureAsked",
    ]
