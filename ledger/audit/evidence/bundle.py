"""Makes an evidence bundle of a number: its events and decisions whole, their schemas and proofs, and its balances.

What is in it can be checked by `verify.py`, which lies in it, and by `checking.py`, which is the ledger's own. Of other
customers there is nothing in it but what this number's own events name.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from ledger.audit.evidence.collected import Collected, Question
from ledger.audit.evidence.page import made_by, page
from ledger.audit.evidence.parts import BundleParts, program
from ledger.audit.evidence.stated_line import StatedLine, StatementAtHand
from ledger.audit.transparency.checkpointing import TOP, last_restart, origin_of, tree_of
from ledger.audit.transparency.heads import HeadsTree
from ledger.audit.transparency.leaves import DECISIONS, EVENTS
from ledger.audit.transparency.note import Verifier
from ledger.audit.transparency.proof import Proof
from ledger.audit.transparency.published import EntryTree, PublishedTree
from ledger.domain.calendar import Zone
from ledger.domain.ids import subject_of
from ledger.errors import CheckpointMismatch, EvidenceRefused
from ledger.store.layout import intelligible
from ledger.store.reading import SqliteSnapshot


class Signed(NamedTuple):
    """The folder of checkpoints that proofs come from, and whose signatures are looked for."""

    folder: Path
    name: str
    trusted: tuple[Verifier, ...]


def bundle(  # noqa: PLR0913 - all that it is made of
    log: SqliteSnapshot,
    question: Question,
    zone: Zone,
    signed: Signed | None = None,
    words_of: Callable[[str], str | None] = lambda _: None,
    statement_of: Callable[[str], StatementAtHand | None] = lambda _: None,
) -> bytes:
    """The bundle of a number; `words_of` tells what a clause says, where that is known, `statement_of` what is at hand.

    Raises EvidenceRefused where the answer is not final, or the number is unknown; and of a number with very many
    events where nothing is signed.
    """
    collected = Collected(log, question, zone)
    if collected.thin and signed is None:
        raise EvidenceRefused(
            "so many events are proved by checkpoints alone: make one (`pulsa audit checkpoint`)"
        )
    at_hand = None if collected.statement is None else statement_of(collected.statement)
    stated = None if at_hand is None else StatedLine(at_hand, collected.opened)
    parts = BundleParts()
    collected.put_record(parts, () if stated is None else stated.marks)
    if stated is not None:
        stated.put(parts)
    if signed is not None:
        _Proofs(signed, collected, parts).put(None if stated is None else stated)
    manifest = collected.manifest() | {"page": made_by(zone, collected.told, words_of)}
    parts["index.html"] = page(manifest, collected.told, None if stated is None else stated.told)
    parts["verify.py"] = program()
    manifest["parts"] = {name: sha256(part).hexdigest() for name, part in parts.items()}
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


class _Proofs:
    """The proofs of what was collected, from the trees that were signed."""

    def __init__(self, signed: Signed, collected: Collected, parts: BundleParts) -> None:
        self._signed, self._collected, self._parts = signed, collected, parts
        self._restart = last_restart(signed.folder)
        self._top = EntryTree(*self._place(TOP), signed.trusted)
        self._entries = {entry: index for index, entry in enumerate(self._top.entries())}

    def put(self, stated: StatedLine | None) -> None:
        """Puts a proof of what is cited, of the last event and decision, checkpoints, schemas, and heads."""
        collected, partition = self._collected, self._collected.log.partition
        cited = {partition: set(collected.proved_events)}
        if stated is not None:
            cited.setdefault(stated.log.partition, set()).update(stated.ordinals)
        kinds = [(EVENTS, place, sorted(ordinals)) for place, ordinals in sorted(cited.items())]
        if collected.proved_decisions:
            kinds.append((DECISIONS, partition, collected.proved_decisions))
        told = []
        for kind, place, numbers in kinds:
            tree = PublishedTree(*self._place(tree_of(kind, place)), self._signed.trusted)
            if tree.size < numbers[-1]:
                log = collected.log if stated is None or place == partition else stated.log
                raise EvidenceRefused(
                    f"{kind.place(log, numbers[-1] - 1)} is not signed yet; make a checkpoint"
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
        """Where the number, and each terms, stood at the close of the day, where that was signed."""
        collected, close = self._collected, self._collected.close
        if close is None:
            return
        tree = HeadsTree(collected.log, close)
        heads = tree.summary
        if heads.entry not in self._entries:
            return
        self._put_entry(heads.entry)
        rows = []
        for subject in dict.fromkeys(subject_of(row[1]) for row in collected.rows):
            [(_, index, path)] = tree.placed(subject)
            rows.append({"subject": subject, "index": index, "path": _base64(path)})
        self._parts.put_lines("heads.jsonl", rows)
        collected.completeness = {
            "day": str(close.day),
            "ordinal": close.ordinal,
            "subjects": heads.subjects,
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
