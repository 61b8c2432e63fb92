"""How the demonstration is shown: titles, tables, checks, and how long things took."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console, JustifyMethod
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from ledger.domain.calendar import zone

_WIDTH = 132
"""Columns where the output is no terminal."""

ZONE = zone("Asia/Jakarta")


def local(instant: int) -> str:
    """An instant in Jakarta's time, to the minute."""
    return ZONE.local(instant).strftime("%Y-%m-%d %H:%M")


class Screen:
    """Where everything is shown; `holds` turns False with the first check that fails."""

    def __init__(self) -> None:
        self._console = Console(highlight=False)
        if not self._console.is_terminal:
            self._console.width = _WIDTH
        self.holds = True
        self.took: dict[str, float] = {}

    def say(self, text: str = "") -> None:
        """A line of text, as it is."""
        self._console.print(text, markup=False, soft_wrap=True)

    def title(self, text: str) -> None:
        """What comes next."""
        self._console.print(f"\n{text}", style="bold", markup=False)

    def table(self, title: str, *columns: str) -> Table:
        """A table to fill; columns that begin with > are set flush right."""
        table = Table(
            title=f"\n{title}",
            title_justify="left",
            title_style="bold",
            box=SIMPLE_HEAD,
            show_edge=False,
            padding=(0, 1, 0, 0),
        )
        for column in columns:
            side: JustifyMethod = "right" if column[0] == ">" else "left"
            table.add_column(column.removeprefix(">"), justify=side, overflow="fold")
        return table

    def show(self, table: Table) -> None:
        """Shows a table."""
        self._console.print(table)

    def check(self, what: str, holds: bool) -> None:  # noqa: FBT001 - the fact itself
        """Says whether something is so that must be so."""
        self._console.print(
            f"✓ {what}" if holds else f"✗ {what}: THIS DOES NOT HOLD",
            style="green" if holds else "bold red",
            markup=False,
        )
        self.holds = self.holds and holds

    @contextmanager
    def timed(self, what: str) -> Iterator[None]:
        """Takes the time of something."""
        began = time.perf_counter()
        yield
        self.took[what] = time.perf_counter() - began

    @contextmanager
    def progress(self) -> Iterator[Bar]:
        """A bar, where the output is a terminal."""
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TaskProgressColumn(),
            TimeElapsedColumn(),
        )
        hidden = not self._console.is_terminal
        with Progress(*columns, console=self._console, transient=True, disable=hidden) as progress:
            yield Bar(progress)


class Bar:
    """How far something is."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task: Any = None

    def at(self, what: str, done: int, of: int | None) -> None:
        """So far."""
        if self._task is None:
            self._task = self._progress.add_task(what)
        self._progress.update(self._task, description=what, completed=done, total=of)
