"""What a benchmark found, as a table and as JSON."""

from __future__ import annotations

import gc
import json
import os
import platform
import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

_AS_IT_COMES = gc.get_threshold()
"""How often Python looks for cycles where nobody says otherwise, as `pulsa` does."""


@dataclass(frozen=True)
class Figure:
    """One row: `value` and `baseline` in `unit`, medians; `ratio` is the median of the runs' own ratios.

    A baseline that is not ours runs with Python as it comes.
    """

    what: str
    unit: str
    value: float
    baseline_name: str = ""
    baseline: float | None = None
    ratio: float | None = None
    at_least: str = ""


def paired(
    what: str,
    unit: str,
    ours: Callable[[], float],
    baseline_name: str,
    theirs: Callable[[], float],
    *,
    runs: int,
    at_least: str = "",
    is_ours_too: bool = False,
) -> Figure:
    """Runs both in turn, a baseline that is not ours with Python as it comes."""
    pairs = []
    for _ in range(runs):
        value = ours()
        with nullcontext() if is_ours_too else _as_it_comes():
            pairs.append((value, theirs()))
    return of_pairs(what, unit, baseline_name, pairs, at_least=at_least)


def of_pairs(
    what: str,
    unit: str,
    baseline_name: str,
    pairs: Sequence[tuple[float, float]],
    *,
    at_least: str = "",
    inverse: bool = False,
) -> Figure:
    """Runs that measured ours and the baseline; `inverse` where less is better (the ratio is baseline over ours)."""
    ratios = [b / a if inverse else a / b for a, b in pairs]
    return Figure(
        what,
        unit,
        statistics.median(a for a, _ in pairs),
        baseline_name,
        statistics.median(b for _, b in pairs),
        statistics.median(ratios),
        at_least,
    )


@contextmanager
def _as_it_comes() -> Iterator[None]:
    """Has Python look for cycles as often as it does by itself."""
    before = gc.get_threshold()
    gc.set_threshold(*_AS_IT_COMES)
    try:
        with set_aside():
            yield
    finally:
        gc.set_threshold(*before)


@contextmanager
def set_aside() -> Iterator[None]:
    """Keeps the search for cycles from walking what is alive now: that is the benchmark's, not of what it measures."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def machine() -> str:
    """What it was measured on."""
    model = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.processor(),
    )
    memory = next(
        (int(line.split()[1]) for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), 0
    )
    return (
        f"{os.cpu_count()} cores ({model}), {memory // 2**20} GiB, {platform.system()} {platform.machine()},"
        f" Python {platform.python_version()}"
    )


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text("utf-8").splitlines()
    except OSError:
        return []


def show(figures: Sequence[Figure], path: Path | None) -> None:
    """Prints the table, and writes the JSON where a path is given."""
    table = Table(title=machine(), title_justify="left")
    for column, justify in (
        ("what", "left"),
        ("here", "right"),
        ("unit", "left"),
        ("baseline in the same run", "left"),
        ("baseline", "right"),
        ("ratio", "right"),
        ("at least", "right"),
    ):
        table.add_column(column, justify="right" if justify == "right" else "left")
    for f in figures:
        table.add_row(
            f.what,
            _number(f.value),
            f.unit,
            f.baseline_name,
            "" if f.baseline is None else _number(f.baseline),
            "" if f.ratio is None else f"{f.ratio:.2f}",
            f.at_least,
        )
    Console().print(table)
    if path is not None:
        content = {"machine": machine(), "figures": [asdict(figure) for figure in figures]}
        path.write_text(json.dumps(content, indent=2) + "\n", "utf-8")


def markdown(figures: Sequence[Figure]) -> str:
    """The same as a table of a document."""
    rows = [
        "| what | here | unit | baseline in the same run | baseline | ratio | at least |",
        "|---|---:|---|---|---:|---:|---:|",
    ]
    for f in figures:
        baseline = "" if f.baseline is None else _number(f.baseline)
        ratio = "" if f.ratio is None else f"{f.ratio:.2f}"
        cells = (f.what, _number(f.value), f.unit, f.baseline_name, baseline, ratio, f.at_least)
        rows.append(f"| {' | '.join(cells)} |")
    return f"{machine()}\n\n" + "\n".join(rows) + "\n"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:,.2f}"
