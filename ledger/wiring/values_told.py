"""What the log tells of a person's values: which fields there are, and for which command each was written last.

The vault has the values; what was written for a command that the log tells nothing of is the value of nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from ledger.domain.customer.as_of import customer_as_of
from ledger.domain.customer.events_of_persons import (
    CustomerRectified,
    CustomerRegistered,
    FieldsErased,
    PersonalDataDisclosed,
)
from ledger.domain.customer.ids_of_customers import own_id
from ledger.domain.events import Event
from ledger.errors import VaultBehind
from ledger.vault.inventory import BATCH, Told, lacking
from ledger.vault.vault import Vault
from ledger.wiring.composition import Opened


def released(opened: Opened, customer: str, command_id: str, at: int) -> dict[str, str] | None:
    """The fields that a disclosure of a customer has released, and for which command each was written last by then.

    None where nothing was disclosed under that id. Without those whose time is over by `at` (UTC microseconds).
    """
    events, due = _events_of(opened, customer, at)
    for n, event in enumerate(events):
        if isinstance(event, PersonalDataDisclosed) and event.command_id == command_id:
            gone = [later for later in (*events[n:], *due) if isinstance(later, FieldsErased)]
            written = written_last([*events[:n], *gone])
            return {one["field"]: written[one["field"]] for one in event.fields if one["field"] in written}
    return None


class ValuesTold(NamedTuple):
    """The values that a log tells of: of each field for which command it was written last, of each command the digest.

    Of a command of which a value has gone there is no digest.
    """

    last: Mapping[str, str]
    digests: Mapping[str, bytes]


def values_told(opened: Opened, kept: Vault, customer: str, at: int) -> ValuesTold:
    """What the log tells of a customer's values as of an instant (UTC microseconds).

    What was written for other commands is the value of nobody: they were refused, or are not decided yet.
    Raises VaultBehind where the vault does not have one of these; what all came again since is missed no more.
    """
    events, due = _events_of(opened, customer, at)
    written = written_last([*events, *due])
    told = [one for event in events for one in told_by(event) if one.command_id in written.values()]
    for start in range(0, len(told), BATCH):
        for one in lacking(kept, told[start : start + BATCH]):
            fields = ", ".join(field for field, last in written.items() if last == one.command_id)
            raise VaultBehind(
                f"{customer}: what was written for {one.command_id} is not in the vault: {fields}"
            )
    return ValuesTold(written, _digests([*events, *due]))


def _digests(events: Iterable[Event]) -> dict[str, bytes]:
    """The digest of the values of each command of which none has gone."""
    found: dict[str, tuple[set[str], bytes]] = {}
    for event in events:
        if isinstance(event, CustomerRegistered | CustomerRectified):
            fields = {one["field"] for one in event.fields}
            found[event.command_id] = fields, bytes.fromhex(event.digest)
        elif isinstance(event, FieldsErased):
            gone = {one["field"] for one in event.fields}
            found = {name: told for name, told in found.items() if not told[0] & gone}
    return {name: digest for name, (_, digest) in found.items()}


def written_last(events: Iterable[Event]) -> dict[str, str]:
    """The fields that a customer's events tell of, and for which command each was written last."""
    written: dict[str, str] = {}
    for event in events:
        if isinstance(event, CustomerRegistered | CustomerRectified):
            written.update(dict.fromkeys([one["field"] for one in event.fields], event.command_id))
        elif isinstance(event, FieldsErased):
            for one in event.fields:
                written.pop(one["field"], None)
    return written


def _events_of(opened: Opened, customer: str, at: int) -> tuple[list[Event], list[Event]]:
    """What the log has of a customer, and what fell due since by an instant."""
    readers, partition_of = opened.journaled()
    with readers[partition_of(customer)].snapshot() as log:
        events = [found.event for found in log.events_of(customer)]
        return events, customer_as_of(customer, events, log.book, at).collect()


def told_by(event: object) -> Iterator[Told]:
    """The writing that an event tells of, if it does."""
    if isinstance(event, CustomerRegistered | CustomerRectified):
        yield Told(own_id(event.account), event.command_id, bytes.fromhex(event.digest))
