"""Re-reads a whole log and proves that it is what was written: nothing changed, removed, swapped or unexplained.

One pass over events and journal in order, as they were written, and a look at every table that is derived from them.
The memory that it takes grows with the accounts, not with the events.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

from eventsourcing.sqlite import SQLiteCursor

from ledger.application.journal import NO_CHAIN, event_digest, journal_digest
from ledger.audit.derived_tables import DerivedTables
from ledger.audit.event_by_event import EventByEvent
from ledger.audit.explaining import Entry, Explanation
from ledger.audit.findings import Finding, Report
from ledger.audit.seals import Seals
from ledger.audit.transfer_halves import TransferHalves
from ledger.domain.calendar import NEVER
from ledger.domain.commands import Command
from ledger.domain.ids import is_of_line, partition_named, subject_of
from ledger.domain.partition.events import LogCreated
from ledger.progress import Progress
from ledger.store.codec import Codec, instant_and_content
from ledger.store.kept_schemas import as_kept, digests_kept
from ledger.store.layout import check_format, foreign, intelligible, principal_column
from ledger.store.reading import PARTITION, connect
from ledger.store.schemas import FINGERPRINT_BYTES

_STEP = 1000
_UNEXPLAINED = ("no command of the journal explains it",)
_EVENTS = "SELECT ordinal, originator_id, originator_version, topic, state, digest FROM stored_events ORDER BY ordinal"
_SEALS = "SELECT seal, events, entries, digest FROM seals ORDER BY seal"
_FIRST = "SELECT topic, state FROM stored_events WHERE ordinal=1"
_JOURNAL = (
    "SELECT entry, subject, command_id, name, command_digest, command, at, code, message, ordinal, first_event,"
    " event_count, chain, {principal} FROM journal ORDER BY entry"
)
_EVENT_TYPES = {(int, str, int, str, bytes, bytes)}
_ENTRY_TYPES = {
    (int, str, str, str, bytes, bytes, int, code, message, int, int, int, bytes, principal)
    for code in (str, type(None))
    for message in (str, type(None))
    for principal in (str, type(None))
}


def verify(  # noqa: PLR0913 - what of a log, and what is known of the rest of it
    path: str | Path,
    progress: Progress | None = None,
    *,
    partition: int | None = None,
    partitions: int | None = None,
    is_here: Callable[[str], bool] | None = None,
    transfers: TransferHalves | None = None,
    report: Report | None = None,
) -> Report:
    """Checks a log from the first event to the last, beside a writer if there is one.

    Of a log of several partitions it checks one; `partitions` is how many there are, `is_here` tells which subjects
    belong to it, and `transfers` is where the halves of transfers are gathered whose other halves may lie elsewhere.
    Where that is not said, the file's own first event says it; what can be told only with the others is then not told.
    `report` is what is filled in: whoever ends it early, by what progress raises, has what was found by then.

    Whatever is wrong with what the file holds is a finding. Raises LogMissing, LogUnreadable, LogFormatUnknown, or
    LogDamaged where the file cannot even be opened.
    """
    path = Path(path)
    connection, _ = connect(path)
    try:
        connection.text_factory = lambda text: text.decode("utf-8", "replace")
        with intelligible(str(path)):
            check_format(cast("SQLiteCursor", connection.cursor()))
        report = Report(str(path)) if report is None else report
        try:
            gathered = TransferHalves() if transfers is None else transfers
            one = _Verification(connection, report, partition, partitions, is_here, gathered)
            one.run(progress)
            if transfers is None:
                gathered.settle(report, one.is_here)
        except (sqlite3.Error, UnicodeDecodeError) as error:
            report.add(Finding(f"SQLite cannot read on: {error}", "file"))
        return report
    finally:
        connection.close()


class _Verification:
    """One pass over one log."""

    def __init__(  # noqa: PLR0913 - as `verify`
        self,
        connection: sqlite3.Connection,
        report: Report,
        partition: int | None,
        partitions: int | None,
        is_here: Callable[[str], bool] | None,
        transfers: TransferHalves,
    ) -> None:
        self.transfers = transfers
        self.connection = connection
        self.report = report
        self.partition = PARTITION if partition is None else partition
        self.partitions = partitions
        self.is_here = is_here or (lambda _: True)
        self._is_told = partition is not None
        self.codec = Codec()
        self.versions: dict[str, int] = {}
        self.digests: dict[str, bytes] = {}
        self.chains: dict[str, bytes] = {}
        self.marks: set[bytes] = set()

    def run(self, progress: Progress | None) -> None:
        self._file()
        self._schemas()
        if not self._is_told:
            self._find_place()
        self.seals = Seals(self._rows(_SEALS), self.report)
        self.derived = DerivedTables(self.connection, self.report)
        folded = self.folded = EventByEvent(self.partition, self.partitions, self._belongs, self.derived)
        events = self._counted(self._one("SELECT count(*) FROM stored_events"), progress)
        waiting = next(events, None)
        for row in self._rows(_JOURNAL.format(principal=principal_column(self.connection))):
            entry = self._entry(row)
            if entry is None:
                continue
            explanation = Explanation(entry, self.codec, self.is_here, self._is_journaled)
            while waiting is not None and waiting[0] <= entry.ordinal:
                self._event(waiting, explanation)
                waiting = next(events, None)
            for what in explanation.faults():
                self._find(what, "journal", entry=entry)
            self._amiss(explanation, entry)
            self.seals.entry(entry.chain)
        while waiting is not None:
            self._event(waiting, None)
            waiting = next(events, None)
        self.seals.end()
        self._clock()
        self.derived.end(folded.subjects, folded.broken, self.chains)
        self.report.numbers = sum(map(is_of_line, folded.subjects))
        self.report.closed_through = None if folded.closed_through == -NEVER else folded.closed_through

    def _amiss(self, explanation: Explanation, entry: Entry) -> None:
        for command, cause in explanation.came_to_nothing():
            subject = self.folded.subjects.get(command.subject)
            named = f"entry {entry.entry} {entry.command_id}"  # the cause, where it lies in another partition
            place = ("journal", named) if cause is None else ("stored_events", f"{self.partition}:{cause}")
            for about, what in () if subject is None else subject.amiss(command):
                self.report.add(Finding(what, *place, about), damage=False)

    # --- rows ---------------------------------------------------------------------------------------------------------

    def _rows(self, statement: str) -> Iterator[tuple[Any, ...]]:
        return self.connection.execute(statement)

    def _one(self, statement: str, *parameters: object) -> Any:  # noqa: ANN401 - a column
        row = self.connection.execute(statement, parameters).fetchone()
        return None if row is None else row[0]

    def _counted(self, total: int, progress: Progress | None) -> Iterator[tuple[Any, ...]]:
        for done, row in enumerate(self._rows(_EVENTS)):
            if progress is not None and done % _STEP == 0:
                progress(done, total)
            if tuple(map(type, row)) not in _EVENT_TYPES:
                self.report.add(
                    Finding("a column holds a value of another kind", "stored_events", f"{row[0]}")
                )
                self.report.events += 1
                continue
            yield row
        if progress is not None:
            progress(total, total)

    def _find(self, what: str, table: str, *, entry: Entry) -> None:
        self.report.add(Finding(what, table, f"entry {entry.entry}", f"{entry.subject} {entry.command_id}"))

    # --- the file -----------------------------------------------------------------------------------------------------

    def _file(self) -> None:
        for (what,) in self._rows("PRAGMA integrity_check(20)"):
            if what != "ok":
                self.report.add(Finding(what, "file"))
        for kind, name in foreign(cast("SQLiteCursor", self.connection.cursor())):
            self.report.add(Finding(f"it holds a {kind} that is not the ledger's: {name}", "file"))

    def _schemas(self) -> None:
        """Each schema is the one that was put into the file; and from here on, what they wrote can be read."""
        digests = digests_kept(cast("SQLiteCursor", self.connection.cursor()))
        for mark, name, text in self._rows("SELECT fingerprint, name, schema FROM schemas"):
            schema = as_kept(mark, name, text, digests)
            if schema is None:
                what = "it is not the schema that was put into the log"
                self.report.add(Finding(what, "schemas", account=name))
            else:
                self.codec.learn([schema])
                self.marks.add(mark)
        held = {f"schema/{mark}" for (mark,) in self._rows("SELECT lower(hex(fingerprint)) FROM schemas")}
        for named in digests.keys() - held:
            self.report.add(Finding("there is no such schema", "meta", account=named))

    def _find_place(self) -> None:
        """Which partition of how many the file is, as its first event says; the only one, where that is damaged."""
        row = self.connection.execute(_FIRST).fetchone()
        try:
            created = self.codec.event(*row)
        except Exception:  # noqa: BLE001 - whatever damaged bytes do: it is found where it is read
            return
        if not isinstance(created, LogCreated) or created.partitions in (None, 1):
            return
        from ledger.store.partitioning import partition_of  # which a log of one partition needs not

        here, count = partition_named(created.account), created.partitions
        if here is None or not here < count:
            return
        self.partition, self.partitions = here, count
        self.is_here = lambda subject: partition_of(subject, count) == here
        self.report.place = (here, count)

    def _clock(self) -> None:
        clock = self._one("SELECT value FROM meta WHERE name='clock'")
        if self.folded.clock and clock != self.folded.clock:
            self.report.add(Finding(f"the clock is {clock}; the log was created {self.folded.clock}", "meta"))

    # --- events -------------------------------------------------------------------------------------------------------

    def _event(self, row: tuple[Any, ...], explanation: Explanation | None) -> None:
        ordinal, id_, version, topic, state, digest = row
        report = self.report

        def find(what: str) -> None:
            report.add(Finding(what, "stored_events", f"{self.partition}:{ordinal}", id_, version))

        report.events += 1
        if ordinal != report.events:
            find(f"position {report.events} is missing")
            report.events = ordinal
        last = self.versions.get(id_, 0)
        if version != last + 1:
            find(f"version {last + 1} is missing")
        if event_digest(self.digests.get(id_, NO_CHAIN), topic, state) != digest:
            find("its digest is not that of its content after the event before")
        self.versions[id_], self.digests[id_] = version, digest
        self.derived.count(id_)
        self.seals.event(digest)
        if state[:FINGERPRINT_BYTES] not in self.marks:
            find("the log does not hold its schema")
        try:
            event = self.codec.event(topic, state)
        except Exception as error:  # noqa: BLE001 - whatever damaged bytes do
            find(f"it cannot be read: {error}")
            if explanation is not None:
                explanation.unreadable = True
            return
        try:
            for what in self.folded.faults(event, report.events, id_, version):
                find(what)
            for finding in self.transfers.take(event, f"{self.partition}:{ordinal}"):
                report.add(finding)
            for what in _UNEXPLAINED if explanation is None else explanation.take(ordinal, event):
                find(what)
        except Exception as error:  # noqa: BLE001 - whatever an event does that no ledger writes
            find(f"it makes no sense ({type(error).__name__}: {error})")

    def _is_journaled(self, command: Command) -> bool:
        """Whether what had to follow has an entry of its own: it came from what was another partition then."""
        statement = "SELECT 1 FROM journal WHERE subject=? AND command_id=?"
        return self._one(statement, command.subject, command.command_id) is not None

    def _belongs(self, subject: str) -> bool:
        """Whether an account or a subject lies in its own partition, and so in no other."""
        try:
            return self.is_here(subject_of(subject))
        except ValueError:
            return False

    # --- the journal --------------------------------------------------------------------------------------------------

    def _entry(self, row: tuple[Any, ...]) -> Entry | None:
        self.report.entries += 1
        if tuple(map(type, row)) not in _ENTRY_TYPES:
            self.report.add(Finding("a column holds a value of another kind", "journal", f"entry {row[0]}"))
            return None
        entry = Entry(*row)
        if entry.entry != self.report.entries:
            self._find(f"entry {self.report.entries} is missing", "journal", entry=entry)
            self.report.entries = entry.entry
        before = self.chains.get(entry.subject, NO_CHAIN)
        if journal_digest(before, row[1:]) != entry.chain:
            self._find("its digest is not that of its content after the entry before", "journal", entry=entry)
        self.chains[entry.subject] = entry.chain
        for what in self._entry_faults(entry):
            self._find(what, "journal", entry=entry)
        return entry

    def _entry_faults(self, entry: Entry) -> Iterator[str]:
        mark = entry.command[:FINGERPRINT_BYTES]
        if mark not in self.marks:
            yield "the log does not hold its command's schema"
        try:
            instant, content = instant_and_content(entry.command)
            command = self.codec.command(entry.name, entry.command, entry.at)
        except Exception as error:  # noqa: BLE001 - whatever damaged bytes do
            yield f"its command cannot be read: {error}"
            return
        named = b"ledger.command." + entry.name.encode() + mark + content
        if sha256(named).digest() != entry.command_digest:
            yield "the command's digest is not that of its content"
        if not self._belongs(entry.subject):
            yield f"{entry.subject} belongs to another partition"
        if command.subject != entry.subject or command.command_id != entry.command_id:
            yield f"its command is {command.command_id} of {command.subject}"
        if self.folded.clock and (instant is not None) != (self.folded.clock == "played"):
            yield f"its command states an instant or does not, unlike a log that is {self.folded.clock}"
