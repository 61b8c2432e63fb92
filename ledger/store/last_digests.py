"""The last digest of the streams that a writer was at last: what their next event is chained to."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping

REMEMBERED = 100_000
"""Streams of which it is remembered, as many as there are subjects in memory; of others it is looked up."""


class LastDigests:
    """Versions and digests by stream; the stream that was not met for longest is forgotten first."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, tuple[int, bytes]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def get(self, stream: str) -> tuple[int, bytes] | None:
        """The last version, and its digest; None where they are not at hand."""
        return self._known.get(stream)

    def take(self, ends: Mapping[str, tuple[int, bytes]]) -> None:
        """Remembers how some streams end now."""
        known = self._known
        for stream, end in ends.items():
            known[stream] = end
            known.move_to_end(stream)
        while len(known) > REMEMBERED:
            known.popitem(last=False)

    def drop(self, streams: Iterable[str]) -> None:
        """Forgets some streams."""
        for stream in streams:
            self._known.pop(stream, None)

    def clear(self) -> None:
        """Forgets all: what was written may not stand."""
        self._known.clear()
