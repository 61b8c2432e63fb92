"""What a day's close shows of a bundle: that nothing came later of what is in it. `verify.py` does the same by itself.

In bundles of the first format a close tells of streams alone, each in a leaf: nothing shows that there is no other
account, and no later decision.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ledger.audit.evidence.parts import hash_of, must
from ledger.audit.transparency.heads import StreamHead, SubjectHeads
from ledger.audit.transparency.merkle import leaf_hash, root_by_inclusion
from ledger.domain.calendar import DAY, HOUR, day_number, parse_day
from ledger.domain.ids import subject_of

FIRST_FORMAT = "pulsa-evidence/1"
_ENDS_WITHIN = DAY + 12 * HOUR  # of UTC's midnight, everywhere


class InBundle(NamedTuple):
    """What a bundle holds: its manifest, the last event of each stream, and the last decision, by entry and digest."""

    manifest: Any
    heads: Mapping[str, StreamHead]
    last_event: int
    decided: tuple[int, bytes]

    @property
    def is_first(self) -> bool:
        """Whether it is of the first format."""
        return bool(self.manifest["format"] == FIRST_FORMAT)

    @property
    def entry(self) -> bytes:
        """The entry of the close in the log of checkpoints."""
        close = self.manifest["completeness"]
        word, count = ("heads", "streams") if self.is_first else ("heads/2", "subjects")
        place = f"{word}\n{self.manifest['partition']}\n{close['day']}\n{close['ordinal']}\n"
        return f"{place}{close[count]}\n{close['root']}\n".encode()

    def pending(self) -> str:
        """What is shown where no close is."""
        partition, msisdn = self.manifest["partition"], self.manifest["msisdn"]
        shown = (
            f"events up to {partition}:{self.last_event} and decisions up to {partition}:{self.decided[0]}"
        )
        return (
            f"COMPLETENESS PENDING: it shows {shown}; that none of {msisdn} came later, and that it has no other"
            " account, is proved at a day's close"
        )

    def closed(self, rows: list[Any]) -> Iterator[str]:
        """What is so of the close, whose entry was proved; `rows` are the places in its tree. Raises EvidenceWrong."""
        close = self.manifest["completeness"]
        ends = day_number(parse_day(close["day"])) * DAY + _ENDS_WITHIN
        must(self.manifest["known_at"] < ends, "the day was closed before what was known")
        must(close["ordinal"] >= self.last_event, "the day was closed before the last event")
        if self.is_first:
            yield from self._streams(close, rows)
            return
        subjects: dict[str, list[StreamHead]] = {}
        for head in sorted(self.heads.values()):
            subjects.setdefault(subject_of(head.stream), []).append(head)
        for row in rows:
            subject = row["subject"]
            must(subject in subjects, "it is told where somebody else stood")
            decided = self.decided if subject == self.manifest["msisdn"] else (0, bytes(32))
            leaf = SubjectHeads(subject, *decided, tuple(subjects[subject])).leaf
            what = f"{subject} had another account, event or decision that day"
            must(_root(leaf, row, close["subjects"]).hex() == close["root"], what)
        told = {row["subject"] for row in rows}
        must(told == subjects.keys(), "it is not told where all stood that day")
        after = "none after the last here" if self.manifest["thin"] else "no other"
        yield (
            f"{self.manifest['msisdn']} has no other account, and of its events and decisions there is {after},"
            f" until the close of {close['day']}"
        )

    def _streams(self, close: Any, rows: list[Any]) -> Iterator[str]:  # noqa: ANN401 - of a manifest
        """The same, where each stream has a leaf of its own, and decisions have none."""
        for row in rows:
            stream = row["stream"]
            must(stream in self.heads, "a head is of a stream that is not in the bundle")
            leaf = f"{stream}\n{row['version']}\n{self.heads[stream].digest.hex()}\n".encode()
            must(_root(leaf, row, close["streams"]).hex() == close["root"], f"{stream} went on that day")
        must({row["stream"] for row in rows} == self.heads.keys(), "a stream's head is not proved")
        yield f"no event of theirs came later until the close of {close['day']}"
        yield (
            f"NOT EXCLUDED: another account of {self.manifest['msisdn']}, and later decisions than"
            f" {self.manifest['partition']}:{self.decided[0]}; the close did not tell of them then"
        )


def _root(leaf: bytes, row: Any, size: int) -> bytes:  # noqa: ANN401 - of a part
    return root_by_inclusion(leaf_hash(leaf), row["index"], size, [hash_of(step) for step in row["path"]])
