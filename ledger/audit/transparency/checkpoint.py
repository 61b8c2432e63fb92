"""A checkpoint (C2SP tlog-checkpoint): which tree, how many leaves it has, and its root, as a signed note."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ledger.audit.transparency.merkle import HASH_BYTES
from ledger.audit.transparency.note import Signer, Verifier, opened, signed_note
from ledger.errors import CheckpointInvalid

_SIZE = re.compile(r"0|[1-9][0-9]{0,17}")
_LINES = 4  # origin, size, root, and what follows the last line's end


class Checkpoint(NamedTuple):
    """The tree of an origin at a size (leaves), and its root."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """What is signed."""
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\n"

    def signed(self, signers: Sequence[Signer]) -> str:
        """The note that is published."""
        return signed_note(self.text, signers)


def checkpoint_of(text: str) -> Checkpoint:
    """A checkpoint from its text. Raises CheckpointInvalid: it has three lines, and no further ones."""
    lines = text.split("\n")
    if len(lines) != _LINES or lines[-1] or not lines[0] or not _SIZE.fullmatch(lines[1]):
        raise CheckpointInvalid(
            "a checkpoint says its origin, its size and its root, a line each, and nothing else"
        )
    try:
        root = b64decode(lines[2], validate=True)
    except ValueError:
        root = b""
    if len(root) != HASH_BYTES or b64encode(root).decode() != lines[2]:
        raise CheckpointInvalid("a checkpoint's root is a hash of 32 bytes in base64")
    return Checkpoint(lines[0], int(lines[1]), root)


def verified(note: bytes, trusted: Iterable[Verifier]) -> Checkpoint:
    """The checkpoint of a note that some trusted key signed. Raises CheckpointInvalid."""
    return checkpoint_of(opened(note, trusted).text)
