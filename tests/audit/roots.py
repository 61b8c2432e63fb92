"""The root of a tree as RFC 9162 defines it, which the program's are held against."""

from __future__ import annotations

from collections.abc import Iterable

from ledger.audit.transparency.merkle import EMPTY, node_hash


def root_of(hashes: Iterable[bytes]) -> bytes:
    """The root over leaves' hashes as section 2.1.1 defines it."""
    leaves = list(hashes)
    if len(leaves) < 2:
        return leaves[0] if leaves else EMPTY
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return node_hash(root_of(leaves[:split]), root_of(leaves[split:]))
