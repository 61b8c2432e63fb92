"""`pulsa log advance`: the clock, once or again and again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ledger.entrypoints.cli import shell
from ledger.entrypoints.cli.local_times import told_at
from ledger.entrypoints.cli.options import DryRun, log_now
from ledger.entrypoints.cli.output import NOTHING_IS_WRITTEN, AsJson, counted, say, say_json
from ledger.errors import LogLocked, SettingsInvalid

if TYPE_CHECKING:
    from ledger.domain.calendar import Zone
    from ledger.entrypoints.clock import Tick
    from ledger.wiring.settings import Settings

Every = Annotated[
    float | None,
    typer.Option(
        "--every",
        metavar="SECONDS",
        min=0.01,
        help="Go on until stopped, at this rhythm.",
        show_default=False,
    ),
]


def advance_(
    settings: Settings, every: Every = None, dry_run: DryRun = False, as_json: AsJson = False
) -> int:
    """Record what fell due, and close the log through the clock's time (less its tolerance).

    With --every it is closed where something was recorded since, and else once a day.
    """
    if every is None:
        ticks, where = _tick(settings, asked=True, dry_run=dry_run)
        with shell.telling_what_is_recorded():
            _say(ticks, where, as_json=as_json, dry_run=dry_run)
        return shell.DONE
    if dry_run:
        raise typer.BadParameter("--dry-run: is said of one time, not of --every")
    if settings.now is not None:
        raise SettingsInvalid(
            "--every: the clock has to go on by itself, so --now and PULSA_NOW must not be set"
        )
    with shell.until_stopped() as stopped:
        while not stopped.is_set():
            try:
                _say(*_tick(settings, asked=False), as_json=as_json)
            except LogLocked as error:  # another process is writing: the next tick finds what is due as well
                shell.failed(error.code, str(error), 0)
            stopped.wait(every)
    return shell.DONE


def _tick(settings: Settings, *, asked: bool, dry_run: bool = False) -> tuple[list[Tick], Zone]:
    """A tick of each partition, and the zone to tell it in. The log is open for one only: others can write between."""
    from ledger.domain.calendar import zone
    from ledger.entrypoints.clock import tick
    from ledger.entrypoints.principal import of_this_process
    from ledger.wiring.composition import opened
    from ledger.wiring.rehearsal import rehearsed

    if settings.kafka is not None and not dry_run:
        from ledger.entrypoints.kafka.kafka_clock import kafka_clock

        with kafka_clock(settings) as clock:
            return clock.tick(log_now(settings, played=clock.played), asked=asked), zone("UTC")
    with rehearsed(settings) if dry_run else opened(settings) as log:
        ledger = log.writer()
        ticks = tick(
            [ledger], log_now(settings, played=ledger.played), asked=asked, principal=of_this_process()
        )
        zones = ledger.standing().zones
        return ticks, next(iter(zones)) if len(zones) == 1 else zone("UTC")


def _say(ticks: list[Tick], where: Zone, *, as_json: bool, dry_run: bool = False) -> None:
    for one in ticks:
        if as_json:
            say_json(one.to_json() | ({"dry_run": True} if dry_run else {}))
            continue
        place = f"partition {one.position.partition(':')[0]}: " if len(ticks) > 1 else ""
        say(f"{place}{counted(one.due, 'number')} due, closed through {told_at(one.closed_through, where)}")
    if dry_run and not as_json:
        say(NOTHING_IS_WRITTEN)
