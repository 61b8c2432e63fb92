"""Ground 11 looks across a customer's accounts: a bill overdue on one blocks the others until it is closed."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from ledger.domain.calendar import DAY
from ledger.domain.customer.commands import AdvanceCustomer
from ledger.domain.customer.customer import Customer
from ledger.domain.customer.events import AccountLeft, AccountNoted, DebtCleared, DebtNoted, OthersBlocked
from ledger.domain.events import Event
from ledger.domain.kinds import new_subject
from ledger.domain.line.commands import (
    AdvanceTime,
    BlockForDebt,
    DecideRightsTransfer,
    RequestRightsTransfer,
    Terminate,
)
from ledger.domain.line.events import Blocked, RightsTransferred, Unblocked
from ledger.domain.postpaid.commands import ReceivePayment, ReversePayment
from ledger.domain.postpaid.events_of_bills import BillOverdue
from tests.conftest import Tell
from tests.given import MICROSECOND, NUMBER, OTHER, THIRD, Story, at, rupiah

OPENED = at("2023-03-10T10:00:00+07:00")
DUE = at("2023-04-22T00:00:00+07:00")
"""The due end of the bill of 1 April."""
BLOCKS = DUE + DAY
BILL = f"{NUMBER}-1-B0001"
BLOCK = f"ground-11/{BILL}"
CUSTOMER = "customer/customer-1"

pytestmark = pytest.mark.clause("SE23-19")


@pytest.fixture
def two(story: Story) -> Story:
    """A customer with two contracts, of which the second owes nothing."""
    story.given_contract(OPENED)
    return story.given_contract(OPENED, msisdn=OTHER, upfront_payment=rupiah(900_000), reference="up")


def of_customer(story: Story, name: str = CUSTOMER) -> list[Event]:
    return [one for one in story.events() if one.account == name]


def customer(story: Story) -> Customer:
    found = new_subject(CUSTOMER, story.book)
    assert isinstance(found, Customer)
    for one in of_customer(story):
        found.take(one)
    return found


def on_other(story: Story, number: str = OTHER) -> list[Event]:
    return [one for one in story.of_number(number) if isinstance(one, Blocked | Unblocked)]


def overdue(story: Story, *, tick: int = BLOCKS) -> Story:
    """The first account's bill is noticed to be overdue, and the customer's time goes on."""
    story.given(AdvanceTime, DUE)
    return story.given(AdvanceCustomer, tick, customer=CUSTOMER)


def pay(story: Story, when: int, **said: object) -> Story:
    return story.given(ReceivePayment, when, reference="p1", amount=rupiah(900_000), method="cash", **said)


def test_a_contract_makes_the_customer_known_with_his_accounts(two: Story) -> None:
    noted = of_customer(two)
    assert [(type(one), getattr(one, "of", "")) for one in noted] == [
        (AccountNoted, f"{NUMBER}#1"),
        (AccountNoted, f"{OTHER}#1"),
    ]
    assert customer(two).state.accounts == [f"{NUMBER}#1", f"{OTHER}#1"]


def test_a_day_after_the_due_end_the_others_are_blocked_and_not_a_microsecond_before(two: Story) -> None:
    overdue(two, tick=BLOCKS - MICROSECOND)
    [noted] = [one for one in of_customer(two) if isinstance(one, DebtNoted)]
    assert (noted.bill, noted.of, noted.blocks_at, noted.ground) == (BILL, f"{NUMBER}#1", BLOCKS, "11")
    assert on_other(two) == []
    two.given(AdvanceCustomer, BLOCKS, customer=CUSTOMER)
    [told] = [one for one in of_customer(two) if isinstance(one, OthersBlocked)]
    assert (told.effective_at, told.accounts, told.actor) == (BLOCKS, [f"{OTHER}#1"], "clock")
    [blocked] = on_other(two)
    assert isinstance(blocked, Blocked)
    assert (blocked.block, blocked.scope, blocked.ground) == (BLOCK, "outgoing", "11")
    assert not any(isinstance(one, Blocked) and one.block == BLOCK for one in two.of_number(NUMBER))


def test_noticed_later_the_customer_hears_the_same(two: Story) -> None:
    late = BLOCKS + 3 * DAY
    two.given(AdvanceTime, late)
    two.given(AdvanceCustomer, late, customer=CUSTOMER)
    [told] = [one for one in of_customer(two) if isinstance(one, OthersBlocked)]
    assert told.accounts == [f"{OTHER}#1"]
    assert [type(one) for one in on_other(two)] == [Blocked]


def test_paid_before_it_blocks_nothing(two: Story) -> None:
    overdue(two, tick=DUE)
    pay(two, BLOCKS - MICROSECOND)
    two.given(AdvanceCustomer, BLOCKS, customer=CUSTOMER)
    assert [type(one) for one in of_customer(two)[-2:]] == [DebtNoted, DebtCleared]
    assert on_other(two) == []


def test_paid_after_it_is_lifted_in_the_same_breath(two: Story) -> None:
    pay(overdue(two), BLOCKS + DAY)
    _, lifted = on_other(two)
    assert isinstance(lifted, Unblocked)
    assert (lifted.block, lifted.recorded_at) == (BLOCK, BLOCKS + DAY)
    assert customer(two).state.debts == {}


def test_nobody_is_blocked_twice_and_a_reversal_blocks_again_under_an_id_of_its_own(two: Story) -> None:
    overdue(two)
    overdue(two, tick=BLOCKS + MICROSECOND)
    assert len(on_other(two)) == 1
    pay(two, BLOCKS + DAY)
    two.given(ReversePayment, BLOCKS + 2 * DAY, reference="p1", reason="recalled", approved_by="staff-2")
    two.given(AdvanceCustomer, BLOCKS + 2 * DAY, customer=CUSTOMER)
    assert [getattr(one, "block", "") for one in on_other(two)] == [BLOCK, BLOCK, f"{BLOCK}/2"]
    two.given(ReceivePayment, BLOCKS + 3 * DAY, reference="p2", amount=rupiah(900_000), method="cash")
    assert len(on_other(two)) == 4
    assert two.contract(number=OTHER).blocks == {}


def test_a_contract_that_begins_while_a_debt_stands_is_blocked_at_once(two: Story) -> None:
    overdue(two)
    two.given_contract(BLOCKS + DAY, msisdn=THIRD)
    [blocked] = on_other(two, THIRD)
    assert (getattr(blocked, "block", ""), blocked.recorded_at) == (BLOCK, BLOCKS + DAY)
    pay(two, BLOCKS + 2 * DAY)
    assert [type(one) for one in on_other(two, THIRD)] == [Blocked, Unblocked]


def test_a_prepaid_number_is_the_customers_from_its_activation_on(two: Story) -> None:
    overdue(two, tick=DUE)
    two.given_active(since=DUE, number=THIRD)
    assert customer(two).state.accounts[-1] == f"{THIRD}#1"
    two.given(AdvanceCustomer, BLOCKS, customer=CUSTOMER)
    [blocked] = on_other(two, THIRD)
    assert (getattr(blocked, "block", ""), getattr(blocked, "ground", "")) == (BLOCK, "11")
    pay(two, BLOCKS + DAY)
    assert two.account(number=THIRD).blocks == {}


def test_what_cannot_be_blocked_comes_to_nothing(two: Story) -> None:
    two.given(Terminate, DUE - DAY, msisdn=OTHER, ground="1", reference="r", since=None)
    overdue(two)
    assert on_other(two) == []
    pay(two, BLOCKS + DAY)
    assert on_other(two) == []


def test_a_number_that_went_to_another_person_is_not_blocked_for_the_former_one(two: Story) -> None:
    two.given(RequestRightsTransfer, DUE - 2 * DAY, msisdn=OTHER, to_customer="customer-9")
    two.given(DecideRightsTransfer, DUE - DAY, msisdn=OTHER)
    assert isinstance(of_customer(two)[-1], AccountLeft)
    overdue(two)
    assert on_other(two) == []
    assert of_customer(two, "customer/customer-9") == []  # he has no contract: nobody knows him


@pytest.mark.clause("SE23-01", "XE25-11")
def test_whoever_takes_a_number_over_is_not_blocked_for_what_the_former_holder_owes(two: Story) -> None:
    overdue(two)
    two.given_active(since=BLOCKS, number=THIRD)
    for number in (OTHER, THIRD):
        two.given(RequestRightsTransfer, BLOCKS + DAY, msisdn=number, to_customer="customer-9")
        two.given(DecideRightsTransfer, BLOCKS + DAY, msisdn=number)
        assert [type(one) for one in two.new] == [RightsTransferred, Unblocked]
        assert [type(one) for one in on_other(two, number)] == [Blocked, Unblocked]
    pay(two, BLOCKS + 2 * DAY)
    assert len(on_other(two)) == len(on_other(two, THIRD)) == 2


def passes(story: Story, to: str, when: int, request: str, number: str = OTHER) -> Story:
    story.given(RequestRightsTransfer, when, msisdn=number, to_customer=to, request=request)
    return story.given(DecideRightsTransfer, when, msisdn=number, request=request)


@pytest.mark.clause("SE23-01", "XE25-11")
def test_a_number_that_comes_back_while_the_debt_stands_is_blocked_again_each_time(two: Story) -> None:
    overdue(two)
    for nth in (1, 2):
        passes(two, "customer-9", BLOCKS + nth * DAY, f"away-{nth}")
        assert two.contract(number=OTHER).blocks == {}
        passes(two, "customer-1", BLOCKS + nth * DAY, f"back-{nth}")
        assert list(two.contract(number=OTHER).blocks) == [f"{BLOCK}/return-{nth}"]
    pay(two, BLOCKS + 3 * DAY)
    assert two.contract(number=OTHER).blocks == {}
    [cleared] = [one for one in of_customer(two) if isinstance(one, DebtCleared)]
    assert cleared.accounts == [f"{OTHER}#1"]
    passes(two, "customer-9", BLOCKS + 4 * DAY, "away-3")
    passes(two, "customer-1", BLOCKS + 4 * DAY, "back-3")
    assert two.contract(number=OTHER).blocks == {}, "he owes nothing any more"


@pytest.mark.clause("SE23-01", "XE25-11")
@pytest.mark.parametrize("reversed_at", [DUE - DAY, BLOCKS])
def test_a_bill_opened_again_after_the_number_passed_on_blocks_the_numbers_of_whom_it_was_for(
    two: Story, reversed_at: int
) -> None:
    two.given_contract(DUE - 3 * DAY, msisdn=THIRD, customer="customer-9")
    pay(two, DUE - 3 * DAY)
    passes(two, "customer-9", DUE - 2 * DAY, "away", NUMBER)
    two.given(ReversePayment, reversed_at, reference="p1", reason="recalled", approved_by="staff-2")
    two.given(AdvanceTime, BLOCKS).given(AdvanceCustomer, BLOCKS, customer=CUSTOMER)
    [told] = [one for one in two.of_number(NUMBER) if isinstance(one, BillOverdue)]
    assert (told.bill, told.customer) == (BILL, "customer-1")
    assert [type(one) for one in on_other(two)] == [Blocked]
    assert on_other(two, THIRD) == [], "who took the number over had nothing to do with it"
    two.given(ReceivePayment, BLOCKS + DAY, reference="p2", amount=rupiah(900_000), method="cash")
    assert [type(one) for one in on_other(two)] == [Blocked, Unblocked]
    assert customer(two).state.debts == {}


def test_told_of_the_block_and_of_the_return_at_once_it_is_blocked_by_one(two: Story) -> None:
    overdue(two)
    said = {"account": f"{OTHER}#1", "customer": "customer-1", "scope": "outgoing", "ground": "11"}
    two.given(BlockForDebt, BLOCKS, msisdn=OTHER, block=f"{BLOCK}/return-1", **said)
    assert list(two.contract(number=OTHER).blocks) == [BLOCK]


def test_a_customer_whose_id_cannot_be_a_subjects_is_told_nothing(story: Story) -> None:
    story.given_contract(OPENED, customer="a/b")
    assert [one for one in story.events() if one.account.startswith("customer/")] == []


@pytest.mark.stored
def test_a_customer_whom_nobody_knows_leaves_no_trace_in_a_log(tell_on_log: Tell) -> None:
    """Prepaid numbers are activated and change hands as before there were customers."""
    story = tell_on_log()
    story.given_active()
    story.given(RequestRightsTransfer, at("2023-07-04T10:00:00+07:00"), to_customer="customer-9")
    story.given(DecideRightsTransfer, at("2023-07-05T10:00:00+07:00"))
    with closing(sqlite3.connect(story.path)) as connection:
        named = connection.execute("SELECT msisdn FROM numbers WHERE msisdn LIKE 'customer/%'").fetchall()
    assert named == []
