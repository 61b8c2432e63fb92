"""The states of accounts as people see them: a bar for each state on one scale of time, as wide as the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING

from ledger.entrypoints.cli.local_times import told_at, told_day
from ledger.entrypoints.cli.output import in_words

if TYPE_CHECKING:
    from ledger.domain.calendar import Zone
    from projections.line.timeline import Span

NARROWEST = 60
"""Columns that a drawing takes at least: with fewer its bars would say nothing."""
SHADES = ("█", "░")
PLAIN_SHADES = ("#", ".")
_DAY = len("2023-07-03")
_BAR = 2 * _DAY + 1
"""Columns of a bar at least: the first and the last day stand above it."""


def drawn(
    spans: Sequence[Span], end: int, width: int, where: Zone, shades: tuple[str, str] = SHADES
) -> Iterator[str]:
    """The lines of a drawing of states until `end`, none longer than `width`, with an axis and a legend.

    Times are those of a zone.

    The cause of a state stands beside its bar, or below where there is no room.
    """
    first = min(span.since for span in spans)
    last = max(end, *(span.since for span in spans))
    stated = max(len(span.state) for span in spans)
    dated = max(len(told_at(span.since, where)) for span in spans)
    left = dated + 1 + stated
    beside = width - left - 2 - max(len(_cause(span)) for span in spans)
    bar = beside if beside >= _BAR else width - left - 1
    axis = f"{told_day(first, where):<{bar - _DAY - 1}} {told_day(last, where)}"
    for account, own in groupby(spans, key=attrgetter("account")):
        yield f"{account}{axis:>{left + 1 + bar - len(account)}}"
        for span in own:
            start, until = (
                (at - first) * bar // max(last - first, 1)
                for at in (span.since, last if span.until is None else span.until)
            )
            start = min(start, bar - 1)
            shown = " " * start + shades[not span.recorded] * max(until - start, 1)
            said = f"{told_at(span.since, where):<{dated}} {span.state:<{stated}} {shown}"
            if bar == beside:
                yield f"{said:<{left + 1 + bar}} {_cause(span)}"
            else:
                yield said
                yield f"  {_cause(span)}"
    yield f"{shades[0]} recorded   {shades[1]} fell due, not yet recorded"


def _cause(span: Span) -> str:
    """The event that began a state, with its clause."""
    return in_words(span.cause) + (f" ({span.clause})" if span.clause else "")
