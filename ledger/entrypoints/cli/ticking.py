"""`pulsa log advance`: the clock, once or again and again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ledger.entrypoints.cli import shell
from ledger.entrypoints.cli.options import now_of
from ledger.entrypoints.cli.output import AsJson, counted, say, say_json
from ledger.errors import LogLocked, SettingsInvalid

if TYPE_CHECKING:
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


def advance_(settings: Settings, every: Every = None, as_json: AsJson = False) -> int:
    """Record what fell due, and close the log through the clock's time (less its tolerance).

    With --every it is closed where something was recorded since, and else once a day.
    """
    if every is None:
        ticks = _tick(settings, asked=True)
        with shell.telling_what_is_recorded():
            _say(ticks, as_json=as_json)
        return shell.DONE
    if settings.now is not None:
        raise SettingsInvalid(
            "--every: the clock has to go on by itself, so --now and PULSA_NOW must not be set"
        )
    with shell.until_stopped() as stopped:
        while not stopped.is_set():
            try:
                _say(_tick(settings, asked=False), as_json=as_json)
            except LogLocked as error:  # another process is writing: the next tick finds what is due as well
                shell.failed(error.code, str(error), 0)
            stopped.wait(every)
    return shell.DONE


def _tick(settings: Settings, *, asked: bool) -> list[Tick]:
    """A tick of each partition. Opens the log for one tick only, so that others can write between two."""
    from ledger.entrypoints.clock import tick
    from ledger.entrypoints.principal import of_this_process
    from ledger.wiring.composition import opened

    if settings.kafka is not None:
        from ledger.entrypoints.kafka.kafka_clock import kafka_clock

        with kafka_clock(settings) as clock:
            _check_now(settings, played=clock.played)
            return clock.tick(now_of(settings), asked=asked)
    with opened(settings) as log:
        ledger = log.writer()
        _check_now(settings, played=ledger.played)
        return tick([ledger], now_of(settings), asked=asked, principal=of_this_process())


def _check_now(settings: Settings, *, played: bool) -> None:
    if played and settings.now is None:
        raise SettingsInvalid("PULSA_NOW, --now: a played log's time has to be stated")
    if not played and settings.now is not None:
        raise SettingsInvalid("PULSA_NOW, --now: a live log takes the wall clock's time")


def _say(ticks: list[Tick], *, as_json: bool) -> None:
    from ledger.domain.calendar import format_instant

    for one in ticks:
        if as_json:
            say_json(one.to_json())
            continue
        place = f"partition {one.position.partition(':')[0]}: " if len(ticks) > 1 else ""
        say(f"{place}{counted(one.due, 'number')} due, closed through {format_instant(one.closed_through)}")
