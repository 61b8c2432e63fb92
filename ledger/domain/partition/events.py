"""What happens to a partition of the log itself: its beginning, its closing, the terms that it uses."""

from __future__ import annotations

from ledger.domain.calendar import Instant
from ledger.domain.events import Event, named

_log = named("ledger.log")


@_log
class LogCreated(Event):
    """The first event of a partition: `clock` is `live` or `played`, and stays so, as the number of partitions does.

    Logs of former releases say neither that nor by which release they were made.
    """

    clock: str
    partitions: int | None = None
    release: str | None = None
    ids: str | None = None


@_log
class ClosedThrough(Event):
    """No event recorded after this one has `recorded_at` at or before `through`."""

    through: Instant


@_log
class TermsPublished(Event):
    """The resolved values of terms, defaults included, at their first use; `digest` is SHA-256 in hexadecimal."""

    terms_id: str
    digest: str
    content: str


@_log
class CommandSetApart(Event):
    """What had to follow from a recorded event could not be carried out (`code`, `reason`), and waits to be sent again.

    `apart_id` is its command_id, `subject` what it is about, `content` the command in Avro after its schema's mark.
    """

    command: str
    apart_id: str
    subject: str
    content: bytes
    code: str
    reason: str
