"""`pulsa log journal`: the decided commands of all numbers, refused ones too, and what became of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ledger.entrypoints.cli import shell
from ledger.entrypoints.cli.exporting import SampleSize, Seed, Since, Until, seed_of
from ledger.entrypoints.cli.local_times import InZone, Utc, cell_of, must_be_in_order
from ledger.entrypoints.cli.logs import Last
from ledger.entrypoints.cli.output import AsCsv, AsJson, counted, say, say_folded, width_of_prose
from ledger.entrypoints.cli.prose import Then, asked, subject_named, told_in
from ledger.entrypoints.cli.tabulating import packed

if TYPE_CHECKING:
    from ledger.domain.calendar import Zone
    from ledger.wiring.composition import Opened
    from projections.asking.log_answers import JournalLine

_COLUMNS = [
    *("entry", "msisdn", "command_id", "status", "refusal_code", "refusal_message", "events", "position"),
    *("principal", "command", "at", "final"),
]

OfNumber = Annotated[
    str | None,
    typer.Option(
        "--account",
        metavar="MSISDN",
        parser=subject_named,
        help="Only of this number.",
        show_default=False,
    ),
]
Commands = Annotated[
    list[str] | None,
    typer.Option(
        "--command", metavar="COMMAND", help="Only this one, such as TopUp; more than once for several."
    ),
]
Codes = Annotated[
    list[str] | None,
    typer.Option(
        "--code",
        metavar="CODE",
        help="Only refused with this code, such as below-minimum; more than once for several.",
    ),
]
RefusedOnly = Annotated[bool, typer.Option("--refused", help="Only refused ones.")]


def journal(
    opened: Opened,
    account: OfNumber = None,
    command: Commands = None,
    refused: RefusedOnly = False,
    code: Codes = None,
    since: Since = None,
    until: Until = None,
    zone: InZone = None,
    utc: Utc = False,
    sample: SampleSize = None,
    seed: Seed = None,
    lines: Last = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> int:
    """The decided commands of all numbers, in order, and what became of each: accepted, or why it was refused."""
    from ledger.domain.kinds import COMMANDS
    from ledger.domain.refusals import REFUSALS
    from projections.asking.wanted_decisions import WantedDecisions

    for name in command or ():
        if name not in COMMANDS:
            raise typer.BadParameter(f"--command: no command is named {name!r}")
    for name in code or ():
        if name not in REFUSALS:
            raise typer.BadParameter(f"--code: no refusal has the code {name!r}")
    must_be_in_order(since, until)
    then = Then(zone=zone, utc=utc, as_json=as_json, as_csv=as_csv)
    ask = asked(opened, then)
    drawn = (sample, seed_of(sample, seed))
    wanted = WantedDecisions(account, command or (), code or (), refused, since, until, *drawn, lines)
    shown = ask.journal(wanted)
    if then.told((line.to_json() for line in shown), columns=_COLUMNS):
        return shell.DONE
    where, count = told_in(ask, then), 0
    for count, line in enumerate(shown, 1):  # noqa: B007 - told below
        for said in _told(line, where):
            say(said)
    say_folded(f"{counted(count, 'command')}; times are those of {where.name}")
    return shell.DONE


def _told(line: JournalLine, where: Zone) -> list[str]:
    was = line.outcome
    when = cell_of(was.at, where).replace("T", " ")
    became = "accepted" if was.code is None else f"refused, {was.code}"
    begins = f"{line.entry:<8} {when} {was.msisdn}"
    return packed(begins, [f"{was.command} {was.command_id}", became], width_of_prose())
