"""A tree in a folder: whatever it grew by, opened at any size that was written it has that size's root and proofs."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.audit.transparency.merkle import leaf_hash, root_by_inclusion, roots_by_consistency
from ledger.audit.transparency.tiles import WIDTH, Frontier, TileTree, tile_path
from tests.audit.roots import root_of
from tests.often import often

LEAVES = [leaf_hash(number.to_bytes(4, "big")) for number in range(WIDTH * WIDTH + WIDTH + 2)]
EDGES = [edge + by for edge in (0, WIDTH, 2 * WIDTH, 5 * WIDTH) for by in (-1, 0, 1) if edge + by > 0]


@pytest.mark.parametrize(
    ("level", "index", "width", "path"),
    [
        (0, 0, 256, "tile/0/000"),
        (0, 999, 256, "tile/0/999"),
        (1, 1000, 256, "tile/1/x001/000"),
        (0, 1234067, 256, "tile/0/x001/x234/067"),
        (0, 273, 112, "tile/0/273.p/112"),
    ],
)
def test_where_a_tile_lies(level: int, index: int, width: int, path: str) -> None:
    assert tile_path(level, index, width) == path


@often(30)
@given(st.lists(st.sampled_from(EDGES) | st.integers(1, 6 * WIDTH), min_size=1, max_size=4), st.data())
def test_it_is_the_same_at_every_size_that_was_written(sizes: list[int], data: st.DataObject) -> None:
    with TemporaryDirectory() as folder:
        tree = TileTree(Path(folder))
        for size in sorted(set(sizes)):
            tree.append(LEAVES[tree.size : size])
            tree.write()
            again = TileTree(Path(folder), size)
            root = root_of(LEAVES[:size])
            assert tree.root() == again.root() == again.root_at(size) == root
            index = data.draw(st.integers(0, size - 1))
            assert root_by_inclusion(LEAVES[index], index, size, again.inclusion(index)) == root
            old = data.draw(st.integers(1, size))
            before = root_of(LEAVES[:old])
            assert roots_by_consistency(old, size, before, again.consistency(old)) == (before, root)
            tree = again


def test_a_second_level_of_tiles(tmp_path: Path) -> None:
    tree = TileTree(tmp_path)
    tree.append(LEAVES)
    tree.write()
    assert TileTree(tmp_path, len(LEAVES)).root() == root_of(LEAVES)
    assert (tmp_path / "tile/1/000").is_file()
    frontier = Frontier()
    for start in range(0, len(LEAVES), 1000):
        frontier.append(LEAVES[start : start + 1000])
    assert frontier.root() == tree.root()
