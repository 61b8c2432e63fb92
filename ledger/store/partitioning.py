"""Which partition a subject lies in: the one that it names, or the one that the standard partitioner gives its key."""

from __future__ import annotations

from functools import lru_cache

from kafka.partitioner.default import murmur2

from ledger.domain.ids import partition_named


@lru_cache(maxsize=200_000)
def partition_of(subject: str, partitions: int) -> int:
    """The partition of a subject: the one that it names (`log@2`), or the standard partitioner's."""
    named = partition_named(subject)
    if named is not None:
        return named
    return int(murmur2(subject.encode()) & 0x7FFFFFFF) % partitions
