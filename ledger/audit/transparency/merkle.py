"""Merkle trees as in RFC 9162, section 2.1: hashes, roots, and proofs with what checks them.

A tree is asked for the hashes of its complete subtrees, by `Nodes`; where they are kept is no matter here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256

HASH_BYTES = 32
MOST_LEAVES = 2**62
"""A size behind every tree's; what is larger is no proof of ours."""

EMPTY = sha256(b"").digest()
"""The root of a tree without leaves."""

Nodes = Callable[[int, int], bytes]
"""(height, index) → the hash of a complete subtree of 2^height leaves, which begins at leaf `index * 2^height`."""


def leaf_hash(data: bytes) -> bytes:
    """The hash of a leaf."""
    return sha256(b"\x00" + data).digest()


def leaf_hashes(data: Iterable[bytes]) -> list[bytes]:
    """The hashes of leaves."""
    return [sha256(b"\x00" + one).digest() for one in data]


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of what has two children."""
    return sha256(b"\x01" + left + right).digest()


def root_of_complete(hashes: Sequence[bytes]) -> bytes:
    """The root over a power of two of nodes of one height."""
    while len(hashes) > 1:
        pairs = iter(hashes)
        hashes = [sha256(b"\x01" + left + right).digest() for left, right in zip(pairs, pairs, strict=True)]
    return hashes[0]


def range_root(nodes: Nodes, start: int, end: int) -> bytes:
    """The root over the leaves of [start, end); `start` is a multiple of the largest complete subtree in it."""
    size = end - start
    if size <= 0:
        return EMPTY
    split = 1 << (size.bit_length() - 1)
    height = split.bit_length() - 1
    left = nodes(height, start >> height)
    return left if split == size else node_hash(left, range_root(nodes, start + split, end))


def _split(size: int) -> int:
    """The largest power of two that is less than a size of two or more."""
    return 1 << ((size - 1).bit_length() - 1)


def inclusion(nodes: Nodes, index: int, size: int) -> list[bytes]:
    """The proof that a leaf is in the tree of a size (RFC 9162, 2.1.3.1). Raises ValueError where it is not in it."""
    if not 0 <= index < size:
        raise ValueError(f"leaf {index} is not in a tree of {size}")
    path = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(range_root(nodes, middle, end))
            end = middle
        else:
            path.append(range_root(nodes, start, middle))
            start = middle
    return path[::-1]


def consistency(nodes: Nodes, old: int, new: int) -> list[bytes]:
    """The proof that the tree of `old` leaves is the beginning of that of `new` (RFC 9162, 2.1.4.1).

    Raises ValueError unless 0 < old ≤ new.
    """
    if not 0 < old <= new:
        raise ValueError(f"there is no proof from {old} to {new} leaves")
    path = []
    start, end, whole = 0, new, True
    while old != end:
        middle = start + _split(end - start)
        if old <= middle:
            path.append(range_root(nodes, middle, end))
            end = middle
        else:
            path.append(range_root(nodes, start, middle))
            start = middle
            whole = False
    if not whole:
        path.append(range_root(nodes, start, end))
    return path[::-1]


def root_by_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes:
    """The root that a proof leads to from a leaf's hash (RFC 9162, 2.1.3.2).

    Raises ValueError where it is no proof for that index and size.
    """
    if not 0 <= index < size <= MOST_LEAVES:
        raise ValueError(f"leaf {index} is not in a tree of {size}")
    position, last = index, size - 1
    root = leaf
    for sibling in path:
        if last == 0:
            raise ValueError("the proof is too long")
        if position & 1 or position == last:
            root = node_hash(sibling, root)
            while not position & 1 and position:
                position >>= 1
                last >>= 1
        else:
            root = node_hash(root, sibling)
        position >>= 1
        last >>= 1
    if last:
        raise ValueError("the proof is too short")
    return root


def roots_by_consistency(old: int, new: int, old_root: bytes, path: Sequence[bytes]) -> tuple[bytes, bytes]:
    """The two roots that a proof leads to (RFC 9162, 2.1.4.2); the old one has to be `old_root`.

    Raises ValueError where it is no proof for these sizes.
    """
    if not 0 < old <= new <= MOST_LEAVES:
        raise ValueError(f"there is no proof from {old} to {new} leaves")
    if old == new:
        if path:
            raise ValueError("the proof is too long")
        return old_root, old_root
    steps = list(path) if old & (old - 1) else [old_root, *path]  # a complete tree is its own first step
    if not steps:
        raise ValueError("the proof is too short")
    position, last = old - 1, new - 1
    while position & 1:
        position >>= 1
        last >>= 1
    first = second = steps[0]
    for step in steps[1:]:
        if last == 0:
            raise ValueError("the proof is too long")
        if position & 1 or position == last:
            first = node_hash(step, first)
            second = node_hash(step, second)
            while not position & 1 and position:
                position >>= 1
                last >>= 1
        else:
            second = node_hash(second, step)
        position >>= 1
        last >>= 1
    if last:
        raise ValueError("the proof is too short")
    return first, second
