"""Values of many persons at once, as files bring them: into the vault by batches, and then the commands are sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

from ledger.application.outcomes import Outcome
from ledger.domain.commands import Command
from ledger.domain.customer.ids_of_customers import own_id
from ledger.errors import VaultConflict
from ledger.vault.inventory import BATCH
from ledger.vault.vault import Vault, Writing
from ledger.wiring.composition import Opened
from ledger.wiring.persons import is_for_nothing, vault_of_log

Brought = tuple[Command, Mapping[str, str]]
"""A command, and the values that came with it."""


class Registrar:
    """Keeps values, and takes back those that no event will tell of. The vault is opened for the first of them."""

    def __init__(self, opened: Opened, until_the_end: ExitStack, *, dry_run: bool) -> None:
        self._opened, self._until_the_end, self._dry_run = opened, until_the_end, dry_run
        self._vault: Vault | None = None

    @property
    def _kept(self) -> Vault:
        if self._vault is None:
            self._vault = self._until_the_end.enter_context(vault_of_log(self._opened, dry_run=self._dry_run))
        return self._vault

    def write(self, brought: Sequence[Brought]) -> list[bytes | VaultConflict]:
        """The digest of the values of each, once they are kept; of one that the vault does not take, why not.

        Raises SettingsInvalid where no vault is set, and what keeps it from being opened.
        """
        found: list[bytes | VaultConflict] = []
        for start in range(0, len(brought), BATCH):
            writings = [
                Writing(own_id(command.subject), command.command_id, values, command.at)
                for command, values in brought[start : start + BATCH]
            ]
            try:
                found += self._kept.write_all(writings)
            except VaultConflict:
                found += [self._alone(one) for one in writings]
        return found

    def settle(self, answered: Sequence[tuple[Command, Outcome]]) -> None:
        """Takes back what was kept for the commands that were refused for good."""
        named = [
            (own_id(command.subject), command.command_id)
            for command, outcome in answered
            if is_for_nothing(outcome)
        ]
        for start in range(0, len(named), BATCH):
            self._kept.withdraw_all(named[start : start + BATCH])

    def _alone(self, one: Writing) -> bytes | VaultConflict:
        try:
            return self._kept.write_all([one])[0]
        except VaultConflict as error:
            return error


@contextmanager
def registrar(opened: Opened, *, dry_run: bool = False) -> Iterator[Registrar]:
    """Keeps the values that files bring, for as long as they are taken in."""
    with ExitStack() as until_the_end:
        yield Registrar(opened, until_the_end, dry_run=dry_run)
