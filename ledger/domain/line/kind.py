"""The kind that numbers with their accounts are of. A product of accounts is named here, with what it brings."""

from __future__ import annotations

import re

from ledger.domain.commands import Command
from ledger.domain.events import Event
from ledger.domain.kinds import Kind, register, those_of
from ledger.domain.line import commands, events
from ledger.domain.line.commands import AdvanceTime
from ledger.domain.line.deciding import admit, decide
from ledger.domain.line.line import line_in
from ledger.domain.line.number import Number
from ledger.domain.prepaid import commands as prepaid_commands
from ledger.domain.prepaid import events as prepaid_events
from ledger.domain.prepaid import following
from ledger.domain.prepaid.product import Prepaid
from ledger.domain.subject import CLOCK

LINE = Kind(
    name="line",
    prefixes=(),
    subjects=re.compile(r"[0-9][^#/@]*"),
    commands=tuple(
        one for one in those_of(Command, commands, prepaid_commands) if one is not commands.LineCommand
    ),
    events=those_of(Event, events, prepaid_events),
    states=(Prepaid.account, Number),
    load=lambda id_, streams, book, claimed: line_in(streams, id_, book, claimed),
    admit=admit,
    decide=decide,
    advancing=lambda subject, at, id_: AdvanceTime(at=at, command_id=id_, actor=CLOCK, msisdn=subject),
    follows=following.FOLLOWS,
    returns=following.RETURNS,
    ended=following.ENDED,
    relations=following.RELATIONS,
)
register(LINE)
