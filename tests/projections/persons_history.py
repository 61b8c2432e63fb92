"""A log with persons of every kind of request, for what asks of them."""

from __future__ import annotations

from pathlib import Path

from ledger.domain.calendar import HOUR
from ledger.domain.customer.commands_of_breaches import NotifyBreach, RecordBreach
from ledger.domain.customer.commands_of_persons import (
    AnswerAccess,
    Disclose,
    ErasePerson,
    GiveConsent,
    RegisterCustomer,
    RequestAccess,
    SetPersonHold,
)
from tests.given import OTHER, PERSON, START, Story, at

BEGIN = at(START)


def log_of_persons(folder: Path) -> Path:
    """A person with a number, who agrees, is disclosed, and asks twice for what is kept: the second time in vain.

    What is kept is held for a case, and is to be erased, which is blocked; and it was exposed in a breach. Another
    number is that of a person whom nobody has registered.
    """
    story = Story(folder).given_active(customer=PERSON.partition("/")[2])
    story.given_active(number=OTHER, customer="C" + "B" * 20)
    story.given(RegisterCustomer, BEGIN, fields=["name", "email"])
    story.given(GiveConsent, BEGIN, purpose="partners")
    story.given(Disclose, BEGIN, ground="partner", fields=["email"])
    story.given(RequestAccess, BEGIN)
    story.given(AnswerAccess, BEGIN + HOUR)
    story.given(RequestAccess, BEGIN + HOUR, request="a2")
    story.given(SetPersonHold, BEGIN + HOUR)
    story.given(ErasePerson, BEGIN + HOUR)
    story.given(RecordBreach, BEGIN + HOUR, discovered_at=BEGIN)
    story.given(NotifyBreach, BEGIN + 2 * HOUR)
    story.close()
    return story.path
