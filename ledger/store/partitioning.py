"""Which partition a subject lies in: the one that it names, or the one that the standard partitioner gives its key."""

from __future__ import annotations

import re
from functools import lru_cache

from kafka.partitioner.default import murmur2

_NAMED = re.compile(r"(?:log|apart|terms/.*)@(0|[1-9][0-9]{0,8})", re.ASCII | re.DOTALL)


@lru_cache(maxsize=200_000)
def partition_of(subject: str, partitions: int) -> int:
    """The partition of a subject: the one that it names (`log@2`), or the standard partitioner's."""
    named = _NAMED.fullmatch(subject)
    if named is not None:
        return int(named[1])
    return int(murmur2(subject.encode()) & 0x7FFFFFFF) % partitions
