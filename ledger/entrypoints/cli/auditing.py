"""What auditors ask for: `timeline`, `replay`, `export`."""

from __future__ import annotations

import csv
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

from ledger import terms as files
from ledger.bootstrap import known_terms, reader
from ledger.domain.calendar import format_instant, parse_instant
from ledger.domain.money import format_amount
from ledger.entrypoints.cli import shell
from ledger.entrypoints.cli.asking import AsOf, AtLeast, KnownAt, Number
from ledger.entrypoints.cli.options import now_of, with_settings
from ledger.entrypoints.cli.output import AsJson, counting, say, say_json, say_table
from ledger.settings import Settings

_PANEL = "Projections"
_WIDTH = 60
_MONEY = frozenset({"was", "would be", "difference"})
_FORMATS = ("hledger", "parquet", "csv")


def _instant(text: str) -> int:
    try:
        return parse_instant(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is {error}") from None


TermsFiles = Annotated[
    list[Path] | None,
    typer.Option(
        "--terms", metavar="FILE", help="Decide under these terms in place of those of the same id."
    ),
]
From = Annotated[
    int | None,
    typer.Option("--from", metavar="INSTANT", parser=_instant, help="The other terms hold from then on."),
]
To = Annotated[
    int | None, typer.Option("--to", metavar="INSTANT", parser=_instant, help="Only commands before then.")
]
AsCsv = Annotated[bool, typer.Option("--csv", help="Print CSV.")]
Format = Annotated[str, typer.Argument(metavar="|".join(_FORMATS), help="What to write.")]
Out = Annotated[
    Path | None, typer.Option("--out", "-o", metavar="FILE", help="Where to (default: standard output).")
]


def timeline(
    settings: Settings,
    msisdn: Number,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    at_least: AtLeast = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> int:
    """The states of a number's accounts over time, and what caused each; drawn, unless --json or --csv is said."""
    from ledger import projecting  # slow to import
    from projections.timeline import timeline as timeline_of

    now = now_of(settings)
    with projecting.stored(settings, lambda: now, at_least=at_least) as stored, stored.view() as view:
        moment = stored.moment(view, as_of, known_at)
        spans = timeline_of(view, msisdn, moment)
    if as_json:
        for span in spans:
            say_json(span.to_json())
    elif as_csv:
        _say_csv([span.to_json() for span in spans])
    else:
        first, end = spans[0].since, max(moment.as_of, spans[-1].since)
        scale = _WIDTH / max(end - first, 1)
        for span in spans:
            start = int((span.since - first) * scale)
            length = max(int(((end if span.until is None else span.until) - first) * scale) - start, 1)
            bar = (" " * start + ("█" if span.recorded else "░") * length)[: _WIDTH + 1]
            cause = span.cause.rpartition(".")[2] + (f" ({span.clause})" if span.clause else "")
            since = format_instant(span.since)
            say(f"{span.account:<18} {since:<27} {span.state:<11} {bar:<{_WIDTH + 1}} {cause}".rstrip())
    return shell.DONE


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
    with counting("replaying") as progress:
        found = run(
            reader(settings), known_terms(settings), terms=others, since=since, until=until, progress=progress
        )
    if as_json:
        say_json(found.to_json())
    elif as_csv:
        _say_csv([_flat(difference.to_json()) for difference in found.differences])
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


def _flat(record: dict[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in record.items():
        if name in ("was", "would_be"):
            for key in ("credit", "state", "active_until"):
                flat[f"{name}_{key}"] = None if value is None else value[key]
        else:
            flat[name] = value
    return flat


def _say_csv(rows: list[dict[str, Any]]) -> None:
    if rows:
        writer = csv.DictWriter(sys.stdout, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


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
    for name, verb in (("timeline", timeline), ("replay", replay), ("export", export)):
        app.command(name, rich_help_panel=_PANEL)(with_settings(verb))
