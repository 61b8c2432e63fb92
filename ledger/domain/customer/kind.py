"""The kind that customers are of."""

from __future__ import annotations

import re

from ledger.domain.commands import Command
from ledger.domain.customer import commands, commands_of_persons, events, events_of_persons
from ledger.domain.customer.commands import AdvanceCustomer, CustomerCommand
from ledger.domain.customer.customer import PREFIX, Customer, CustomerState, customer_in, decide_what_is_told
from ledger.domain.customer.deciding_of_persons import RULES_OF_PERSONS
from ledger.domain.customer.following import FOLLOWS, RELATIONS
from ledger.domain.events import Event
from ledger.domain.kinds import Kind, register, those_of
from ledger.domain.subject import CLOCK


def decide(customer: Customer, command: Command) -> None:
    """What is asked of the person, or told of the accounts. Raises a Refusal."""
    rule = RULES_OF_PERSONS.get(type(command))
    if rule is None:
        decide_what_is_told(customer, command)
    else:
        rule(customer, command)


CUSTOMER = Kind(
    name="customer",
    prefixes=(PREFIX,),
    subjects=re.compile(r"customer/[^#/@]+"),
    commands=tuple(
        one
        for one in those_of(Command, commands, commands_of_persons)
        if one is not CustomerCommand and not one.__name__.startswith("_")
    ),
    events=those_of(Event, events, events_of_persons),
    states=(CustomerState,),
    load=lambda id_, streams, book, _: customer_in(streams, id_, book),
    decide=decide,
    advancing=lambda id_, at, command_id: AdvanceCustomer(
        at=at, command_id=command_id, actor=CLOCK, customer=id_
    ),
    follows=FOLLOWS,
    relations=RELATIONS,
)
register(CUSTOMER)
