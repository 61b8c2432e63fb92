"""Consent to processing that is taken back: until its limit it may be given again, then the accounts end."""

from __future__ import annotations

import pytest

from ledger.domain.calendar import DAY, HOUR
from ledger.domain.customer.commands import AdvanceCustomer
from ledger.domain.customer.commands_of_persons import (
    GiveConsent,
    LiftPersonHold,
    RegisterCustomer,
    SetPersonHold,
    WithdrawConsent,
)
from ledger.domain.customer.events_of_persons import (
    ConsentGiven,
    ConsentWithdrawn,
    ErasureStarted,
    PersonErased,
    ProcessingEnded,
)
from ledger.domain.line.commands import AdvanceTime, Terminate
from ledger.domain.postpaid.commands import ReceivePayment
from tests.domain.erasing import ID, NOW, SECOND, is_erased, names, reasons
from tests.given import MICROSECOND, NUMBER, OTHER, PERSON, THIRD, Story, event, rupiah

LIMIT = NOW + 72 * HOUR


@pytest.fixture
def registered(story: Story) -> Story:
    return story.given(RegisterCustomer, NOW, fields=["name", "email"])


@pytest.mark.clause("PM-05")
@pytest.mark.parametrize("late", [-MICROSECOND, 0, MICROSECOND])
def test_consent_to_processing_may_be_given_again_until_its_limit(registered: Story, late: int) -> None:
    registered.when(WithdrawConsent, NOW, purpose="processing").then(
        event(ConsentWithdrawn, purpose="processing", limit_at=LIMIT, clause="PM-05")
    )
    registered.when(GiveConsent, LIMIT + late, purpose="processing")
    if late < 0:
        registered.then(event(ConsentGiven))
        registered.when(AdvanceCustomer, LIMIT + DAY).then()
        return
    registered.refused(
        "erased",
        event(ProcessingEnded, effective_at=LIMIT),
        event(ErasureStarted, reason="consent", effective_at=LIMIT),
        event(PersonErased, effective_at=LIMIT),
    )


@pytest.mark.clause("PM-05")
def test_then_accounts_end_as_by_the_customer_and_what_is_owed_delays_the_erasure_only(
    registered: Story,
) -> None:
    registered.given_active(since=NOW, credit=rupiah(5000), customer=ID)
    registered.given_contract(NOW, msisdn=OTHER, customer=ID)
    registered.given_active(since=NOW, number=THIRD, customer=ID).given(Terminate, NOW, msisdn=THIRD)
    registered.given(WithdrawConsent, NOW, purpose="processing")
    registered.given(AdvanceCustomer, LIMIT)
    [over] = [one for one in registered.events() if isinstance(one, ProcessingEnded)]
    assert (over.clause, over.accounts) == ("PM-05", [f"{NUMBER}#1", SECOND])
    assert (registered.state(), registered.credit()) == ("terminated", 0)
    contract = registered.contract(number=OTHER)
    assert contract.state == "terminated"
    assert contract.owed > 0
    told = names(registered.of_number(OTHER))
    assert "UnsubscribeRequested" in told
    assert told.index("PenaltyCharged") < told.index("BillIssued") < told.index("Terminated")
    assert {of for of, _ in reasons(registered)} == {SECOND}
    registered.given(
        ReceivePayment, LIMIT + 1, msisdn=OTHER, reference="p1", amount=contract.owed, method="cash"
    )
    registered.given(AdvanceTime, LIMIT + 300 * DAY, msisdn=OTHER)
    assert is_erased(registered)


def test_a_hold_delays_the_erasure_and_not_the_end(registered: Story) -> None:
    registered.given_active(since=NOW, customer=ID)
    registered.given(SetPersonHold, NOW).given(WithdrawConsent, NOW, purpose="processing")
    registered.given(AdvanceCustomer, LIMIT)
    assert registered.state() == "terminated"
    assert reasons(registered) == [(PERSON, "legal-hold")]
    registered.given(LiftPersonHold, LIMIT + DAY)
    assert is_erased(registered)
