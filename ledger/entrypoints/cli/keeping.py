"""What keeps a ledger in order: `log verify`, `terms` and `settings`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ledger.entrypoints.cli import shell
from ledger.entrypoints.cli.local_times import told_at
from ledger.entrypoints.cli.options import Options, now_of
from ledger.entrypoints.cli.output import AsJson, counted, counting, say, say_folded, say_json
from ledger.entrypoints.cli.prose import say_clauses, zone_of_log
from ledger.entrypoints.cli.tabulating import say_table
from ledger.errors import TermsInvalid, TermsMissing

if TYPE_CHECKING:
    from ledger.audit.findings import Report
    from ledger.domain.terms import Terms
    from ledger.wiring.composition import Opened
    from ledger.wiring.settings import Settings

_DIGEST_SHOWN = 12

TermsId = Annotated[
    str, typer.Argument(metavar="TERMS", help="The id of terms, such as smartfren-prepaid-2023.")
]
TermsFile = Annotated[Path, typer.Argument(metavar="FILE", help="A terms file.")]


def verify_(opened: Opened, as_json: AsJson = False) -> int:
    """Re-read the whole log: that nothing was changed, removed or added behind the ledger's back."""
    with counting("verifying") as progress:
        report = opened.verify(now_of(opened.settings), progress)
    if as_json:
        say_json(report.to_json())
    elif report.clean:
        closed = report.closed_through
        through = "" if closed is None else f", closed through {told_at(closed, zone_of_log(opened))}"
        say_folded(f"clean: {_read(report)}, {counted(report.numbers, 'number')}{through}{_gone(report)}")
    else:
        for finding in report.findings:
            say_folded(str(finding))
        say(f"{counted(report.found, 'finding')} in {_read(report)}{_gone(report)}")
    return shell.DONE if report.clean else shell.REFUSED


def _gone(report: Report) -> str:
    """How many files of evidence are deleted and may be: `--json` names them."""
    count = report.gone_in_all
    return f"; {counted(count, 'file')} of evidence deleted, as over" if count else ""


def _read(report: Report) -> str:
    place = "" if report.place is None else "partition {} of {} alone, ".format(*report.place)
    return f"{place}{counted(report.events, 'event')}, {counted(report.entries, 'journal entry')}"


def settings_(settings: Settings, options: Options, as_json: AsJson = False) -> int:
    """The settings in force, and where each came from. Secrets are hidden."""
    from ledger.wiring import settings as configuration

    rows = configuration.shown(settings, options)
    if as_json:
        say_json({row.name: {"value": row.value, "source": row.source} for row in rows})
    else:
        say_table(
            "", ["setting", "value", "source"], [[row.name, row.value or "", row.source] for row in rows]
        )
    return shell.DONE


def terms_group(ctx: typer.Context) -> None:
    """The terms files."""
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())


def terms_list(settings: Settings, as_json: AsJson = False) -> int:
    """The terms that are known: those that come with the ledger, and those of PULSA_TERMS."""
    from ledger.wiring.composition import known_terms

    known = known_terms(settings)
    if as_json:
        for terms in known:
            say_json(
                {
                    "terms": terms.id,
                    "title": terms.title,
                    "document": terms.document,
                    "operator": terms.operator,
                    "in_force_from": str(terms.in_force_from),
                    "digest": terms.digest,
                }
            )
        return shell.DONE
    rows = [
        [terms.id, terms.title, str(terms.in_force_from), terms.digest[:_DIGEST_SHOWN]] for terms in known
    ]
    say_table("", ["terms", "title", "in force from", "digest"], rows)
    return shell.DONE


def terms_show(settings: Settings, terms: TermsId, as_json: AsJson = False) -> int:
    """Every rule of some terms, defaults included, and what their clauses say.

    With --json: what the log records of them at their first use.
    """
    from ledger.wiring.composition import known_terms

    for known in known_terms(settings):
        if known.id == terms:
            if as_json:
                say_json(json.loads(known.content))
            else:
                _say_terms(settings, known)
            return shell.DONE
    raise TermsMissing(f"no terms are named {terms}; `pulsa terms list` lists them")


def _say_terms(settings: Settings, terms: Terms) -> None:
    """Each value with its clause, and below all of them what the clauses say."""
    from ledger.terms.values import values_of

    say(f"{terms.id}: {terms.title}, in force from {terms.in_force_from}")
    clauses = []
    for value in values_of(terms):
        clauses.append(value.clause)
        cited = "" if value.clause is None else f" ({value.clause})"
        say_folded(f"{value.path}: {value.text}{cited}", "  ")
    say_clauses(settings, clauses)


def terms_check(file: TermsFile) -> int:
    """Check a terms file: says what is wrong in it, and where."""
    from ledger import terms as files

    try:
        found = files.load(file)
    except TermsInvalid as error:
        for fault in str(error).splitlines():
            shell.failed(error.code, fault, error.exit_code)
        return shell.REFUSED
    say_folded(f"{file}: {found.id} is valid, digest {found.digest}")
    return shell.DONE
