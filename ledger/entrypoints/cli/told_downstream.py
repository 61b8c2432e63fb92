"""`projections publish`: what the projections say of preferences, on a topic of its own for everybody downstream."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ledger.entrypoints.cli import shell
from ledger.entrypoints.cli.options import Metrics, wall_clock
from ledger.entrypoints.cli.output import AsJson, counted, say, say_json
from ledger.entrypoints.cli.projecting import Every, Once
from ledger.entrypoints.cli.service import supervised
from ledger.errors import LedgerError, SettingsInvalid

if TYPE_CHECKING:
    from ledger.entrypoints.supervising import Part, Stepped
    from ledger.wiring.settings import Settings


def publish(
    settings: Settings,
    once: Once = False,
    every: Every = 0.5,
    metrics: Metrics = None,
    as_json: AsJson = False,
) -> int:
    """Keep the topic of preferences up to date with the projections, until stopped; a newer process takes over."""
    if settings.kafka is None:
        raise SettingsInvalid("PULSA_KAFKA: is not set; preferences are told on a topic")
    total = [0]

    def took(numbers: int) -> None:
        total[0] += numbers

    if once:
        with _told(settings) as put_up:
            took(put_up())
    else:
        with supervised(settings, metrics, _waits) as service:
            service.supervisor.run(_preferences(settings, every, took))
    if as_json:
        say_json({"numbers": total[0]})
    else:
        say(f"{counted(total[0], 'number')} told of")
    return shell.DONE


@contextmanager
def _told(settings: Settings) -> Iterator[Callable[[], int]]:
    """What puts up, whenever it is called, what changed; returns of how many numbers."""
    from ledger.wiring.composition import opened
    from ledger.wiring.on_kafka import preference_topic
    from projections.persons.publishing import Publisher

    with opened(settings) as log, preference_topic(settings) as topic:
        ask, publisher = log.questions(wall_clock), Publisher(topic)
        yield lambda: ask.publish_preferences(publisher)


def _preferences(settings: Settings, every: float, took: Callable[[int], None]) -> Part:
    """Puts up what changed, again and again; what the projections have not taken in yet is waited for."""
    from ledger.entrypoints.supervising import Part, Stepped
    from ledger.store.kafka import mirror
    from projections.engine.unanswered import BeforeTheLog, ProjectionBehind

    @contextmanager
    def make() -> Iterator[Callable[[], Stepped]]:
        with _told(settings) as put_up:

            def step() -> Stepped:
                try:
                    took(put_up())
                except (ProjectionBehind, BeforeTheLog):
                    return Stepped(every, ready=False)
                return Stepped(every)

            yield step

    return Part("preferences", make, remade=mirror.UNUSABLE)


def _waits(_: str, error: Exception, wait: float) -> None:
    code = error.code if isinstance(error, LedgerError) else "defect"
    shell.failed(code, f"{error}; trying again in {wait:g} s", 0)
