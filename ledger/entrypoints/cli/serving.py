"""`pulsa service`: the verbs that run until they are stopped. SIGTERM and Ctrl-C end them in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ledger.entrypoints.cli import shell
from ledger.entrypoints.cli.options import Metrics, wall_clock
from ledger.entrypoints.cli.output import say
from ledger.entrypoints.cli.service import Service, projections, supervised
from ledger.entrypoints.kafka import BATCH
from ledger.errors import SettingsInvalid

if TYPE_CHECKING:
    from ledger.entrypoints.kafka.writer import Writer
    from ledger.entrypoints.supervising import Part, Stepped
    from ledger.wiring.metrics import MirrorMetrics, RegistryMetrics
    from ledger.wiring.settings import Settings

_RETRY_SECONDS = 1.0
_PROJECT_SECONDS = 0.5
_FIGURES_SECONDS = 1.0
_SOON = 0.05
_REGISTRY_SECONDS = 60.0
_CLOCK_WAITS = 30.0
"""Seconds that the clock awaits an answer at most, however patient others are told to be: it asks again by itself."""

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
        from ledger.local.schema_registry import LocalRegistry
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
        supervised(settings, metrics) as service,
        _writer(settings, batch, instance, service, create=create) as serving,
    ):
        service.supervisor.run(serving.part)
    return shell.DONE


def clock(settings: Settings, every: Every = 10.0, metrics: Metrics = None, log_level: Level = "info") -> int:
    """Advance what is due on a log on Kafka, and close it once anything was recorded, again and again."""
    _log_as_json(log_level)
    with supervised(settings, metrics) as service:
        service.supervisor.run(_clock(settings, every, service))
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
    with (
        supervised(settings, metrics) as service,
        _writer(settings, batch, instance, service, create=create) as serving,
    ):
        waiting = [
            _clock(settings, every, service, beside=True),
            projections(settings, service, _PROJECT_SECONDS, beside=True),
        ]

        def begin(_partition: int) -> None:
            while waiting:
                service.supervisor.beside(waiting.pop())

        serving.on_serving = begin
        service.supervisor.run(serving.part)
    return shell.DONE


def _clock(settings: Settings, every: float, service: Service, *, beside: bool = False) -> Part:
    """The clock. `beside` a writer a played log is left to those who say what time it is."""
    from ledger.entrypoints.kafka.kafka_clock import kafka_clock
    from ledger.entrypoints.supervising import Part, Stepped
    from ledger.store.kafka import mirror

    if settings.now is not None:
        raise SettingsInvalid("PULSA_NOW, --now: the clock has to go on by itself; leave it unset")

    own = settings.changed(timeout=min(settings.timeout, _CLOCK_WAITS))

    @contextmanager
    def make() -> Iterator[Callable[[], Stepped]]:
        with kafka_clock(own, lambda: service.health.beat("clock")) as ticking:
            if ticking.played and not beside:
                raise SettingsInvalid("the log is played: say `pulsa log advance --now …` instead")
            yield lambda: Stepped(every) if ticking.played else ticking.step(every, wall_clock)

    return Part("clock", make, remade=mirror.UNUSABLE, patient=beside)


@contextmanager
def _writer(
    settings: Settings, batch: int, instance: str | None, service: Service, *, create: bool
) -> Iterator[Writer]:
    """A writer with mirrors of its own, watched where that is asked for."""
    from ledger.entrypoints.kafka.measuring import Measured
    from ledger.entrypoints.kafka.writer import Writer
    from ledger.store.kafka.schema_ids import schema_ids
    from ledger.wiring.composition import known_terms
    from ledger.wiring.kafka_access import own_mirrors
    from ledger.wiring.metrics import MirrorMetrics, RegistryMetrics

    with own_mirrors(settings, "writer", create=create) as log:
        writer = Writer(
            log,
            known_terms(settings),
            batch=batch,
            instance=instance,
            watch=Measured(service.registry),
            stopped=service.supervisor.stopped,
        )
        if service.answers:
            figures = MirrorMetrics(lambda: {p: log.mirror(p) for p in range(writer.partitions)}, wall_clock)
            service.registry.register(figures)
            service.supervisor.beside(_figures(figures))
            known = RegistryMetrics(service.registry, lambda: schema_ids(log).must_be_known())
            service.supervisor.beside(_registry(writer, known))
        try:
            yield writer
        finally:
            service.supervisor.wait()


def _figures(figures: MirrorMetrics) -> Part:
    """Keeps the figures of the mirrors up to date, so that whoever asks for them waits for nothing."""
    from ledger.entrypoints.supervising import Part, Stepped

    @contextmanager
    def make() -> Iterator[Callable[[], Stepped]]:
        def step() -> Stepped:
            read = figures.advance()
            return Stepped(_FIGURES_SECONDS if read else _SOON, ready=read)

        yield step

    return Part("figures", make)


def _registry(writer: Writer, figures: RegistryMetrics) -> Part:
    """Looks after the registry once the writer has made itself known there; its absence makes nobody unready."""
    from ledger.entrypoints.supervising import Part, Stepped

    @contextmanager
    def make() -> Iterator[Callable[[], Stepped]]:
        def step() -> Stepped:
            if not writer.partitions:
                return Stepped(_SOON)
            figures.look()
            return Stepped(_REGISTRY_SECONDS)

        yield step

    return Part("registry", make)


def _log_as_json(level: str) -> None:
    from ledger.wiring.observing import LEVELS, log_as_json

    if level not in LEVELS:
        raise SettingsInvalid(f"--log-level: not one of {', '.join(LEVELS)} (it is {level!r})")
    log_as_json(level)


def _flush() -> None:
    import sys

    sys.stdout.flush()
