"""What a verification found: everything that is wrong with a log, and how much of it was read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ledger.application.journal import NO_CHAIN
from ledger.domain.calendar import format_instant

MOST_FINDINGS = 1000
"""Findings that a report spells out; the rest is counted."""


class Finding(NamedTuple):
    """Something that is wrong, and where: the table, and as far as it applies the position, account and version."""

    what: str
    table: str
    position: str | None = None
    account: str | None = None
    version: int | None = None

    def __str__(self) -> str:
        version = None if self.version is None else f"version {self.version}"
        places = (self.table, self.position, self.account, version)
        return " ".join(place for place in places if place) + f": {self.what}"

    def to_json(self) -> dict[str, Any]:
        """The finding, field by field."""
        return self._asdict()


@dataclass(slots=True)
class Report:
    """What was read, and everything that is wrong with it. `seal` is the digest over all that was ever written."""

    path: str
    events: int = 0
    entries: int = 0
    numbers: int = 0
    seals: int = 0
    seal: bytes = NO_CHAIN
    closed_through: int | None = None
    findings: list[Finding] = field(default_factory=list)
    found: int = 0
    damage: Finding | None = None
    """The first finding that the log is not as it was written; others are of what was rightly written."""
    in_transit: int = 0
    """Credit, and money from suspense, that was sent and has neither arrived nor come back: how many transfers."""
    gone: list[Finding] = field(default_factory=list)
    """What is not there, and need not be: files of evidence that are deleted, their time over or the person erased."""
    gone_in_all: int = 0
    place: tuple[int, int] | None = None
    """Which partition it is, of how many, where it was read without the others: then of transfers only those within."""

    @property
    def clean(self) -> bool:
        """Whether nothing is wrong."""
        return self.found == 0

    def join(self, other: Report) -> None:
        """Takes in the report of another partition; its seal is told by itself."""
        self.events += other.events
        self.entries += other.entries
        self.numbers += other.numbers
        self.seals += other.seals
        closed = (self.closed_through, other.closed_through)
        self.closed_through = None if None in closed else min(filter(None, closed))
        self.found += other.found
        self.damage = self.damage or other.damage
        self.findings = [*self.findings, *other.findings][:MOST_FINDINGS]

    def add(self, finding: Finding, *, damage: bool = True) -> None:
        """Counts a finding, and keeps it unless there are too many; whether it is of the log itself, `damage` says."""
        self.found += 1
        if damage and self.damage is None:
            self.damage = finding
        if len(self.findings) < MOST_FINDINGS:
            self.findings.append(finding)

    def tell_gone(self, told: Finding) -> None:
        """Counts what is not there and need not be, and keeps it unless there are too many."""
        self.gone_in_all += 1
        if len(self.gone) < MOST_FINDINGS:
            self.gone.append(told)

    def to_json(self) -> dict[str, Any]:
        """The report, with `found` of which `findings` are the first, and likewise `gone`."""
        closed = self.closed_through
        place = {} if self.place is None else {"partition": self.place[0], "partitions": self.place[1]}
        return {
            "log": self.path,
            **place,
            "clean": self.clean,
            "events": self.events,
            "entries": self.entries,
            "numbers": self.numbers,
            "seals": self.seals,
            "seal": self.seal.hex(),
            "closed_through": None if closed is None else format_instant(closed),
            "in_transit": self.in_transit,
            "gone_in_all": self.gone_in_all,
            "gone": [told.to_json() for told in self.gone],
            "found": self.found,
            "findings": [finding.to_json() for finding in self.findings],
        }
