"""The evidence that is set: its folder and key; and whether the files that statements came in are still in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ledger.audit.evidence.stated_line import StatementAtHand
from ledger.audit.findings import Finding, Report
from ledger.domain.statement.events import StatementBegun
from ledger.errors import EvidenceLost, KeyUnusable
from ledger.reconciliation.evidence_store import EvidenceStore, evidence_key
from ledger.reconciliation.readers import bill_reader
from ledger.reconciliation.statement_files import read_statements
from ledger.reconciliation.statements_known import evidence_lost, statement_ids
from ledger.wiring.settings import Settings

if TYPE_CHECKING:
    from ledger.store.reading import SqliteReader, SqliteSnapshot
    from ledger.wiring.mirrors import MirrorReader

_TABLE = "evidence"


def evidence_store(settings: Settings, *, make_key: bool = False) -> EvidenceStore:
    """The store that is set; with `make_key` the key beside the log is made where there is none. Raises KeyUnusable."""
    key = evidence_key(settings.evidence_key_file, make=make_key and settings.evidence_key is None)
    return EvidenceStore(settings.evidence_folder, key)


def statement_at_hand(settings: Settings, log: SqliteSnapshot) -> StatementAtHand:
    """What an evidence bundle may tell of statements in a partition: the salts of lines, where the key is at hand.

    A line as it stood is told of our own bills alone, which hold nothing but what the log says too; other formats hold
    names.
    """
    try:
        store = evidence_store(settings)
    except KeyUnusable:
        return StatementAtHand(log)

    def stood(begun: StatementBegun, line: int) -> bytes | None:
        if begun.format != bill_reader.FORMAT:
            return None
        try:
            read = read_statements(store.verified(begun.file), begun.format)
        except EvidenceLost:
            return None
        return next((one.raw for one in read[begun.place].lines if one.line == line), None)

    return StatementAtHand(log, lambda begun, line: store.key.salt(begun.file, line), stood)


def check_evidence(
    settings: Settings, readers: Sequence[SqliteReader | MirrorReader], report: Report
) -> None:
    """Finds files that statements name and that are not kept as they were."""
    for reader in readers:
        with reader.snapshot() as log:
            statements = statement_ids(log)
            if not statements:
                continue
            try:
                store = evidence_store(settings)
            except KeyUnusable as error:
                report.add(Finding(f"files of statements cannot be checked: {error}", _TABLE))
                return
            for found, wrong in evidence_lost(log, store):
                position = f"{log.partition}:{found.ordinal}"
                report.add(Finding(wrong, _TABLE, position, found.event.account, found.event.version))
