"""What `pulsa` prints: JSON lines and CSV for programs, text and tables for people."""

from __future__ import annotations

import csv
import json
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import zip_longest
from typing import TYPE_CHECKING, Annotated, Any
from unicodedata import category

import typer

if TYPE_CHECKING:
    from rich.console import Console, JustifyMethod

    from ledger.application.outcomes import Outcome
    from ledger.domain.events import Event

_OBEYED = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Categories of characters that terminals act on instead of showing them."""
_UNFOLDED = 1000
"""Columns of what no terminal shows: nothing is folded to fit."""
_WHOLE = 40
"""Columns that a word of a table may take before it is broken: paths and digests are longer, amounts never."""

_AT_A_GLANCE = 100
"""Columns of prose that are read at a glance, however wide the terminal is."""

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, a line each.")]
AsCsv = Annotated[bool, typer.Option("--csv", help="Print CSV, a line each below a header.")]


def say(text: str) -> None:
    """Prints a line on standard output."""
    sys.stdout.write(f"{shown(text)}\n")


def say_json(value: Any) -> None:  # noqa: ANN401 - any JSON
    """Prints a value as one line of JSON: in ASCII where a terminal might not show, or might obey, what is in it."""
    import msgspec

    text = msgspec.json.encode(value).decode()
    if not (text.isprintable() and printable(text)):
        text = json.dumps(msgspec.json.decode(text), separators=(",", ":"))
    sys.stdout.write(f"{text}\n")


def shown(text: str) -> str:
    """A text with escapes in place of what a terminal would obey: control characters, and changes of direction."""
    return text if text.isprintable() else "".join(map(_shown, text))


def _shown(character: str) -> str:
    if character in "\n\t" or category(character) not in _OBEYED:
        return character
    return character.encode("unicode_escape").decode()


def told(
    records: Iterable[dict[str, Any]], *, as_json: bool, as_csv: bool, columns: Sequence[str] = ()
) -> bool:
    """Prints records as programs read them, if that is asked for; else it is left to the caller to tell people."""
    if as_json and as_csv:
        raise typer.BadParameter("say --json or --csv, not both")
    if as_json:
        for record in records:
            say_json(record)
    elif as_csv:
        _say_csv(records, columns)
    return as_json or as_csv


def _say_csv(records: Iterable[dict[str, Any]], columns: Sequence[str]) -> None:
    """A header of the columns (of the first record's, where none are stated), and a line for each record."""
    writer: csv.DictWriter[str] | None = None
    for cells in map(_cells, records):
        if writer is None:
            writer = _csv_of(columns or list(cells))
        writer.writerow(cells)
    if writer is None and columns:
        _csv_of(columns)


def _csv_of(columns: Sequence[str]) -> csv.DictWriter[str]:
    writer = csv.DictWriter(sys.stdout, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    return writer


def _cells(record: dict[str, Any]) -> dict[str, Any]:
    """A record in one level: what is within `usage` becomes `usage_…`, a list stays JSON."""
    import msgspec

    cells: dict[str, Any] = {}
    for name, value in record.items():
        if isinstance(value, dict):
            cells |= {f"{name}_{inner}": own for inner, own in _cells(value).items()}
        elif isinstance(value, list | bool):
            cells[name] = msgspec.json.encode(value).decode()
        else:
            cells[name] = value
    return cells


def say_table(
    title: str, columns: list[str], rows: list[list[str]], *, right: frozenset[str] = frozenset()
) -> None:
    """Prints a table; the columns in `right` are set flush right.

    What does not fit is folded between words: amounts, instants and accounts stay whole. Where that is not
    enough the table has no frame, and may be wider than the terminal.
    """
    from rich.box import SIMPLE_HEAD  # slow to import
    from rich.cells import cell_len
    from rich.table import Table

    title, rows = shown(title), [[shown(cell) for cell in row] for row in rows]
    out = console()
    frame, gaps = 3 * len(columns) + 1, len(columns) - 1
    by_column = list(zip(columns, *rows, strict=True))
    widths = [
        min(max(cell_len(word) for cell in cells for word in cell.split()), _WHOLE) for cells in by_column
    ]
    if sum(widths) + frame <= out.width:
        table = Table(title=title or None, title_justify="left")
        room = out.width - sum(widths) - frame
    else:
        table = Table(title=title or None, title_justify="left", box=SIMPLE_HEAD, show_edge=False, padding=0)
        out.width = max(out.width, sum(widths) + gaps)
        room = out.width - sum(widths) - gaps
    for cells, width in zip(by_column, widths, strict=True):
        more = min(max(map(cell_len, cells)) - width, room)
        room -= more
        justify: JustifyMethod = "right" if cells[0] in right else "left"
        table.add_column(cells[0], justify=justify, overflow="fold", width=width + more)
    for row in rows:
        table.add_row(*row)
    out.print(table)


def folded_below(begins: str, text: str) -> list[str]:
    """A text in lines that fit, folded between words; those after the first stand below where the text begins."""
    width = min(shutil.get_terminal_size().columns, _AT_A_GLANCE)
    whole = textwrap.wrap(
        text,
        width,
        initial_indent=begins,
        subsequent_indent=" " * len(begins),
        break_long_words=False,
        break_on_hyphens=False,
    )
    return whole or [begins.rstrip()]


def printable(text: str) -> bool:
    """Whether standard output can show a text: not where its encoding lacks a character."""
    try:
        text.isascii() or text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def console(*, stderr: bool = False) -> Console:
    """A console that takes values as they are: no markup, no colours by guess."""
    from rich.console import Console  # slow to import

    class Plain(Console):
        """rich's, but that a reader who has seen enough is not a failure of its own."""

        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    out = Plain(stderr=stderr, markup=False, highlight=False)
    if not out.is_terminal:
        out.width = _UNFOLDED
    return out


@contextmanager
def counting(what: str) -> Iterator[Callable[[int, int], None] | None]:
    """A progress bar on standard error, told (done, of how many); None where that is no terminal."""
    out = console(stderr=True)
    if not out.is_terminal:
        yield None
        return
    from rich.progress import Progress  # slow to import

    with Progress(console=out, refresh_per_second=4, transient=True) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def counted(count: int, what: str) -> str:
    """A number with its noun: `1 event`, `2,000 events`, `3 journal entries`."""
    if count == 1:
        return f"1 {what}"
    plural = f"{what[:-1]}ies" if what.endswith("y") else f"{what}s"
    return f"{count:,} {plural}"


def say_outcome(outcome: Outcome, happened: Sequence[Event] = ()) -> None:
    """Prints an outcome for a person, with what its events moved where they are at hand."""
    say(f"{outcome.status}: command {outcome.command_id}, position {outcome.position}")
    if outcome.code is not None:
        say(f"  {outcome.code}: {outcome.message}")
    for event, own in zip_longest(outcome.events, happened):
        moved = "" if own is None else _moved(own)
        say(f"  {event.type} on {event.account}, version {event.version}{moved}")


def _moved(event: Event) -> str:
    """What an event moves on its customer's side, as it is written in Indonesia."""
    from ledger.domain.kinds import is_operators, part_of
    from ledger.entrypoints.amounts import rupiah

    parts = [
        f"{part_of(posting['account'])} {rupiah(posting['amount'])}"
        for posting in event.postings
        if not is_operators(posting["account"])
    ]
    return f": {', '.join(parts)}" if parts else ""
