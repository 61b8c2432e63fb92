"""Trees and proofs of RFC 9162: the published roots, every proof of every small tree, and no other passes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.audit.transparency.merkle import (
    EMPTY,
    Nodes,
    consistency,
    inclusion,
    leaf_hash,
    node_hash,
    range_root,
    root_by_inclusion,
    root_of,
    roots_by_consistency,
)

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
LEAVES = [leaf_hash(str(number).encode()) for number in range(40)]
SIZES = st.integers(2, len(LEAVES))


def by_definition(hashes: list[bytes]) -> bytes:
    """The root as section 2.1.1 defines it."""
    if len(hashes) < 2:
        return hashes[0] if hashes else EMPTY
    split = 1
    while split * 2 < len(hashes):
        split *= 2
    return node_hash(by_definition(hashes[:split]), by_definition(hashes[split:]))


def nodes_of(hashes: list[bytes]) -> Nodes:
    return lambda height, index: by_definition(hashes[index << height : (index + 1) << height])


NODES = nodes_of(LEAVES)


def test_the_published_roots() -> None:
    hashes = [leaf_hash(bytes.fromhex(data)) for data, _ in PUBLISHED]
    for size, (_, root) in enumerate(PUBLISHED, 1):
        assert root_of(hashes[:size]).hex() == root
        assert range_root(nodes_of(hashes), 0, size).hex() == root
    assert root_of([]) == EMPTY


def test_every_proof_of_every_small_tree() -> None:
    for size in range(1, len(LEAVES) + 1):
        root = by_definition(LEAVES[:size])
        for index in range(size):
            path = inclusion(NODES, index, size)
            assert root_by_inclusion(LEAVES[index], index, size, path) == root
        for old in range(1, size + 1):
            before = by_definition(LEAVES[:old])
            path = consistency(NODES, old, size)
            assert roots_by_consistency(old, size, before, path) == (before, root)


@given(SIZES, st.data())
def test_a_leaf_is_proved_at_its_own_place_in_its_own_tree_only(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    path = inclusion(NODES, index, size)
    place = (data.draw(st.integers(0, size + 3)), data.draw(st.integers(1, size + 3)))
    other = data.draw(
        st.sampled_from([path, path[:-1], [*path, EMPTY], path[::-1], [EMPTY, *path[1:]], [*path, *path]])
    )
    try:
        root = root_by_inclusion(LEAVES[index], *place, other)
    except ValueError:
        return
    assert root != by_definition(LEAVES[:size]) or (place[0] == index and other == path)


@given(SIZES, st.data())
def test_a_beginning_is_proved_of_its_own_tree_only(size: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, size))
    path = consistency(NODES, old, size)
    before, root = by_definition(LEAVES[:old]), by_definition(LEAVES[:size])
    other = data.draw(st.sampled_from([path, path[:-1], [*path, EMPTY], path[::-1], [EMPTY, *path[1:]]]))
    sizes = (data.draw(st.integers(1, size + 3)), data.draw(st.integers(1, size + 3)))
    try:
        found = roots_by_consistency(*sizes, before, other)
    except ValueError:
        return
    assert found != (before, root) or other == path


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
