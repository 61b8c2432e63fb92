"""A tree with what was signed of it, in a folder: its tiles, and the newest checkpoint.

The tiles of a size are written before it is signed, and a size is signed once: whoever holds an older checkpoint can be
shown that its tree is the beginning of this one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ledger.audit.transparency.checkpoint import Checkpoint, verified
from ledger.audit.transparency.merkle import EMPTY, leaf_hash
from ledger.audit.transparency.note import MOST_BYTES, Signer, Verifier
from ledger.audit.transparency.tiles import WIDTH, TileTree, tile_path, write_public
from ledger.errors import CheckpointMismatch, TilesDamaged

CHECKPOINT = "checkpoint"
"""The file that holds the newest checkpoint of a tree."""
FIRST = "checkpoint.first"
"""And the one that holds the first that was signed of it."""
_MOST_BYTES = 32 * MOST_BYTES
"""A file's size at most: 256 entries of 65,535 bytes are within it."""


class PublishedTree:
    """A tree of an origin. `checkpoint` is the last that was signed of it; its size is 0 where none was."""

    def __init__(self, folder: Path, origin: str, trusted: Iterable[Verifier]) -> None:
        """Opens a folder, which need not be there. Raises CheckpointInvalid, CheckpointMismatch or TilesDamaged."""
        self.folder = folder
        self.origin = origin
        self._trusted = tuple(trusted)
        self.note = _read(folder / CHECKPOINT)
        """The newest checkpoint as it was signed; empty where none was."""
        self.checkpoint = verified(self.note, self._trusted) if self.note else Checkpoint(origin, 0, EMPTY)
        if self.checkpoint.origin != origin:
            raise CheckpointMismatch(
                f"{folder}: the checkpoint is of {self.checkpoint.origin}, and not of {origin}"
            )
        self.tree = TileTree(folder, self.checkpoint.size)
        if self.tree.root() != self.checkpoint.root:
            raise TilesDamaged(
                f"{folder}: the tiles are not those of the checkpoint of {self.checkpoint.size} leaves"
            )

    @property
    def first(self) -> bytes:
        """The first checkpoint that was signed of it, as it was; empty where none was."""
        return _read(self.folder / FIRST)

    @property
    def size(self) -> int:
        """How many leaves it has, signed or not."""
        return self.tree.size

    def publish(self, signers: Sequence[Signer]) -> Checkpoint | None:
        """Signs what was taken in since, once its tiles are written; None where nothing was."""
        if self.tree.size == self.checkpoint.size:
            return None
        before = self.checkpoint.size
        self.tree.write()
        checkpoint = Checkpoint(self.origin, self.tree.size, self.tree.root())
        note = checkpoint.signed(signers).encode()
        if not before:
            write_public(self.folder / FIRST, note)
        write_public(self.folder / CHECKPOINT, note)
        self.checkpoint, self.note = checkpoint, note
        self.tree.prune(before)
        return checkpoint


class EntryTree(PublishedTree):
    """A tree whose leaves' data are kept beside its tiles (tlog-tiles entry bundles): short texts."""

    def __init__(self, folder: Path, origin: str, trusted: Iterable[Verifier]) -> None:
        """Like PublishedTree."""
        super().__init__(folder, origin, trusted)
        index, width = divmod(self.size, WIDTH)
        self._bundle: list[bytes] = list(self._entries(index, width)) if width else []
        self._whole: dict[int, list[bytes]] = {}

    def add(self, entry: bytes) -> None:
        """Takes in one more leaf; nothing is written yet."""
        self._bundle.append(entry)
        self.tree.append([leaf_hash(entry)])
        if len(self._bundle) == WIDTH:
            self._whole[self.size // WIDTH - 1] = self._bundle
            self._bundle = []

    def publish(self, signers: Sequence[Signer]) -> Checkpoint | None:
        """Like PublishedTree's; entries are written before they are signed, too."""
        if self.tree.size == self.checkpoint.size:
            return None
        before = divmod(self.checkpoint.size, WIDTH)
        for index, bundle in self._whole.items():
            write_public(self.folder / _bundle_path(index), _bundled(bundle))
        self._whole.clear()
        index, width = divmod(self.size, WIDTH)
        if width:
            write_public(self.folder / _bundle_path(index, width), _bundled(self._bundle))
        checkpoint = super().publish(signers)
        if before[1] and before != (index, width):
            (self.folder / _bundle_path(*before)).unlink(missing_ok=True)
        return checkpoint

    def entries(self, start: int = 0) -> Iterator[bytes]:
        """The data of leaves that are signed, in order, from one on (or some before it that lie in the same bundle).

        Raises TilesDamaged where one is not what was signed.
        """
        size = self.checkpoint.size
        for index in range(start // WIDTH, (size + WIDTH - 1) // WIDTH):
            width = min(WIDTH, size - index * WIDTH)
            for number, entry in enumerate(self._entries(index, width), index * WIDTH):
                if leaf_hash(entry) != self.tree.node(0, number):
                    raise TilesDamaged(f"{self.folder}: entry {number} is not the one that was signed")
                yield entry

    def _entries(self, index: int, width: int) -> list[bytes]:
        content = _read(self.folder / _bundle_path(index, width)) or _read(self.folder / _bundle_path(index))
        found: list[bytes] = []
        start = 0
        while start + 2 <= len(content) and len(found) < width:
            length = int.from_bytes(content[start : start + 2], "big")
            found.append(content[start + 2 : start + 2 + length])
            start += 2 + length
        if len(found) < width or start > len(content):
            raise TilesDamaged(f"{self.folder / _bundle_path(index)}: it does not hold {width} entries")
        return found


def _bundled(entries: Sequence[bytes]) -> bytes:
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def _bundle_path(index: int, width: int = WIDTH) -> str:
    return re.sub(r"^tile/0/", "tile/entries/", tile_path(0, index, width))


def _read(path: Path) -> bytes:
    """What a file holds; nothing where it is not there."""
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise TilesDamaged(f"{path}: {error.strerror}") from error
    if len(content) > _MOST_BYTES:
        raise TilesDamaged(f"{path}: it is larger than anything that is written here")
    return content
