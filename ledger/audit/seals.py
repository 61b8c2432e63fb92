"""The seals of a log, held against the events and journal entries as these are read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ledger.application.journal import seal_digest
from ledger.audit.findings import Finding, Report

_SEAL_TYPES = {(int, int, int, bytes)}


class Seals:
    """Each seal is the digest over everything that one transaction wrote, and over the seal before."""

    def __init__(self, rows: Iterator[tuple[Any, ...]], report: Report) -> None:
        self._rows = rows
        self._report = report
        self._events: list[bytes] = []
        self._entries: list[bytes] = []
        self._sealed = (0, 0)
        self._next = self._following()

    def event(self, digest: bytes) -> None:
        """Takes in the digest of the next event."""
        self._events.append(digest)
        self._check()

    def entry(self, chain: bytes) -> None:
        """Takes in the digest of the next journal entry."""
        self._entries.append(chain)
        self._check()

    def end(self) -> None:
        """Everything is sealed, and nothing else is."""
        if self._next is not None:
            what = f"it covers {self._next[1]} events and {self._next[2]} entries; they are not all there"
            self._find(self._next[0], what)
        elif self._events or self._entries:
            what = f"{len(self._events)} events and {len(self._entries)} entries at the end are under no seal"
            self._find(None, what)

    def _following(self) -> tuple[Any, ...] | None:
        for row in self._rows:
            self._report.seals += 1
            if tuple(map(type, row)) not in _SEAL_TYPES:
                self._find(row[0], "a column holds a value of another kind")
                continue
            if row[0] != self._report.seals:
                self._find(row[0], f"seal {self._report.seals} is missing")
                self._report.seals = row[0]
            return row
        return None

    def _check(self) -> None:
        while self._next is not None:
            seal, events, entries, digest = self._next
            new_events, new_entries = events - self._sealed[0], entries - self._sealed[1]
            if len(self._events) < new_events or len(self._entries) < new_entries:
                return
            if new_events < 0 or new_entries < 0 or not (new_events or new_entries):
                self._find(seal, "it covers nothing that the seal before does not")
            new_events, new_entries = max(new_events, 0), max(new_entries, 0)
            expected = seal_digest(self._report.seal, self._events[:new_events], self._entries[:new_entries])
            if expected != digest:
                self._find(seal, "its digest is not that of what the transaction wrote")
            del self._events[:new_events]
            del self._entries[:new_entries]
            self._sealed = (events, entries)
            self._report.seal = digest
            self._next = self._following()

    def _find(self, seal: int | None, what: str) -> None:
        self._report.add(Finding(what, "seals", None if seal is None else f"seal {seal}"))
