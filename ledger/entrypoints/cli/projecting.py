"""The read side's own verbs: `projections run`, `projections rebuild`, `status`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ledger.entrypoints.cli import shell
from ledger.entrypoints.cli.local_times import told_at
from ledger.entrypoints.cli.options import Metrics
from ledger.entrypoints.cli.output import AsJson, counted, counting, say, say_folded, say_json
from ledger.entrypoints.cli.service import projections, supervised
from ledger.entrypoints.cli.tabulating import say_table
from ledger.errors import LedgerError
from ledger.figures import fraction, grouped

if TYPE_CHECKING:
    from ledger.domain.calendar import Zone
    from ledger.wiring.settings import Settings
    from projections.engine.lag import Status
    from projections.engine.reader import BulkReader

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
    total = _once(settings) if once else _until_stopped(settings, every, metrics)
    if as_json:
        say_json({"events": total})
    else:
        say(f"{counted(total, 'event')} taken in")
    return shell.DONE


def _once(settings: Settings) -> int:
    """Takes in what there is; returns the number of events."""
    from ledger.wiring import read_side  # slow to import

    total = 0
    with read_side.runner(settings) as (runner, _), shell.until_stopped() as stopped:
        while not stopped.is_set():
            with counting("projecting") as progress:
                taken = runner.catch_up(progress)
            total += taken
            if not taken:
                break
    return total


def _until_stopped(settings: Settings, every: float, metrics: str | None) -> int:
    """Takes in what there is and what comes; returns the number of events."""
    taken: list[int] = [0]

    def took(events: int) -> None:
        taken[0] += events

    def told(_: str, error: Exception, wait: float) -> None:
        code = error.code if isinstance(error, LedgerError) else "defect"
        shell.failed(code, f"{error}; trying again in {wait:g} s", 0)

    with supervised(settings, metrics, told) as service:
        service.supervisor.run(projections(settings, service, every, took=took))
    return taken[0]


def rebuild(
    settings: Settings,
    projections: Names = None,
    from_: From = None,
    check: Check = False,
    as_json: AsJson = False,
) -> int:
    """Make projections anew from the log's first event on, beside the live ones, and put them in their place."""
    from ledger.wiring import read_side  # slow to import

    archive = (
        None if from_ is None else Path(str(from_).removeprefix("parquet:"))
    )  # as `pulsa log copy` names it
    with read_side.rebuild(settings, projections or [], archive) as run, counting("rebuilding") as progress:
        if not check:
            total = run.swap(progress)
            if as_json:
                say_json({"events": total})
            else:
                say(f"rebuilt from {counted(total, 'event')}")
            return shell.DONE
        found = run.check(progress)
    for one in found if as_json else ():
        say_json({**one._asdict(), "equal": one.equal})
    if not as_json:
        rows = [[c.table, *map(grouped, (c.rows, c.only_live, c.only_rebuilt))] for c in found]
        say_table("", ["table", "rows", "only live", "only rebuilt"], rows, right=_COUNTS)
    return shell.DONE if all(one.equal for one in found) else shell.REFUSED


def status(settings: Settings, as_json: AsJson = False) -> int:
    """Where the log stands: partitions, closed through when; how far the projections are, and if they are of it."""
    from ledger.wiring import read_side  # slow to import
    from projections.engine.lag import status as status_of
    from projections.engine.log_identity import must_match

    with read_side.readers(settings) as readers, read_side.database(settings) as database:
        found = status_of(database, readers)
        if as_json:
            say_json(found.to_json())
        else:
            _say_status(found, _zone_of(readers))
        must_match(database, readers)
    return shell.DONE


def _zone_of(readers: Sequence[BulkReader]) -> Zone:
    """The zone of the terms in a log; UTC where they are of several."""
    from ledger.domain.calendar import zone
    from projections.engine.instants import zones_of

    found: dict[str, Zone] = {}
    for reader in readers:
        with reader.snapshot() as log:
            found |= {one.name: one for one in zones_of(log.book)}
    return next(iter(found.values())) if len(found) == 1 else zone("UTC")


def _say_status(found: Status, where: Zone) -> None:
    rows = [
        [
            str(part.partition),
            grouped(part.head),
            part.clock or "",
            "" if part.closed_through is None else told_at(part.closed_through, where),
        ]
        for part in found.partitions
    ]
    say_table("log", ["partition", "events", "clock", "closed through"], rows, right=_COUNTS)
    lags = [
        [
            lag.projection,
            str(lag.partition),
            grouped(lag.position),
            grouped(lag.events),
            fraction(lag.seconds),
        ]
        for lag in found.lags
    ]
    if lags:
        say_table(
            "projections", ["projection", "partition", "position", "lag", "seconds"], lags, right=_COUNTS
        )
    else:
        say("nothing has been projected yet; `pulsa projections run` does")
    for name, count in sorted(found.unknown_types.items()):
        say_folded(
            f"{counted(count, 'event')} of a type that this release does not know: {name} (their postings count)"
        )
