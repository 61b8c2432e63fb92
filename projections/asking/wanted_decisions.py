"""Which decided commands of a log are wanted: of whom, what, when, with which answer; or a sample of them."""

from __future__ import annotations

import hashlib
import heapq
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import date
from itertools import islice
from typing import NamedTuple, TypeVar

from ledger.domain.calendar import NEVER, Zone
from ledger.domain.ids import subject_of
from projections.engine.instants import When
from projections.engine.reader import Decided, LogSnapshot

MOST_DECISIONS_SAMPLED = 100_000
"""Decisions of a sample, which are held in memory."""

_Log = TypeVar("_Log", bound=LogSnapshot)


class WantedDecisions(NamedTuple):
    """Decisions of a `subject`, of some `commands`, with some `codes`, or `refused` ones only; of all where not said.

    `since` and `until` bound when they were taken, both included: a day from its beginning, or to its end. With `size`,
    only so many, chosen by a seed: those whose SHA-256 of `seed:partition:entry` is least, so that whoever knows the
    seed can choose them again, in any language. With `last`, the last so many of all that is said so far.
    """

    subject: str | None = None
    commands: Collection[str] = ()
    codes: Collection[str] = ()
    refused: bool = False
    since: When = None
    until: When = None
    size: int | None = None
    seed: int = 1
    last: int | None = None

    def bounds(self, own: Callable[[], Zone]) -> tuple[int, int]:
        """The instants that bound them; `own` tells the zone whose days are meant. It may raise SeveralZones."""
        since = own().midnight(self.since) if isinstance(self.since, date) else self.since
        until = own().last_instant(self.until) if isinstance(self.until, date) else self.until
        return -NEVER if since is None else since, NEVER if until is None else until

    def has(self, decided: Decided) -> bool:
        """Whether a decision is wanted, whenever it was."""
        return (
            (self.subject is None or decided.subject == subject_of(self.subject))
            and (not self.commands or decided.name in self.commands)
            and (not self.codes or decided.code in self.codes)
            and not (self.refused and decided.code is None)
        )

    def drawn(self, found: Iterable[tuple[_Log, Decided]]) -> Iterable[tuple[_Log, Decided]]:
        """All of them, or the sample, in their order; or the last of these."""
        sampled = self._sampled(found)
        return sampled if self.last is None else deque(sampled, maxlen=self.last)

    def _sampled(self, found: Iterable[tuple[_Log, Decided]]) -> Iterator[tuple[_Log, Decided]]:
        if self.size is None:
            yield from found
            return
        kept: list[tuple[int, int, tuple[_Log, Decided]]] = []  # the largest digest of them first
        for number, one in enumerate(found):
            log, decided = one
            own = hashlib.sha256(f"{self.seed}:{log.partition}:{decided.entry}".encode()).digest()
            put = heapq.heappush if len(kept) < min(self.size, MOST_DECISIONS_SAMPLED) else heapq.heappushpop
            put(kept, (-int.from_bytes(own, "big"), number, one))
        for _, _, one in sorted(kept, key=lambda drawn: drawn[1]):
            yield one


EVERY_DECISION = WantedDecisions()


def chosen(log: _Log, wanted: WantedDecisions, since: int, until: int) -> Iterable[tuple[_Log, Decided]]:
    """The decisions of a partition that are wanted, in order; of the last ones, no more than these are looked for."""
    of_one = None if wanted.subject is None else subject_of(wanted.subject)
    backwards = wanted.last is not None and wanted.size is None and of_one is None
    found = log.decisions(last_first=backwards) if of_one is None else log.decided(of_one)
    those = ((log, one) for one in found if since <= one.at <= until and wanted.has(one))
    return [*islice(those, wanted.last)][::-1] if backwards else those
