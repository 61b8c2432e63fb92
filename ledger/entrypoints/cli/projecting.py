"""The read side's own verbs: `project`, `rebuild`, `status`, `timeline`."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from typing import TYPE_CHECKING, Annotated

import typer

from ledger.domain.calendar import format_instant
from ledger.entrypoints.cli import shell
from ledger.entrypoints.cli.options import with_settings
from ledger.entrypoints.cli.output import AsJson, counting, say, say_json, say_table
from ledger.errors import DatabaseUnreachable
from ledger.settings import Settings

if TYPE_CHECKING:
    from projections.runner import Runner

_PANEL = "Projections"
_LONGEST_WAIT = 30.0
_COUNTS = frozenset({"events", "lag", "seconds", "rows", "only live", "only rebuilt", "position"})

Once = Annotated[bool, typer.Option("--once", help="Take in what there is, and end.")]
Every = Annotated[
    float, typer.Option("--every", metavar="SECONDS", min=0.01, help="How often to look for more.")
]
Check = Annotated[
    bool, typer.Option("--check", help="Compare every row with the live ones, and replace nothing.")
]
Names = Annotated[
    list[str] | None,
    typer.Argument(metavar="PROJECTION…", help="Such as balances; all, where none is named."),
]


def project(settings: Settings, once: Once = False, every: Every = 0.5, as_json: AsJson = False) -> int:
    """Keep the projections up to date with the log, until stopped; several may run at once."""
    from ledger import projecting  # slow to import

    total = 0
    with projecting.runner(settings) as runner, _until_stopped() as stopped:
        wait = every
        while not stopped.is_set():
            try:
                taken = _catch_up(runner)
                wait = every
            except DatabaseUnreachable as error:
                if once:
                    raise
                shell.failed(error.code, f"{error}; trying again in {wait:.0f} s", 0)
                taken, wait = 0, min(max(2 * wait, 1.0), _LONGEST_WAIT)
            total += taken
            if once and not taken:
                break
            if not taken:
                stopped.wait(wait)
    if as_json:
        say_json({"events": total})
    else:
        say(f"{total:,} events taken in")
    return shell.DONE


def _catch_up(runner: Runner) -> int:
    with counting("projecting") as progress:
        return runner.catch_up(progress)


def rebuild(
    settings: Settings, projections: Names = None, check: Check = False, as_json: AsJson = False
) -> int:
    """Make projections anew from the log's first event on, beside the live ones, and put them in their place."""
    from ledger import projecting  # slow to import

    with projecting.rebuild(settings, projections or []) as run, counting("rebuilding") as progress:
        if not check:
            total = run.swap(progress)
            if as_json:
                say_json({"events": total})
            else:
                say(f"rebuilt from {total:,} events")
            return shell.DONE
        found = run.check(progress)
    for one in found if as_json else ():
        say_json({**one._asdict(), "equal": one.equal})
    if not as_json:
        rows = [[c.table, f"{c.rows:,}", f"{c.only_live:,}", f"{c.only_rebuilt:,}"] for c in found]
        say_table("", ["table", "rows", "only live", "only rebuilt"], rows, right=_COUNTS)
    return shell.DONE if all(one.equal for one in found) else shell.REFUSED


def status(settings: Settings, as_json: AsJson = False) -> int:
    """Where the log stands: partitions, closed through when; and how far the projections are behind."""
    from ledger import projecting  # slow to import
    from projections.health import status as status_of

    with projecting.readers(settings) as readers, projecting.database(settings) as database:
        found = status_of(database, readers)
    if as_json:
        say_json(found.to_json())
        return shell.DONE
    rows = [
        [
            str(part.partition),
            f"{part.head:,}",
            part.clock or "",
            "" if part.closed_through is None else format_instant(part.closed_through),
        ]
        for part in found.partitions
    ]
    say_table("log", ["partition", "events", "clock", "closed through"], rows, right=_COUNTS)
    lags = [
        [lag.projection, str(lag.partition), f"{lag.position:,}", f"{lag.events:,}", f"{lag.seconds:,.1f}"]
        for lag in found.lags
    ]
    say_table("projections", ["projection", "partition", "position", "lag", "seconds"], lags, right=_COUNTS)
    for name, count in sorted(found.unknown_types.items()):
        say(f"{count:,} events of a type that this release does not know: {name} (their postings count)")
    return shell.DONE


@contextmanager
def _until_stopped() -> Iterator[Event]:
    stopped = Event()
    before = {
        number: signal.signal(number, lambda *_: stopped.set()) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def add_projecting(app: typer.Typer) -> None:
    """Gives the application the read side's verbs."""
    for name, verb in (("project", project), ("rebuild", rebuild), ("status", status)):
        app.command(name, rich_help_panel=_PANEL)(with_settings(verb))
