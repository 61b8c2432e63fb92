"""Makes an evidence bundle of a number: its events and decisions whole, their schemas and proofs, and its balances.

What is in it can be checked by `verify.py`, which lies in it, and by `checking.py`, which is the ledger's own. Of other
customers there is nothing in it but what this number's own events name.
"""

from __future__ import annotations

import json
import zipfile
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import sha256
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

from ledger.audit.evidence.page import Words, page
from ledger.audit.transparency.checkpointing import TOP, last_restart, origin_of, tree_of
from ledger.audit.transparency.heads import Close, HeadsTree, last_close
from ledger.audit.transparency.leaves import DECISIONS, EVENTS, Leaves
from ledger.audit.transparency.note import Verifier
from ledger.audit.transparency.proof import Proof
from ledger.audit.transparency.published import EntryTree, PublishedTree
from ledger.domain.calendar import Zone, format_instant
from ledger.domain.kinds import streams_of, terms_of
from ledger.domain.line.dispute_events import (
    DisputeRejected,
    DisputeWithdrawn,
    StatementOverridden,
    SystemCorrected,
)
from ledger.domain.subject import DUE
from ledger.errors import CheckpointMismatch, EvidenceRefused, LogDamaged
from ledger.figures import grouped
from ledger.store.chains import EVENT_COLUMNS, Chains, EventRow
from ledger.store.checked import ENTRY_COLUMNS
from ledger.store.layout import intelligible, principal_column
from ledger.store.reading import SqliteSnapshot
from ledger.store.schemas import FINGERPRINT_BYTES

FORMAT = "pulsa-evidence/1"
OTHERS_TOO = "/in-transit"
"""Ledger accounts of a number that the events of others move too: of these a bundle of one number says nothing."""
MOST_EVENTS = 10_000
"""Events that a bundle holds at most."""
_A_MOMENT = (1980, 1, 1, 0, 0, 0)
"""The date of every part: a bundle of the same is the same, to the byte."""


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


class Signed(NamedTuple):
    """The folder of checkpoints that proofs come from, and whose signatures are looked for."""

    folder: Path
    name: str
    trusted: tuple[Verifier, ...]


class BundleParts(dict[str, bytes]):
    """The parts of a bundle by name."""

    def put_json(self, name: str, value: object) -> None:
        """Puts a part of JSON."""
        self[name] = _json(value)

    def put_lines(self, name: str, rows: Iterable[object]) -> None:
        """Puts a part of JSON, a line each."""
        self[name] = b"".join(_json(row) for row in rows)

    def zipped(self) -> bytes:
        """The bundle as a file."""
        target = BytesIO()
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as bundle:
            for name in sorted(self):
                bundle.writestr(zipfile.ZipInfo(name, _A_MOMENT), self[name], zipfile.ZIP_DEFLATED)
        return target.getvalue()


def bundle(
    log: SqliteSnapshot,
    question: Question,
    zone: Zone,
    signed: Signed | None = None,
    words_of: Callable[[str], str | None] = lambda _: None,
) -> bytes:
    """The bundle of a number; `words_of` tells what a clause says, where that is known.

    Raises EvidenceRefused where the answer is not final, or the number is unknown.
    """
    collected = _Collected(log, question, zone)
    parts = BundleParts()
    collected.put_record(parts)
    if signed is not None:
        _Proofs(signed, collected, parts).put()
    parts["index.html"] = page(
        collected.manifest(), collected.told, Words(zone, streams_of(question.msisdn)[0], words_of)
    )
    parts["verify.py"] = (files("ledger.audit.evidence") / "verify.py").read_bytes()
    manifest = collected.manifest() | {
        "parts": {name: sha256(part).hexdigest() for name, part in parts.items()}
    }
    parts.put_json("manifest.json", manifest)
    return parts.zipped()


def accounts_of(log: SqliteSnapshot, dispute: str) -> list[str]:
    """The accounts that have a dispute of that id."""
    with intelligible(log.path):
        found = log.connection.execute("SELECT account FROM claims WHERE kind='dispute' AND id=?", (dispute,))
        return [row[0] for row in found]


