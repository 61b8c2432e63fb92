"""The kind that statements are of."""

from __future__ import annotations

import re

from ledger.domain.commands import Command
from ledger.domain.events import Event
from ledger.domain.kinds import Kind, register, those_of
from ledger.domain.statement import commands, events
from ledger.domain.statement.commands import StatementCommand
from ledger.domain.statement.following import ENDED, FOLLOWS, RELATIONS, RETURNS
from ledger.domain.statement.stated import PREFIX
from ledger.domain.statement.statement import StatementState, admit, decide, statement_in

STATEMENT = Kind(
    name="statement",
    prefixes=(PREFIX,),
    subjects=re.compile(r"statement/[0-9a-f]{32}", re.ASCII),
    commands=tuple(one for one in those_of(Command, commands) if one is not StatementCommand),
    events=those_of(Event, events),
    states=(StatementState,),
    load=lambda id_, streams, _, __: statement_in(streams, id_),
    admit=admit,
    decide=decide,
    follows=FOLLOWS,
    returns=RETURNS,
    ended=ENDED,
    relations=RELATIONS,
)
register(STATEMENT)
