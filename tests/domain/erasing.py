"""Stories of persons who are to be erased: what their events tell, and accounts that they have had."""

from __future__ import annotations

from collections.abc import Sequence

from ledger.domain.calendar import DAY
from ledger.domain.commands import Command
from ledger.domain.customer.commands_of_persons import RegisterCustomer
from ledger.domain.customer.events_of_persons import ErasureBlocked, PersonErased
from ledger.domain.events import Event
from ledger.domain.line.commands import AdvanceTime, DecideRightsTransfer, RequestRightsTransfer, Terminate
from ledger.domain.postpaid.commands import ReceivePayment, SettlePayment
from tests.given import NUMBER, OTHER, PERSON, Story, at

NOW = at("2024-03-01T10:00:00+07:00")
ID = PERSON.removeprefix("customer/")
NEXT = "customer/C" + "B" * 20
LATER = at("2024-04-25T10:00:00+07:00")
"""The first bill's due end is past."""
FIRST, SECOND = f"{NUMBER}#1", f"{OTHER}#1"


def of_person(story: Story, *kinds: type[Event]) -> list[Event]:
    found = [one for one in story.events() if one.account == PERSON]
    return [one for one in found if isinstance(one, kinds)] if kinds else found


def reasons(story: Story) -> list[tuple[str, str]]:
    """What was said last to stand in the way; nothing once the person is erased."""
    last = of_person(story, ErasureBlocked, PersonErased)[-1]
    return [(one["of"], one["reason"]) for one in last.objections] if isinstance(last, ErasureBlocked) else []


def is_erased(story: Story) -> bool:
    return bool(of_person(story, PersonErased))


def ended(story: Story, *numbers: str, when: int = NOW) -> Story:
    """Prepaid numbers of the person's that were activated and ended at once."""
    for number in numbers:
        story.given_active(since=when, number=number, customer=ID)
        story.given(Terminate, when, msisdn=number)
    return story


def passed_on(story: Story, *said: tuple[type[Command], dict[str, object]]) -> int:
    """A contract of the person's, whose first bill is paid by transfer, and its rights passed on; what was paid."""
    opened = at("2024-03-10T10:00:00+07:00")
    story.given(RegisterCustomer, NOW, customer=NEXT, fields=["name"])
    story.given_contract(opened, customer=ID, billing_day=1)
    for command, own in said:
        story.given(command, opened, **own)
    story.given(AdvanceTime, LATER - 20 * DAY)
    owed = story.contract().owed
    story.given(ReceivePayment, LATER - 20 * DAY, reference="p1", amount=owed, method="transfer")
    story.given(SettlePayment, LATER - 20 * DAY, reference="p1")
    story.given(RequestRightsTransfer, LATER - 20 * DAY, to_customer=NEXT.removeprefix("customer/"))
    story.given(DecideRightsTransfer, LATER - 20 * DAY)
    return owed


def names(events: Sequence[Event]) -> list[str]:
    return [one.name for one in events]
