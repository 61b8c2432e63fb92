"""How far a mirror goes in the topics of its partition."""

from __future__ import annotations

from typing import NamedTuple

from ledger.store.kafka.connection import COMMANDS


class Offsets(NamedTuple):
    """The next offset to read of each topic, and the offset of the last event mirrored (-1: none yet).

    `policies_topic` is the id of the topic of which `policies` is an offset, `commands_topic` likewise; empty where no
    answer has said so.
    """

    events: int = 0
    replies: int = 0
    commands: int = 0
    last_event: int = -1
    policies: int = 0
    policies_topic: str = ""
    commands_topic: str = ""

    def beyond(self, source: str, offset: int, topic: str = "") -> Offsets:
        """The same once a command of a topic (`commands`, `policies`) was answered; `topic` is its id, if known."""
        if source == COMMANDS:
            most = max(self.commands, offset + 1)
            return self._replace(commands=most, commands_topic=topic or self.commands_topic)
        if topic and topic != self.policies_topic:
            return self._replace(policies=offset + 1, policies_topic=topic)
        return self._replace(**{source: max(getattr(self, source), offset + 1)})

    def on(self, topic: str) -> Offsets:
        """The same where the topic of policies has this id: one that was made anew is read from its beginning."""
        if self.policies_topic in ("", topic):
            return self._replace(policies_topic=topic)
        return self._replace(policies=0, policies_topic=topic)
