"""The read side's own verbs: `project`, `rebuild`, `status`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated

import typer

from ledger.domain.calendar import format_instant
from ledger.entrypoints.cli import shell
from ledger.entrypoints.cli.options import Metrics, with_settings
from ledger.entrypoints.cli.output import AsJson, counting, say, say_json, say_table
from ledger.errors import DatabaseUnreachable, LedgerError
from ledger.settings import Settings

if TYPE_CHECKING:
    from projections.health import Status
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
From = Annotated[
    Path | None,
    typer.Option(
        "--from",
        metavar="ARCHIVE",
        help="Read what `pulsa log copy --to parquet:FOLDER` wrote (the folder, or a file) as far as it goes.",
        show_default=False,
    ),
]
Names = Annotated[
    list[str] | None,
    typer.Argument(metavar="PROJECTION…", help="Such as balances; all, where none is named."),
]


def project(
    settings: Settings,
    once: Once = False,
    every: Every = 0.5,
    metrics: Metrics = None,
    as_json: AsJson = False,
) -> int:
    """Keep the projections up to date with the log, until stopped; several may run at once."""
    from ledger import projecting  # slow to import

    with ExitStack() as open_:
        runner, ask = open_.enter_context(projecting.runner(settings))
        failed = open_.enter_context(_measured(metrics, ask))
        stopped = open_.enter_context(shell.until_stopped())
        total = _project(runner, stopped, failed, every=every, once=once)
    if as_json:
        say_json({"events": total})
    else:
        say(f"{total:,} events taken in")
    return shell.DONE


def _project(
    runner: Runner, stopped: Event, failed: Callable[[LedgerError], None], *, every: float, once: bool
) -> int:
    """Catches up again and again, or once; returns the number of events."""
    total, wait = 0, every
    while not stopped.is_set():
        try:
            with counting("projecting") as progress:
                taken = runner.catch_up(progress)
            wait = every
        except LedgerError as error:
            failed(error)
            if once or not isinstance(error, DatabaseUnreachable):
                raise
            shell.failed(error.code, f"{error}; trying again in {wait:g} s", 0)
            taken, wait = 0, min(max(2 * wait, 1.0), _LONGEST_WAIT)
        total += taken
        if once and not taken:
            break
        if not taken:
            stopped.wait(wait)
    return total


@contextmanager
def _measured(address: str | None, ask: Callable[[], Status]) -> Iterator[Callable[[LedgerError], None]]:
    """Answers Prometheus where that is asked for; yields what counts errors."""
    if address is None:
        yield lambda _: None
        return
    from prometheus_client import CollectorRegistry

    from ledger.entrypoints.answering import answering
    from ledger.metrics import ProjectionMetrics

    registry = CollectorRegistry()
    figures = ProjectionMetrics(registry, ask)
    with answering(address, registry):
        yield figures.failed


def rebuild(
    settings: Settings,
    projections: Names = None,
    from_: From = None,
    check: Check = False,
    as_json: AsJson = False,
) -> int:
    """Make projections anew from the log's first event on, beside the live ones, and put them in their place."""
    from ledger import projecting  # slow to import

    archive = (
        None if from_ is None else Path(str(from_).removeprefix("parquet:"))
    )  # as `pulsa log copy` names it
    with projecting.rebuild(settings, projections or [], archive) as run, counting("rebuilding") as progress:
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
    """Where the log stands: partitions, closed through when; how far the projections are, and if they are of it."""
    from ledger import projecting  # slow to import
    from projections.health import must_match
    from projections.health import status as status_of

    with projecting.readers(settings) as readers, projecting.database(settings) as database:
        found = status_of(database, readers)
        if as_json:
            say_json(found.to_json())
        else:
            _say_status(found)
        must_match(database, readers)
    return shell.DONE


def _say_status(found: Status) -> None:
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
    if lags:
        say_table(
            "projections", ["projection", "partition", "position", "lag", "seconds"], lags, right=_COUNTS
        )
    else:
        say("nothing has been projected yet; `pulsa project` does")
    for name, count in sorted(found.unknown_types.items()):
        say(f"{count:,} events of a type that this release does not know: {name} (their postings count)")


def add_projecting(app: typer.Typer) -> None:
    """Gives the application the read side's verbs."""
    for name, verb in (("project", project), ("rebuild", rebuild), ("status", status)):
        app.command(name, rich_help_panel=_PANEL)(with_settings(verb))
