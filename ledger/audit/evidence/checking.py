"""Checks an evidence bundle by the ledger's own means: what `verify.py` checks by none of them.

Both are to come to the same end about every bundle; a test holds them against each other.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Set as AbstractSet
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

from fastavro import schemaless_reader

from ledger.application.journal import NO_CHAIN, event_digest, journal_digest
from ledger.audit.evidence.close_checked import FIRST_FORMAT, InBundle
from ledger.audit.evidence.collected import DECIDED, FORMAT, OTHERS_TOO
from ledger.audit.evidence.disputes_checked import DisputesOfStream
from ledger.audit.evidence.page_checked import NOT_CHECKED, told_of_page
from ledger.audit.evidence.parts import hash_of, json_of, must, parts_of
from ledger.audit.evidence.statement_checked import StatementInBundle
from ledger.audit.transparency.checkpoint import Checkpoint, checkpoint_of, verified
from ledger.audit.transparency.checkpointing import TOP
from ledger.audit.transparency.heads import StreamHead
from ledger.audit.transparency.merkle import leaf_hash, root_by_inclusion, roots_by_consistency
from ledger.audit.transparency.note import Verifier, read
from ledger.audit.transparency.proof import proof_of
from ledger.domain.calendar import is_instant
from ledger.domain.ids import POLICY_IDS, TERMS, streams_of, subject_of
from ledger.domain.money import format_amount
from ledger.domain.subject import DUE
from ledger.errors import EvidenceWrong, LedgerError
from ledger.store.schemas import FINGERPRINT_BYTES, RecordSchema

_ALWAYS = ("manifest.json", "events.jsonl", "decisions.jsonl", "index.html", "verify.py")
_ENDED = frozenset(event.TOPIC for event in DECIDED)
_PROOF = re.compile(r"proofs/(?P<tree>[a-z]+(?:-[0-9]+)?)/(?P<number>[0-9]{1,18})\.tlog-proof")


def checked(
    path: Path, key: Verifier | None = None, line: bytes | None = None, *, page_too: bool = False
) -> list[str]:
    """What is so of a bundle, line by line. Raises EvidenceWrong at the first thing that is not.

    Without a key it is not checked who signed it. `line` is the statement's line as it stood, where one has it.
    With `page_too` the page is made again, and the program is held against our own, which `verify.py` does not.
    """
    try:
        bundle = _Bundle(parts_of(path), key, line)
        told = bundle.checked()
        told.insert(1, bundle.told_of_page() if page_too else NOT_CHECKED)
        return told
    except EvidenceWrong:
        raise
    except LedgerError as error:
        raise EvidenceWrong(str(error)) from error
    except (
        LookupError,
        TypeError,
        AttributeError,
        ValueError,
        OverflowError,
        EOFError,
        RecursionError,
    ) as error:
        raise EvidenceWrong("the bundle is not made as a bundle is") from error


class _Bundle:
    """A bundle, checked part by part."""

    def __init__(self, parts: dict[str, bytes], key: Verifier | None, line: bytes | None) -> None:
        self._parts, self._key, self._line = parts, key, line
        self._elsewhere: dict[tuple[int, int], bytes] = {}
        self._manifest: Any = json_of(parts.get("manifest.json", b""))
        self._told: list[str] = []
        self._heads: dict[str, StreamHead] = {}
        self._events: dict[int, tuple[bytes, Any]] = {}
        self._decisions: dict[int, bytes] = {}
        self._trees: dict[str, Checkpoint] = {}
        self._entries: dict[bytes, int] = {}
        self._ended: list[int] = []
        self._used: set[bytes] = set()
        self._wanted = set(_ALWAYS)

    def checked(self) -> list[str]:
        """What is so."""
        manifest = self._manifest
        known = isinstance(manifest, dict) and manifest.get("format") in (FIRST_FORMAT, FORMAT)
        must(known, "it is no bundle of a format that is known here")
        said = manifest["parts"]
        must(self._parts.keys() == said.keys() | {"manifest.json"}, "the bundle has other parts than it says")
        for name, digest in said.items():
            must(sha256(self._parts[name]).hexdigest() == digest, f"{name} is not what the manifest says")
        self._told.append(f"{len(said)} parts are what the manifest says")
        must(type(manifest["thin"]) is bool, "it is neither whole nor thin")
        self._thin: bool = manifest["thin"]
        self._read_schemas()
        self._read_events()
        self._read_decisions()
        self._read_balances()
        self._read_trees()
        self._must_be_signed()
        self._wanted |= {f"schemas/{mark.hex()}.json" for mark in self._used}
        for name in sorted(self._parts.keys() ^ self._wanted):
            raise EvidenceWrong(f"{name} is {'of nothing here' if name in self._parts else 'missing'}")
        return self._told

    def told_of_page(self) -> str:
        """What is so of the parts that are for people."""
        return told_of_page(self._manifest, self._parts)

    def _lines(self, name: str) -> list[Any]:
        return [json_of(line) for line in self._parts.get(name, b"").split(b"\n") if line]

    def _read_schemas(self) -> None:
        self._schemas: dict[bytes, RecordSchema] = {}
        for name, content in self._parts.items():
            if name.startswith("schemas/"):
                schema = _schema(name, content)
                mark = schema.fingerprint
                must(name == f"schemas/{mark.hex()}.json", f"{name} has the fingerprint {mark.hex()}")
                self._schemas[mark] = schema
        self._told.append(f"{len(self._schemas)} schemas have the fingerprints that they are named by")

    def _read_events(self) -> None:
        disputes: dict[str, DisputesOfStream] = {}
        last, asked = 0, self._manifest["dispute"]
        for row in self._lines("events.jsonl"):
            told = isinstance(row, dict) and ("before" in row) is self._thin
            must(told, "an event is not told as it should be")
            ordinal, stream, topic, state = (
                row["ordinal"],
                row["stream"],
                row["type"],
                bytes.fromhex(row["state"]),
            )
            place = f"the event at {self._manifest['partition']}:{ordinal}"
            must(type(ordinal) is int and ordinal > last, f"{place} stands out of order")
            last = ordinal
            found = self._event(row, place)
            _, before, chain = self._heads.get(stream, StreamHead(stream, 0, NO_CHAIN))
            version = found["version"]
            follows = version > before if self._thin else version == before + 1
            must(found["account"] == stream and follows, f"{place} is of another place")
            if self._thin and version != before + 1:
                chain = bytes.fromhex(row["before"])
            must(not self._thin or row["before"] == chain.hex(), f"{place} does not follow the one before it")
            digest = event_digest(chain, topic, state)
            must(digest.hex() == row["digest"], f"{place} does not follow the one before it")
            self._heads[stream] = StreamHead(stream, version, digest)
            self._events[ordinal] = (digest, found)
            if topic in _ENDED and asked == {"account": stream, "dispute": found["dispute"]}:
                self._ended.append(ordinal)
            disputes.setdefault(stream, DisputesOfStream(whole=not self._thin)).add(topic, digest, found)
        must(self._heads, "there are no events")
        position = f"{self._manifest['partition']}:{last}"
        must(self._manifest["position"] == position, "the last event stands at another position")
        events = f"{len(self._events)} events of {len(self._heads)} streams are whole"
        self._told.append(
            f"{events}, each by itself" if self._thin else f"{events}, from each one's first on"
        )
        if asked is not None:
            of_stream = disputes.get(asked["account"], DisputesOfStream())
            found = of_stream.told.get(asked["dispute"])
            must(found, "the dispute is not in the bundle")
            self._told += found or ()
            self._read_statement(of_stream, asked["dispute"])

    def _event(self, row: Any, place: str) -> Any:  # noqa: ANN401 - a record
        """What an event's bytes say, which is what is told of it."""
        state = bytes.fromhex(row["state"])
        found = self._record(state)
        must(found == row["event"], f"{place} says something else than its bytes")
        must(row["type"] == self._schemas[state[:FINGERPRINT_BYTES]].name, f"{place} is of another type")
        sums: Counter[str] = Counter()
        for posting in found["postings"]:
            sums[posting["unit"]] += posting["amount"]
        must(not any(sums.values()), f"the postings of {place} do not sum to zero")
        return found

    def _read_statement(self, disputes: DisputesOfStream, dispute: str) -> None:
        statement = StatementInBundle(self._lines("statement.jsonl"), self._event)
        said = json_of(self._parts["line.json"]) if "line.json" in self._parts else None
        told = statement.told(said, disputes.opened(dispute), disputes.system[dispute], self._line)
        self._told += told
        self._elsewhere = statement.elsewhere
        self._wanted |= {"statement.jsonl", "line.json"} if self._elsewhere else set()

    def _read_decisions(self) -> None:
        chain, last, decided = NO_CHAIN, 0, set()
        for row in self._lines("decisions.jsonl"):
            must(("before" in row) is self._thin, "a decision is not told as it should be")
            chain = bytes.fromhex(row["before"]) if self._thin else chain
            place = f"the decision {self._manifest['partition']}:{row['entry']}"
            must(type(row["entry"]) is int and row["entry"] > last, f"{place} stands out of order")
            must(row["subject"] == self._manifest["msisdn"], f"{place} is of somebody else")
            names = (
                "subject",
                "command_id",
                "name",
                "command_digest",
                "command",
                "at",
                "code",
                "message",
                "ordinal",
            )
            values = [row[name] for name in (*names, "first_event", "event_count", "chain", "principal")]
            values[3], values[4] = bytes.fromhex(values[3]), bytes.fromhex(values[4])
            chain = journal_digest(chain, values)
            must(chain.hex() == row["chain"], f"{place} does not follow the one before it")
            must(self._record(values[4]) == row["said"], f"{place} says something else than its bytes")
            last = row["entry"]
            self._decisions[last] = chain
            decided.add(row["command_id"])
        self._must_be_explained(decided)
        self._last_decision = last, chain
        position = f"{self._manifest['partition']}:{last}" if decided else None
        is_first = self._manifest["format"] == FIRST_FORMAT
        must(is_first or self._manifest["decided"] == position, "the last decision is another one")
        how = "each by itself" if self._thin else "from the first on"
        self._told.append(f"{len(self._decisions)} decisions are whole, {how}")

    def _must_be_explained(self, decided: AbstractSet[str]) -> None:
        """The events are the number's and of its terms; each of its own was decided, fell due, or followed."""
        number = self._manifest["msisdn"]
        others = {stream for stream in self._heads if subject_of(stream) != number}
        must(others < self._heads.keys(), f"there is no event of {number}")
        must(all(one.startswith(TERMS[0]) for one in others), "there are events of somebody else")
        for _, event in self._events.values():
            own = event["account"] not in others and not event["command_id"].startswith((DUE, POLICY_IDS))
            must(
                not own or event["command_id"] in decided, "the decision behind an event is not in the bundle"
            )

    def _read_balances(self) -> None:
        manifest = self._manifest
        as_of, known_at, own = manifest["as_of"], manifest["known_at"], streams_of(manifest["msisdn"])[0]
        must(is_instant(as_of) and is_instant(known_at), "a balance is told of no instant")
        must(as_of <= known_at, "a balance is told as of an instant that was yet to come")
        if self._thin:
            must(manifest["balances"] is None, "balances are told of that nothing here shows")
            self._told.append("BALANCE NOT RECOMPUTED: only the events that are cited are in it")
            return
        sums: defaultdict[tuple[str, str], int] = defaultdict(int)
        for _, event in self._events.values():
            known = event["recorded_at"] <= known_at or event["command_id"].startswith(DUE)
            if event["effective_at"] <= as_of and known:
                for posting in event["postings"]:
                    if posting["account"].startswith(own) and not posting["account"].endswith(OTHERS_TOO):
                        sums[posting["account"], posting["unit"]] += posting["amount"]
        said = {(row["account"], row["unit"]): row["amount"] for row in manifest["balances"]}
        must(len(said) == len(manifest["balances"]), "a balance is told twice")
        must(sums == said, "the balances are not the sums of the postings")
        for (account, unit), amount in sorted(sums.items()):
            self._told.append(f"{account} {unit} {format_amount(amount)}")

    def _read_trees(self) -> None:
        """Every proof leads from what is in the bundle to a checkpoint."""
        partition = self._manifest["partition"]
        events = {ordinal: digest for ordinal, (digest, _) in self._events.items()}
        leaves = {f"events-{partition}": events, f"decisions-{partition}": self._decisions}
        for (place, ordinal), digest in self._elsewhere.items():
            there = leaves.setdefault(f"events-{place}", {}).setdefault(ordinal, digest)
            must(there == digest, "two events stand in one place")
        for name in sorted(self._parts):
            if not name.startswith("proofs/") or name.endswith(".entry"):
                continue
            found = _PROOF.fullmatch(name)
            if found is None:
                raise EvidenceWrong(f"{name} is no proof")
            tree, number = found["tree"], found["number"]
            proof = proof_of(self._parts[name])
            checkpoint = self._checkpoint(proof.note)
            must(checkpoint.origin.rpartition("/")[2] == tree, f"{name} is of another tree")
            must(self._trees.setdefault(tree, checkpoint) == checkpoint, f"{name} is of another size")
            if tree == TOP:
                data = self._parts[f"proofs/{TOP}/{number}.entry"]
                self._entries[data] = proof.leaf
            else:
                known = number == str(proof.leaf + 1) and proof.leaf + 1 in leaves.get(tree, {})
                must(known, f"{name} is of nothing here")
                data = leaves[tree][proof.leaf + 1]
            root = root_by_inclusion(leaf_hash(data), proof.leaf, checkpoint.size, proof.path)
            must(root == checkpoint.root, f"{name} does not lead to the root")
        names = {checkpoint.origin.rpartition("/")[0] for checkpoint in self._trees.values()}
        must(len(names) <= 1, "the trees are of two logs")

    def _must_be_signed(self) -> None:
        """What has to be proved is."""
        if not self._trees:
            must(self._key is None, "nothing in the bundle is signed")
            must(self._manifest["completeness"] is None, "a day's close is told of that nothing here shows")
            self._told.append("NOT SIGNED: it shows that it hangs together, and no more")
            return
        partition = self._manifest["partition"]
        must(f"events-{partition}" in self._trees and TOP in self._trees, "the bundle lacks proofs")
        for tree, checkpoint in self._trees.items():
            if tree != TOP:
                entry = b"checkpoint\n" + checkpoint.text.encode()
                self._must_be_entered(entry, f"the checkpoint of {checkpoint.origin} is")
        for mark, schema in self._schemas.items():
            text = sha256(self._parts[f"schemas/{mark.hex()}.json"]).hexdigest()
            entry = f"schema\n{mark.hex()}\n{schema.name}\n{text}\n".encode()
            self._must_be_entered(entry, f"the schema {schema.name} is")
        proved = [f"events-{place}/{ordinal}" for place, ordinal in self._elsewhere]
        proved += [f"events-{partition}/{ordinal}" for ordinal in self._ended]
        for kind, own in (("events", list(self._events)), ("decisions", list(self._decisions))):
            proved += [
                f"{kind}-{partition}/{one}" for one in (own if self._thin else [max(own)] if own else [])
            ]
        self._wanted |= {f"proofs/{name}.tlog-proof" for name in proved} | {"consistency.jsonl"}
        self._read_consistency()
        whose = "signed; BY WHOM is not checked, for no key was given"
        if self._key is not None:
            whose = f"signed by {self._key.name}"
        self._told.append(f"the last event and the last decision stand in trees, {whose}")
        self._read_close()

    def _must_be_entered(self, entry: bytes, what: str) -> None:
        """An entry of the log of checkpoints is in the bundle, with its proof."""
        must(entry in self._entries, f"{what} not in the log of checkpoints")
        name = f"proofs/{TOP}/{self._entries[entry]}"
        self._wanted |= {f"{name}.entry", f"{name}.tlog-proof"}

    def _read_consistency(self) -> None:
        told = []
        for row in self._lines("consistency.jsonl"):
            old, new = (self._checkpoint(row[when].encode()) for when in ("old", "new"))
            told.append(new.origin)
            must(new in self._trees.values(), "a tree is told of that proves nothing here")
            path = [hash_of(step) for step in row["path"]]
            must(old.origin == new.origin, f"{old.origin} was rewritten")
            roots = roots_by_consistency(old.size, new.size, old.root, path)
            must(roots == (old.root, new.root), f"{old.origin} was rewritten")
            self._told.append(
                f"{new.origin} of {new.size} leaves begins with the {old.size} that were signed first"
            )

        trees = sorted(checkpoint.origin for checkpoint in self._trees.values())
        must(sorted(told) == trees, "it is not told what each tree began with")

    def _read_close(self) -> None:
        """Nothing of the number came later that day."""
        held = InBundle(self._manifest, self._heads, max(self._events), self._last_decision)
        if self._manifest["completeness"] is None:
            self._told.append(held.pending())
            return
        self._must_be_entered(held.entry, "the heads of the day are")
        self._wanted.add("heads.jsonl")
        self._told += held.closed(self._lines("heads.jsonl"))

    def _checkpoint(self, note: bytes) -> Checkpoint:
        return checkpoint_of(read(note).text) if self._key is None else verified(note, [self._key])

    def _record(self, state: bytes) -> Any:  # noqa: ANN401 - a record
        """What a record says, its bytes in hexadecimal; all of it, and nothing behind it."""
        schema = self._schemas.get(state[:FINGERPRINT_BYTES])
        if schema is None:
            raise EvidenceWrong(f"the schema {state[:FINGERPRINT_BYTES].hex()} is not in the bundle")
        self._used.add(schema.fingerprint)
        body = BytesIO(state[FINGERPRINT_BYTES:])
        found = schemaless_reader(body, schema.parsed)
        must(body.tell() == len(state) - FINGERPRINT_BYTES, "a record goes on behind its end")
        return json.loads(json.dumps(found, default=lambda value: value.hex()))


def _schema(name: str, content: bytes) -> RecordSchema:
    try:
        return RecordSchema(content.decode())
    except Exception as error:  # whatever it does to the parser, it is none
        raise EvidenceWrong(f"{name} is no schema") from error
