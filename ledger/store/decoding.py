"""An event out of the row of a file, or what is wrong with it, and where."""

from __future__ import annotations

from ledger.domain.events import Event, UnknownEvent, make
from ledger.domain.kinds import EVENT_TYPES
from ledger.errors import LedgerError, LogDamaged, SchemaUnknown
from ledger.store.codec import Codec


def decoded(
    codec: Codec, place: tuple[str, int, int], topic: str, state: bytes, *, unknown_types: bool
) -> Event:
    """The event in a file, at a partition's ordinal. Raises SchemaUnknown, or LogDamaged where it does not decode."""
    try:
        return codec.event(topic, state)
    except SchemaUnknown as error:
        if unknown_types and topic not in EVENT_TYPES:
            return _unknown(codec, place, topic, state)
        raise SchemaUnknown(f"{_event_at(place)} is of {error}") from error
    except LedgerError:
        raise
    except Exception as error:
        raise LogDamaged(f"{_event_at(place)} cannot be read: {error}") from error


def _unknown(codec: Codec, place: tuple[str, int, int], topic: str, state: bytes) -> Event:
    try:
        return make(UnknownEvent, {**codec.record(state), "TOPIC": topic})
    except Exception as error:
        raise LogDamaged(f"{_event_at(place)} cannot be read: {error}") from error


def _event_at(place: tuple[str, int, int]) -> str:
    return f"{place[0]}: the event at {place[1]}:{place[2]}"
