"""What the log holds of a number, for a bundle of it: events and decisions, their schemas, and balances.

Of a number with very many events only those are collected that a dispute cites, and the last of each of its streams.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from ledger.application.journal import NO_CHAIN
from ledger.audit.evidence.parts import BundleParts, plain
from ledger.audit.transparency.heads import last_close
from ledger.domain.calendar import Zone, format_instant
from ledger.domain.ids import streams_of, terms_of
from ledger.domain.line.dispute_events import (
    DisputeOpened,
    DisputeRejected,
    DisputeWithdrawn,
    StatementOverridden,
    SystemCorrected,
)
from ledger.domain.subject import DUE
from ledger.errors import EvidenceRefused, LogDamaged
from ledger.store.chains import EVENT_COLUMNS, Chains, EventRow
from ledger.store.checked import ENTRY_COLUMNS
from ledger.store.layout import intelligible, principal_column
from ledger.store.reading import Recorded, SqliteSnapshot
from ledger.store.schemas import FINGERPRINT_BYTES

FORMAT = "pulsa-evidence/2"
"""In the first, nothing told of decisions and accounts at a day's close, nor how its page was made."""


class AskedDispute(NamedTuple):
    """A dispute of an account."""

    account: str
    dispute: str


class Question(NamedTuple):
    """What is to be proved: a number's balances as of an instant, as they were known at another; and a dispute."""

    msisdn: str
    as_of: int
    known_at: int
    dispute: AskedDispute | None = None


OTHERS_TOO = "/in-transit"
"""Ledger accounts of a number that the events of others move too: of these a bundle of one number says nothing."""
MOST_EVENTS = 10_000
"""Events of a number that a bundle holds whole."""
DECIDED = (StatementOverridden, SystemCorrected, DisputeRejected, DisputeWithdrawn)
"""What ends a dispute."""
_PLAIN = ("command", "command_digest", "chain")


