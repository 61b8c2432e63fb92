"""What a writer's figures say while a partition stands still: the alerts fire on it, and are quiet again afterwards."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, generate_latest

from ledger.entrypoints.kafka.measuring import Measured
from tests.alerting import fires
from tests.given import NUMBER
from tests.kafka.conftest import NewLog
from tests.kafka.faulty_registry import faulty
from tests.kafka.running import connected, writing
from tests.kafka.test_bad_records import barrier, command, send, wire
from tests.kafka.test_registry import of_another_release
from tests.waiting import until

WAITING = 10_001


def test_a_partition_that_stands_still_is_seen_and_so_is_what_waits_in_it(new_log: NewLog) -> None:
    settings, registry = new_log(), CollectorRegistry()

    def exposed() -> str:
        return generate_latest(registry).decode()

    def waiting() -> float | None:
        return registry.get_sample_value("ledger_commands_waiting", {"partition": "0"})

    with (
        faulty(settings.registry) as gateway,
        writing(new_log(prefix=settings.prefix, registry=gateway.url), watch=Measured(registry)),
        connected(settings) as client,
    ):
        client.execute([command(command_id="before")])
        until(lambda: waiting() == 0, exposed)
        before = exposed()
        stuck = of_another_release(settings, "stuck")
        gateway.fault = 503
        key, repeat = NUMBER.encode(), wire(settings, command(command_id="before"))
        send(settings, (key, stuck, 0), *[(key, repeat, 0)] * (WAITING - 1))
        until(lambda: waiting() == WAITING, exposed)
        given_up = {("0", "registry-unreachable")}
        until(lambda: fires("PartitionGivenUp", before, exposed()) == given_up, exposed)
        until(lambda: waiting() == WAITING and fires("CommandsWait", before, exposed()) == {("0",)}, exposed)
        gateway.fault = None
        barrier(settings)
        until(lambda: waiting() == 0, exposed)
        assert not fires("CommandsWait", before, exposed())
        assert not fires("PartRestarted", before, exposed())
