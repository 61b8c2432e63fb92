"""What auditors ask for: `log verify`, `log replay`."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ledger.entrypoints.cli import shell
from ledger.entrypoints.cli.local_times import begin_of, told_at, when
from ledger.entrypoints.cli.options import now_of
from ledger.entrypoints.cli.output import AsJson, counted, counting, say, say_folded, say_json, told
from ledger.entrypoints.cli.prose import zone_of_log
from ledger.entrypoints.cli.tabulating import say_table
from ledger.figures import UNITS, grouped, rupiah

if TYPE_CHECKING:
    from ledger.audit.comparison import Comparison
    from ledger.audit.effects import Effects
    from ledger.audit.findings import Report
    from ledger.domain.calendar import Zone
    from ledger.wiring.composition import Opened

_NAMED = 20
"""Numbers that are named to a person."""
_MONEY = frozenset({"was", "would be", "difference"})
_COUNTS = frozenset({"commands"})
_DIFFERENCE = [
    "account",
    *(f"{when}_{what}" for when in ("was", "would_be") for what in ("credit", "state", "active_until")),
    "credit_difference",
]


TermsFiles = Annotated[
    list[Path] | None,
    typer.Option(
        "--terms", metavar="FILE", help="Decide under these terms in place of those of the same id."
    ),
]
InsteadOf = Annotated[
    str | None,
    typer.Option(
        "--instead-of",
        metavar="ID",
        help="The id of the terms in whose place those of --terms are to stand.",
        show_default=False,
    ),
]
From = Annotated[
    Any,
    typer.Option(
        "--from",
        metavar="INSTANT|DAY",
        parser=when,
        help="The terms of --terms hold from then on; every command is decided again all the same.",
    ),
]
To = Annotated[
    Any,
    typer.Option(
        "--to",
        metavar="INSTANT|DAY",
        parser=when,
        help="Only commands before then, or through the end of that day.",
    ),
]
AccountsAsCsv = Annotated[
    bool,
    typer.Option(
        "--csv",
        help="Print CSV, a line each below a header: only the accounts that would end otherwise.",
    ),
]


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


def replay(
    opened: Opened,
    terms: TermsFiles = None,
    instead_of: InsteadOf = None,
    since: From = None,
    until: To = None,
    as_json: AsJson = False,
    as_csv: AccountsAsCsv = False,
) -> int:
    """Decide the journaled commands again, and say what would differ. Nothing is written."""
    from ledger import terms as files
    from ledger.audit.effects import effects_of  # slow to import
    from ledger.audit.replaying import replay as run
    from ledger.domain.terms_models import under
    from ledger.wiring.composition import known_terms

    if since is not None and not terms:
        raise typer.BadParameter("--from says from when on other terms hold; it needs --terms FILE")
    others = [files.load(path) for path in terms or ()]
    if instead_of is not None:
        if len(others) != 1:
            raise typer.BadParameter(
                "--instead-of says in whose place other terms stand; it needs one --terms FILE"
            )
        others = [under(instead_of, others[0])]
    where = zone_of_log(opened) if isinstance(since, date) or isinstance(until, date) else None
    if where is not None:
        since = since if since is None else begin_of(since, where)
        until = until if not isinstance(until, date) else where.last_instant(until) + 1
    readers, partition_of = opened.journaled()
    with counting("replaying") as progress:
        found = run(
            readers,
            known_terms(opened.settings),
            partition_of=partition_of,
            terms=others,
            since=since,
            until=until,
            progress=progress,
        )
    effects = effects_of(found.differences)
    report = found.to_json() | ({"effect": effects.to_json()} if others else {})
    records = (one.to_json() for one in found.differences) if as_csv else iter([report])
    if told(records, as_json=as_json, as_csv=as_csv, columns=_DIFFERENCE):
        pass
    elif found.empty:
        say(f"{counted(found.commands, 'command')}: the same events, the same refusals")
    else:
        _say(found, zone_of_log(opened))
        if others:
            _say_effects(effects)
    return shell.DONE if found.empty or others else shell.REFUSED


def _say(found: Comparison, where: Zone) -> None:
    """Tells a person what would differ; times are those of a zone."""
    say(f"{counted(found.commands, 'command')}, until {told_at(found.until, where)}")
    for place in found.first:
        say(
            f"the first event that differs or is missing: {place.position}, {place.account} version {place.version}"
        )
    say(
        f"{counted(len(found.others), 'number')} with other events,"
        f" {counted(len(found.differences), 'account')} with another end"
    )
    if found.others:
        say_table("", ["numbers with other events"], [[msisdn] for msisdn in found.others[:_NAMED]])
        if len(found.others) > _NAMED:
            say(f"and {grouped(len(found.others) - _NAMED)} more; --json names all of them")
    if found.differences:
        rows = [
            [d.account, _standing(d.was), _standing(d.would_be), rupiah(d.credit)] for d in found.differences
        ]
        say_table("accounts", ["account", "was", "would be", "difference"], rows, right=_MONEY)
    if found.totals:
        rows = [
            [account, UNITS[unit], rupiah(was), rupiah(now), rupiah(now - was)]
            for (account, unit), (was, now) in found.totals.items()
        ]
        title = f"in total, of the {counted(len(found.others), 'number')} with other events"
        say_table(title, ["account", "unit", "was", "would be", "difference"], rows, right=_MONEY)
    if found.answered:
        rows = [
            [was, now, grouped(one.commands), f"{one.entry}, {one.subject} {one.command_id}"]
            for (was, now), one in found.answered.items()
        ]
        columns = ["was", "would be", "commands", "the first of them"]
        say_table("commands with another answer", columns, rows, right=_COUNTS)
    for code, (was, now) in found.refused.items():
        say(f"refused with {code}: {grouped(was)}, would be {grouped(now)}")


def _say_effects(effects: Effects) -> None:
    """Tells a person who would gain and who lose: all of them, then those for whom it is most."""
    rows = []
    for would, side in (("gain", effects.gain), ("lose", effects.lose)):
        who = f"{counted(side.customers, 'customer')} would {would}"
        rows.append([who, rupiah(side.was), rupiah(side.would_be), rupiah(side.difference)])
    rows += [
        [one.customer, *map(rupiah, (one.was, one.would_be, one.difference))]
        for one in (*effects.gain.most, *effects.lose.most)
    ]
    say_table("who would gain and lose", ["customer", "was", "would be", "difference"], rows, right=_MONEY)


def _standing(one: Any) -> str:  # noqa: ANN401 - an account's end, or none
    return "" if one is None else f"{rupiah(one.credit)} {one.state}"
