"""The kind that partitions of the log are of."""

from __future__ import annotations

import re

from ledger.domain.commands import Command
from ledger.domain.events import Event
from ledger.domain.ids import is_partition
from ledger.domain.kinds import Kind, is_keyed, register, those_of
from ledger.domain.partition import commands, events
from ledger.domain.partition.commands import AdvanceDue, CloseThrough
from ledger.domain.partition.partition import decide, partition_in

MOST_ADVANCED = 1_000
"""Subjects that are advanced at once, at most."""

PARTITION = Kind(
    name="partition",
    prefixes=("log@", "apart@", "terms/"),
    subjects=re.compile(r"log@(?:0|[1-9][0-9]{0,8})", re.ASCII),
    commands=those_of(Command, commands),
    events=those_of(Event, events),
    load=lambda id_, streams, book, _: partition_in(streams, id_, book),
    decide=decide,
    relations={
        CloseThrough: lambda close: [("msisdn", is_partition(close.msisdn))],
        AdvanceDue: lambda asked: [
            ("msisdn", is_partition(asked.msisdn)),
            ("subjects", 0 < len(asked.subjects) <= MOST_ADVANCED and all(map(is_keyed, asked.subjects))),
        ],
    },
    forms={AdvanceDue: {"subjects": None}},
)
register(PARTITION)