class Collected:
    """What the log holds of a number, through the event that closed it, or a day after that."""

    def __init__(self, log: SqliteSnapshot, question: Question, zone: Zone) -> None:
        self.log, self.question = log, question
        closed = log.closed_through
        if question.as_of > question.known_at or closed is None or closed < question.known_at:
            through = "nothing" if closed is None else format_instant(closed)
            asked = f"as of {format_instant(question.as_of)}, known at {format_instant(question.known_at)}"
            raise EvidenceRefused(
                f"only what is final can be proved: the log is closed through {through}, not {asked}"
            )
        end = log.closed_from(question.known_at) or log.head
        day = last_close(log, zone)
        self.close = day if day is not None and day.ordinal >= end else None
        """The day's close by which completeness can be proved; None: that has to wait."""
        self._last = end if self.close is None else self.close.ordinal
        """The event that closed it: decisions of before are in it, too."""
        own = [found for found in log.events_of(question.msisdn) if found.ordinal <= self._last]
        if not own:
            raise EvidenceRefused(f"nothing is known of {question.msisdn} at that instant")
        self._of_dispute = list(self._steps(own))
        self.thin = len(own) > MOST_EVENTS
        """Whether there are so many that only what is cited is collected, each event with its own proof."""
        self._before = _befores(own) if self.thin else {}
        self.rows = list(self._rows_of(self._cited(own) if self.thin else own))
        self.head = self.rows[-1][0]
        self.decisions = list(self._cited_decisions() if self.thin else self._decisions())
        self.completeness: Any = None

    def _steps(self, own: Sequence[Recorded]) -> Iterator[Recorded]:
        """The events of the dispute that was asked about. Raises EvidenceRefused where there is none."""
        asked = self.question.dispute
        if asked is None:
            return
        found = [
            one
            for one in own
            if one.event.account == asked.account and getattr(one.event, "dispute", None) == asked.dispute
        ]
        if not found:
            raise EvidenceRefused(f"{asked.account} has no dispute {asked.dispute} that is final")
        yield from found

    @property
    def opened(self) -> DisputeOpened:
        """How the dispute was opened."""
        opened = self._of_dispute[0].event
        assert isinstance(opened, DisputeOpened), "a dispute is opened first"  # noqa: S101 - so events are made
        return opened

    @property
    def statement(self) -> str | None:
        """The statement whose line brought the dispute about; None: none did."""
        return self.opened.statement if self._of_dispute else None

    @property
    def proved_events(self) -> list[int]:
        """The ordinals of events that are proved one by one: what ended the dispute, and the last; if thin, all."""
        if self.thin:
            return [row[0] for row in self.rows]
        decided = {one.ordinal for one in self._of_dispute if isinstance(one.event, DECIDED)}
        return sorted(decided | {self.head})

    @property
    def proved_decisions(self) -> list[int]:
        """The entries of decisions that are proved one by one: the last; if thin, all."""
        entries = [row["entry"] for row in self.decisions]
        return entries if self.thin else entries[-1:]

    def _cited(self, own: Sequence[Recorded]) -> list[Recorded]:
        """The dispute's events, what they cite, corrections of the same record, and the last of each stream."""
        wanted = {one.event.account: one.ordinal for one in own}
        ordinals = set(wanted.values())
        if self._of_dispute:
            about = self.opened
            of_account = {one.event.version: one for one in own if one.event.account == about.account}
            others = {
                one.event.dispute
                for one in of_account.values()
                if isinstance(one.event, SystemCorrected)
                and about.records
                and _record(one.event) == _record(about)
            }
            corrections = [
                one
                for one in of_account.values()
                if isinstance(one.event, DisputeOpened | SystemCorrected) and one.event.dispute in others
            ]
            for one in (*self._of_dispute, *corrections):
                cited = {cited["version"] for cited in getattr(one.event, "records", ())}
                if isinstance(one.event, StatementOverridden):
                    cited.add(one.event.head_version)
                ordinals |= {one.ordinal} | {of_account[version].ordinal for version in cited}
        return [one for one in own if one.ordinal in ordinals]

    def _rows_of(self, own: Sequence[Recorded]) -> Iterator[EventRow]:
        """Rows of the number's events, and of the terms that they name, in the log's order."""
        named = {
            terms_of(found.event.terms, self.log.partition) for found in own if found.event.terms is not None
        }
        published = [row for id_ in named for row in self._rows("originator_id=?", id_)]
        ordinals = sorted([found.ordinal for found in own] + [row[0] for row in published])
        for ordinal in ordinals:
            yield from self._rows("ordinal=?", ordinal)

    def _rows(self, which: str, value: object) -> list[EventRow]:
        """Events as the log's file holds them, each the one that its digest names."""
        statement = f"SELECT {EVENT_COLUMNS} FROM stored_events WHERE {which} ORDER BY ordinal"  # noqa: S608
        with intelligible(self.log.path):
            rows = self.log.connection.execute(statement, (value,)).fetchall()
        return list(Chains(self.log.connection, self.log.path, self.log.partition).alone(rows))

    def _decisions(self, which: str = "", *values: object) -> Iterator[dict[str, Any]]:
        """The number's journal before the event that closed it, or the entries of it that are wanted."""
        log = self.log
        names = ENTRY_COLUMNS.split(", ")
        columns = ENTRY_COLUMNS.replace("principal", principal_column(log.connection))
        statement = (
            f"SELECT entry, {columns} FROM journal WHERE subject=? AND ordinal<?{which} ORDER BY entry"  # noqa: S608
        )
        with intelligible(log.path):
            own = (self.question.msisdn, self._last, *values)
            rows = log.connection.execute(statement, own).fetchall()
        for entry, *row in rows:
            found = dict(zip(names, row, strict=True))
            said = log.codec.record(found["command"])
            found |= {name: found[name].hex() for name in _PLAIN}
            yield {"entry": entry, **found, "said": plain(said)}

    def _cited_decisions(self) -> list[dict[str, Any]]:
        """The last entry, and those behind the events that are cited, each with the digest of the entry before it."""
        commands = {self.log.codec.event(row[3], row[4]).command_id for row in self.rows}
        found = [one for command in sorted(commands) for one in self._decisions(" AND command_id=?", command)]
        last = " AND entry=(SELECT max(entry) FROM journal WHERE subject=? AND ordinal<?)"
        found += [one for one in self._decisions(last, self.question.msisdn, self._last) if one not in found]
        statement = "SELECT chain FROM journal WHERE subject=? AND entry<? ORDER BY entry DESC LIMIT 1"
        for one in found:
            with intelligible(self.log.path):
                before = self.log.connection.execute(
                    statement, (self.question.msisdn, one["entry"])
                ).fetchone()
            one["before"] = (NO_CHAIN if before is None else before[0]).hex()
        return sorted(found, key=lambda one: one["entry"])

    def balances(self) -> list[dict[str, Any]] | None:
        """What the number's ledger accounts held: what was so by `as_of`, known or due by itself by `known_at`."""
        if self.thin:
            return None
        question, own = self.question, streams_of(self.question.msisdn)[0]
        sums: Counter[tuple[str, str]] = Counter()
        for _, _, _, topic, state, _ in self.rows:
            event = self.log.codec.event(topic, state)
            known = event.recorded_at <= question.known_at or event.command_id.startswith(DUE)
            if event.effective_at <= question.as_of and known:
                for posting in event.postings:
                    if posting["account"].startswith(own) and not posting["account"].endswith(OTHERS_TOO):
                        sums[posting["account"], posting["unit"]] += posting["amount"]
        return [
            {"account": account, "unit": unit, "amount": sums[account, unit]}
            for account, unit in sorted(sums)
        ]

    def put_record(self, parts: BundleParts, more: Iterable[bytes] = ()) -> None:
        """Puts events and decisions, with every schema that they, and `more`, were written by."""
        rows: list[dict[str, Any]] = []
        marks = set(more)
        for row in self.rows:
            _, id_, version, _, state, _ = row
            marks.add(state[:FINGERPRINT_BYTES])
            told = told_row(self.log, row)
            rows.append(
                told | ({"before": self._before.get((id_, version), NO_CHAIN).hex()} if self.thin else {})
            )
        marks |= {bytes.fromhex(row["command"])[:FINGERPRINT_BYTES] for row in self.decisions}
        self.told = rows
        parts.put_lines("events.jsonl", rows)
        parts.put_lines("decisions.jsonl", self.decisions)
        self.schemas = {mark: self._schema(mark) for mark in sorted(marks)}
        for mark, (_, text) in self.schemas.items():
            parts[f"schemas/{mark.hex()}.json"] = text.encode()

    def _schema(self, mark: bytes) -> tuple[str, str]:
        """A schema's name and text, as the log keeps them."""
        with intelligible(self.log.path):
            found = self.log.connection.execute(
                "SELECT name, schema FROM schemas WHERE fingerprint=?", (mark,)
            ).fetchone()
        if found is None:
            raise LogDamaged(f"{self.log.path}: the schema {mark.hex()} is missing")
        return str(found[0]), str(found[1])

    def manifest(self) -> dict[str, Any]:
        """What the bundle is of."""
        return {
            "format": FORMAT,
            "msisdn": self.question.msisdn,
            "as_of": self.question.as_of,
            "known_at": self.question.known_at,
            "partition": self.log.partition,
            "position": f"{self.log.partition}:{self.head}",
            "decided": f"{self.log.partition}:{self.decisions[-1]['entry']}" if self.decisions else None,
            "thin": self.thin,
            "balances": self.balances(),
            "dispute": None if self.question.dispute is None else self.question.dispute._asdict(),
            "completeness": self.completeness,
        }


def told_row(log: SqliteSnapshot, row: EventRow) -> dict[str, Any]:
    """An event as a part of a bundle has it: its bytes, and what they say."""
    ordinal, id_, _, topic, state, digest = row
    own = {"ordinal": ordinal, "stream": id_, "type": topic, "state": state.hex(), "digest": digest.hex()}
    return own | {"event": plain(log.codec.record(state))}


def _befores(own: Sequence[Recorded]) -> dict[tuple[str, int], bytes]:
    """The digest before each event of a stream, by stream and version."""
    return {(one.event.account, one.event.version + 1): one.digest for one in own}


def _record(event: DisputeOpened | SystemCorrected) -> tuple[Any, ...]:
    return event.about, event.unit, event.records
