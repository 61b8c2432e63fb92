"""Tables for people: as wide as the terminal, figures and instants whole, and nothing said on every row."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from ledger.entrypoints.cli.output import console, say, shown, wrapped

if TYPE_CHECKING:
    from rich.console import Console, JustifyMethod

_WHOLE = 40
"""Columns that a word of a table may take before it is broken: paths and digests are longer, amounts never."""
_ZERO = {"0", "Rp 0"}
_BELOW = " " * 4

Rows = Sequence[Sequence[str]]


def say_table(title: str, columns: Sequence[str], rows: Rows, *, right: Collection[str] = ()) -> None:
    """Prints a table; the columns in `right` are set flush right and stay whole.

    A column that is empty is left out, and one that says the same on every row, or zero, is said once above the table.
    What does not fit is folded between words; where that is not enough each row is told in words, `name value; name
    value`, and a row that is the only one as a list.
    """
    columns, rows, always = _without_repeats(columns, [[shown(cell) for cell in row] for row in rows], right)
    out = console()
    if title:
        out.print(shown(title))
    if always:
        for line in packed("", [f"{heading(name)} {_apart(value)}" for name, value in always], out.width):
            say(line)
    if not columns:
        return
    by_column = [[heading(name), *cells] for name, cells in zip(columns, _turned(rows, columns), strict=True)]
    whole = [name in right for name in columns]
    least = [_least(cells, stays=stays) for cells, stays in zip(by_column, whole, strict=True)]
    if sum(least) + len(columns) - 1 > out.width:
        if len(rows) == 1:
            fields = zip(columns, rows[0], strict=True)
            say_table("", ["what", "is"], [[heading(name), _apart(cell)] for name, cell in fields])
            return
        for row in rows:
            pairs = [
                f"{heading(name)} {_apart(cell)}" for name, cell in zip(columns, row, strict=True) if cell
            ]
            for line in packed("", [row[0], *pairs[1:]] if row[0] and not whole[0] else pairs, out.width):
                say(line)
        return
    _print(out, by_column, rows, whole, least)


def heading(name: str) -> str:
    """A field's name as people read it: `overdue 1-30`, `due on`."""
    return re.sub(r"(?<=\d) (?=\d)", "-", name.replace("_", " "))


def packed(begins: str, pieces: Sequence[str], width: int) -> list[str]:
    """Pieces in as few lines as fit, parted by semicolons and broken between them; later lines stand further in."""
    lines: list[str] = []
    line = begins
    for number, piece in enumerate(pieces):
        said = piece if number + 1 == len(pieces) else f"{piece};"
        if line.strip() and len(line) + 1 + len(said) > width:
            lines.append(line)
            line = _BELOW
        line = f"{line} {said}" if line.strip() else f"{line}{said}"
        if len(line) > width:
            *before, line = wrapped(line, width, "", _BELOW)
            lines += before
    return [*lines, line]


def _apart(text: str) -> str:
    """A text whose instants, which stood as one word lest a column break them, are told as elsewhere."""
    return re.sub(
        r"\b([0-9]{4}-[0-9]{2}-[0-9]{2})T([0-9]{2}:[0-9]{2}:[0-9]{2})\b(?!Z|[+-]?[0-9])", r"\1 \2", text
    )


def _turned(rows: Rows, columns: Sequence[str]) -> list[tuple[str, ...]]:
    return list(zip(*rows, strict=True)) if rows else [() for _ in columns]


def _without_repeats(
    columns: Sequence[str], rows: list[list[str]], right: Collection[str]
) -> tuple[list[str], Rows, list[tuple[str, str]]]:
    """The columns that differ from row to row, with their cells; and what is the same on all of several rows."""
    kept, always = [], []
    for at, name in enumerate(columns):
        values = {row[at] for row in rows}
        if values == {""}:
            continue
        if len(rows) > 1 and len(values) == 1 and (name not in right or values <= _ZERO):
            always.append((name, rows[0][at]))
        else:
            kept.append(at)
    if not kept and always:  # rows that are all alike
        return list(columns), rows, []
    return [columns[at] for at in kept], [[row[at] for at in kept] for row in rows], always


def _least(cells: Sequence[str], *, stays: bool) -> int:
    """Columns that a column's cells need at least."""
    from rich.cells import cell_len

    if stays:
        return max(cell_len(cells[0].rpartition(" ")[2]), *map(cell_len, cells[1:]), 1)
    return min(max(cell_len(word) for cell in cells for word in cell.split()), _WHOLE)


def _print(out: Console, by_column: list[list[str]], rows: Rows, whole: list[bool], least: list[int]) -> None:
    from rich.box import SIMPLE_HEAD  # slow to import
    from rich.cells import cell_len
    from rich.table import Table

    gap = 2 if sum(least) + 2 * (len(least) - 1) <= out.width else 1
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, gap - 1, 0, 0))
    room = out.width - sum(least) - gap * (len(least) - 1)
    for cells, stays, width in zip(by_column, whole, least, strict=True):
        more = min(max(map(cell_len, cells)) - width, room)
        room -= more
        justify: JustifyMethod = "right" if stays else "left"
        table.add_column(cells[0], justify=justify, overflow="fold", width=width + more)
    for row in rows:
        table.add_row(*row)
    with out.capture() as laid_out:
        out.print(table)
    out.file.write(re.sub(r" +$", "", _apart(laid_out.get()), flags=re.MULTILINE))
