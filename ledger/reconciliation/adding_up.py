"""Which amounts come to a wanted one: some that follow each other, or two of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

Summands = tuple[int, ...]
"""Places of amounts that come to what is wanted."""
_ENOUGH = 20
"""Solutions after which no more are looked for: more than one is ambiguous."""


def runs(amounts: Sequence[int], wanted: int, longest: int) -> list[Summands]:
    """Runs of two amounts or more, and `longest` at most, that follow each other and come to it: by prefix sums."""
    found: list[Summands] = []
    prefix = 0
    ends: defaultdict[int, list[int]] = defaultdict(list)
    ends[0].append(0)
    for end, amount in enumerate(amounts, 1):
        prefix += amount
        starts = (start for start in ends[prefix - wanted] if 1 < end - start <= longest)
        found.extend(tuple(range(start, end)) for start in starts)
        if len(found) >= _ENOUGH:
            return found[:_ENOUGH]
        ends[prefix].append(end)
    return found


def pairs(amounts: Sequence[int], wanted: int) -> list[Summands]:
    """Two amounts that come to it: by hash."""
    found: list[Summands] = []
    before: defaultdict[int, list[int]] = defaultdict(list)
    for place, amount in enumerate(amounts):
        found.extend((other, place) for other in before[wanted - amount])
        if len(found) >= _ENOUGH:
            return found[:_ENOUGH]
        before[amount].append(place)
    return found