def proof_of_event(log: SqliteSnapshot, ordinal: int, signed: Signed) -> tuple[bytes, Proof]:
    """The leaf of an event, and the proof that it stands in what was signed.

    Raises EvidenceRefused where it is not signed yet or not there, and LogDamaged.
    """
    restart, name = last_restart(signed.folder), tree_of(EVENTS, log.partition)
    folder = signed.folder / str(restart) / name
    tree = PublishedTree(folder, origin_of(signed.name, restart, name), signed.trusted)
    if not 0 < ordinal <= EVENTS.count(log):
        raise EvidenceRefused(f"there is no event at {log.partition}:{ordinal}")
    if ordinal > tree.checkpoint.size:
        raise EvidenceRefused(f"{EVENTS.place(log, ordinal - 1)} is not signed yet; make a checkpoint")
    [[leaf]] = EVENTS.hashes(log, ordinal - 1, ordinal)
    if tree.tree.node(0, ordinal - 1) != leaf:
        raise CheckpointMismatch(f"{EVENTS.place(log, ordinal - 1)} is not the one that was signed")
    return leaf, Proof(ordinal - 1, tuple(tree.tree.inclusion(ordinal - 1)), tree.note)


class _Collected:
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
        self.rows = list(self._rows_through(end if self.close is None else self.close.ordinal))
        self.head = self.rows[-1][0]
        self.decisions = list(self._decisions())
        self.decided = list(self._decided())
        """The ordinals of the events that ended the dispute."""
        self.proved: Any = None

    def _rows_through(self, end: int) -> Iterator[EventRow]:
        """The number's events, and the terms that they name, in the log's order."""
        own = [found for found in self.log.events_of(self.question.msisdn) if found.ordinal <= end]
        if not own:
            raise EvidenceRefused(f"nothing is known of {self.question.msisdn} at that instant")
        if len(own) > MOST_EVENTS:
            raise EvidenceRefused(
                f"{self.question.msisdn} has {grouped(len(own))} events; a bundle holds {grouped(MOST_EVENTS)}"
            )
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

    def _decisions(self) -> Iterator[dict[str, Any]]:
        """The number's journal as far as its events go."""
        log = self.log
        names = ENTRY_COLUMNS.split(", ")
        columns = ENTRY_COLUMNS.replace("principal", principal_column(log.connection))
        statement = f"SELECT entry, {columns} FROM journal WHERE subject=? AND ordinal<=? ORDER BY entry"  # noqa: S608
        with intelligible(log.path):
            rows = log.connection.execute(statement, (self.question.msisdn, self.head)).fetchall()
        for entry, *row in rows:
            found = dict(zip(names, row, strict=True))
            said = log.codec.record(found["command"])
            for name in ("command", "command_digest", "chain"):
                found[name] = found[name].hex()
            yield {"entry": entry, **found, "said": _plain(said)}

    def _decided(self) -> Iterator[int]:
        """Raises EvidenceRefused where there is no such dispute."""
        asked = self.question.dispute
        if asked is None:
            return
        found = [
            (row[0], event)
            for row in self.rows
            if (event := self.log.codec.event(row[3], row[4])).account == asked.account
            and getattr(event, "dispute", None) == asked.dispute
        ]
        if not found:
            raise EvidenceRefused(f"{asked.account} has no dispute {asked.dispute} that is final")
        for ordinal, event in found:
            if isinstance(event, StatementOverridden | SystemCorrected | DisputeRejected | DisputeWithdrawn):
                yield ordinal

    def balances(self) -> list[dict[str, Any]]:
        """What the number's ledger accounts held: what was so by `as_of`, known or due by itself by `known_at`."""
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

    def put_record(self, parts: BundleParts) -> None:
        """Puts events and decisions, with every schema that they were written by."""
        rows: list[dict[str, Any]] = []
        marks = set()
        for ordinal, id_, _, topic, state, digest in self.rows:
            marks.add(state[:FINGERPRINT_BYTES])
            rows.append(
                {
                    "ordinal": ordinal,
                    "stream": id_,
                    "type": topic,
                    "state": state.hex(),
                    "digest": digest.hex(),
                    "event": _plain(self.log.codec.record(state)),
                }
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
            "balances": self.balances(),
            "dispute": None if self.question.dispute is None else self.question.dispute._asdict(),
            "completeness": self.proved,
        }


