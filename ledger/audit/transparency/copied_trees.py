"""Another folder that holds what was signed, for whoever keeps it elsewhere; and that a checkpoint goes on from one.

A copy only grows: what it held is the beginning of what it holds, or it is left as it was and that is the finding.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from ledger.audit.transparency.checkpoint import Checkpoint, verified
from ledger.audit.transparency.checkpointing import TOP, origin_of
from ledger.audit.transparency.merkle import roots_by_consistency
from ledger.audit.transparency.note import Verifier
from ledger.audit.transparency.published import CHECKPOINT, FIRST, EntryTree, PublishedTree
from ledger.audit.transparency.tiles import write_public
from ledger.errors import CheckpointInvalid, CheckpointMismatch


class GoneOn(NamedTuple):
    """Two checkpoints of a tree, and the hashes that show that the newer begins with the older (RFC 9162)."""

    old: Checkpoint
    new: Checkpoint
    path: tuple[bytes, ...]


def gone_on(folder: Path, notes: tuple[bytes, bytes], trusted: Sequence[Verifier]) -> GoneOn:
    """Shows by the tiles of a folder that a checkpoint goes on from an older one.

    Raises CheckpointInvalid where one is none or they are of two trees, CheckpointMismatch where the newer does not
    begin with the older, TilesDamaged.
    """
    old, new = sorted((verified(note, trusted) for note in notes), key=lambda one: one.size)
    if old.origin != new.origin:
        raise CheckpointInvalid(f"one is of {old.origin}, the other of {new.origin}")
    tree = next((one for one in _trees(folder, trusted) if one.origin == new.origin), None)
    if tree is None or tree.size < new.size:
        raise CheckpointInvalid(
            f"{folder}: the tiles of {new.origin} do not go as far as {new.size:,} leaves"
        )
    path = tuple(tree.tree.consistency(old.size, new.size)) if old.size else ()
    found = (
        roots_by_consistency(old.size, new.size, old.root, list(path)) if old.size else (old.root, new.root)
    )
    if found != (old.root, new.root):
        raise CheckpointMismatch(
            f"{new.origin} of {new.size:,} leaves does not begin with the {old.size:,} that were signed"
        )
    return GoneOn(old, new, path)


def copied(source: Path, target: Path, trusted: Sequence[Verifier]) -> list[Checkpoint]:
    """Brings a folder's trees to another folder, which may hold earlier ones of them; returns what it now holds.

    Raises CheckpointMismatch where a tree is not the one that the other folder holds the beginning of: then nothing of
    that tree was written. Raises CheckpointInvalid and TilesDamaged.
    """
    signed = []
    for tree in _trees(source, trusted):
        place = target / tree.folder.relative_to(source)
        held = PublishedTree(place, tree.origin, trusted)
        size = held.checkpoint.size
        if size > tree.checkpoint.size or (size and tree.tree.root_at(size) != held.checkpoint.root):
            raise CheckpointMismatch(
                f"{tree.origin}: {place} holds {size:,} leaves that it does not begin with"
            )
        for file in sorted(tree.folder.glob("tile/**/*")):
            copy = place / file.relative_to(tree.folder)
            if file.is_file() and not file.name.startswith(".") and not copy.exists():
                write_public(copy, file.read_bytes())
        for name, content in ((FIRST, held.first or tree.first), (CHECKPOINT, tree.note)):
            write_public(place / name, content)
        signed.append(type(tree)(place, tree.origin, trusted).checkpoint)
    return signed


def _trees(folder: Path, trusted: Sequence[Verifier]) -> Iterator[PublishedTree]:
    """Every tree of a folder that something was signed of, beginning by beginning. Raises as PublishedTree."""
    for place in sorted(folder.glob(f"[1-9]*/*/{CHECKPOINT}")):
        tree = place.parent
        made = EntryTree if tree.name == TOP else PublishedTree
        restart = int(tree.parent.name)
        for key in trusted:
            origin = origin_of(key.name, restart, tree.name)
            if place.read_bytes().startswith(origin.encode() + b"\n"):
                yield made(tree, origin, trusted)
                break
        else:
            raise CheckpointInvalid(f"{place}: it is of none of those that are trusted")
