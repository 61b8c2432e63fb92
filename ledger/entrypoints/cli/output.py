"""What `pulsa` prints: JSON lines and CSV for programs, text and tables for people."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import zip_longest
from typing import TYPE_CHECKING, Annotated, Any
from unicodedata import category

import typer

from ledger.figures import grouped, rupiah

if TYPE_CHECKING:
    from rich.console import Console

    from ledger.application.outcomes import Outcome
    from ledger.domain.events import Event

_OBEYED = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Categories of characters that terminals act on instead of showing them."""
_UNFOLDED = 1000
"""Columns of what no terminal shows: nothing is folded to fit, unless COLUMNS says how wide it is."""
_KEPT = "\N{NO-BREAK SPACE}"
_NARROWEST = 20
"""Columns that there are at least, whatever a terminal says of itself."""
_AT_A_GLANCE = 100
"""Columns of prose that are read at a glance, however wide the terminal is."""

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, a line each.")]
NOTHING_IS_WRITTEN = "dry run: nothing is written"
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


def width_of_prose() -> int:
    """Columns of prose: those of the terminal, up to what is read at a glance; 80 where there is none."""
    return min(shutil.get_terminal_size().columns, _AT_A_GLANCE)


def say_folded(text: str, indent: str = "") -> None:
    """Prints prose in lines that fit, broken between words."""
    for line in folded(text, indent):
        say(line)


def folded(text: str, indent: str = "") -> list[str]:
    """Prose in lines that fit, indented so far; those after the first a little further, if any are indented."""
    return wrapped(text, width_of_prose(), indent, indent + "  " * bool(indent))


def folded_on(text: str) -> list[str]:
    """A heading in lines that fit, broken between words; those after the first stand further in."""
    return wrapped(text, width_of_prose(), "", "    ")


def folded_below(begins: str, text: str) -> list[str]:
    """A text in lines that fit, folded between words; those after the first stand below where the text begins."""
    return wrapped(text, width_of_prose(), begins, " " * len(begins)) or [begins.rstrip()]


def wrapped(text: str, width: int, first: str, then: str) -> list[str]:
    """A text in lines of so many columns, broken between words but not within an amount; each begins as stated."""
    lines = textwrap.wrap(
        re.sub(r"Rp (?=\d)", f"Rp{_KEPT}", text),
        max(width, _NARROWEST),
        initial_indent=first,
        subsequent_indent=then,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace(_KEPT, " ") for line in lines]


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
    if not (out.is_terminal or os.environ.get("COLUMNS", "").isdecimal()):
        out.width = _UNFOLDED
    out.width = max(out.width, _NARROWEST)
    return out


@contextmanager
def counting(what: str) -> Iterator[Callable[[int, int], None] | None]:
    """A progress bar on standard error, told (done, of how many); None where that is no terminal."""
    out = console(stderr=True) if sys.stderr.isatty() else None  # slow to make, for nobody
    if out is None or not out.is_terminal:
        yield None
        return
    from rich.progress import Progress  # slow to import

    with Progress(console=out, refresh_per_second=4, transient=True) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def counted(count: int, what: str) -> str:
    """A number with its noun: `1 event`, `2.000 events`, `3 journal entries`."""
    if count == 1:
        return f"1 {what}"
    return f"{grouped(count)} {_plural(what)}"


def _plural(what: str) -> str:
    if what.endswith("y") and not what.endswith(("ay", "ey", "oy", "uy")):
        return f"{what[:-1]}ies"
    return f"{what[:-1]}ves" if what.endswith("f") else f"{what}s"


def say_outcome(
    outcome: Outcome, happened: Sequence[Event] = (), told: Callable[[str], str] = lambda text: text
) -> None:
    """Prints an outcome for a person, with what its events moved where they are at hand; `told` tells its message."""
    say_folded(f"{outcome.status}: command {outcome.command_id}, position {outcome.position}")
    if outcome.code is not None:
        say_folded(f"{outcome.code}: {told(outcome.message or '')}", "  ")
    for event, own in zip_longest(outcome.events, happened):
        moved = "" if own is None else moved_in_words(own) or _exposed_in_words(own)
        name = event.type.rpartition(".")[2]
        said = f"{name} on {event.account}, version {event.version}"
        say_folded(f"{said}: {moved}" if moved else said, "  ")


def _exposed_in_words(event: Event) -> str:
    """How many a breach's record says that it exposed; empty of every other event."""
    persons = getattr(event, "persons", None)
    return "" if persons is None else counted(persons, "person")


def moved_in_words(event: Event) -> str:
    """What an event moves on its customer's side: `credit -Rp 13.727,40`; empty where it moves nothing there."""
    from ledger.domain.ids import is_operators, part_of

    return ", ".join(
        f"{part_of(posting['account'])} {rupiah(posting['amount'])}"
        for posting in event.postings
        if not is_operators(posting["account"])
    )


def in_words(type_: str) -> str:
    """A type of event as people say it: `Credit forfeited`, of `ledger.prepaid.CreditForfeited`."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type_.rpartition(".")[2])
    return words[:1] + words[1:].lower()
