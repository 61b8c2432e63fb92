"""The verbs that run until stopped: `kafka`, `writer`, `clock`, `serve`. SIGTERM and Ctrl-C end them in order."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ledger.bootstrap import known_terms
from ledger.entrypoints.cli import shell
from ledger.entrypoints.cli.options import Metrics, wall_clock, with_settings
from ledger.entrypoints.cli.output import say
from ledger.entrypoints.kafka import BATCH
from ledger.errors import CommitUncertain, DatabaseUnreachable, LedgerError, LogUnreachable, SettingsInvalid
from ledger.settings import Settings

if TYPE_CHECKING:
    from ledger.entrypoints.kafka.writer import Writer

_PANEL = "Service"
_RETRY_SECONDS = 1.0
_PROJECT_SECONDS = 0.5

Directory = Annotated[
    Path | None,
    typer.Option("--directory", metavar="DIR", help="Keep their data there (default: nowhere)."),
]
Batch = Annotated[
    int, typer.Option("--batch", metavar="N", min=1, help="Commands in one transaction at most.")
]
Instance = Annotated[
    str | None,
    typer.Option(
        "--instance",
        metavar="NAME",
        help="A name that this writer keeps: started again, it has its partitions at once.",
        show_default=False,
    ),
]
Level = Annotated[
    str,
    typer.Option(
        "--log-level", metavar="debug|info|warning|error", help="What is logged; debug: each command."
    ),
]
Create = Annotated[
    bool, typer.Option("--create", help="Make the log where there is none (to try things out).")
]
Every = Annotated[float, typer.Option("--every", metavar="SECONDS", min=0.01, help="The clock's rhythm.")]


def kafka(directory: Directory = None) -> int:
    """Start a Kafka broker and a schema registry on this machine, to try things out."""
    try:
        from ledger.local.kafka import LocalKafka
        from ledger.local.process import ServerFailed
        from ledger.local.registry import LocalRegistry
    except ImportError as error:
        raise SettingsInvalid(f"{error.name} is missing: install pulsa-ledger[local]") from error
    with shell.until_stopped() as stopped, ExitStack() as servers:
        try:
            broker = servers.enter_context(LocalKafka(None if directory is None else directory / "kafka"))
            if stopped.is_set():
                return shell.DONE
            registry = servers.enter_context(
                LocalRegistry(None if directory is None else directory / "registry")
            )
        except ServerFailed as error:
            return shell.failed("server-failed", str(error), shell.FAILED)
        say(f"PULSA_KAFKA={broker.bootstrap_servers}")
        say(f"PULSA_REGISTRY={registry.url}")
        _flush()
        while not stopped.wait(_RETRY_SECONDS):
            for server in (broker, registry):
                if not server.is_running:
                    return shell.failed("server-failed", f"{server.name} ended by itself", shell.FAILED)
    return shell.DONE


def writer(
    settings: Settings,
    batch: Batch = BATCH,
    instance: Instance = None,
    create: Create = False,
    metrics: Metrics = None,
    log_level: Level = "info",
) -> int:
    """Decide commands for partitions of a log on Kafka; several writers share them."""
    _log_as_json(log_level)
    with (
        shell.until_stopped() as stopped,
        _writer(settings, batch, instance, metrics, create=create) as serving,
    ):
        _until(stopped, serving)
        serving.run()
    return shell.DONE


def clock(settings: Settings, every: Every = 10.0, log_level: Level = "info") -> int:
    """Advance what is due on a log on Kafka, and close it once anything was recorded, again and again."""
    _log_as_json(log_level)
    with shell.until_stopped() as stopped:
        _run_clock(settings, every, stopped)
    return shell.DONE


def serve(
    settings: Settings,
    every: Every = 10.0,
    batch: Batch = BATCH,
    instance: Instance = None,
    create: Create = False,
    metrics: Metrics = None,
    log_level: Level = "info",
) -> int:
    """Writer, clock and projections in one process, for one machine."""
    _log_as_json(log_level)
    failed: list[LedgerError] = []

    def beside(run: Callable[[], None]) -> None:
        try:
            run()
        except LedgerError as error:
            failed.append(error)
            stopped.set()

    with (
        shell.until_stopped() as stopped,
        _writer(settings, batch, instance, metrics, create=create) as serving,
    ):
        _until(stopped, serving)
        waiting = [
            threading.Thread(target=beside, args=(run,), name=name)
            for name, run in (
                ("clock", lambda: _run_clock(settings, every, stopped, played=True)),
                ("projections", lambda: _keep_projections(settings, stopped)),
            )
        ]
        running = []

        def begin(_partition: int) -> None:
            while waiting:
                running.append(waiting.pop())
                running[-1].start()

        serving.on_serving = begin
        try:
            serving.run()
        finally:
            stopped.set()
            for thread in running:
                thread.join()
    if failed:
        raise failed[0]
    return shell.DONE


def _run_clock(settings: Settings, every: float, stopped: threading.Event, *, played: bool = False) -> None:
    """Ticks until stopped. Where it may be `played`, such a log is left to those who say what time it is."""
    from ledger.entrypoints.kafka.clock import kafka_clock

    if settings.now is not None:
        raise SettingsInvalid("PULSA_NOW, --now: the clock has to go on by itself; leave it unset")
    with kafka_clock(settings) as ticking:
        if not ticking.played:
            ticking.run(every, wall_clock, stopped)
        elif not played:
            raise SettingsInvalid("the log is played: say `pulsa advance --now …` instead")


def _keep_projections(settings: Settings, stopped: threading.Event) -> None:
    """Takes in what is written until stopped; a database or a broker that does not answer is awaited."""
    import structlog

    from ledger import projecting

    log = structlog.get_logger()
    with projecting.runner(settings) as (runner, _):
        while not stopped.is_set():
            try:
                taken = runner.catch_up()
            except (DatabaseUnreachable, LogUnreachable, CommitUncertain) as error:
                log.warning("not projected", code=error.code, reason=str(error))
                taken = 0
            if not taken:
                stopped.wait(_PROJECT_SECONDS)


@contextmanager
def _writer(
    settings: Settings, batch: int, instance: str | None, metrics: str | None, *, create: bool
) -> Iterator[Writer]:
    """A writer with mirrors of its own, watched where that is asked for."""
    from prometheus_client import CollectorRegistry

    from ledger.connecting import own_mirrors
    from ledger.entrypoints.kafka.measuring import Measured, answering_for
    from ledger.entrypoints.kafka.writer import Writer

    registry = CollectorRegistry()
    with own_mirrors(settings, "writer", create=create) as log, ExitStack() as open_:
        watch = Measured(registry)
        if metrics is not None:
            open_.enter_context(answering_for(log, metrics, registry, wall_clock))
        yield Writer(log, known_terms(settings), batch=batch, instance=instance, watch=watch)


def _until(stopped: threading.Event, serving: Writer) -> None:
    """The writer stops when everything does."""

    def await_end() -> None:
        stopped.wait()
        serving.stop()

    threading.Thread(target=await_end, name="stopper", daemon=True).start()


def _log_as_json(level: str) -> None:
    from ledger.observing import LEVELS, log_as_json

    if level not in LEVELS:
        raise SettingsInvalid(f"--log-level: not one of {', '.join(LEVELS)} (it is {level!r})")
    log_as_json(level)


def _flush() -> None:
    import sys

    sys.stdout.flush()


def add_serving(app: typer.Typer) -> None:
    """Gives the application the verbs that run until they are stopped."""
    verbs: dict[str, Callable[..., Any]] = {
        "kafka": kafka,
        "writer": with_settings(writer),
        "clock": with_settings(clock),
        "serve": with_settings(serve),
    }
    for name, verb in verbs.items():
        app.command(name, rich_help_panel=_PANEL)(verb)
