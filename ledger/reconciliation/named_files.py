"""The files of evidence that a log names: those that statements came in, rules of runs, evidence of disputes.

A file is over once everything that names it has ended. A statement names its file for so many days after the one on
which the log received it, and the file holds many persons; the rules of a run hold nobody and are kept. Evidence of a
dispute is of the person whose the account was then, and ends with that person's erasure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from ledger.domain.account_holders import holder_after
from ledger.domain.calendar import NEVER, zone
from ledger.domain.customer.events_of_persons import PersonErased
from ledger.domain.customer.ids_of_customers import PREFIX
from ledger.domain.ids import PartitionOf, subject_of
from ledger.domain.line.dispute_commands import KEPT
from ledger.domain.line.dispute_events import EvidenceAttached
from ledger.domain.statement.events import Reconciled, StatementBegun
from ledger.errors import EvidenceLost
from ledger.reconciliation.evidence_store import EvidenceStore
from ledger.reconciliation.statements_known import ZONE, statement_ids
from ledger.store.of_types import events_of_types
from ledger.store.reading import Recorded, SqliteSnapshot

Over = Literal["expired", "erased"]
"""Why a file is over: the time of a statement's has come, or it was evidence of persons who are erased."""


def kept_until(begun: StatementBegun, days: int) -> int:
    """The instant at which a statement's file is over, if nothing else names it: a local day's beginning."""
    return zone(ZONE).end_of_days(begun.recorded_at, days)


class Naming(NamedTuple):
    """An event that names a file: in which partition, until when, and why the file is over for it then.

    `kept` says that the file was put into the evidence store.
    """

    found: Recorded
    partition: int
    digest: str
    until: int
    ends: Over = "expired"
    kept: bool = True


class NamedFiles:
    """The files that a log names, by their digests; `days` is how long those of statements are kept."""

    def __init__(self, logs: Sequence[SqliteSnapshot], partition_of: PartitionOf, days: int) -> None:
        self._logs = {log.partition: log for log in logs}
        self._partition_of, self._days = partition_of, days
        self._holders: dict[str, list[tuple[int, str]]] = {}
        self._erased: dict[str, bool] = {}
        self.namings: dict[str, list[Naming]] = {}
        for log in logs:
            for one in self._of(log):
                self.namings.setdefault(one.digest, []).append(one)

    @property
    def are_kept(self) -> bool:
        """Whether one was put into the evidence store."""
        return any(one.kept for namings in self.namings.values() for one in namings)

    def over(self, digest: str, now: int) -> Over | None:
        """Why a file is over at an instant; None where it is not, or is not named at all."""
        namings = self.namings.get(digest, [])
        if not namings or any(one.until > now for one in namings):
            return None
        return "expired" if any(one.ends == "expired" for one in namings) else "erased"

    def lost(self, store: EvidenceStore) -> Iterator[tuple[Naming, str]]:
        """What names files that are not kept, or are not what was kept; each with what is wrong."""
        for digest, namings in self.namings.items():
            wrong = _wrong(store, digest)
            if wrong is not None:
                yield from ((one, wrong) for one in namings)

    def _of(self, log: SqliteSnapshot) -> Iterator[Naming]:
        for id_ in statement_ids(log):
            for found in log.events_of(id_):
                event = found.event
                if isinstance(event, StatementBegun):
                    yield Naming(found, log.partition, event.file, kept_until(event, self._days))
                elif isinstance(event, Reconciled):
                    yield Naming(found, log.partition, event.rules, NEVER)
        for found in events_of_types(log, (EvidenceAttached.TOPIC,)):
            event = found.event
            if isinstance(event, EvidenceAttached):
                person = self._holder_then(log, event)
                erased_at = 0 if person is not None and self._is_erased(person) else NEVER
                kept = event.lies_in == KEPT
                yield Naming(found, log.partition, event.digest, erased_at, "erased", kept)

    def _holder_then(self, log: SqliteSnapshot, event: EvidenceAttached) -> str | None:
        """Whose the account was when evidence was attached; None where nobody is known."""
        history = self._holders.get(event.account)
        if history is None:
            history = self._holders[event.account] = list(holders_of(log, event.account))
        return holder_before(history, event.version)

    def _is_erased(self, person: str) -> bool:
        if person not in self._erased:
            subject = f"{PREFIX}{person}"
            told = self._logs[self._partition_of(subject)].events_of(subject)
            self._erased[person] = any(found.event.TOPIC == PersonErased.TOPIC for found in told)
        return self._erased[person]


def holders_of(log: SqliteSnapshot, account: str) -> Iterator[tuple[int, str]]:
    """Whose an account was: from which version of it on, and the id of the customer."""
    for found in log.events_of(subject_of(account)):
        holder = holder_after(found.event) if found.event.account == account else None
        if holder is not None:
            yield found.event.version, holder


def holder_before(history: Sequence[tuple[int, str]], version: int) -> str | None:
    """Whose an account was before a version of it, by what `holders_of` told; None where nobody is known."""
    return next((holder for since, holder in reversed(history) if since < version), None)


def _wrong(store: EvidenceStore, digest: str) -> str | None:
    try:
        store.verified(digest)
    except EvidenceLost as error:
        return str(error)
    return None
