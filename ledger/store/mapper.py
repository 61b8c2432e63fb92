"""What the `eventsourcing` library has a log's bytes written by: its mapper is replaced by one that writes Avro."""

from __future__ import annotations

from typing import Any

import msgspec
from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import Mapper, StoredEvent

from ledger.application.journal import StateSnapshot
from ledger.domain.kinds import STATES
from ledger.store.codec import Codec

_SNAPSHOT = "snapshot/"
"""How the types of snapshots begin; the state's class follows."""


class AvroMapper(Mapper[str]):
    """The library's mapper, with Avro for events and MessagePack for snapshots, which are no part of the log."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - handed on
        super().__init__(*args, **kwargs)
        self.codec = Codec()

    def to_stored_event(self, domain_event: Any) -> StoredEvent:  # noqa: ANN401 - an Event or a StateSnapshot
        """The bytes of an event, or of a snapshot."""
        if isinstance(domain_event, StateSnapshot):
            topic = _SNAPSHOT + type(domain_event.state).__name__
            state = msgspec.msgpack.encode(domain_event.state)
            return StoredEvent(domain_event.originator_id, domain_event.originator_version, topic, state)
        return StoredEvent(
            domain_event.account,
            domain_event.version,
            domain_event.TOPIC,
            self.codec.event_state(domain_event),
        )

    def to_domain_event(self, stored_event: StoredEvent) -> DomainEventProtocol[str]:
        """The event, or the snapshot, that those bytes hold."""
        topic = stored_event.topic
        found: Any
        if topic.startswith(_SNAPSHOT):
            kind = STATES[topic.removeprefix(_SNAPSHOT)]
            found = StateSnapshot(msgspec.msgpack.decode(stored_event.state, type=kind))
        else:
            found = self.codec.event(topic, stored_event.state)
        return found  # type: ignore[no-any-return]
