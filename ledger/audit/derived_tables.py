"""What a log's file holds beside events and journal, so that neither is read for it: checked against both."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import msgspec

from ledger.application.journal import NO_CHAIN
from ledger.audit.findings import Finding, Report
from ledger.domain.calendar import NEVER
from ledger.domain.events import Event
from ledger.domain.ids import subject_of
from ledger.domain.subject import Subject
from ledger.store.layout import fold_digest
from ledger.store.snapshots import sealed


class DerivedTables:
    """The tables `claims`, `numbers` and `stored_snapshots` of one log, held against its events as they are read."""

    def __init__(self, connection: sqlite3.Connection, report: Report) -> None:
        self._connection = connection
        self._report = report
        self._claims = 0
        self._counts: Counter[str] = Counter()
        self._snapshots = self._snapshot_versions()

    def count(self, stream: str) -> None:
        """Takes note of an event, whether or not it can be read."""
        self._counts[subject_of(stream)] += 1

    def faults(self, subject: Subject, event: Event) -> Iterator[str]:
        """What is wrong with what follows from an event, which its subject has just taken."""
        yield from self._claimed(event)
        wanted = self._snapshots.get(event.account)
        if wanted is not None and event.version in wanted:
            wanted.discard(event.version)
            yield from self._snapshot(subject, event)

    def end(
        self, subjects: Mapping[str, Subject], broken: Collection[str], chains: Mapping[str, bytes]
    ) -> None:
        """What is wrong with the tables, now that everything was read.

        `broken` are the subjects that could not be folded, and `chains` the last journal digests of all.
        """
        if self._one("SELECT count(*) FROM claims") != self._claims:
            self._report.add(Finding("it holds other ids than the events have used up", "claims"))
        self._numbers(subjects, broken, chains)
        for id_, left in self._snapshots.items():
            for version in left:
                what = "there is no such event"
                self._report.add(Finding(what, "stored_snapshots", account=id_, version=version))

    def _one(self, statement: str, *parameters: object) -> Any:  # noqa: ANN401 - a column
        row = self._connection.execute(statement, parameters).fetchone()
        return None if row is None else row[0]

    def _claimed(self, event: Event) -> Iterator[str]:
        for kind, name in event.CLAIMS:
            self._claims += 1
            claim = (event.account, kind, getattr(event, name))
            if self._one("SELECT 1 FROM claims WHERE account=? AND kind=? AND id=?", *claim) is None:
                yield f"the id that it used up is not in the table of claims: {kind} {claim[2]}"

    def _numbers(
        self, subjects: Mapping[str, Subject], broken: Collection[str], chains: Mapping[str, bytes]
    ) -> None:
        missing = {*subjects, *chains}
        if self._one("SELECT count(*) FROM pragma_table_info('numbers') WHERE name='events'"):
            counted = dict(self._connection.execute("SELECT msisdn, events FROM numbers"))
            for subject in sorted(counted.keys() | self._counts.keys(), key=str):
                if counted.get(subject) != self._counts[subject]:
                    what = f"it counts {counted.get(subject)} events; there are {self._counts[subject]}"
                    self._report.add(Finding(what, "numbers", account=str(subject)))
        for msisdn, due_at, chain in self._connection.execute("SELECT msisdn, due_at, chain FROM numbers"):
            missing.discard(msisdn)
            subject = subjects.get(msisdn)
            due = NEVER if subject is None else subject.due_at
            if due_at != (None if due == NEVER else due) and msisdn not in broken:
                what = "what falls due next is another instant"
                self._report.add(Finding(what, "numbers", account=msisdn))
            if chain != chains.get(msisdn, NO_CHAIN):
                what = "its digest is not that of the number's last journal entry"
                self._report.add(Finding(what, "numbers", account=msisdn))
        for msisdn in sorted(missing):
            self._report.add(Finding("it is missing", "numbers", account=msisdn))

    def _snapshot_versions(self) -> dict[str, set[int]]:
        """What snapshots there are to compare; none where other code has made them."""
        if self._one("SELECT value FROM meta WHERE name='fold'") != fold_digest():
            return {}
        versions: dict[str, set[int]] = {}
        for id_, version in self._connection.execute(
            "SELECT originator_id, originator_version FROM stored_snapshots"
        ):
            versions.setdefault(id_, set()).add(version)
        return versions

    def _snapshot(self, subject: Subject, event: Event) -> Iterator[str]:
        statement = "SELECT topic, state FROM stored_snapshots WHERE originator_id=? AND originator_version=?"
        topic, state = self._connection.execute(statement, (event.account, event.version)).fetchone()
        folded = subject.state_of(event.account)
        if topic != f"snapshot/{type(folded).__name__}" or state != sealed(
            topic, msgspec.msgpack.encode(folded)
        ):
            yield "its snapshot is not what the events add up to"
