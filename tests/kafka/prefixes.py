"""Prefixes of logs on the run's broker: one whose log is over is used again, for its registry knows its schemas.

To register those of a new log takes seconds of the processor: some two hundred, each asked for, bound and added.
"""

from __future__ import annotations

import secrets
from contextlib import closing

from kafka import KafkaAdminClient

from ledger.store.kafka import schema_ids
from tests.waiting import until

_IS_OVER = ("Empty", "CompleteCommit", "CompleteAbort", "Dead")
"""States of a transaction that leaves nothing to be done."""


class Prefixes:
    """Those of one process: `take` and `give_back`."""

    def __init__(self) -> None:
        self._free: list[str] = []
        self._resting: list[str] = []
        """Those of logs whose writers were killed: the broker waits for them a while yet."""

    def take(self, *, fresh: bool) -> str:
        """One under which there is no topic; `fresh`: nor was there ever, and no registry knows it."""
        return self._free.pop() if self._free and not fresh else f"{secrets.token_hex(4)}."

    def give_back(self, bootstrap: str, registry: str, prefixes: list[str]) -> None:
        """Deletes what is under them, and under those that had to rest; one that nobody waits for is free again."""
        asked = [*self._resting, *(prefix for prefix in prefixes if _is_known(registry, prefix))]
        if not asked:
            return
        with closing(KafkaAdminClient(bootstrap_servers=bootstrap.split(","))) as admin:
            under_way = tuple(
                listed.transactional_id
                for of_broker in admin.list_transactions().values()
                for listed in of_broker
                if listed.state not in _IS_OVER
            )
            over = [
                prefix
                for prefix in asked
                if not any(name.startswith(prefix) for name in under_way)
                and _without_group(admin, f"{prefix}ledger-writers")
            ]
            if topics := _under(admin, over):
                admin.delete_topics(topics)
                until(lambda: not _under(admin, over), lambda: f"{topics} are still there")
        self._free += over
        self._resting = [prefix for prefix in asked if prefix not in over]


def _is_known(registry: str, prefix: str) -> bool:
    """Whether a writer of this process has registered the schemas of the log there."""
    return any(log[0].url == registry and log[1].startswith(prefix) for log in schema_ids._registered)


def _without_group(admin: KafkaAdminClient, group: str) -> bool:
    """Deletes a group; whether there is none now: one with members, dead ones too, stays."""
    return admin.delete_groups([group])[group] in ("OK", "GroupIdNotFoundError")


def _under(admin: KafkaAdminClient, prefixes: list[str]) -> list[str]:
    return [topic for topic in admin.list_topics() if topic.startswith(tuple(prefixes))]
