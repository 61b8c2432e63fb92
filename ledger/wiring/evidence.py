"""The evidence that is set: its folder and key; which of its files are over, and whether the others are still in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from ledger.audit.evidence.stated_line import StatementAtHand
from ledger.audit.findings import Finding, Report
from ledger.domain.ids import PartitionOf
from ledger.domain.statement.events import StatementBegun
from ledger.errors import EvidenceExpired, EvidenceLost, KeyUnusable
from ledger.reconciliation.evidence_store import EvidenceStore, evidence_key
from ledger.reconciliation.named_files import NamedFiles, kept_until
from ledger.wiring.settings import Settings

if TYPE_CHECKING:
    from ledger.store.reading import SqliteReader, SqliteSnapshot
    from ledger.wiring.mirrors import MirrorReader

_TABLE = "evidence"
_OVER = {
    "expired": "the file was kept for its time, and is deleted",
    "erased": "the file was evidence of somebody who is erased, and is deleted",
}


def evidence_store(settings: Settings, *, make_key: bool = False) -> EvidenceStore:
    """The store that is set; with `make_key` the key beside the log is made where there is none. Raises KeyUnusable."""
    key = evidence_key(settings.evidence_key_file, make=make_key and settings.evidence_key is None)
    return EvidenceStore(settings.evidence_folder, key)


def must_not_be_over(settings: Settings, statement: str, begun: StatementBegun, now: int) -> None:
    """Raises EvidenceExpired where a statement's file has been kept for its time at an instant."""
    if kept_until(begun, settings.evidence_days) <= now:
        raise EvidenceExpired(
            f"{statement}: its file was kept for {settings.evidence_days} days, and is not used any more"
        )


def statement_at_hand(settings: Settings, log: SqliteSnapshot, now: int) -> StatementAtHand:
    """What an evidence bundle may tell of statements in a partition: the salts of lines, where the key is at hand.

    A line as it stood is told of our own bills alone, which hold nothing but what the log says too; other formats hold
    names. Of a file that is over nothing is told: by a salt one could guess what a line held. Asked for that it raises
    EvidenceExpired.
    """
    from ledger.reconciliation.readers import bill_reader  # slow to import, and of no use to an erasure
    from ledger.reconciliation.statement_files import read_statements

    try:
        store = evidence_store(settings)
    except KeyUnusable:
        return StatementAtHand(log)

    def salt(begun: StatementBegun, line: int) -> bytes:
        must_not_be_over(settings, begun.account, begun, now)
        return store.key.salt(begun.file, line)

    def stood(begun: StatementBegun, line: int) -> bytes | None:
        must_not_be_over(settings, begun.account, begun, now)
        if begun.format != bill_reader.FORMAT:
            return None
        try:
            read = read_statements(store.verified(begun.file), begun.format)
        except EvidenceLost:
            return None
        return next((one.raw for one in read[begun.place].lines if one.line == line), None)

    return StatementAtHand(log, salt, stood)


@contextmanager
def named_files(
    settings: Settings, readers: Sequence[SqliteReader | MirrorReader], partition_of: PartitionOf
) -> Iterator[NamedFiles]:
    """The files that the log names, as it stands now."""
    with ExitStack() as stack:
        logs = [stack.enter_context(reader.snapshot()) for reader in readers]
        yield NamedFiles(logs, partition_of, settings.evidence_days)


def check_evidence(
    settings: Settings,
    readers: Sequence[SqliteReader | MirrorReader],
    partition_of: PartitionOf,
    now: int,
    report: Report,
) -> None:
    """Finds files that the log names and that are not kept as they were; those that are over are told to be gone."""
    with named_files(settings, readers, partition_of) as named:
        try:
            store = evidence_store(settings)
        except KeyUnusable as error:
            if named.are_kept:
                report.add(Finding(f"files of evidence cannot be checked: {error}", _TABLE))
            return
        for one, wrong in named.lost(store):
            found, is_gone = one.found, not (store.folder / one.digest).exists()
            over = named.over(one.digest, now) if is_gone else None
            if is_gone and over is None and not one.kept:
                continue  # it lies elsewhere, or may do so
            place = (_TABLE, f"{one.partition}:{found.ordinal}", found.event.account, found.event.version)
            if over is None:
                report.add(Finding(wrong, *place))
            else:
                report.tell_gone(Finding(_OVER[over], *place))
