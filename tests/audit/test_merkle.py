"""Trees and proofs of RFC 9162: the published roots, every proof of every small tree, and no other passes."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.audit.transparency.merkle import (
    EMPTY,
    Nodes,
    consistency,
    inclusion,
    leaf_hash,
    range_root,
    root_by_inclusion,
    roots_by_consistency,
)
from tests.audit.roots import root_of

# The leaves and roots that Certificate Transparency's implementations are held against.
PUBLISHED = (
    ("", "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
    ("00", "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"),
    ("10", "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"),
    ("2021", "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"),
    ("3031", "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"),
    ("40414243", "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"),
    ("5051525354555657", "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"),
    ("606162636465666768696a6b6c6d6e6f", "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"),
)
LEAVES = [leaf_hash(str(number).encode()) for number in range(43)]
MORE = 3
"""By so many leaves a tree may be told to be larger than it is."""
SIZES = st.integers(2, len(LEAVES) - MORE)


def nodes_of(hashes: list[bytes]) -> Nodes:
    return cache(lambda height, index: root_of(hashes[index << height : (index + 1) << height]))


NODES = nodes_of(LEAVES)
ROOTS = [root_of(LEAVES[:size]) for size in range(len(LEAVES) + 1)]
"""The root of each of its trees, by how many leaves that has."""


def test_the_published_roots() -> None:
    hashes = [leaf_hash(bytes.fromhex(data)) for data, _ in PUBLISHED]
    for size, (_, root) in enumerate(PUBLISHED, 1):
        assert root_of(hashes[:size]).hex() == root
        assert range_root(nodes_of(hashes), 0, size).hex() == root


def test_every_proof_of_every_small_tree() -> None:
    for size in range(1, len(LEAVES) + 1):
        for index in range(size):
            path = inclusion(NODES, index, size)
            assert root_by_inclusion(LEAVES[index], index, size, path) == ROOTS[size]
        for old in range(1, size + 1):
            path = consistency(NODES, old, size)
            assert roots_by_consistency(old, size, ROOTS[old], path) == (ROOTS[old], ROOTS[size])


@given(SIZES, st.data())
def test_a_leaf_is_proved_at_its_own_place_in_its_own_tree_only(size: int, data: st.DataObject) -> None:
    """A root is signed with its size: another size with it leads to the root of one tree by the proof of another."""
    index = data.draw(st.integers(0, size - 1))
    path = inclusion(NODES, index, size)
    place, said = data.draw(st.integers(0, size + MORE)), data.draw(st.integers(1, size + MORE))
    other = data.draw(
        st.sampled_from([path, path[:-1], [*path, EMPTY], path[::-1], [EMPTY, *path[1:]], [*path, *path]])
    )
    try:
        root = root_by_inclusion(LEAVES[index], place, said, other)
    except ValueError:
        return
    assert root != ROOTS[said] or (place == index and other == inclusion(NODES, index, said))


def test_the_place_of_a_leaf_is_told_by_no_root_without_its_size() -> None:
    """As RFC 9162 has it: one path leads to one root from a place in a larger tree, too."""
    path = inclusion(NODES, 1, 2)
    assert root_by_inclusion(LEAVES[1], 2, 3, path) == ROOTS[2] != ROOTS[3]


@given(SIZES, st.data())
def test_a_beginning_is_proved_of_its_own_tree_only(size: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, size))
    path = consistency(NODES, old, size)
    other = data.draw(st.sampled_from([path, path[:-1], [*path, EMPTY], path[::-1], [EMPTY, *path[1:]]]))
    first, then = data.draw(st.integers(1, size + MORE)), data.draw(st.integers(1, size + MORE))
    try:
        found = roots_by_consistency(first, then, ROOTS[old], other)
    except ValueError:
        return
    assert found != (ROOTS[old], ROOTS[size]) or other == path
    assert found != (ROOTS[first], ROOTS[then]) or (first == old and other == consistency(NODES, old, then))


@pytest.mark.parametrize(("index", "size"), [(0, 0), (3, 3), (-1, 3), (2**62, 2**63)])
def test_a_leaf_that_is_not_in_a_tree(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="not in a tree"):
        root_by_inclusion(EMPTY, index, size, [])


@pytest.mark.parametrize(("old", "new"), [(0, 3), (4, 3), (-1, 3)])
def test_a_beginning_that_is_none(old: int, new: int) -> None:
    with pytest.raises(ValueError, match="no proof"):
        consistency(NODES, old, new)
    with pytest.raises(ValueError, match="no proof"):
        roots_by_consistency(old, new, EMPTY, [])
