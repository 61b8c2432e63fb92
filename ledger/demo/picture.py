"""Draws one account's credit over time, with its states below and what was lost marked: the README's picture.

`python -m ledger.demo.picture FILE` plays the life that it is of, asks the ledger, and writes the picture (SVG).
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import chain, pairwise
from pathlib import Path
from typing import NamedTuple

from ledger.demo.screen import ZONE
from ledger.domain.calendar import DAY
from ledger.domain.prepaid.events import CreditForfeited
from ledger.entrypoints import clock
from ledger.entrypoints.cli.options import reader_for
from ledger.entrypoints.ingest import Ingest
from ledger.figures import rupiah
from ledger.simulation.cast import LAPSING, SP23, Role
from ledger.simulation.feed import BEGINNING, Feed
from ledger.simulation.stories import lapses_and_returns
from ledger.wiring.composition import opened
from ledger.wiring.settings import Settings
from projections.asking.log_answers import HistoryEvent

_DAYS = 174
"""How much of the life is drawn."""
END = BEGINNING + _DAYS * DAY
_WIDTH, _HEIGHT = 860, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 84, 20, 40, 66
_MOST = 6_000_000
"""The highest credit on the scale, in sen."""
_SCALE = (0, 2_000_000, 4_000_000, 6_000_000)
_COLOURS = {"inactive": "#c9c9c9", "active": "#3f8f5a", "grace": "#d9a514", "waiting": "#c05a28"}


class DrawnLife(NamedTuple):
    """What is drawn: credit (sen) from an instant on, states from one to another, and what was lost when."""

    credit: list[tuple[int, int]]
    states: list[tuple[str, int, int]]
    lost: list[tuple[int, int, str]]


def played(folder: Path) -> Settings:
    """Plays the life of a subscriber whose number lapses on a log in a folder."""
    feed = Feed()
    lapses_and_returns(Role(feed, 0, SP23))
    records = folder / "records.jsonl"
    records.write_text("".join(f"{json.dumps(record)}\n" for record in feed.until(END)), "utf-8")
    settings = Settings(log=folder / "life.db", clock="played")
    with opened(settings) as log:
        ledger = log.writer()
        Ingest(ledger, reader_for(ledger, settings)).run([str(records)])
        clock.tick([ledger], END, asked=True)
    return settings


def life() -> DrawnLife:
    """That life, as the ledger tells it."""
    with tempfile.TemporaryDirectory() as folder, opened(played(Path(folder))) as log:
        asked = log.questions(lambda: END)
        lines = [line for line in asked.history(LAPSING) if isinstance(line, HistoryEvent)]
        spans = [(span.state, span.since, span.until or END) for span in asked.timeline(LAPSING).rows]
    credit = list(_in_valid_time(lines))
    lost = [
        (event.effective_at, event.amount, event.clause or "")
        for event in (line.line.event for line in lines)
        if isinstance(event, CreditForfeited)
    ]
    return DrawnLife(
        credit, [(state, since, min(until, END)) for state, since, until in spans if since < END], lost
    )


def _in_valid_time(lines: Sequence[HistoryEvent]) -> Iterator[tuple[int, int]]:
    """The credit from each change on, by when it was so: a record that came late counts from the use on."""
    changes, before = [], 0
    for line in lines:
        changes.append((line.line.event.effective_at, line.credit - before))
        before = line.credit
    held = 0
    for at, change in sorted(changes, key=lambda one: one[0]):
        held += change
        yield at, held


def drawn(found: DrawnLife) -> str:
    """The picture."""
    parts = (_head(), _months(), _scale(), _states(found), _credit(found), _lost(found))
    return "\n".join([*chain.from_iterable(parts), "</svg>", ""])


def _head() -> Iterator[str]:
    yield f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif"'
    yield ' font-size="12"><title>The credit of one account over time</title>'
    yield f'<rect width="{_WIDTH}" height="{_HEIGHT}" rx="6" fill="#ffffff"/>'
    yield f'<text x="{_LEFT}" y="20" font-size="14" font-weight="bold" fill="#222">Credit of {LAPSING}</text>'


def _x(instant: int) -> float:
    return round(_LEFT + (instant - BEGINNING) / (END - BEGINNING) * (_WIDTH - _LEFT - _RIGHT), 1)


def _y(sen: int) -> float:
    return round(_HEIGHT - _BOTTOM - sen / _MOST * (_HEIGHT - _TOP - _BOTTOM), 1)


def _months() -> Iterator[str]:
    year, month = 2024, 7
    while (start := ZONE.midnight(date(year, month, 1))) < END:
        x = _x(start)
        yield f'<path d="M{x} {_TOP}V{_HEIGHT - _BOTTOM}" stroke="#eee"/>'
        yield f'<text x="{x + 3}" y="{_HEIGHT - 8}" fill="#666">{date(year, month, 1):%b %Y}</text>'
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)  # noqa: PLR2004 - months


def _scale() -> Iterator[str]:
    for sen in _SCALE:
        y = _y(sen)
        yield f'<path d="M{_LEFT} {y}H{_WIDTH - _RIGHT}" stroke="#ddd"/>'
        yield f'<text x="{_LEFT - 6}" y="{y + 4}" text-anchor="end" fill="#666">{rupiah(sen)}</text>'


def _states(found: DrawnLife) -> Iterator[str]:
    y = _HEIGHT - _BOTTOM + 10
    for state, since, until in found.states:
        x, width = _x(since), round(_x(until) - _x(since), 1)
        yield f'<rect x="{x}" y="{y}" width="{width}" height="18" fill="{_COLOURS[state]}"/>'
        if width > len(state) * 7:
            yield f'<text x="{x + 5}" y="{y + 13}" fill="#fff">{state}</text>'


def _credit(found: DrawnLife) -> Iterator[str]:
    path = [f"M{_x(found.credit[0][0])} {_y(found.credit[0][1])}"]
    steps: Sequence[tuple[int, int]] = [*found.credit, (END, found.credit[-1][1])]
    for (_, before), (at, now) in pairwise(steps):
        path.append(f"H{_x(at)}")
        if now != before:
            path.append(f"V{_y(now)}")
    yield f'<path d="{"".join(path)}" fill="none" stroke="#1f5fa8" stroke-width="2"/>'


def _lost(found: DrawnLife) -> Iterator[str]:
    for at, amount, clause in found.lost:
        x, y, label = _x(at), _y(amount), _TOP + 22
        yield f'<path d="M{x} {label + 6}V{y}" stroke="#c22" stroke-dasharray="3 3"/>'
        yield f'<path d="M{x} {y}V{_y(0)}" stroke="#c22" stroke-width="4"/>'
        yield f'<circle cx="{x}" cy="{y}" r="5" fill="#c22"/>'
        said = f"{rupiah(amount)} forfeited, {ZONE.local(at):%-d %B %Y}, {clause}"
        yield f'<text x="{x + 6}" y="{label}" text-anchor="end" fill="#c22" font-weight="bold">{said}</text>'


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(drawn(life()), "utf-8")
