"""The vault held against the log: what of either has nothing in the other, and what is swept of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import NamedTuple

from ledger.domain.customer.commands_of_persons import RectifyCustomer, RegisterCustomer
from ledger.domain.customer.ids_of_customers import PREFIX
from ledger.errors import VaultConflict
from ledger.store.of_types import events_of_types
from ledger.store.reading import SqliteSnapshot
from ledger.vault.inventory import (
    BATCH,
    Told,
    WritingKept,
    drop_keys_without_values,
    keys_without_values,
    lacking,
    writings,
)
from ledger.vault.month_keys import MonthKeys
from ledger.vault.vault import Vault
from ledger.wiring.composition import Opened
from ledger.wiring.copy_keepers import BACKUPS, THE_VAULT, Reached
from ledger.wiring.erasures_carried_out import ERASED, WRITTEN, carry_out_erasures, left_of_erased, readers_of
from ledger.wiring.evidence_over import FILES_OF_STATEMENTS, delete_over, files_of_nothing, files_over
from ledger.wiring.values_told import told_by, written_last

_OF_VALUES = (RegisterCustomer.__name__, RectifyCustomer.__name__)
LogOf = Callable[[str], SqliteSnapshot | None]
"""The partition that has a subject; None where there is no log yet."""


class VaultFinding(NamedTuple):
    """Something that is not as it should be: which kind, of whom or what, and who of `pulsa vault keepers` has it."""

    kind: str
    about: str
    keeper: str = THE_VAULT.name


class Swept(NamedTuple):
    """What was swept: copies of persons erased late, writings without an event, keys without values, months' keys."""

    reached: Reached
    writings: int
    keys: int
    months: list[str]


def looked_through(
    opened: Opened, kept: Vault, keys: MonthKeys | None, now: int, grace: int
) -> Iterator[VaultFinding]:
    """All that is wrong between the vault and the log; writes nothing. `now` and `grace` are in microseconds.

    A writing whose command is not decided yet is a finding once the log has gone on for as long as `grace`, and so is
    an account whose holder nobody has registered.
    """
    with ExitStack() as stack:
        logs = [stack.enter_context(reader.snapshot()) for reader in readers_of(opened)]
        log_of = _log_of(opened, logs)
        for log in logs:
            for keeper, what in left_of_erased(opened, kept, log):
                yield VaultFinding("erased-and-kept", what, keeper.name)
            yield from _without_values(log, kept)
        for batch in writings(kept):
            for one in batch:
                if _is_for_nothing(log_of, one, now, grace):
                    yield VaultFinding("values-without-event", f"{PREFIX}{one.customer}, {one.command_id}")
    for customer in keys_without_values(kept):
        yield VaultFinding("key-without-values", f"{PREFIX}{customer}")
    for month in [] if keys is None else keys.past(now):
        yield VaultFinding("backup-past-its-time", month, BACKUPS.name)
    for digest in files_over(opened, now) if logs else ():
        yield VaultFinding("file-past-its-time", digest, FILES_OF_STATEMENTS)
    for name in files_of_nothing(opened, now - grace) if logs else ():
        yield VaultFinding("file-without-event", name, FILES_OF_STATEMENTS)
    for held in opened.questions(lambda: now).held_by_nobody() if logs else ():
        if held.is_due(now, grace):
            about = f"{held.account}, {PREFIX}{held.customer}, {held.position}"
            yield VaultFinding(f"account-of-{held.why}", about, "the log")


def swept(opened: Opened, kept: Vault, keys: MonthKeys | None, now: int, grace: int) -> Swept:
    """Puts right what can be: carries out erasures, and destroys what has no event, no values, or is past its time."""
    reached = carry_out_erasures(opened, kept, from_the_first=True)
    gone = 0
    with ExitStack() as stack:
        logs = [stack.enter_context(reader.snapshot()) for reader in readers_of(opened)]
        log_of = _log_of(opened, logs)
        for batch in writings(kept):
            for one in batch:
                if _is_for_nothing(log_of, one, now, grace):
                    gone += kept.withdraw(one.customer, one.command_id, written_at=one.written_at)
    dropped = drop_keys_without_values(kept)
    past = [] if keys is None else keys.destroy_past(now)
    if logs:
        reached[FILES_OF_STATEMENTS] += delete_over(opened, now)
    return Swept(reached, gone, dropped, past)


def must_be_of_log(opened: Opened, kept: Vault, now: int, grace: int) -> None:
    """Raises VaultConflict where something would be swept of the vault, and the log knows no command of any of it."""
    found = False
    with ExitStack() as stack:
        log_of = _log_of(opened, [stack.enter_context(reader.snapshot()) for reader in readers_of(opened)])
        for batch in writings(kept):
            for one in batch:
                subject = f"{PREFIX}{one.customer}"
                log = log_of(subject)
                if log is not None and log.decision(subject, one.command_id) is not None:
                    return
                found = found or _is_for_nothing(log_of, one, now, grace)
    if found:
        raise VaultConflict("the log knows nothing of what is in the vault, which may be another log's")


def _log_of(opened: Opened, logs: list[SqliteSnapshot]) -> LogOf:
    if not logs:
        return lambda _: None
    partition_of = opened.journaled()[1]
    return lambda subject: logs[partition_of(subject)]


def _is_for_nothing(log_of: LogOf, one: WritingKept, now: int, grace: int) -> bool:
    """Whether no event tells of a writing, nor will: its command was refused, or never came while the log went on."""
    subject = f"{PREFIX}{one.customer}"
    log = log_of(subject)
    if log is None:
        return one.written_at + grace <= now
    decided = log.decision(subject, one.command_id)
    if decided is not None:
        return decided.name not in _OF_VALUES or not decided.events
    closed = log.closed_through
    reached = log.recorded_last if closed is None else max(log.recorded_last, closed)
    return one.written_at + grace <= min(now, reached)


def _without_values(log: SqliteSnapshot, kept: Vault) -> Iterator[VaultFinding]:
    batch: list[Told] = []
    for found in events_of_types(log, WRITTEN):
        batch += told_by(found.event)
        if len(batch) == BATCH:
            yield from _lacking_of(log, kept, batch)
            batch = []
    yield from _lacking_of(log, kept, batch)


def _lacking_of(log: SqliteSnapshot, kept: Vault, batch: list[Told]) -> Iterator[VaultFinding]:
    for one in lacking(kept, batch):
        customer = f"{PREFIX}{one.customer}"
        events = [found.event for found in log.events_of(customer)]
        is_erased = any(event.TOPIC == ERASED for event in events)
        if not is_erased and one.command_id in written_last(events).values():
            yield VaultFinding("event-without-values", f"{customer}, {one.command_id}")
