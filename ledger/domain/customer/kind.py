"""The kinds that customers and breaches of their data are of."""

from __future__ import annotations

import re

from ledger.domain.commands import Command
from ledger.domain.customer import (
    commands,
    commands_of_breaches,
    commands_of_persons,
    events,
    events_of_breaches,
    events_of_persons,
)
from ledger.domain.customer.breach import PREFIX_OF_BREACHES, BreachState, breach_in, decide_of_breaches
from ledger.domain.customer.commands import AdvanceCustomer, CustomerCommand
from ledger.domain.customer.commands_of_breaches import AdvanceBreach, BreachCommand
from ledger.domain.customer.customer import Customer, CustomerState, customer_in
from ledger.domain.customer.deciding_of_persons import RULES_OF_PERSONS
from ledger.domain.customer.following import FOLLOWS, RELATIONS
from ledger.domain.customer.ids_of_customers import PREFIX
from ledger.domain.customer.telling import decide_what_is_told
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

BREACH = Kind(
    name="breach",
    prefixes=(PREFIX_OF_BREACHES,),
    subjects=re.compile(r"breach/[^#/@]+"),
    commands=tuple(one for one in those_of(Command, commands_of_breaches) if one is not BreachCommand),
    events=those_of(Event, events_of_breaches),
    states=(BreachState,),
    load=lambda id_, streams, book, _: breach_in(streams, id_, book),
    decide=decide_of_breaches,
    advancing=lambda id_, at, command_id: AdvanceBreach(
        at=at, command_id=command_id, actor=CLOCK, breach=id_
    ),
)
register(BREACH)
