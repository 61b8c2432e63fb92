"""What goes wrong: each fault happens to real parts, lasts until it has done its harm, and is over afterwards."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from kafka import KafkaAdminClient
from kafka.admin import MemberToRemove
from kafka.errors import KafkaError

from ledger.local.kafka import LocalKafka
from ledger.local.postgres import LocalPostgres
from ledger.store.kafka.connection import KafkaSettings
from tests.kafka.faulty_registry import FaultyRegistry
from tests.kafka.hostility.answers import Answers
from tests.kafka.hostility.good import Good
from tests.kafka.hostility.hostile import HostileSender
from tests.kafka.hostility.keeping import Kept
from tests.waiting import until


@dataclass
class Scene:
    """Everything that can be harmed, and who sends meanwhile."""

    settings: KafkaSettings
    broker: LocalKafka
    registry: FaultyRegistry
    """What stands between everybody's writers and their registry."""
    emptied: str
    """A registry that has no schema of theirs."""
    database: LocalPostgres
    small_disk: Path | None
    service: Kept
    writer: Kept
    """The one whose mirrors are on the small disk, if there is one."""
    good: Good
    hostile: HostileSender
    answers: Answers
    chance: random.Random

    def wait(self, most: float) -> None:
        """A moment, however long."""
        threading.Event().wait(self.chance.uniform(0, most))

    def admin(self) -> KafkaAdminClient:
        """An administrator of the broker."""
        return KafkaAdminClient(
            bootstrap_servers=self.settings.bootstrap, bootstrap_timeout_ms=5000, request_timeout_ms=5000
        )


def writer_killed(scene: Scene) -> None:
    """Kill -9 for one or both; whoever dies is started again."""
    dying = [scene.service, scene.writer]
    scene.chance.shuffle(dying)
    for kept in dying[: scene.chance.choice([1, 1, 2])]:
        kept.kill()
        kept.await_serving()
        scene.wait(0.5)


def broker_stopped(scene: Scene) -> None:
    scene.broker.stop()
    scene.wait(1)
    scene.broker.start()


def broker_killed(scene: Scene) -> None:
    scene.broker.kill()
    scene.broker.start()


def registry_unavailable(scene: Scene) -> None:
    """503, while a writer starts and records come whose schemas nobody has met."""
    scene.registry.fault = 503
    asked = len(scene.registry.asked)
    scene.writer.kill()
    until(lambda: len(scene.registry.asked) > asked + 3, lambda: "nobody asked the registry")
    scene.registry.fault = None


def registry_emptied(scene: Scene) -> None:
    """The registry has lost its data, and gives other ids; a writer that starts says so. Then its backup is restored.

    Every partition has been written to by then: of an empty one nobody could tell.
    """
    scene.good.await_answers(60)
    left_out = {"later release", "no command"}
    scene.hostile.leave_out(left_out)
    sent = [sent for sent in scene.hostile.sent if sent.record.kind in left_out]
    scene.answers.until(lambda: all(scene.answers.at(s.partition, s.offset) for s in sent), "those before")
    ends = scene.writer.ends["registry-mismatch"]
    for kept in (scene.service, scene.writer):
        kept.mislead(misled=True)
    scene.registry.lead_to(scene.emptied)
    scene.writer.kill()
    until(lambda: scene.writer.ends["registry-mismatch"] > ends, lambda: "nobody noticed the other registry")
    scene.registry.lead_to(scene.settings.registry)
    for kept in (scene.service, scene.writer):
        kept.mislead(misled=False)
    scene.hostile.left_out -= left_out


def disk_full(scene: Scene) -> None:
    """The disk of one writer's mirrors is full, until that writer has noticed; then there is room again."""
    if scene.small_disk is None:
        return
    ballast = scene.small_disk / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(1 << 16))
    until(lambda: scene.writer.has_logged("mirror-full"), lambda: "nobody noticed the full disk")
    ballast.unlink()
    scene.writer.await_serving()


def database_restarted(scene: Scene) -> None:
    scene.chance.choice([scene.database.stop, scene.database.kill])()
    scene.wait(1)
    scene.database.start()


def group_deleted(scene: Scene) -> None:
    """Both writers stop in order, and somebody deletes their consumer group, with all that it had committed."""
    assert [kept.stop() for kept in (scene.service, scene.writer)] == [0, 0]
    try:
        until(lambda: _delete_group(scene), lambda: "the group cannot be deleted")
    finally:
        for kept in (scene.service, scene.writer):
            kept.start()
    scene.service.await_serving()


def _delete_group(scene: Scene) -> bool:
    group = scene.settings.group
    with suppress(KafkaError), closing(scene.admin()) as admin:
        members = [MemberToRemove(group_instance_id=kept.name) for kept in (scene.service, scene.writer)]
        with suppress(KafkaError):
            admin.remove_group_members(group, members)
        admin.delete_groups([group])
        return True
    return False


def transactional_ids_expired(scene: Scene) -> None:
    """Nothing is sent for so long that the broker forgets who writes; then everything goes on at once."""
    senders = (scene.good, scene.hostile)
    for sender in senders:
        sender.may_send.clear()
    until(lambda: not _transactional_ids(scene), lambda: "the broker forgets no transactional id")
    for sender in senders:
        sender.may_send.set()


def _transactional_ids(scene: Scene) -> bool:
    with suppress(KafkaError), closing(scene.admin()) as admin:
        listed = [one for some in admin.list_transactions().values() for one in some]
        return any(one.transactional_id.startswith(scene.settings.prefix) for one in listed)
    return True


Fault = Callable[[Scene], None]
LANES: tuple[tuple[Fault, ...], ...] = (
    (writer_killed, disk_full, group_deleted),
    (
        broker_stopped,
        broker_killed,
        registry_unavailable,
        registry_emptied,
        database_restarted,
        transactional_ids_expired,
    ),
)
"""Faults of one lane come one after another; those of several come at once."""
