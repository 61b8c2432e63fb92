"""A customer's accounts and debts, over both time axes: who is in debt, and whose other accounts that blocks."""

from __future__ import annotations

import pytest

from ledger.domain.calendar import DAY
from ledger.domain.customer.commands import AdvanceCustomer
from ledger.domain.line.commands import AdvanceTime, DecideRightsTransfer, RequestRightsTransfer, Terminate
from ledger.domain.postpaid.commands import ReceivePayment, RefundAdvance
from projections.engine.unanswered import UnknownThen
from projections.postpaid.customers import CustomerSummary
from tests.given import NUMBER, OTHER, THIRD, Story, at, rupiah
from tests.projections.projected import asked

OPENED = at("2023-03-10T10:00:00+07:00")
DUE = at("2023-04-22T00:00:00+07:00")
"""The due end of the bill of 1 April."""
NOTICED, PAID, NOW = DUE + 3600, DUE + 5 * DAY, DUE + 9 * DAY
FIRST, SECOND, BILL = f"{NUMBER}#1", f"{OTHER}#1", f"{NUMBER}-1-B0001"
CUSTOMER = "customer-1"

pytestmark = pytest.mark.clause("SE23-19")


@pytest.fixture
def lived(story: Story) -> Story:
    """A customer with two contracts, of which one is overdue for some days; and another customer."""
    story.given_contract(OPENED)
    story.given_contract(OPENED, msisdn=OTHER, upfront_payment=rupiah(900_000), reference="up")
    story.given_contract(OPENED, msisdn=THIRD, customer="customer-2")
    story.given(AdvanceTime, NOTICED)
    story.given(ReceivePayment, PAID, reference="p", amount=rupiah(900_000), method="cash")
    return story.reopen()


def of(story: Story, as_of: int, known_at: int = NOW, *, now: int = NOW) -> CustomerSummary:
    with asked(story.path, now=now) as ask:
        [row] = ask.customers(CUSTOMER, as_of=as_of, known_at=known_at).rows
        return row


def test_a_debt_is_told_from_when_it_is_noticed_until_it_is_paid_and_blocks_a_day_after_it_is_due(
    lived: Story,
) -> None:
    blocks_at = DUE + DAY
    debt = {"bill": BILL, "account": FIRST, "since": NOTICED, "blocks_at": blocks_at}
    assert of(lived, NOTICED - 1).debts == []
    assert of(lived, blocks_at - 1).debts == [debt | {"blocks": False}]
    assert of(lived, blocks_at).debts == [debt | {"blocks": True}]
    assert of(lived, PAID).debts == []
    assert of(lived, PAID, PAID - 1, now=PAID).debts == [debt | {"blocks": True}]


def test_whether_the_block_was_recorded_in_time_changes_no_answer(lived: Story) -> None:
    before = of(lived, DUE + 2 * DAY)
    lived.given(AdvanceCustomer, NOW, customer=f"customer/{CUSTOMER}")
    assert of(lived, DUE + 2 * DAY) == before


def test_what_he_owes_is_the_sum_over_his_accounts_whoever_looked(lived: Story) -> None:
    row = of(lived, DUE)
    assert (row.customer, row.accounts) == (CUSTOMER, [FIRST, SECOND])
    with asked(lived.path, now=NOW) as ask:
        each = {one.account: one for one in ask.receivables_of_each(as_of=DUE).rows}
        own = [each[account] for account in row.accounts if account in each]
        assert (row.unbilled, row.billed) == (sum(x.unbilled for x in own), sum(x.billed for x in own))
        assert row.overdue == ask.bill(BILL, as_of=DUE).open > 0
        assert [one.customer for one in ask.customers(as_of=DUE).rows] == [CUSTOMER, "customer-2"]
        assert [one.customer for one in ask.customers(as_of=DUE + DAY, in_debt=True).rows] == [CUSTOMER]


def test_an_account_leaves_with_its_rights_or_once_it_is_settled(lived: Story) -> None:
    lived.given(RequestRightsTransfer, NOW, msisdn=OTHER, to_customer="customer-3")
    lived.given(DecideRightsTransfer, NOW, msisdn=OTHER)
    lived.given(Terminate, NOW, msisdn=NUMBER, ground="1")
    lived.given(RefundAdvance, NOW, msisdn=NUMBER)
    later = NOW + 400 * DAY
    lived.given(AdvanceTime, later)
    assert of(lived, NOW - 1, later, now=later).accounts == [FIRST, SECOND]
    assert of(lived, NOW, later, now=later).accounts == [FIRST]
    assert of(lived, later, later, now=later).accounts == []


def test_nobody_is_told_of_who_was_not_known(lived: Story) -> None:
    with asked(lived.path, now=NOW) as ask, pytest.raises(UnknownThen, match="customer-9"):
        ask.customers("customer-9")
