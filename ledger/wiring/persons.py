"""The vault that is set, and the way of a person's values: the vault first, then the log."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from ledger.application.outcomes import ACCEPTED, REPEATED, UNKNOWN, Outcome
from ledger.domain.commands import Command
from ledger.errors import SettingsInvalid
from ledger.vault.master_keys import master_key_of
from ledger.vault.tables import engine_of, taken_back
from ledger.vault.vault import Vault
from ledger.wiring.settings import Settings

_NO_KEY = "PULSA_VAULT_KEY: it names the file of the vault's master key, and is not set"


@contextmanager
def vault(settings: Settings) -> Iterator[Vault]:
    """The vault that is set. Raises SettingsInvalid, KeyUnusable, VaultUnreachable, VaultKeyWrong."""
    if settings.vault_key is None:
        raise SettingsInvalid(_NO_KEY)
    engine = engine_of(settings.vault_url)
    try:
        yield Vault(engine, master_key_of(settings.vault_key), secrets.token_bytes)
    finally:
        engine.dispose()


@contextmanager
def rehearsed_vault(settings: Settings) -> Iterator[Vault]:
    """The vault that is set, in one transaction that is taken back in the end: nothing of a person is copied anywhere.

    Raises like `vault`.
    """
    if settings.vault_key is None:
        raise SettingsInvalid(_NO_KEY)
    with taken_back(settings.vault_url) as transactions:
        yield Vault(transactions, master_key_of(settings.vault_key), secrets.token_bytes)


def written_first(
    kept: Vault, command: Command, values: Mapping[str, str], send: Callable[[str], Outcome]
) -> Outcome:
    """Writes values of a customer, then sends the command with their digest; takes them back where it is refused.

    What became of the command is not known where no answer came: then the values stay, and the same again is the same.
    """
    customer, command_id = command.subject.partition("/")[2], command.command_id
    written = kept.write(customer, command_id, values, command.at)
    outcome = send(written.digest.hex())
    if outcome.status not in (ACCEPTED, REPEATED, UNKNOWN):
        kept.withdraw(customer, command_id)
    return outcome
