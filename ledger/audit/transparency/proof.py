"""A proof in a file (C2SP tlog-proof): that a leaf is in a tree whose checkpoint is signed; who has the leaf checks it.

c2sp.org/tlog-proof@v1
index <leaf's index>
<hash in base64>          any number of them
                          an empty line
<the checkpoint>          a signed note
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Iterable
from typing import NamedTuple

from ledger.audit.transparency.checkpoint import Checkpoint, verified
from ledger.audit.transparency.merkle import HASH_BYTES, root_by_inclusion
from ledger.audit.transparency.note import MOST_BYTES, Verifier
from ledger.errors import CheckpointInvalid

HEADER = "c2sp.org/tlog-proof@v1"
MOST_HASHES = 62
"""A proof's length at most: no tree of ours is higher."""
_INDEX = re.compile(r"index (0|[1-9][0-9]{0,17})")


class Proof(NamedTuple):
    """Which leaf, and the hashes beside its way to the root, and the note that signs the root."""

    leaf: int
    path: tuple[bytes, ...]
    note: bytes

    def to_bytes(self) -> bytes:
        """The proof as a file holds it."""
        lines = [HEADER, f"index {self.leaf}", *(b64encode(hash_).decode() for hash_ in self.path), ""]
        return "".join(f"{line}\n" for line in lines).encode() + self.note

    def check(self, hash_: bytes, trusted: Iterable[Verifier]) -> Checkpoint:
        """The checkpoint whose tree holds the leaf of a hash. Raises CheckpointInvalid where it is not proved."""
        checkpoint = verified(self.note, trusted)
        try:
            root = root_by_inclusion(hash_, self.leaf, checkpoint.size, self.path)
        except ValueError as error:
            raise CheckpointInvalid(str(error)) from error
        if root != checkpoint.root:
            raise CheckpointInvalid(f"leaf {self.leaf} of {checkpoint.origin} is another")
        return checkpoint


def proof_of(content: bytes) -> Proof:
    """A proof from a file's content. Raises CheckpointInvalid where it is none."""
    if len(content) > MOST_BYTES + 10_000:
        raise CheckpointInvalid("it is too long for a proof")
    head, found, note = content.partition(b"\n\n")
    lines = head.decode("utf-8", "replace").split("\n")
    index = _INDEX.fullmatch(lines[1]) if len(lines) > 1 else None
    if not found or lines[0] != HEADER or index is None or len(lines) > MOST_HASHES + 2:
        raise CheckpointInvalid("a proof says its format, the index, its hashes, and then the checkpoint")
    return Proof(int(index[1]), tuple(_hash(line) for line in lines[2:]), note)


def _hash(line: str) -> bytes:
    try:
        held = b64decode(line, validate=True)
    except ValueError:
        held = b""
    if len(held) != HASH_BYTES or b64encode(held).decode() != line:
        raise CheckpointInvalid("a proof's hash is of 32 bytes, in base64")
    return held
