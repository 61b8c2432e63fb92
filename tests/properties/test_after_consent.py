"""What befalls accounts of who withdrew consent to processing, by chance: the same at any rhythm of the clock (PM-05).

Accounts of before and after the limit, given, taken and reclaimed, with debts, disputes and consent given again. The
erasure alone waits for whoever carries it out, and so does what is asked of it.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from hypothesis import event as told
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.calendar import DAY, HOUR
from ledger.domain.commands import Command
from ledger.domain.customer.commands import AdvanceCustomer
from ledger.domain.customer.commands_of_persons import (
    GiveConsent,
    RegisterCustomer,
    RequestErasure,
    WithdrawConsent,
)
from ledger.domain.customer.ids_of_customers import PREFIX
from ledger.domain.line.commands import AdvanceTime, DecideRightsTransfer, RequestRightsTransfer, Terminate
from ledger.domain.line.dispute_commands import DecideDispute, OpenDispute
from ledger.domain.postpaid.commands import OpenContract, ReceivePayment, RequestUnsubscribe
from ledger.domain.prepaid.commands import Activate, IssueStarterPack, ReclaimNumber, TopUp
from tests.given import MICROSECOND, NUMBER, OTHER, PERSON, THIRD, Story, at, rupiah
from tests.often import often

BEGIN = at("2024-03-01T10:00:00+07:00")
LIMIT = BEGIN + 72 * HOUR
END = (
    LIMIT + 25 * DAY
)  # before a bill is overdue: blocks for debts on other accounts wait for who notices (SE23-19)
NUMBERS = [NUMBER, OTHER, THIRD]
PERSONS = [PERSON, "customer/C" + "B" * 20]
OWN = [one.removeprefix(PREFIX) for one in PERSONS]
DISPUTED = {"about": "balance", "claimed": 0, "refers_to": None}

Said = tuple[type[Command], dict[str, Any]]
Step = tuple[Said, str, int]
OF_NUMBERS: list[Said] = [
    (IssueStarterPack, {"printed_credit": rupiah(5000)}),
    *[(Activate, {"customer": own}) for own in (*OWN, OWN[0])],
    (OpenContract, {"customer": OWN[0]}),
    (TopUp, {"credit": rupiah(5000)}),
    (Terminate, {}),
    (Terminate, {"ground": "1", "reference": "r"}),
    (RequestUnsubscribe, {}),
    *[(ReclaimNumber, {"customer": own}) for own in (*OWN, OWN[0], OWN[0])],
    *[(RequestRightsTransfer, {"to_customer": own}) for own in OWN],
    (DecideRightsTransfer, {}),
    (OpenDispute, {**DISPUTED, "dispute": "C-1", "unit": "PULSA"}),
    (OpenDispute, {**DISPUTED, "dispute": "C-2", "unit": "IDR"}),
    (DecideDispute, {"dispute": "C-1", "decision": "rejected"}),
    (ReceivePayment, {"amount": rupiah(1_000_000), "method": "cash"}),
]
OF_PERSONS: list[Said] = [
    (GiveConsent, {"purpose": "processing"}),
    (WithdrawConsent, {"purpose": "processing"}),
    (WithdrawConsent, {"purpose": "offers"}),
    (RequestErasure, {}),
]
MOMENTS = st.one_of(
    st.integers(BEGIN, LIMIT),
    st.sampled_from([LIMIT - MICROSECOND, LIMIT, LIMIT + MICROSECOND]),
    st.integers(LIMIT, END),
    st.integers(LIMIT, LIMIT + DAY),
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(OF_NUMBERS), st.sampled_from(NUMBERS), MOMENTS),
        st.tuples(st.sampled_from(OF_PERSONS), st.sampled_from([PERSON, *PERSONS]), MOMENTS),
    ),
    min_size=4,
    max_size=24,
)
TICKS = st.lists(st.tuples(st.sampled_from([*NUMBERS, *PERSONS]), MOMENTS), max_size=12)


def commands(steps: list[Step]) -> list[Command]:
    """Two numbers of one person, who withdraws consent; then what chance says, in the order of its time."""
    story = Story(None)
    said = [story.command(RegisterCustomer, BEGIN, customer=one, fields=["name"]) for one in PERSONS]
    for number in NUMBERS[:2]:
        said.append(story.command(IssueStarterPack, BEGIN, msisdn=number, printed_credit=rupiah(5000)))
        said.append(story.command(Activate, BEGIN, msisdn=number, customer=OWN[0]))
    said.append(story.command(WithdrawConsent, BEGIN, customer=PERSON, purpose="processing"))
    for (command, own), about, when in sorted(steps, key=lambda step: step[2]):
        fields = own | {"customer" if about.startswith(PREFIX) else "msisdn": about}
        if command is ReceivePayment:
            fields["reference"] = f"p{len(said)}"
        said.append(story.command(command, when, **fields))
    return said


def played(said: list[Command], ticks: list[tuple[str, int]]) -> tuple[Story, dict[str, Any]]:
    """The story, and the code with which each command was refused, if any."""
    story, codes = Story(None), {}
    noticed = [_notice(f"tick/{n}", subject, when) for n, (subject, when) in enumerate(ticks)]
    last = [_notice(f"last/{subject}", subject, END) for subject in (*NUMBERS, *PERSONS)]
    for command in sorted([*noticed, *said], key=lambda one: one.at) + last:
        story.say(command)
        codes[command.command_id] = story.outcome.code
    return story, {one.command_id: (type(one).__name__, codes[one.command_id]) for one in said}


def _notice(id_: str, subject: str, when: int) -> Command:
    if subject.startswith(PREFIX):
        return AdvanceCustomer(at=when, command_id=id_, actor="clock", customer=subject)
    return AdvanceTime(at=when, command_id=id_, actor="clock", msisdn=subject)


def of_lines(story: Story) -> dict[str, list[Any]]:
    """What befell each number and account, and when it was so; not who noticed, nor what it said to an erasure."""
    found: dict[str, list[Any]] = defaultdict(list)
    for number in NUMBERS:
        for one in story.of_number(number):
            if "Erasure" not in one.name:
                recorded = one.recorded_at if one.command_digest is not None else None
                found[one.account].append((one.name, one.effective_at, recorded, one.postings))
    return found


@often(15, soaked=600)
@given(STEPS, TICKS)
def test_accounts_and_answers_are_the_same_whoever_notices_when(
    steps: list[Step], ticks: list[tuple[str, int]]
) -> None:
    said = commands(steps)
    nobody, codes = played(said, [])
    prompt = [(subject, when) for when in (LIMIT, END - 1) for subject in (*PERSONS, *NUMBERS)]
    for rhythm in (prompt, ticks):
        seen, answers = played(said, rhythm)
        assert answers == codes
        assert of_lines(seen) == of_lines(nobody)
    for name, code in codes.values():
        told(f"{name}: {code}")
    _must_have_ended(nobody)


def _must_have_ended(story: Story) -> None:
    """Nothing that is held by who withdrew consent, and did not give it again in time, lives at the end."""
    events = story.events()
    over = {one.account.removeprefix(PREFIX) for one in events if one.name == "ProcessingEnded"}
    for number in NUMBERS:
        account = story.line(number=number).account if story.of_number(number) else None
        if account is not None and account.holder in over:
            assert account.closed_at is not None, account.id
