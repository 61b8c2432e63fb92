"""The erasures that the log tells of, carried out by everybody who keeps copies of a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from ledger.domain.customer.events_of_persons import (
    CustomerRectified,
    CustomerRegistered,
    FieldsErased,
    PersonErased,
)
from ledger.domain.customer.ids_of_customers import own_id
from ledger.errors import LogMissing
from ledger.store.of_types import events_of_types
from ledger.store.reading import SqliteReader, SqliteSnapshot
from ledger.vault.fields_gone import FieldsGone
from ledger.vault.inventory import BATCH
from ledger.vault.vault import Vault
from ledger.wiring.composition import Opened
from ledger.wiring.copy_keepers import KEEPERS, THE_VAULT, CopyKeeper, Gone, Reached
from ledger.wiring.mirrors import MirrorReader

WRITTEN = (CustomerRegistered.TOPIC, CustomerRectified.TOPIC)
"""The types of events that tell of values in the vault."""
ERASED = PersonErased.TOPIC
"""The type of the event that tells of the erasure of a person."""
_ERASURES = (ERASED, FieldsErased.TOPIC)


def readers_of(opened: Opened) -> list[SqliteReader | MirrorReader]:
    """Readers of every partition; none where there is no log yet."""
    try:
        return list(opened.journaled()[0])
    except LogMissing:
        return []


def carry_out_erasures(
    opened: Opened, kept: Vault, *, from_the_first: bool = False, keepers: Sequence[CopyKeeper] = KEEPERS
) -> Reached:
    """Has everybody erase whom the log tells of, up to the head of every partition; how many copies each reached.

    What was carried out before is passed over, unless `from_the_first`: it may have been that of another log, or before
    somebody kept copies. The vault is told last, and notes how far it went.
    """
    carried, reached = {} if from_the_first else kept.carried_out(), Counter[str]()
    for reader in readers_of(opened):
        with reader.snapshot() as log:
            done = carried.get(log.partition, -1)
            if done == log.head:
                continue
            start = done + 1 if done < log.head else 1  # else of another log, or one that was restored
            for gone in _erasures(log, start):
                reached.update(_carry_out(opened, kept, gone, keepers))
    return reached


def _carry_out(opened: Opened, kept: Vault, gone: Gone, keepers: Sequence[CopyKeeper]) -> dict[str, int]:
    told = gone.persons or gone.fields
    return {
        one.name: one.erase(opened, kept, gone)
        for one in keepers
        if one.erase is not None and (told or one is THE_VAULT)
    }


def left_of_erased(opened: Opened, kept: Vault, log: SqliteSnapshot) -> Iterator[tuple[CopyKeeper, str]]:
    """What is kept still of persons and fields that a partition says are erased: by whom, and what."""
    for gone in _erasures(log, 1):
        for one in KEEPERS:
            for what in () if one.left is None else one.left(opened, kept, gone):
                yield one, what


def _erasures(log: SqliteSnapshot, start: int) -> Iterator[Gone]:
    """What a partition tells of erasures from an ordinal on; the last of them goes through its head."""
    persons: list[tuple[str, int]] = []
    fields: list[FieldsGone] = []
    for found in events_of_types(log, _ERASURES, start):
        if isinstance(found.event, FieldsErased):
            fields.append(_fields_gone(log, found.event))
        else:
            persons.append((own_id(found.event.account), found.event.effective_at))
        if len(persons) + len(fields) == BATCH:
            yield Gone(log.partition, found.ordinal, persons, fields)
            persons, fields = [], []
    yield Gone(log.partition, log.head, persons, fields)


def _fields_gone(log: SqliteSnapshot, event: FieldsErased) -> FieldsGone:
    """Which values a person's erased fields are: those that were written before, and not what came again."""
    told = [one.event for one in log.events_of(event.account)]
    before = [one.command_id for one in told if one.version < event.version and one.TOPIC in WRITTEN]
    return FieldsGone(own_id(event.account), [one["field"] for one in event.fields], before, event.version)
