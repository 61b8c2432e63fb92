"""`pulsa data export`: movements for other programs, each file with a control sheet beside it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ledger.entrypoints.cli import shell
from ledger.entrypoints.cli.local_times import InZone, must_be_in_order, when
from ledger.entrypoints.cli.options import now_of
from ledger.entrypoints.cli.output import counted, say
from ledger.entrypoints.cli.prose import AsOf, KnownAt, ledger_account_of
from ledger.figures import grouped, of_unit

if TYPE_CHECKING:
    from ledger.wiring.settings import Settings
    from projections.money.control_sheet import ControlSheet

_FORMATS = ("hledger", "parquet", "csv")
_CONTROL = ".control.json"

Format = Annotated[str, typer.Argument(metavar="|".join(_FORMATS), help="What to write.")]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        "-o",
        metavar="FILE",
        help="Where to (default: standard output); its control sheet lies beside it.",
    ),
]
Since = Annotated[
    Any,
    typer.Option(
        "--from",
        metavar="INSTANT|DAY",
        parser=when,
        help="Only what was effective from then on.",
        show_default=False,
    ),
]
Until = Annotated[
    Any,
    typer.Option(
        "--to",
        metavar="INSTANT|DAY",
        parser=when,
        help="Only what was effective by then, or by the end of that day.",
        show_default=False,
    ),
]
Accounts = Annotated[
    list[str] | None,
    typer.Option(
        "--account",
        metavar="ACCOUNT",
        parser=ledger_account_of,
        help="Only of that ledger account, account or number; more than once for several.",
    ),
]
Types = Annotated[
    list[str] | None,
    typer.Option("--type", metavar="TYPE", help="Only by events of that type; more than once for several."),
]
SampleSize = Annotated[
    int | None,
    typer.Option(
        "--sample",
        metavar="COUNT",
        min=1,
        help="Only so many transactions, chosen by --seed.",
        show_default=False,
    ),
]
Seed = Annotated[
    int | None,
    typer.Option(
        "--seed", metavar="NUMBER", help="What a sample is chosen by (default: 1).", show_default=False
    ),
]
Pseudonymise = Annotated[
    Path | None,
    typer.Option(
        "--pseudonymise",
        metavar="KEYFILE",
        help="Write other numbers in place of those there are, the same ones for the same key.",
        show_default=False,
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace the files that are there.")]


def export(
    settings: Settings,
    format_: Format,
    out: Out = None,
    overwrite: Overwrite = False,
    since: Since = None,
    until: Until = None,
    account: Accounts = None,
    type_: Types = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    zone: InZone = None,
    sample: SampleSize = None,
    seed: Seed = None,
    pseudonymise: Pseudonymise = None,
) -> int:
    """Write movements for another program: an hledger journal, Parquet (amounts in sen), or CSV (in units).

    It holds what is recorded. What fell due and is not recorded yet, which answers fold in, is not in it:
    `pulsa log advance` records it.
    """
    from ledger.entrypoints.targets import must_be_apart_from_the_log
    from ledger.store.backup import FileExists
    from ledger.wiring import read_side  # slow to import
    from ledger.wiring.pseudonym_keys import pseudonyms_of
    from projections.money import export as exports
    from projections.money.selecting import Sample, WantedMovements, selection

    if format_ not in _FORMATS:
        raise typer.BadParameter(f"{format_!r} is not one of {', '.join(_FORMATS)}")
    if format_ == "parquet" and out is None:
        raise typer.BadParameter("parquet needs --out FILE")
    must_be_in_order(since, until)
    seed_of(sample, seed)
    for target in [] if out is None else [out, _control_of(out)]:
        must_be_apart_from_the_log("--out", target, settings)
        if target.is_file() and not overwrite:
            raise FileExists(f"{target}: there is a file of that name already; --overwrite replaces it")
    wanted = WantedMovements(as_of, known_at, since, until, account or (), type_ or (), zone)
    chosen = None if sample is None else Sample(sample, seed_of(sample, seed))
    alias = str if pseudonymise is None else pseudonyms_of(pseudonymise).of
    with ExitStack() as stack:
        readers = stack.enter_context(read_side.readers(settings))
        logs = [stack.enter_context(one.snapshot()) for one in readers]
        selected = selection(logs, wanted, now_of(settings))
        if out is None:
            exports.export(format_, logs, selected, sys.stdout.buffer, sample=chosen, alias=alias)
            return shell.DONE
        with _all_or_nothing(out) as path, path.open("wb") as file:
            sheet = exports.export(format_, logs, selected, file, sample=chosen, alias=alias)
        if out.is_file():
            with _all_or_nothing(_control_of(out)) as path:
                path.write_text(json.dumps({"file": out.name, **sheet.to_json()}, indent=2) + "\n", "utf-8")
            _say(out, sheet)
    return shell.DONE


def seed_of(sample: int | None, seed: int | None) -> int:
    """What a sample is chosen by. Raises a usage error where a seed is stated of none."""
    if sample is None and seed is not None:
        raise typer.BadParameter("--seed says what a sample is chosen by; it needs --sample COUNT")
    return 1 if seed is None else seed


def _control_of(out: Path) -> Path:
    return out.with_name(out.name + _CONTROL)


def _say(out: Path, sheet: ControlSheet) -> None:
    of = "" if sheet.population is None else f", a sample of {grouped(sheet.population)}"
    say(f"{out.name}: {counted(sheet.transactions, 'transaction')}{of}, {counted(sheet.postings, 'posting')}")
    if sheet.first is not None:
        say(f"from {sheet.first} to {sheet.last}, in days of {', '.join(sheet.selected.zones)}")
    for row in sheet.rows:
        say(f"  {row.account:<40} {of_unit(row.amount, row.unit):>30}")
    say(f"sha256 {sheet.digest}")


@contextmanager
def _all_or_nothing(out: Path) -> Iterator[Path]:
    """Where to write a file that takes its place once it is whole; what is no file is written to at once."""
    if out.exists() and not out.is_file():
        yield out
        return
    part = out.with_name(f"{out.name}.part")
    try:
        yield part
        part.replace(out)
    except OSError as error:
        error.filename = error.filename or str(out)
        raise
    finally:
        part.unlink(missing_ok=True)
