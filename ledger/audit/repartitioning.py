"""Plays a log into another number of partitions, in files: every account as it was, where it falls to now.

Events keep account, version, body and digest; a journal entry goes with its subject, so that what is sent again is
answered as before. Positions are new. What is about whole partitions is made anew: their beginning, the terms that they
use, and how far they are closed. What one command brought about on numbers that now lie apart is told by entries of
their own, as if it had been sent from one partition to the other; what fell due at a closing, as if each number had
been advanced.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from ledger.audit.entries_split import AT_ONCE, played
from ledger.audit.findings import Report
from ledger.audit.repartitioned import NewPartition, Repartitioned, Sources, closed_through
from ledger.audit.transfer_halves import TransferHalves
from ledger.audit.verification import verify
from ledger.domain.kinds import is_keyed
from ledger.errors import LogDamaged
from ledger.progress import Progress
from ledger.store.copying import CopyRefused, Source
from ledger.store.partitioning import partition_of


def repartition(
    sources: Sequence[Source],
    folder: Path,
    partitions: int,
    progress: Progress | None = None,
) -> list[Repartitioned]:
    """Makes `partition-0.db` and those that follow it in an empty folder; the sources are only read.

    Raises CopyRefused where the log has something that cannot be played (what is set apart, other subjects), LogDamaged
    where the sources are not what their digests name, or what comes of it does not verify.
    """
    for source in sources:
        source.extent()
    before = _last_digests(sources)
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise CopyRefused(f"{folder}: it is not empty")
    with ExitStack() as stack:
        book = Sources(sources)
        targets = [
            stack.enter_context(closing(NewPartition(folder, number, partitions, sources, book)))
            for number in range(partitions)
        ]
        total, done = sum(source.events for source in sources), 0
        for parts, count in played(sources, partitions, book.codec):
            for said in parts:
                targets[partition_of(said.subject, partitions)].take(said)
            done += count
            if progress is not None and done % AT_ONCE < count:
                progress(done, total)
        through = closed_through(sources, book.codec)
        made = [target.finish(through) for target in targets]
    _check(before, folder, partitions)
    return made


_LAST = "SELECT originator_id, max(originator_version), digest FROM stored_events GROUP BY originator_id"


def _last_digests(sources: Sequence[Source]) -> dict[str, tuple[Any, ...]]:
    """The last version and digest of every stream that a key decides about.

    Raises LogDamaged where one lies in two partitions.
    """
    found: dict[str, tuple[Any, ...]] = {}
    for source in sources:
        for name, *last in source.rows(_LAST):
            if not is_keyed(name):
                continue
            if name in found:
                raise LogDamaged(f"{name} lies in two partitions")
            found[name] = tuple(last)
    return found


def _check(before: dict[str, tuple[Any, ...]], folder: Path, partitions: int) -> None:
    """Raises LogDamaged unless every account ends with the digest that it had, and each partition verifies."""
    transfers, whole = TransferHalves(), Report(str(folder))
    for number in range(partitions):
        path = folder / f"partition-{number}.db"
        with closing(Source(path, number)) as made:
            for name, *last in made.rows(_LAST):
                if is_keyed(name) and before.pop(name, None) != tuple(last):
                    raise LogDamaged(f"{name} is not what it was")
        report = verify(
            path,
            partition=number,
            partitions=partitions,
            is_here=lambda subject, here=number: partition_of(subject, partitions) == here,  # type: ignore[misc]
            transfers=transfers,
        )
        whole.join(report)
    transfers.settle(whole)
    if whole.damage is not None:
        raise LogDamaged(f"{folder} does not verify: {whole.damage}")
    if before:
        raise LogDamaged(f"{next(iter(before))} is missing")
