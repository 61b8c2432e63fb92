"""The types of events by the names that people give them."""

from __future__ import annotations

from ledger.domain.kinds import EVENT_TYPES
from ledger.errors import QueryRefused

_TYPE_NAMES = {kind.__name__: topic for topic, kind in EVENT_TYPES.items()}


def event_topic(name: str) -> str:
    """The full name of a type of events, of that or of the short one such as `CreditForfeited`. Raises QueryRefused."""
    topic = _TYPE_NAMES.get(name, name)
    if topic not in EVENT_TYPES:
        raise QueryRefused(f"no events are of the type {name}")
    return topic
