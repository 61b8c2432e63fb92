"""What auditors ask for: `replay`, `export`."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

from ledger import terms as files
from ledger.bootstrap import journaled, known_terms
from ledger.domain.calendar import format_instant
from ledger.domain.money import format_amount
from ledger.entrypoints.cli import shell
from ledger.entrypoints.cli.asking import instant
from ledger.entrypoints.cli.options import with_settings
from ledger.entrypoints.cli.output import AsCsv, AsJson, counting, say, say_table, told
from ledger.settings import Settings

_PANEL = "Projections"
_MONEY = frozenset({"was", "would be", "difference"})
_DIFFERENCE = [
    "account",
    *(f"{when}_{what}" for when in ("was", "would_be") for what in ("credit", "state", "active_until")),
    "credit_difference",
]
_FORMATS = ("hledger", "parquet", "csv")


TermsFiles = Annotated[
    list[Path] | None,
    typer.Option(
        "--terms", metavar="FILE", help="Decide under these terms in place of those of the same id."
    ),
]
From = Annotated[
    int | None,
    typer.Option("--from", metavar="INSTANT", parser=instant, help="The other terms hold from then on."),
]
To = Annotated[
    int | None, typer.Option("--to", metavar="INSTANT", parser=instant, help="Only commands before then.")
]
Format = Annotated[str, typer.Argument(metavar="|".join(_FORMATS), help="What to write.")]
Out = Annotated[
    Path | None, typer.Option("--out", "-o", metavar="FILE", help="Where to (default: standard output).")
]


def replay(
    settings: Settings,
    terms: TermsFiles = None,
    since: From = None,
    until: To = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> int:
    """Decide the journaled commands again, and say what would differ. Nothing is written."""
    from ledger.replaying import replay as run  # slow to import

    others = [files.load(path) for path in terms or ()]
    readers, partition_of = journaled(settings)
    with counting("replaying") as progress:
        found = run(
            readers,
            known_terms(settings),
            partition_of=partition_of,
            terms=others,
            since=since,
            until=until,
            progress=progress,
        )
    records = (one.to_json() for one in (found.differences if as_csv else [found]))
    if told(records, as_json=as_json, as_csv=as_csv, columns=_DIFFERENCE):
        pass
    elif found.empty:
        say(f"{found.commands:,} commands: the same events, the same refusals")
    else:
        say(f"{found.commands:,} commands, until {format_instant(found.until)}")
        say(f"{found.numbers:,} numbers have other events, {len(found.differences):,} accounts end otherwise")
        rows = [
            [d.account, _standing(d.was), _standing(d.would_be), format_amount(d.credit)]
            for d in found.differences
        ]
        say_table("accounts", ["account", "was", "would be", "difference"], rows, right=_MONEY)
        rows = [
            [account, unit, format_amount(was), format_amount(now), format_amount(now - was)]
            for (account, unit), (was, now) in found.totals.items()
        ]
        say_table("in total", ["account", "unit", "was", "would be", "difference"], rows, right=_MONEY)
        for code, (was, now) in found.refused.items():
            say(f"refused with {code}: {was:,}, would be {now:,}")
    return shell.DONE if found.empty or others else shell.REFUSED


def _standing(one: Any) -> str:  # noqa: ANN401 - an account's end, or none
    return "" if one is None else f"{format_amount(one.credit)} {one.state}"


def export(settings: Settings, format_: Format, out: Out = None) -> int:
    """Write every posting for another program: an hledger journal, Parquet, or CSV."""
    from ledger import projecting  # slow to import
    from projections import export as exports

    if format_ not in _FORMATS:
        raise typer.BadParameter(f"{format_!r} is not one of {', '.join(_FORMATS)}")
    if format_ == "parquet" and out is None:
        raise typer.BadParameter("parquet needs --out FILE")
    with ExitStack() as stack:
        readers = stack.enter_context(projecting.readers(settings))
        logs = [stack.enter_context(one.snapshot()) for one in readers]
        if format_ == "parquet" and out is not None:
            exports.as_parquet(logs, out)
        elif out is None:
            exports.TEXT[format_](logs, sys.stdout)
        else:
            exports.TEXT[format_](logs, stack.enter_context(out.open("w", encoding="utf-8", newline="")))
    return shell.DONE


def add_auditing(app: typer.Typer) -> None:
    """Gives the application the auditors' verbs."""
    for name, verb in (("replay", replay), ("export", export)):
        app.command(name, rich_help_panel=_PANEL)(with_settings(verb))