class _Proofs:
    """The proofs of what was collected, from the trees that were signed."""

    def __init__(self, signed: Signed, collected: _Collected, parts: BundleParts) -> None:
        self._signed, self._collected, self._parts = signed, collected, parts
        self._restart = last_restart(signed.folder)
        self._top = EntryTree(*self._place(TOP), signed.trusted)
        self._entries = {entry: index for index, entry in enumerate(self._top.entries())}

    def put(self) -> None:
        """Puts a proof of the last event and decision, of their checkpoints, of the schemas, and of the heads."""
        collected, partition = self._collected, self._collected.log.partition
        proved = sorted({*collected.decided, collected.head})
        kinds: list[tuple[Leaves, list[int]]] = [(EVENTS, proved)]
        if collected.decisions:
            kinds.append((DECISIONS, [collected.decisions[-1]["entry"]]))
        told = []
        for kind, numbers in kinds:
            tree = PublishedTree(*self._place(tree_of(kind, partition)), self._signed.trusted)
            if tree.size < numbers[-1]:
                raise EvidenceRefused(
                    f"{kind.place(collected.log, numbers[-1] - 1)} is not signed yet; make a checkpoint"
                )
            for number in numbers:
                self._put_proof(tree, number - 1, str(number))
            self._put_entry(b"checkpoint\n" + tree.checkpoint.text.encode())
            told.append(tree)
        for mark, (name, text) in collected.schemas.items():
            self._put_entry(f"schema\n{mark.hex()}\n{name}\n{sha256(text.encode()).hexdigest()}\n".encode())
        self._put_heads()
        self._parts.put_lines("consistency.jsonl", [_consistency(tree) for tree in [*told, self._top]])

    def _put_heads(self) -> None:
        """The place of every stream among the heads of the day, where that was signed."""
        collected = self._collected
        if collected.close is None:
            return
        tree = HeadsTree(collected.log, collected.close)
        heads = tree.summary
        if heads.entry not in self._entries:
            return
        self._put_entry(heads.entry)
        rows = []
        for stream in dict.fromkeys(row[1] for row in collected.rows):
            [(head, index, path)] = tree.placed(stream)
            rows.append({"stream": stream, "version": head.version, "index": index, "path": _base64(path)})
        self._parts.put_lines("heads.jsonl", rows)
        close: Close = collected.close
        collected.proved = {
            "day": str(close.day),
            "ordinal": close.ordinal,
            "streams": heads.streams,
            "root": heads.root.hex(),
        }

    def _put_entry(self, entry: bytes) -> None:
        index = self._entries.get(entry)
        if index is None:
            raise EvidenceRefused("something is not in the log of checkpoints yet; make a checkpoint")
        self._parts[f"proofs/top/{index}.entry"] = entry
        self._put_proof(self._top, index, str(index))

    def _put_proof(self, tree: PublishedTree, index: int, name: str) -> None:
        size = tree.checkpoint.size
        proof = Proof(index, tuple(tree.tree.inclusion(index, size)), tree.note)
        self._parts[f"proofs/{tree.folder.name}/{name}.tlog-proof"] = proof.to_bytes()

    def _place(self, tree: str) -> tuple[Path, str]:
        folder = self._signed.folder / str(self._restart) / tree
        return folder, origin_of(self._signed.name, self._restart, tree)


def _consistency(tree: PublishedTree) -> dict[str, Any]:
    """That the newest checkpoint of a tree goes on from the first that was signed of it."""
    old = int(tree.first.split(b"\n")[1])
    return {
        "old": tree.first.decode(),
        "new": tree.note.decode(),
        "path": _base64(tree.tree.consistency(old, tree.checkpoint.size)),
    }


def _base64(hashes: Sequence[bytes]) -> list[str]:
    return [b64encode(hash_).decode() for hash_ in hashes]


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _plain(value: Any) -> Any:  # noqa: ANN401 - a value of Avro's
    """A value with its bytes in hexadecimal."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return value
