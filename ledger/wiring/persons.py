"""The vault that is set, and the way of a person's values: the vault first, then the log.

What the log knows of erasures is carried out in the vault before it shows anybody: so one that was restored from before
an erasure, by whatever means, shows nobody who was erased.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import ArgumentError

from ledger.application.outcomes import ACCEPTED, NOT_JOURNALED, UNKNOWN, Outcome
from ledger.domain.commands import Command
from ledger.domain.customer.ids_of_customers import own_id
from ledger.errors import SettingsInvalid, VaultConflict, VaultLost
from ledger.store.of_types import events_of_types
from ledger.vault.inventory import BATCH, Told, is_empty, lacking
from ledger.vault.log_noted import log_noted, note_log
from ledger.vault.master_keys import MasterKey, master_key_of
from ledger.vault.month_keys import MonthKeys
from ledger.vault.tables import engine_of, file_of, taken_back
from ledger.vault.vault import Vault
from ledger.wiring.composition import Opened
from ledger.wiring.copy_keepers import KEEPERS, THE_VAULT, CopyKeeper, Reached
from ledger.wiring.erasures_carried_out import ERASED, WRITTEN, carry_out_erasures, readers_of
from ledger.wiring.settings import Settings
from ledger.wiring.values_told import told_by


@contextmanager
def vault(settings: Settings) -> Iterator[Vault]:
    """The vault that is set. Raises SettingsInvalid, KeyUnusable, VaultUnreachable, VaultKeyWrong."""
    master = master_key(settings)
    engine = engine_of(own_database(settings))
    try:
        yield Vault(engine, master, secrets.token_bytes)
    finally:
        engine.dispose()


@contextmanager
def rehearsed_vault(settings: Settings) -> Iterator[Vault]:
    """The vault that is set, in one transaction that is taken back in the end: nothing of a person is copied anywhere.

    Raises like `vault`.
    """
    master = master_key(settings)
    with taken_back(own_database(settings)) as transactions:
        yield Vault(transactions, master, secrets.token_bytes)


def master_key(settings: Settings) -> MasterKey:
    """The key that wraps every person's. Raises SettingsInvalid where none is set, KeyUnusable."""
    if settings.vault_key is None:
        raise SettingsInvalid("PULSA_VAULT_KEY: it names the file of the vault's master key, and is not set")
    return master_key_of(settings.vault_key)


def own_database(settings: Settings) -> str:
    """The URL of the vault's database. Raises SettingsInvalid where that is a file that has something else."""
    try:
        file = None if settings.vault is None else file_of(settings.vault)
    except (ArgumentError, ValueError):  # whoever opens it says what it is
        file = None
    for own in (settings.log, settings.database_file):
        if file is not None and _are_one(file, own):
            raise SettingsInvalid(f"PULSA_VAULT: {own} is the log's own; the vault is a file of its own")
    return settings.vault_url


def _are_one(file: Path, other: Path) -> bool:
    both = file.exists() and other.exists()
    return file.samefile(other) if both else file.resolve() == other.resolve()


@contextmanager
def vault_of_log(opened: Opened, *, accept_loss: bool = False, dry_run: bool = False) -> Iterator[Vault]:
    """The vault, once it is known to be that of the log; whose it is, it notes once the log knows somebody in it.

    Raises VaultLost where it is empty and the log knows persons, unless `accept_loss`; VaultConflict where it is
    another log's; and like `vault`.
    """
    with rehearsed_vault(opened.settings) if dry_run else vault(opened.settings) as kept:
        must_be_vault_of(opened, kept)
        if not kept.carried_out():
            if not accept_loss and is_empty(kept) and (person := _first_person(opened)) is not None:
                raise VaultLost(f"the vault is empty, and the log knows persons, of whom {person} is one")
            carry_out_erasures(opened, kept, keepers=_told(dry_run=dry_run))
        yield kept
        if log_noted(kept) != (first := _first_event(opened)) and first is not None and _knows(opened, kept):
            note_log(kept, first)


