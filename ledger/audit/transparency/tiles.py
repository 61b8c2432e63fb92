"""The hashes of a tree in a folder of tiles (C2SP tlog-tiles): 256 hashes a file, every eighth height of the tree.

A tile is written once it is of use for a signed size: whole under another name, flushed, then renamed. What lies beyond
the signed size is no promise to anybody, and is written anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from ledger.audit.transparency.merkle import (
    EMPTY,
    HASH_BYTES,
    consistency,
    inclusion,
    node_hash,
    range_root,
    root_of_complete,
)
from ledger.errors import TilesDamaged
from ledger.whole_files import written_whole

HEIGHT = 8
WIDTH = 1 << HEIGHT
"""Hashes in a whole tile."""
_IN_A_GROUP = 1000
_LEVELS = 8
"""Levels of tiles at most: 2^64 leaves."""
_REMEMBERED = 1024
"""Tiles that are kept in memory, of 8 KiB each."""


def tile_path(level: int, index: int, width: int = WIDTH) -> str:
    """Where a tile lies in its tree's folder; one that is not whole says how many hashes it has."""
    index, group = divmod(index, _IN_A_GROUP)
    groups = [f"{group:03d}"]
    while index:
        index, group = divmod(index, _IN_A_GROUP)
        groups.insert(0, f"x{group:03d}")
    part = "" if width == WIDTH else f".p/{width}"
    return f"tile/{level}/{'/'.join(groups)}{part}"


def write_public(path: Path, content: bytes) -> None:
    """Writes a file that others may read, and its folder where there is none."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with written_whole(path, over=True, mode=0o666, part=path.with_name(f".{path.name}.new")) as file:
        file.write(content)


class Frontier:
    """The end of a tree, which is all that has to be known of it to go on and to know its root."""

    def __init__(self, sink: Callable[[int, int, bytes], object] | None = None) -> None:
        """`sink` is given every tile that becomes whole: its level, index and hashes."""
        self.size = 0
        self.ends: list[list[bytes]] = [[] for _ in range(_LEVELS)]
        """The hashes at the end of each level of tiles that fill none yet."""
        self._sink = sink

    def append(self, leaves: Iterable[bytes]) -> None:
        """Takes in the hashes of more leaves."""
        end = self.ends[0]
        before = len(end)
        end.extend(leaves)
        self.size += len(end) - before
        for level in range(_LEVELS - 1):
            end = self.ends[level]
            whole = len(end) // WIDTH
            if not whole:
                return
            first = (self.size >> (HEIGHT * level)) // WIDTH - whole
            for number in range(whole):
                tile = end[number * WIDTH : (number + 1) * WIDTH]
                if self._sink is not None:
                    self._sink(level, first + number, b"".join(tile))
                self.ends[level + 1].append(root_of_complete(tile))
            del end[: whole * WIDTH]

    def root(self) -> bytes:
        """The root over all leaves."""
        root: bytes | None = None
        for end in self.ends:
            start = len(end)
            while start:  # from the right: the smallest complete subtree first
                width = start & -start
                start -= width
                peak = root_of_complete(end[start : start + width])
                root = peak if root is None else node_hash(peak, root)
        return EMPTY if root is None else root


class TileTree:
    """A tree whose hashes lie in a folder."""

    def __init__(self, folder: Path, size: int = 0) -> None:
        """Opens the tree as it was at a size that was signed. Raises TilesDamaged where its tiles are not there."""
        self.folder = folder
        self._whole: dict[tuple[int, int], bytes] = {}
        """Whole tiles that are not in the folder yet."""
        self._frontier = Frontier(self._keep)
        self._tile = lru_cache(_REMEMBERED)(self._read)
        for level in range(_LEVELS):
            index, width = divmod(size >> (HEIGHT * level), WIDTH)
            if width:
                self._frontier.ends[level] = _hashes(self._read(level, index, width))
        self._frontier.size = size

    @property
    def size(self) -> int:
        """How many leaves it has."""
        return self._frontier.size

    def append(self, leaves: Iterable[bytes]) -> None:
        """Takes in the hashes of more leaves; nothing is written yet."""
        self._frontier.append(leaves)

    def root(self) -> bytes:
        """The root over all leaves."""
        return self._frontier.root()

    def write(self) -> None:
        """Writes what is not in the folder yet, so that everything up to this size is."""
        for (level, index), content in self._whole.items():
            write_public(self.folder / tile_path(level, index), content)
        self._whole.clear()
        for level, end in enumerate(self._frontier.ends):
            if end:
                index = (self.size >> (HEIGHT * level)) // WIDTH
                write_public(self.folder / tile_path(level, index, len(end)), b"".join(end))

    def prune(self, size: int) -> None:
        """Removes tiles that were not whole at an earlier signed size, and are of no use any more."""
        for level in range(_LEVELS):
            index, width = divmod(size >> (HEIGHT * level), WIDTH)
            now = divmod(self.size >> (HEIGHT * level), WIDTH)
            if width and (index, width) != now:
                path = self.folder / tile_path(level, index, width)
                path.unlink(missing_ok=True)
                if index != now[0]:
                    with suppress(
                        OSError
                    ):  # it is not empty: a reader of other sizes may have put something there
                        path.parent.rmdir()

    def node(self, height: int, index: int) -> bytes:
        """The hash of a complete subtree. Raises TilesDamaged where its tile is not there."""
        level, within = divmod(height, HEIGHT)
        first = index << within
        tile, start = divmod(first, WIDTH)
        count = 1 << within
        if (tile + 1) * WIDTH <= self.size >> (HEIGHT * level):
            content = self._whole.get((level, tile)) or self._tile(level, tile, WIDTH)
            hashes = _hashes(content[start * HASH_BYTES : (start + count) * HASH_BYTES])
        else:
            hashes = self._frontier.ends[level][start : start + count]
        return root_of_complete(hashes)

    def root_at(self, size: int) -> bytes:
        """The root as it was at an earlier size."""
        return range_root(self.node, 0, size)

    def inclusion(self, index: int, size: int | None = None) -> list[bytes]:
        """The proof that a leaf is in the tree, as it is or was at a size. Raises ValueError, TilesDamaged."""
        return inclusion(self.node, index, self.size if size is None else size)

    def consistency(self, old: int, size: int | None = None) -> list[bytes]:
        """The proof that the tree of an earlier size is the beginning of this. Raises ValueError, TilesDamaged."""
        return consistency(self.node, old, self.size if size is None else size)

    def leaves(self, start: int, end: int) -> Iterator[bytes]:
        """The hashes of the leaves of [start, end)."""
        for index in range(start, end):
            yield self.node(0, index)

    def _keep(self, level: int, index: int, content: bytes) -> None:
        self._whole[level, index] = content

    def _read(self, level: int, index: int, width: int) -> bytes:
        """A tile of the folder; where it was not whole and is now, its beginning."""
        whole = self.folder / tile_path(level, index)
        for path in (self.folder / tile_path(level, index, width), whole):
            try:
                content = path.read_bytes()
            except FileNotFoundError:
                continue
            except OSError as error:
                raise TilesDamaged(f"{path}: {error.strerror}") from error
            expected = width if path is not whole else WIDTH
            if len(content) != expected * HASH_BYTES:
                raise TilesDamaged(
                    f"{path}: it holds {len(content)} bytes, and has to hold {expected} hashes"
                )
            return content[: width * HASH_BYTES]
        raise TilesDamaged(f"{whole}: the tile is not there")


def _hashes(content: bytes) -> list[bytes]:
    return [content[start : start + HASH_BYTES] for start in range(0, len(content), HASH_BYTES)]
