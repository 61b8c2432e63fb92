"""Whose data a breach exposed: its scope, asked of the log and of what the vault has of readings (UU 27/2022, art. 46).

A scope is one of three questions, and gives the same persons again: `readings-of-<reader>`, whom somebody has read;
`released-to-<whom>`, whose fields were disclosed; `everybody`, whoever was registered and not erased. How many they are
is counted for the record (decision 111).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple

from msgspec.structs import replace

from ledger.domain.customer.breach import PREFIX_OF_BREACHES
from ledger.domain.customer.commands_of_breaches import RecordBreach
from ledger.domain.customer.events_of_breaches import BreachRecorded
from ledger.domain.customer.events_of_persons import CustomerRegistered, PersonalDataDisclosed, PersonErased
from ledger.domain.customer.ids_of_customers import PREFIX
from ledger.domain.events import Event
from ledger.domain.refusals import Invalid
from ledger.errors import QueryRefused
from ledger.store.of_types import events_of_types
from ledger.vault.inventory import read_by
from ledger.wiring.composition import Opened
from ledger.wiring.erasures_carried_out import readers_of
from ledger.wiring.persons import must_be_vault_of, vault
from ledger.wiring.values_told import written_last

READ_BY, RELEASED_TO, EVERYBODY = "readings-of-", "released-to-", "everybody"
_SCOPES = f"{READ_BY}<reader>, {RELEASED_TO}<whom> and {EVERYBODY}"


class Exposed(NamedTuple):
    """A person whose data were exposed, and which fields; whether the person was erased since, and cannot be told."""

    customer: str
    fields: list[str]
    erased: bool


class Exposure(NamedTuple):
    """What was exposed: a scope, of which fields (none: of any), by an instant (UTC microseconds)."""

    scope: str
    fields: Collection[str]
    until: int
    persons: int | None = None
    """How many the record says that they were; None: nothing is recorded."""


def exposure_of(opened: Opened, breach: str) -> Exposure:
    """What the log says that a breach exposed. Raises QueryRefused where it knows none of that id, and LogMissing."""
    for event in _events_of(opened, breach):
        if isinstance(event, BreachRecorded):
            return Exposure(event.scope, event.fields, event.discovered_at, event.persons)
    raise QueryRefused(f"{breach}: no breach is recorded under that id")


def exposed(opened: Opened, asked: Exposure) -> Iterator[Exposed]:
    """The persons, each once, with those of the fields that were exposed.

    Raises QueryRefused where the scope is no question, LogMissing, and what keeps the vault from being asked.
    """
    for customer, own in _of_fields(opened, asked):
        erased = any(isinstance(one, PersonErased) for one in _events_of(opened, customer))
        yield Exposed(customer, own, erased)


def with_count(
    opened: Opened, command: RecordBreach, *, kept_by: Opened, stated: bool = True
) -> RecordBreach:
    """The record with the count of those whom its scope names as of the discovery.

    `kept_by` has the vault, where readings are asked for; `stated`: the command says a count. Raises Invalid where it
    says another one, and where the scope is no question and none is said; and as `exposed`. What was recorded by a
    command of the same id is not counted again: it is said once more.
    """
    scope = command.scope
    for event in _events_of(opened, command.breach):
        if isinstance(event, BreachRecorded) and event.command_id == command.command_id:
            return command if stated else replace(command, persons=event.persons)
    if not (scope == EVERYBODY or scope.startswith((READ_BY, RELEASED_TO))):
        if not stated:
            raise Invalid(f"persons: the scope names none, so say how many they are; {_SCOPES} do")
        return command
    asked = Exposure(scope, command.fields, command.discovered_at)
    count = sum(1 for _ in _of_fields(kept_by if scope.startswith(READ_BY) else opened, asked))
    if stated and count != command.persons:
        raise Invalid(f"persons: {command.persons} is said, and {scope} names {count} by the discovery")
    return replace(command, persons=count)


def _of_fields(opened: Opened, asked: Exposure) -> Iterator[tuple[str, list[str]]]:
    """The persons, and those of the fields that were exposed."""
    for customer, fields in _asked(opened, asked):
        own = sorted(fields & set(asked.fields) if asked.fields else fields)
        if own:
            yield customer, own


def _asked(opened: Opened, asked: Exposure) -> Iterator[tuple[str, set[str]]]:
    scope = asked.scope
    if scope == EVERYBODY:
        return _registered(opened, asked.until)
    if scope.startswith(RELEASED_TO):
        return _released(opened, scope.removeprefix(RELEASED_TO), asked.until)
    if scope.startswith(READ_BY):
        return _read(opened, scope.removeprefix(READ_BY), asked.until)
    breach = f"{PREFIX_OF_BREACHES}{scope}"
    meant = f"; {breach} is a breach that is recorded" if _events_of(opened, breach) else ""
    raise QueryRefused(f"{scope} names no persons; {_SCOPES} do{meant}")


def _registered(opened: Opened, until: int) -> Iterator[tuple[str, set[str]]]:
    for reader in readers_of(opened):
        with reader.snapshot() as log:
            for found in events_of_types(log, (CustomerRegistered.TOPIC,)):
                before = [
                    one.event for one in log.events_of(found.event.account) if one.event.effective_at <= until
                ]
                if not any(isinstance(one, PersonErased) for one in before):
                    yield found.event.account, set(written_last(before))


def _released(opened: Opened, to: str, until: int) -> Iterator[tuple[str, set[str]]]:
    for reader in readers_of(opened):
        fields = dict[str, set[str]]()
        with reader.snapshot() as log:
            for found in events_of_types(log, (PersonalDataDisclosed.TOPIC,)):
                event = found.event
                if (
                    isinstance(event, PersonalDataDisclosed)
                    and event.to == to
                    and event.effective_at <= until
                ):
                    fields.setdefault(event.account, set()).update(one["field"] for one in event.fields)
        yield from sorted(fields.items())


def _read(opened: Opened, reader: str, until: int) -> Iterator[tuple[str, set[str]]]:
    with vault(opened.settings) as kept:
        must_be_vault_of(opened, kept)
        for customer, fields in read_by(kept, reader, until):
            yield f"{PREFIX}{customer}", fields


def _events_of(opened: Opened, subject: str) -> list[Event]:
    readers, partition_of = opened.journaled()
    with readers[partition_of(subject)].snapshot() as log:
        return [found.event for found in log.events_of(subject)]
