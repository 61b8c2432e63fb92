"""A statement of the log against what else the log has recorded, as known at an instant. Nothing is written."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ledger.domain.calendar import Zone, zone
from ledger.domain.events import Event
from ledger.domain.ids import PartitionOf
from ledger.domain.statement.events import (
    ItemResolved,
    MatchAccepted,
    MatchUndone,
    StatementBegun,
    StatementEnded,
    StatementLinesAdded,
)
from ledger.domain.statement.refusals_of_statements import NotFinal, StatementOpen, UnknownStatement
from ledger.domain.statement.stated import OutcomeSum, StatementFinding, StatementLine
from ledger.reconciliation.matchables import (
    CHAIN,
    UNITS,
    UNREADABLE,
    Item,
    Rules,
    Stated,
    StatedDays,
    near,
    number_of_account,
)
from ledger.reconciliation.matching import ToMatch, matched
from ledger.reconciliation.partners_records import partners_records, told_abroad
from ledger.reconciliation.recorded_movements import system_records, topics_of
from ledger.reconciliation.statements_known import ZONE, statement_ids
from ledger.store.reading import SqliteSnapshot

_MOST_NUMBERS = 1_000
"""Numbers whose events are read one number after the other; of more the whole log is."""
_FOREIGN = "foreign"
_OPENING = "chain-opening"
_MOST_EARLIER = 100
"""Statements before one that are looked at."""


class StatementKnown(NamedTuple):
    """A statement as the log has it."""

    id: str
    begun: StatementBegun
    lines: list[StatementLine]
    findings: list[StatementFinding]
    ended: bool
    accepted: dict[str, list[str]]
    resolved: dict[str, str]
    ended_at: int | None = None
    """When its end was recorded."""


@dataclass(frozen=True)
class Run:
    """What reconciling came to: of which statement, known when, by which rules."""

    statement: StatementKnown
    known_at: int
    final: bool
    rules: Rules
    items: list[Item] = field(repr=False)

    @property
    def open(self) -> int:
        """Items that a person has to look at."""
        return sum(item.is_open for item in self.items)

    @property
    def sums(self) -> list[OutcomeSum]:
        """How many items had each outcome, and what they come to."""
        sums: dict[str, list[int]] = {}
        for item in self.items:
            amount = item.difference if item.stated is not None and item.system is not None else None
            own = sums.setdefault(item.outcome, [0, 0])
            own[0] += 1
            own[1] += amount if amount is not None else (item.stated or item.system or 0)
        return [
            {"outcome": outcome, "items": items, "amount": amount}
            for outcome, (items, amount) in sorted(sums.items())
        ]

    @property
    def result(self) -> str:
        """The digest of all items, in hex."""
        digest = hashlib.sha256()
        for item in self.items:
            digest.update(json.dumps(item).encode() + b"\n")
        return digest.hexdigest()


def statement_known(log: SqliteSnapshot, id_: str, known_at: int | None = None) -> StatementKnown:
    """A statement of a partition; what persons decided by an instant. Raises UnknownStatement."""
    begun: StatementBegun | None = None
    lines: list[StatementLine] = []
    findings: list[StatementFinding] = []
    accepted: dict[str, list[str]] = {}
    resolved: dict[str, str] = {}
    ended_at: int | None = None
    for found in log.events_of(id_):
        event = found.event
        if isinstance(event, StatementBegun):
            begun = event
        elif isinstance(event, StatementLinesAdded):
            lines += event.lines
            findings += event.findings
        elif isinstance(event, StatementEnded):
            ended_at = event.recorded_at
        elif known_at is not None and event.recorded_at > known_at:
            continue
        elif isinstance(event, MatchAccepted):
            accepted[event.match] = event.items
        elif isinstance(event, MatchUndone):
            accepted.pop(event.match, None)
        elif isinstance(event, ItemResolved):
            resolved[event.item] = event.reason
    if begun is None:
        raise UnknownStatement(id_)
    return StatementKnown(id_, begun, lines, findings, ended_at is not None, accepted, resolved, ended_at)


def closed_through(logs: Sequence[SqliteSnapshot]) -> int | None:
    """The instant through which every partition is closed; None where one never was."""
    closed = [log.closed_through for log in logs]
    return None if None in closed else min(one for one in closed if one is not None)


def reconcile(
    logs: Sequence[SqliteSnapshot],
    partition_of: PartitionOf,
    id_: str,
    rules: Rules,
    known_at: int | None = None,
) -> Run:
    """What became of each line of a statement, and of what the log has recorded besides.

    Known at an instant, by default the one through which the log is closed. Raises UnknownStatement, StatementOpen, or
    NotFinal where the log was never closed and no instant is said.
    """
    closed = closed_through(logs)
    then = closed if known_at is None else known_at
    if then is None:
        raise NotFinal("the log was never closed: close it (`pulsa log advance`), or say --known-at")
    by_partition = {log.partition: log for log in logs}
    known = statement_known(by_partition[partition_of(id_)], id_, then)
    if not known.ended:
        raise StatementOpen(f"{len(known.lines)} lines of it are there")
    final = closed is not None and then <= closed
    earlier = _earlier(by_partition, known, then)
    used: set[str] = set()
    before: StatementKnown | None = None
    for one in earlier:
        if _near(one.begun, known.begun, rules):
            items = _items(by_partition, partition_of, one, rules, then, used, None)
            used |= {name for item in items if item.lines for name in item.records}
        before = one
    return Run(
        known, then, final, rules, _items(by_partition, partition_of, known, rules, then, used, before)
    )


def _earlier(logs: dict[int, SqliteSnapshot], known: StatementKnown, known_at: int) -> list[StatementKnown]:
    """The statements of the same account and kind that ended by then, of earlier days: in their order."""
    begun = known.begun
    if begun.of is None or begun.since_on is None or begun.kind == "bill":
        return []
    found = []
    for log in logs.values():
        for id_ in statement_ids(log):
            first = next(recorded.event for recorded in log.events_of(id_))
            if (
                isinstance(first, StatementBegun)
                and (first.kind, first.of, first.unit) == (begun.kind, begun.of, begun.unit)
                and id_ != known.id
                and first.since_on is not None
                and _place(first) < _place(begun)
            ):
                found.append(statement_known(log, id_, known_at))
    ended = [one for one in found if one.ended_at is not None and one.ended_at <= known_at]
    return sorted(ended, key=lambda one: _place(one.begun))[-_MOST_EARLIER:]


def _place(begun: StatementBegun) -> tuple[int, int, str, str, str]:
    """In which order statements of one account go."""
    days = (begun.since_on or 0, begun.until_on or 0)
    return *days, begun.number or "", begun.sequence or "", begun.account


def _near(earlier: StatementBegun, begun: StatementBegun, rules: Rules) -> bool:
    """Whether an earlier one could have used up records that lie near the days of this one."""
    until, since = earlier.until_on, begun.since_on
    return until is None or since is None or until + 2 * rules.days >= since


def _items(  # noqa: PLR0913 - all that it is a function of
    logs: dict[int, SqliteSnapshot],
    partition_of: PartitionOf,
    known: StatementKnown,
    rules: Rules,
    known_at: int,
    used: Collection[str],
    before: StatementKnown | None,
) -> list[Item]:
    begun = known.begun
    findings = [*known.findings, *_gap(known, before)]
    of_findings = [_finding(one, begun.unit, known.resolved) for one in findings]
    units = UNITS if begun.kind != "partner" else frozenset({begun.unit})
    if begun.unit not in units:
        return [
            *of_findings,
            Item(UNREADABLE, _FOREIGN, (0,), (), begun.of, None, None, begun.unit, None),
        ]
    days = _Days(logs.values())
    lines = [stated for line in known.lines if (stated := _stated(line, begun, days.zone)) is not None]
    wanted = {line.unit for line in lines} & units or {begun.unit}
    happened = _events(logs, partition_of, begun, lines)
    if begun.kind == "partner":
        happened = list(happened)  # use abroad alone
    records = system_records(happened, begun.kind, frozenset(wanted), known_at, days.of)
    if begun.kind == "partner":
        records = partners_records(records, happened, lines, logs, partition_of)
    if begun.kind == "bill":
        bills = f"{begun.number}/"
        records = [one for one in records if one.reference is not None and one.reference.startswith(bills)]
    records = [one for one in records if one.id not in used]
    period = StatedDays(begun.since_on, begun.until_on, closes=begun.kind not in ("bill", "account"))
    near_by = near(records, period, rules)
    of_partner = begun.kind == "partner"
    items = matched(ToMatch(lines, near_by, rules, period, known.accepted, known.resolved, of_partner))
    return [*of_findings, *(told_abroad(items, lines, near_by) if of_partner else items)]


def _gap(known: StatementKnown, before: StatementKnown | None) -> Iterator[StatementFinding]:
    """An opening that differs from the closing of the statement before it, where its file has not said so already."""
    said = any(one["code"] == _OPENING for one in known.findings)
    opening, closing = known.begun.opening, None if before is None else before.begun.closing
    if not said and None not in (opening, closing) and opening != closing:
        yield {"line": 0, "code": _OPENING, "expected": closing, "found": opening}


def _finding(one: StatementFinding, unit: str, resolved: Mapping[str, str]) -> Item:
    outcome = CHAIN if one["code"].startswith("chain") else UNREADABLE
    own = (None, one["found"], one["expected"], unit, None)
    item = Item(outcome, one["code"], (one["line"],), (), *own)
    return item._replace(resolved=resolved.get(item.id))


def _stated(line: StatementLine, begun: StatementBegun, zone_: Zone) -> Stated | None:
    day = line["on"] if line["at"] is None else zone_.day_number(line["at"])
    if day is None:
        return None
    account = line["account"] if line["account"] is not None or begun.kind == "bank" else begun.of
    reference = line["reference"]
    if begun.kind == "bill":
        reference = f"{reference}/{line['kind']}"
    own = (reference, line["group"], line["amount"], line["unit"], day, line["balance"], line["quantity"])
    return Stated(line["line"], account, number_of_account(account), *own)


def _events(
    logs: dict[int, SqliteSnapshot], partition_of: PartitionOf, begun: StatementBegun, lines: list[Stated]
) -> Iterable[tuple[Event, str]]:
    """The events that the statement could speak of: of the numbers that it names where it can be of no others."""
    numbers = sorted({line.number for line in lines if line.number is not None})
    if begun.kind in ("bill", "account") and len(numbers) <= _MOST_NUMBERS:
        for number in numbers:
            for found in logs[partition_of(number)].events_of(number):
                yield found.event, found.digest.hex()
        return
    known = frozenset(numbers)
    for _, log in sorted(logs.items()):
        for found in log.events(types=topics_of(begun.kind)):
            if begun.kind != "account" or number_of_account(found.event.account) in known:
                yield found.event, found.digest.hex()


class _Days:
    """The days of events: by the zone of the terms that each was done under, else of the terms of all."""

    def __init__(self, logs: Iterable[SqliteSnapshot]) -> None:
        self._zones: dict[str, Zone] = {}
        for log in logs:
            for document in log.book.documents():
                self._zones[document.terms_id] = document.rules().zone
        zones = {one.name: one for one in self._zones.values()}
        self.zone = next(iter(zones.values())) if len(zones) == 1 else zone(ZONE)

    def of(self, event: Event) -> int:
        """The local day that an event was effective on."""
        own = self.zone if event.terms is None else self._zones.get(event.terms, self.zone)
        return own.day_number(event.effective_at)
