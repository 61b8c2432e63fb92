"""The kind that customers are of."""

from __future__ import annotations

import re

from ledger.domain.commands import Command
from ledger.domain.customer import commands, events
from ledger.domain.customer.commands import AdvanceCustomer, CustomerCommand
from ledger.domain.customer.customer import PREFIX, CustomerState, customer_in, decide
from ledger.domain.customer.following import FOLLOWS, RELATIONS
from ledger.domain.events import Event
from ledger.domain.kinds import Kind, register, those_of
from ledger.domain.subject import CLOCK

CUSTOMER = Kind(
    name="customer",
    prefixes=(PREFIX,),
    subjects=re.compile(r"customer/[^#/@]+"),
    commands=tuple(
        one
        for one in those_of(Command, commands)
        if one is not CustomerCommand and not one.__name__.startswith("_")
    ),
    events=those_of(Event, events),
    states=(CustomerState,),
    load=lambda id_, streams, _, __: customer_in(streams, id_),
    decide=decide,
    advancing=lambda id_, at, command_id: AdvanceCustomer(
        at=at, command_id=command_id, actor=CLOCK, customer=id_
    ),
    follows=FOLLOWS,
    relations=RELATIONS,
)
register(CUSTOMER)
