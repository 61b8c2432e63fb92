"""What the verbs that run until stopped have in common: supervision, and the port that answers for them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ledger.entrypoints.cli import shell
from ledger.entrypoints.cli.options import wall_clock
from ledger.entrypoints.cli.output import counting
from ledger.errors import LedgerError

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from ledger.entrypoints.health import Health
    from ledger.entrypoints.supervising import Part, Stepped, Supervisor
    from ledger.wiring.settings import Settings


_PERSONS_SECONDS = 60.0
"""How often it is looked at what is due of persons: limits are of hours."""
_AGAIN_SECONDS = 2.0
"""How soon it is looked again where that could not be told, as when nothing is recorded yet."""


@dataclass(frozen=True)
class Service:
    """A process that runs parts until it is stopped. `answers`: whether its port is open."""

    supervisor: Supervisor
    health: Health
    registry: CollectorRegistry
    answers: bool


@contextmanager
def supervised(
    settings: Settings, metrics: str | None, told: Callable[[str, Exception, float], None] | None = None
) -> Iterator[Service]:
    """Runs until SIGINT or SIGTERM, or until a part fails for good, which is raised once everything has ended."""
    from prometheus_client import CollectorRegistry

    from ledger.entrypoints.answering import address, answering
    from ledger.entrypoints.health import Health
    from ledger.entrypoints.supervising import Supervisor

    stated = metrics or settings.metrics
    registry, health = CollectorRegistry(), Health()
    health.count_in(registry)
    with shell.until_stopped() as stopped, ExitStack() as open_:
        if stated is not None:
            where = address(stated, settings.metrics_certificate, settings.metrics_key)
            open_.enter_context(answering(where, registry, health))
        supervisor = Supervisor(stopped, health, told=told)
        try:
            yield Service(supervisor, health, registry, answers=stated is not None)
        finally:
            supervisor.wait()
        supervisor.check()


def projections(
    settings: Settings,
    service: Service,
    every: float,
    *,
    beside: bool = False,
    took: Callable[[int], None] = lambda _: None,
) -> Part:
    """Takes in what is written, again and again. `beside` a writer it waits for what it needs from the beginning."""
    from ledger.entrypoints.supervising import Part, Stepped
    from ledger.wiring import read_side  # slow to import
    from ledger.wiring.metrics import ProjectionMetrics
    from ledger.wiring.metrics_of_persons import PersonMetrics

    figures, persons = ProjectionMetrics(service.registry), PersonMetrics()
    service.registry.register(persons)
    look_at = [time.monotonic()]
    name = "projections"

    @contextmanager
    def make() -> Iterator[Callable[[], Stepped]]:
        with read_side.runner(settings) as (runner, ask), counting("projecting") as progress:

            def alive(position: int, head: int) -> None:
                service.health.beat(name)
                if progress is not None:
                    progress(position, head)

            def step() -> Stepped:
                with figures.counting():
                    taken = runner.catch_up(alive)
                took(taken)
                if service.answers and not taken and time.monotonic() >= look_at[0]:
                    told = persons.look(
                        lambda: read_side.persons_watched(settings, runner.database, wall_clock())
                    )
                    look_at[0] = time.monotonic() + (_PERSONS_SECONDS if told else _AGAIN_SECONDS)
                return Stepped(0.0 if taken else every, ready=not taken)

            with figures.asking(ask):
                yield step

    return Part(name, make, remade=_mirrors(settings), patient=beside)


def _mirrors(settings: Settings) -> tuple[type[LedgerError], ...]:
    """What making mirrors anew may cure; a log in a file has none."""
    if settings.kafka is None:
        return ()
    from ledger.store.kafka import mirror

    return mirror.UNUSABLE
