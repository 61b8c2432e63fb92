"""The kind that promises are of; and how a test makes it known."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ledger.domain.commands import Command
from ledger.domain.events import Event
from ledger.domain.ids import POLICY, POLICY_IDS
from ledger.domain.kinds import Kind, forget, register, those_of
from ledger.domain.subject import CLOCK
from ledger.store.schemas import RecordSchema, load
from tests.toy import commands, events
from tests.toy.commands import AdvancePromise, HearOf
from tests.toy.events import BrokenHeardOf, PromiseBroken
from tests.toy.promise import PromiseState, admit, decide, promise_in

SCHEMAS = Path(__file__).parent / "schemas"


def tell(event: PromiseBroken) -> list[Command]:
    """Whom a promise tells of itself."""
    return heard(event, event.account, event.effective_at)


def tell_on(event: BrokenHeardOf) -> list[Command]:
    """And of others."""
    return heard(event, event.of, event.broken_at)


def heard(event: PromiseBroken | BrokenHeardOf, of: str, broken_at: int) -> list[Command]:
    if event.tells is None:
        return []
    id_, at = POLICY_IDS + event.command_id, event.recorded_at
    return [HearOf(at=at, command_id=id_, actor=POLICY, promise=event.tells, of=of, broken_at=broken_at)]


PROMISE = Kind(
    name="promise",
    prefixes=("promise/",),
    subjects=re.compile(r"promise/[^#/@]+"),
    commands=tuple(one for one in those_of(Command, commands) if one is not commands.PromiseCommand),
    events=those_of(Event, events),
    states=(PromiseState,),
    load=lambda id_, streams, _, __: promise_in(streams, id_),
    admit=admit,
    decide=decide,
    advancing=lambda id_, at, command_id: AdvancePromise(
        at=at, command_id=command_id, actor=CLOCK, promise=id_
    ),
    follows={PromiseBroken: tell, BrokenHeardOf: tell_on},
)


@contextmanager
def promises() -> Iterator[None]:
    """Meanwhile there are promises."""
    schemas = {
        folder.name: [RecordSchema(file.read_text("utf-8")) for file in sorted(folder.glob("*.avsc"))]
        for folder in SCHEMAS.iterdir()
    }
    register(PROMISE)
    for folder, found in schemas.items():
        load(folder).update({schema.name: schema for schema in found})
    try:
        yield
    finally:
        forget(PROMISE)
        for folder, found in schemas.items():
            for schema in found:
                del load(folder)[schema.name]
