"""Files of evidence that are over: found where they lie still, and deleted; whole, for many persons may be in one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress

from ledger.domain.customer.events import AccountNoted
from ledger.domain.customer.ids_of_customers import PREFIX
from ledger.domain.ids import PartitionOf, subject_of
from ledger.domain.line.dispute_events import EvidenceAttached
from ledger.reconciliation.named_files import NamedFiles, holder_before, holders_of
from ledger.store.reading import SqliteSnapshot
from ledger.wiring.composition import Opened
from ledger.wiring.evidence import named_files

FILES_OF_STATEMENTS = "files of statements"
"""The name of their row in `docs/personal-data.md`, as `pulsa vault check` and `sweep` tell it."""
_NO_TIME = 0
"""An instant at which the time of no statement's file is over: then only an erasure ends anything."""


def files_over(opened: Opened, now: int) -> Iterator[str]:
    """The digests of files of statements that are over at an instant and lie there still. Raises LogMissing."""
    with named_files(opened.settings, *opened.journaled()) as named:
        for digest in named.namings:
            if named.over(digest, now) == "expired" and (opened.settings.evidence_folder / digest).exists():
                yield digest


def delete_over(opened: Opened, now: int) -> int:
    """Deletes them; how many. What cannot be deleted is left to be found. Raises LogMissing."""
    return sum(_deleted(opened, digest) for digest in files_over(opened, now))


def files_of_nothing(opened: Opened, before: int) -> Iterator[str]:
    """The names of files that were written before an instant, and that nothing in the log names. Raises LogMissing.

    Whoever kept one was stopped before its event; or it is another log's, so that it is told, and not deleted.
    """
    folder = opened.settings.evidence_folder
    if not folder.exists():
        return
    with named_files(opened.settings, *opened.journaled()) as named:
        for path in sorted(folder.iterdir()):
            with suppress(FileNotFoundError):  # it was being written, and is there by its name now
                if path.name not in named.namings and path.stat().st_mtime_ns // 1000 < before:
                    yield path.name


def erase_evidence(opened: Opened, persons: Sequence[str]) -> int:
    """Deletes the files that were evidence of customers who are erased, and of nobody and nothing else; how many."""
    return sum(_deleted(opened, digest) for digest in dict(_left(opened, persons)))


def evidence_left(opened: Opened, persons: Sequence[str]) -> Iterator[str]:
    """Those of them that lie there still: whose, and which."""
    for digest, person in _left(opened, persons):
        yield f"{PREFIX}{person}, {digest}"


def _left(opened: Opened, persons: Sequence[str]) -> list[tuple[str, str]]:
    """The digest of each, and whose it was."""
    folder = opened.settings.evidence_folder
    if not persons or not folder.exists():
        return []
    readers, partition_of = opened.journaled()
    with ExitStack() as stack:
        logs = [stack.enter_context(reader.snapshot()) for reader in readers]
        attached = [(digest, one) for one in persons for digest in _attached_of(logs, partition_of, one)]
        mine = [(digest, one) for digest, one in attached if (folder / digest).exists()]
        if not mine:  # then it is not worth while to look who else names them
            return []
        named = NamedFiles(logs, partition_of, opened.settings.evidence_days)
        return [(digest, one) for digest, one in mine if named.over(digest, _NO_TIME) is not None]


def _attached_of(logs: Sequence[SqliteSnapshot], partition_of: PartitionOf, person: str) -> Iterator[str]:
    """The digests of what was attached to disputes of accounts while they were a customer's."""
    customer = f"{PREFIX}{person}"
    told = [found.event for found in logs[partition_of(customer)].events_of(customer)]
    for account in dict.fromkeys(event.of for event in told if isinstance(event, AccountNoted)):
        log = logs[partition_of(subject_of(account))]
        attached = [
            found.event
            for found in log.events_of(subject_of(account))
            if isinstance(found.event, EvidenceAttached) and found.event.account == account
        ]
        history = list(holders_of(log, account)) if attached else []
        for event in attached:
            if holder_before(history, event.version) == person:
                yield event.digest


def _deleted(opened: Opened, digest: str) -> bool:
    """Whether a file is deleted; a link to one is left to be found, for what it names would lie on."""
    path = opened.settings.evidence_folder / digest
    with suppress(OSError):
        if not path.is_symlink():
            path.unlink()
            return True
    return False