def must_be_vault_of(opened: Opened, kept: Vault) -> None:
    """Raises VaultConflict where persons are in the vault, and they are another log's."""
    noted = log_noted(kept)
    if noted is not None and noted != _first_event(opened) and not is_empty(kept):
        raise VaultConflict(
            "the vault is that of another log: of one that began with another event; where this one was made of that"
            " one, such as with other partitions, `pulsa vault adopt` says so"
        )


def adopt(opened: Opened, kept: Vault, *, accept_loss: bool = False) -> Reached:
    """Notes that the vault is that of the log from now on, and has its erasures carried out.

    Raises VaultConflict where the log knows nothing of what is in the vault, unless `accept_loss`; LogMissing.
    """
    opened.journaled()
    first = _first_event(opened)
    if first is None or not (accept_loss or _knows(opened, kept)):
        raise VaultConflict("the log knows nothing of what is in the vault")
    note_log(kept, first)
    return carry_out_erasures(opened, kept, from_the_first=True)


def _first_event(opened: Opened) -> bytes | None:
    """The digest of the first event of the log, by which it is known: of its first partition."""
    for reader in readers_of(opened)[:1]:
        with reader.snapshot() as log:
            for found in log.events(1, last=1):
                return found.digest
    return None


def _knows(opened: Opened, kept: Vault) -> bool:
    """Whether the log tells of anything that is in the vault."""
    for reader in readers_of(opened):
        with reader.snapshot() as log:
            told: list[Told] = []
            for found in events_of_types(log, WRITTEN):
                told += told_by(found.event)
                if len(told) == BATCH:
                    if len(lacking(kept, told)) < BATCH:
                        return True
                    told = []
            if len(lacking(kept, told)) < len(told):
                return True
    return False


@contextmanager
def serving_vault(opened: Opened, *, dry_run: bool = False) -> Iterator[Vault]:
    """The vault, with all erasures carried out that the log tells of by now. Raises like `vault_of_log`."""
    with vault_of_log(opened, dry_run=dry_run) as kept:
        carry_out_erasures(opened, kept, keepers=_told(dry_run=dry_run))
        yield kept


def _told(*, dry_run: bool) -> Sequence[CopyKeeper]:
    """Who is told of erasures: for trial the vault alone, which takes back what it does."""
    return (THE_VAULT,) if dry_run else KEEPERS


def month_keys(settings: Settings) -> MonthKeys:
    """The keys of the vault's backups. Raises SettingsInvalid."""
    if settings.vault_backup_keys is None:
        raise SettingsInvalid(
            "PULSA_VAULT_BACKUP_KEYS: it names the folder of the backups' keys, and is not set"
        )
    return MonthKeys(settings.vault_backup_keys, settings.vault_backup_days)


def _first_person(opened: Opened) -> str | None:
    """A customer who is registered and not erased; None where there is none."""
    for reader in readers_of(opened):
        with reader.snapshot() as log:
            gone = {found.event.account for found in events_of_types(log, (ERASED,))}
            for found in events_of_types(log, WRITTEN):
                if found.event.account not in gone:
                    return found.event.account
    return None


def written_first(
    kept: Vault, command: Command, values: Mapping[str, str], send: Callable[[str], Outcome]
) -> Outcome:
    """Writes values of a customer, then sends the command with their digest; takes them back where it is refused.

    What became of the command is not known where no answer came: then the values stay, and the same again is the same.
    So they do where its id was decided with another content, or may be sent again: they may be those of the first time.
    """
    customer, command_id = own_id(command.subject), command.command_id
    digest = kept.write(customer, command_id, values, command.at)
    outcome = send(digest.hex())
    if is_for_nothing(outcome):
        kept.withdraw(customer, command_id)
    return outcome


def is_for_nothing(outcome: Outcome) -> bool:
    """Whether a command was refused for good: what was written for it is of no event, now or later."""
    decided = outcome.status not in (ACCEPTED, UNKNOWN) and outcome.code is not None
    return decided and outcome.code not in NOT_JOURNALED
